//! R068, R119 to R125: refresh tokens, which errors end a session and which do not (law 16), and when
//! a token is renewed.

use std::rc::Rc;

use grantkit::client::session::{Desk, Session, SignOut};
use grantkit::client::token_client::Ask;
use grantkit::protocol::authorize::{SignIn, Wish};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::Response;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{
    Setup, code_of, forced, handle, leave, now, resource, signed_in, token, token_for, told,
};
use crate::provider::{Reply, page, refusal, reply};
use crate::signer;
use crate::world::{START, World};

const HOUR: i64 = 3_600_000;

fn stored(world: &World) -> Value {
    serde_json::from_str(&world.tokens().only("")).unwrap()
}

fn refresh_token(world: &World) -> String {
    stored(world)["refresh_token"].as_str().unwrap().into()
}

/// The token is about to expire, and the timer sleeps.
fn due() -> (World, Session<World>) {
    let world = World::new();
    let mut setup = Setup::page();
    setup.pages.background_renewal = false;
    let session = signed_in(&world, &setup);
    world.pass(HOUR - 60_000);
    world.forget_the_past();
    (world, session)
}

fn asks(world: &World, session: &Session<World>) -> crate::world::Call<Result<String, Error>> {
    let session = session.clone();
    world.start(async move {
        let token = session.access_token(Ask::default(), None).await?;
        Ok(token.secret.expose().to_owned())
    })
}

// ── when ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn users_a02_r123_ten_who_ask_at_once_make_one_request() {
    let (world, session) = due();
    world.hold("token");
    let calls: Vec<_> = (0..10).map(|_| asks(&world, &session)).collect();
    assert_eq!(world.open("token"), 1);
    world.release("token");
    let tokens: Vec<_> = calls.iter().map(|call| call.result().unwrap()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(world.count("token"), 1);
    assert_eq!(token(&world, &session).unwrap(), tokens[0]);
    assert_eq!(world.told(), ["renewed"]);
}

#[test]
fn r123_two_sessions_of_one_page_do_not_end_each_other() {
    let world = World::new();
    let mut setup = Setup::page();
    setup.pages.background_renewal = false;
    let url = leave(&world, &setup.load(&world), SignIn::default());
    world.set_address(&world.provider().approve(&url, now(&world)));
    let desk = Rc::new(Desk::new(world.clone()));
    let one = setup.load_at(&world, desk.clone());
    handle(&world, &one).unwrap();
    // As a component that is mounted twice makes it.
    let two = setup.load_at(&world, desk);
    world.pass(HOUR - 60_000);
    world.forget_the_past();
    world.hold("token");
    let calls: Vec<_> = (0..10).flat_map(|_| [asks(&world, &one), asks(&world, &two)]).collect();
    world.release("token");
    for call in calls {
        assert!(call.result().is_ok());
    }
    assert!(one.signed_in() && two.signed_in());
    assert_eq!(world.count("token"), 1);
    // Much later, one after the other.
    world.pass(HOUR);
    assert!(token(&world, &one).is_ok());
    world.pass(1_000);
    assert!(token(&world, &two).is_ok());
    assert!(one.signed_in() && two.signed_in());
}

#[test]
fn users_a01_r121_law_16_a_refusal_is_final_only_after_the_store_was_read_again() {
    // Another tab renewed with the same refresh token and wrote the new one down.
    let (world, session) = due();
    let ours = stored(&world);
    let tab = World::beside(world.provider().clone());
    let key = world.tokens().keys("").remove(0);
    tab.tokens().map.borrow_mut().insert(key.clone(), ours.to_string());
    tab.set_clock(HOUR - 60_000);
    let other = Setup::page().load(&tab);
    token(&tab, &other).unwrap();
    let theirs = stored(&tab);
    world.tokens().map.borrow_mut().insert(key, theirs.to_string());

    let result = token(&world, &session);
    assert!(result.is_ok(), "{result:?}");
    assert!(session.signed_in());
}

#[test]
fn r124_a_token_is_renewed_shortly_before_its_end() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let first = token(&world, &session).unwrap();
    assert_eq!(world.on_hold(), Some((first.clone(), START + HOUR - 60_000)));
    assert_eq!(world.due_in(), Some(HOUR - 60_000));
    world.pass(HOUR - 60_000 - 1);
    assert_eq!(token(&world, &session).unwrap(), first);
    assert_eq!(world.count("token"), 1);
    world.pass(1);
    assert_eq!(world.count("token"), 2, "by the timer");
    let second = token(&world, &session).unwrap();
    assert_ne!(second, first);
    assert_eq!(world.told(), ["signed-in", "renewed"]);
    assert_eq!(world.due_in(), Some(HOUR - 60_000));
    // A day of it.
    world.pass(24 * HOUR);
    assert_eq!(world.count("token"), 26);
    assert!(session.signed_in());
}

#[test]
fn users_a08_r124_without_the_timer_a_token_is_renewed_when_it_is_used() {
    let (world, session) = due();
    world.pass(10 * HOUR);
    assert_eq!(world.count("token"), 0);
    assert!(session.signed_in());
    assert!(token(&world, &session).is_ok());
    assert_eq!(world.count("token"), 1);
    assert!(world.told().contains(&"renewed".into()));
}

#[test]
fn users_a20_r124_short_lives_make_no_storm() {
    for life in [1, 2, 5, 10, 30, 60, 299] {
        let world = World::new();
        world.provider().lives(json!(life));
        let session = signed_in(&world, &Setup::page());
        world.forget_the_past();
        world.pass(600_000);
        let most = 600_000 / (life * 800).max(5_000) + 1;
        let asked = world.count("token") as i64;
        assert!(asked <= most, "{life}: {asked}");
        assert!(asked >= 600_000 / (life * 1_000).max(5_000) - 1, "{life}: {asked}");
        // A use of it renews at the most once.
        world.forget_the_past();
        token(&world, &session).unwrap();
        assert!(world.count("token") <= 1);
    }
}

#[test]
fn users_a20_r124_a_life_of_nothing_is_one_request_for_a_use() {
    let world = World::new();
    world.provider().lives(json!(0));
    let session = signed_in(&world, &Setup::page());
    assert!(session.signed_in(), "a refresh token is held");
    assert_eq!(world.on_hold(), None);
    world.forget_the_past();
    world.pass(600_000);
    assert_eq!(world.count("token"), 0);
    assert!(token(&world, &session).is_ok());
    assert!(token(&world, &session).is_ok());
    assert_eq!(world.count("token"), 2);
}

#[test]
fn r074_r124_a_token_of_unknown_life_is_not_used_for_ever() {
    let world = World::new();
    world.provider().lives(Value::Null);
    let session = signed_in(&world, &Setup::page());
    let first = token(&world, &session).unwrap();
    assert_eq!(session.expires_at(), None);
    world.pass(4 * 60_000);
    assert_eq!(token(&world, &session).unwrap(), first);
    world.pass(60_000);
    assert_ne!(token(&world, &session).unwrap(), first, "after five minutes it is renewed");
    assert_eq!(world.count("token"), 2);
}

#[test]
fn r124_a_huge_life_does_not_overflow_a_timer() {
    let world = World::new();
    world.provider().lives(json!(2_147_483_647));
    let session = signed_in(&world, &Setup::page());
    assert_eq!(world.due_in(), Some(0x7fff_ffff));
    world.pass(0x7fff_ffff);
    assert_eq!(world.count("token"), 1, "the timer goes off and nothing is due");
    assert!(token(&world, &session).is_ok());
    assert!(world.due_in().is_some_and(|due| due > 0));
}

#[test]
fn r124_a078_clocks_that_jump_make_no_storm() {
    for jump in [HOUR, 8 * HOUR, 365 * 24 * HOUR, -24 * HOUR, -365 * 24 * HOUR] {
        let world = World::new();
        let session = signed_in(&world, &Setup::page());
        let first = token(&world, &session).unwrap();
        world.set_clock(jump);
        let second = token(&world, &session).unwrap();
        assert_ne!(second, first, "{jump}");
        for _ in 0..10 {
            assert_eq!(token(&world, &session).unwrap(), second);
        }
        world.pass(60_000);
        assert_eq!(world.count("token"), 2, "{jump}");
        assert!(session.signed_in());
    }
    // A little is nothing.
    for jump in [-240_000, 240_000] {
        let world = World::new();
        let session = signed_in(&world, &Setup::page());
        let first = token(&world, &session).unwrap();
        world.set_clock(jump);
        assert_eq!(token(&world, &session).unwrap(), first);
    }
}

#[test]
fn users_a08_r124_a078_a_laptop_that_slept() {
    // Timers stand still; the clock goes on.
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.set_clock(8 * HOUR);
    world.pass(HOUR);
    assert_eq!(world.count("token"), 2);
    assert!(session.signed_in() && token(&world, &session).is_ok());
}

#[test]
fn r124_min_lifetime_and_force() {
    let (world, session) = due();
    let ask = |min_lifetime| Ask { min_lifetime, ..Ask::default() };
    token(&world, &session).unwrap();
    world.forget_the_past();
    token_for(&world, &session, ask(HOUR - 61_000)).unwrap();
    assert_eq!(world.count("token"), 0);
    token_for(&world, &session, ask(HOUR)).unwrap();
    assert_eq!(world.count("token"), 1);
    token_for(&world, &session, forced()).unwrap();
    assert_eq!(world.count("token"), 2);
}

// ── what is sent ─────────────────────────────────────────────────────────────────────────────────

#[test]
fn r068_the_renewal_to_the_letter() {
    let (world, session) = due();
    let used = refresh_token(&world);
    token(&world, &session).unwrap();
    let seen = world.last("token");
    let expected = format!("grant_type=refresh_token&refresh_token={used}&client_id=shop");
    assert_eq!(seen.body, expected);
    assert_eq!(seen.authorization, None);
}

#[test]
fn r068_a_scope_beyond_what_was_granted_is_refused_here() {
    let (world, session) = due();
    let scoped = |scope: &str| Ask {
        wish: Wish { scope: Some(scope.into()), ..Wish::default() },
        ..Ask::default()
    };
    for scope in ["api more", "more", "API"] {
        let result = token_for(&world, &session, scoped(scope));
        assert_eq!(told(result), (Code::ConfigInvalid, Some("scope".into())));
    }
    assert_eq!(world.count("token"), 0);
    token_for(&world, &session, scoped("api profile")).unwrap();
    assert_eq!(world.last("token").get("scope"), Some("api profile"));
    // The default token was not replaced by the smaller one.
    token(&world, &session).unwrap();
    assert_eq!(world.last("token").get("scope"), None);
    assert_eq!(world.count("token"), 2);
}

#[test]
fn r119_a_new_refresh_token_replaces_the_old_one() {
    let (world, session) = due();
    let first = refresh_token(&world);
    token(&world, &session).unwrap();
    let second = refresh_token(&world);
    assert_ne!(first, second);
    token_for(&world, &session, forced()).unwrap();
    assert_eq!(world.last("token").get("refresh_token"), Some(second.as_str()));
}

#[test]
fn r119_without_a_new_one_the_old_one_stays() {
    let world = World::new();
    world.provider().rotates.set(false);
    let session = signed_in(&world, &Setup::page());
    let first = refresh_token(&world);
    for _ in 0..3 {
        token_for(&world, &session, forced()).unwrap();
        assert_eq!(world.last("token").get("refresh_token"), Some(first.as_str()));
    }
    assert_eq!(refresh_token(&world), first);
}

#[test]
fn r119_a_renewal_survives_a_reload() {
    let (world, session) = due();
    token(&world, &session).unwrap();
    drop(session);
    let session = Setup::page().load(&world);
    assert!(session.signed_in());
    assert_eq!(session.claims().unwrap().subject(), "alice");
    assert!(token_for(&world, &session, forced()).is_ok());
}

#[test]
fn other_resources_have_tokens_of_their_own() {
    let (world, session) = due();
    let api = token_for(&world, &session, resource("https://api.example")).unwrap();
    let other = token_for(&world, &session, resource("https://other.example")).unwrap();
    let default = token(&world, &session).unwrap();
    assert!(api != other && api != default && other != default);
    assert_eq!(world.count("token"), 3);
    let again = token_for(&world, &session, resource("https://api.example")).unwrap();
    assert_eq!(again, api);
    assert_eq!(world.on_hold().unwrap().0, default);
    drop(session);
    let session = Setup::page().load(&world);
    let again = token_for(&world, &session, resource("https://api.example")).unwrap();
    assert_eq!(again, api);
    assert_eq!(world.count("token"), 3);
}

#[test]
fn r119_renewals_of_two_keys_go_one_after_the_other() {
    let (world, session) = due();
    world.hold("token");
    let asks = [Ask::default(), resource("https://a.example"), resource("https://b.example")];
    let calls = asks.map(|ask| {
        let session = session.clone();
        world.start(async move { session.access_token(ask, None).await })
    });
    for _ in 0..3 {
        assert_eq!(world.open("token"), 1);
        world.release_one("token", 0);
    }
    assert!(calls.iter().all(|call| call.result().is_ok()));
    // Each was asked with the refresh token that the one before had brought.
    let used: Vec<_> = world
        .seen_at("token")
        .iter()
        .map(|seen| seen.get("refresh_token").unwrap().to_owned())
        .collect();
    assert_eq!(used.len(), 3);
    assert!(used[0] != used[1] && used[1] != used[2]);
    assert!(session.signed_in());
}

#[test]
fn r119_many_keys_wait_their_turn() {
    let (world, session) = due();
    world.hold("token");
    let calls: Vec<_> = (0..30)
        .map(|at| {
            let (session, ask) = (session.clone(), resource(&format!("https://{at}.example")));
            world.start(async move { session.access_token(ask, None).await })
        })
        .collect();
    world.release("token");
    world.turn();
    let failed = calls.iter().filter(|call| call.result().is_err()).count();
    assert_eq!(failed, 0, "of thirty");
    assert_eq!(world.count("token"), 30);
}

// ── id_tokens of renewals ────────────────────────────────────────────────────────────────────────

#[test]
fn r120_a_renewed_id_token_speaks_of_the_same_sign_in() {
    let cases: [(&str, Value); 5] = [
        ("sub", json!("bob")),
        ("iss", json!("https://other.example")),
        ("aud", json!("other")),
        ("auth_time", json!(1)),
        ("nonce", json!("another")),
    ];
    for (claim, value) in cases {
        let (world, session) = due();
        world.provider().spoils_claims(move |token| token.claim(claim, value.clone()));
        let result = token(&world, &session);
        assert_eq!(told(result), (Code::IdTokenInvalid, Some(claim.into())));
        assert!(!session.signed_in(), "R120: the session is over");
        assert!(world.tokens().keys("").is_empty());
        assert_eq!(world.on_hold(), None);
        assert_eq!(world.told(), ["signed-out final-error"]);
    }
}

#[test]
fn r120_what_a_renewed_id_token_may_leave_out() {
    for claim in ["nonce", "auth_time", "at_hash"] {
        let (world, session) = due();
        world.provider().spoils_claims(move |token| token.without(claim));
        assert!(token(&world, &session).is_ok(), "{claim}");
    }
    let (world, session) = due();
    let before = session.id_token().unwrap();
    world.provider().id_token_again.set(false);
    assert!(token(&world, &session).is_ok());
    assert_eq!(session.id_token(), Some(before));
    // A new one is the last one, with its claims.
    world.provider().id_token_again.set(true);
    world.provider().spoils_claims(|token| token.claim("name", "Alice the Second"));
    token_for(&world, &session, forced()).unwrap();
    let claims = session.claims().unwrap();
    assert_eq!(claims.members().text("name"), Some("Alice the Second"));
    assert_eq!(stored(&world)["claims"]["name"], "Alice the Second");
}

#[test]
fn r120_r112_keys_that_changed_between_renewals() {
    let (world, session) = due();
    world.provider().signs_by("EdDSA", signer::ed25519());
    assert!(token(&world, &session).is_ok());
    assert_eq!(world.count("jwks"), 1);
}

#[test]
fn r119_r122_a_refresh_token_is_not_lost_with_the_keys() {
    // The server rotates; then its keys cannot be had, so that the id_token cannot be proved.
    for failure in [page(503), Reply::Fail(Code::NetworkError)] {
        let (world, session) = due();
        world.provider().always("jwks", failure);
        let error = token_for(&world, &session, forced()).unwrap_err();
        assert!(error.retryable());
        assert!(session.signed_in());
        world.provider().mend("jwks");
        let result = token_for(&world, &session, forced());
        assert!(result.is_ok(), "{result:?}");
        assert!(session.signed_in());
    }
}

// ── what ends a session ──────────────────────────────────────────────────────────────────────────

#[test]
fn users_a24_r121_final_answers_end_the_session() {
    for error in ["invalid_grant", "unauthorized_client", "unsupported_grant_type"] {
        let (world, session) = due();
        world.provider().always("token", refusal(400, error));
        let told = token(&world, &session).unwrap_err();
        assert_eq!(told.code(), Code::LoginRequired);
        assert!(told.login_required() && !told.retryable());
        assert_eq!((told.server_error(), told.http_status()), (Some(error), Some(400)));
        assert_eq!(world.count("token"), 1);
        assert!(!session.signed_in() && session.claims().is_none());
        assert!(world.tokens().keys("").is_empty());
        assert_eq!(world.on_hold(), None);
        assert_eq!(world.told(), ["signed-out final-error"]);
        // Nothing is asked any more.
        world.provider().mend("token");
        assert_eq!(code_of(token(&world, &session)), Code::LoginRequired);
        world.pass(10 * HOUR);
        assert_eq!(world.count("token"), 1);
    }
}

#[test]
fn r121_a_final_answer_is_told_to_all_who_wait() {
    let (world, session) = due();
    world.provider().always("token", refusal(400, "invalid_grant"));
    world.hold("token");
    let calls: Vec<_> = (0..5).map(|_| asks(&world, &session)).collect();
    let other = {
        let session = session.clone();
        world.start(async move { session.access_token(resource("https://a.example"), None).await })
    };
    world.release("token");
    world.turn();
    for call in calls {
        assert_eq!(code_of(call.result()), Code::LoginRequired);
    }
    assert_eq!(code_of(other.result()), Code::LoginRequired);
    assert_eq!(world.count("token"), 1);
}

#[test]
fn users_a07_r122_what_passes_keeps_the_session() {
    let failures = [
        page(500),
        page(502),
        page(503),
        page(429),
        page(408),
        reply(503, json!({"error": "temporarily_unavailable"})),
        Reply::Fail(Code::NetworkError),
        Reply::Fail(Code::Timeout),
    ];
    for failure in failures {
        let (world, session) = due();
        let held = refresh_token(&world);
        let valid = stored(&world)["access"]["token"].clone();
        world.provider().always("token", failure);
        // The last token serves for as long as it lives.
        assert_eq!(token(&world, &session).unwrap(), valid);
        assert!(world.told()[0].starts_with("renewal-failed"));
        let error = token_for(&world, &session, forced()).unwrap_err();
        assert!(error.retryable() && !error.login_required(), "{error}");
        world.pass(60_000);
        let error = token(&world, &session).unwrap_err();
        assert!(error.retryable(), "an expired token serves nobody");
        assert!(session.signed_in());
        assert_eq!(refresh_token(&world), held);
        // After a lost answer the refresh token is used again.
        world.provider().mend("token");
        assert!(token(&world, &session).is_ok());
    }
}

#[test]
fn r122_what_is_not_final_but_does_not_pass_keeps_the_session_too() {
    for error in ["invalid_client", "invalid_scope", "invalid_request", "made_up"] {
        let (world, session) = due();
        world.provider().always("token", refusal(401, error));
        for _ in 0..4 {
            let told = token(&world, &session).unwrap_err();
            assert_eq!(told.code(), Code::TokenError);
            assert_eq!(told.server_error(), Some(error));
            assert!(!told.retryable() && !told.login_required());
        }
        assert!(session.signed_in());
        world.provider().mend("token");
        assert!(token(&world, &session).is_ok());
    }
    for answer in [page(200), reply(200, "{}"), reply(200, "")] {
        let (world, session) = due();
        world.provider().always("token", answer);
        for _ in 0..4 {
            assert!(token(&world, &session).is_err());
        }
        assert!(session.signed_in());
    }
}

#[test]
fn r122_twice_a_4xx_without_an_oauth_error_is_final() {
    for answer in [page(400), page(404), page(403), reply(401, "{}"), reply(400, "")] {
        let (world, session) = due();
        world.provider().always("token", answer);
        assert!(token(&world, &session).is_err());
        assert!(session.signed_in(), "once is not enough");
        assert_eq!(code_of(token(&world, &session)), Code::LoginRequired);
        assert!(!session.signed_in());
        assert_eq!(world.count("token"), 2);
    }
    // In a row.
    let (world, session) = due();
    for _ in 0..3 {
        world.provider().always("token", page(404));
        assert!(token_for(&world, &session, forced()).is_err());
        world.provider().mend("token");
        assert!(token_for(&world, &session, forced()).is_ok());
    }
    // What a busy server answers does not count.
    for status in [408, 429, 500] {
        let (world, session) = due();
        world.provider().always("token", page(status));
        for _ in 0..4 {
            assert!(token_for(&world, &session, forced()).is_err());
        }
        assert!(session.signed_in());
    }
}

#[test]
fn r122_a_4xx_of_another_endpoint_ends_nothing() {
    // The metadata is a day old and its place is gone for a while.
    let (world, session) = due();
    world.pass(25 * HOUR);
    world.provider().always("metadata", page(404));
    for _ in 0..3 {
        assert!(token(&world, &session).is_err());
    }
    assert!(session.signed_in());
    world.provider().mend("metadata");
    world.pass(2000);
    assert!(token(&world, &session).is_ok());

    // So are the keys.
    let (world, session) = due();
    world.provider().rotates.set(false);
    world.provider().always("jwks", page(404));
    for _ in 0..3 {
        assert!(token(&world, &session).is_err());
    }
    assert!(session.signed_in());
    world.provider().mend("jwks");
    world.pass(2000);
    assert!(token(&world, &session).is_ok());
}

#[test]
fn r122_the_timer_tries_again_with_growing_distance() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.provider().always("token", page(503));
    world.pass(HOUR - 60_000);
    assert_eq!(world.count("token"), 2);
    let mut distances = Vec::new();
    for _ in 0..9 {
        let due = world.due_in().unwrap();
        distances.push(due / 1000);
        world.pass(due);
    }
    // Up to a quarter more by chance: those who failed together do not come back together.
    for (distance, least) in distances.into_iter().zip([5, 10, 20, 40, 80, 160, 300, 300, 300]) {
        assert!((least..=least + least / 4).contains(&distance), "{distance} for {least}");
    }
    assert_eq!(world.count("token"), 11);
    assert!(session.signed_in());
    world.provider().mend("token");
    world.pass(world.due_in().unwrap());
    assert!(world.told().contains(&"renewed".into()));
    assert_eq!(world.due_in(), Some(HOUR - 60_000));
}

#[test]
fn r122_the_timer_waits_as_long_as_the_server_asks() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let busy = Response { status: 503, retry_after: Some("120".into()), ..Response::default() };
    world.provider().always("token", Reply::Answer(busy));
    world.pass(HOUR - 60_000);
    assert_eq!(world.count("token"), 2);
    world.pass(119_000);
    assert_eq!(world.count("token"), 2, "R122: Retry-After is honoured");
    world.provider().mend("token");
    world.pass(1_000 + 5_000 / 4);
    assert_eq!(world.count("token"), 3);
    assert!(session.signed_in());
}

#[test]
fn r121_the_timer_stops_with_the_session() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.provider().always("token", refusal(400, "invalid_grant"));
    world.pass(HOUR);
    assert_eq!(world.count("token"), 2);
    assert_eq!(world.due_in(), None);
    assert!(!session.signed_in());
    world.pass(24 * HOUR);
    assert_eq!(world.count("token"), 2);
    assert_eq!(world.told(), ["signed-in", "signed-out final-error"]);
}

#[test]
fn a_refresh_token_that_the_server_says_has_expired_is_not_sent() {
    let world = World::new();
    world.provider().spoils_response(|response| response["refresh_expires_in"] = json!(7_200));
    let mut setup = Setup::page();
    setup.pages.background_renewal = false;
    let session = signed_in(&world, &setup);
    assert_eq!(session.session_expires_at(), Some(START + 2 * HOUR));
    world.pass(2 * HOUR);
    world.forget_the_past();
    assert!(!session.signed_in());
    assert_eq!(code_of(token(&world, &session)), Code::LoginRequired);
    assert!(world.seen().is_empty());
    assert!(world.tokens().keys("").is_empty(), "R165: nothing is left behind");
    assert!(world.told().contains(&"expired".into()));
}

// ── in between ───────────────────────────────────────────────────────────────────────────────────

#[test]
fn r130_a_refused_token_is_renewed_once_for_all_who_were_refused() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let first = token(&world, &session).unwrap();
    let refused = || Ask { refused: Some(Secret::new(first.as_str())), ..Ask::default() };
    world.hold("token");
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (session, ask) = (session.clone(), refused());
            world.start(async move { session.access_token(ask, None).await })
        })
        .collect();
    world.release("token");
    for call in calls {
        assert_ne!(call.result().unwrap().secret.expose(), first);
    }
    assert_eq!(world.count("token"), 2);
    let late = token_for(&world, &session, refused()).unwrap();
    assert_ne!(late, first);
    assert_eq!(world.count("token"), 2);
}

#[test]
fn signing_out_during_a_renewal_keeps_nothing_and_gives_all_back() {
    let (world, session) = due();
    let old = refresh_token(&world);
    world.hold("token");
    let call = asks(&world, &session);
    let leaving = {
        let session = session.clone();
        world.start(async move { session.sign_out(SignOut::local()).await })
    };
    assert!(leaving.result().is_ok());
    world.release("token");
    world.turn();
    assert_eq!(code_of(call.result()), Code::LoginRequired);
    assert!(!session.signed_in());
    assert!(world.tokens().keys("").is_empty());
    assert_eq!(world.on_hold(), None);
    assert_eq!(world.told(), ["signed-out sign-out"]);
    let revoked = world.provider().revoked.borrow().clone();
    assert_eq!(revoked.len(), 4, "{revoked:?}");
    assert_eq!(revoked[0], old);
    assert!(revoked[2].starts_with("canary-refresh") && revoked[3].starts_with("canary-access"));
    assert_ne!(revoked[2], old);
}

#[test]
fn signing_in_anew_during_a_renewal_keeps_the_new_session() {
    let (world, session) = due();
    let url = leave(&world, &session, SignIn::default());
    let back = world.provider().approve_as("bob", &url, now(&world));
    world.hold("token");
    let call = asks(&world, &session);
    let begun = session.begin_callback(Some(&back));
    let arrived = {
        let session = session.clone();
        world.start(async move { session.finish_callback(begun, None).await })
    };
    // The code is spent first; the renewal's answer comes later.
    world.release_one("token", 1);
    assert!(arrived.result().is_ok());
    let stored_by_bob = world.tokens().only("");
    world.release("token");
    world.turn();
    assert!(call.result().is_err());
    assert_eq!(session.claims().unwrap().subject(), "bob");
    assert_eq!(world.tokens().only(""), stored_by_bob);
}

#[test]
fn close_in_flight_keeps_nothing() {
    let (world, session) = due();
    world.hold("token");
    let call = asks(&world, &session);
    session.close();
    assert_eq!(world.due_in(), None);
    world.release("token");
    world.turn();
    assert_eq!(code_of(call.result()), Code::Closed);
    assert_eq!(world.on_hold(), None);
    assert_eq!(code_of(token(&world, &session)), Code::Closed);
    world.pass(24 * HOUR);
    assert_eq!(world.count("token"), 1);
}

#[test]
fn closing_is_not_signing_out() {
    let world = World::new();
    let setup = Setup::page();
    let session = signed_in(&world, &setup);
    session.close();
    assert!(!session.signed_in());
    assert_eq!(world.due_in(), None);
    assert!(world.provider().revoked.borrow().is_empty());
    let session = setup.load(&world);
    assert!(session.signed_in());
}

#[test]
fn close_during_a_renewal_does_not_lose_the_next_page_its_session() {
    // The page is left while its token is renewed: the answer's refresh token is the only good one.
    let (world, session) = due();
    world.hold("token");
    let call = asks(&world, &session);
    session.close();
    world.release("token");
    world.turn();
    assert!(call.result().is_err());
    let session = Setup::page().load(&world);
    assert!(session.signed_in() && token(&world, &session).is_ok());
}

#[test]
fn r008_one_who_gives_up_leaves_the_renewal_to_the_others() {
    let (world, session) = due();
    world.hold("token");
    let abort = crate::world::Bell::default();
    let first = {
        let (session, abort) = (session.clone(), abort.clone());
        world.start(async move { session.access_token(Ask::default(), Some(&abort)).await })
    };
    let second = asks(&world, &session);
    let other = {
        let (session, abort) = (session.clone(), abort.clone());
        let ask = resource("https://a.example");
        world.start(async move { session.access_token(ask, Some(&abort)).await })
    };
    abort.ring();
    world.turn();
    assert_eq!(code_of(first.result()), Code::Aborted);
    assert_eq!(code_of(other.result()), Code::Aborted);
    world.release("token");
    assert!(second.result().is_ok());
    assert_eq!(world.count("token"), 1);
}

#[test]
fn whoever_never_signed_in_is_told_to() {
    let world = World::new();
    let session = Setup::page().load(&world);
    let error = token(&world, &session).unwrap_err();
    assert_eq!(error.code(), Code::LoginRequired);
    assert!(error.login_required());
    assert!(world.seen().is_empty());
}
