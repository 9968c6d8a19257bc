//! RFC 7591 and RFC 7592: a client is made known, changed and forgotten.

use grantkit::protocol::error::Code;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{Setup, code_of, object, told};
use crate::provider::{Reply, page, refusal, reply};
use crate::world::World;

const PLACE: &str = "https://as.example/register";
const MANAGED: &str = "https://as.example/register/canary-1";

fn world() -> World {
    let world = World::new();
    world.provider().describes("registration_endpoint", json!(PLACE));
    world
}

fn registration() -> Value {
    json!({
        "client_id": "made",
        "client_secret": "canary-secret",
        "client_secret_expires_at": 0,
        "registration_client_uri": MANAGED,
        "registration_access_token": "canary-management",
        "client_name": "Shop",
    })
}

#[test]
fn rfc_7591_a_client_is_made_known() {
    let world = world();
    world.provider().always(PLACE, reply(201, registration()));
    let client = Setup::machine().client(&world);
    let metadata = object(&json!({"client_name": "Shop", "redirect_uris": ["https://a.example/"]}));
    for initial in [None, Some(Secret::new("canary-initial"))] {
        let made = world.run(client.register(&metadata, initial.as_ref(), None)).unwrap();
        assert_eq!(made.client_id, "made");
        assert_eq!(made.response.text("client_secret"), Some("canary-secret"));
        let seen = world.last(PLACE);
        assert_eq!((seen.method, seen.form.is_none()), ("POST", true));
        let sent = json!({"client_name": "Shop", "redirect_uris": ["https://a.example/"]});
        assert_eq!(seen.json, Some(sent));
        // Never by what this client shows at other endpoints.
        let bearer = initial.map(|_| "Bearer canary-initial".to_owned());
        assert_eq!(seen.authorization, bearer);
    }
}

#[test]
fn rfc_7591_an_answer_of_another_kind_is_none() {
    for (answer, code) in [
        (reply(202, registration()), Code::ResponseStatus),
        (refusal(400, "invalid_redirect_uri"), Code::TokenError),
        (reply(201, "{}"), Code::TokenResponseInvalid),
        (page(500), Code::ResponseStatus),
        (page(307), Code::RedirectRefused),
    ] {
        let world = world();
        world.provider().always(PLACE, answer);
        let client = Setup::machine().client(&world);
        let result = world.run(client.register(&object(&json!({})), None, None));
        assert_eq!(code_of(result), code);
    }
    let world = World::new();
    let client = Setup::machine().client(&world);
    let result = world.run(client.register(&object(&json!({})), None, None));
    assert_eq!(told(result), (Code::MetadataUnsupported, Some("registration_endpoint".into())));
}

#[test]
fn rfc_7592_a_registration_is_changed() {
    let world = world();
    let client = Setup::machine().client(&world);
    // A server that leaves out what did not change, and one that gives a new token.
    for (token, kept) in [(Value::Null, "canary-management"), (json!("canary-new"), "canary-new")] {
        let mut answer = json!({"client_id": "made", "client_name": "New"});
        if !token.is_null() {
            answer["registration_access_token"] = token;
        }
        world.provider().always(MANAGED, reply(200, answer));
        let (known, metadata) = (object(&registration()), object(&json!({"client_name": "New"})));
        let changed = world.run(client.update_registration(&known, &metadata, None)).unwrap();
        let seen = world.last(MANAGED);
        assert_eq!(seen.method, "PUT");
        assert_eq!(seen.authorization.as_deref(), Some("Bearer canary-management"));
        assert_eq!(seen.json, Some(json!({"client_name": "New", "client_id": "made"})));
        // The answer serves for the next change.
        assert_eq!(changed.response.text("registration_access_token"), Some(kept));
        assert_eq!(changed.response.text("registration_client_uri"), Some(MANAGED));
        let again = world.run(client.update_registration(&changed.response, &metadata, None));
        assert!(again.is_ok());
        let bearer = format!("Bearer {kept}");
        assert_eq!(world.last(MANAGED).authorization, Some(bearer));
    }
    let answer = reply(200, json!({"client_id": "other"}));
    world.provider().always(MANAGED, answer);
    let (known, metadata) = (object(&registration()), object(&json!({})));
    let result = world.run(client.update_registration(&known, &metadata, None));
    assert_eq!(told(result), (Code::TokenResponseInvalid, Some("client_id".into())));
}

#[test]
fn rfc_7592_a_registration_is_ended() {
    let world = world();
    let client = Setup::machine().client(&world);
    let known = object(&registration());
    world.provider().always(MANAGED, reply(204, ""));
    assert!(world.run(client.delete_registration(&known, None)).is_ok());
    let seen = world.last(MANAGED);
    assert_eq!((seen.method, seen.json), ("DELETE", None));
    assert_eq!(seen.authorization.as_deref(), Some("Bearer canary-management"));
    for (answer, code) in [
        (reply(200, "{}"), Code::ResponseStatus),
        (refusal(401, "invalid_token"), Code::TokenError),
        (Reply::Fail(Code::NetworkError), Code::NetworkError),
    ] {
        world.provider().always(MANAGED, answer);
        assert_eq!(code_of(world.run(client.delete_registration(&known, None))), code);
    }
}

#[test]
fn rfc_7592_what_is_no_registration_asks_nobody() {
    let world = world();
    let client = Setup::machine().client(&world);
    let text = |value: &str| json!(value);
    for (member, value, code) in [
        ("client_id", Value::Null, Code::ConfigInvalid),
        ("registration_access_token", text(""), Code::ConfigInvalid),
        ("registration_access_token", json!(7), Code::ConfigInvalid),
        ("registration_client_uri", Value::Null, Code::ConfigInvalid),
        ("registration_client_uri", text("http://as.example/r"), Code::UrlInsecure),
        ("registration_client_uri", text("https://a@as.example/r"), Code::UrlInvalid),
    ] {
        let mut known = registration();
        known[member] = value;
        let known = object(&known);
        let changed = client.update_registration(&known, &known, None);
        let expected = (code, Some(member.to_owned()));
        assert_eq!(told(world.run(changed)), expected);
        assert_eq!(told(world.run(client.delete_registration(&known, None))), expected);
    }
    let other = object(&json!({"client_id": "other"}));
    let result = world.run(client.update_registration(&object(&registration()), &other, None));
    assert_eq!(told(result), (Code::ConfigInvalid, Some("client_id".into())));
    assert!(world.seen().is_empty());
}
