//! Where a server's endpoints are, and what of its document is believed.

use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::metadata::{Issuer, Metadata, require_issuer, response};
use grantkit::protocol::secret::Secret;
use grantkit::protocol::url::Transport;
use serde_json::{Value, json};

use crate::given::{
    ISSUER, STATE, answer, ask_of, begin, callback, check, client, document, document_with, issuer,
    object, parameters, random, refused, reply, sign_in, values,
};
use crate::urls::Urls;

const ENDPOINTS: [&str; 6] = [
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
];

fn parse(text: &str) -> Result<Issuer, Error> {
    Issuer::parse(text, &Urls, Transport::Secure)
}

#[test]
fn r014_the_openid_document_is_behind_the_path() {
    for (text, url) in [
        ("https://example.com", "https://example.com/.well-known/openid-configuration"),
        ("https://example.com/", "https://example.com/.well-known/openid-configuration"),
        (
            "https://example.com/issuer1",
            "https://example.com/issuer1/.well-known/openid-configuration",
        ),
        (
            "https://example.com/issuer1/",
            "https://example.com/issuer1/.well-known/openid-configuration",
        ),
        ("https://example.com//", "https://example.com//.well-known/openid-configuration"),
        (
            "https://example.com:8443/a/b",
            "https://example.com:8443/a/b/.well-known/openid-configuration",
        ),
        ("http://localhost:3000", "http://localhost:3000/.well-known/openid-configuration"),
    ] {
        assert_eq!(issuer(text).openid_url(), url);
    }
}

#[test]
fn r015_the_oauth_document_is_between_host_and_path() {
    for (text, url) in [
        ("https://a", "https://a/.well-known/oauth-authorization-server"),
        ("https://a/", "https://a/.well-known/oauth-authorization-server"),
        ("https://a/t1", "https://a/.well-known/oauth-authorization-server/t1"),
        ("https://a/t1/", "https://a/.well-known/oauth-authorization-server/t1"),
        ("https://a:8443/t1/t2", "https://a:8443/.well-known/oauth-authorization-server/t1/t2"),
        ("http://[::1]:3000/o/", "http://[::1]:3000/.well-known/oauth-authorization-server/o"),
    ] {
        assert_eq!(issuer(text).oauth_url(), url);
    }
}

#[test]
fn r016_a031_a_document_of_another_issuer_is_refused() {
    for named in [
        json!("https://as.example/"),
        json!("https://AS.example"),
        json!("HTTPS://as.example"),
        json!("https://as.example:443"),
        json!("https://as.example1"),
        json!("https://as.exampl%65"),
        json!("https://as.example/."),
        json!("https://as.example?"),
        json!("https://as.example#"),
        json!(" https://as.example"),
        json!("https://as.example\u{0}"),
        json!("https://\u{430}s.example"),
        json!("http://as.example"),
        json!("as.example"),
        json!(""),
        json!(7),
        json!(true),
        json!([ISSUER]),
        json!({"0": ISSUER}),
        Value::Null,
    ] {
        let document = object(&document_with("issuer", named.clone()));
        let seen = require_issuer(&document, &issuer(ISSUER));
        refused(seen, Code::MetadataIssuerMismatch, "issuer", &named.to_string());
    }
    assert!(require_issuer(&object(&document()), &issuer(ISSUER)).is_ok());
    // And the other way around: what was configured is not tidied either.
    for configured in ["https://as.example/", "https://AS.example", "https://as.example:443"] {
        let seen = require_issuer(&object(&document()), &issuer(configured));
        refused(seen, Code::MetadataIssuerMismatch, "issuer", configured);
    }
}

#[test]
fn r017_an_issuer_has_no_query_and_no_fragment() {
    for text in ["https://as?x", "https://as#x", "https://as?", "https://as#", "https://as/a?b#c"] {
        refused(parse(text), Code::ConfigInvalid, "issuer", text);
    }
    for text in ["http://as.example", "http://localhost.evil.example"] {
        refused(parse(text), Code::UrlInsecure, "issuer", text);
    }
    for text in ["as.example", "", "https://", "https://a@as.example", "ftp://as", "https:as"] {
        let error = parse(text).expect_err(text);
        assert_eq!(
            (error.code(), error.detail_text()),
            (Code::UrlInvalid, Some("issuer")),
            "{text}"
        );
    }
    for text in ["https://as", "https://AS.example:443/a/", "http://127.0.0.1:3000"] {
        assert_eq!(issuer(text).as_str(), text);
    }
}

#[test]
fn r018_only_a_document_is_a_document() {
    for (status, kind, body) in [
        (404, "application/json", "{}"),
        (500, "application/json", "{}"),
        (201, "application/json", "{}"),
        (200, "text/html", "{}"),
        (200, "application/json", "<html>"),
        (200, "application/json", "[]"),
        (200, "application/json", "null"),
        (200, "application/json", ""),
        (200, "application/json", "{\"issuer\":1,\"issuer\":2}"),
        (404, "text/html", "<html>"),
    ] {
        let error = response(&answer(status, Some(kind), body)).expect_err(body);
        assert_eq!(error.code(), Code::MetadataInvalid, "{status} {body}");
        assert_eq!(error.http_status(), Some(status));
    }
    let bytes = [b"\xef\xbb\xbf", document().to_string().as_bytes()].concat();
    assert_eq!(response(&reply(200, bytes)), Ok(object(&document())));
}

#[test]
fn r019_a030_endpoints_are_addresses() {
    for name in ENDPOINTS {
        for member in [
            json!(123),
            json!(true),
            json!(["https://as.example/x"]),
            json!({}),
            json!(""),
            json!("/token"),
            json!("as.example/token"),
            json!("//as.example/token"),
            json!("javascript:alert(1)"),
            json!("data:text/html,x"),
            json!("file:///etc/passwd"),
            json!("https://a@as.example/"),
            json!("https://as.example\\@evil/"),
            json!("https://as.example/x#y"),
            json!("https://as.example/x "),
            json!("https://as.example:99999/"),
        ] {
            let what = format!("{name} {member}");
            let seen = check(&document_with(name, member));
            refused(seen, Code::MetadataInvalid, name, &what);
        }
        for member in ["http://as.example/x", "http://127.0.0.1.evil.example/"] {
            let seen = check(&document_with(name, member.into()));
            refused(seen, Code::UrlInsecure, name, member);
        }
        let literal = document().to_string().replace(&format!("{}", document()[name]), "null");
        let seen = check(&serde_json::from_str(&literal).unwrap());
        refused(seen, Code::MetadataInvalid, name, "null");
    }
}

#[test]
fn r019_sets_are_arrays_of_strings() {
    for name in [
        "response_types_supported",
        "grant_types_supported",
        "scopes_supported",
        "code_challenge_methods_supported",
        "token_endpoint_auth_methods_supported",
    ] {
        for member in
            [json!("code"), json!(7), json!({}), json!([1]), json!(["S256", null]), json!([[]])]
        {
            let what = format!("{name} {member}");
            let seen = check(&document_with(name, member));
            refused(seen, Code::MetadataInvalid, name, &what);
        }
    }
    let twice = document_with("response_types_supported", json!(["code", "code"]));
    assert!(check(&twice).is_ok());
}

#[test]
fn r019_flags_are_booleans() {
    for name in
        ["authorization_response_iss_parameter_supported", "require_pushed_authorization_requests"]
    {
        for member in [json!("true"), json!(1), json!([true]), json!({})] {
            let seen = check(&document_with(name, member));
            refused(seen, Code::MetadataInvalid, name, name);
        }
    }
}

#[test]
fn r019_what_is_absent_is_as_the_specification_has_it() {
    let bare = check(&json!({})).unwrap();
    assert!(!bare.names_itself_in_callbacks && !bare.pushed_requests_only);
    assert!(bare.token_endpoint.is_none() && bare.jwks_uri.is_none());
    let method = |server: &Metadata| {
        let auth = ClientAuth { id: "id".into(), secret: Some(Secret::new("s")), method: None };
        auth.method_for(server)
    };
    assert_eq!(method(&bare), Ok(Method::Basic));
    let listed = |list: Value| {
        method(&check(&document_with("token_endpoint_auth_methods_supported", list)).unwrap())
    };
    assert_eq!(listed(json!(["client_secret_post", "client_secret_basic"])), Ok(Method::Basic));
    assert_eq!(listed(json!(["none", "client_secret_post"])), Ok(Method::Post));
    for list in [json!([]), json!(["none"]), json!(["private_key_jwt", "Client_Secret_Basic"])] {
        let detail = "token_endpoint_auth_methods_supported";
        refused(listed(list), Code::MetadataUnsupported, detail, "");
    }
}

#[test]
fn r013_a_document_may_say_more() {
    let mut document = document();
    for (name, member) in [
        ("__proto__", json!({"token_endpoint": "https://evil.example/"})),
        ("constructor", json!("x")),
        ("toString", json!(1)),
        ("mtls_endpoint_aliases", json!({"token_endpoint": 7})),
        ("introspection_endpoint", json!("https://as.example/introspect")),
    ] {
        document[name] = member;
    }
    let server = check(&document).unwrap();
    assert_eq!(server.token_endpoint.unwrap().as_str(), "https://as.example/token");
    assert!(server.document.get("__proto__").is_some());
}

#[test]
fn r020_no_endpoint_comes_from_a_callback() {
    let foreign = "token_endpoint=https%3A%2F%2Fevil.example&authorization_endpoint=https%3A%2F%2Fevil.example";
    let code = callback(&format!("code=x&state={STATE}&{foreign}")).unwrap();
    assert_eq!(code.secret().expose(), "x");
    assert_eq!(code.pending().issuer, ISSUER);
}

#[test]
fn r021_a023_without_s256_nobody_is_sent_anywhere() {
    let methods = |list: Value| check(&document_with("code_challenge_methods_supported", list));
    for list in [json!(["plain"]), json!([]), json!(["s256"]), json!(["S256 "]), json!(["S512"])] {
        let what = list.to_string();
        let detail = "code_challenge_methods_supported";
        refused(methods(list), Code::MetadataUnsupported, detail, &what);
    }
    assert!(methods(json!(["plain", "S256"])).is_ok());
    assert!(methods(Value::Null).is_ok());
}

#[test]
fn r021_a_server_that_lists_no_methods_is_sent_s256() {
    let server = check(&document_with("code_challenge_methods_supported", Value::Null)).unwrap();
    let (address, _) = ask_of(&server, client(), sign_in("openid"), &random()).unwrap();
    let sent = parameters(&address);
    assert_eq!(values(&sent, "code_challenge_method"), ["S256"]);
    assert_eq!(values(&sent, "code_challenge").len(), 1);
    assert!(begin(sign_in("openid")).is_ok());
}

#[test]
fn r091_a_template_of_an_issuer_stands_for_one_tenant() {
    let template = issuer("https://as.example/{tenantid}/v2.0");
    assert_eq!(template.as_str(), "https://as.example/{tenantid}/v2.0");
    assert_eq!(template.for_tenant(Some("t1")).as_deref(), Some("https://as.example/t1/v2.0"));
    assert_eq!(template.for_tenant(None), None);
    let plain = issuer("https://as.example/t1");
    assert_eq!(plain.for_tenant(Some("t2")).as_deref(), Some("https://as.example/t1"));
    assert_eq!(plain.for_tenant(None).as_deref(), Some("https://as.example/t1"));
}

#[test]
fn r027_an_alias_is_for_mutual_tls_alone() {
    let aliases = json!({"token_endpoint": "https://mtls.as.example/token"});
    let server = check(&document_with("mtls_endpoint_aliases", aliases)).unwrap();
    let at = |name: &'static str, mutual: bool| {
        server.endpoint(name, mutual, &Urls, Transport::Secure).map(|to| to.as_str().to_owned())
    };
    assert_eq!(at("token_endpoint", true).as_deref(), Ok("https://mtls.as.example/token"));
    assert_eq!(at("token_endpoint", false).as_deref(), Ok("https://as.example/token"));
    // Without an alias of its own an endpoint is where it is.
    assert_eq!(at("revocation_endpoint", true).as_deref(), Ok("https://as.example/revoke"));
    refused(at("x", true), Code::MetadataUnsupported, "x", "an endpoint that is not there");
    let wrong = check(&document_with("mtls_endpoint_aliases", json!([]))).unwrap();
    let seen = wrong.endpoint("token_endpoint", true, &Urls, Transport::Secure);
    refused(seen, Code::MetadataInvalid, "mtls_endpoint_aliases", "no object");
}

#[test]
fn r019_an_endpoint_is_checked_before_it_is_used() {
    let name = "device_authorization_endpoint";
    let at = |value| {
        let server = check(&document_with(name, value)).unwrap();
        server.endpoint(name, false, &Urls, Transport::Secure).map(drop)
    };
    assert_eq!(at(json!("https://as.example/device")), Ok(()));
    for wrong in [json!(7), json!(""), json!("javascript:x"), json!("https://as/#f"), json!([])] {
        let what = wrong.to_string();
        refused(at(wrong), Code::MetadataInvalid, name, &what);
    }
    refused(at(json!("http://as.example/")), Code::UrlInsecure, name, "http");
}
