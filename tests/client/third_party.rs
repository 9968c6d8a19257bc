//! R042: somebody else asks that a person sign in. Anybody can.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::json::Object;

use crate::acts::{REDIRECT, Setup, code_of, told};
use crate::provider::ISSUER;
use crate::world::World;

fn accept(query: &str, issuers: Option<&[String]>) -> Result<Object, Error> {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let result = client.accept_third_party_login(query, issuers, REDIRECT);
    assert!(world.seen().is_empty(), "nobody is asked");
    result
}

#[test]
fn r042_the_client_s_own_server_is_the_only_one_unless_others_are_named() {
    let own = accept("?iss=https%3A%2F%2Fas.example&login_hint=jane", None).unwrap();
    assert_eq!(own.text("issuer"), Some(ISSUER));
    assert_eq!(own.text("loginHint"), Some("jane"));
    assert!(own.get("returnTo").is_none());
    let evil = "iss=https%3A%2F%2Fevil.example";
    assert_eq!(code_of(accept(evil, None)), Code::IssuerMismatch);
    let named = ["https://other.example".to_owned(), "https://evil.example".to_owned()];
    assert_eq!(accept(evil, Some(&named)).unwrap().text("issuer"), Some("https://evil.example"));
    let other = "iss=https%3A%2F%2Fas.example";
    assert_eq!(code_of(accept(other, Some(&named))), Code::IssuerMismatch);
    // An empty list trusts nobody, not even the own one.
    assert_eq!(code_of(accept(other, Some(&[]))), Code::IssuerMismatch);
    for near in ["https%3A%2F%2Fas.example%2F", "HTTPS%3A%2F%2Fas.example", "https%3A%2F%2Fas"] {
        assert_eq!(code_of(accept(&format!("iss={near}"), None)), Code::IssuerMismatch, "{near}");
    }
}

#[test]
fn r042_the_way_afterwards_stays_where_the_redirect_uri_is() {
    let target = |target: &str| {
        let query = format!("iss=https%3A%2F%2Fas.example&target_link_uri={target}");
        accept(&query, None).unwrap().text("returnTo").map(str::to_owned)
    };
    let own = target("https%3A%2F%2Fapp.example%2Forders%3Fx%3D1%23top");
    assert_eq!(own.as_deref(), Some("/orders?x=1#top"));
    for elsewhere in [
        "https%3A%2F%2Fevil.example%2Forders",
        "http%3A%2F%2Fapp.example%2Forders",
        "https%3A%2F%2Fapp.example.evil.example%2F",
        "https%3A%2F%2Fapp.example%2F%2Fevil.example",
        "javascript%3Aalert(1)",
        "%2Forders",
    ] {
        assert_eq!(target(elsewhere), None, "{elsewhere}");
    }
}

#[test]
fn r042_what_is_no_such_request_is_refused() {
    let iss = "iss=https%3A%2F%2Fas.example";
    for (query, code, detail) in [
        (String::new(), Code::CallbackMalformed, "iss"),
        (format!("{iss}&{iss}"), Code::CallbackDuplicateParam, "iss"),
        (format!("{iss}&login_hint=a&login_hint=b"), Code::CallbackDuplicateParam, "login_hint"),
        (format!("{iss}&login_hint={}", "x".repeat(9000)), Code::CallbackMalformed, "login_hint"),
    ] {
        assert_eq!(told(accept(&query, None)), (code, Some(detail.into())));
    }
    let world = World::new();
    let client = Setup::machine().client(&world);
    let insecure = ["http://as.example".to_owned()];
    let result = client.accept_third_party_login(iss, Some(&insecure), REDIRECT);
    assert_eq!(told(result), (Code::UrlInsecure, Some("issuer".into())));
    client.close();
    assert_eq!(code_of(client.accept_third_party_login(iss, None, REDIRECT)), Code::Closed);
}
