//! RFC 9728, rows R023 to R025 and R132: what an API says of itself.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::resource_metadata::{self, Resource};
use grantkit::protocol::url::{ParseUrl, Transport};
use serde_json::{Value, json};

use crate::given::{answer, issuer, refused, reply};
use crate::urls::Urls;

fn url(resource: &str) -> Result<String, Error> {
    resource_metadata::url(resource, &Urls, Transport::Secure).map(|url| url.as_str().to_owned())
}

#[test]
fn r023_the_address_is_between_host_and_path() {
    for (resource, expected) in [
        ("https://r", "https://r/.well-known/oauth-protected-resource"),
        ("https://r/", "https://r/.well-known/oauth-protected-resource"),
        ("https://r/x", "https://r/.well-known/oauth-protected-resource/x"),
        ("https://r/x/", "https://r/.well-known/oauth-protected-resource/x/"),
        ("https://r/x?y=1", "https://r/.well-known/oauth-protected-resource/x?y=1"),
        ("https://r?y=1", "https://r/.well-known/oauth-protected-resource?y=1"),
        ("https://r/?y=/1", "https://r/.well-known/oauth-protected-resource?y=/1"),
        ("https://r:8443/x", "https://r:8443/.well-known/oauth-protected-resource/x"),
    ] {
        assert_eq!(url(resource).as_deref(), Ok(expected), "{resource}");
    }
    for (resource, code) in [
        ("https://r/#x", Code::UrlInvalid),
        ("https://u@r/", Code::UrlInvalid),
        ("r/x", Code::UrlInvalid),
        ("urn:r", Code::UrlInvalid),
        ("http://r/", Code::UrlInsecure),
    ] {
        refused(url(resource), code, "resource", resource);
    }
}

#[test]
fn r025_a076_a_challenge_leads_to_the_internet_or_nowhere() {
    let asked = Urls.parse_url("https://api.example/orders", None).unwrap();
    let local = Urls.parse_url("http://localhost:3000/orders", None).unwrap();
    let found = |text, asked| {
        resource_metadata::discovered(text, asked, &Urls, Transport::Secure)
            .map(|url| url.as_str().to_owned())
    };
    for text in ["https://api.example/.well-known/x", "https://meta.example/x", "https://8.8.8.8/"]
    {
        assert_eq!(found(text, &asked).as_deref(), Ok(text));
    }
    for text in [
        "http://169.254.169.254/",
        "https://169.254.169.254/",
        "https://10.0.0.1/",
        "https://0x0a000001/",
        "https://2130706433/",
        "https://localhost/",
        "http://localhost:3000/x",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://metadata.google.internal/",
        "http://api.example/x",
    ] {
        refused(found(text, &asked), Code::UrlInsecure, "resource_metadata", text);
    }
    for text in ["javascript:x", "file:///etc/passwd", "/relative", "https://a@b/", "https://a/#x"]
    {
        refused(found(text, &asked), Code::UrlInvalid, "resource_metadata", text);
    }
    // Who develops on this machine asks this machine.
    assert!(found("http://localhost:3000/.well-known/x", &local).is_ok());
    refused(
        found("http://localhost:3001/x", &local),
        Code::UrlInsecure,
        "resource_metadata",
        "port",
    );
}

/// Section 3.2.
fn document() -> Value {
    json!({
        "resource": "https://resource.example.com",
        "authorization_servers": ["https://as1.example.com", "https://as2.example.net"],
        "bearer_methods_supported": ["header", "body"],
        "scopes_supported": ["profile", "email", "phone"],
        "resource_documentation": "https://resource.example.com/resource_documentation.html",
        "signed_metadata": "eyJhbGciOiJub25lIn0.e30.",
    })
}

fn read(document: &Value, resource: &str) -> Result<Resource, Error> {
    let reply = reply(200, document.to_string());
    resource_metadata::response(&reply, resource, &Urls, Transport::Secure)
}

fn with(name: &str, member: Value) -> Result<Resource, Error> {
    let mut document = document();
    match member {
        Value::Null => drop(document.as_object_mut().unwrap().remove(name)),
        member => document[name] = member,
    }
    read(&document, "https://resource.example.com")
}

#[test]
fn r024_the_example_of_section_3_2() {
    let seen = with("x", json!(1)).unwrap();
    let servers: Vec<&str> = seen.authorization_servers.iter().map(|as_| as_.as_str()).collect();
    assert_eq!(servers, ["https://as1.example.com", "https://as2.example.net"]);
    assert_eq!(seen.scopes.unwrap(), ["profile", "email", "phone"]);
    assert!(!seen.dpop_only);
    assert!(with("dpop_bound_access_tokens_required", json!(true)).unwrap().dpop_only);
    assert_eq!(with("authorization_servers", Value::Null).unwrap().authorization_servers, []);
}

#[test]
fn r024_it_speaks_of_the_resource_that_was_asked_for() {
    for other in [
        "https://resource.example.com/",
        "https://RESOURCE.example.com",
        "https://resource.example.com:443",
        "https://resource.example.com/x",
        "https://evil.example",
    ] {
        let seen = read(&document(), other);
        refused(seen, Code::MetadataIssuerMismatch, "resource", other);
    }
    for wrong in [Value::Null, json!(7), json!(["https://resource.example.com"])] {
        let what = wrong.to_string();
        refused(with("resource", wrong), Code::MetadataIssuerMismatch, "resource", &what);
    }
}

#[test]
fn r024_members_are_what_they_must_be() {
    for (name, wrong) in [
        ("authorization_servers", json!("https://as1.example.com")),
        ("authorization_servers", json!([7])),
        ("authorization_servers", json!(["https://as1.example.com?x"])),
        ("authorization_servers", json!(["http://as1.example.com"])),
        ("authorization_servers", json!(["javascript:x"])),
        ("scopes_supported", json!("profile")),
        ("bearer_methods_supported", json!({})),
        ("dpop_bound_access_tokens_required", json!("true")),
    ] {
        let what = format!("{name} {wrong}");
        refused(with(name, wrong), Code::MetadataInvalid, name, &what);
    }
    for bad in [reply(404, "{}"), reply(200, "[]"), answer(200, Some("text/html"), "<html>")] {
        let seen = resource_metadata::response(&bad, "x", &Urls, Transport::Secure);
        refused(seen, Code::MetadataInvalid, "", "no document");
    }
}

#[test]
fn r132_only_a_server_that_the_caller_trusts() {
    let seen = with("x", json!(1)).unwrap();
    let known = [issuer("https://mine.example"), issuer("https://as2.example.net")];
    assert_eq!(seen.trusted(&known), Some(&known[1]));
    assert_eq!(seen.trusted(&known[..1]), None);
    assert_eq!(seen.trusted(&[]), None);
    assert_eq!(seen.trusted(&[issuer("https://as2.example.net/")]), None);
}
