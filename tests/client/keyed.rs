//! Clients that hold keys, and a look into what they signed.

use std::rc::Rc;

use grantkit::client::host::Signing;
use grantkit::client::keyring::Keyring;
use grantkit::client::token_client::TokenClient;
use grantkit::protocol::base64url;
use grantkit::protocol::jwk::{Check, PublicKey};
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{CLIENT, Setup, now, object};
use crate::provider::ISSUER;
use crate::signer::{Signer, Token, p256};
use crate::verifier;
use crate::world::World;

/// A client with these keys: for client authentication, and for request objects.
pub(crate) fn keyed(
    world: &World,
    setup: &Setup,
    client: Option<Signing<&'static Signer>>,
    objects: Option<Signing<&'static Signer>>,
) -> TokenClient<World> {
    let made = setup.client(world);
    made.server().sign_by(Rc::new(Keyring {
        host: world.clone(),
        id: CLIENT.into(),
        client,
        elsewhere: None,
        secret: setup.secret.map(Secret::new),
        objects,
    }));
    made
}

/// Header and claims, unchecked.
pub(crate) fn parts(jwt: &str) -> (Value, Value) {
    let read = |part: &str| serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap();
    let parts: Vec<&str> = jwt.split('.').collect();
    assert_eq!(parts.len(), 3, "{jwt}");
    (read(parts[0]), read(parts[1]))
}

/// The same of a token that the key of that JWK signed.
pub(crate) fn opened(jwt: &str, key: &Value) -> (Value, Value) {
    let (header, claims) = parts(jwt);
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    let check = Check {
        key: &PublicKey::parse(&object(key)).unwrap(),
        algorithm: Algorithm::by_name(header["alg"].as_str().unwrap()).unwrap(),
        input: input.as_bytes(),
        signature: &base64url::decode(signature).unwrap(),
    };
    assert!(verifier::verify(&check), "a good signature of that key");
    (header, claims)
}

/// A token of the server's for this client, made now.
pub(crate) fn issued(world: &World, typ: &str) -> Token {
    let now = now(world) / 1000;
    Token::new(
        json!({"alg": "ES256", "kid": p256().kid, "typ": typ}),
        json!({"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 300}),
    )
}
