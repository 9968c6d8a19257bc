//! R145 to R148, R158: leaving, here and at the server.

use grantkit::protocol::error::Code;
use grantkit::protocol::logout::Logout;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{CLIENT, GOODBYE, Setup, arrive, code_of, handle, signed_in, token, told};
use crate::provider::{ISSUER, Reply, page, parameters, refusal, reply};
use crate::world::{Call, Effect, Mood, START, World};
use grantkit::client::session::{Answer, Session, SignOut};
use grantkit::protocol::error::Error;

fn signs_out(world: &World, session: &Session<World>, local: bool) -> Call<Result<(), Error>> {
    let session = session.clone();
    world.start(async move { session.sign_out(SignOut { local, ..SignOut::default() }).await })
}

fn nothing_is_left(world: &World, session: &Session<World>) {
    assert!(!session.signed_in() && session.claims().is_none() && session.id_token().is_none());
    assert!(world.tokens().keys("").is_empty());
    assert_eq!(world.on_hold(), None);
    assert_eq!(world.due_in(), None);
    assert_eq!(code_of(token(world, session)), Code::LoginRequired);
}

#[test]
fn r158_the_logout_request_to_the_letter() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let id_token = session.id_token().unwrap();
    let call = signs_out(&world, &session, false);
    assert!(call.open(), "the page is left");
    let url = world.left().unwrap();
    assert!(url.starts_with(&format!("{ISSUER}/connect/endsession?")));
    let sent = parameters(&url);
    assert_eq!(sent["id_token_hint"], id_token.expose());
    assert_eq!(sent["client_id"], CLIENT);
    assert_eq!(sent["post_logout_redirect_uri"], GOODBYE);
    assert_eq!(sent["state"].len(), 43);
    assert_eq!(sent.len(), 4);
    nothing_is_left(&world, &session);
}

#[test]
fn r158_who_leaves_and_what_they_read_is_said_where_it_was_given() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let how = SignOut {
        logout_hint: Some("alice@example".into()),
        ui_locales: Some("de-AT en".into()),
        ..SignOut::default()
    };
    let _call = world.start(async move { session.sign_out(how).await });
    let sent = parameters(&world.left().unwrap());
    assert_eq!(sent["logout_hint"], "alice@example");
    assert_eq!(sent["ui_locales"], "de-AT en");
}

#[test]
fn r158_the_state_here_is_cleared_before_anything_else() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.forget_the_past();
    let _call = signs_out(&world, &session, false);
    let effects = world.effects();
    let at = |wanted: &dyn Fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let cleared = at(&|effect| *effect == Effect::Hold(false));
    let forgotten = at(&|effect| *effect == Effect::Forget);
    let told = at(&|effect| *effect == Effect::Told("signed-out sign-out".into()));
    let asked = at(&|effect| matches!(effect, Effect::Request(_)));
    let left = at(&|effect| *effect == Effect::Leave);
    assert!(cleared < forgotten && forgotten < told && told < asked && asked < left);
}

#[test]
fn r158_without_an_end_session_endpoint_it_ends_here() {
    let world = World::new();
    world.provider().describes("end_session_endpoint", Value::Null);
    let session = signed_in(&world, &Setup::page());
    world.forget_the_past();
    assert!(signs_out(&world, &session, false).result().is_ok());
    assert_eq!(world.left(), None);
    nothing_is_left(&world, &session);
    assert!(world.web().keys("grantkit.1.out.").is_empty());
}

#[test]
fn r158_local_stays_and_gives_the_tokens_back_all_the_same() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.forget_the_past();
    assert!(signs_out(&world, &session, true).result().is_ok());
    assert_eq!(world.left(), None);
    assert_eq!(world.provider().revoked.borrow().len(), 2);
    nothing_is_left(&world, &session);
}

#[test]
fn r158_without_a_registered_address_no_state_is_sent() {
    let world = World::new();
    let mut setup = Setup::page();
    setup.pages.post_logout_redirect_uri = None;
    let session = signed_in(&world, &setup);
    let _call = signs_out(&world, &session, false);
    let sent = parameters(&world.left().unwrap());
    assert!(!sent.contains_key("state") && !sent.contains_key("post_logout_redirect_uri"));
}

#[test]
fn r145_r148_the_refresh_token_first_then_the_access_token() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let access = token(&world, &session).unwrap();
    let _call = signs_out(&world, &session, false);
    let seen = world.seen_at("revocation");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].names(), ["token", "token_type_hint", "client_id"]);
    assert!(seen[0].get("token").unwrap().starts_with("canary-refresh"));
    assert_eq!(seen[0].get("token_type_hint"), Some("refresh_token"));
    assert_eq!(seen[1].get("token"), Some(access.as_str()));
    assert_eq!(seen[1].get("token_type_hint"), Some("access_token"));
    assert!(seen.iter().all(|seen| seen.keepalive), "they outlive the page");
}

#[test]
fn r148_a079_an_endpoint_that_hangs_costs_two_seconds() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.hold("revocation");
    world.forget_the_past();
    let call = signs_out(&world, &session, false);
    nothing_is_left(&world, &session);
    world.pass(1_999);
    assert_eq!(world.left(), None);
    world.pass(1);
    assert!(world.left().is_some());
    assert!(call.open());
}

#[test]
fn r146_r147_whatever_the_endpoint_answers() {
    for answer in [
        page(200),
        page(503),
        page(404),
        refusal(400, "unsupported_token_type"),
        reply(302, ""),
        Reply::Fail(Code::NetworkError),
    ] {
        let world = World::new();
        let session = signed_in(&world, &Setup::page());
        world.provider().always("revocation", answer);
        let _call = signs_out(&world, &session, false);
        assert_eq!(world.count("revocation"), 2);
        assert!(world.left().unwrap().contains("/endsession?"));
        nothing_is_left(&world, &session);
    }
}

#[test]
fn r148_a_server_without_revocation() {
    let world = World::new();
    world.provider().describes("revocation_endpoint", Value::Null);
    let session = signed_in(&world, &Setup::page());
    let _call = signs_out(&world, &session, false);
    assert_eq!(world.count("revocation"), 0);
    assert!(world.left().unwrap().contains("/endsession?"));
}

#[test]
fn r148_a_server_that_is_down_ends_it_here() {
    let world = World::new();
    let mut setup = Setup::page();
    setup.pages.background_renewal = false;
    let session = signed_in(&world, &setup);
    world.pass(25 * 3_600_000);
    for failure in [Reply::Fail(Code::NetworkError), page(503)] {
        world.provider().always("metadata", failure);
        world.forget_the_past();
        assert!(signs_out(&world, &session, false).result().is_ok());
        assert_eq!(world.left(), None);
        nothing_is_left(&world, &session);
    }
}

#[test]
fn r148_storage_that_refuses_does_not_keep_anybody() {
    for mood in [Mood::Full, Mood::Throws] {
        let world = World::new();
        let session = signed_in(&world, &Setup::page());
        world.tokens().mood.set(mood);
        world.web().mood.set(mood);
        let _call = signs_out(&world, &session, false);
        assert!(world.left().is_some());
        assert!(!session.signed_in());
        assert_eq!(world.on_hold(), None);
    }
}

#[test]
fn signing_out_twice_is_signing_out() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    assert!(signs_out(&world, &session, true).result().is_ok());
    world.forget_the_past();
    assert!(signs_out(&world, &session, true).result().is_ok());
    assert!(world.seen().is_empty() && world.told().is_empty());
    // Whoever is not signed in here may be signed in at the server.
    let _call = signs_out(&world, &session, false);
    assert!(!parameters(&world.left().unwrap()).contains_key("id_token_hint"));
}

#[test]
fn signing_out_while_a_callback_is_under_way_stays_signed_out() {
    let world = World::new();
    let session = crate::acts::at_callback(&world, &Setup::page());
    world.hold("token");
    let begun = session.begin_callback(None);
    let call = {
        let session = session.clone();
        world.start(async move { session.finish_callback(begun, None).await })
    };
    assert!(signs_out(&world, &session, true).result().is_ok());
    world.release("token");
    world.turn();
    let _ = call.result();
    assert!(!session.signed_in());
    assert!(world.tokens().keys("").is_empty());
}

#[test]
fn r146_r147_revocation_by_hand() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let secret = Secret::new("canary-token");
    world.run(client.revoke(&secret, Some("refresh_token"), None)).unwrap();
    let seen = world.last("revocation");
    assert_eq!(seen.body, "token=canary-token&token_type_hint=refresh_token");
    assert!(seen.authorization.unwrap().starts_with("Basic "));
    world.provider().always("revocation", page(200));
    assert!(world.run(client.revoke(&secret, None, None)).is_ok(), "R146");
    let busy = grantkit::protocol::http::Response {
        status: 503,
        retry_after: Some("7".into()),
        ..Default::default()
    };
    world.provider().always("revocation", Reply::Answer(busy));
    let error = world.run(client.revoke(&secret, None, None)).unwrap_err();
    assert!(error.retryable());
    assert_eq!(error.retry_after_seconds(), Some(7));
    world.provider().always("revocation", refusal(400, "unsupported_token_type"));
    let error = world.run(client.revoke(&secret, None, None)).unwrap_err();
    assert_eq!(error.server_error(), Some("unsupported_token_type"));
}

#[test]
fn r158_the_address_by_hand() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let logout = Logout {
        id_token_hint: Some(Secret::new("hint")),
        logout_hint: Some("alice".into()),
        post_logout_redirect_uri: Some(GOODBYE.into()),
        state: Some("s&t".into()),
        ui_locales: Some("de".into()),
    };
    let url = world.run(client.end_session_url(&logout, None)).unwrap();
    assert_eq!(
        url,
        "https://as.example/connect/endsession?id_token_hint=hint&logout_hint=alice\
         &client_id=shop&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fgoodbye&state=s%26t&ui_locales=de"
    );
    world.provider().describes("end_session_endpoint", json!("http://as.example/out"));
    let client = Setup::machine().client(&world);
    let result = world.run(client.end_session_url(&logout, None));
    assert_eq!(told(result), (Code::UrlInsecure, Some("end_session_endpoint".into())));
    assert_eq!(world.effects().len(), 2);
    assert_eq!(crate::acts::now(&world), START);
}

#[test]
fn r162_a_frame_of_the_server_that_names_this_session_signs_out() {
    const FRAME: &str = "https://app.example/frame";
    for (query, ends) in [
        ("?iss=https%3A%2F%2Fas.example&sid=s1", true),
        ("?sid=s1&iss=https%3A%2F%2Fas.example&more=1", true),
        ("?iss=https%3A%2F%2Fas.example&sid=s2", false),
        ("?iss=https%3A%2F%2Fevil.example&sid=s1", false),
        ("?iss=https%3A%2F%2Fas.example", false),
        ("?sid=s1", false),
        ("?iss=https%3A%2F%2Fas.example&sid=s1&sid=s1", false),
        ("", false),
    ] {
        let world = World::new();
        world.provider().spoils_claims(|token| token.claim("sid", json!("s1")));
        let mut setup = Setup::page();
        setup.pages.front_channel_logout_uri = Some(FRAME.into());
        drop(signed_in(&world, &setup));
        let session = arrive(&world, &setup, &format!("{FRAME}{query}"));
        assert!(session.signed_in());
        let answer = handle(&world, &session).unwrap();
        let expected = match ends {
            true => Answer::SignedOut { return_to: None, state_matched: true },
            false => Answer::None,
        };
        assert_eq!((answer, session.signed_in()), (expected, !ends), "{query}");
        assert_eq!(world.tokens().keys("").is_empty(), ends);
        assert_eq!(world.count("revocation"), 0, "the server knows");
    }
}
