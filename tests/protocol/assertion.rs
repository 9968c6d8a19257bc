//! RFC 7523, rows R066 and R067, and A045: how a client shows by a signature who it is.

use grantkit::protocol::assertion;
use grantkit::protocol::authorize::Wish;
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::device;
use grantkit::protocol::error::Code;
use grantkit::protocol::form::Form;
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::{Algorithm, parse};
use grantkit::protocol::secret::Secret;
use ring::hmac;
use serde_json::{Value, json};

use crate::given::{
    ISSUER, Judge, NOW, THEN, check, document_with, endpoint, issuer, made, object, parameters,
    refused, signs, values,
};
use crate::signer::signer_for;
use crate::verifier::verify;

const JTI: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

fn claims() -> Value {
    json!({
        "iss": "client",
        "aud": ISSUER,
        "jti": JTI,
        "iat": THEN,
        "exp": THEN + 60,
        "sub": "client",
    })
}

#[test]
fn r066_a045_the_audience_is_the_issuer_and_nothing_else() {
    for algorithm in ["ES256", "PS256", "RS256", "EdDSA"] {
        let draft =
            assertion::draft("client", &issuer(ISSUER), signs(algorithm), &[7; 32], NOW + 999);
        let (raw, header, seen) = made(&draft, algorithm);
        assert_eq!(header, json!({"alg": algorithm, "kid": signer_for(algorithm).kid}));
        assert_eq!(seen, claims());
        assert!(seen["aud"].is_string());
        let token = parse(&raw, &Algorithm::defaults(), &[]).unwrap();
        let keys = KeySet::check(&object(&json!({"keys": [signer_for(algorithm).jwk()]}))).unwrap();
        assert!(verify(&token.check(keys.find(&token).unwrap())), "{algorithm}");
        // It is no id_token, of whomever.
        Judge { client: ISSUER.into(), ..Judge::default() }.refuses(&raw, "iss", algorithm);
    }
    let (_, _, other) =
        made(&assertion::draft("client", &issuer(ISSUER), signs("ES256"), &[8; 32], NOW), "ES256");
    assert_ne!(other["jti"], claims()["jti"]);
}

#[test]
fn r067_a_secret_signs_if_it_is_long_enough() {
    let secret = Secret::new("0123456789abcdef0123456789abcdef");
    let draft =
        assertion::draft_by_secret("client", &issuer(ISSUER), &secret, &[7; 32], NOW).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let raw = draft.signed(hmac::sign(&key, draft.input()).as_ref());
    let parts: Vec<&str> = raw.expose().split('.').collect();
    let part = |at: usize| -> Value {
        let bytes = grantkit::protocol::base64url::decode(parts[at]).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    assert_eq!((part(0), part(1)), (json!({"alg": "HS256"}), claims()));
    let signature = grantkit::protocol::base64url::decode(parts[2]).unwrap();
    let input = format!("{}.{}", parts[0], parts[1]);
    assert!(hmac::verify(&key, input.as_bytes(), &signature).is_ok());
    for short in ["", "s", "0123456789abcdef0123456789abcde"] {
        let seen = assertion::draft_by_secret(
            "client",
            &issuer(ISSUER),
            &Secret::new(short),
            &[7; 32],
            NOW,
        );
        refused(seen, Code::ConfigInvalid, "clientSecret", short);
    }
}

#[test]
fn r063_r066_an_assertion_is_the_one_method_of_its_request() {
    let auth =
        ClientAuth { id: "client".into(), secret: Some(Secret::new("canary")), method: None };
    for method in [Method::KeyJwt, Method::SecretJwt] {
        let mut form = Form::new();
        form.push("grant_type", "client_credentials");
        assertion::present(&mut form, &Secret::new("a.b.c"));
        let request = auth.post(&endpoint("https://as.example/token"), form, method);
        assert!(request.authorization.is_none());
        assert!(!format!("{request:?}").contains("a.b.c"));
        let body = request.form.unwrap();
        assert!(!body.expose().contains("canary"));
        let sent = parameters(&format!("https://as.example/?{}", body.expose()));
        for (name, value) in [
            ("client_id", "client"),
            ("client_assertion", "a.b.c"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ] {
            assert_eq!(values(&sent, name), [value], "{method:?}");
        }
    }
    // By the connection: the name alone.
    for method in [Method::Tls, Method::SelfSignedTls] {
        let to = endpoint("https://as.example/device");
        let sent = device::request(&to, &auth, method, &Wish::default());
        assert!(sent.authorization.is_none());
        assert_eq!(sent.form.unwrap().expose(), "client_id=client");
    }
}

#[test]
fn r063_methods_have_the_names_of_the_registry() {
    let names = [
        (Method::None, "none"),
        (Method::Basic, "client_secret_basic"),
        (Method::Post, "client_secret_post"),
        (Method::SecretJwt, "client_secret_jwt"),
        (Method::KeyJwt, "private_key_jwt"),
        (Method::Tls, "tls_client_auth"),
        (Method::SelfSignedTls, "self_signed_tls_client_auth"),
    ];
    for (method, name) in names {
        assert_eq!(method.name(), name);
    }
}

#[test]
fn r063_a_key_goes_before_a_secret_and_the_callers_word_before_both() {
    let method = |secret: Option<&str>, word: Option<Method>, listed: Value, key: bool| {
        let auth = ClientAuth { id: "c".into(), secret: secret.map(Secret::new), method: word };
        let server = check(&document_with("token_endpoint_auth_methods_supported", listed));
        auth.method_with(&server.unwrap(), key)
    };
    let basic = json!(["client_secret_basic", "client_secret_jwt"]);
    for (secret, word, listed, key, expected) in [
        (None, None, Value::Null, false, Method::None),
        (None, None, Value::Null, true, Method::KeyJwt),
        (None, Some(Method::Tls), Value::Null, false, Method::Tls),
        (None, Some(Method::SelfSignedTls), Value::Null, true, Method::SelfSignedTls),
        (Some("s"), None, Value::Null, false, Method::Basic),
        (Some("s"), None, basic, false, Method::Basic),
        (Some("s"), None, json!(["client_secret_jwt"]), false, Method::SecretJwt),
        (Some("s"), Some(Method::Post), json!(["client_secret_jwt"]), false, Method::Post),
    ] {
        let what = format!("{word:?} {listed} {key}");
        assert_eq!(method(secret, word, listed, key), Ok(expected), "{what}");
    }
    let none = method(Some("s"), None, json!(["private_key_jwt"]), false);
    let name = "token_endpoint_auth_methods_supported";
    refused(none, Code::MetadataUnsupported, name, "a secret is of no use there");
}
