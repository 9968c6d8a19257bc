//! RFC 9101, row R038: the request as a signed object.

use grantkit::protocol::authorize::{Manner, SignIn, Wish, parameters as asked, url};
use grantkit::protocol::ciba;
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::form::Form;
use grantkit::protocol::jar;
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::{Algorithm, Draft, parse};
use grantkit::protocol::par;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::given::{
    CLIENT, ISSUER, NONCE, NOW, REDIRECT, STATE, THEN, ask_of, check, client, document_with,
    endpoint, issuer, made, object, parameters, random, read, refused, server, sign_in, signs,
};
use crate::signer::signer_for;
use crate::verifier::verify;

fn form(ask: SignIn) -> Form {
    asked(&server(), client(), ask.into(), Manner::default(), &random(), NOW).unwrap().0
}

fn draft(form: &Form, algorithm: &str) -> Result<Draft, Error> {
    jar::draft(form, CLIENT, &issuer(ISSUER), signs(algorithm), &[9; 32], NOW)
}

#[test]
fn r038_the_claims_of_a_request_object() {
    for algorithm in ["ES256", "PS256", "RS256", "EdDSA"] {
        let draft = draft(&form(sign_in("openid")), algorithm).unwrap();
        assert!(!format!("{draft:?}").contains("eyJ"));
        let (raw, header, claims) = made(&draft, algorithm);
        let kid = signer_for(algorithm).kid;
        let expected = json!({"alg": algorithm, "typ": "oauth-authz-req+jwt", "kid": kid});
        assert_eq!(header, expected);
        assert_eq!(
            claims,
            json!({
                "iss": CLIENT,
                "aud": ISSUER,
                "jti": "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
                "iat": THEN,
                "exp": THEN + 300,
                "nbf": THEN,
                "response_type": "code",
                "client_id": CLIENT,
                "redirect_uri": REDIRECT,
                "state": STATE,
                "nonce": NONCE,
                "code_challenge": claims["code_challenge"],
                "code_challenge_method": "S256",
                "scope": "openid",
            })
        );
        // The public key agrees.
        let token = parse(&raw, &Algorithm::defaults(), &["oauth-authz-req+jwt"]).unwrap();
        let keys = json!({"keys": [signer_for(algorithm).jwk()]});
        let keys = KeySet::check(&object(&keys)).unwrap();
        assert!(verify(&token.check(keys.find(&token).unwrap())), "{algorithm}");
    }
}

#[test]
fn r038_values_keep_their_kind() {
    let ask = SignIn {
        wish: Wish {
            scope: Some("api".into()),
            resource: vec!["https://a".into(), "https://b".into(), "https://c".into()],
            audience: vec!["one".into()],
            parameters: vec![("x".into(), "1".into())],
            ..Wish::default()
        },
        max_age: Some(60),
        claims: Some(object(&json!({"userinfo": {"email": null}}))),
        authorization_details: Some(read(&json!([{"type": "a"}, {"type": "b", "n": 1.5}]))),
        ..SignIn::default()
    };
    let (_, _, claims) = made(&draft(&form(ask), "ES256").unwrap(), "ES256");
    for (name, value) in [
        ("resource", json!(["https://a", "https://b", "https://c"])),
        ("audience", json!("one")),
        ("x", json!("1")),
        ("max_age", json!(60)),
        ("claims", json!({"userinfo": {"email": null}})),
        ("authorization_details", json!([{"type": "a"}, {"type": "b", "n": 1.5}])),
        ("sub", Value::Null),
        ("request", Value::Null),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
}

#[test]
fn r038_no_parameter_stands_over_the_claims() {
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "request", "request_uri"] {
        let mut form = form(sign_in("openid"));
        form.push(name, "x");
        refused(draft(&form, "ES256"), Code::ConfigInvalid, "parameters", name);
    }
    for name in ["claims", "authorization_details"] {
        let mut form = Form::new();
        form.push(name, "{\"a\":1,\"a\":2}");
        refused(draft(&form, "ES256"), Code::ConfigInvalid, "parameters", name);
    }
}

#[test]
fn r038_the_address_repeats_no_more_than_it_must() {
    let token = Secret::new("a.b.c");
    let plain = form(sign_in("api"));
    let address = url(&server(), &jar::query(&plain, CLIENT, &token)).unwrap();
    assert_eq!(address, "https://as.example/authorize?client_id=spa&request=a.b.c");
    let openid = form(sign_in("openid email"));
    let address = url(&server(), &jar::query(&openid, CLIENT, &token)).unwrap();
    let sent = parameters(&address);
    let expected = [
        ("client_id", "spa"),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("request", "a.b.c"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(sent, expected);
}

#[test]
fn r038_r154_pushed_and_on_the_back_channel_it_stands_alone() {
    let to = endpoint("https://as.example/par");
    let auth = ClientAuth { id: CLIENT.into(), secret: Some(Secret::new("s")), method: None };
    let token = Secret::new("a.b.c");
    // RFC 9126, section 3: with the name of who asks, also where the header says it.
    for method in [Method::Basic, Method::None] {
        let sent = par::request(&to, &auth, method, jar::body(&token)).unwrap();
        assert_eq!(sent.form.unwrap().expose(), "request=a.b.c&client_id=spa");
    }
    let ask = ciba::Ask {
        wish: Wish { scope: Some("openid".into()), ..Wish::default() },
        login_hint: Some("jane".into()),
        requested_expiry: Some(120),
        ..ciba::Ask::default()
    };
    let form = ask.parameters().unwrap();
    let draft =
        jar::backchannel_draft(&form, CLIENT, &issuer(ISSUER), signs("PS256"), &[1; 32], NOW);
    let (_, header, claims) = made(&draft.unwrap(), "PS256");
    assert_eq!(header, json!({"alg": "PS256", "kid": "rsa"}));
    assert_eq!(
        claims,
        json!({
            "iss": CLIENT,
            "aud": ISSUER,
            "jti": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
            "iat": THEN,
            "exp": THEN + 300,
            "nbf": THEN,
            "scope": "openid",
            "login_hint": "jane",
            "requested_expiry": 120,
        })
    );
}

#[test]
fn r038_a_server_that_wants_signed_requests_gets_no_other() {
    let name = "require_signed_request_object";
    let server = check(&document_with(name, json!(true))).unwrap();
    let seen = ask_of(&server, client(), sign_in("openid"), &random());
    refused(seen, Code::MetadataUnsupported, name, "in the address");
    let seen =
        asked(&server, client(), sign_in("openid").into(), Manner::default(), &random(), NOW);
    assert!(seen.is_ok());
    let either = check(&document_with(name, json!(false))).unwrap();
    assert!(ask_of(&either, client(), sign_in("openid"), &random()).is_ok());
}
