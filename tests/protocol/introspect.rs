//! RFC 7662 and RFC 9701, row R149: what a server tells of a token.

use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::introspect::{self, Introspection, JWT};
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::given::{CLIENT, ISSUER, NOW, THEN, answer, endpoint, object, refused, reply, value};
use crate::signer::{Token, p256, rsa, signer_for};
use crate::verifier::verify;

#[test]
fn r149_the_question_is_authenticated() {
    let to = endpoint("https://as.example/introspect");
    let auth = ClientAuth { id: "rs".into(), secret: Some(Secret::new("s")), method: None };
    let ask = |method, hint, signed| {
        introspect::request(&to, &auth, method, &Secret::new("canary"), hint, signed)
    };
    let plain = ask(Method::Basic, Some("access_token"), false).unwrap();
    assert_eq!(plain.form.as_ref().unwrap().expose(), "token=canary&token_type_hint=access_token");
    assert!(plain.authorization.is_some() && plain.accept == "application/json");
    assert!(!format!("{plain:?}").contains("canary"));
    let signed = ask(Method::Post, None, true).unwrap();
    assert_eq!(signed.accept, "application/token-introspection+jwt");
    assert_eq!(signed.form.unwrap().expose(), "token=canary&client_id=rs&client_secret=s");
    refused(ask(Method::None, None, false), Code::ConfigInvalid, "clientAuthentication", "none");
}

fn read(body: Value) -> Result<Introspection, Error> {
    introspect::response(&reply(200, body.to_string()))
}

#[test]
fn r149_the_example_of_rfc_7662_section_2_2() {
    let body = json!({
        "active": true,
        "client_id": "l238j323ds-23ij4",
        "username": "jdoe",
        "scope": "read write dolphin",
        "sub": "Z5O3upPC88QrAjx00dis",
        "aud": "https://protected.example.net/resource",
        "iss": "https://server.example.com/",
        "exp": 1_419_356_238,
        "iat": 1_419_350_238,
        "extension_field": "twenty-seven"
    });
    let seen = read(body.clone()).unwrap();
    assert!(seen.active);
    assert_eq!(value(&seen.response), body);
}

#[test]
fn r149_of_an_inactive_token_nothing_else_is_told() {
    let body = json!({"active": false, "sub": "jdoe", "scope": 7, "exp": "x"});
    let seen = read(body).unwrap();
    assert!(!seen.active);
    assert_eq!(value(&seen.response), json!({"active": false}));
}

#[test]
fn r149_active_is_a_boolean() {
    for wrong in [json!("true"), json!(1), json!(null), json!({}), json!([true])] {
        let what = wrong.to_string();
        let seen = read(json!({ "active": wrong, "sub": "x" }));
        refused(seen, Code::TokenResponseInvalid, "active", &what);
    }
    refused(read(json!({})), Code::TokenResponseInvalid, "active", "missing");
    let page = answer(200, Some("text/html"), "<html>");
    refused(introspect::response(&page), Code::ResponseContentType, "", "html");
    let twice = reply(200, "{\"active\":false,\"active\":true}");
    refused(introspect::response(&twice), Code::ResponseNotJson, "", "duplicate");
    let error = introspect::response(&reply(401, "{\"error\":\"invalid_client\"}")).err().unwrap();
    assert_eq!((error.code(), error.server_error()), (Code::TokenError, Some("invalid_client")));
}

#[test]
fn r149_members_are_what_they_must_be() {
    for (name, wrong) in [
        ("scope", json!(["read"])),
        ("client_id", json!(7)),
        ("username", json!(null)),
        ("token_type", json!({})),
        ("sub", json!(true)),
        ("iss", json!(["x"])),
        ("jti", json!(1)),
        ("exp", json!("1419356238")),
        ("iat", json!(-1)),
        ("nbf", json!(1e300)),
        ("aud", json!([1])),
        ("aud", json!({})),
    ] {
        let what = format!("{name} {wrong}");
        refused(
            read(json!({"active": true, name: wrong})),
            Code::TokenResponseInvalid,
            name,
            &what,
        );
    }
    assert!(read(json!({"active": true, "aud": ["a", "b"], "exp": 1.5})).is_ok());
}

/// A signed answer as of RFC 9701, section 5.
fn signed() -> Token {
    Token::new(
        json!({"alg": "RS256", "typ": "token-introspection+jwt", "kid": "rsa"}),
        json!({
            "iss": ISSUER,
            "aud": CLIENT,
            "iat": THEN - 1,
            "token_introspection": {"active": true, "scope": "read", "sub": "x"},
        }),
    )
}

fn open(raw: &str) -> Result<Introspection, Error> {
    let reply = answer(200, Some(JWT), raw);
    let answer = introspect::signed_response(&reply, &Algorithm::defaults())?;
    let keys = json!({"keys": [rsa().jwk(), p256().jwk()]});
    let keys = KeySet::check(&object(&keys)).unwrap();
    let good = verify(&answer.token().check(keys.find(answer.token())?));
    answer.open(good, ISSUER, CLIENT, NOW, 30)
}

#[test]
fn r149_a_signed_answer() {
    let seen = open(&signed().signed()).unwrap();
    let told = json!({"active": true, "scope": "read", "sub": "x"});
    assert_eq!((seen.active, value(&seen.response)), (true, told));
    assert!(open(&signed().claim("aud", json!(["other", CLIENT])).signed()).is_ok());
    let gone = json!({"active": false, "sub": "x"});
    let gone = open(&signed().claim("token_introspection", gone).signed()).unwrap();
    assert_eq!(value(&gone.response), json!({"active": false}));
}

#[test]
fn r149_a_signed_answer_is_held_against_what_was_asked() {
    let spoilt = signed().signed();
    let (input, signature) = spoilt.rsplit_once('.').unwrap();
    let spoilt = format!("{input}.A{}", &signature[1..]);
    for (detail, raw) in [
        ("signature", spoilt),
        ("iss", signed().claim("iss", "https://as.example/").signed()),
        ("iss", signed().without("iss").signed()),
        ("aud", signed().claim("aud", "spa1").signed()),
        ("aud", signed().claim("aud", json!([])).signed()),
        ("aud", signed().without("aud").signed()),
        ("iat", signed().claim("iat", THEN + 31).signed()),
        ("iat", signed().claim("iat", THEN - 331).signed()),
        ("iat", signed().without("iat").signed()),
        ("token_introspection", signed().without("token_introspection").signed()),
        ("token_introspection", signed().claim("token_introspection", "x").signed()),
        ("typ", signed().header("typ", "JWT").signed()),
        ("typ", signed().header("typ", "at+jwt").signed()),
        ("typ", signed().without_header("typ").signed()),
        ("alg", signed().header("alg", "none").signed_by(rsa())),
        ("alg", signed().header("alg", "HS256").signed_by(rsa())),
        ("malformed", "x.y.z".into()),
        ("malformed", "".into()),
    ] {
        refused(open(&raw), Code::TokenInvalid, detail, &format!("{detail} {raw}"));
    }
    let wrong = signed().claim("token_introspection", json!({"active": "true"})).signed();
    refused(open(&wrong), Code::TokenResponseInvalid, "active", "a string");
    let foreign = signed().header("kid", "p384").header("alg", "ES256");
    refused(open(&foreign.signed()), Code::JwksKeyNotFound, "", "an unknown key");
    assert_eq!(signer_for("ES256").kid, "p256");
}

#[test]
fn r149_a_plain_answer_is_no_signed_one() {
    let allowed = Algorithm::defaults();
    let plain = introspect::signed_response(&reply(200, "{\"active\":true}"), &allowed);
    refused(plain, Code::ResponseContentType, "", "downgrade");
    let untyped = introspect::signed_response(&answer(200, None, signed().signed()), &allowed);
    refused(untyped, Code::ResponseContentType, "", "no type");
    let error = reply(400, "{\"error\":\"invalid_request\"}");
    let error = introspect::signed_response(&error, &allowed).err().unwrap();
    assert_eq!(error.server_error(), Some("invalid_request"));
    let page = introspect::signed_response(&answer(201, Some(JWT), signed().signed()), &allowed);
    refused(page, Code::ResponseStatus, "", "201");
    let bytes = introspect::signed_response(&answer(200, Some(JWT), b"\xff"), &allowed);
    refused(bytes, Code::ResponseNotJson, "", "no text");
}
