//! R046 to R062, R070: what comes back in the address.

use std::rc::Rc;

use grantkit::client::session::{Answer, Begun, Desk, SignOut};
use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::callback::Params;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::url::ParseUrl;
use serde_json::json;

use crate::acts::{
    GOODBYE, REDIRECT, Setup, arrive, at_callback, code_of, handle, handle_url, leave, now,
    signed_in, token, told,
};
use crate::provider::{ISSUER, Reply, answer_url, page, parameters, refusal};
use crate::world::{Effect, World};

fn is_signed_in(answer: &Result<Answer, Error>, again: bool) -> bool {
    matches!(answer, Ok(Answer::SignedIn { repeated, .. }) if *repeated == again)
}

/// A page whose address bar shows this answer to a request of ours.
fn answered(world: &World, with: &[(&str, &str)]) -> grantkit::client::session::Session<World> {
    let setup = Setup::page();
    let url = leave(world, &setup.load(world), SignIn::default());
    arrive(world, &setup, &answer_url(&url, with))
}

/// Nothing was asked, nothing kept, nobody told; and the address is clean.
fn nothing_came_of_it(world: &World) {
    assert_eq!(world.count("token"), 0);
    assert!(world.tokens().keys("").is_empty());
    assert_eq!(world.on_hold(), None);
    assert!(!world.told().contains(&"signed-in".into()));
    let address = world.shown();
    for name in ["code=", "state=", "iss=", "error=", "token="] {
        assert!(!address.contains(name), "{address}");
    }
}

#[test]
fn r046_a_sign_in() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    assert!(!session.signed_in() && session.claims().is_none());
    let answer = handle(&world, &session).unwrap();
    let expected =
        Answer::SignedIn { return_to: Some("/".into()), app_state: None, repeated: false };
    assert_eq!(answer, expected);
    assert!(session.signed_in());
    assert_eq!(session.claims().unwrap().subject(), "alice");
    assert_eq!(session.expires_at(), Some(now(&world) + 3_600_000));
    assert_eq!(session.scope().as_deref(), Some("openid profile api offline_access"));
    assert!(token(&world, &session).is_ok());
    assert_eq!(world.told(), ["signed-in"]);
    assert_eq!(world.count("token"), 1);
}

#[test]
fn r046_a001_state_must_be_there() {
    for query in ["?code=x", "?code=x&state=", "?error=access_denied"] {
        let world = World::new();
        let setup = Setup::page();
        leave(&world, &setup.load(&world), SignIn::default());
        let session = arrive(&world, &setup, &format!("{REDIRECT}{query}"));
        assert_eq!(code_of(handle(&world, &session)), Code::StateMissing);
        nothing_came_of_it(&world);
        // Whoever waits for an answer still waits for it.
        assert_eq!(world.web().keys("grantkit.1.tx.").len(), 1);
    }
}

#[test]
fn r046_a002_state_must_be_known() {
    let world = World::new();
    let setup = Setup::page();
    let url = leave(&world, &setup.load(&world), SignIn::default());
    let state = parameters(&url)["state"].clone();
    for other in [format!("{state}1"), "x".into(), state.to_uppercase(), "..".into()] {
        let back = format!("{REDIRECT}?code=x&state={other}&iss={ISSUER}");
        let session = arrive(&world, &setup, &back);
        let unknown = (Code::StateUnknown, Some("unknown".into()));
        assert_eq!(told(handle(&world, &session)), unknown, "{other}");
        nothing_came_of_it(&world);
    }
    assert_eq!(world.web().keys("grantkit.1.tx.").len(), 1);
}

#[test]
fn r046_a016_an_answer_for_another_tab_is_not_ours() {
    let world = World::new();
    let setup = Setup::page();
    let url = leave(&world, &setup.load(&world), SignIn::default());
    let back = world.provider().approve(&url, now(&world));
    let tab = World::beside(world.provider().clone());
    let session = arrive(&tab, &setup, &back);
    let unknown = (Code::StateUnknown, Some("unknown".into()));
    assert_eq!(told(handle(&tab, &session)), unknown);
    nothing_came_of_it(&tab);
    // An error text of somebody else's is not told, either.
    let forged = format!("{REDIRECT}?error=x&error_description=call+me&state=y");
    let error = handle(&tab, &arrive(&tab, &setup, &forged)).unwrap_err();
    assert_eq!((error.code(), error.server()), (Code::StateUnknown, None));
}

#[test]
fn users_a04_r046_r057_the_record_is_gone_and_the_address_clean_before_anything_is_asked() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    // Not even the metadata is at hand.
    world.web().map.borrow_mut().retain(|key, _| !key.contains(".server."));
    drop(session);
    let session = Setup::page().load(&world);
    world.forget_the_past();
    let begun = session.begin_callback(None);
    let effects = world.effects();
    let removed = |effect: &Effect| matches!(effect, Effect::Remove(key) if key.contains(".tx."));
    assert!(effects.iter().any(removed));
    assert_eq!(effects[0], Effect::Address("https://app.example/callback".into()));
    assert!(world.seen().is_empty());
    let record = world.web().only("grantkit.1.tx.");
    assert!(record.contains("used_at") && !record.contains("verifier"), "{record}");
    assert!(world.run(session.finish_callback(begun, None)).is_ok());
    let effects = world.effects();
    let address = |effect: &Effect| matches!(effect, Effect::Address(_));
    let request = |effect: &Effect| matches!(effect, Effect::Request(_));
    assert!(effects.iter().position(address) < effects.iter().position(request));
}

#[test]
fn r046_a_failure_spends_the_record_too() {
    let failures = [page(500), refusal(400, "invalid_grant"), Reply::Fail(Code::Timeout)];
    for failure in failures {
        let world = World::new();
        let setup = Setup::page();
        let session = at_callback(&world, &setup);
        let back = world.shown();
        world.provider().always("token", failure);
        assert!(handle(&world, &session).is_err());
        world.provider().mend("token");
        let used = (Code::StateUnknown, Some("used".into()));
        let again = handle_url(&world, &session, Some(&back));
        assert_eq!(told(again), used);
        let again = handle(&world, &arrive(&world, &setup, &back));
        assert_eq!(told(again), used);
        assert_eq!(world.count("token"), 1);
    }
}

// ── A003: the same callback more than once ───────────────────────────────────────────────────────

#[test]
fn users_a05_r046_a003_two_calls_at_once_are_one() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    let back = world.shown();
    let first = session.begin_callback(None);
    let second = session.begin_callback(None);
    let third = session.begin_callback(Some(&back));
    let answers = [first, second, third].map(|begun| {
        let session = session.clone();
        world.start(async move { session.finish_callback(begun, None).await })
    });
    world.turn();
    for answer in answers {
        assert!(is_signed_in(&answer.result(), false));
    }
    assert_eq!(world.count("token"), 1);
    assert_eq!(world.told(), ["signed-in"], "it is told once");
}

#[test]
fn r046_a003_a_call_while_the_code_is_being_spent_waits_for_it() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    let back = world.shown();
    world.hold("token");
    let finish = |url: Option<&str>| {
        let begun = session.begin_callback(url);
        let session = session.clone();
        world.start(async move { session.finish_callback(begun, None).await })
    };
    let calls = [finish(None), finish(None), finish(Some(&back))];
    assert!(calls.iter().all(|call| call.open()));
    world.release("token");
    for call in calls {
        assert!(is_signed_in(&call.result(), false));
    }
    assert_eq!(world.count("token"), 1);
    // Afterwards there is nothing to handle.
    assert_eq!(handle(&world, &session), Ok(Answer::None));
}

#[test]
fn users_a05_r046_a003_two_sessions_of_one_page_share_a_callback() {
    let world = World::new();
    let setup = Setup::page();
    let url = leave(&world, &setup.load(&world), SignIn::default());
    let back = world.provider().approve(&url, now(&world));
    world.set_address(&back);
    let desk = Rc::new(Desk::new(world.clone()));
    let sessions = [setup.load_at(&world, desk.clone()), setup.load_at(&world, desk.clone())];
    world.hold("token");
    let calls = sessions.clone().map(|session| {
        let begun = session.begin_callback(None);
        world.start(async move { session.finish_callback(begun, None).await })
    });
    world.release("token");
    for (call, session) in calls.iter().zip(&sessions) {
        assert!(is_signed_in(&call.result(), false));
        assert!(session.signed_in());
        assert_eq!(session.claims().unwrap().subject(), "alice");
    }
    assert_eq!(world.count("token"), 1);
    let tokens = sessions.map(|session| token(&world, &session).unwrap());
    assert_eq!(tokens[0], tokens[1]);
}

#[test]
fn r046_a003_sessions_that_share_a_callback_hear_of_its_failure() {
    let world = World::new();
    let setup = Setup::page();
    let url = leave(&world, &setup.load(&world), SignIn::default());
    let desk = Rc::new(Desk::new(world.clone()));
    world.set_address(&answer_url(&url, &[("error", "access_denied"), ("iss", ISSUER)]));
    let sessions = [setup.load_at(&world, desk.clone()), setup.load_at(&world, desk.clone())];
    let begun = sessions.clone().map(|session| session.begin_callback(None));
    for (begun, session) in begun.into_iter().zip(&sessions) {
        let result = world.run(session.finish_callback(begun, None));
        assert_eq!(code_of(result), Code::AuthorizationError);
    }
}

#[test]
fn r046_a003_another_client_of_the_page_does_not_get_the_callback() {
    let world = World::new();
    let setup = Setup::page();
    let url = leave(&world, &setup.load(&world), SignIn::default());
    let back = world.provider().approve(&url, now(&world));
    world.set_address(&back);
    let desk = Rc::new(Desk::new(world.clone()));
    let ours = setup.load_at(&world, desk.clone());
    let mut other = Setup::page();
    other.options.client_id = "another".into();
    let theirs = other.load_at(&world, desk);
    let begun = ours.begin_callback(None);
    assert_eq!(handle(&world, &theirs), Ok(Answer::None));
    assert!(is_signed_in(&world.run(ours.finish_callback(begun, None)), false));
    assert!(!theirs.signed_in());
}

#[test]
fn users_a03_r046_a003_after_a_reload_a_live_session_says_that_it_knows_the_callback() {
    let world = World::new();
    let setup = Setup::page();
    let session = at_callback(&world, &setup);
    let back = world.shown();
    handle(&world, &session).unwrap();
    // The back button, or a reload before the address was cleaned.
    let session = arrive(&world, &setup, &back);
    let answer = handle(&world, &session).unwrap();
    let expected =
        Answer::SignedIn { return_to: Some("/".into()), app_state: None, repeated: true };
    assert_eq!(answer, expected);
    assert_eq!(world.count("token"), 1);
    assert_eq!(world.shown(), REDIRECT);
    assert_eq!(world.told(), ["signed-in"], "nobody signed in anew");
}

#[test]
fn users_a03_r046_a003_after_a_reload_without_a_session_it_was_used() {
    let world = World::new();
    let setup = Setup::page();
    let session = at_callback(&world, &setup);
    let back = world.shown();
    handle(&world, &session).unwrap();
    world.run(session.sign_out(SignOut::local())).unwrap();
    let session = arrive(&world, &setup, &back);
    let used = (Code::StateUnknown, Some("used".into()));
    assert_eq!(told(handle(&world, &session)), used);
    assert_eq!(world.count("token"), 1);
    // A while later even that is forgotten.
    world.pass(600_001);
    let session = arrive(&world, &setup, &back);
    let unknown = (Code::StateUnknown, Some("unknown".into()));
    assert_eq!(told(handle(&world, &session)), unknown);
}

#[test]
fn r046_a003_a_reload_while_the_code_is_being_spent_spends_it_once() {
    let world = World::new();
    let setup = Setup::page();
    let session = at_callback(&world, &setup);
    let back = world.shown();
    world.hold("token");
    let begun = session.begin_callback(None);
    let lost = world.request(async move { session.finish_callback(begun, None).await });
    world.turn();
    // The page goes away with its request open.
    world.end(&lost);
    let session = arrive(&world, &setup, &back);
    let used = (Code::StateUnknown, Some("used".into()));
    assert_eq!(told(handle(&world, &session)), used);
    assert_eq!(world.count("token"), 1);
}

#[test]
fn r046_two_answers_at_once_do_not_take_each_others_place() {
    let world = World::new();
    let setup = Setup::page();
    let session = setup.load(&world);
    let urls = [0, 1].map(|_| leave(&world, &session, SignIn::default()));
    let alice = world.provider().approve_as("alice", &urls[0], now(&world));
    let bob = world.provider().approve_as("bob", &urls[1], now(&world));
    world.hold("token");
    let first = session.begin_callback(Some(&alice));
    let second = session.begin_callback(Some(&bob));
    let calls = [first, second].map(|begun| {
        let session = session.clone();
        world.start(async move { session.finish_callback(begun, None).await })
    });
    world.release("token");
    assert!(is_signed_in(&calls[0].result(), false));
    // The later answer is either spent by itself, or its record still waits.
    let result = calls[1].result();
    let spent = world.count("token") == 2 && is_signed_in(&result, false);
    let waits = result.is_err() && is_signed_in(&handle_url(&world, &session, Some(&bob)), false);
    assert!(spent || waits, "{result:?}, {} token requests", world.count("token"));
}

// ── the answer itself ────────────────────────────────────────────────────────────────────────────

#[test]
fn r047_a_parameter_stands_once() {
    let world = World::new();
    for twice in ["code", "state", "iss"] {
        let session = answered(&world, &[("code", "x"), ("iss", ISSUER)]);
        let back = format!("{}&{twice}=x", world.shown());
        drop(session);
        let session = arrive(&world, &Setup::page(), &back);
        let expected = (Code::CallbackDuplicateParam, Some(twice.into()));
        assert_eq!(told(handle(&world, &session)), expected);
        nothing_came_of_it(&world);
    }
}

#[test]
fn r047_lengths_are_bounded() {
    let long = "x".repeat(1_000_000);
    let some = "x".repeat(9_000);
    let queries = [
        format!("?code=x&state={long}"),
        format!("?state={long}&code=x"),
        format!("?foreign={long}&code=x&state=y"),
        format!("?code={some}&state=y"),
        format!("?code=x&state={some}"),
    ];
    for query in queries {
        let world = World::new();
        let session = arrive(&world, &Setup::page(), &format!("{REDIRECT}{query}"));
        let result = handle(&world, &session);
        assert_eq!(code_of(result), Code::CallbackMalformed, "{}", &query[..20]);
        nothing_came_of_it(&world);
    }
}

#[test]
fn r048_a006_a_code_or_an_error() {
    let cases: [&[(&str, &str)]; 2] = [
        &[("code", "x"), ("error", "access_denied"), ("iss", ISSUER)],
        &[("error_description", "x"), ("response", "x"), ("iss", ISSUER)],
    ];
    for with in cases {
        let world = World::new();
        let session = answered(&world, with);
        assert_eq!(code_of(handle(&world, &session)), Code::CallbackMalformed);
        nothing_came_of_it(&world);
    }
    for empty in ["code=", "error="] {
        let world = World::new();
        let session = answered(&world, &[("iss", ISSUER)]);
        let back = format!("{}&{empty}", world.shown());
        drop(session);
        let session = arrive(&world, &Setup::page(), &back);
        assert_eq!(code_of(handle(&world, &session)), Code::CallbackMalformed);
        nothing_came_of_it(&world);
    }
}

#[test]
fn r049_a013_the_issuer_is_compared_byte_for_byte() {
    for named in [
        "https://as.example/",
        "https://as.example1",
        "https://AS.example",
        "https://as.example:443",
        "https://other.example",
        "",
    ] {
        for kind in ["code", "error"] {
            let world = World::new();
            let session = answered(&world, &[(kind, "access_denied")]);
            let back = format!("{}&iss={named}", world.shown());
            drop(session);
            let session = arrive(&world, &Setup::page(), &back);
            let result = handle(&world, &session);
            assert_eq!(code_of(result), Code::IssuerMismatch, "{kind} {named}");
            nothing_came_of_it(&world);
        }
    }
}

#[test]
fn r050_a012_a_server_that_names_itself_always_does() {
    for kind in ["code", "error"] {
        let world = World::new();
        let session = answered(&world, &[(kind, "access_denied")]);
        assert_eq!(code_of(handle(&world, &session)), Code::IssuerMissing);
        nothing_came_of_it(&world);
    }
}

#[test]
fn r051_a_server_that_names_itself_unasked_must_be_right() {
    let member = "authorization_response_iss_parameter_supported";
    for (named, fine) in [(Some(ISSUER), true), (None, true), (Some("https://x.example"), false)] {
        let world = World::new();
        world.provider().describes(member, json!(null));
        let setup = Setup::page();
        let url = leave(&world, &setup.load(&world), SignIn::default());
        let good = world.provider().approve(&url, now(&world));
        let code = parameters(&good)["code"].clone();
        let mut with = vec![("code", code.as_str())];
        with.extend(named.map(|issuer| ("iss", issuer)));
        let session = arrive(&world, &setup, &answer_url(&url, &with));
        let result = handle(&world, &session);
        match fine {
            true => assert!(is_signed_in(&result, false), "{result:?}"),
            false => assert_eq!(code_of(result), Code::IssuerMismatch),
        }
    }
}

#[test]
fn r052_r053_a007_a_refusal_is_told_as_inert_text() {
    let world = World::new();
    let session = answered(
        &world,
        &[
            ("error", "access_denied"),
            ("error_description", "<img src=x onerror=alert(1)>\u{202e}\"\\"),
            ("error_uri", "javascript:alert(1)"),
            ("iss", ISSUER),
        ],
    );
    let error = handle(&world, &session).unwrap_err();
    assert_eq!(error.code(), Code::AuthorizationError);
    assert_eq!(error.server_error(), Some("access_denied"));
    let refusal = error.server().unwrap();
    assert_eq!(refusal.description.as_deref(), Some("<img src=x onerror=alert(1)>"));
    assert_eq!(refusal.uri, None);
    assert!(!error.to_string().contains("img") && !error.to_string().contains("denied"));
    nothing_came_of_it(&world);
}

#[test]
fn r059_a_silent_sign_in_that_is_refused_is_an_answer() {
    let setup = Setup::page();
    let silent = || SignIn {
        prompt: Some("none".into()),
        return_to: Some("/orders".into()),
        ..SignIn::default()
    };
    for error in
        ["login_required", "consent_required", "interaction_required", "account_selection_required"]
    {
        let world = World::new();
        let url = leave(&world, &setup.load(&world), silent());
        let back = answer_url(&url, &[("error", error), ("iss", ISSUER)]);
        let answer = handle(&world, &arrive(&world, &setup, &back)).unwrap();
        let expected = Answer::LoginRequired {
            return_to: Some("/orders".into()),
            app_state: None,
            error: error.into(),
        };
        assert_eq!(answer, expected);
        nothing_came_of_it(&world);
        // Without prompt=none the same words are a refusal.
        let session = answered(&world, &[("error", error), ("iss", ISSUER)]);
        assert_eq!(code_of(handle(&world, &session)), Code::AuthorizationError);
    }
    let world = World::new();
    let url = leave(&world, &setup.load(&world), silent());
    let back = answer_url(&url, &[("error", "access_denied"), ("iss", ISSUER)]);
    let result = handle(&world, &arrive(&world, &setup, &back));
    assert_eq!(code_of(result), Code::AuthorizationError);
}

#[test]
fn r059_a_silent_refusal_leaves_a_live_session_alone() {
    let world = World::new();
    let setup = Setup::page();
    let session = signed_in(&world, &setup);
    let ask = SignIn { prompt: Some("none".into()), ..SignIn::default() };
    let url = leave(&world, &session, ask);
    let back = answer_url(&url, &[("error", "login_required"), ("iss", ISSUER)]);
    let session = arrive(&world, &setup, &back);
    let answer = handle(&world, &session);
    assert!(matches!(answer, Ok(Answer::LoginRequired { .. })), "{answer:?}");
    assert!(session.signed_in());
}

#[test]
fn r054_a009_tokens_in_the_address_are_refused() {
    let places = [
        "?access_token=t&state=S",
        "?id_token=t&state=S&code=x",
        "?code=x&state=S&refresh_token=t",
        "#access_token=t&state=S",
        "#id_token=t&code=x&state=S",
        "?code=x&state=S#access_token=t",
    ];
    for place in places {
        let world = World::new();
        let setup = Setup::page();
        let url = leave(&world, &setup.load(&world), SignIn::default());
        let place = place.replace('S', &parameters(&url)["state"]);
        let session = arrive(&world, &setup, &format!("{REDIRECT}{place}"));
        let result = handle(&world, &session);
        assert_eq!(code_of(result), Code::CallbackUnexpectedToken, "{place}");
        nothing_came_of_it(&world);
    }
}

#[test]
fn r055_a010_the_fragment_is_never_merged() {
    for place in ["?state=S#code=evil", "?code=good&state=S#state=x&code=evil", "#code=x&state=S"] {
        let world = World::new();
        let setup = Setup::page();
        let url = leave(&world, &setup.load(&world), SignIn::default());
        let place = place.replace('S', &parameters(&url)["state"]);
        let session = arrive(&world, &setup, &format!("{REDIRECT}{place}"));
        let result = handle(&world, &session);
        assert_eq!(told(result), (Code::CallbackMalformed, Some("fragment".into())), "{place}");
        nothing_came_of_it(&world);
    }
}

#[test]
fn users_a03_r048_r055_pages_that_are_no_callback() {
    let world = World::new();
    let setup = Setup::page();
    let session = setup.load(&world);
    let url = leave(&world, &session, SignIn::default());
    let state = &parameters(&url)["state"];
    for address in [
        "https://app.example/",
        "https://app.example/callback",
        "https://app.example/callback?state=only",
        "https://app.example/callback#error=mine",
        "https://app.example/callback/?code=x&state=STATE",
        "https://app.example/Callback?code=x&state=STATE",
        "https://app.example/other?code=x&state=STATE",
        "https://app.example:8443/callback?code=x&state=STATE",
        "http://app.example/callback?code=x&state=STATE",
        "https://app.example.evil.example/callback?code=x&state=STATE",
    ] {
        let address = address.replace("STATE", state);
        world.set_address(&address);
        world.forget_the_past();
        assert_eq!(handle(&world, &session), Ok(Answer::None), "{address}");
        assert_eq!(handle_url(&world, &session, Some(&address)), Ok(Answer::None));
        assert!(world.effects().is_empty(), "{address}: {:?}", world.effects());
    }
    assert_eq!(world.web().keys("grantkit.1.tx.").len(), 1);
}

#[test]
fn r056_a018_the_answer_came_to_the_redirect_uri() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    for (address, fine) in [
        (REDIRECT.to_owned(), true),
        (format!("{REDIRECT}?next=https://evil.example"), true),
        (format!("{REDIRECT}/"), false),
        ("https://app.example/other".into(), false),
        ("https://evil.example/callback".into(), false),
        ("http://app.example/callback".into(), false),
        ("https://app.example:444/callback".into(), false),
    ] {
        let begun = client.authorization_request(REDIRECT, Box::default(), None);
        let (url, pending) = world.run(begun).unwrap();
        let back = world.provider().approve(&url, now(&world));
        let query = back.split_once('?').unwrap().1;
        let params = Params::read(query, "").unwrap();
        let arrived = world.parse_url(&address, None).unwrap();
        let before = world.count("token");
        let result = world.run(client.callback(&params, pending, &arrived, None));
        match fine {
            true => assert!(result.is_ok()),
            false => {
                assert_eq!(code_of(result), Code::RedirectUriMismatch, "{address}");
                assert_eq!(world.count("token"), before);
            }
        }
    }
}

#[test]
fn r056_a_redirect_uri_with_a_query_of_its_own() {
    let world = World::new();
    let mut setup = Setup::page();
    setup.pages.redirect_uri = "https://app.example/?route=callback".into();
    let session = at_callback(&world, &setup);
    assert!(is_signed_in(&handle(&world, &session), false));
    assert_eq!(world.shown(), "https://app.example/?route=callback");
    assert_eq!(
        world.last("token").get("redirect_uri"),
        Some("https://app.example/?route=callback")
    );
}

#[test]
fn r057_a022_only_what_is_ours_leaves_the_address() {
    let world = World::new();
    let setup = Setup::page();
    let session = at_callback(&world, &setup);
    let back = world.shown().replace("?", "?keep=%2F+x&");
    let back = format!("{back}&session_state=s&also=%C3%BC&flag#part");
    drop(session);
    let session = arrive(&world, &setup, &back);
    handle(&world, &session).unwrap();
    assert_eq!(world.shown(), "https://app.example/callback?keep=%2F+x&also=%C3%BC&flag#part");
}

#[test]
fn r057_an_address_that_is_given_is_not_the_page_s() {
    let world = World::new();
    let setup = Setup::page();
    let session = at_callback(&world, &setup);
    let back = world.shown();
    world.set_address("https://app.example/elsewhere?code=mine");
    world.forget_the_past();
    assert!(is_signed_in(&handle_url(&world, &session, Some(&back)), false));
    assert_eq!(world.shown(), "https://app.example/elsewhere?code=mine");
    // A relative one is meant from this page.
    let world = World::new();
    let session = at_callback(&world, &setup);
    let query = world.shown().replace(REDIRECT, "/callback");
    assert!(is_signed_in(&handle_url(&world, &session, Some(&query)), false));
    assert_eq!(code_of(handle_url(&world, &session, Some("https://"))), Code::UrlInvalid);
}

#[test]
fn r061_a_code_is_sent_once() {
    for failure in [Reply::Fail(Code::Timeout), Reply::Fail(Code::NetworkError), page(503)] {
        let world = World::new();
        let session = at_callback(&world, &Setup::page());
        world.provider().always("token", failure);
        let error = handle(&world, &session).unwrap_err();
        assert!(error.retryable(), "a new sign-in may succeed");
        world.provider().mend("token");
        world.pass(120_000);
        assert_eq!(handle(&world, &session), Ok(Answer::None));
        assert_eq!(world.count("token"), 1);
    }
}

#[test]
fn r062_the_exchange_to_the_letter() {
    let world = World::new();
    let setup = Setup::page();
    let url = leave(&world, &setup.load(&world), SignIn::default());
    let record: serde_json::Value =
        serde_json::from_str(&world.web().only("grantkit.1.tx.")).unwrap();
    let back = world.provider().approve(&url, now(&world));
    handle(&world, &arrive(&world, &setup, &back)).unwrap();
    let seen = world.last("token");
    assert_eq!(
        seen.form.as_deref().unwrap(),
        [
            ("grant_type", "authorization_code"),
            ("code", &parameters(&back)["code"]),
            ("redirect_uri", REDIRECT),
            ("code_verifier", record["verifier"].as_str().unwrap()),
            ("client_id", "shop"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(seen.authorization, None);
    assert_eq!(seen.url, format!("{ISSUER}/connect/token"));
}

#[test]
fn r070_a_sign_in_that_began_at_another_server_is_not_finished_here() {
    let world = World::new();
    let setup = Setup::page();
    let url = leave(&world, &setup.load(&world), SignIn::default());
    let back = world.provider().approve(&url, now(&world));
    // The configuration changed meanwhile.
    let mut other = Setup::page();
    other.options.issuer = Some("https://other.example".into());
    world.forget_the_past();
    let result = handle(&world, &arrive(&world, &other, &back));
    assert_eq!(told(result), (Code::StateUnknown, Some("unknown".into())));
    assert!(world.seen().is_empty(), "nobody is sent the code");

    // The same for a server's own sessions.
    let world = World::new();
    let client = Setup::machine().client(&world);
    let begun = client.authorization_request(REDIRECT, Box::default(), None);
    let (url, pending) = world.run(begun).unwrap();
    let back = world.provider().approve(&url, now(&world));
    let mut other = Setup::machine();
    other.options.issuer = Some("https://other.example".into());
    let client = other.client(&world);
    let params = Params::read(back.split_once('?').unwrap().1, "").unwrap();
    let arrived = world.parse_url(&back, None).unwrap();
    world.forget_the_past();
    let result = world.run(client.callback(&params, pending, &arrived, None));
    assert_eq!(code_of(result), Code::StateUnknown);
    assert!(world.seen().is_empty());
}

#[test]
fn r046_a_record_of_a_server_s_own_answers_one_state() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let begin = || {
        let begun = client.authorization_request(REDIRECT, Box::default(), None);
        world.run(begun).unwrap()
    };
    let ((one, _), (_, pending)) = (begin(), begin());
    let back = world.provider().approve(&one, now(&world));
    let params = Params::read(back.split_once('?').unwrap().1, "").unwrap();
    let arrived = world.parse_url(&back, None).unwrap();
    let result = world.run(client.callback(&params, pending.clone(), &arrived, None));
    assert_eq!(told(result), (Code::StateUnknown, Some("unknown".into())));
    world.pass(600_001);
    let result = world.run(client.callback(&params, pending, &arrived, None));
    assert_eq!(told(result), (Code::StateUnknown, Some("expired".into())));
    assert_eq!(world.count("token"), 0);
}

#[test]
fn a_callback_after_close_is_refused_and_in_flight_is_left_to_the_next_session() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.hold("token");
    let begun = session.begin_callback(None);
    assert!(matches!(begun, Begun::UnderWay(_)));
    let call = world.start({
        let session = session.clone();
        async move { session.finish_callback(begun, None).await }
    });
    session.close();
    world.release("token");
    assert_eq!(code_of(call.result()), Code::Closed);
    assert_eq!(world.on_hold(), None);
    assert!(!session.signed_in());
    assert_eq!(code_of(handle(&world, &session)), Code::Closed);
    // As React does with what an effect made, before the effect runs again: the code is spent.
    let next = Setup::page().load(&world);
    assert!(next.signed_in());
    assert_eq!(world.count("token"), 1);
}

#[test]
fn a_callback_that_nobody_waits_for_any_more_is_spent_all_the_same() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.hold("token");
    let abort = crate::world::Bell::default();
    let begun = session.begin_callback(None);
    let call = world.start({
        let (session, abort) = (session.clone(), abort.clone());
        async move { session.finish_callback(begun, Some(&abort)).await }
    });
    let begun = session.begin_callback(None);
    let other = world.start({
        let session = session.clone();
        async move { session.finish_callback(begun, None).await }
    });
    abort.ring();
    world.turn();
    assert_eq!(code_of(call.result()), Code::Aborted);
    world.release("token");
    assert!(is_signed_in(&other.result(), false));
}

// ── back from the server's logout ────────────────────────────────────────────────────────────────

#[test]
fn r159_back_from_the_logout() {
    let setup = Setup::page();
    for (query, matched) in [("?state=STATE", true), ("?state=STATE1", false), ("", false)] {
        let world = World::new();
        let session = signed_in(&world, &setup);
        world.forget_the_past();
        let call = world.start({
            let session = session.clone();
            async move {
                session
                    .sign_out(SignOut { return_to: Some("/bye?x=1".into()), ..SignOut::default() })
                    .await
            }
        });
        assert!(call.open());
        let state = parameters(&world.left().unwrap())["state"].clone();
        let address = format!("{GOODBYE}{}", query.replace("STATE", &state));
        let session = arrive(&world, &setup, &address);
        let answer = handle(&world, &session).unwrap();
        let expected =
            Answer::SignedOut { return_to: Some("/bye?x=1".into()), state_matched: matched };
        assert_eq!(answer, expected);
        let told = world.told().contains(&"warning logout_state_mismatch".into());
        assert_eq!(told, !matched);
        assert!(!session.signed_in());
        assert_eq!(world.shown(), GOODBYE);
        assert_eq!(handle(&world, &session), Ok(Answer::None), "once");
    }
    // Nobody left: the page is a page like any other.
    let world = World::new();
    let session = arrive(&world, &setup, &format!("{GOODBYE}?state=x"));
    assert_eq!(handle(&world, &session), Ok(Answer::None));
    assert_eq!(world.shown(), format!("{GOODBYE}?state=x"));
}

#[test]
fn another_instance_of_the_page_hears_of_a_sign_in_that_it_left_to_the_first() {
    let world = World::new();
    let desk = Rc::new(Desk::new(world.clone()));
    let leaving = Setup::page().load(&world);
    let url = leave(&world, &leaving, SignIn::default());
    world.set_address(&world.provider().approve(&url, now(&world)));
    let first = Setup::page().load_at(&world, desk.clone());
    let second = Setup::page().load_at(&world, desk);
    handle(&world, &first).unwrap();
    assert!(first.signed_in() && second.signed_in());
}
