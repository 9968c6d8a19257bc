//! OpenID Connect Core 1.0, section 4, row R042: somebody else asks that the person sign in.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::initiate::{Initiated, accept};
use grantkit::protocol::metadata::Issuer;

use crate::given::{issuer, refused};
use crate::urls::Urls;

fn read<'a>(query: &str, known: &'a [Issuer]) -> Result<Initiated<'a>, Error> {
    accept(query, known, "https://app.example", &Urls)
}

#[test]
fn r042_the_issuer_is_one_that_the_caller_knows() {
    let known = [issuer("https://as.example"), issuer("https://other.example/t")];
    let seen = read("?iss=https%3A%2F%2Fother.example%2Ft&login_hint=jane&x=y", &known).unwrap();
    let expected =
        Initiated { issuer: &known[1], login_hint: Some("jane".into()), return_to: None };
    assert_eq!(seen, expected);
    assert_eq!(read("iss=https://as.example", &known).unwrap().issuer, &known[0]);
    for (query, code, detail) in [
        ("iss=https://evil.example", Code::IssuerMismatch, ""),
        ("iss=https://as.example/", Code::IssuerMismatch, ""),
        ("iss=https://AS.example", Code::IssuerMismatch, ""),
        ("iss=", Code::IssuerMismatch, ""),
        ("", Code::CallbackMalformed, "iss"),
        ("login_hint=x", Code::CallbackMalformed, "iss"),
        ("iss=https://as.example&iss=https://as.example", Code::CallbackDuplicateParam, "iss"),
        (
            "iss=https://as.example&login_hint=a&login_hint=b",
            Code::CallbackDuplicateParam,
            "login_hint",
        ),
        (
            "iss=https://as.example&target_link_uri=a&target_link_uri=b",
            Code::CallbackDuplicateParam,
            "target_link_uri",
        ),
    ] {
        refused(read(query, &known), code, detail, query);
    }
    let long = format!("iss=https://as.example&login_hint={}", "x".repeat(9000));
    refused(read(&long, &known), Code::CallbackMalformed, "login_hint", "long");
    let long = format!("iss=https://as.example&x={}", "x".repeat(40_000));
    refused(read(&long, &known), Code::CallbackMalformed, "query", "long");
    refused(read("iss=https://as.example", &[]), Code::IssuerMismatch, "", "nobody is known");
}

#[test]
fn r042_r043_the_way_afterwards_stays_in_this_origin() {
    let known = [issuer("https://as.example")];
    let target = |text: &str| {
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        read(&format!("iss=https://as.example&target_link_uri={encoded}"), &known)
            .unwrap()
            .return_to
    };
    assert_eq!(target("https://app.example/a?b=c#d").as_deref(), Some("/a?b=c#d"));
    assert_eq!(target("https://app.example").as_deref(), Some("/"));
    for text in [
        "",
        "https://evil.example/",
        "https://app.example.evil.example/",
        "https://app.example@evil.example/",
        "https://app.example:8443/",
        "http://app.example/",
        "//evil.example/",
        "/a",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example//evil.example",
        "https://app.example/\\evil.example",
        "https://app.example/%2fevil.example",
        "https://app.example/..//evil.example",
    ] {
        assert_eq!(target(text), None, "{text}");
    }
}
