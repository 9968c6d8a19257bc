//! More about the person, and about nobody else.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::json::Object;
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::userinfo::{
    JWT, bearer, request, response, signed_request, signed_response,
};
use serde_json::{Value, json};

use crate::given::{
    CLIENT, ISSUER, answer, endpoint, issuer, object, refused, reply, token, value,
};
use crate::signer::{Token, other_rsa, rsa};
use crate::verifier::verify;

const SUB: &str = "248289761001";

fn read(body: &str) -> Result<Object, Error> {
    response(&reply(200, body), SUB)
}

#[test]
fn r114_the_token_is_in_the_header_alone() {
    let to = endpoint("https://as.example/userinfo?x=1");
    let asked = request(&to, &Secret::new("canary.token-~+/="));
    assert_eq!(asked.url.as_str(), "https://as.example/userinfo?x=1");
    assert!(asked.form.is_none(), "a GET");
    let header = asked.authorization.unwrap();
    assert_eq!(header.expose(), "Bearer canary.token-~+/=");
    assert_eq!(bearer(&Secret::new("t")).expose(), "Bearer t");
}

#[test]
fn r115_a064_only_what_is_about_this_person_is_used() {
    for sub in [
        json!("248289761001invalid"),
        json!("24828976100"),
        json!(" 248289761001"),
        json!("248289761001\u{0}"),
        json!("\u{ff12}48289761001"),
        json!("other"),
        json!(""),
        json!([SUB]),
        json!({"sub": SUB}),
        json!(248_289_761_001_i64),
        json!(true),
        Value::Null,
    ] {
        let body = json!({"sub": sub, "name": "Mallory"}).to_string();
        refused(read(&body), Code::UserinfoInvalid, "sub", &body);
    }
    refused(read("{\"name\":\"Mallory\"}"), Code::UserinfoInvalid, "sub", "missing");
    refused(read("{}"), Code::UserinfoInvalid, "sub", "empty");
    let twice = format!("{{\"sub\":\"{SUB}\",\"sub\":\"other\"}}");
    refused(read(&twice), Code::ResponseNotJson, "", "twice");
    let case = response(&reply(200, "{\"sub\":\"Alice\"}"), "alice");
    refused(case, Code::UserinfoInvalid, "sub", "case");
    let nobody = response(&reply(200, "{\"sub\":\"\"}"), "");
    refused(nobody, Code::UserinfoInvalid, "sub", "nobody is nobody");
}

#[test]
fn r115_what_is_about_this_person_comes_whole() {
    let body = json!({
        "sub": SUB, "name": "Jane Doe", "email_verified": true, "__proto__": {"polluted": 1},
        "address": {"locality": "X"}, "updated_at": 1_311_280_970.5, "nothing": null
    });
    let seen = read(&body.to_string()).unwrap();
    assert_eq!(value(&seen), body);
    assert!(seen.get("polluted").is_none());
}

#[test]
fn r116_a_signed_answer_was_not_asked_for() {
    let signed = token("RS256").signed();
    for kind in [
        "application/jwt",
        "application/jwt; charset=utf-8",
        "text/html",
        "text/plain",
        "application/jose",
    ] {
        for body in [&signed, "{\"sub\":\"248289761001\"}"] {
            let seen = response(&answer(200, Some(kind), body), SUB);
            refused(seen, Code::ResponseContentType, "", kind);
        }
    }
    refused(read(&signed), Code::ResponseNotJson, "", "a JWT that says it is JSON");
    let seen = response(&answer(200, None, &signed), SUB);
    refused(seen, Code::ResponseNotJson, "", "a JWT that says nothing");
}

#[test]
fn r117_a067_other_peoples_endpoints_are_data() {
    let body = json!({
        "sub": SUB,
        "_claim_names": {"payment_info": "src1", "shipping_address": "src2"},
        "_claim_sources": {
            "src1": {"endpoint": "http://169.254.169.254/", "access_token": "ksj3n283dke"},
            "src2": {"JWT": "jwt_header.jwt_part2.jwt_part3"},
        },
    });
    // One exchange has one answer: there is nothing here that could ask for more.
    assert_eq!(value(&read(&body.to_string()).unwrap()), body);
}

#[test]
fn r118_a_refusal_has_its_status() {
    for (status, kind, body) in [
        (401, None, ""),
        (401, Some("application/json"), "{\"error\":\"invalid_token\"}"),
        (403, Some("text/html"), "<html>"),
        (400, Some("application/json"), "{\"sub\":\"248289761001\"}"),
        (204, None, ""),
        (503, None, ""),
    ] {
        let error = response(&answer(status, kind, body), SUB).err().unwrap();
        assert_eq!((error.code(), error.http_status()), (Code::ResponseStatus, Some(status)));
        assert_eq!(error.retryable(), status == 503);
    }
}

fn signed() -> Token {
    let claims = json!({"iss": ISSUER, "aud": CLIENT, "sub": SUB, "name": "Jane"});
    Token::new(json!({"alg": "RS256", "kid": "rsa"}), claims)
}

fn open(raw: &str) -> Result<Object, Error> {
    let told = signed_response(&answer(200, Some(JWT), raw), &Algorithm::defaults())?;
    let keys = KeySet::check(&object(&json!({"keys": [rsa().jwk()]}))).unwrap();
    let good = verify(&told.token().check(keys.find(told.token())?));
    told.open(good, &issuer(ISSUER), CLIENT, SUB)
}

#[test]
fn r116_signed_user_info_is_proved() {
    let asked = signed_request(&endpoint("https://as.example/userinfo"), &Secret::new("t"));
    assert_eq!((asked.accept, asked.method), ("application/jwt", "GET"));
    for fine in [
        signed(),
        signed().header("typ", "JWT"),
        signed().without("iss").without("aud"),
        signed().claim("aud", json!([CLIENT, "other"])),
    ] {
        assert_eq!(open(&fine.signed()).unwrap().text("name"), Some("Jane"));
    }
}

#[test]
fn r115_r116_a064_signed_user_info_of_others_is_not_used() {
    for (detail, raw) in [
        ("signature", signed().signed_by(other_rsa())),
        ("alg", signed().header("alg", "none").signed_by(rsa())),
        ("alg", signed().header("alg", "HS256").signed_by(rsa())),
        ("typ", signed().header("typ", "at+jwt").signed()),
        ("iss", signed().claim("iss", format!("{ISSUER}1")).signed()),
        ("iss", signed().claim("iss", 7).signed()),
        ("aud", signed().claim("aud", "other").signed()),
        ("aud", signed().claim("aud", json!([])).signed()),
        ("sub", signed().claim("sub", format!("{SUB}1")).signed()),
        ("sub", signed().claim("sub", json!([SUB])).signed()),
        ("sub", signed().without("sub").signed()),
        ("format", "a.b.c.d.e".into()),
        ("malformed", "{}".into()),
    ] {
        refused(open(&raw), Code::UserinfoInvalid, detail, &format!("{detail} {raw}"));
    }
    let allowed = Algorithm::defaults();
    let plain = signed_response(&reply(200, json!({"sub": SUB}).to_string()), &allowed);
    refused(plain.map(drop), Code::ResponseContentType, "", "plain, where signed was asked for");
    let gone = signed_response(&answer(401, Some(JWT), signed().signed()), &allowed);
    refused(gone.map(drop), Code::ResponseStatus, "", "401");
    let other = response(&answer(200, Some(JWT), signed().signed()), SUB);
    refused(other, Code::ResponseContentType, "", "signed, where plain was asked for");
}
