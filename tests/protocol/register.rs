//! RFC 7591 and RFC 7592: a client makes itself known.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::Request;
use grantkit::protocol::register::{self, Management, Registered};
use grantkit::protocol::secret::Secret;
use grantkit::protocol::url::Transport;
use serde_json::{Value, json};

use crate::given::{answer, endpoint, object, refused, reply, value};
use crate::urls::Urls;

const CONFIGURATION: &str = "https://server.example.com/register/s6BhdRkqt3";

/// RFC 7591, section 3.2.1, with RFC 7592, section 3.
fn example() -> Value {
    json!({
        "client_id": "s6BhdRkqt3",
        "client_secret": "canary-cf136dc3c1fc93f31185e5885805d",
        "client_id_issued_at": 2_893_256_800_u64,
        "client_secret_expires_at": 2_893_276_800_u64,
        "registration_access_token": "canary-reg-23410913-abewfq.123483",
        "registration_client_uri": CONFIGURATION,
        "redirect_uris": ["https://client.example.org/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "client_name": "My Example Client"
    })
}

fn with(name: &str, member: Value) -> Value {
    let mut body = example();
    match member {
        Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
        member => body[name] = member,
    }
    body
}

fn read(body: &Value) -> Result<Registered, Error> {
    register::response(&reply(201, body.to_string()), &Urls, Transport::Secure)
}

fn sent(request: &Request) -> (&str, Option<Value>, Option<&str>) {
    let body = request.json.as_ref().map(|body| serde_json::from_str(body.expose()).unwrap());
    (request.method, body, request.authorization.as_ref().map(Secret::expose))
}

#[test]
fn rfc_7591_what_is_sent() {
    let to = endpoint("https://server.example.com/register");
    let metadata = json!({
        "redirect_uris": ["https://client.example.org/callback"],
        "client_name": "My Client",
        "client_name#ja-Jpan-JP": "クライアント名"
    });
    let request = register::request(&to, &object(&metadata), None);
    assert_eq!(sent(&request), ("POST", Some(metadata.clone()), None));
    assert!(request.form.is_none());
    let token = Secret::new("canary");
    let request = register::request(&to, &object(&metadata), Some(&token));
    assert_eq!(sent(&request), ("POST", Some(metadata), Some("Bearer canary")));
    assert!(!format!("{request:?}").contains("canary"));
}

#[test]
fn rfc_7591_the_answer() {
    let seen = read(&example()).unwrap();
    assert_eq!(seen.client_id, "s6BhdRkqt3");
    let secret = seen.client_secret.as_ref().unwrap();
    assert_eq!(secret.expose(), "canary-cf136dc3c1fc93f31185e5885805d");
    let management = seen.management.as_ref().unwrap();
    assert_eq!(management.url.as_str(), CONFIGURATION);
    assert_eq!(management.token.expose(), "canary-reg-23410913-abewfq.123483");
    assert_eq!(value(&seen.response), example());
    assert!(!format!("{seen:?}").contains("canary"));
    // A public client has no secret, and some servers no management.
    let mut public = with("client_secret", Value::Null);
    for name in ["client_secret_expires_at", "registration_access_token", "registration_client_uri"]
    {
        public.as_object_mut().unwrap().remove(name);
    }
    let seen = read(&public).unwrap();
    assert!(seen.client_secret.is_none() && seen.management.is_none());
    assert!(read(&with("client_secret_expires_at", json!(0))).is_ok());
}

#[test]
fn rfc_7591_members_are_what_they_must_be() {
    for (name, wrong) in [
        ("client_id", Value::Null),
        ("client_id", json!("")),
        ("client_id", json!(7)),
        ("client_secret", json!("")),
        ("client_secret", json!(7)),
        ("client_secret_expires_at", Value::Null),
        ("client_secret_expires_at", json!(-1)),
        ("client_secret_expires_at", json!("0")),
        ("client_secret_expires_at", json!(1.5)),
        ("registration_access_token", Value::Null),
        ("registration_access_token", json!("")),
        ("registration_access_token", json!({})),
        ("registration_client_uri", Value::Null),
        ("registration_client_uri", json!("http://server.example.com/register")),
        ("registration_client_uri", json!("javascript:alert(1)")),
        ("registration_client_uri", json!("/register")),
    ] {
        let what = format!("{name} {wrong}");
        refused(read(&with(name, wrong)), Code::TokenResponseInvalid, name, &what);
    }
    // As glewlwyd answers.
    let made = reply(200, json!({"client_id": "s6BhdRkqt3"}).to_string());
    let seen = register::response(&made, &Urls, Transport::Secure);
    assert_eq!(seen.unwrap().client_id, "s6BhdRkqt3");
    let refusal = reply(200, json!({"error": "invalid_client_metadata"}).to_string());
    let seen = register::response(&refusal, &Urls, Transport::Secure);
    refused(seen, Code::TokenError, "", "200 with an error");
    for status in [202, 204] {
        let seen = register::response(&reply(status, "{}"), &Urls, Transport::Secure);
        refused(seen, Code::ResponseStatus, "", &status.to_string());
    }
    let denied = json!({"error": "invalid_redirect_uri", "error_description": "no"});
    let seen = register::response(&reply(400, denied.to_string()), &Urls, Transport::Secure);
    assert_eq!(seen.err().unwrap().server_error(), Some("invalid_redirect_uri"));
}

fn management() -> Management {
    Management { url: endpoint(CONFIGURATION), token: Secret::new("canary-old") }
}

#[test]
fn rfc_7592_a_registration_is_read_changed_and_ended() {
    let management = management();
    assert_eq!(sent(&management.read()), ("GET", None, Some("Bearer canary-old")));
    assert_eq!(sent(&management.delete()), ("DELETE", None, Some("Bearer canary-old")));
    assert_eq!(management.delete().url.as_str(), CONFIGURATION);
    // What the server alone may say is not sent back to it.
    let request = management.update("s6BhdRkqt3", &object(&example())).unwrap();
    let body = json!({
        "client_id": "s6BhdRkqt3",
        "client_secret": "canary-cf136dc3c1fc93f31185e5885805d",
        "redirect_uris": ["https://client.example.org/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "client_name": "My Example Client"
    });
    assert_eq!(sent(&request), ("PUT", Some(body), Some("Bearer canary-old")));
    let bare = management.update("s6BhdRkqt3", &object(&json!({"client_name": "x"}))).unwrap();
    let body = json!({"client_name": "x", "client_id": "s6BhdRkqt3"});
    assert_eq!(sent(&bare).1, Some(body));
    for other in [json!("other"), json!(7)] {
        let metadata = object(&json!({"client_id": other}));
        let seen = management.update("s6BhdRkqt3", &metadata);
        refused(seen, Code::ConfigInvalid, "client_id", "another client");
    }
}

#[test]
fn rfc_7592_the_answer_is_of_that_client() {
    let management = management();
    let read = |status, body: &Value| {
        let reply = reply(status, body.to_string());
        management.response(&reply, "s6BhdRkqt3", &Urls, Transport::Secure)
    };
    let renewed = read(200, &example()).unwrap().management.unwrap();
    assert_eq!(renewed.token.expose(), "canary-reg-23410913-abewfq.123483");
    // The old token and address stand where no new ones come.
    let kept = read(200, &with("registration_access_token", Value::Null)).unwrap();
    assert_eq!(kept.management.unwrap().token.expose(), "canary-old");
    let kept = read(200, &with("registration_client_uri", Value::Null)).unwrap();
    assert_eq!(kept.management.unwrap().url.as_str(), CONFIGURATION);
    let other = read(200, &with("client_id", json!("other")));
    refused(other, Code::TokenResponseInvalid, "client_id", "another client");
    refused(read(201, &example()), Code::ResponseStatus, "", "201");
    let error = read(401, &json!({"error": "invalid_token"})).err().unwrap();
    assert_eq!((error.http_status(), error.server_error()), (Some(401), Some("invalid_token")));
    assert_eq!(Management::deleted(&answer(204, None, "")), Ok(()));
    for status in [200, 202, 403, 405, 500] {
        let seen = Management::deleted(&answer(status, None, ""));
        refused(seen, Code::ResponseStatus, "", &status.to_string());
    }
    let seen = Management::deleted(&reply(401, "{\"error\":\"invalid_token\"}"));
    assert_eq!(seen.err().unwrap().server_error(), Some("invalid_token"));
}
