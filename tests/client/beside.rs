//! R044, R059, R060, A083, A084: signing in beside the page, in a popup or a hidden frame.

use grantkit::client::host::{Page, Sight};
use grantkit::client::session::{Session, SignOut};
use grantkit::protocol::authorize::{SignIn, Wish};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::json::Json;
use serde_json::json;

use crate::acts::{REDIRECT, Setup, arrive, code_of, now, object, signed_in, token, told};
use crate::provider::{ISSUER, answer_url, parameters};
use crate::world::{Bell, Call, World};

const HOUR: i64 = 3_600_000;

type Beside = Call<Result<Option<Json>, Error>>;

fn begins(world: &World, session: &Session<World>, popup: bool, abort: Option<Bell>) -> Beside {
    let session = session.clone();
    let ask = SignIn {
        prompt: (!popup).then(|| "none".into()),
        app_state: Some(Json::Object(object(&json!({"a": 1})))),
        ..SignIn::default()
    };
    let frame = world.open_frame(popup).unwrap();
    world.start(async move { session.sign_in_beside(Box::new(ask), frame, abort.as_ref()).await })
}

/// A page with a sign-in beside it, and where that was sent.
fn begun(popup: bool) -> (World, Session<World>, Beside, String) {
    let world = World::new();
    let session = Setup::page().load(&world);
    let call = begins(&world, &session, popup, None);
    assert!(call.open(), "{:?}", call.result());
    let url = world.frames().pop().unwrap();
    (world, session, call, url)
}

/// The popup or frame comes back to that address: a page of its own, that handles its callback.
fn lands(
    world: &World,
    url: &str,
) -> (World, Call<Result<grantkit::client::session::Answer, Error>>) {
    let popup = world.tab();
    let session = arrive(&popup, &Setup::page(), url);
    let call = {
        let begun = session.begin_callback(None);
        popup.start(async move { session.finish_callback(begun, None).await })
    };
    (popup, call)
}

#[test]
fn r060_a_popup_signs_the_page_in() {
    let (world, session, call, url) = begun(true);
    let back = world.provider().approve(&url, now(&world));
    let (popup, callback) = lands(&world, &back);
    world.pass(1_000);
    let state = call.result().unwrap().unwrap();
    assert_eq!(state, Json::Object(object(&json!({"a": 1}))));
    assert!(session.signed_in());
    assert_eq!(world.frames_open(), 0);
    assert_eq!(world.told(), ["signed-in"]);
    // The popup's own page cleaned its address, closed itself, got no token and answers nobody.
    assert!(popup.window_closed());
    assert!(callback.open());
    assert_eq!(popup.shown(), "https://app.example/callback");
    assert!(popup.tokens().keys("").is_empty());
    assert!(popup.seen().is_empty(), "{:?}", popup.seen());
    assert_eq!(world.count("token"), 1);
}

#[test]
fn r060_a_second_call_in_the_popup_waits_with_the_first() {
    let (world, _, _, url) = begun(true);
    let back = world.provider().approve(&url, now(&world));
    let popup = world.tab();
    let inside = arrive(&popup, &Setup::page(), &back);
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let (begun, inside) = (inside.begin_callback(None), inside.clone());
            popup.request(async move { inside.finish_callback(begun, None).await })
        })
        .collect();
    world.pass(5_000);
    assert!(calls.iter().all(Call::open));
    assert!(popup.window_closed());
}

#[test]
fn r123_a_popup_leaves_the_tokens_that_it_copied_alone() {
    for landing in [World::duplicate, World::frame] {
        let world = World::new();
        world.provider().lives(json!(300));
        let session = signed_in(&world, &Setup::page());
        let call = begins(&world, &session, true, None);
        let url = world.frames().pop().unwrap();
        // A window that a page opens starts with a copy of its sessionStorage, a frame shares it.
        let popup = landing(&world);
        world.provider().always("token", crate::provider::page(503));
        world.pass(241_000);
        world.provider().mend("token");
        world.forget_the_past();
        let back = answer_url(&url, &[("error", "access_denied"), ("iss", ISSUER)]);
        let inside = arrive(&popup, &Setup::page(), &back);
        popup.run(inside.tick());
        let begun = inside.begin_callback(None);
        let _callback = popup.start(async move { inside.finish_callback(begun, None).await });
        world.pass(4_000);
        assert_eq!(code_of(call.result()), Code::AuthorizationError);
        assert_eq!(popup.count("token"), 0, "it is about to close");
        assert!(popup.window_closed());
        assert!(session.signed_in());
    }
}

#[test]
fn a_link_that_only_looks_like_an_answer_beside_the_page_costs_nobody_the_session() {
    for world in [World::new(), World::local()] {
        let session = signed_in(&world, &Setup::page());
        let held = token(&world, &session).unwrap();
        session.close();
        let session = arrive(&world, &Setup::page(), &format!("{REDIRECT}?code=x&state=r.crafted"));
        let begun = session.begin_callback(None);
        let callback = {
            let session = session.clone();
            world.start(async move { session.finish_callback(begun, None).await })
        };
        world.pass(3_000);
        assert_eq!(told(callback.result()), (Code::StateUnknown, Some("unknown".into())));
        assert!(!world.window_closed());
        assert!(session.signed_in());
        assert_eq!(token(&world, &session).unwrap(), held);
        assert!(world.due_in().is_some(), "it is looked after again");
        assert_eq!(world.tokens().keys("").len(), 1);
    }
}

#[test]
fn a_link_that_is_opened_twice_closes_no_window() {
    let world = World::new();
    let link = format!("{REDIRECT}?code=x&state=r.crafted");
    let pages = [lands(&world, &link), lands(&world, &link)];
    world.pass(5_000);
    for (page, callback) in pages {
        assert!(!page.window_closed());
        assert_eq!(told(callback.result()), (Code::StateUnknown, Some("unknown".into())));
    }
}

#[test]
fn an_answer_that_the_waiting_page_is_handed_itself_does_not_stop_its_wait() {
    let (world, session, call, url) = begun(true);
    let back = world.provider().approve(&url, now(&world));
    let begun = session.begin_callback(Some(&back));
    let own = {
        let session = session.clone();
        world.start(async move { session.finish_callback(begun, None).await })
    };
    world.pass(3_000);
    assert_eq!(told(own.result()), (Code::StateUnknown, Some("unknown".into())));
    lands(&world, &back);
    world.pass(1_000);
    assert!(call.result().is_ok());
}

#[test]
fn r044_a_hidden_frame_asks_with_prompt_none_and_is_removed() {
    let (world, session, call, url) = begun(false);
    assert_eq!(parameters(&url)["prompt"], "none");
    assert_eq!(world.frames_open(), 1);
    let back = world.provider().approve(&url, now(&world));
    lands(&world, &back);
    world.pass(1_000);
    assert!(call.result().is_ok());
    assert!(session.signed_in());
    assert_eq!(world.frames_open(), 0);
}

#[test]
fn r059_a_silent_sign_in_that_the_server_refuses_is_login_required_at_once() {
    for error in ["login_required", "interaction_required", "consent_required"] {
        let (world, session, call, url) = begun(false);
        lands(&world, &answer_url(&url, &[("error", error), ("iss", ISSUER)]));
        world.pass(1_000);
        let error_of = call.result().unwrap_err();
        assert_eq!(error_of.code(), Code::LoginRequired);
        assert_eq!(error_of.server_error(), Some(error));
        assert!(!session.signed_in());
        assert_eq!(world.frames_open(), 0);
        assert_eq!(world.count("token"), 0);
        assert_eq!(world.frames().len(), 1, "no loop");
    }
}

#[test]
fn r044_a_frame_that_never_answers_ends_in_a_timeout_and_is_removed() {
    let (world, session, call, _) = begun(false);
    world.pass(9_900);
    assert!(call.open());
    world.pass(300);
    assert_eq!(code_of(call.result()), Code::Timeout);
    assert_eq!(world.frames_open(), 0);
    assert!(!session.signed_in());
}

#[test]
fn r044_a_page_in_the_background_whose_timers_come_late_has_the_same_patience() {
    let (world, _, call, _) = begun(false);
    // Each look comes a minute late.
    world.set_clock(60_000);
    world.pass(100);
    assert_eq!(code_of(call.result()), Code::Timeout);
    // A clock that is set back does not make it wait for ever.
    let (world, _, call, _) = begun(false);
    world.set_clock(-HOUR);
    world.pass(10_200);
    assert_eq!(code_of(call.result()), Code::Timeout);
}

#[test]
fn users_a19_a084_a_popup_that_the_person_closes_is_popup_closed() {
    let (world, session, call, _) = begun(true);
    world.set_sight(Sight::Away);
    world.pass(5_000);
    world.set_sight(Sight::Gone);
    world.pass(2_000);
    assert_eq!(code_of(call.result()), Code::PopupClosed);
    assert!(!session.signed_in());
    assert_eq!(world.frames_open(), 0);
}

#[test]
fn a084_a_popup_that_is_closed_while_it_is_empty_still_is_sent_nowhere() {
    let world = World::new();
    let session = Setup::page().load(&world);
    world.hold("metadata");
    let call = begins(&world, &session, true, None);
    world.set_sight(Sight::Gone);
    world.release("metadata");
    world.pass(200);
    assert_eq!(code_of(call.result()), Code::PopupClosed);
    assert!(world.frames().is_empty());
    assert_eq!(world.frames_open(), 0);
}

#[test]
fn users_a19_a084_a_popup_that_its_page_cut_off_is_waited_for() {
    let (world, session, call, url) = begun(true);
    world.pass(200);
    // Cross-Origin-Opener-Policy: it looks closed from its first page on, and goes on all the same. In
    // between, Chromium shows it elsewhere for up to half a second.
    world.set_sight(Sight::Away);
    world.pass(600);
    world.set_sight(Sight::Gone);
    world.pass(60_000);
    assert!(call.open());
    let back = world.provider().approve(&url, now(&world));
    lands(&world, &back);
    world.pass(1_000);
    assert!(call.result().is_ok());
    assert!(session.signed_in());
}

#[test]
fn a084_a_cut_off_popup_that_never_answers_does_not_hang_for_ever() {
    let (world, _, call, _) = begun(true);
    world.set_sight(Sight::Gone);
    world.pass(301_000);
    assert_eq!(code_of(call.result()), Code::PopupClosed);
    let (world, _, call, _) = begun(true);
    world.set_sight(Sight::Away);
    world.pass(601_000);
    assert_eq!(code_of(call.result()), Code::Timeout);
}

#[test]
fn a084_a_popup_that_is_closed_before_it_went_anywhere_is_popup_closed_at_once() {
    let world = World::new();
    let session = Setup::page().load(&world);
    world.hold("metadata");
    let call = begins(&world, &session, true, None);
    world.set_sight(Sight::Gone);
    world.release("metadata");
    assert_eq!(code_of(call.result()), Code::PopupClosed);
    assert_eq!(world.frames_open(), 0);
    assert!(world.frames().is_empty(), "it is sent nowhere");
}

#[test]
fn a084_in_a_page_that_nobody_sees_a_wait_ends_all_the_same() {
    for (popup, sight, end) in
        [(false, Sight::Near, 61_000), (true, Sight::Gone, 420_000), (true, Sight::Near, 720_000)]
    {
        let world = World::new();
        world.throttle();
        let session = Setup::page().load(&world);
        let call = begins(&world, &session, popup, None);
        world.set_sight(sight);
        world.pass(end);
        assert!(call.result().is_err());
        assert_eq!(world.frames_open(), 0);
    }
}

#[test]
fn a084_where_no_answer_could_be_handed_on_nobody_waits_for_one() {
    let world = World::new();
    world.without_webcrypto();
    let session = Setup::plain().load(&world);
    let call = begins(&world, &session, true, None);
    assert_eq!(code_of(call.result()), Code::Unsupported);
    assert_eq!(world.frames_open(), 0);
    assert!(world.frames().is_empty(), "it is sent nowhere");
}

#[test]
fn a084_a_blocked_popup_is_popup_blocked() {
    let world = World::new();
    world.block_popups();
    assert_eq!(told(world.open_frame(true).map(|_| ())), (Code::PopupBlocked, None));
}

#[test]
fn a084_an_abort_closes_the_popup() {
    let world = World::new();
    let session = Setup::page().load(&world);
    let abort = Bell::default();
    let call = begins(&world, &session, true, Some(abort.clone()));
    abort.ring();
    world.turn();
    assert_eq!(code_of(call.result()), Code::Aborted);
    assert_eq!(world.frames_open(), 0);
    let call = begins(&world, &session, true, None);
    session.close();
    world.pass(200);
    assert_eq!(code_of(call.result()), Code::Closed);
    assert_eq!(world.frames_open(), 0);
}

#[test]
fn a083_a_forged_answer_is_ignored_and_the_flow_stays_pending() {
    let (world, session, call, url) = begun(true);
    let other = world.tab();
    let state = &parameters(&url)["state"];
    for message in [
        json!({"kind": "answered", "line": "x", "sealed": "v1.AAAA"}),
        json!({"kind": "answered", "line": state, "sealed": url}),
        json!({"kind": "took", "line": state}),
    ] {
        for _ in 0..100 {
            other.say(&message.to_string());
        }
        world.pass(200);
    }
    assert!(call.open());
    assert!(!session.signed_in());
    let back = world.provider().approve(&url, now(&world));
    lands(&world, &back);
    world.pass(1_000);
    assert!(call.result().is_ok());
}

#[test]
fn a083_what_is_told_between_the_pages_shows_neither_code_nor_state() {
    let (world, _, _, url) = begun(true);
    let back = world.provider().approve(&url, now(&world));
    let (popup, _) = lands(&world, &back);
    world.pass(1_000);
    let sent = parameters(&back);
    for message in [world.messages(), popup.messages()].concat() {
        assert!(!message.contains(&sent["code"]) && !message.contains(&sent["state"]), "{message}");
    }
}

#[test]
fn r046_an_answer_that_nobody_waits_for_is_state_unknown() {
    let (world, _, call, url) = begun(true);
    let back = world.provider().approve(&url, now(&world));
    world.set_sight(Sight::Away);
    world.set_sight(Sight::Gone);
    world.pass(301_000);
    assert!(call.result().is_err());
    let (popup, callback) = lands(&world, &back);
    world.pass(3_000);
    assert_eq!(told(callback.result()), (Code::StateUnknown, Some("unknown".into())));
    assert!(!popup.window_closed());
    assert!(popup.seen().is_empty());
}

#[test]
fn r081_an_answer_beside_the_page_passes_the_same_checks() {
    for (with, code) in [
        ([("iss", "https://evil.example"), ("code", "canary")], Code::IssuerMismatch),
        ([("iss", ISSUER), ("error", "access_denied")], Code::AuthorizationError),
    ] {
        let (world, session, call, url) = begun(true);
        lands(&world, &answer_url(&url, &with));
        world.pass(1_000);
        assert_eq!(code_of(call.result()), code);
        assert!(!session.signed_in());
        assert_eq!(world.count("token"), 0);
        assert!(world.tokens().keys("").is_empty());
    }
}

#[test]
fn a_sign_in_beside_a_page_that_is_signed_in_takes_its_place() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let before = token(&world, &session).unwrap();
    let call = begins(&world, &session, true, None);
    let url = world.frames().pop().unwrap();
    let back = world.provider().approve_as("bob", &url, now(&world));
    lands(&world, &back);
    world.pass(1_000);
    assert!(call.result().is_ok());
    assert_eq!(session.claims().unwrap().subject(), "bob");
    assert_ne!(token(&world, &session).unwrap(), before);
}

#[test]
fn a_sign_in_beside_the_page_keeps_no_record() {
    let (world, _, call, _) = begun(true);
    assert!(world.web().keys("grantkit.1.tx.").is_empty());
    drop(call);
}

// ── a login that loops ───────────────────────────────────────────────────────────────────────────

#[test]
fn users_a06_a_login_that_loops_ends_in_login_loop() {
    let world = World::new();
    for _ in 0..5 {
        signed_in(&world, &Setup::page());
        world.pass(2_000);
    }
    let session = Setup::page().load(&world);
    world.forget_the_past();
    let again = world.run(session.sign_in(Box::new(SignIn::default()), None));
    assert_eq!(told(again), (Code::LoginLoop, None));
    assert!(world.seen().is_empty());
    assert_eq!(world.left(), None);
    // After a while a person may try again.
    world.pass(60_000);
    signed_in(&world, &Setup::page());
}

#[test]
fn users_a06_a_person_who_signs_out_and_in_does_not_loop() {
    let world = World::new();
    for _ in 0..12 {
        let session = signed_in(&world, &Setup::page());
        world.run(session.sign_out(SignOut::local())).unwrap();
    }
}

#[test]
fn users_a16_sign_ins_that_are_abandoned_do_not_count() {
    let world = World::new();
    for _ in 0..30 {
        let session = Setup::page().load(&world);
        crate::acts::leave(&world, &session, SignIn { wish: Wish::default(), ..SignIn::default() });
    }
    let session = signed_in(&world, &Setup::page());
    assert!(session.signed_in());
}
