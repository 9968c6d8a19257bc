//! RFC 9126, rows R039 and R040, and A027: a request that is pushed.

use grantkit::protocol::authorize::{self, Manner, SignIn};
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::form::Form;
use grantkit::protocol::par::{self, Pushed};
use grantkit::protocol::secret::Secret;
use grantkit::protocol::token::Reading;
use serde_json::{Value, json};

use crate::given::{
    CLIENT, NOW, REDIRECT, STATE, answer, ask_of, check, client, document_with, endpoint,
    parameters, random, refused, reply, server, sign_in, values,
};

fn pushed_form(ask: SignIn) -> Form {
    authorize::parameters(&server(), client(), ask.into(), Manner::default(), &random(), NOW)
        .unwrap()
        .0
}

#[test]
fn r039_all_parameters_are_pushed_and_each_once() {
    let to = endpoint("https://as.example/par");
    for (secret, method) in
        [(None, Method::None), (Some("s"), Method::Basic), (Some("s"), Method::Post)]
    {
        let auth = ClientAuth { id: CLIENT.into(), secret: secret.map(Secret::new), method: None };
        let request = par::request(&to, &auth, method, pushed_form(sign_in("openid"))).unwrap();
        let body = request.form.as_ref().unwrap().expose().to_owned();
        let sent = parameters(&format!("https://as.example/?{body}"));
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("state", STATE),
            ("code_challenge_method", "S256"),
            ("scope", "openid"),
        ] {
            assert_eq!(values(&sent, name), [value], "{name} by {method:?}");
        }
        assert_eq!(values(&sent, "code_challenge").len(), 1);
        assert_eq!(values(&sent, "code_verifier").len(), 0);
        assert_eq!(request.authorization.is_some(), method == Method::Basic);
        assert_eq!(values(&sent, "client_secret").len(), usize::from(method == Method::Post));
    }
    let mut twice = Form::new();
    twice.push("request_uri", "urn:x");
    let auth = ClientAuth { id: CLIENT.into(), secret: None, method: None };
    let seen = par::request(&to, &auth, Method::None, twice);
    refused(seen, Code::ConfigInvalid, "request_uri", "a reference to a reference");
}

fn read(status: u16, body: &Value) -> Result<Pushed, Error> {
    par::response(&reply(status, body.to_string()), Reading::Strict, NOW)
}

/// The example of section 2.2.
fn example() -> Value {
    json!({
        "request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c",
        "expires_in": 60
    })
}

#[test]
fn r039_only_201_is_success() {
    let good = read(201, &example()).unwrap();
    assert_eq!(good.expires_in, 60);
    for status in [200, 202, 204, 302, 404] {
        refused(read(status, &example()), Code::ResponseStatus, "", &status.to_string());
    }
    let page = par::response(&answer(201, Some("text/html"), "<html>"), Reading::Strict, NOW);
    refused(page, Code::ResponseContentType, "", "html");
    let none = par::response(&reply(201, ""), Reading::Strict, NOW);
    refused(none, Code::ResponseNotJson, "", "empty");
}

#[test]
fn r039_a027_the_answer_holds_what_it_must() {
    for (name, wrong) in [
        ("expires_in", Value::Null),
        ("expires_in", json!(0)),
        ("expires_in", json!(-1)),
        ("expires_in", json!("60")),
        ("expires_in", json!(1.5)),
        ("request_uri", Value::Null),
        ("request_uri", json!("")),
        ("request_uri", json!(7)),
        ("request_uri", json!(["urn:x"])),
    ] {
        let mut body = example();
        match &wrong {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            wrong => body[name] = wrong.clone(),
        }
        let what = format!("{name} {wrong}");
        refused(read(201, &body), Code::TokenResponseInvalid, name, &what);
    }
}

#[test]
fn r040_a_refusal_is_the_servers_own() {
    for status in [400, 401, 403, 413, 429] {
        let seen = read(status, &json!({"error": "invalid_request"})).err().unwrap();
        assert_eq!(seen.code(), Code::TokenError);
        assert_eq!(seen.server_error(), Some("invalid_request"));
        assert_eq!(seen.http_status(), Some(status));
    }
    // An error in a 201 is an error.
    let seen = read(201, &json!({"error": "invalid_request", "request_uri": "urn:x"}));
    refused(seen, Code::TokenError, "", "201");
}

#[test]
fn r039_r040_the_address_holds_the_reference_alone() {
    let pushed = read(201, &example()).unwrap();
    let address = pushed.url(&server(), "s6BhdRkqt3", NOW + 59_999).unwrap();
    assert_eq!(
        address,
        "https://as.example/authorize?client_id=s6BhdRkqt3&request_uri=\
         urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6esc_11ACC5bwc014ltc14eY22c"
    );
    // `url` takes the reference by value: there is no second use. Nor is there a late one.
    let late = read(201, &example()).unwrap().url(&server(), CLIENT, NOW + 60_000);
    let late = late.err().unwrap();
    assert_eq!((late.code(), late.detail_text()), (Code::AuthorizationError, Some("expires_in")));
    assert_eq!(late.server_error(), Some("invalid_request_uri"));
}

#[test]
fn r040_a_server_that_wants_pushed_requests_gets_no_other() {
    let document = document_with("require_pushed_authorization_requests", json!(true));
    let server = check(&document).unwrap();
    let seen = ask_of(&server, client(), sign_in("openid"), &random());
    let name = "require_pushed_authorization_requests";
    refused(seen, Code::MetadataUnsupported, name, "in the address");
    let (form, _) = authorize::parameters(
        &server,
        client(),
        sign_in("openid").into(),
        Manner::default(),
        &random(),
        NOW,
    )
    .unwrap();
    assert_eq!(form.value("client_id"), Some(CLIENT));
}
