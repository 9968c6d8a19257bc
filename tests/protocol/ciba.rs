//! CIBA Core 1.0, rows R154 to R157: who is asked, how, and what a notification must bring.

use grantkit::protocol::authorize::Wish;
use grantkit::protocol::ciba::{self, Ask, Ping};
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::secret::Secret;
use grantkit::protocol::token::Reading;
use serde_json::{Value, json};

use crate::given::{NOW, endpoint, refused, reply};

fn ask() -> Ask {
    Ask {
        wish: Wish { scope: Some("openid email".into()), ..Wish::default() },
        login_hint: Some("jane@example.com".into()),
        ..Ask::default()
    }
}

#[test]
fn r154_exactly_one_hint() {
    let token = || Some(Secret::new("a.b.c"));
    let one = ask();
    let other = Ask { login_hint: None, login_hint_token: token(), ..ask() };
    let third = Ask { login_hint: None, id_token_hint: token(), ..ask() };
    for (ask, sent) in [
        (one, "login_hint=jane%40example.com"),
        (other, "login_hint_token=a.b.c"),
        (third, "id_token_hint=a.b.c"),
    ] {
        let form = ask.parameters().unwrap().encode();
        assert_eq!(form.expose(), format!("scope=openid+email&{sent}"));
    }
    let none = Ask { login_hint: None, ..ask() };
    let two = Ask { id_token_hint: token(), ..ask() };
    let empty = Ask { login_hint: Some("".into()), ..ask() };
    let half = Ask { id_token_hint: Some(Secret::new("")), ..ask() };
    for (what, ask) in [("none", none), ("two", two), ("empty", empty), ("half", half)] {
        refused(ask.parameters(), Code::ConfigInvalid, "loginHint", what);
    }
}

#[test]
fn r004_r154_no_hint_passes_by_as_a_parameter() {
    for name in [
        "login_hint_token",
        "id_token_hint",
        "binding_message",
        "user_code",
        "requested_expiry",
        "client_notification_token",
    ] {
        let parameters = vec![(name.to_owned(), "x".to_owned())];
        let wish = Wish { scope: Some("openid".into()), parameters, ..Wish::default() };
        refused(Ask { wish, ..ask() }.parameters(), Code::ConfigInvalid, "parameters", name);
    }
    let parameters = vec![("custom".to_owned(), "x".to_owned())];
    let wish = Wish { scope: Some("openid".into()), parameters, ..Wish::default() };
    assert!(Ask { wish, ..ask() }.parameters().is_ok());
}

#[test]
fn r154_the_scope_holds_openid() {
    for scope in [None, Some("email"), Some("openid2"), Some("OPENID")] {
        let wish = Wish { scope: scope.map(Into::into), ..Wish::default() };
        let seen = Ask { wish, ..ask() }.parameters();
        refused(seen, Code::ConfigInvalid, "scope", &format!("{scope:?}"));
    }
}

#[test]
fn r154_what_else_is_sent() {
    let ask = Ask {
        wish: Wish {
            scope: Some("openid".into()),
            acr_values: Some("urn:mace:incommon:iap:silver".into()),
            ..Wish::default()
        },
        binding_message: Some("W4SCT".into()),
        user_code: Some(Secret::new("4711")),
        requested_expiry: Some(120),
        notification_token: Some(ciba::notification_token(&[1; 32])),
        ..ask()
    };
    assert_eq!(
        ask.parameters().unwrap().encode().expose(),
        "scope=openid&acr_values=urn%3Amace%3Aincommon%3Aiap%3Asilver\
         &login_hint=jane%40example.com&binding_message=W4SCT&user_code=4711&requested_expiry=120\
         &client_notification_token=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
    );
    assert!(!format!("{ask:?}").contains("AQEB") && !format!("{ask:?}").contains("4711"));
    let never = Ask { requested_expiry: Some(0), ..ask };
    refused(never.parameters(), Code::ConfigInvalid, "requestedExpiry", "0");
}

#[test]
fn r154_a_weak_notification_token_is_refused() {
    let with = |token: &str| Ask { notification_token: Some(Secret::new(token)), ..ask() };
    let strong = "0123456789abcdefABCDEF";
    for token in [strong, "0123456789-._~+/abcdefABCDEF==", &"x".repeat(1024)] {
        assert!(with(token).parameters().is_ok(), "{token}");
    }
    let long = "x".repeat(1025);
    for token in ["", &strong[1..], &long, "0123456789 abcdefABCDEF", "=0123456789abcdefABCDEF"] {
        refused(with(token).parameters(), Code::ConfigInvalid, "clientNotificationToken", token);
    }
}

#[test]
fn r154_only_a_client_that_shows_who_it_is_may_ask() {
    let to = endpoint("https://as.example/bc");
    let auth = ClientAuth { id: "c".into(), secret: Some(Secret::new("s")), method: None };
    let parameters = || ask().parameters().unwrap();
    let request = ciba::request(&to, &auth, Method::Basic, parameters()).unwrap();
    assert!(request.authorization.is_some());
    let seen = ciba::request(&to, &auth, Method::None, parameters());
    refused(seen, Code::ConfigInvalid, "clientAuthentication", "none");
}

/// The example of section 7.3.
fn example() -> Value {
    json!({"auth_req_id": "1c266114-a1be-4252-8ad1-04986c5b9ac1", "expires_in": 120, "interval": 2})
}

fn with(name: &str, value: Value) -> Result<ciba::Backchannel, Error> {
    let mut body = example();
    match value {
        Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
        value => body[name] = value,
    }
    ciba::response(&reply(200, body.to_string()), Reading::Strict)
}

#[test]
fn r155_the_answer() {
    let good = with("x", json!(1)).unwrap();
    assert_eq!(good.auth_req_id.expose(), "1c266114-a1be-4252-8ad1-04986c5b9ac1");
    assert_eq!((good.expires_in, good.interval), (120, 2));
    assert_eq!(with("interval", Value::Null).unwrap().interval, 5);
    assert_eq!(good.poll(NOW).wait(NOW), Ok(2000));
    for (name, wrong) in [
        ("auth_req_id", Value::Null),
        ("auth_req_id", json!("")),
        ("auth_req_id", json!(7)),
        ("expires_in", Value::Null),
        ("expires_in", json!("120")),
        ("expires_in", json!(0)),
        ("interval", json!("2")),
        ("interval", json!(-2)),
    ] {
        let what = format!("{name} {wrong}");
        refused(with(name, wrong), Code::TokenResponseInvalid, name, &what);
    }
    for error in ["expired_id_token_hint", "unknown_user_id", "invalid_user_code"] {
        let reply = reply(400, json!({ "error": error }).to_string());
        let seen = ciba::response(&reply, Reading::Strict).err().unwrap();
        assert_eq!(seen.server_error(), Some(error));
    }
    assert_eq!(
        ciba::grant(&good.auth_req_id).encode().expose(),
        "grant_type=urn%3Aopenid%3Aparams%3Agrant-type%3Aciba\
         &auth_req_id=1c266114-a1be-4252-8ad1-04986c5b9ac1"
    );
}

#[test]
fn r156_a_notification_ends_the_wait() {
    let mut poll = with("interval", json!(31)).unwrap().poll(NOW);
    assert_eq!(poll.wait(NOW), Ok(31_000));
    poll.notified();
    assert_eq!(poll.wait(NOW), Ok(0));
    // The next question is the server's again.
    let slower = json!({"error": "slow_down"}).to_string();
    let error = reply(400, slower).success(Code::TokenError).err().unwrap();
    poll.refused(error, NOW).unwrap();
    assert_eq!(poll.wait(NOW), Ok(36_000));
}

const ID: &str = "1c266114-a1be-4252-8ad1-04986c5b9ac1";
const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

fn notified(authorization: Option<&str>, body: &str) -> Result<(), Error> {
    let ping = Ping::read(authorization, body.as_bytes())?;
    assert!(!format!("{ping:?}").contains(TOKEN));
    ping.accept(&Secret::new(ID), &Secret::new(TOKEN))
}

fn body(id: &str) -> String {
    json!({ "auth_req_id": id }).to_string()
}

#[test]
fn r157_a_notification_brings_its_token_in_the_header() {
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        assert_eq!(notified(Some(&format!("{scheme} {TOKEN}")), &body(ID)), Ok(()), "{scheme}");
    }
    for header in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some(TOKEN),
        Some(&format!("Basic {TOKEN}")),
        Some(&format!("Bearer\t{TOKEN}")),
        Some(&format!("Bearer {TOKEN},")),
        Some(&format!("Bearer {TOKEN} x")),
        Some(&format!("Bearer {TOKEN}1")),
        Some(&format!("Bearer {}", &TOKEN[1..])),
        Some("Bearer ==="),
    ] {
        let error = notified(header, &body(ID)).err().unwrap();
        let seen = (error.code(), error.detail_text(), error.http_status());
        assert_eq!(seen, (Code::TokenInvalid, Some("authorization"), Some(401)), "{header:?}");
    }
}

#[test]
fn r157_a_notification_is_for_a_request_that_waits() {
    let bearer = format!("Bearer {TOKEN}");
    let refusal = |body: &str| {
        let error = notified(Some(&bearer), body).err().unwrap();
        assert_eq!((error.code(), error.http_status()), (Code::TokenInvalid, Some(400)), "{body}");
        error.detail_text().unwrap().to_owned()
    };
    assert_eq!(refusal(&body("other")), "auth_req_id");
    for wrong in ["{}", "{\"auth_req_id\":\"\"}", "{\"auth_req_id\":7}"] {
        assert_eq!(refusal(wrong), "auth_req_id");
    }
    let twice = format!("{{\"auth_req_id\":\"{ID}\",\"auth_req_id\":\"{ID}\"}}");
    for wrong in ["", "[]", "null", ID, &twice] {
        assert_eq!(refusal(wrong), "malformed");
    }
    assert_eq!(refusal(&" ".repeat(8193)), "too_large");
    // Push is another mode: no token comes in by this door.
    for member in ["access_token", "id_token", "error"] {
        assert_eq!(refusal(&json!({"auth_req_id": ID, member: "x"}).to_string()), "push");
    }
    let ping = Ping::read(Some(&bearer), body(ID).as_bytes()).unwrap();
    assert_eq!(ping.auth_req_id(), ID);
}
