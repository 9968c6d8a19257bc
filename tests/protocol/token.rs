//! What a token endpoint answers.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::token::{Binding, Reading, Tokens, response};
use grantkit::protocol::{exchange, revoke};
use serde_json::{Value, json};

use crate::given::{answer, refused, reply};

/// A good answer with one member as given; `None` takes it out.
fn body(name: &str, member: Option<&str>) -> String {
    let members = [
        ("access_token", "\"2YotnFZFEjr1zCsicMWpAA\""),
        ("token_type", "\"Bearer\""),
        ("expires_in", "3600"),
        ("refresh_token", "\"tGzv3JOkF0XG5Qx2TlKWIA\""),
        ("scope", "\"openid api\""),
        ("id_token", "\"a.b.c\""),
    ];
    let mut parts = Vec::new();
    let mut seen = false;
    for (known, usual) in members {
        seen |= known == name;
        match (known == name, member) {
            (true, None) => {}
            (true, Some(member)) => parts.push(format!("\"{known}\":{member}")),
            (false, _) => parts.push(format!("\"{known}\":{usual}")),
        }
    }
    if let (false, Some(member)) = (seen, member) {
        parts.push(format!("\"{name}\":{member}"));
    }
    format!("{{{}}}", parts.join(","))
}

fn strict(name: &str, member: Option<&str>) -> Result<Tokens, Error> {
    response(&reply(200, body(name, member)), Reading::Strict)
}

fn lenient(name: &str, member: Option<&str>) -> Result<Tokens, Error> {
    response(&reply(200, body(name, member)), Reading::Lenient)
}

/// Refused by the letter and by leniency.
#[track_caller]
fn never(name: &'static str, member: Option<&str>, code: Code) {
    let what = format!("{name}: {member:?}");
    let detail = match code {
        Code::TokenResponseInvalid => name,
        _ => "",
    };
    refused(strict(name, member), code, detail, &what);
    refused(lenient(name, member), code, detail, &what);
}

#[test]
fn r071_a_good_answer_is_taken_apart() {
    for reading in [Reading::Strict, Reading::Lenient] {
        let tokens = response(&reply(200, body("more", Some("[1]"))), reading).unwrap();
        assert_eq!(tokens.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
        assert_eq!(tokens.expires_in, Some(3600));
        assert_eq!(tokens.refresh_token.unwrap().expose(), "tGzv3JOkF0XG5Qx2TlKWIA");
        assert_eq!(tokens.scope.as_deref(), Some("openid api"));
        assert_eq!(tokens.id_token.unwrap().expose(), "a.b.c");
        assert_eq!(tokens.refresh_expires_in, None);
        assert!(tokens.response.get("more").is_some(), "all that came is there");
    }
    let least = "{\"access_token\":\"t\",\"token_type\":\"bearer\"}";
    let tokens = response(&reply(200, least), Reading::Strict).unwrap();
    assert_eq!((tokens.expires_in, tokens.scope), (None, None));
    assert!(tokens.refresh_token.is_none() && tokens.id_token.is_none());
}

#[test]
fn r071_a033_an_access_token_is_a_string_with_something_in_it() {
    for member in
        [None, Some("\"\""), Some("null"), Some("7"), Some("{}"), Some("[\"t\"]"), Some("true")]
    {
        never("access_token", member, Code::TokenResponseInvalid);
    }
    refused(
        response(&reply(200, "{}"), Reading::Strict),
        Code::TokenResponseInvalid,
        "access_token",
        "{}",
    );
}

#[test]
fn r080_a040_an_access_token_is_safe_in_a_header() {
    for member in [
        "\"a\\r\\nX: y\"",
        "\"a\\nb\"",
        "\"a\\u0000\"",
        "\"a\\tb\"",
        "\"a\\u007f\"",
        "\"é\"",
        "\"a\\u2028\"",
        "\"🦀\"",
        "\"\\ufeffa\"",
    ] {
        never("access_token", Some(member), Code::TokenResponseInvalid);
    }
    // Opaque otherwise: what looks like a JWT and is none is a token like any other.
    for member in ["a.b.c", "eyJhbGciOiJub25lIn0.e30.", "~!#$%&'()*+,-./:;<=>?@[]^_`{|}", "a b"] {
        let tokens = strict("access_token", Some(&json!(member).to_string())).unwrap();
        assert_eq!(tokens.access_token.expose(), member);
    }
}

#[test]
fn r072_a039_a_token_type_is_bearer_however_it_is_spelled() {
    for kind in ["Bearer", "bearer", "BEARER", "bEARER"] {
        assert!(strict("token_type", Some(&json!(kind).to_string())).is_ok(), "{kind}");
    }
    for kind in [
        "mac",
        "Bearer ",
        " Bearer",
        "Bearer, DPoP",
        "pop",
        "",
        "N_A",
        "n_a",
        "Beare\u{280}",
        "basic",
    ] {
        let member = json!(kind).to_string();
        never("token_type", Some(&member), Code::TokenTypeUnsupported);
    }
    for member in ["null", "7", "[\"Bearer\"]", "{}", "true"] {
        never("token_type", Some(member), Code::TokenResponseInvalid);
    }
    refused(strict("token_type", None), Code::TokenResponseInvalid, "token_type", "missing");
    assert!(lenient("token_type", None).is_ok());
}

#[test]
fn r072_n_a_belongs_to_token_exchange() {
    let body = |kind: &str, issued: &str| {
        format!(
            "{{\"access_token\":\"t\",\"token_type\":\"{kind}\",\"issued_token_type\":\"{issued}\"}}"
        )
    };
    let urn = "urn:ietf:params:oauth:token-type:saml2";
    for (kind, exchanged, otherwise) in
        [("N_A", true, false), ("n_a", true, false), ("Bearer", true, true), ("mac", false, false)]
    {
        let reply = reply(200, body(kind, urn));
        let seen = exchange::response(&reply, Reading::Strict, Binding::Bearer);
        assert_eq!(seen.is_ok(), exchanged, "{kind}");
        match response(&reply, Reading::Strict) {
            Ok(_) => assert!(otherwise, "{kind}"),
            seen => refused(seen, Code::TokenTypeUnsupported, "", kind),
        }
    }
}

#[test]
fn r073_a_bound_token_that_was_not_asked_for_is_discarded() {
    for kind in ["DPoP", "dpop", "DPOP"] {
        let member = json!(kind).to_string();
        never("token_type", Some(&member), Code::TokenBindingDowngrade);
    }
}

#[test]
fn r074_a038_a_life_is_a_whole_number_of_seconds() {
    for (member, seconds) in [
        ("0", 0),
        ("-0", 0),
        ("1", 1),
        ("3600", 3600),
        ("3600.0", 3600),
        ("3.6e3", 3600),
        ("2147484", 2_147_484),
        ("2147483647", 2_147_483_647),
    ] {
        assert_eq!(strict("expires_in", Some(member)).unwrap().expires_in, Some(seconds));
        assert_eq!(lenient("expires_in", Some(member)).unwrap().expires_in, Some(seconds));
    }
    for member in [
        "-1",
        "1.5",
        "0.1",
        "2147483648",
        "4294967296",
        "4294970896",
        "9223372036854775807",
        "18446744073709555216",
        "1e20",
        "1e400",
        "-1e400",
        "null",
        "true",
        "[]",
        "[3600]",
        "{}",
        "\"\"",
        "\"abc\"",
        "\"-1\"",
        "\"+1\"",
        "\"1.5\"",
        "\"1e3\"",
        "\" 3600\"",
        "\"3600 \"",
        "\"0x10\"",
        "\"2147483648\"",
        "\"99999999999999999999999\"",
        "\"３６００\"",
        "\"Infinity\"",
    ] {
        never("expires_in", Some(member), Code::TokenResponseInvalid);
    }
    assert_eq!(strict("expires_in", None).unwrap().expires_in, None);
    let digits = Some("\"3600\"");
    refused(strict("expires_in", digits), Code::TokenResponseInvalid, "expires_in", "digits");
    assert_eq!(lenient("expires_in", digits).unwrap().expires_in, Some(3600));
    assert_eq!(lenient("expires_in", Some("\"0\"")).unwrap().expires_in, Some(0));
}

#[test]
fn r074_nan_is_not_json() {
    for member in ["NaN", "Infinity", "-Infinity", "0x10", "+1", "01"] {
        let seen = strict("expires_in", Some(member));
        refused(seen, Code::ResponseNotJson, "", member);
    }
}

#[test]
fn r075_a_scope_is_a_string_or_absent() {
    assert_eq!(strict("scope", None).unwrap().scope, None);
    assert_eq!(strict("scope", Some("\"openid\"")).unwrap().scope.as_deref(), Some("openid"));
    assert_eq!(strict("scope", Some("\"\"")).unwrap().scope.as_deref(), Some(""));
    for member in ["null", "[\"openid\"]", "7", "{}", "true"] {
        never("scope", Some(member), Code::TokenResponseInvalid);
    }
}

#[test]
fn r075_a_refresh_token_is_a_string_with_something_in_it_or_absent() {
    assert!(strict("refresh_token", None).unwrap().refresh_token.is_none());
    for member in ["\"\"", "null", "7", "[\"r\"]", "{}"] {
        never("refresh_token", Some(member), Code::TokenResponseInvalid);
    }
}

#[test]
fn r077_details_that_were_granted_are_objects_with_a_type() {
    const NAME: &str = "authorization_details";
    let granted = "[{\"type\":\"account_information\",\"actions\":[\"read\"]},{\"type\":\"x\"}]";
    for member in [granted, "[]"] {
        let seen = strict(NAME, Some(member)).unwrap();
        let details = seen.response.get(NAME).unwrap();
        let mut written = String::new();
        details.write(&mut written);
        assert_eq!(written, member);
    }
    for member in [
        "\"[{\\\"type\\\":\\\"x\\\"}]\"",
        "{\"type\":\"x\"}",
        "[\"x\"]",
        "[{}]",
        "[{\"type\":7}]",
        "[{\"type\":\"x\"},null]",
        "null",
        "7",
    ] {
        never(NAME, Some(member), Code::TokenResponseInvalid);
    }
}

#[test]
fn r079_an_id_token_is_a_string_with_something_in_it_or_absent() {
    assert!(strict("id_token", None).unwrap().id_token.is_none());
    for member in ["\"\"", "null", "7", "{}", "[\"a.b.c\"]"] {
        never("id_token", Some(member), Code::TokenResponseInvalid);
    }
}

#[test]
fn r074_the_life_of_a_refresh_token_is_nice_to_have() {
    for name in ["refresh_expires_in", "refresh_token_expires_in"] {
        let life = |member: &str| strict(name, Some(member)).unwrap().refresh_expires_in;
        assert_eq!(life("1800"), Some(1800));
        for member in ["0", "-1", "null", "\"1800\"", "1e20", "[]"] {
            assert_eq!(life(member), None, "{member}");
        }
    }
}

#[test]
fn r013_a042_members_of_any_name_are_kept_as_data() {
    let mut body: Value = serde_json::from_str(&body("x", None)).unwrap();
    for name in ["__proto__", "constructor", "toString", "valueOf", "hasOwnProperty", ""] {
        body[name] = json!({"polluted": true, "access_token": "evil"});
    }
    for at in 0..20 {
        body[format!("random-{at}")] = json!([at, null]);
    }
    let tokens = response(&reply(200, body.to_string()), Reading::Strict).unwrap();
    assert_eq!(tokens.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
    assert_eq!(tokens.response.get("polluted"), None);
    assert_eq!(tokens.response.get("random-19").unwrap().as_array().unwrap().len(), 2);
    assert_eq!(crate::given::value(&tokens.response), body);
}

#[test]
fn r012_a033_a034_what_is_no_token_response() {
    for (status, kind, body, code) in [
        (200, "text/html", "<html>", Code::ResponseContentType),
        (200, "text/html", "", Code::ResponseContentType),
        (200, "application/json", "", Code::ResponseNotJson),
        (200, "application/json", "[]", Code::ResponseNotJson),
        (200, "application/json", "null", Code::ResponseNotJson),
        (200, "application/json", "\"x\"", Code::ResponseNotJson),
        (200, "application/json", "{\"error\":\"invalid_grant\"}", Code::TokenError),
        (201, "application/json", "{\"access_token\":\"t\"}", Code::ResponseStatus),
        (204, "application/json", "{\"access_token\":\"t\"}", Code::ResponseStatus),
        (400, "application/json", "{\"access_token\":\"t\"}", Code::ResponseStatus),
        (400, "text/html", "<html>", Code::ResponseNotJson),
        (403, "text/html", "", Code::ResponseNotJson),
        (503, "text/html", "<html>", Code::ResponseStatus),
        (503, "application/json", "{\"error\":\"temporarily_unavailable\"}", Code::TokenError),
    ] {
        for reading in [Reading::Strict, Reading::Lenient] {
            let error = response(&answer(status, Some(kind), body), reading).expect_err(body);
            assert_eq!(
                (error.code(), error.http_status()),
                (code, Some(status)),
                "{status} {kind} {body}"
            );
        }
    }
    // An answer that could not be read has no body at all.
    let seen = response(&answer(204, None, ""), Reading::Strict);
    refused(seen, Code::ResponseStatus, "", "204");
}

#[test]
fn r146_r147_giving_back_succeeds_with_200_whatever_the_body() {
    for (kind, body) in [
        (Some("text/html"), "<html>"),
        (Some("application/json"), "{\"error\":\"x\"}"),
        (Some("application/json"), "{"),
        (None, ""),
    ] {
        assert!(revoke::response(&answer(200, kind, body)).is_ok(), "{body}");
    }
    let error =
        revoke::response(&reply(400, "{\"error\":\"unsupported_token_type\"}")).err().unwrap();
    assert_eq!(error.code(), Code::TokenError);
    assert_eq!(error.server_error(), Some("unsupported_token_type"));
    for (status, body) in [(503, ""), (400, "{"), (404, "<html>"), (401, "{}")] {
        let error = revoke::response(&reply(status, body)).err().unwrap();
        assert_eq!((error.code(), error.http_status()), (Code::ResponseStatus, Some(status)));
    }
}
