//! R118, R122, R164, R167, A066, A070, A081, A085, A086, A090: what no other file here tries on a session.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use grantkit::client::session::{Desk, SignOut};
use grantkit::client::token_client::Ask;
use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::error::Code;
use serde_json::json;

use crate::acts::{Setup, code_of, forced, signed_in, token, token_for, told};
use crate::provider::{Reply, page};
use crate::tabs::{asks, duplicated, quiet, requests, shared};
use crate::world::{Mood, World};

#[test]
fn r120_a066_a_renewed_id_token_of_somebody_else_ends_the_session_in_all_tabs() {
    for make in [shared, duplicated] {
        for (claim, value) in [("sub", "mallory"), ("iss", "https://evil.example")] {
            let [(one, first), (two, second)] = make();
            one.provider().spoils_claims(move |token| token.claim(claim, value));
            let refused = token(&one, &first);
            assert_eq!(told(refused), (Code::IdTokenInvalid, Some(claim.into())));
            one.turn();
            assert!(!first.signed_in() && !second.signed_in());
            assert_eq!((one.on_hold(), two.on_hold()), (None, None));
            assert!(one.tokens().keys("").is_empty() && two.tokens().keys("").is_empty());
            assert_eq!(requests(&[&one, &two]), 1);
        }
    }
}

#[test]
fn r118_a070_an_endpoint_that_refuses_for_ever_is_asked_twice_by_each_and_one_renewal_serves_all() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.provider().always("userinfo", page(401));
    world.forget_the_past();
    world.hold("userinfo");
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let session = session.clone();
            world.start(async move { session.user_info(None).await })
        })
        .collect();
    world.release("userinfo");
    assert!(calls.iter().all(|call| call.result().is_err()));
    assert_eq!((world.count("userinfo"), world.count("token")), (20, 1));
    assert!(session.signed_in(), "an API does not end a session");
}

#[test]
fn a081_a_quota_that_is_used_up_leaves_no_half_of_a_sign_in_and_no_spent_refresh_token() {
    let world = World::new();
    let session = Setup::page().load(&world);
    world.web().mood.set(Mood::Full);
    world.forget_the_past();
    let result = world.run(session.sign_in(Box::new(SignIn::default()), None));
    assert_eq!(code_of(result), Code::StorageUnavailable);
    assert_eq!(world.left(), None);
    assert!(world.web().keys("grantkit.1.tx.").is_empty());

    for world in [World::new(), World::local()] {
        let session = signed_in(&world, &quiet());
        world.tokens().mood.set(Mood::Full);
        let renewed = token_for(&world, &session, forced()).unwrap();
        assert!(world.tokens().keys("").is_empty(), "what is there is spent");
        assert_eq!(token(&world, &session).unwrap(), renewed);
        assert!(token_for(&world, &session, forced()).is_ok());
        assert!(!quiet().load(&world).signed_in());
        // It is written again as soon as there is room.
        world.tokens().mood.set(Mood::Works);
        let renewed = token_for(&world, &session, forced()).unwrap();
        let next = quiet().load(&world);
        assert_eq!(token(&world, &next).unwrap(), renewed);
    }
}

#[test]
fn users_a07_r122_offline_at_the_end_of_a_token_and_online_again() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let first = token(&world, &session).unwrap();
    world.provider().always("token", Reply::Fail(Code::NetworkError));
    world.pass(3_550_000);
    assert_eq!(token(&world, &session).unwrap(), first, "it is good still");
    world.pass(60_000);
    let error = token(&world, &session).unwrap_err();
    assert!(error.retryable() && !error.login_required());
    assert!(session.signed_in());
    world.provider().mend("token");
    world.forget_the_past();
    // The page is told that it is online.
    world.run(session.tick());
    assert_eq!(world.told(), ["renewed"]);
    assert!(token(&world, &session).is_ok());
    assert_eq!(world.count("token"), 1);
}

#[test]
fn users_a27_r167_a085_no_service_worker_no_cache_and_no_cookie_is_touched() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("js")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // The store that keeps what servers share in the Cache API is no part of a page.
            if path.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("stores")) {
                continue;
            }
            files += 1;
            let text = fs::read_to_string(&path).unwrap();
            for name in ["serviceWorker", "CacheStorage", "caches", "indexedDB", "document.cookie"]
            {
                // A key that nobody can read is kept where alone that is possible (R141).
                if name == "indexedDB" && path.ends_with("web/keys.rs") {
                    continue;
                }
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                assert!(!code.clone().any(|line| line.contains(name)), "{} {name}", path.display());
            }
        }
    }
    assert!(files > 40);
}

#[test]
fn a086_a_forged_sign_out_clears_here_and_nothing_else() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        let messages = one.messages().len();
        // The tab whose script says it hears nothing itself.
        two.say(r#"{"kind":"signed-out"}"#);
        one.turn();
        assert!(!first.signed_in() && second.signed_in());
        assert_eq!(one.told(), ["signed-out other-tab"]);
        assert_eq!(two.tokens().keys("").len(), 1, "the store is not its own");
        assert!(one.provider().revoked.borrow().is_empty());
        assert_eq!(one.messages().len(), messages, "it is not passed on");
        assert!(token(&two, &second).is_ok());
    }
}

#[test]
fn a086_a_forged_end_needs_the_name_of_the_refresh_token_that_is_held() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        token(&one, &first).unwrap();
        one.turn();
        // All names that a listener has seen are of refresh tokens that are spent.
        let lines: Vec<String> = [one.messages(), two.messages()]
            .concat()
            .iter()
            .filter_map(|message| {
                let message: serde_json::Value = serde_json::from_str(message).unwrap();
                message["line"].as_str().map(str::to_owned)
            })
            .collect();
        for line in lines.into_iter().chain([String::new(), "x".into()]) {
            for kind in ["ended", "asked", "renewed", "took"] {
                two.say(&json!({"kind": kind, "line": line, "sealed": "v1.x"}).to_string());
            }
        }
        one.turn();
        assert!(first.signed_in() && second.signed_in());
    }
}

#[test]
fn a090_people_whose_sessions_run_in_one_process_do_not_sign_each_other_out() {
    let one = World::new();
    let desk = Rc::new(Desk::new(one.clone()));
    let people: Vec<_> = (0..3)
        .map(|_| {
            let world = one.tab();
            drop(signed_in(&world, &quiet()));
            world.no_page();
            let session = quiet().load_at(&world, desk.clone());
            assert!(session.signed_in());
            world.kill();
            (world, session)
        })
        .collect();
    let (world, first) = &people[0];
    world.run(first.sign_out(SignOut::local())).unwrap();
    assert!(!first.signed_in());
    let calls: Vec<_> =
        people[1..].iter().map(|(world, session)| asks(world, session, Ask::default())).collect();
    one.pass(1_000);
    let tokens: Vec<_> = calls.iter().map(|call| call.result().unwrap()).collect();
    assert_ne!(tokens[0], tokens[1]);
    for (world, _) in &people[1..] {
        assert_eq!(world.tokens().keys("").len(), 1);
    }
}
