//! R066, R067, A045: who the client is, shown by a signature; each request by one of its own.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use grantkit::client::keyring::Keyring;
use grantkit::client::token_client::{Ask, TokenClient};
use grantkit::protocol::base64url;
use grantkit::protocol::client_auth::Method;
use grantkit::protocol::error::Code;
use grantkit::protocol::secret::Secret;
use ring::hmac;
use serde_json::{Value, json};

use crate::acts::{CLIENT, REDIRECT, Setup, code_of, forced, now, told};
use crate::keyed::{keyed, opened, parts};
use crate::provider::{ISSUER, Seen, reply};
use crate::signer::{Signer, ed25519, p256, rsa};
use crate::world::{START, World, signing};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const LISTED: &str = "token_endpoint_auth_signing_alg_values_supported";

fn setup() -> Setup {
    Setup { secret: None, ..Setup::machine() }
}

fn with_key(world: &World, key: &'static Signer, algorithm: &str) -> TokenClient<World> {
    keyed(world, &setup(), Some(signing(key, algorithm)), None)
}

/// The assertion of a request that shows nothing else.
fn assertion(seen: &Seen) -> String {
    assert_eq!(seen.authorization, None);
    assert_eq!(seen.get("client_secret"), None);
    assert_eq!(seen.get("client_id"), Some(CLIENT));
    assert_eq!(seen.get("client_assertion_type"), Some(TYPE));
    let names = seen.names();
    assert_eq!(names.iter().filter(|name| **name == "client_assertion").count(), 1);
    seen.get("client_assertion").unwrap().to_owned()
}

fn token(world: &World, client: &TokenClient<World>) -> Seen {
    world.run(client.access_token(forced(), None)).unwrap();
    world.last("token")
}

#[test]
fn r066_an_assertion_is_of_this_client_for_this_server_now() {
    let cases = [(p256(), "ES256"), (rsa(), "RS256"), (rsa(), "PS256"), (ed25519(), "EdDSA")];
    for (key, algorithm) in cases {
        let world = World::new();
        world.provider().describes(LISTED, json!([algorithm]));
        let client = with_key(&world, key, algorithm);
        let (header, claims) = opened(&assertion(&token(&world, &client)), &key.jwk());
        assert_eq!(header, json!({"alg": algorithm, "kid": key.kid}));
        let now = now(&world) / 1000;
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
        assert_eq!(claims["aud"], json!(ISSUER), "one string");
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 60)));
        assert!(claims["jti"].as_str().unwrap().len() >= 22);
    }
}

#[test]
fn r066_no_two_requests_share_one() {
    let world = World::new();
    world.provider().describes("introspection_endpoint", json!("https://as.example/i"));
    world.provider().always("https://as.example/i", reply(200, json!({"active": false})));
    let client = with_key(&world, p256(), "ES256");
    let secret = Secret::new("canary");
    for _ in 0..3 {
        token(&world, &client);
    }
    world.run(client.revoke(&secret, None, None)).unwrap();
    world.run(client.introspect(&secret, None, false, None)).unwrap();
    let mut seen = BTreeSet::new();
    for request in world.seen().iter().filter(|request| request.form.is_some()) {
        let (_, claims) = opened(&assertion(request), &p256().jwk());
        assert_eq!(claims["aud"], json!(ISSUER), "{}", request.url);
        assert!(seen.insert(claims["jti"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), 5);
}

#[test]
fn a045_a_server_that_names_endpoints_of_another_gets_nothing_that_the_other_takes() {
    let world = World::new();
    world.provider().describes("token_endpoint", json!("https://honest.example/token"));
    world.provider().always(
        "https://honest.example/token",
        reply(200, json!({"access_token": "canary", "token_type": "Bearer"})),
    );
    let client = with_key(&world, p256(), "ES256");
    world.run(client.access_token(Ask::default(), None)).unwrap();
    let (_, claims) = parts(&assertion(&world.last("https://honest.example/token")));
    assert_eq!(claims["aud"], json!(ISSUER));
}

#[test]
fn r142_an_assertion_is_of_the_server_s_time() {
    let world = World::new();
    world.provider().dated.set(true);
    world.provider().skew.set(3_600_000);
    let client = with_key(&world, p256(), "ES256");
    let (_, claims) = parts(&assertion(&token(&world, &client)));
    assert_eq!(claims["iat"], json!(START / 1000 + 3600));
}

#[test]
fn r066_a_key_that_cannot_do_what_the_server_lists_signs_nothing() {
    for listed in [json!(["RS256", "PS256"]), json!(["HS256"]), json!([])] {
        let world = World::new();
        world.provider().describes(LISTED, listed);
        let client = with_key(&world, p256(), "ES256");
        let result = world.run(client.access_token(Ask::default(), None));
        assert_eq!(told(result.map(drop)), (Code::MetadataUnsupported, Some(LISTED.into())));
        assert_eq!(world.count("token"), 0);
    }
    // The method without a key.
    let world = World::new();
    let setup = Setup { method: Some(Method::KeyJwt), ..setup() };
    let client = keyed(&world, &setup, None, None);
    let result = world.run(client.access_token(Ask::default(), None));
    assert_eq!(told(result.map(drop)), (Code::ConfigInvalid, Some("privateKey".into())));
}

#[test]
fn r066_an_assertion_that_is_made_elsewhere_is_asked_for_each_time() {
    let world = World::new();
    let client = setup().client(&world);
    let made = Rc::new(Cell::new(0));
    let count = made.clone();
    client.server().sign_by(Rc::new(Keyring {
        host: world.clone(),
        id: CLIENT.into(),
        client: None,
        elsewhere: Some(Rc::new(move || {
            count.set(count.get() + 1);
            let number = count.get();
            Box::pin(async move {
                match number {
                    3 => Err(Code::ConfigInvalid.into()),
                    _ => Ok(Secret::new(format!("canary-made-{number}"))),
                }
            })
        })),
        secret: None,
        objects: None,
    }));
    assert_eq!(assertion(&token(&world, &client)), "canary-made-1");
    assert_eq!(assertion(&token(&world, &client)), "canary-made-2");
    let result = world.run(client.access_token(forced(), None));
    assert_eq!(code_of(result.map(drop)), Code::ConfigInvalid);
    assert_eq!(world.count("token"), 2);
}

const STRONG: &str = "canary-0123456789abcdef0123456789";

fn by_secret(world: &World, secret: &'static str, method: Option<Method>) -> TokenClient<World> {
    keyed(world, &Setup { secret: Some(secret), method, ..Setup::machine() }, None, None)
}

#[test]
fn r067_a_secret_signs_where_the_caller_or_the_server_wants_it() {
    for (method, listed) in [
        (Some(Method::SecretJwt), Value::Null),
        (None, json!(["client_secret_jwt", "private_key_jwt"])),
    ] {
        let world = World::new();
        world.provider().describes("token_endpoint_auth_methods_supported", listed);
        let client = by_secret(&world, STRONG, method);
        let made = assertion(&token(&world, &client));
        let (input, mac) = made.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, STRONG.as_bytes());
        let mac = base64url::decode(mac).unwrap();
        assert!(hmac::verify(&key, input.as_bytes(), &mac).is_ok());
        let (header, claims) = parts(&made);
        assert_eq!(header, json!({"alg": "HS256"}));
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(CLIENT), &json!(ISSUER)));
        let again = parts(&assertion(&token(&world, &client))).1;
        assert_ne!(again["jti"], claims["jti"]);
        assert!(!world.last("token").body.contains(STRONG));
    }
    // A server that takes the secret itself is given it.
    let world = World::new();
    let both = json!(["client_secret_jwt", "client_secret_basic"]);
    world.provider().describes("token_endpoint_auth_methods_supported", both);
    let seen = token(&world, &by_secret(&world, STRONG, None));
    assert!(seen.authorization.unwrap().starts_with("Basic "));
}

#[test]
fn r067_a_secret_too_short_to_sign_is_refused() {
    let world = World::new();
    let client = by_secret(&world, &STRONG[..31], Some(Method::SecretJwt));
    let result = world.run(client.access_token(Ask::default(), None));
    assert_eq!(told(result.map(drop)), (Code::ConfigInvalid, Some("clientSecret".into())));
    assert_eq!(world.count("token"), 0);
}

#[test]
fn r175_r176_what_signs_is_shown_to_nobody() {
    let world = World::new();
    let client = with_key(&world, p256(), "ES256");
    world.provider().always("token", crate::provider::refusal(401, "invalid_client"));
    let error = world.run(client.access_token(Ask::default(), None)).unwrap_err();
    let made = assertion(&world.last("token"));
    let shown = [format!("{error} {error:?} {:?}", client.config()), world.lines().join(" ")];
    assert!(shown.iter().all(|text| !text.contains(&made) && !text.contains("canary")));
    let begun = world.run(client.authorization_request(REDIRECT, Box::default(), None));
    assert!(!begun.unwrap().0.contains("client_assertion"), "never in an address");
}
