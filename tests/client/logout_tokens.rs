//! R160, R161: the server says that a session is over.

use grantkit::client::token_client::TokenClient;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::logout_token::LoggedOut;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{Setup, code_of, now};
use crate::keyed::issued;
use crate::provider::{Reply, page};
use crate::signer::{Token, other_rsa, p256};
use crate::world::World;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn good(world: &World) -> Token {
    issued(world, "logout+jwt")
        .claim("sub", "alice")
        .claim("sid", "canary-sid")
        .claim("jti", "canary-jti")
        .claim("events", json!({EVENT: {}}))
}

fn validate(world: &World, client: &TokenClient<World>, token: &str) -> Result<LoggedOut, Error> {
    world.run(client.validate_logout_token(&Secret::new(token), None))
}

#[test]
fn r160_whose_session_is_over() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let over = validate(&world, &client, &good(&world).signed_by(p256())).unwrap();
    assert_eq!(over.subject.as_deref(), Some("alice"));
    assert_eq!(over.session.as_deref(), Some("canary-sid"));
    assert_eq!(over.jti, "canary-jti");
}

#[test]
fn r160_a_token_that_fails_a_check_is_answered_400() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let now = now(&world) / 1000;
    let event = |value: Value| good(&world).claim("events", value);
    for (token, detail) in [
        (good(&world).claim("iss", "https://evil.example"), "iss"),
        (good(&world).claim("aud", "other"), "aud"),
        (good(&world).claim("aud", json!(["shop", "other"])), "aud"),
        (good(&world).claim("exp", now - 60), "exp"),
        (good(&world).without("exp"), "exp"),
        (good(&world).without("iat"), "iat"),
        (good(&world).without("jti"), "jti"),
        (good(&world).claim("nonce", "x"), "nonce"),
        (good(&world).without("sub").without("sid"), "sub"),
        (good(&world).header("typ", "at+jwt"), "typ"),
        (good(&world).header("crit", json!(["x"])), "crit"),
        (good(&world).without("events"), "events"),
        (event(json!({})), "events"),
        (event(json!({EVENT: true})), "events"),
        (event(json!({EVENT: {"x": 1}})), "events"),
        (event(json!([EVENT])), "events"),
    ] {
        let error = validate(&world, &client, &token.signed_by(p256())).unwrap_err();
        let told = (error.code(), error.detail_text(), error.http_status());
        assert_eq!(told, (Code::TokenInvalid, Some(detail), Some(400)));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    // What failed was not taken.
    assert!(validate(&world, &client, &good(&world).signed_by(p256())).is_ok());
}

#[test]
fn r160_a_signature_of_nobody_or_of_somebody_else() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let none = good(&world).header("alg", "none").signed_by(p256());
    let hmac = good(&world).header("alg", "HS256").signed_by(p256());
    for token in [none.as_str(), &hmac, "", "x", "a.b.c"] {
        let error = validate(&world, &client, token).unwrap_err();
        assert_eq!((error.code(), error.http_status()), (Code::TokenInvalid, Some(400)), "{token}");
    }
    assert_eq!(world.count("jwks"), 0);
    let foreign = good(&world).header("alg", "RS256").header("kid", "rsa").signed_by(other_rsa());
    let error = validate(&world, &client, &foreign).unwrap_err();
    assert_eq!((error.code(), error.http_status()), (Code::JwksKeyNotFound, Some(400)));
    let named = good(&world).header("alg", "RS256").signed_by(other_rsa());
    let (body, _) = named.rsplit_once('.').unwrap();
    let cut = format!("{body}.AAAA");
    assert_eq!(validate(&world, &client, &cut).unwrap_err().http_status(), Some(400));
}

#[test]
fn r161_a_token_is_taken_once() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let token = good(&world).signed_by(p256());
    assert!(validate(&world, &client, &token).is_ok());
    let error = validate(&world, &client, &token).unwrap_err();
    let told = (error.code(), error.detail_text(), error.http_status());
    assert_eq!(told, (Code::TokenInvalid, Some("jti"), Some(400)));
    let other = good(&world).claim("jti", "canary-other").signed_by(p256());
    assert!(validate(&world, &client, &other).is_ok());
    // Another client has a memory of its own.
    assert!(validate(&world, &Setup::machine().client(&world), &token).is_ok());
    // When it is forgotten, it has expired.
    world.pass(331_000);
    let error = validate(&world, &client, &token).unwrap_err();
    assert_eq!(error.detail_text(), Some("exp"));
}

#[test]
fn r161_two_that_come_at_once_are_one() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let token = good(&world).signed_by(p256());
    world.hold("jwks");
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let (client, token) = (client.clone(), Secret::new(token.as_str()));
            world.start(async move { client.validate_logout_token(&token, None).await })
        })
        .collect();
    world.release("jwks");
    let taken = calls.iter().filter(|call| call.result().is_ok()).count();
    assert_eq!(taken, 1);
}

#[test]
fn r161_where_the_keys_cannot_be_had_the_server_may_say_it_again() {
    for (answer, code, status) in [
        (Reply::Fail(Code::NetworkError), Code::NetworkError, None),
        (page(503), Code::ResponseStatus, Some(503)),
    ] {
        let world = World::new();
        let client = Setup::machine().client(&world);
        let token = good(&world).signed_by(p256());
        world.provider().always("jwks", answer);
        let error = validate(&world, &client, &token).unwrap_err();
        assert_eq!((error.code(), error.http_status(), error.retryable()), (code, status, true));
        world.provider().mend("jwks");
        assert!(validate(&world, &client, &token).is_ok(), "it was not taken yet");
    }
}

#[test]
fn r142_r160_the_server_s_clock_counts() {
    let world = World::new();
    world.provider().dated.set(true);
    world.provider().skew.set(3_600_000);
    let client = Setup::machine().client(&world);
    let ahead = now(&world) / 1000 + 3600;
    let token = good(&world).claim("iat", ahead).claim("exp", ahead + 120).signed_by(p256());
    // The fetch of the keys tells what time it is there.
    assert!(validate(&world, &client, &token).is_ok());
}

#[test]
fn a_client_that_is_closed_takes_none() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    client.close();
    let token = good(&world).signed_by(p256());
    assert_eq!(code_of(validate(&world, &client, &token)), Code::Closed);
}
