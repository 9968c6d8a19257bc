//! R126, R130: where a token may be taken to, and which request may be sent again.

use grantkit::client::resource;
use grantkit::protocol::authorize::Wish;
use grantkit::protocol::error::Code;
use grantkit::protocol::url::ParseUrl;

use crate::acts::{Setup, code_of, signed_in, told};
use crate::world::World;

fn allowing(urls: &[&str]) -> Setup {
    let mut setup = Setup::page();
    setup.options.allowed_urls = urls.iter().map(|url| ((*url).into(), Wish::default())).collect();
    setup
}

fn allowed(urls: &[&str], url: &str) -> bool {
    let world = World::new();
    let client = allowing(urls).client(&world);
    let url = world.parse_url(url, None).unwrap();
    match client.allow(&url) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code(), Code::UrlNotAllowed);
            false
        }
    }
}

#[test]
fn r126_a074_only_under_what_is_allowed() {
    let api = ["https://api.example.com/v1"];
    for url in [
        "https://api.example.com/v1",
        "https://api.example.com/v1/",
        "https://api.example.com/v1/orders?x=/../#f",
        "https://api.example.com/v1?x=1",
        "https://API.example.com:443/v1/x",
        "https://api.example.com/v2/../v1/x",
        "https://api.example.com/v1/a%2Fb",
        "https://api.example.com/v1/a..b/.hidden/...",
    ] {
        assert!(allowed(&api, url), "{url}");
    }
    for url in [
        "https://api.example.com/",
        "https://api.example.com/v12",
        "https://api.example.com/v1x/y",
        "https://api.example.com/V1/x",
        "https://api.example.com/v1/../admin",
        "https://api.example.com/v1/%2e%2e/admin",
        "https://api.example.com/v1/%2E./admin",
        "https://api.example.com/v1/..%2fadmin",
        "https://api.example.com/v1/%2e%2e%2fadmin",
        "https://api.example.com/v1/x%2f..%2f..%2fadmin",
        "https://api.example.com/v1/..%5cadmin",
        "https://api.example.com/v1/..;/admin",
        "https://api.example.com/v1/%2e%2e;x=1/admin",
        "http://api.example.com/v1/x",
        "https://api.example.com:8443/v1/x",
        "https://www.api.example.com/v1/x",
        "https://example.com/v1/x",
        "https://api.example.com.evil.com/v1/x",
        "https://api.example.com@evil.com/v1/x",
        "https://user@api.example.com/v1/x",
        "https://user:pass@api.example.com/v1/x",
        "https://evil.com/https://api.example.com/v1",
        "https://evil.com\\@api.example.com/v1/x",
        "ftp://api.example.com/v1/x",
        "wss://api.example.com/v1/x",
        "data:text/plain,https://api.example.com/v1",
        "blob:https://api.example.com/v1/x",
    ] {
        assert!(!allowed(&api, url), "{url}");
    }
}

#[test]
fn r126_a_prefix_ends_at_a_segment() {
    assert!(allowed(&["https://api.example/v1/"], "https://api.example/v1/x"));
    assert!(!allowed(&["https://api.example/v1/"], "https://api.example/v1"));
    assert!(allowed(&["https://api.example"], "https://api.example/anything"));
    assert!(allowed(&["https://api.example/"], "https://api.example/"));
    assert!(!allowed(&["https://api.example/a/b"], "https://api.example/a"));
}

#[test]
fn r126_the_page_s_own_origin_is_not_allowed_by_itself() {
    assert!(!allowed(&[], "https://app.example/api"));
    assert!(!allowed(&["https://api.example"], "https://app.example/api"));
    assert!(allowed(&["https://app.example/api"], "https://app.example/api"));
}

#[test]
fn r126_plain_http_stays_on_this_machine() {
    assert!(allowed(&["http://localhost:3000"], "http://localhost:3000/x"));
    assert!(allowed(&["http://127.0.0.1:3000"], "http://127.0.0.1:3000/x"));
    assert!(!allowed(&["http://localhost:3000"], "http://localhost:3001/x"));
    assert!(!allowed(&["http://localhost:3000"], "http://127.0.0.1:3000/x"));
    let world = World::new();
    let result = allowing(&["http://api.example"]).config(&world);
    assert_eq!(told(result), (Code::UrlInsecure, Some("allowedUrls".into())));
    let mut setup = allowing(&["http://api.example"]);
    setup.options.insecure_http = true;
    assert!(setup.config(&world).is_ok());
}

#[test]
fn r126_entries_that_are_no_prefix_are_refused() {
    let world = World::new();
    for url in [
        "https://api.example/?x=1",
        "https://api.example/v1?",
        "https://api.example/#f",
        "https://api.example/v1#",
        "https://user@api.example/",
        "api.example/v1",
        "/api",
        "*",
        "https://*.example\\x",
        "javascript:alert(1)",
        "",
    ] {
        let result = allowing(&[url]).config(&world);
        assert_eq!(told(result).1.as_deref(), Some("allowedUrls"), "{url}");
    }
}

#[test]
fn r126_the_longest_entry_says_what_the_token_is_for() {
    let world = World::new();
    let mut setup = Setup::page();
    let wish = |resource: &str| Wish { resource: vec![resource.into()], ..Wish::default() };
    setup.options.allowed_urls = vec![
        ("https://api.example/".into(), wish("urn:all")),
        ("https://api.example/orders".into(), wish("urn:orders")),
        ("https://other.example/".into(), Wish::default()),
    ];
    let client = setup.client(&world);
    let session = signed_in(&world, &setup);
    for (url, expected) in [
        ("https://api.example/orders/7", vec!["urn:orders".to_owned()]),
        ("https://api.example/ordersx", vec!["urn:all".to_owned()]),
        ("https://other.example/x", vec![]),
    ] {
        let url = world.parse_url(url, None).unwrap();
        assert_eq!(client.allow(&url).unwrap().resource, expected);
        assert_eq!(session.allow(&url).unwrap().resource, expected);
    }
    let url = world.parse_url("https://api.example/x", None).unwrap();
    session.close();
    client.close();
    assert_eq!(code_of(session.allow(&url)), Code::Closed);
    assert_eq!(code_of(client.allow(&url)), Code::Closed);
}

#[test]
fn users_a22_r130_what_may_be_sent_again() {
    let world = World::new();
    let mut setup = Setup::page();
    let config = setup.config(&world).unwrap();
    for method in ["GET", "get", "HEAD", "OPTIONS", "PUT", "DELETE"] {
        assert!(resource::repeatable(&config, method), "{method}");
    }
    for method in ["POST", "PATCH", "CONNECT", "", "GETX", "QUERY"] {
        assert!(!resource::repeatable(&config, method), "{method}");
    }
    setup.options.retry_methods = vec!["post".into(), "QUERY".into()];
    let config = setup.config(&world).unwrap();
    for method in ["POST", "Post", "query", "GET"] {
        assert!(resource::repeatable(&config, method), "{method}");
    }
    assert!(!resource::repeatable(&config, "PATCH"));
}
