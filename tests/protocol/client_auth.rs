//! How a client shows who it is, and the requests that it makes so.

use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::Code;
use grantkit::protocol::form::Form;
use grantkit::protocol::http::Request;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::{base64url, revoke, token};
use serde_json::json;

use crate::given::{CLIENT, REDIRECT, STATE, callback, check, document_with, endpoint, refused};

fn auth(id: &str, secret: Option<&str>) -> ClientAuth {
    ClientAuth { id: id.into(), secret: secret.map(Secret::new), method: None }
}

fn ask(id: &str, secret: Option<&str>, method: Method, grant: &[(&str, &str)]) -> Request {
    let mut form = Form::new();
    for (name, value) in grant {
        form.push(name, value);
    }
    let to = endpoint("https://as.example/token?tenant=x");
    token::request(&to, &auth(id, secret), method, form)
}

fn body(request: &Request) -> &str {
    request.form.as_ref().unwrap().expose()
}

/// The two halves of a Basic header, form-decoded as RFC 6749, section 2.3.1, has the server do.
fn halves(request: &Request) -> (String, String) {
    let header = request.authorization.as_ref().unwrap().expose();
    let padded = header.strip_prefix("Basic ").unwrap();
    assert_eq!(padded.len() % 4, 0);
    let text = padded.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let text = String::from_utf8(base64url::decode(&text).unwrap()).unwrap();
    let (id, secret) = text.split_once(':').unwrap();
    assert!(!secret.contains(':'), "more than two halves: {text}");
    let decode = |half: &str| {
        let pair = format!("v={half}");
        let read = url::form_urlencoded::parse(pair.as_bytes()).next().unwrap();
        read.1.into_owned()
    };
    (decode(id), decode(secret))
}

#[test]
fn r062_the_code_is_exchanged_by_a_public_client() {
    let code = callback(&format!("code=a%26b&state={STATE}")).unwrap();
    let pending = code.pending();
    let request = ask(
        CLIENT,
        None,
        Method::None,
        &[
            ("grant_type", "authorization_code"),
            ("code", code.secret().expose()),
            ("redirect_uri", &pending.redirect_uri),
            ("code_verifier", pending.verifier.expose()),
        ],
    );
    assert_eq!(
        body(&request),
        "grant_type=authorization_code&code=a%26b\
         &redirect_uri=https%3A%2F%2Fapp.example%2Fcallback\
         &code_verifier=AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM&client_id=spa"
    );
    assert_eq!(pending.redirect_uri, REDIRECT);
    assert!(request.authorization.is_none());
}

#[test]
fn r003_r063_a_secret_is_never_in_a_url() {
    for method in [Method::None, Method::Basic, Method::Post] {
        for secret in [None, Some("canary")] {
            let grant = [("grant_type", "refresh_token"), ("refresh_token", "canary")];
            let request = ask("id", secret, method, &grant);
            assert_eq!(request.url.as_str(), "https://as.example/token?tenant=x");
            assert!(request.form.is_some(), "a POST");
            assert!(!request.keepalive);
        }
    }
}

#[test]
fn r063_one_method_and_no_more() {
    let grant = [("grant_type", "client_credentials")];
    let basic = ask("id", Some("s"), Method::Basic, &grant);
    assert_eq!(body(&basic), "grant_type=client_credentials");
    assert!(basic.authorization.is_some());
    let post = ask("id", Some("s"), Method::Post, &grant);
    assert_eq!(body(&post), "grant_type=client_credentials&client_id=id&client_secret=s");
    assert!(post.authorization.is_none());
    for (secret, method) in [
        (None, Method::None),
        (None, Method::Basic),
        (None, Method::Post),
        (Some("s"), Method::None),
    ] {
        let public = ask("id", secret, method, &grant);
        assert_eq!(body(&public), "grant_type=client_credentials&client_id=id");
        assert!(public.authorization.is_none());
    }
}

#[test]
fn r063_the_callers_choice_wins_and_a_public_client_has_none() {
    let server = check(&document_with(
        "token_endpoint_auth_methods_supported",
        json!(["client_secret_post"]),
    ))
    .unwrap();
    let mut chosen = auth("id", Some("s"));
    assert_eq!(chosen.method_for(&server), Ok(Method::Post));
    chosen.method = Some(Method::Basic);
    assert_eq!(chosen.method_for(&server), Ok(Method::Basic));
    assert_eq!(auth("id", None).method_for(&server), Ok(Method::None));
    let none = check(&document_with("token_endpoint_auth_methods_supported", json!(["none"])));
    let seen = auth("id", Some("s")).method_for(&none.unwrap());
    let detail = "token_endpoint_auth_methods_supported";
    refused(seen, Code::MetadataUnsupported, detail, "");
}

#[test]
fn r064_a044_each_half_is_encoded_by_itself() {
    for (id, secret) in [
        ("a:b", "p%+ é"),
        ("a", "b:c:d"),
        (":", ":"),
        ("%3A", "%25"),
        ("a b", "+"),
        ("\u{2028}🦀", "\r\n\0"),
        ("client %&+-_.!~*'()", "client %&+-_.!~*'()"),
        ("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw"),
        ("=", "=="),
    ] {
        let request = ask(id, Some(secret), Method::Basic, &[]);
        assert_eq!(halves(&request), (id.into(), secret.into()));
        let header = request.authorization.as_ref().unwrap().expose();
        assert!(header.bytes().all(|b| (b' '..=b'~').contains(&b)), "{header}");
    }
}

#[test]
fn r005_r063_a_posted_secret_is_read_back_as_it_was() {
    let request = ask("a&b=c", Some("p%+ é&client_id=x"), Method::Post, &[]);
    let read = url::form_urlencoded::parse(body(&request).as_bytes()).into_owned();
    let read: Vec<(String, String)> = read.collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(read, [pair("client_id", "a&b=c"), pair("client_secret", "p%+ é&client_id=x")]);
}

#[test]
fn r068_a_refresh_says_who_asks() {
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "r/1+2"), ("scope", "a b")];
    let public = ask("spa", None, Method::None, &grant);
    let expected = "grant_type=refresh_token&refresh_token=r%2F1%2B2&scope=a+b";
    assert_eq!(body(&public), format!("{expected}&client_id=spa"));
    let confidential = ask("id", Some("s"), Method::Basic, &grant);
    assert_eq!(body(&confidential), expected);
    assert_eq!(halves(&confidential), ("id".into(), "s".into()));
    let without_scope = ask("spa", None, Method::None, &[("refresh_token", "r"), ("scope", "")]);
    assert_eq!(body(&without_scope), "refresh_token=r&client_id=spa");
}

#[test]
fn r145_a_token_is_given_back_by_whom_it_was_given_to() {
    let to = endpoint("https://as.example/revoke");
    let give = |auth: &ClientAuth, method, hint| {
        revoke::request(&to, auth, method, &Secret::new("t/1"), hint)
    };
    let public = give(&auth("spa", None), Method::None, Some("refresh_token"));
    assert_eq!(body(&public), "token=t%2F1&token_type_hint=refresh_token&client_id=spa");
    let confidential = give(&auth("id", Some("s")), Method::Basic, None);
    assert_eq!(body(&confidential), "token=t%2F1");
    assert_eq!(halves(&confidential), ("id".into(), "s".into()));
    assert_eq!(public.url.as_str(), "https://as.example/revoke");
}
