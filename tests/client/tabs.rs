//! R123, R124, R164, A068, A069, A086: several tabs of one browser. With a shared store, one renewal for
//! all; with a store for each tab, one for each refresh token, for a duplicated tab holds the same.

use grantkit::client::host::Page;
use grantkit::client::session::{Session, SignOut};
use grantkit::client::token_client::Ask;
use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::Response;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{
    Setup, arrive, code_of, forced, handle, leave, now, resource, signed_in, token, token_for,
};
use crate::provider::{Reply, page, refusal, reply};
use crate::world::{Call, World};

const HOUR: i64 = 3_600_000;

pub(crate) fn quiet() -> Setup {
    let mut setup = Setup::page();
    setup.pages.background_renewal = false;
    setup
}

pub(crate) fn asks(
    world: &World,
    session: &Session<World>,
    ask: Ask,
) -> Call<Result<String, Error>> {
    let session = session.clone();
    world.start(async move {
        let token = session.access_token(ask, None).await?;
        Ok(token.secret.expose().to_owned())
    })
}

/// Requests to the token endpoint of all these tabs.
pub(crate) fn requests(tabs: &[&World]) -> usize {
    tabs.iter().map(|tab| tab.count("token")).sum()
}

/// Two tabs on a shared store, both signed in, the token due.
pub(crate) fn shared() -> [(World, Session<World>); 2] {
    let world = World::local();
    let session = signed_in(&world, &quiet());
    let other = world.tab();
    let twin = quiet().load(&other);
    assert!(twin.signed_in());
    world.pass(HOUR - 60_000);
    world.forget_the_past();
    [(world, session), (other, twin)]
}

/// A tab and its duplicate, each with a store of its own, the token due.
pub(crate) fn duplicated() -> [(World, Session<World>); 2] {
    let world = World::new();
    let session = signed_in(&world, &quiet());
    let other = world.duplicate();
    let twin = quiet().load(&other);
    assert!(twin.signed_in());
    world.pass(HOUR - 60_000);
    world.forget_the_past();
    [(world, session), (other, twin)]
}

// ── a shared store ───────────────────────────────────────────────────────────────────────────────

#[test]
fn users_a01_r123_a068_two_tabs_with_ten_calls_each_make_one_request() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        one.hold("token");
        let calls: Vec<_> = (0..10)
            .flat_map(|_| [asks(&one, &first, Ask::default()), asks(&two, &second, Ask::default())])
            .collect();
        one.pass(100);
        assert_eq!(requests(&[&one, &two]), 1);
        one.release("token");
        one.pass(1_000);
        let tokens: Vec<_> = calls.iter().map(|call| call.result().unwrap()).collect();
        assert!(tokens.iter().all(|token| *token == tokens[0]));
        assert_eq!(requests(&[&one, &two]), 1);
        assert!(second.signed_in() && first.signed_in());
    }
}

#[test]
fn r123_r124_the_timers_of_five_tabs_make_one_request_for_each_life() {
    let world = World::local();
    let first = signed_in(&world, &Setup::page());
    let tabs: Vec<World> = (0..4).map(|_| world.tab()).collect();
    let sessions: Vec<_> = tabs.iter().map(|tab| Setup::page().load(tab)).collect();
    world.forget_the_past();
    for lives in 1..=3 {
        world.pass(HOUR - 60_000);
        let all = tabs.iter().map(|tab| tab.count("token")).sum::<usize>() + world.count("token");
        assert_eq!(all, lives);
    }
    let told: Vec<_> = tabs.iter().map(World::told).collect();
    assert_eq!(world.told().len() + told.concat().len(), 15, "every tab hears of every renewal");
    assert!(sessions.iter().all(|session| session.expires_at() == first.expires_at()));
}

#[test]
fn r123_a_tab_that_was_not_told_reads_the_store_before_it_asks() {
    let [(one, first), (two, second)] = shared();
    // It sleeps: messages do not reach it.
    two.kill();
    let renewed = token(&one, &first).unwrap();
    assert_eq!(token(&two, &second).unwrap(), renewed);
    assert_eq!(requests(&[&one, &two]), 1);
    assert_eq!(two.told(), ["renewed"]);
}

/// A browser has a copy of its storage for each tab, and brings what is new to the others later.
fn brings(from: &World, to: &World) {
    *to.tokens().map.borrow_mut() = from.tokens().map.borrow().clone();
}

#[test]
fn r123_a_tab_that_storage_reaches_late_does_not_spend_what_is_spent() {
    let one = World::local();
    let first = signed_in(&one, &quiet());
    let two = one.distant_tab();
    let second = quiet().load(&two);
    one.pass(HOUR - 60_000);
    one.forget_the_past();
    let renewed = token(&one, &first).unwrap();
    let waiting = asks(&two, &second, Ask::default());
    two.pass(200);
    assert!(waiting.open());
    assert_eq!(requests(&[&one, &two]), 1);
    brings(&one, &two);
    two.pass(50);
    assert_eq!(waiting.result().unwrap(), renewed);
    assert_eq!(requests(&[&one, &two]), 1);
    assert_eq!(two.told(), ["renewed"]);
}

#[test]
fn a_sign_in_that_is_told_before_storage_has_it_is_found_a_moment_later() {
    let one = World::local();
    let two = one.distant_tab();
    let second = quiet().load(&two);
    signed_in(&one, &quiet());
    two.pass(100);
    assert!(!second.signed_in());
    brings(&one, &two);
    two.pass(50);
    assert!(second.signed_in());
    assert_eq!(two.told(), ["signed-in"]);
}

#[test]
fn r164_a_sign_out_is_not_undone_by_storage_that_is_late() {
    let one = World::local();
    let two = one.distant_tab();
    let second = quiet().load(&two);
    let first = signed_in(&one, &quiet());
    let late = one.tokens().map.borrow().clone();
    two.pass(100);
    one.run(first.sign_out(SignOut::local())).unwrap();
    two.turn();
    *two.tokens().map.borrow_mut() = late;
    two.pass(2_000);
    assert!(!second.signed_in());
}

#[test]
fn r123_a_forced_renewal_takes_what_another_tab_just_renewed() {
    let [(one, first), (two, second)] = shared();
    one.hold("token");
    let calls = [asks(&one, &first, forced()), asks(&two, &second, forced())];
    one.pass(100);
    one.release("token");
    one.pass(1_000);
    assert_eq!(calls[0].result().unwrap(), calls[1].result().unwrap());
    assert_eq!(requests(&[&one, &two]), 1);
}

#[test]
fn r123_without_rotation_too_one_request_serves_all_tabs() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        one.provider().rotates.set(false);
        one.hold("token");
        let calls = [asks(&one, &first, Ask::default()), asks(&two, &second, Ask::default())];
        one.pass(100);
        one.release("token");
        one.pass(1_000);
        assert_eq!(calls[0].result().unwrap(), calls[1].result().unwrap());
        assert_eq!(requests(&[&one, &two]), 1);
    }
}

#[test]
fn r068_r119_r123_tokens_for_other_resources_take_their_turn_with_the_new_refresh_token() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        one.hold("token");
        let default = asks(&one, &first, Ask::default());
        let other = asks(&two, &second, resource("https://other.example"));
        one.pass(100);
        assert_eq!(requests(&[&one, &two]), 1, "one refresh token, one request at a time");
        one.release("token");
        one.pass(1_000);
        assert!(default.result().is_ok());
        assert!(other.result().is_ok());
        assert_eq!(requests(&[&one, &two]), 2);
        let used = [one.last("token"), two.last("token")];
        assert_ne!(used[0].get("refresh_token"), used[1].get("refresh_token"));
    }
}

#[test]
fn a069_a_tab_that_dies_in_mid_renewal_leaves_nothing_stuck() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        one.hold("token");
        let dying = {
            let session = first.clone();
            one.request(async move { session.access_token(Ask::default(), None).await.map(|_| ()) })
        };
        one.turn();
        let waiting = asks(&two, &second, Ask::default());
        assert_eq!(requests(&[&one, &two]), 1);
        one.end(&dying);
        one.kill();
        // Its request never reached the server.
        two.mend_all();
        two.pass(2_000);
        assert!(waiting.result().is_ok());
        assert_eq!(requests(&[&two]), 1);
    }
}

#[test]
fn a069_a_tab_that_hangs_with_the_lock_is_not_waited_for_for_ever() {
    let [(one, _), (two, second)] = shared();
    let stored: Value = serde_json::from_str(&one.tokens().only("")).unwrap();
    let line = Secret::new(stored["refresh_token"].as_str().unwrap()).fingerprint();
    // The holder is frozen in the middle of its request: even its deadline does not pass.
    let lock = one.run({
        let world = one.clone();
        async move { world.lock(&format!("grantkit.1.line.shop.{line}"), HOUR).await }
    });
    let waiting = asks(&two, &second, Ask::default());
    two.pass(29_000);
    assert!(waiting.open());
    two.pass(2_000);
    assert!(waiting.result().is_ok());
    drop(lock);
}

#[test]
fn r121_r122_a069_the_answer_is_lost_and_the_server_rotated_the_session_ends_with_that_reason() {
    let [(one, first), (two, second)] = shared();
    one.pass(60_000);
    one.provider().always("token", Reply::Fail(Code::NetworkError));
    assert_eq!(code_of(token(&one, &first)), Code::NetworkError);
    assert!(first.signed_in() && second.signed_in());
    one.provider().always("token", refusal(400, "invalid_grant"));
    assert_eq!(code_of(token(&two, &second)), Code::LoginRequired);
    one.turn();
    assert_eq!(requests(&[&one, &two]), 2, "one use, and one more");
    assert!(!first.signed_in() && !second.signed_in());
    assert!(one.told().contains(&"signed-out other-tab".into()), "{:?}", one.told());
    assert!(two.told().contains(&"signed-out final-error".into()));
}

#[test]
fn r118_a_token_that_is_refused_in_two_tabs_is_renewed_once() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        token(&one, &first).unwrap();
        one.turn();
        let refused = token(&two, &second).unwrap();
        one.forget_the_past();
        one.provider().on("userinfo", move |seen| {
            let stale = seen.authorization == Some(format!("Bearer {refused}"));
            if stale { page(401) } else { reply(200, json!({"sub": "alice"})) }
        });
        one.hold("userinfo");
        two.hold("userinfo");
        let calls = [(&one, &first), (&two, &second)].map(|(tab, session)| {
            let session = session.clone();
            tab.start(async move { session.user_info(None).await.map(|_| ()) })
        });
        one.release("userinfo");
        one.pass(1_000);
        // The other one hears its 401 when all is over.
        two.release("userinfo");
        two.pass(1_000);
        for call in calls {
            call.result().unwrap();
        }
        assert_eq!(requests(&[&one, &two]), 1);
        assert_eq!(one.count("userinfo") + two.count("userinfo"), 4);
    }
}

#[test]
fn r119_the_refresh_token_that_came_last_is_the_one_that_every_tab_spends() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        let mut spent = Vec::new();
        for _ in 0..3 {
            for (tab, session) in [(&one, &first), (&two, &second)] {
                token(tab, session).unwrap();
                tab.turn();
                let used = tab.last("token").get("refresh_token").unwrap().to_owned();
                assert!(!spent.contains(&used), "{used} was used again");
                spent.push(used);
                let kept = [&one, &two].map(|tab| tab.tokens().only(""));
                let kept = kept.map(|text| serde_json::from_str::<Value>(&text).unwrap());
                assert_eq!(kept[0]["refresh_token"], kept[1]["refresh_token"]);
                one.pass(HOUR - 60_000);
            }
        }
        assert_eq!(requests(&[&one, &two]), 6);
    }
}

#[test]
fn r121_a_final_refusal_is_one_request_and_the_end_in_both_tabs() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        one.provider().always("token", refusal(400, "invalid_grant"));
        one.hold("token");
        let calls = [asks(&one, &first, Ask::default()), asks(&two, &second, Ask::default())];
        one.pass(100);
        one.release("token");
        one.pass(1_000);
        for call in calls {
            assert_eq!(code_of(call.result()), Code::LoginRequired);
        }
        assert!(!first.signed_in() && !second.signed_in());
        assert_eq!((one.on_hold(), two.on_hold()), (None, None));
        one.provider().mend("token");
        assert_eq!(code_of(token(&two, &second)), Code::LoginRequired);
        assert_eq!(requests(&[&one, &two]), 1);
    }
}

#[test]
fn r122_an_outage_ends_no_tab_and_the_first_that_gets_through_serves_the_other() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        one.pass(60_000);
        one.provider().always("token", page(503));
        for (tab, session) in [(&one, &first), (&two, &second), (&one, &first)] {
            let failed = token(tab, session).unwrap_err();
            assert!(failed.retryable() && !failed.login_required());
            assert!(first.signed_in() && second.signed_in());
        }
        one.provider().mend("token");
        one.forget_the_past();
        two.forget_the_past();
        let renewed = token(&two, &second).unwrap();
        two.turn();
        assert_eq!(token(&one, &first).unwrap(), renewed);
        assert_eq!(requests(&[&one, &two]), 1);
    }
}

#[test]
fn r124_a078_a_clock_that_jumps_costs_two_tabs_one_renewal() {
    for jump in [HOUR, 365 * 24 * HOUR, -24 * HOUR] {
        for make in [shared, duplicated] {
            let [(one, first), (two, second)] = make();
            token(&one, &first).unwrap();
            one.turn();
            one.forget_the_past();
            two.forget_the_past();
            one.set_clock(jump);
            for _ in 0..5 {
                let held = token(&one, &first).unwrap();
                one.turn();
                assert_eq!(token(&two, &second).unwrap(), held, "{jump}");
            }
            assert_eq!(requests(&[&one, &two]), 1, "{jump}");
        }
    }
}

// ── a store for each tab ─────────────────────────────────────────────────────────────────────────

#[test]
fn r123_tabs_that_signed_in_apart_renew_apart() {
    let world = World::new();
    let first = signed_in(&world, &quiet());
    let other = world.tab();
    let second = signed_in(&other, &quiet());
    world.pass(HOUR - 60_000);
    world.forget_the_past();
    other.forget_the_past();
    assert_ne!(token(&world, &first).unwrap(), token(&other, &second).unwrap());
    assert_eq!((world.count("token"), other.count("token")), (1, 1));
}

#[test]
fn r123_a_duplicate_that_asks_later_has_the_new_tokens_already() {
    let [(one, first), (two, second)] = duplicated();
    let renewed = token(&one, &first).unwrap();
    one.turn();
    assert_eq!(two.told(), ["renewed"]);
    assert_eq!(token(&two, &second).unwrap(), renewed);
    assert_eq!(requests(&[&one, &two]), 1);
    // It survives a reload, and goes on from there.
    let reloaded = quiet().load(&two);
    two.pass(HOUR - 60_000);
    assert!(token(&two, &reloaded).is_ok());
    assert_eq!(requests(&[&one, &two]), 2);
}

#[test]
fn r123_a_duplicate_whose_message_comes_late_asks_and_waits_for_it() {
    let [(one, first), (two, second)] = duplicated();
    one.hold("token");
    let renewing = asks(&one, &first, Ask::default());
    let waiting = asks(&two, &second, Ask::default());
    // What is told on the way out does not reach it; what it asks for does.
    one.lose_a_message();
    one.release("token");
    one.pass(2_000);
    assert!(renewing.result().is_ok());
    assert!(waiting.result().is_ok());
    assert_eq!(requests(&[&one, &two]), 1);
}

#[test]
fn r123_a_duplicate_that_has_not_heard_yet_does_not_spend_what_is_spent() {
    let [(one, first), (two, second)] = duplicated();
    one.lose_a_message();
    let renewed = token(&one, &first).unwrap();
    let waiting = asks(&two, &second, Ask::default());
    two.pass(2_000);
    assert_eq!(waiting.result().unwrap(), renewed);
    assert_eq!(requests(&[&one, &two]), 1);
}

#[test]
fn r123_duplicates_do_not_wait_for_each_other() {
    let [(one, first), (two, second)] = duplicated();
    let three = one.duplicate();
    let third = quiet().load(&three);
    one.hold("token");
    let renewing = asks(&one, &first, Ask::default());
    let waiting = [asks(&two, &second, Ask::default()), asks(&three, &third, Ask::default())];
    one.pass(100);
    one.release("token");
    one.pass(50);
    let renewed = renewing.result().unwrap();
    for waiting in waiting {
        assert_eq!(waiting.result().unwrap(), renewed);
    }
    assert_eq!(requests(&[&one, &two, &three]), 1);
}

#[test]
fn a086_r164_no_message_carries_a_readable_token() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        let mut secrets = vec![token(&one, &first).unwrap()];
        one.turn();
        two.pass(HOUR);
        secrets.push(token(&two, &second).unwrap());
        for tab in [&one, &two] {
            for key in tab.tokens().keys("") {
                let stored: Value = serde_json::from_str(&tab.tokens().map.borrow()[&key]).unwrap();
                for name in ["refresh_token", "id_token"] {
                    secrets.push(stored[name].as_str().unwrap().into());
                }
            }
        }
        one.run(first.sign_out(SignOut::local())).unwrap();
        let told = [one.messages(), two.messages()].concat();
        assert!(told.len() >= 3, "{told:?}");
        for message in told {
            assert!(secrets.iter().all(|secret| !message.contains(secret.as_str())), "{message}");
        }
    }
}

#[test]
fn a086_a_seal_of_another_refresh_token_changes_nothing() {
    let [(one, first), (two, second)] = duplicated();
    token(&one, &first).unwrap();
    one.turn();
    let message: Value = serde_json::from_str(&one.messages()[0]).unwrap();
    let held = token(&two, &second).unwrap();
    // The same once more, under the name of the refresh token that is held now; and broken seals.
    let now_held = {
        two.pass(HOUR - 60_000);
        token(&two, &second).unwrap();
        two.turn();
        let told: Value = serde_json::from_str(two.messages().last().unwrap()).unwrap();
        told
    };
    let known = token(&one, &first).unwrap();
    assert_ne!(held, known);
    for sealed in [message["sealed"].clone(), now_held["sealed"].clone(), json!("v1.x"), json!("")]
    {
        let forged = json!({"kind": "renewed", "line": now_held["line"], "sealed": sealed});
        two.say(&forged.to_string());
        one.turn();
    }
    assert_eq!(token(&one, &first).unwrap(), known);
}

#[test]
fn a086_malformed_messages_are_ignored() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        let before = one.told().len();
        for message in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"kind":1}"#,
            r#"{"kind":"signed-in"}"#,
            r#"{"kind":"renewed"}"#,
            r#"{"kind":"asked","line":"x"}"#,
            r#"{"kind":"answered","line":"x","sealed":"y"}"#,
            r#"{"kind":"took","line":"x"}"#,
            r#"{"kind":"signed-out","kind":"signed-out"}"#,
            r#"{"kind":"changed"}"#,
            &"[".repeat(100_000),
        ] {
            two.say(message);
            one.turn();
        }
        assert_eq!(one.told().len(), before);
        assert!(first.signed_in() && second.signed_in());
    }
}

// ── signing in and out ───────────────────────────────────────────────────────────────────────────

#[test]
fn users_a12_r164_sign_out_in_one_tab_is_known_in_all() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        one.run(first.sign_out(SignOut::local())).unwrap();
        one.turn();
        assert!(!second.signed_in());
        assert_eq!(two.on_hold(), None, "memory forgets too");
        assert_eq!(two.told(), ["signed-out other-tab"]);
        assert!(two.tokens().keys("").is_empty());
        assert_eq!(code_of(token(&two, &second)), Code::LoginRequired);
        assert_eq!(requests(&[&one, &two]), 0);
    }
}

#[test]
fn r164_a_sign_out_elsewhere_does_not_clear_the_sign_in_that_followed() {
    let [(one, first), (two, second)] = shared();
    one.run(first.sign_out(SignOut::local())).unwrap();
    let again = signed_in(&one, &quiet());
    one.turn();
    assert!(again.signed_in());
    assert!(second.signed_in(), "it takes the new session over");
    assert_eq!(two.told(), ["signed-out other-tab", "signed-in"]);
    assert_eq!(one.tokens().keys("").len(), 1);
}

#[test]
fn a_tab_that_missed_the_sign_out_finds_the_store_empty() {
    let [(one, first), (two, second)] = shared();
    two.kill();
    one.run(first.sign_out(SignOut::local())).unwrap();
    assert_eq!(code_of(token(&two, &second)), Code::LoginRequired);
    assert_eq!(two.told(), ["signed-out other-tab"]);
    assert_eq!(requests(&[&one, &two]), 0);
}

#[test]
fn a_sign_in_in_one_tab_signs_the_others_in() {
    let one = World::local();
    let two = one.tab();
    let second = quiet().load(&two);
    assert!(!second.signed_in());
    signed_in(&one, &quiet());
    one.turn();
    assert!(second.signed_in());
    assert_eq!(second.claims().unwrap().subject(), "alice");
    assert_eq!(two.told(), ["signed-in"]);
    assert_eq!(two.count("token"), 0);
}

#[test]
fn another_person_in_the_store_is_a_sign_in_and_no_renewal() {
    let [(one, first), (two, second)] = shared();
    two.kill();
    one.run(first.sign_out(SignOut::local())).unwrap();
    let leaving = quiet().load(&one);
    let url = leave(&one, &leaving, SignIn::default());
    let back = one.provider().approve_as("bob", &url, now(&one));
    let bobs = arrive(&one, &quiet(), &back);
    handle(&one, &bobs).unwrap();
    let theirs = token(&two, &second);
    assert_eq!(second.claims().unwrap().subject(), "bob");
    assert_eq!(two.told(), ["signed-in"]);
    assert_eq!(theirs.unwrap(), token(&one, &bobs).unwrap());
}

#[test]
fn users_a13_r169_a_sign_in_begun_in_several_tabs_is_finished_in_each() {
    for world in [World::new(), World::local()] {
        let tabs: Vec<World> = (0..4).map(|_| world.tab()).collect();
        let urls: Vec<_> =
            tabs.iter().map(|tab| leave(tab, &quiet().load(tab), SignIn::default())).collect();
        for (tab, url) in tabs.iter().zip(urls) {
            let back = world.provider().approve(&url, now(&world));
            let session = arrive(tab, &quiet(), &back);
            handle(tab, &session).unwrap();
            assert!(session.signed_in());
        }
    }
}

// ── rest ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn r122_a_server_that_says_when_to_come_back_is_not_asked_before() {
    let [(one, first), _] = duplicated();
    let Reply::Answer(busy) = page(429) else { panic!("an answer") };
    let busy = Response { retry_after: Some("30".into()), ..busy };
    one.provider().always("token", Reply::Answer(busy));
    for _ in 0..20 {
        let failed = token_for(&one, &first, forced()).unwrap_err();
        assert_eq!(failed.retry_after_seconds(), Some(30));
        assert!(failed.retryable());
    }
    assert_eq!(one.count("token"), 1);
    one.provider().mend("token");
    one.pass(30_000);
    assert!(token(&one, &first).is_ok());
}

#[test]
fn a_record_that_another_script_wiped_does_not_end_a_session_of_one_tab() {
    let [(one, first), _] = duplicated();
    one.tokens().map.borrow_mut().clear();
    assert!(token(&one, &first).is_ok());
    assert!(first.signed_in());
    assert_eq!(one.tokens().keys("").len(), 1, "the renewal writes it anew");
}

#[test]
fn a_shared_record_that_was_damaged_meanwhile_is_mended_by_the_next_renewal() {
    let [(one, first), (two, second)] = shared();
    for text in ["", "{", "[]", r#"{"v":2}"#] {
        for value in one.tokens().map.borrow_mut().values_mut() {
            *value = text.into();
        }
        assert!(token_for(&one, &first, forced()).is_ok(), "{text}");
        one.turn();
        assert!(token(&two, &second).is_ok());
    }
}
