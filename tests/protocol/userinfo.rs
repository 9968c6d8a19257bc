//! More about the person, and about nobody else.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::json::Object;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::userinfo::{bearer, request, response};
use serde_json::{Value, json};

use crate::given::{answer, endpoint, refused, reply, token, value};

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
