//! The rules that every answer meets before its members are read.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::{ANSWER, DOCUMENT, Request, Response, printable, web_address};
use grantkit::protocol::secret::Secret;
use grantkit::protocol::token::{self, Reading};
use grantkit::protocol::{jwk, metadata, revoke, userinfo};

use crate::given::{answer, endpoint, refused, reply};

const TOKENS: &str = "{\"access_token\":\"t\",\"token_type\":\"Bearer\"}";

fn tokens(reply: &Response) -> Result<(), Error> {
    token::response(reply, Reading::Strict).map(drop)
}

fn person(reply: &Response) -> Result<(), Error> {
    userinfo::response(reply, "me").map(drop)
}

fn keys(reply: &Response) -> Result<(), Error> {
    jwk::response(reply).map(drop)
}

#[test]
fn r010_an_answer_says_that_it_is_json() {
    for kind in [
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/json;charset=UTF-8"),
        Some("Application/JSON"),
        Some("APPLICATION/JSON ; a=b; c=\"d;e\""),
        Some(" application/json "),
        Some("application/jwk-set+json"),
        Some("application/vnd.as+JSON"),
        None,
    ] {
        assert!(tokens(&answer(200, kind, TOKENS)).is_ok(), "{kind:?}");
        assert!(person(&answer(200, kind, "{\"sub\":\"me\"}")).is_ok(), "{kind:?}");
        assert!(keys(&answer(200, kind, "{\"keys\":[]}")).is_ok(), "{kind:?}");
        assert!(metadata::response(&answer(200, kind, "{}")).is_ok(), "{kind:?}");
    }
    for kind in [
        "text/html",
        "text/html; charset=application/json",
        "text/json",
        "text/plain",
        "application/json-seq",
        "application/jsonp",
        "application/jsonx",
        "application/xjson",
        "application/json+xml",
        "application/javascript",
        "application/jwt",
        "application/json, text/html",
        "application/x-www-form-urlencoded",
        "json",
        "application/",
        "*/*",
        "",
    ] {
        let code = Code::ResponseContentType;
        refused(tokens(&answer(200, Some(kind), TOKENS)), code, "", kind);
        refused(person(&answer(200, Some(kind), "{\"sub\":\"me\"}")), code, "", kind);
        refused(keys(&answer(200, Some(kind), "{\"keys\":[]}")), code, "", kind);
        let seen = metadata::response(&answer(200, Some(kind), "{}"));
        refused(seen, Code::MetadataInvalid, "", kind);
    }
}

#[test]
fn r010_a033_an_answer_that_says_nothing_must_be_a_json_object() {
    for body in ["<html>", "", "[]", "null", "\"x\"", "a=b"] {
        for kind in [None, Some("application/json")] {
            let seen = tokens(&answer(200, kind, body));
            refused(seen, Code::ResponseNotJson, "", body);
        }
    }
    let seen = tokens(&answer(200, None, "{}"));
    refused(seen, Code::TokenResponseInvalid, "access_token", "{}");
}

#[test]
fn r012_a034_only_200_is_success() {
    for status in [
        100, 201, 202, 203, 204, 205, 206, 226, 400, 401, 403, 404, 409, 410, 418, 429, 500, 502,
        503, 504, 599, 0, 999,
    ] {
        let error = tokens(&reply(status, TOKENS)).err().unwrap();
        assert_eq!((error.code(), error.http_status()), (Code::ResponseStatus, Some(status)));
        assert!(error.server().is_none(), "{status}");
        for error in [
            person(&reply(status, "{\"sub\":\"me\"}")).err().unwrap(),
            keys(&reply(status, "{\"keys\":[]}")).err().unwrap(),
        ] {
            assert_eq!(error.code(), Code::ResponseStatus);
            assert_eq!(error.http_status(), Some(status));
        }
        let error = metadata::response(&reply(status, "{}")).err().unwrap();
        assert_eq!((error.code(), error.http_status()), (Code::MetadataInvalid, Some(status)));
    }
}

#[test]
fn r012_a034_an_error_is_never_success() {
    let with_error = format!("{{\"error\":\"invalid_grant\",{}", &TOKENS[1..]);
    for body in ["{\"error\":\"invalid_grant\"}", &with_error] {
        for status in [200, 400, 401] {
            let error = tokens(&reply(status, body)).err().unwrap();
            assert_eq!(
                (error.code(), error.server_error(), error.http_status()),
                (Code::TokenError, Some("invalid_grant"), Some(status))
            );
        }
    }
    for error in ["null", "\"\"", "0", "false", "[]", "{}", "[\"invalid_grant\"]"] {
        let body = format!("{{\"error\":{error},{}", &TOKENS[1..]);
        for status in [200, 400] {
            let seen = tokens(&reply(status, &body));
            refused(seen, Code::ResponseNotJson, "", &body);
        }
    }
}

#[test]
fn r006_a_redirect_is_refused_whatever_it_holds() {
    for status in 300..400 {
        let error = reply(status, TOKENS).not_redirected().err().unwrap();
        assert_eq!((error.code(), error.http_status()), (Code::RedirectRefused, Some(status)));
        // And should one get through, it is no success either.
        assert!(tokens(&reply(status, TOKENS)).is_err());
        assert!(person(&reply(status, "{\"sub\":\"me\"}")).is_err());
        assert!(keys(&reply(status, "{\"keys\":[]}")).is_err());
        assert!(metadata::response(&reply(status, "{}")).is_err());
        assert!(revoke::response(&reply(status, "")).is_err());
    }
    for status in [200, 204, 299, 400, 0] {
        assert!(reply(status, "").not_redirected().is_ok(), "{status}");
    }
}

#[test]
fn r011_a041_an_answer_with_a_name_twice_is_not_json() {
    for body in [
        "{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"x\":{\"y\":1,\"y\":2}}",
        "{\"sub\":\"me\",\"sub\":\"you\",\"keys\":[]}",
        "{\"keys\":[],\"keys\":[]}",
    ] {
        refused(tokens(&reply(200, body)), Code::ResponseNotJson, "", body);
        refused(person(&reply(200, body)), Code::ResponseNotJson, "", body);
        refused(keys(&reply(200, body)), Code::JwksInvalid, "", body);
        let seen = metadata::response(&reply(200, body));
        refused(seen, Code::MetadataInvalid, "", body);
    }
}

#[test]
fn r011_a_byte_order_mark_is_tolerated() {
    let body = [b"\xef\xbb\xbf", TOKENS.as_bytes()].concat();
    assert!(tokens(&reply(200, body)).is_ok());
}

#[test]
fn r076_a035_a_refusal_is_an_answer_of_its_own() {
    let body = "{\"error\":\"invalid_scope\",\"error_description\":\"no \\u0007\\\"such\\\"\\nscope\",\
                \"error_uri\":\"https://as.example/e?x=1\",\"custom\":[1]}";
    for status in [400, 401, 403] {
        let error = tokens(&reply(status, body)).err().unwrap();
        assert_eq!(error.code(), Code::TokenError);
        assert_eq!(error.http_status(), Some(status));
        assert!(!error.retryable() && !error.login_required());
        let refusal = error.server().unwrap();
        assert_eq!(refusal.error, "invalid_scope");
        assert_eq!(refusal.description.as_deref(), Some("no suchscope"));
        assert_eq!(refusal.uri.as_deref(), Some("https://as.example/e?x=1"));
        let response = refusal.response.as_ref().unwrap();
        assert!(response.get("custom").unwrap().as_array().is_some());
    }
    for code in [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "of_its_own",
    ] {
        let body = format!("{{\"error\":\"{code}\"}}");
        let error = tokens(&reply(400, &body)).err().unwrap();
        assert_eq!(error.server_error(), Some(code));
        assert_eq!(error.login_required(), code == "invalid_grant");
    }
}

#[test]
fn r076_a035_a_page_instead_of_a_refusal() {
    for status in [400, 401, 403, 404, 408] {
        for (kind, body) in [
            (Some("text/html"), "<html>canary</html>"),
            (Some("text/html"), "{\"error\":\"invalid_grant\"}"),
            (Some("application/json"), "canary"),
            (Some("application/json"), ""),
            (Some("application/json"), "[\"error\"]"),
            (None, ""),
        ] {
            let error = tokens(&answer(status, kind, body)).err().unwrap();
            assert_eq!(
                (error.code(), error.http_status()),
                (Code::ResponseNotJson, Some(status)),
                "{kind:?} {body}"
            );
            assert!(error.server().is_none());
            assert!(!format!("{error} {error:?}").contains("canary"));
            assert_eq!(error.retryable(), status == 408);
        }
    }
    for status in [429, 500, 502, 503, 504] {
        for (kind, body) in [(Some("text/html"), "<html>"), (None, ""), (None, "{\"error\":7}")] {
            let error = tokens(&answer(status, kind, body)).err().unwrap();
            assert_eq!(error.http_status(), Some(status));
            assert!(error.retryable(), "{status} {body}");
            assert!(!error.login_required());
        }
    }
}

#[test]
fn r053_a007_a_servers_text_is_inert() {
    assert_eq!(printable("plain (text), 1+1=2!"), "plain (text), 1+1=2!");
    assert_eq!(printable("<img src=x onerror=\"alert(1)\">"), "<img src=x onerror=alert(1)>");
    assert_eq!(printable("a\0b\rc\nd\te\u{7f}f\u{85}g\u{202e}h\u{2028}ié\\j"), "abcdefghij");
    assert_eq!(printable(&"x".repeat(1_000_000)).len(), 512);
    assert_eq!(printable(&"é".repeat(1_000_000)), "");
    for text in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//evil",
        "/help",
        "help",
        "",
        "https:evil",
        "ftp://as.example/",
        " https://as.example/",
        "https://as.example/ x",
        "https://as.example/\"onclick=",
        "https://as.example/\\x",
        "https://as.example/\n",
        "https://as.example/\u{202e}",
    ] {
        assert_eq!(web_address(text), None, "{text:?}");
    }
    assert_eq!(web_address(&format!("https://{}", "x".repeat(3000))), None);
    for text in ["https://as.example/e#1", "http://as.example/e"] {
        assert_eq!(web_address(text).as_deref(), Some(text));
    }
}

/// An `error` of nothing but characters that are not shown would be an error without a name.
#[test]
fn r076_r053_a_refusal_has_a_name_that_can_be_shown() {
    for body in ["{\"error\":\"\\u202e\"}", "{\"error\":\"é\\n\"}"] {
        refused(tokens(&reply(400, body)), Code::ResponseNotJson, "", body);
    }
}

#[test]
fn r147_a_server_says_when_to_come_back() {
    let wait = |retry_after: &str, date: Option<&str>| {
        let mut busy = reply(503, "");
        busy.retry_after = Some(retry_after.into());
        busy.date = date.map(Into::into);
        let error = tokens(&busy).err().unwrap();
        assert!(error.retryable());
        error.retry_after_seconds()
    };
    let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(wait("120", None), Some(120));
    assert_eq!(wait(" 0 ", None), Some(0));
    assert_eq!(wait("86400", None), Some(86_400));
    assert_eq!(wait("86401", None), Some(86_400));
    assert_eq!(wait("99999999999999999999999", None), Some(86_400));
    assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT", date), Some(60));
    assert_eq!(wait("Sun, 06 Nov 1994 08:48:37 GMT", date), Some(0));
    assert_eq!(wait("Fri, 06 Nov 9994 08:49:37 GMT", date), Some(86_400));
    for text in ["-1", "1.5", "1e3", "soon", "", "+5", "0x10", "５"] {
        assert_eq!(wait(text, date), None, "{text}");
    }
    assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT", None), None);
}

#[test]
fn r009_every_request_has_a_cap() {
    let to = endpoint("https://as.example/x");
    assert_eq!((DOCUMENT, ANSWER), (256 * 1024, 128 * 1024));
    assert_eq!(metadata::request(&to).cap, DOCUMENT);
    assert_eq!(jwk::request(&to).cap, DOCUMENT);
    assert_eq!(userinfo::request(&to, &Secret::new("t")).cap, DOCUMENT);
    assert_eq!(Request::post(&to, Secret::new("a=b")).cap, ANSWER);
}

#[test]
fn r007_documents_are_asked_for_without_credentials() {
    let to = endpoint("https://as.example/x");
    for request in [metadata::request(&to), jwk::request(&to)] {
        assert!(request.form.is_none() && request.authorization.is_none() && !request.keepalive);
        assert_eq!(request.url.as_str(), "https://as.example/x");
    }
}
