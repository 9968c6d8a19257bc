//! R165, R170, R171: what a page keeps between two loads, and stores that refuse or hold garbage.

use grantkit::client::session::{Answer, Session, SignOut};
use grantkit::client::token_client::Ask;
use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::error::Code;
use grantkit::protocol::url::ParseUrl;
use serde_json::{Value, json};

use crate::acts::{
    CLIENT, GOODBYE, REDIRECT, Setup, arrive, at_callback, code_of, forced, handle, handle_url,
    leave, object, resource, signed_in, token, token_for, told,
};
use crate::generator::Generator;
use crate::provider::{ISSUER, Reply, parameters};
use crate::tabs::{asks, quiet, requests, shared};
use crate::world::{Mood, START, World};

const HOUR: i64 = 3_600_000;

fn token_key() -> String {
    format!("grantkit.1.tokens.{CLIENT}.{ISSUER}")
}

fn server_key() -> String {
    format!("grantkit.1.server.{CLIENT}.{ISSUER}")
}

fn without_refresh(setup: &Setup) -> (World, Session<World>) {
    let world = World::new();
    world.provider().gives_refresh_tokens.set(false);
    let session = signed_in(&world, setup);
    (world, session)
}

// ── R165 ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn r165_a_session_survives_a_reload_by_one_record() {
    let world = World::new();
    let setup = Setup::page();
    let session = signed_in(&world, &setup);
    let held = token(&world, &session).unwrap();
    assert_eq!(world.tokens().keys(""), [token_key()]);
    // Nothing of it is where records of requests under way live.
    for (key, text) in world.web().map.borrow().iter() {
        assert!(!text.contains("canary-access") && !text.contains("canary-refresh"), "{key}");
    }
    drop(session);
    world.forget_the_past();
    let session = setup.load(&world);
    assert!(session.signed_in());
    assert_eq!(token(&world, &session).unwrap(), held);
    assert_eq!(world.on_hold().unwrap().0, held);
    assert_eq!(session.claims().unwrap().subject(), "alice");
    assert!(session.id_token().is_some());
    assert_eq!(session.expires_at(), Some(START + HOUR));
    assert!(world.due_in().is_some());
    assert!(world.seen().is_empty() && world.told().is_empty());
}

#[test]
fn r165_the_record_says_until_when() {
    let (world, _session) = without_refresh(&Setup::page());
    assert_eq!(world.saved_until(), Some(START + HOUR));
    let world = World::new();
    signed_in(&world, &Setup::page());
    assert_eq!(world.saved_until(), None, "a refresh token may live for ever");
    let world = World::new();
    world
        .provider()
        .spoils_response(|response| response["refresh_token_expires_in"] = json!(86_400));
    signed_in(&world, &Setup::page());
    assert_eq!(world.saved_until(), Some(START + 86_400_000));
}

#[test]
fn r165_an_expired_record_is_neither_handed_out_nor_left_behind() {
    // While the page was away.
    let (world, session) = without_refresh(&Setup::page());
    drop(session);
    world.set_clock(HOUR);
    world.forget_the_past();
    let session = Setup::page().load(&world);
    assert!(!session.signed_in() && session.claims().is_none());
    assert!(session.id_token().is_none() && session.expires_at().is_none());
    assert_eq!(world.on_hold(), None);
    assert!(world.tokens().keys("").is_empty());
    assert_eq!(code_of(token(&world, &session)), Code::LoginRequired);

    // While the page was there: the timer takes it away.
    let (world, session) = without_refresh(&Setup::page());
    world.pass(HOUR - 1);
    assert!(session.signed_in());
    assert_eq!(world.tokens().keys("").len(), 1);
    world.pass(1);
    assert!(!session.signed_in());
    assert_eq!(world.on_hold(), None);
    assert!(world.tokens().keys("").is_empty());
    assert_eq!(world.told().last().unwrap(), "expired");
    assert_eq!(world.due_in(), None);

    // While the timer slept: the next use takes it away.
    let (world, session) = without_refresh(&Setup::page());
    world.set_clock(HOUR);
    assert!(!session.signed_in());
    assert_eq!(code_of(token(&world, &session)), Code::LoginRequired);
    assert!(world.tokens().keys("").is_empty());
    assert!(session.claims().is_none() && session.id_token().is_none());
}

#[test]
fn r165_an_expired_part_is_not_left_behind_either() {
    let world = World::new();
    let mut setup = Setup::page();
    setup.pages.background_renewal = false;
    let session = signed_in(&world, &setup);
    token_for(&world, &session, resource("https://api.example")).unwrap();
    let record: Value = serde_json::from_str(&world.tokens().only("")).unwrap();
    assert_eq!(record["others"].as_array().unwrap().len(), 1);
    drop(session);
    world.set_clock(HOUR);
    let session = setup.load(&world);
    assert!(session.signed_in(), "by its refresh token");
    assert_eq!(session.expires_at(), None);
    world.forget_the_past();
    let record: Value = serde_json::from_str(&world.tokens().only("")).unwrap();
    assert!(record.get("access").is_none(), "{record}");
    assert_eq!(record["others"], json!([]));
    assert!(token(&world, &session).is_ok());
}

#[test]
fn users_a30_r165_the_refresh_token_s_end_is_the_session_s() {
    let world = World::new();
    world.provider().spoils_response(|response| response["refresh_expires_in"] = json!(7_200));
    let mut setup = Setup::page();
    setup.pages.background_renewal = false;
    drop(signed_in(&world, &setup));
    world.set_clock(2 * HOUR);
    let session = setup.load(&world);
    assert!(!session.signed_in());
    assert!(world.tokens().keys("").is_empty());
}

// ── R170 ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn users_a17_r170_a_full_store_keeps_the_tokens_in_memory_and_says_so_once() {
    for mood in [Mood::Full, Mood::Throws] {
        let world = World::new();
        let session = at_callback(&world, &Setup::page());
        world.tokens().mood.set(mood);
        handle(&world, &session).unwrap();
        assert!(session.signed_in());
        assert!(token(&world, &session).is_ok());
        assert_eq!(world.told(), ["warning storage_unavailable", "signed-in"]);
        token_for(&world, &session, crate::acts::forced()).unwrap();
        let warnings = world.told();
        let warned = |told: &&String| *told == "warning storage_unavailable";
        assert_eq!(warnings.iter().filter(warned).count(), 1, "{warnings:?}");
        // Signing out works, too.
        assert!(world.run(session.sign_out(SignOut::local())).is_ok());
        assert!(!session.signed_in());
    }
}

#[test]
fn r170_a_store_that_cannot_be_read_is_an_empty_one() {
    let world = World::new();
    world.tokens().mood.set(Mood::Throws);
    world.web().mood.set(Mood::Throws);
    let session = Setup::page().load(&world);
    assert!(!session.signed_in());
    assert_eq!(world.told(), ["warning storage_unavailable"]);
    assert_eq!(handle(&world, &session), Ok(Answer::None));
}

#[test]
fn r170_a_callback_without_web_storage_is_unknown() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.web().mood.set(Mood::Throws);
    let unknown = (Code::StateUnknown, Some("unknown".into()));
    assert_eq!(told(handle(&world, &session)), unknown);
    assert_eq!(world.count("token"), 0);
}

#[test]
fn r170_a_storage_that_fills_up_meanwhile_does_not_stop_a_callback() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.web().mood.set(Mood::Full);
    assert!(handle(&world, &session).is_ok());
    assert_eq!(world.count("token"), 1);
}

#[test]
fn r170_a_store_that_is_slow_makes_no_second_request() {
    let [(one, first), (two, second)] = shared();
    one.writes_late(300);
    one.hold("token");
    let calls = [asks(&one, &first, Ask::default()), asks(&two, &second, Ask::default())];
    one.release("token");
    one.pass(1_000);
    assert_eq!(calls[0].result().unwrap(), calls[1].result().unwrap());
    assert_eq!(requests(&[&one, &two]), 1, "the lock is given back when it is written");
}

#[test]
fn r170_a_store_that_fails_later_does_not_end_the_session() {
    let [(one, first), _] = shared();
    one.writes_late(300);
    one.tokens().mood.set(Mood::Full);
    for _ in 0..3 {
        let call = asks(&one, &first, forced());
        one.pass(1_000);
        assert!(call.result().is_ok());
        // What could not be written may be gone as well.
        one.tokens().map.borrow_mut().clear();
    }
    assert!(first.signed_in());
    let ended = |told: &String| told.starts_with("signed-out");
    assert!(!one.told().iter().any(ended), "{:?}", one.told());
    assert!(one.told().contains(&"warning storage_unavailable".into()));
}

#[test]
fn r164_a_sign_out_is_done_when_the_store_is_empty() {
    let world = World::local();
    let session = signed_in(&world, &quiet());
    world.writes_late(300);
    let call = {
        let session = session.clone();
        world.start(async move { session.sign_out(SignOut::local()).await })
    };
    assert!(!session.signed_in());
    assert!(call.open());
    world.pass(300);
    assert!(call.result().is_ok());
    assert!(world.tokens().keys("").is_empty());
}

#[test]
fn r170_a_sign_in_while_the_store_is_read_is_not_forgotten() {
    let world = World::local();
    let session = signed_in(&world, &quiet());
    let other = world.tab();
    let twin = quiet().load(&other);
    // It hears of a sign-out, and begins to read; then somebody signs in here.
    world.run(session.sign_out(SignOut::local())).unwrap();
    other.turn();
    let url = leave(&other, &twin, SignIn::default());
    let back = other.provider().approve(&url, crate::acts::now(&other));
    other.hold("load");
    world.say(r#"{"kind":"changed"}"#);
    other.turn();
    handle_url(&other, &twin, Some(&back)).unwrap();
    other.release("load");
    assert!(twin.signed_in());
}

// ── R171 ─────────────────────────────────────────────────────────────────────────────────────────

fn good_record() -> Value {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    token_for(&world, &session, resource("https://api.example")).unwrap();
    serde_json::from_str(&world.tokens().only("")).unwrap()
}

fn put(world: &World, key: String, text: String) {
    let drawer = match key.contains(".tokens.") {
        true => world.tokens(),
        false => world.web(),
    };
    drawer.map.borrow_mut().insert(key, text);
}

#[test]
fn users_a24_r171_a082_a_damaged_record_is_removed_and_told() {
    let good = good_record();
    let spoilt = |spoil: &dyn Fn(&mut Value)| {
        let mut record = good.clone();
        spoil(&mut record);
        record.to_string()
    };
    let text = good.to_string();
    let cases = [
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        "\"text\"".into(),
        text[..text.len() - 1].into(),
        format!("{text}x"),
        "[".repeat(100_000),
        "x".repeat(5_000_000),
        spoilt(&|record| record["v"] = json!(2)),
        spoilt(&|record| record["v"] = json!("1")),
        spoilt(&|record| drop(record.as_object_mut().unwrap().remove("v"))),
        spoilt(&|record| record["issuer"] = json!("https://evil.example")),
        spoilt(&|record| record["client_id"] = json!("another")),
        spoilt(&|record| record["access"] = json!("text")),
        spoilt(&|record| record["access"]["token"] = json!(7)),
        spoilt(&|record| record["access"]["expires_at"] = json!("soon")),
        spoilt(&|record| record["access"]["received_at"] = json!(1.5)),
        spoilt(&|record| record["others"] = json!({})),
        spoilt(&|record| record["others"] = json!([7])),
        spoilt(&|record| record["refresh_token"] = json!(["r"])),
        spoilt(&|record| record["claims"] = json!("alice")),
        spoilt(&|record| record["claims"] = json!({"sub": "alice"})),
        spoilt(&|record| record["scope"] = json!(7)),
        spoilt(&|record| record["id_token"] = json!({})),
        spoilt(&|record| record["session_expires_at"] = json!(true)),
        text.replacen("{\"v\":1", "{\"v\":1,\"v\":1", 1),
    ];
    for (at, case) in cases.into_iter().enumerate() {
        let world = World::new();
        put(&world, token_key(), case);
        let session = Setup::page().load(&world);
        assert!(!session.signed_in(), "case {at}");
        assert!(world.tokens().keys("").is_empty(), "case {at}");
        assert_eq!(world.told(), ["warning storage_corrupt"], "case {at}");
        assert_eq!(world.on_hold(), None);
        // A sign-in works all the same.
        let session = signed_in(&world, &Setup::page());
        assert!(token(&world, &session).is_ok());
    }
    // What is whole is taken, foreign members or not.
    let world = World::new();
    let whole = spoilt(&|record| record["__proto__"] = json!({"polluted": true}));
    put(&world, token_key(), whole);
    assert!(Setup::page().load(&world).signed_in());
}

#[test]
fn r171_numbers_beyond_all_clocks_are_no_times() {
    let world = World::new();
    let mut good = good_record();
    drop(good.as_object_mut().unwrap().remove("session_expires_at"));
    let members: [&[&str]; 4] = [
        &["access", "received_at"],
        &["access", "expires_at"],
        &["session_expires_at"],
        &["access"],
    ];
    for value in [i64::MAX, i64::MIN, 1 << 62, -(1 << 62), 1 << 53, -1, 0] {
        for path in members {
            let mut record = good.clone();
            match path {
                ["access"] => {
                    record["access"]["received_at"] = json!(value);
                    record["access"]["expires_at"] = json!(value.saturating_neg());
                }
                [name] => record[name] = json!(value),
                path => record[path[0]][path[1]] = json!(value),
            }
            put(&world, token_key(), record.to_string());
            let session = Setup::page().load(&world);
            let _ = world.run(session.access_token(Ask::default(), None));
            world.run(session.tick());
            let _ = (session.signed_in(), session.expires_at());
        }
    }
}

#[test]
fn r171_a_stored_server_passes_the_same_checks_as_an_answer() {
    let world = World::new();
    let setup = Setup::page();
    leave(&world, &setup.load(&world), SignIn::default());
    let good: Value = serde_json::from_str(&world.web().map.borrow()[&server_key()]).unwrap();
    let spoilt = |spoil: &dyn Fn(&mut Value)| {
        let mut record = good.clone();
        spoil(&mut record);
        record.to_string()
    };
    let cases = [
        (good.to_string(), 0),
        (String::new(), 1),
        ("[]".into(), 1),
        (spoilt(&|record| record["metadata"]["issuer"] = json!("https://evil.example")), 1),
        (spoilt(&|record| record["metadata"]["token_endpoint"] = json!("http://as.example/t")), 1),
        (spoilt(&|record| record["metadata"]["token_endpoint"] = json!(7)), 1),
        (spoilt(&|record| record["metadata_at"] = json!("now")), 1),
        (spoilt(&|record| record["metadata_at"] = json!(START - 24 * HOUR)), 1),
        (spoilt(&|record| record["metadata_at"] = json!(START + 1)), 1),
        (spoilt(&|record| record["metadata_at"] = json!(i64::MIN)), 1),
        (spoilt(&|record| record["metadata"] = json!([])), 1),
        (spoilt(&|record| record["jwks"] = json!({"keys": {}})), 0),
        (spoilt(&|record| record["jwks_at"] = json!(START - 600_000)), 0),
        (spoilt(&|record| record["jwks_at"] = json!(i64::MAX)), 0),
    ];
    for (text, asked) in cases {
        put(&world, server_key(), text.clone());
        let session = setup.load(&world);
        world.forget_the_past();
        assert!(world.run(session.server().metadata(&["token_endpoint"], None)).is_ok());
        assert_eq!(world.count("metadata"), asked, "{text}");
        assert!(world.run(session.server().keys(None)).is_ok());
        for seen in world.seen() {
            assert!(seen.url.starts_with(ISSUER));
        }
    }
}

#[test]
fn r171_options_win_over_what_is_stored() {
    let world = World::new();
    let setup = Setup::page();
    leave(&world, &setup.load(&world), SignIn::default());
    let mut stored: Value = serde_json::from_str(&world.web().map.borrow()[&server_key()]).unwrap();
    stored["metadata"]["token_endpoint"] = json!("https://as.example/stored");
    put(&world, server_key(), stored.to_string());
    let mut setup = Setup::page();
    setup.options.metadata = object(&json!({"token_endpoint": "https://as.example/connect/token"}));
    let session = setup.load(&world);
    let metadata = world.run(session.server().metadata(&["jwks_uri"], None)).unwrap();
    let endpoint = metadata.token_endpoint.as_ref().unwrap().as_str();
    assert_eq!(endpoint, "https://as.example/connect/token");
}

#[test]
fn r171_a_damaged_request_is_as_if_it_were_not_there() {
    let good = {
        let world = World::new();
        at_callback(&world, &Setup::page());
        world.web().only("grantkit.1.tx.")
    };
    let good: Value = serde_json::from_str(&good).unwrap();
    for (member, value) in [
        ("state", json!("another")),
        ("state", json!(7)),
        ("verifier", Value::Null),
        ("verifier", json!(7)),
        ("issuer", json!("https://evil.example")),
        ("issuer", Value::Null),
        ("client_id", json!("another")),
        ("redirect_uri", json!(["x"])),
        ("redirect_uri", json!("https://evil.example/callback")),
        ("resource", json!("x")),
        ("acr", json!([7])),
        ("max_age", json!(-1)),
        ("max_age", json!("0")),
        ("silent", json!("false")),
        ("created_at", json!("now")),
        ("created_at", json!(i64::MIN)),
        ("created_at", json!(i64::MAX)),
        ("created_at", Value::Null),
    ] {
        let world = World::new();
        let session = at_callback(&world, &Setup::page());
        let key = world.web().keys("grantkit.1.tx.").remove(0);
        let state = key.rsplit('.').next().unwrap().to_owned();
        let mut record = good.clone();
        if record["state"] != json!(state) {
            record["state"] = json!(state);
        }
        match value.clone() {
            Value::Null => drop(record.as_object_mut().unwrap().remove(member)),
            value => record[member] = value,
        }
        put(&world, key, record.to_string());
        world.forget_the_past();
        let result = handle(&world, &session);
        assert!(result.is_err(), "{member} {value}: {result:?}");
        assert!(world.seen().is_empty(), "{member} {value}");
        assert!(world.tokens().keys("").is_empty());
    }
}

/// What is mutated, beside bits and pieces: words that might mean something.
const WORDS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"true",
    b"-",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"1e400",
    b"0.5",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\"__proto__\":{\"polluted\":true},",
    b"https://evil.example",
    b"\"issuer\":\"https://evil.example\",",
    b"\"token_endpoint\":\"https://evil.example\",",
    b"\"used_at\":0,",
    b"1800000000000",
];

/// A record of each kind, as a page that is signed in and one that waits leave them behind.
struct Corpus {
    tokens: Vec<u8>,
    waiting: Vec<u8>,
    server: Vec<u8>,
    leaving: Vec<u8>,
    state: String,
}

fn corpus() -> Corpus {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    let waiting = world.web().only("grantkit.1.tx.").into_bytes();
    let state = parameters(&world.shown())["state"].clone();
    handle(&world, &session).unwrap();
    token_for(&world, &session, resource("https://api.example")).unwrap();
    let tokens = world.tokens().only("").into_bytes();
    let server = world.web().only("grantkit.1.server.").into_bytes();
    let leaving = {
        let session = session.clone();
        let _call = world.start(async move {
            session.sign_out(SignOut { return_to: Some("/bye".into()), ..SignOut::default() }).await
        });
        world.web().only("grantkit.1.out.").into_bytes()
    };
    Corpus { tokens, waiting, server, leaving, state }
}

/// Nobody but the configured server is asked; what is configured stays as it was.
fn all_as_configured(world: &World, session: &Session<World>) {
    for seen in world.seen() {
        assert!(seen.url.starts_with("https://as.example/"), "{}", seen.url);
    }
    assert_eq!(session.config().issuer.as_str(), ISSUER);
    assert_eq!(session.config().auth.id, CLIENT);
    world.forget_the_past();
    world.web().map.borrow_mut().clear();
    world.tokens().map.borrow_mut().clear();
}

const ROUNDS: usize = 25_000;

#[test]
fn r171_a_hundred_thousand_mutations_tokens() {
    let corpus = corpus();
    let world = World::new();
    world.provider().always("token", Reply::Fail(Code::NetworkError));
    let mut random = Generator::new(171);
    let setup = Setup::page();
    let whole: [&[u8]; 2] = [&corpus.tokens, &corpus.server];
    let mut taken = 0;
    for _ in 0..ROUNDS {
        let text = random.mutated(&whole, &WORDS);
        let text = String::from_utf8_lossy(&text).into_owned();
        put(&world, token_key(), text.clone());
        let session = setup.load(&world);
        if session.signed_in() {
            taken += 1;
        } else {
            assert!(world.tokens().keys("").is_empty(), "left behind: {text}");
        }
        let _ = world.run(session.access_token(Ask::default(), None));
        world.run(session.tick());
        let _ = (session.expires_at(), session.scope(), session.claims(), session.id_token());
        session.close();
        all_as_configured(&world, &session);
    }
    assert!(taken > ROUNDS / 100, "some of it is whole still: {taken}");
}

#[test]
fn r171_a_hundred_thousand_mutations_requests() {
    let corpus = corpus();
    let world = World::new();
    world.provider().always("token", Reply::Fail(Code::NetworkError));
    let mut random = Generator::new(172);
    let setup = Setup::page();
    let whole: [&[u8]; 2] = [&corpus.waiting, &corpus.leaving];
    let key = format!("grantkit.1.tx.{CLIENT}.{}", corpus.state);
    let address = format!(
        "https://app.example/callback?code=x&state={}&iss=https%3A%2F%2Fas.example",
        corpus.state
    );
    let mut spent = 0;
    for _ in 0..ROUNDS {
        let text = random.mutated(&whole, &WORDS);
        let text = String::from_utf8_lossy(&text).into_owned();
        put(&world, key.clone(), text.clone());
        let session = arrive(&world, &setup, &address);
        let result = handle(&world, &session);
        assert!(result.is_err(), "{text}");
        if world.count("token") > 0 {
            spent += 1;
            let uri = world.last("token").get("redirect_uri").unwrap().to_owned();
            let place = world.parse_url(&uri, None).unwrap();
            assert_eq!((place.origin + &place.pathname).as_str(), REDIRECT, "{uri}");
        } else {
            let code = code_of(result);
            assert!(matches!(code, Code::StateUnknown | Code::RedirectUriMismatch), "{text}");
        }
        session.close();
        all_as_configured(&world, &session);
    }
    assert!(spent > ROUNDS / 100, "some of it is whole still: {spent}");
}

#[test]
fn r171_a_hundred_thousand_mutations_servers() {
    let corpus = corpus();
    let world = World::new();
    let mut random = Generator::new(173);
    let setup = Setup::page();
    let whole: [&[u8]; 2] = [&corpus.server, &corpus.tokens];
    let mut taken = 0;
    for _ in 0..ROUNDS {
        let text = random.mutated(&whole, &WORDS);
        let text = String::from_utf8_lossy(&text).into_owned();
        put(&world, server_key(), text.clone());
        let session = setup.load(&world);
        let metadata = world.run(session.server().metadata(&["token_endpoint"], None));
        let metadata = metadata.unwrap();
        assert_eq!(metadata.issuer.as_str(), ISSUER);
        assert_eq!(metadata.document.text("issuer"), Some(ISSUER));
        taken += usize::from(world.count("metadata") == 0);
        for endpoint in [&metadata.token_endpoint, &metadata.jwks_uri] {
            assert!(endpoint.as_ref().is_none_or(|url| url.as_str().starts_with("http")));
        }
        all_as_configured(&world, &session);
    }
    assert!(taken > ROUNDS / 100, "some of it is whole still: {taken}");
}

#[test]
fn r171_a_hundred_thousand_mutations_sign_outs() {
    let corpus = corpus();
    let world = World::new();
    let mut random = Generator::new(174);
    let setup = Setup::page();
    let whole: [&[u8]; 2] = [&corpus.leaving, &corpus.waiting];
    let mut known = 0;
    for _ in 0..ROUNDS {
        let text = random.mutated(&whole, &WORDS);
        let text = String::from_utf8_lossy(&text).into_owned();
        put(&world, format!("grantkit.1.out.{CLIENT}."), text);
        let session = arrive(&world, &setup, &format!("{GOODBYE}?state=x"));
        match handle(&world, &session) {
            Ok(Answer::None) => {}
            Ok(Answer::SignedOut { .. }) => known += 1,
            other => panic!("{other:?}"),
        }
        all_as_configured(&world, &session);
    }
    assert!(known > ROUNDS / 100, "some of it is whole still: {known}");
}

#[test]
fn the_stores_of_two_clients_are_their_own() {
    let world = World::new();
    let one = signed_in(&world, &Setup::page());
    let mut other = Setup::page();
    other.options.client_id = "another".into();
    let other = other.load(&world);
    assert!(one.signed_in() && !other.signed_in());
    assert!(world.run(other.sign_out(SignOut::local())).is_ok());
    assert!(one.signed_in());
    assert_eq!(world.tokens().keys("").len(), 1);
}
