//! R123, R164, A068, A069, A086: what happens between two steps of a session: a sign-out, a sign-in, a
//! close or another tab's renewal, while an answer is on its way.

use std::rc::Rc;

use grantkit::client::session::{Desk, Session, SignOut};
use grantkit::client::token_client::Ask;
use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::error::Code;
use grantkit::protocol::secret::Secret;
use serde_json::Value;

use crate::acts::{
    Setup, arrive, code_of, forced, handle, leave, now, resource, signed_in, token, token_for,
};
use crate::tabs::{asks, duplicated, quiet, requests, shared};
use crate::world::World;

fn stored(world: &World) -> Value {
    serde_json::from_str(&world.tokens().only("")).unwrap()
}

/// Somebody else signs in at this tab.
fn bob_signs_in(world: &World) -> Session<World> {
    let url = leave(world, &quiet().load(world), SignIn::default());
    let back = world.provider().approve_as("bob", &url, now(world));
    let session = arrive(world, &quiet(), &back);
    handle(world, &session).unwrap();
    session
}

/// A page whose token is due.
fn due(world: &World, setup: &Setup) -> Session<World> {
    let session = signed_in(world, setup);
    world.pass(3_540_000);
    world.forget_the_past();
    session
}

// ── what came too late is not kept ───────────────────────────────────────────────────────────────

#[test]
fn r164_a_renewal_under_way_does_not_bring_back_what_another_tab_signed_out() {
    let [(one, first), (two, second)] = shared();
    one.hold("token");
    let call = asks(&one, &first, Ask::default());
    // The message has not come yet.
    one.kill();
    two.run(second.sign_out(SignOut::local())).unwrap();
    one.release("token");
    assert_eq!(code_of(call.result()), Code::LoginRequired);
    assert!(one.tokens().keys("").is_empty());
    assert!(!first.signed_in());
    assert_eq!(one.on_hold(), None);
    assert_eq!(one.told(), ["signed-out other-tab"]);
    let revoked = one.provider().revoked.borrow().clone();
    assert_eq!(revoked.len(), 4, "what came too late is given back: {revoked:?}");
}

#[test]
fn r164_a_renewal_under_way_does_not_write_over_somebody_else() {
    let [(one, first), (two, second)] = shared();
    one.hold("token");
    let call = asks(&one, &first, Ask::default());
    one.kill();
    two.run(second.sign_out(SignOut::local())).unwrap();
    let bobs = bob_signs_in(&two);
    one.release("token");
    assert_eq!(code_of(call.result()), Code::LoginRequired);
    assert_eq!(stored(&one)["claims"]["sub"], "bob");
    assert_eq!(first.claims().unwrap().subject(), "bob");
    assert_eq!(token(&one, &first).unwrap(), token(&two, &bobs).unwrap());
}

#[test]
fn r164_a_renewal_under_way_does_not_write_over_a_sign_in_of_the_same_person() {
    let [(one, first), (two, _)] = shared();
    one.hold("token");
    let call = asks(&one, &first, Ask::default());
    one.kill();
    let again = signed_in(&two, &quiet());
    let theirs = stored(&two);
    one.release("token");
    assert!(call.result().is_ok(), "a good token all the same");
    assert_eq!(stored(&one), theirs);
    assert_eq!(token(&one, &first).unwrap(), token(&two, &again).unwrap());
}

#[test]
fn a_session_that_was_closed_in_mid_renewal_does_not_come_back_after_a_sign_out() {
    for world in [World::new(), World::local()] {
        let session = due(&world, &quiet());
        world.hold("token");
        let call = asks(&world, &session, Ask::default());
        session.close();
        let next = quiet().load(&world);
        world.run(next.sign_out(SignOut::local())).unwrap();
        world.release("token");
        assert_eq!(code_of(call.result()), Code::Closed);
        assert!(world.tokens().keys("").is_empty());
        assert!(!quiet().load(&world).signed_in());
        assert_eq!(world.provider().revoked.borrow().len(), 4);
    }
}

#[test]
fn a_session_that_was_closed_in_mid_renewal_does_not_write_over_somebody_else() {
    for world in [World::new(), World::local()] {
        let session = due(&world, &quiet());
        world.hold("token");
        let call = asks(&world, &session, Ask::default());
        session.close();
        let url = leave(&world, &quiet().load(&world), SignIn::default());
        let back = world.provider().approve_as("bob", &url, now(&world));
        let bobs = arrive(&world, &quiet(), &back);
        let begun = bobs.begin_callback(None);
        let arriving = {
            let bobs = bobs.clone();
            world.start(async move { bobs.finish_callback(begun, None).await })
        };
        world.release_one("token", 1);
        assert!(arriving.result().is_ok());
        world.release("token");
        assert_eq!(code_of(call.result()), Code::Closed);
        assert_eq!(stored(&world)["claims"]["sub"], "bob");
    }
}

#[test]
fn r164_a_sign_out_while_new_tokens_are_told_is_the_last_word() {
    let [(one, first), (two, second)] = duplicated();
    one.hold("seal");
    let call = asks(&one, &first, Ask::default());
    assert!(call.open() && first.signed_in());
    one.run(first.sign_out(SignOut::local())).unwrap();
    one.release("seal");
    assert_eq!(code_of(call.result()), Code::LoginRequired);
    one.turn();
    assert_eq!(one.told(), ["signed-out sign-out"]);
    assert_eq!(one.messages().len(), 1, "that it signed out");
    assert!(!first.signed_in() && !second.signed_in());
    // Nor is it told to whoever asks later.
    let asked = one.messages().len();
    let of =
        grantkit::protocol::secret::Secret::new(one.last("token").get("refresh_token").unwrap());
    two.say(&format!(r#"{{"kind":"asked","line":"{}"}}"#, of.fingerprint()));
    one.turn();
    assert_eq!(one.messages().len(), asked);
}

// ── law 16 ───────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a069_a_refusal_of_a_refresh_token_that_was_replaced_meanwhile_ends_nothing() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        // The first froze with the lock in its hands; the other did not wait for ever.
        one.hold("token");
        let frozen = asks(&one, &first, Ask::default());
        one.break_locks();
        let renewed = token(&two, &second).unwrap();
        one.turn();
        one.release("token");
        assert_eq!(frozen.result().unwrap(), renewed);
        assert!(first.signed_in() && second.signed_in());
        assert!(!one.told().iter().any(|told| told.starts_with("signed-out")), "{:?}", one.told());
        assert_eq!(requests(&[&one, &two]), 2);
    }
}

// ── instances of one page ────────────────────────────────────────────────────────────────────────

fn twins(world: &World) -> [Session<World>; 2] {
    let desk = Rc::new(Desk::new(world.clone()));
    drop(due(world, &quiet()));
    [0, 1].map(|_| quiet().load_at(world, desk.clone()))
}

#[test]
fn r123_closing_the_instance_that_renews_does_not_fail_the_others_of_its_page() {
    for world in [World::new(), World::local()] {
        let [one, two] = twins(&world);
        world.hold("token");
        let leads = asks(&world, &one, forced());
        world.pass(200);
        assert_eq!(world.open("token"), 1);
        let waits = asks(&world, &two, Ask::default());
        one.close();
        world.release("token");
        assert_eq!(code_of(leads.result()), Code::Closed);
        assert!(waits.result().is_ok());
        assert_eq!(world.count("token"), 1);
    }
}

#[test]
fn r123_an_instance_that_is_closed_while_it_waits_for_its_turn_leaves_it_to_another() {
    let world = World::local();
    let [one, two] = twins(&world);
    let lock = {
        use grantkit::client::host::Page;
        let stored: Value = serde_json::from_str(&world.tokens().only("")).unwrap();
        let line = Secret::new(stored["refresh_token"].as_str().unwrap()).fingerprint();
        let (name, world) = (format!("grantkit.1.line.shop.{line}"), world.clone());
        world.clone().run(async move { world.lock(&name, 1_000).await })
    };
    let leads = asks(&world, &one, Ask::default());
    let waits = asks(&world, &two, Ask::default());
    one.close();
    drop(lock);
    world.turn();
    assert_eq!(code_of(leads.result()), Code::Closed);
    assert!(waits.result().is_ok());
    assert_eq!(world.count("token"), 1);
    world.pass(1_000);
    assert_eq!(world.locks_held(), 0);
}

#[test]
fn r164_sign_out_of_one_instance_is_known_in_the_others_of_its_page() {
    for world in [World::new(), World::local()] {
        let [one, two] = twins(&world);
        let another = {
            let mut setup = quiet();
            setup.options.client_id = "another".into();
            signed_in(&world, &setup)
        };
        world.hold("token");
        let renewing = asks(&world, &two, forced());
        world.pass(200);
        // No message is needed, so that an old browser knows it, too.
        world.kill();
        world.run(one.sign_out(SignOut::local())).unwrap();
        assert!(!two.signed_in());
        world.release("token");
        assert_eq!(code_of(renewing.result()), Code::LoginRequired);
        assert_eq!(world.tokens().keys("").len(), 1, "that of another client");
        assert!(another.signed_in());
    }
}

// ── one request for a refresh token ──────────────────────────────────────────────────────────────

#[test]
fn r123_who_waited_takes_the_turn_of_the_refresh_token_that_came_meanwhile() {
    let [(one, first), (two, second)] = duplicated();
    two.hears_of_locks_late();
    one.hold("token");
    two.hold("token");
    let default = asks(&one, &first, Ask::default());
    let waiting = asks(&two, &second, resource("https://a.example"));
    one.release("token");
    one.pass(1_000);
    assert!(default.result().is_ok());
    assert_eq!(two.open("token"), 1, "with the new refresh token");
    let other = asks(&one, &first, resource("https://b.example"));
    one.pass(100);
    assert_eq!(requests(&[&one, &two]), 2, "the new refresh token is in use");
    two.release("token");
    one.pass(1_000);
    assert!(waiting.result().is_ok() && other.result().is_ok());
    let mut used: Vec<_> = [one.seen_at("token"), two.seen_at("token")].concat();
    used.sort_by_key(|seen| seen.get("refresh_token").unwrap().to_owned());
    used.dedup_by_key(|seen| seen.get("refresh_token").unwrap().to_owned());
    assert_eq!(used.len(), 3, "each was spent once");
}

#[test]
fn r123_a_tab_that_is_restored_with_an_old_refresh_token_asks_before_it_spends_it() {
    for renewals in [1, 3] {
        let [(one, first), (two, _)] = duplicated();
        // The browser discarded the duplicate: no message reaches it.
        two.kill();
        for _ in 0..renewals {
            token(&one, &first).unwrap();
            one.pass(3_540_000);
        }
        let renewed = token(&one, &first).unwrap();
        let restored = two.duplicate();
        let second = quiet().load(&restored);
        assert_eq!(token(&restored, &second).unwrap(), renewed);
        assert_eq!(requests(&[&one, &restored]), renewals + 1);
        assert!(first.signed_in() && second.signed_in());
        assert_eq!(stored(&one), stored(&restored));
    }
}

#[test]
fn r123_a_tab_that_is_restored_after_all_too_long_leaves_the_others_alone() {
    let [(one, first), (two, _)] = duplicated();
    two.kill();
    for _ in 0..20 {
        token(&one, &first).unwrap();
        one.pass(3_540_000);
    }
    let restored = two.duplicate();
    let second = quiet().load(&restored);
    assert_eq!(code_of(token(&restored, &second)), Code::LoginRequired);
    assert_eq!(restored.told(), ["signed-out other-tab"]);
    assert_eq!(requests(&[&restored]), 0, "it is spent");
    assert!(token(&one, &first).is_ok());
}

#[test]
fn r123_a_tab_that_is_restored_alone_renews_by_itself() {
    let [(one, _), (two, _)] = duplicated();
    one.kill();
    two.kill();
    let restored = two.duplicate();
    let second = quiet().load(&restored);
    assert!(token(&restored, &second).is_ok());
    assert_eq!(requests(&[&restored]), 1);
    // It is its own from now on: nobody is asked any more.
    let told = restored.messages().len();
    restored.pass(3_540_000);
    assert!(token(&restored, &second).is_ok());
    assert_eq!(restored.messages().len(), told + 1);
}

#[test]
fn r123_a_frame_that_shares_the_page_s_storage_renews_for_both() {
    let world = World::new();
    let session = due(&world, &quiet());
    let frame = world.frame();
    let inner = quiet().load(&frame);
    world.kill();
    let renewed = token(&frame, &inner).unwrap();
    assert_eq!(token(&world, &session).unwrap(), renewed);
    assert_eq!(requests(&[&world, &frame]), 1);
    assert_eq!(world.told(), ["renewed"]);
}

#[test]
fn r123_a_slow_server_is_waited_for_in_all_tabs() {
    let mut setup = quiet();
    setup.options.timeout = Some(60_000);
    for world in [World::new(), World::local()] {
        let session = due(&world, &setup);
        let other = world.duplicate();
        let twin = setup.load(&other);
        world.hold("token");
        let first = asks(&world, &session, Ask::default());
        let second = asks(&other, &twin, Ask::default());
        world.pass(55_000);
        assert_eq!(requests(&[&world, &other]), 1);
        world.release("token");
        world.pass(1_000);
        assert_eq!(first.result().unwrap(), second.result().unwrap());
        assert_eq!(requests(&[&world, &other]), 1);
    }
}

#[test]
fn r123_without_webcrypto_a_duplicate_signs_in_again_and_spends_nothing() {
    let [(one, first), (two, second)] = duplicated();
    for tab in [&one, &two] {
        tab.without_webcrypto();
    }
    one.hold("token");
    let renewing = asks(&one, &first, Ask::default());
    let waiting = asks(&two, &second, Ask::default());
    // Even if what it is told on the way out does not reach it.
    one.lose_a_message();
    one.release("token");
    one.pass(2_000);
    let renewed = renewing.result().unwrap();
    assert_eq!(code_of(waiting.result()), Code::LoginRequired);
    assert_eq!(requests(&[&one, &two]), 1, "one for a refresh token");
    assert_eq!(two.told(), ["signed-out other-tab"]);
    assert!(two.tokens().keys("").is_empty());
    assert_eq!(token(&one, &first).unwrap(), renewed);
}

#[test]
fn r123_without_webcrypto_nothing_is_spent_where_the_server_does_not_rotate() {
    let [(one, first), (two, second)] = duplicated();
    one.provider().rotates.set(false);
    for tab in [&one, &two] {
        tab.without_webcrypto();
    }
    assert!(token(&one, &first).is_ok());
    one.turn();
    assert!(token(&two, &second).is_ok());
    assert!(first.signed_in() && second.signed_in());
}

#[test]
fn r123_a_copy_of_a_refresh_token_that_stays_gets_the_newest_tokens() {
    let [(one, first), (two, _)] = duplicated();
    one.provider().rotates.set(false);
    two.kill();
    for _ in 0..3 {
        token(&one, &first).unwrap();
        one.pass(3_540_000);
    }
    let renewed = token(&one, &first).unwrap();
    let restored = two.duplicate();
    let second = quiet().load(&restored);
    assert_eq!(token(&restored, &second).unwrap(), renewed);
    assert_eq!(requests(&[&restored]), 0);
}

#[test]
fn a086_an_old_message_does_not_bring_old_tokens_back() {
    let [(one, first), (two, second)] = duplicated();
    one.provider().rotates.set(false);
    token(&one, &first).unwrap();
    let old = one.messages().pop().unwrap();
    one.pass(3_000_000);
    let renewed = token_for(&one, &first, forced()).unwrap();
    one.turn();
    assert_eq!(two.on_hold().unwrap().0, renewed);
    one.say(&old);
    two.turn();
    assert_eq!(two.on_hold().unwrap().0, renewed);
    assert_eq!(token(&two, &second).unwrap(), renewed);
}

#[test]
fn r123_a_tab_that_loads_expired_tokens_tells_of_its_own_renewal_alone() {
    for make in [shared, duplicated] {
        let [(one, _), (two, _)] = make();
        one.kill();
        two.kill();
        one.pass(120_000);
        let session = quiet().load(&two);
        two.forget_the_past();
        token(&two, &session).unwrap();
        assert_eq!(two.told(), ["renewed"]);
    }
}

// ── the back/forward cache ───────────────────────────────────────────────────────────────────────

#[test]
fn r164_a_page_that_comes_back_from_the_cache_after_a_sign_out_forgets() {
    for world in [World::new(), World::local()] {
        let session = signed_in(&world, &quiet());
        world.forget_the_past();
        // No message reaches it there.
        world.kill();
        let later = quiet().load(&world);
        world.run(later.sign_out(SignOut::local())).unwrap();
        world.forget_the_past();
        assert!(session.signed_in());
        world.run(session.came_back());
        assert!(!session.signed_in());
        assert_eq!(world.on_hold(), None);
        assert_eq!(world.told(), ["signed-out other-tab"]);
    }
}

#[test]
fn a_page_that_comes_back_from_the_cache_knows_who_signed_in_meanwhile() {
    for world in [World::new(), World::local()] {
        let session = quiet().load(&world);
        world.kill();
        signed_in(&world, &quiet());
        world.forget_the_past();
        world.run(session.came_back());
        assert!(session.signed_in());
        assert_eq!(world.told(), ["signed-in"]);
        assert!(token(&world, &session).is_ok());
    }
}

#[test]
fn r123_a_page_that_comes_back_from_the_cache_does_not_spend_what_is_spent() {
    for make in [shared, duplicated] {
        let [(one, first), (two, second)] = make();
        two.kill();
        let renewed = token(&one, &first).unwrap();
        two.run(second.came_back());
        two.revive(&second);
        assert_eq!(token(&two, &second).unwrap(), renewed);
        assert_eq!(requests(&[&one, &two]), 1);
    }
}
