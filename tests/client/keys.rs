//! R105 to R113: which key proves a token, and how often the keys are asked for.

use std::future::Future;
use std::task::{Context, Waker};

use grantkit::client::token_client::TokenClient;
use grantkit::protocol::error::{Code, Error};
use serde_json::{Value, json};

use crate::acts::{Setup, at_callback, code_of, handle, object, told};
use crate::provider::{ISSUER, Reply, page, reply};
use crate::signer::{self, Signer, Token};
use crate::world::{START, World};

/// A good token of that key, under a name of its own.
fn token(signer: &Signer, algorithm: &str, kid: Option<&str>) -> String {
    let now = START / 1000;
    let token = Token::new(
        json!({"alg": algorithm}),
        json!({"iss": ISSUER, "sub": "alice", "aud": "shop", "exp": now + 80_000, "iat": now}),
    );
    match kid {
        Some(kid) => token.header("kid", kid).signed_by(signer),
        None => token.signed_by(signer),
    }
}

fn named(signer: &Signer, kid: &str) -> Value {
    let mut key = signer.jwk();
    key["kid"] = kid.into();
    key
}

fn prove(world: &World, client: &TokenClient<World>, raw: &str) -> Result<(), Error> {
    let want = TokenClient::<World>::want(None);
    world.run(client.validate_id_token(raw, want, None)).map(drop)
}

#[test]
fn r107_a051_an_unknown_key_is_asked_for_once_a_minute() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    for at in 0..100 {
        let raw = token(signer::p256(), "ES256", Some(&format!("unknown-{at}")));
        assert_eq!(code_of(prove(&world, &client, &raw)), Code::JwksKeyNotFound);
        world.pass(599);
    }
    assert!(world.count("jwks") <= 2, "{}", world.count("jwks"));
    // A minute later once more.
    world.pass(1_000);
    let raw = token(signer::p256(), "ES256", Some("unknown"));
    assert_eq!(code_of(prove(&world, &client, &raw)), Code::JwksKeyNotFound);
    assert_eq!(world.count("jwks"), 3);
}

#[test]
fn r112_a051_a_hundred_unknown_keys_at_once() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("jwks");
    let calls: Vec<_> = (0..100)
        .map(|at| {
            let raw = token(signer::p256(), "ES256", Some(&format!("unknown-{at}")));
            let client = client.clone();
            world.start(async move {
                let want = TokenClient::<World>::want(None);
                client.validate_id_token(&raw, want, None).await.map(drop)
            })
        })
        .collect();
    world.release("jwks");
    world.turn();
    for call in calls {
        assert_eq!(code_of(call.result()), Code::JwksKeyNotFound);
    }
    assert_eq!(world.count("jwks"), 2);
}

#[test]
fn r107_a_server_that_changed_its_key_is_believed() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let old = token(signer::p256(), "ES256", Some("p256"));
    assert!(prove(&world, &client, &old).is_ok());
    *world.provider().keys.borrow_mut() = vec![signer::ed25519().jwk()];
    world.pass(1_000);
    let new = token(signer::ed25519(), "EdDSA", Some("ed25519"));
    assert!(prove(&world, &client, &new).is_ok());
    assert_eq!(world.count("jwks"), 2);
    // What the old key signed is refused from then on.
    assert_eq!(code_of(prove(&world, &client, &old)), Code::JwksKeyNotFound);
    assert_eq!(world.count("jwks"), 2);
}

#[test]
fn r107_a_changed_key_is_believed_for_all_who_bring_it_at_once() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let old = token(signer::p256(), "ES256", Some("p256"));
    assert!(prove(&world, &client, &old).is_ok());
    *world.provider().keys.borrow_mut() = vec![signer::ed25519().jwk()];
    world.hold("jwks");
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let raw = token(signer::ed25519(), "EdDSA", Some("ed25519"));
            let client = client.clone();
            world.start(async move {
                let want = TokenClient::<World>::want(None);
                client.validate_id_token(&raw, want, None).await.map(drop)
            })
        })
        .collect();
    world.release("jwks");
    for call in calls {
        assert!(call.result().is_ok());
    }
    assert_eq!(world.count("jwks"), 2);
}

#[test]
fn r107_a_sign_in_survives_a_key_that_changed_meanwhile() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.provider().signs_by("RS256", signer::rsa());
    assert!(handle(&world, &session).is_ok());
    assert_eq!(world.count("jwks"), 2);
}

#[test]
fn r108_a052_without_a_name_there_must_be_one_key() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let raw = token(signer::p256(), "ES256", None);
    *world.provider().keys.borrow_mut() = vec![signer::rsa().jwk(), signer::p256().jwk()];
    assert!(prove(&world, &client, &raw).is_ok());

    for name in [None, Some("same")] {
        let world = World::new();
        let client = Setup::machine().client(&world);
        let raw = token(signer::rsa(), "RS256", name);
        let keys = vec![named(signer::rsa(), "same"), named(signer::other_rsa(), "same")];
        *world.provider().keys.borrow_mut() = keys;
        let ambiguous = (Code::JwksKeyNotFound, Some("ambiguous".into()));
        assert_eq!(told(prove(&world, &client, &raw)), ambiguous);
        // Asking again would not help.
        assert_eq!(world.count("jwks"), 1);
    }
}

#[test]
fn r109_decoys_of_the_same_name_do_no_harm() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let mut encryption = named(signer::other_rsa(), "same");
    encryption["use"] = "enc".into();
    *world.provider().keys.borrow_mut() = vec![
        encryption,
        named(signer::ed25519(), "same"),
        named(signer::p256(), "same"),
        named(signer::rsa(), "same"),
    ];
    assert!(prove(&world, &client, &token(signer::rsa(), "RS256", Some("same"))).is_ok());
}

#[test]
fn r110_a_secret_among_the_keys_is_skipped_and_told() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    *world.provider().keys.borrow_mut() =
        vec![json!({"kty": "oct", "k": "canary", "kid": "p256"}), signer::p256().jwk()];
    assert!(prove(&world, &client, &token(signer::p256(), "ES256", Some("p256"))).is_ok());
    let warned = |line: &String| line.starts_with("Warning jwks-holds-secret-keys");
    assert!(world.log_lines().iter().any(warned));
}

#[test]
fn r112_keys_are_used_for_ten_minutes() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let raw = token(signer::p256(), "ES256", Some("p256"));
    assert!(prove(&world, &client, &raw).is_ok());
    world.pass(599_999);
    assert!(prove(&world, &client, &raw).is_ok());
    assert_eq!(world.count("jwks"), 1);
    world.pass(1);
    assert!(prove(&world, &client, &raw).is_ok());
    assert_eq!(world.count("jwks"), 2);
}

#[test]
fn r112_who_waited_for_the_metadata_while_another_brought_the_keys_asks_for_none() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let raw = token(signer::p256(), "ES256", Some("p256"));
    let mut slow = {
        let (client, raw) = (client.clone(), raw.clone());
        Box::pin(async move {
            let want = TokenClient::<World>::want(None);
            client.validate_id_token(&raw, want, None).await.map(drop)
        })
    };
    // A request of its own, which the edge goes on with when it likes.
    let mut idle = Context::from_waker(Waker::noop());
    assert!(slow.as_mut().poll(&mut idle).is_pending());
    assert!(prove(&world, &client, &raw).is_ok());
    assert!(world.run(slow).is_ok());
    assert_eq!((world.count("metadata"), world.count("jwks")), (1, 1));
}

#[test]
fn r112_a_failure_is_no_empty_set() {
    let failures = [
        (page(503), Code::ResponseStatus),
        (page(404), Code::ResponseStatus),
        (page(200), Code::ResponseContentType),
        (reply(200, "[]"), Code::JwksInvalid),
        (reply(200, "{}"), Code::JwksInvalid),
        (reply(200, json!({"keys": {}})), Code::JwksInvalid),
        (Reply::Fail(Code::NetworkError), Code::NetworkError),
    ];
    for (failure, code) in failures {
        let world = World::new();
        let client = Setup::machine().client(&world);
        let raw = token(signer::p256(), "ES256", Some("p256"));
        world.provider().always("jwks", failure.clone());
        assert_eq!(code_of(prove(&world, &client, &raw)), code);
        world.provider().mend("jwks");
        assert!(prove(&world, &client, &raw).is_ok());
        // What is known stays known when asking for an unknown one fails.
        world.provider().always("jwks", failure);
        let unknown = token(signer::p256(), "ES256", Some("unknown"));
        assert!(prove(&world, &client, &unknown).is_err());
        assert!(prove(&world, &client, &raw).is_ok());
    }
}

#[test]
fn r113_keys_by_hand_are_the_only_keys() {
    let world = World::new();
    let mut setup = Setup::machine();
    let keys = json!({"jwks": {"keys": [signer::rsa().jwk()]}});
    setup.options.metadata = object(&keys);
    let client = setup.client(&world);
    assert!(prove(&world, &client, &token(signer::rsa(), "RS256", Some("rsa"))).is_ok());
    let raw = token(signer::p256(), "ES256", Some("p256"));
    assert_eq!(code_of(prove(&world, &client, &raw)), Code::JwksKeyNotFound);
    assert!(world.seen().is_empty());
}

#[test]
fn r105_a_server_s_usual_set() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    *world.provider().keys.borrow_mut() = vec![
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        json!({"kty": "future"}),
        json!("not even an object"),
        signer::p256().jwk(),
    ];
    assert!(prove(&world, &client, &token(signer::p256(), "ES256", Some("p256"))).is_ok());
}
