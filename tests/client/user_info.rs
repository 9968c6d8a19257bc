//! R114 to R118: more about the person.

use grantkit::protocol::error::Code;
use grantkit::protocol::http::Response;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{Setup, code_of, signed_in, told};
use crate::keyed::issued;
use crate::provider::{ISSUER, Reply, page, reply};
use crate::world::World;

#[test]
fn r114_the_token_is_in_the_header_and_nowhere_else() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let about = world.run(session.user_info(None)).unwrap();
    assert_eq!(about.text("email"), Some("canary-email"));
    let seen = world.last("userinfo");
    let token = world.on_hold().unwrap().0;
    assert_eq!(seen.authorization, Some(format!("Bearer {token}")));
    assert_eq!(seen.form, None, "GET");
    assert_eq!(seen.url, format!("{ISSUER}/connect/userinfo"));
}

#[test]
fn r115_a064_nothing_about_somebody_else_is_used() {
    let subjects =
        [json!("aliceinvalid"), json!("Alice"), json!(["alice"]), json!(""), json!(7), Value::Null];
    for subject in subjects {
        let world = World::new();
        let session = signed_in(&world, &Setup::page());
        let mut about = json!({"email": "mallory@example"});
        if !subject.is_null() {
            about["sub"] = subject;
        }
        world.provider().always("userinfo", reply(200, about));
        let result = world.run(session.user_info(None));
        assert_eq!(told(result), (Code::UserinfoInvalid, Some("sub".into())));
    }
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let twice = "{\"sub\":\"mallory\",\"sub\":\"alice\"}";
    world.provider().always("userinfo", reply(200, twice));
    assert_eq!(code_of(world.run(session.user_info(None))), Code::ResponseNotJson);
}

#[test]
fn r116_what_is_no_json_is_refused() {
    for (answer, code) in [
        (page(200), Code::ResponseContentType),
        (page(500), Code::ResponseStatus),
        (page(403), Code::ResponseStatus),
        (reply(200, "x".repeat(256 * 1024 + 1)), Code::ResponseTooLarge),
        (reply(302, ""), Code::RedirectRefused),
    ] {
        let world = World::new();
        let session = signed_in(&world, &Setup::page());
        world.provider().always("userinfo", answer);
        assert_eq!(code_of(world.run(session.user_info(None))), code);
        assert!(session.signed_in());
    }
}

#[test]
fn r116_who_registered_for_signed_user_info_takes_no_other() {
    let world = World::new();
    let mut setup = Setup::page();
    setup.options.signed_user_info = true;
    let session = signed_in(&world, &setup);
    world.provider().always("userinfo", reply(200, json!({"sub": "alice"})));
    assert_eq!(code_of(world.run(session.user_info(None))), Code::ResponseContentType);
    assert_eq!(world.last("userinfo").accept, "application/jwt");

    let signed = |sub: &str| {
        let token = issued(&world, "JWT").without("exp").claim("sub", json!(sub));
        Reply::Answer(Response {
            status: 200,
            content_type: Some("application/jwt".into()),
            body: token.signed().into_bytes(),
            ..Response::default()
        })
    };
    world.provider().always("userinfo", signed("alice"));
    assert_eq!(world.run(session.user_info(None)).unwrap().text("sub"), Some("alice"));
    world.provider().always("userinfo", signed("mallory"));
    let result = world.run(session.user_info(None));
    assert_eq!(told(result), (Code::UserinfoInvalid, Some("sub".into())));
}

#[test]
fn r117_other_sources_of_claims_are_not_called() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let about = json!({
        "sub": "alice",
        "_claim_names": {"address": "src1"},
        "_claim_sources": {"src1": {"endpoint": "http://169.254.169.254/", "access_token": "x"}},
    });
    world.provider().always("userinfo", reply(200, about));
    world.forget_the_past();
    let about = world.run(session.user_info(None)).unwrap();
    assert!(about.get("_claim_sources").is_some());
    assert_eq!(world.seen().len(), 1);
}

#[test]
fn r118_a_refused_token_is_renewed_once() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.provider().always("userinfo", page(401));
    world.forget_the_past();
    let error = world.run(session.user_info(None)).unwrap_err();
    assert_eq!((error.code(), error.http_status()), (Code::ResponseStatus, Some(401)));
    assert_eq!((world.count("userinfo"), world.count("token")), (2, 1));
    let seen = world.seen_at("userinfo");
    assert_ne!(seen[0].authorization, seen[1].authorization);

    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    let first = world.on_hold().unwrap().0;
    world.provider().on("userinfo", move |seen| {
        let stale = seen.authorization == Some(format!("Bearer {first}"));
        if stale { page(401) } else { reply(200, json!({"sub": "alice"})) }
    });
    assert!(world.run(session.user_info(None)).is_ok());
    assert_eq!(world.count("userinfo"), 2);
}

#[test]
fn r118_without_a_refresh_token_a_refusal_asks_for_a_sign_in() {
    let world = World::new();
    world.provider().gives_refresh_tokens.set(false);
    let session = signed_in(&world, &Setup::page());
    world.provider().always("userinfo", page(401));
    assert_eq!(code_of(world.run(session.user_info(None))), Code::LoginRequired);
    assert_eq!(world.count("userinfo"), 1);
}

#[test]
fn user_info_needs_a_person() {
    let world = World::new();
    let session = Setup::page().load(&world);
    assert_eq!(code_of(world.run(session.user_info(None))), Code::LoginRequired);
    let session = signed_in(&world, &Setup::plain());
    let expected = (Code::Unsupported, Some("openid".into()));
    assert_eq!(told(world.run(session.user_info(None))), expected);
    let world = World::new();
    world.provider().describes("userinfo_endpoint", Value::Null);
    let session = signed_in(&world, &Setup::page());
    let expected = (Code::MetadataUnsupported, Some("userinfo_endpoint".into()));
    assert_eq!(told(world.run(session.user_info(None))), expected);
}

#[test]
fn r115_a_server_names_whom_it_expects() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let token = Secret::new("canary-access-of-alice");
    assert!(world.run(client.user_info(&token, "alice", None)).is_ok());
    for other in ["bob", ""] {
        let result = world.run(client.user_info(&token, other, None));
        assert_eq!(code_of(result), Code::UserinfoInvalid);
    }
}
