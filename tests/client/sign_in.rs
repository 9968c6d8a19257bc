//! R028 to R045, R170: what is sent to the login page, and what waits for the answer.

use std::collections::BTreeSet;

use grantkit::protocol::authorize::{SignIn, Wish};
use grantkit::protocol::base64url;
use grantkit::protocol::error::Code;
use grantkit::protocol::json::{self, Json};
use grantkit::protocol::jws::Hash;
use serde_json::{Value, json};

use crate::acts::{
    CLIENT, REDIRECT, Setup, arrive, at_callback, code_of, handle, leave, now, object, told,
};
use crate::provider::{ISSUER, parameters};
use crate::verifier;
use crate::world::{Effect, Mood, START, World};
use grantkit::client::session::Answer;

fn returning_to(path: &str) -> SignIn {
    SignIn { return_to: Some(path.into()), ..SignIn::default() }
}

/// The path that a sign-in with that wish comes back to.
fn returned_to(ask: SignIn, address: &str) -> Option<String> {
    let world = World::new();
    let setup = Setup::page();
    world.set_address(address);
    let url = leave(&world, &setup.load(&world), ask);
    let back = world.provider().approve(&url, now(&world));
    match handle(&world, &arrive(&world, &setup, &back)).unwrap() {
        Answer::SignedIn { return_to, .. } => return_to,
        other => panic!("{other:?}"),
    }
}

#[test]
fn r043_the_page_is_returned_to() {
    let address = "https://app.example/orders?open=1#top";
    let expected = Some("/orders?open=1#top".to_owned());
    assert_eq!(returned_to(SignIn::default(), address), expected);
    let given = returned_to(returning_to("/basket?x=%2F"), address);
    assert_eq!(given.as_deref(), Some("/basket?x=%2F"));
    let whole = returned_to(returning_to("https://app.example/basket"), address);
    assert_eq!(whole.as_deref(), Some("/basket"));
}

#[test]
fn r043_nothing_but_a_path_of_this_origin_is_returned_to() {
    let tricks = [
        "//evil.example",
        "https://evil.example",
        "https://app.example.evil.example/",
        "https://app.example@evil.example/",
        "https://app.example:8443/",
        "javascript:alert(1)",
        "data:text/html,x",
        "/\\evil.example",
        "\\\\evil.example",
        "\t//evil.example",
        "/\t/evil.example",
        "/%0d//evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "https:evil.example",
        "/..//evil.example",
        "relative",
        "",
    ];
    for trick in tricks {
        let path = returned_to(returning_to(trick), "https://app.example/orders");
        assert_eq!(path, None, "{trick:?}");
    }
}

#[test]
fn r043_what_a_page_gave_comes_back_to_it() {
    let world = World::new();
    let setup = Setup::page();
    let state = json!({"basket": [1, "ü", null], "__proto__": {"polluted": true}});
    let ask = SignIn { app_state: Some(Json::Object(object(&state))), ..SignIn::default() };
    let url = leave(&world, &setup.load(&world), ask);
    let back = world.provider().approve(&url, now(&world));
    match handle(&world, &arrive(&world, &setup, &back)).unwrap() {
        Answer::SignedIn { app_state, .. } => {
            assert_eq!(app_state, Some(Json::Object(object(&state))));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn r045_the_record_holds_all_that_the_checks_need_and_the_address_no_secret() {
    let world = World::new();
    let session = Setup::page().load(&world);
    let mut claims = json!({"id_token": {"acr": {"essential": true}}});
    claims["id_token"]["acr"]["values"] = json!(["gold"]);
    let ask = SignIn {
        wish: Wish { resource: vec!["https://api.example".into()], ..Wish::default() },
        max_age: Some(0),
        claims: Some(object(&claims)),
        prompt: Some("login".into()),
        login_hint: Some("alice".into()),
        ui_locales: Some("de".into()),
        ..SignIn::default()
    };
    let url = leave(&world, &session, ask);
    let sent = parameters(&url);
    let text = world.web().only("grantkit.1.tx.shop.");
    let record: Value = serde_json::from_str(&text).unwrap();
    let verifier = record["verifier"].as_str().unwrap();
    assert_eq!(
        record,
        json!({
            "state": sent["state"], "nonce": sent["nonce"], "verifier": verifier,
            "issuer": ISSUER, "client_id": CLIENT, "redirect_uri": REDIRECT,
            "scope": "openid profile api offline_access",
            "resource": ["https://api.example"], "max_age": 0, "acr": ["gold"],
            "silent": false, "created_at": START, "return_to": "/",
        })
    );
    let challenge = verifier::digest(Hash::Sha256, verifier.as_bytes());
    assert_eq!(sent["code_challenge"], base64url::encode(&challenge));
    assert_eq!(sent["max_age"], "0");
    assert_eq!(sent["prompt"], "login");
    assert!(!url.contains(verifier), "R062: the verifier stays here");
    assert!(world.web().keys("grantkit.1.tx.")[0].ends_with(&sent["state"]));
}

#[test]
fn r028_r031_r032_every_sign_in_has_random_values_of_its_own() {
    let world = World::new();
    let session = Setup::page().load(&world);
    let mut values = BTreeSet::new();
    for _ in 0..100 {
        let sent = parameters(&leave(&world, &session, SignIn::default()));
        for name in ["state", "nonce", "code_challenge"] {
            assert_eq!(sent[name].len(), 43);
            values.insert(sent[name].clone());
        }
    }
    assert_eq!(values.len(), 300);
}

#[test]
fn r028_without_randomness_nobody_leaves() {
    let world = World::new();
    let session = Setup::page().load(&world);
    world.without_randomness();
    let result = world.run(session.sign_in(Box::default(), None));
    assert_eq!(code_of(result), Code::Unsupported);
    assert_eq!(world.left(), None);
    assert!(world.web().keys("grantkit.1.tx.").is_empty());
}

#[test]
fn r034_without_openid_this_is_plain_oauth() {
    let world = World::new();
    let setup = Setup::plain();
    let url = leave(&world, &setup.load(&world), SignIn::default());
    assert!(!parameters(&url).contains_key("nonce"));
    assert_eq!(world.count("jwks"), 0);
    let back = world.provider().approve(&url, now(&world));
    // Whatever the server sends beside it, an id_token is not looked at.
    world.provider().spoils_response(|response| {
        response["id_token"] = json!("not.a.token");
    });
    let session = arrive(&world, &setup, &back);
    assert!(handle(&world, &session).is_ok());
    assert!(session.claims().is_none() && session.id_token().is_none());
    assert!(session.signed_in());
}

#[test]
fn r004_a_sign_in_refuses_reserved_names() {
    let world = World::new();
    let session = Setup::page().load(&world);
    for name in ["state", "nonce", "redirect_uri", "client_id", "response_type", "code_challenge"] {
        let ask = SignIn {
            wish: Wish { parameters: vec![(name.into(), "x".into())], ..Wish::default() },
            ..SignIn::default()
        };
        let result = world.run(session.sign_in(Box::new(ask), None));
        let expected = (Code::ConfigInvalid, Some("parameters".into()));
        assert_eq!(told(result), expected, "{name}");
    }
    assert_eq!(world.left(), None);
}

#[test]
fn r036_prompts_that_contradict_themselves_are_refused() {
    let world = World::new();
    let session = Setup::page().load(&world);
    let ask = SignIn { prompt: Some("none login".into()), ..SignIn::default() };
    let result = world.run(session.sign_in(Box::new(ask), None));
    assert_eq!(told(result), (Code::ConfigInvalid, Some("prompt".into())));
}

#[test]
fn r045_twenty_records_are_kept_and_the_oldest_goes_first() {
    let world = World::new();
    let setup = Setup::page();
    let session = setup.load(&world);
    let mut urls = Vec::new();
    for _ in 0..21 {
        urls.push(leave(&world, &session, SignIn::default()));
        world.pass(1_000);
    }
    assert_eq!(world.web().keys("grantkit.1.tx.").len(), 20);
    let first = world.provider().approve(&urls[0], now(&world));
    let second = world.provider().approve(&urls[1], now(&world));
    let last = world.provider().approve(&urls[20], now(&world));
    let result = handle(&world, &arrive(&world, &setup, &first));
    assert_eq!(told(result), (Code::StateUnknown, Some("unknown".into())));
    assert!(handle(&world, &arrive(&world, &setup, &second)).is_ok());
    assert!(handle(&world, &arrive(&world, &setup, &last)).is_ok());
}

#[test]
fn r045_a021_a_flood_of_sign_ins_is_bounded() {
    let world = World::new();
    let session = Setup::page().load(&world);
    for _ in 0..400 {
        leave(&world, &session, SignIn::default());
    }
    assert_eq!(world.web().keys("grantkit.1.tx.").len(), 20);
}

#[test]
fn r045_ten_minutes_and_no_longer() {
    for (wait, fine) in [(600_000, true), (600_001, false), (660_000, false)] {
        let world = World::new();
        let session = at_callback(&world, &Setup::page());
        world.pass(wait);
        let result = handle(&world, &session);
        match fine {
            true => assert!(result.is_ok()),
            false => {
                assert_eq!(told(result), (Code::StateUnknown, Some("expired".into())));
                assert_eq!(world.count("token"), 0);
                assert!(world.web().keys("grantkit.1.tx.").is_empty());
            }
        }
    }
    // The clock was set while the person was away.
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.set_clock(-660_000);
    let expired = (Code::StateUnknown, Some("expired".into()));
    assert_eq!(told(handle(&world, &session)), expired);
}

#[test]
fn users_a17_r045_old_and_damaged_records_go_when_a_page_is_loaded() {
    let world = World::new();
    let setup = Setup::page();
    let session = setup.load(&world);
    leave(&world, &session, SignIn::default());
    world.pass(600_001);
    let mut map = world.web().map.borrow_mut();
    map.insert("grantkit.1.tx.shop.damaged".into(), "{\"created_at\":".into());
    map.insert("grantkit.1.tx.shop.ageless".into(), "{}".into());
    map.insert("grantkit.1.tx.other.theirs".into(), "not ours".into());
    map.insert("theirs".into(), "not ours".into());
    drop(map);
    setup.load(&world);
    let mut left = world.web().keys("grantkit.1.tx.");
    left.extend(world.web().keys("theirs"));
    assert_eq!(left, ["grantkit.1.tx.other.theirs", "theirs"]);
}

#[test]
fn r045_clients_whose_names_begin_alike_do_not_touch_each_others_records() {
    let world = World::new();
    let mut other = Setup::page();
    other.options.client_id = "shop.admin".into();
    let theirs = other.load(&world);
    let url = leave(&world, &theirs, SignIn::default());
    world.pass(1_000);
    let ours = Setup::page().load(&world);
    for _ in 0..20 {
        leave(&world, &ours, SignIn::default());
    }
    let back = world.provider().approve(&url, now(&world));
    assert!(handle(&world, &arrive(&world, &other, &back)).is_ok());
}

#[test]
fn r170_storage_that_refuses_is_told_before_anybody_leaves() {
    for mood in [Mood::Full, Mood::Throws] {
        let world = World::new();
        let session = Setup::page().load(&world);
        world.web().mood.set(mood);
        let result = world.run(session.sign_in(Box::default(), None));
        assert_eq!(code_of(result), Code::StorageUnavailable);
        assert_eq!(world.left(), None);
        world.web().mood.set(Mood::Works);
        assert!(world.web().keys("").is_empty(), "no half-written record");
    }
}

#[test]
fn r170_the_record_is_written_before_the_page_is_left() {
    let world = World::new();
    let session = Setup::page().load(&world);
    world.forget_the_past();
    leave(&world, &session, SignIn::default());
    let effects = world.effects();
    let set = |effect: &Effect| matches!(effect, Effect::Set(key) if key.contains(".tx."));
    let written = effects.iter().position(set).unwrap();
    let left = effects.iter().position(|effect| *effect == Effect::Leave).unwrap();
    assert!(written < left);
    assert_eq!(left, effects.len() - 1);
}

#[test]
fn the_way_back_takes_one_round_trip() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.pass(590_000);
    world.forget_the_past();
    handle(&world, &session).unwrap();
    let seen: Vec<_> = world.seen().into_iter().map(|seen| seen.endpoint).collect();
    assert_eq!(seen, ["token"]);
}

#[test]
fn r170_what_saves_a_round_trip_is_not_needed() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    let key = format!("grantkit.1.server.shop.{ISSUER}");
    assert!(world.web().map.borrow_mut().remove(&key).is_some());
    drop(session);
    let session = Setup::page().load(&world);
    world.forget_the_past();
    handle(&world, &session).unwrap();
    let seen: Vec<_> = world.seen().into_iter().map(|seen| seen.endpoint).collect();
    assert_eq!(seen, ["metadata", "token", "jwks"]);
}

#[test]
fn a_page_from_the_back_forward_cache_is_told_so() {
    let world = World::new();
    let session = Setup::page().load(&world);
    let call = world.start({
        let session = session.clone();
        async move { session.sign_in(Box::default(), None).await }
    });
    assert!(call.open());
    world.come_back();
    assert_eq!(code_of(call.result()), Code::Aborted);
    // Another try works.
    leave(&world, &session, SignIn::default());
}

#[test]
fn r172_on_a_server_there_is_no_page() {
    let world = World::new();
    world.no_page();
    let session = Setup::page().load(&world);
    let result = world.run(session.sign_in(Box::default(), None));
    assert_eq!(told(result), (Code::Unsupported, Some("page".into())));
    assert_eq!(handle(&world, &session), Ok(Answer::None));
    assert!(!session.signed_in());
    assert!(world.seen().is_empty());
}

#[test]
fn closing_during_a_sign_in_stays_here() {
    let world = World::new();
    let session = Setup::page().load(&world);
    world.hold("metadata");
    let call = world.start({
        let session = session.clone();
        async move { session.sign_in(Box::default(), None).await }
    });
    session.close();
    world.release("metadata");
    assert_eq!(code_of(call.result()), Code::Closed);
    assert_eq!(world.left(), None);
    assert!(world.web().keys("grantkit.1.tx.").is_empty());
}

#[test]
fn app_state_is_bounded_by_what_json_holds() {
    // What goes into a record comes out of it, however deep the reader allows.
    let deep = "[".repeat(29) + &"]".repeat(29);
    let state = json::read(deep.as_bytes()).unwrap();
    let world = World::new();
    let setup = Setup::page();
    let ask = SignIn { app_state: Some(state.clone()), ..SignIn::default() };
    let url = leave(&world, &setup.load(&world), ask);
    let back = world.provider().approve(&url, now(&world));
    match handle(&world, &arrive(&world, &setup, &back)).unwrap() {
        Answer::SignedIn { app_state, .. } => assert_eq!(app_state, Some(state)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_whose_name_is_the_address_of_its_metadata() {
    // OAuth Client ID Metadata Document: the server reads there what others register beforehand.
    const NAME: &str = "https://app.example/oauth-client?v=1";
    let world = World::new();
    world.provider().spoils_claims(|token| token.claim("aud", json!(NAME)));
    let mut setup = Setup::page();
    setup.options.client_id = NAME.into();
    let session = setup.load(&world);
    let url = leave(&world, &session, SignIn::default());
    assert_eq!(parameters(&url)["client_id"], NAME);
    let back = world.provider().approve(&url, now(&world));
    let session = arrive(&world, &setup, &back);
    assert!(matches!(handle(&world, &session), Ok(Answer::SignedIn { .. })));
    assert_eq!(world.last("token").get("client_id"), Some(NAME));
    assert!(setup.load(&world).signed_in(), "its record is found again");
    assert!(!Setup::page().load(&world).signed_in(), "by nobody else");
}
