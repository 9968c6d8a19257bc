//! R154 to R157: the server asks the person; who asks waits, or is told.

use grantkit::client::token_client::TokenClient;
use grantkit::protocol::authorize::Wish;
use grantkit::protocol::ciba::{Ask, Backchannel};
use grantkit::protocol::client_auth::Method;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{CLIENT, Setup, code_of, now, told};
use crate::device::waits;
use crate::keyed::{issued, keyed, opened};
use crate::provider::{ISSUER, Reply, in_turn, refusal, reply};
use crate::signer::p256;
use crate::world::{World, signing};

const PLACE: &str = "https://as.example/backchannel";

fn world() -> World {
    let world = World::new();
    world.provider().describes("backchannel_authentication_endpoint", json!(PLACE));
    let answer = json!({"auth_req_id": "canary-request", "expires_in": 120, "interval": 2});
    world.provider().always(PLACE, reply(200, answer));
    world
}

fn setup() -> Setup {
    let mut setup = Setup::machine();
    setup.options.wish.scope = Some("openid".into());
    setup
}

fn ask() -> Ask {
    Ask { login_hint: Some("jane".into()), ..Ask::default() }
}

fn asked(world: &World, client: &TokenClient<World>) -> Result<(Backchannel, i64), Error> {
    world.run(client.backchannel_authentication(ask(), None))
}

#[test]
fn r154_what_is_sent() {
    let world = world();
    let client = setup().client(&world);
    let (request, came) = asked(&world, &client).unwrap();
    assert_eq!(request.auth_req_id.expose(), "canary-request");
    assert_eq!((request.interval, came), (2, now(&world)));
    let seen = world.last(PLACE);
    assert_eq!(seen.names(), ["scope", "login_hint"]);
    assert!(seen.authorization.unwrap().starts_with("Basic "));
}

#[test]
fn r154_a_hint_too_many_or_too_few_asks_nobody() {
    let world = world();
    let client = setup().client(&world);
    let none = Ask { login_hint: None, ..ask() };
    let two = Ask { id_token_hint: Some(Secret::new("canary-hint")), ..ask() };
    let plain = Wish { scope: Some("api".into()), ..Wish::default() };
    for (wrong, detail) in
        [(none, "loginHint"), (two, "loginHint"), (Ask { wish: plain, ..ask() }, "scope")]
    {
        let result = world.run(client.backchannel_authentication(wrong, None));
        assert_eq!(told(result), (Code::ConfigInvalid, Some(detail.into())));
    }
    assert!(world.seen().is_empty());
}

#[test]
fn r154_a_client_that_cannot_show_who_it_is_may_not_ask() {
    let world = world();
    let client = Setup { secret: None, ..setup() }.client(&world);
    let refused = (Code::ConfigInvalid, Some("clientAuthentication".into()));
    assert_eq!(told(asked(&world, &client)), refused);
    assert_eq!(world.count(PLACE), 0);
}

#[test]
fn r154_a_client_that_signs_its_requests_signs_this_one() {
    let world = world();
    let setup = setup();
    let objects = Some(signing(p256(), "ES256"));
    let client = keyed(&world, &setup, None, objects);
    asked(&world, &client).unwrap();
    let seen = world.last(PLACE);
    assert_eq!(seen.names(), ["request"], "nothing beside it");
    let (header, claims) = opened(seen.get("request").unwrap(), &p256().jwk());
    assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &json!("p256")));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(CLIENT), &json!(ISSUER)));
    assert_eq!((&claims["scope"], &claims["login_hint"]), (&json!("openid"), &json!("jane")));
    for name in ["exp", "iat", "nbf"] {
        assert!(claims[name].is_i64(), "{name}");
    }
    assert!(claims["jti"].is_string());

    // Signed and shown by a key: one form, two tokens.
    let (identity, objects) = (Some(signing(p256(), "ES256")), Some(signing(p256(), "ES256")));
    let client = keyed(&world, &Setup { secret: None, ..setup }, identity, objects);
    asked(&world, &client).unwrap();
    let names = ["request", "client_id", "client_assertion_type", "client_assertion"];
    assert_eq!(world.last(PLACE).names(), names);
}

fn tokens(id_token: Option<String>) -> Reply {
    let mut answer = json!({"access_token": "canary-access", "token_type": "Bearer"});
    if let Some(id_token) = id_token {
        answer["id_token"] = id_token.into();
    }
    reply(200, answer)
}

fn polled(world: &World, client: &TokenClient<World>) -> (Vec<i64>, Result<Value, Error>) {
    let (request, came) = asked(world, client).unwrap();
    let waiting = client.clone();
    let call = world.start(async move { waiting.poll_backchannel(&request, came, None).await });
    let waits = waits(world, 119);
    let subject = |(_, claims): grantkit::client::poll::Polled| json!(claims.unwrap().subject());
    world.pass(2_000);
    (waits, call.result().map(subject))
}

#[test]
fn r156_it_is_asked_at_the_server_s_pace() {
    let world = world();
    let client = setup().client(&world);
    let id_token = issued(&world, "JWT").claim("sub", "jane").signed_by(p256());
    let (pending, slower) = (refusal(400, "authorization_pending"), refusal(400, "slow_down"));
    let answers = vec![pending.clone(), slower, pending, tokens(Some(id_token))];
    world.provider().on("token", in_turn(answers));
    let (waits, result) = polled(&world, &client);
    assert_eq!((waits, result.unwrap()), (vec![2, 2, 7, 7], json!("jane")));
    let seen = world.last("token");
    assert_eq!(seen.names(), ["grant_type", "auth_req_id"]);
    assert_eq!(seen.get("grant_type"), Some("urn:openid:params:grant-type:ciba"));
}

#[test]
fn r156_a_refusal_and_the_end_stop_it() {
    for error in ["access_denied", "expired_token", "invalid_request", "invalid_grant"] {
        let world = world();
        world.provider().always("token", refusal(400, error));
        let (waits, result) = polled(&world, &setup().client(&world));
        assert_eq!(waits, [2]);
        assert_eq!(result.unwrap_err().server_error(), Some(error));
    }
    let world = world();
    world.provider().always("token", refusal(400, "authorization_pending"));
    let (waits, result) = polled(&world, &setup().client(&world));
    assert_eq!(waits, [2; 59]);
    assert_eq!(result.unwrap_err().server_error(), Some("expired_token"));
}

#[test]
fn r156_there_always_is_an_id_token() {
    let world = world();
    world.provider().always("token", tokens(None));
    let (_, result) = polled(&world, &setup().client(&world));
    assert_eq!(code_of(result), Code::IdTokenMissing);
}

#[test]
fn r157_a_notification_is_for_one_request_and_shows_its_token() {
    const TOKEN: &str = "canary-notification-token-8d67dc78";
    const GOOD: &str = "{\"auth_req_id\":\"canary-request\"}";
    let world = world();
    let client = setup().client(&world);
    let (id, token) = (Secret::new("canary-request"), Secret::new(TOKEN));
    let posted = |method: &str, authorization: Option<&str>, body: &str| {
        client.validate_notification((method, authorization, body.as_bytes()), &id, &token)
    };
    let bearer = format!("Bearer {TOKEN}");
    assert!(posted("POST", Some(&bearer), GOOD).is_ok());
    let wrong = format!("Bearer {TOKEN}x");
    let push = "{\"auth_req_id\":\"canary-request\",\"access_token\":\"canary\"}";
    let long = format!("{{\"auth_req_id\":\"{}\"}}", "x".repeat(8 * 1024));
    for (method, authorization, body, detail, status) in [
        ("GET", Some(&bearer), GOOD, "method", 405),
        ("POST", None, GOOD, "authorization", 401),
        ("POST", Some(&wrong), GOOD, "authorization", 401),
        ("POST", Some(&bearer), "{\"auth_req_id\":\"canary-other\"}", "auth_req_id", 400),
        ("POST", Some(&bearer), "{}", "auth_req_id", 400),
        ("POST", Some(&bearer), "[]", "malformed", 400),
        ("POST", Some(&bearer), push, "push", 400),
        ("POST", Some(&bearer), &long, "too_large", 400),
    ] {
        let error = posted(method, authorization.map(String::as_str), body).unwrap_err();
        let told = (error.code(), error.detail_text(), error.http_status());
        assert_eq!(told, (Code::TokenInvalid, Some(detail), Some(status)));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    assert!(world.seen().is_empty(), "nobody is asked");
    client.close();
    assert_eq!(code_of(posted("POST", Some(&bearer), GOOD)), Code::Closed);
}

#[test]
fn r027_r154_by_mutual_tls_the_alias_is_asked() {
    let world = world();
    world.provider().describes(
        "mtls_endpoint_aliases",
        json!({"backchannel_authentication_endpoint": "https://mtls.as.example/backchannel"}),
    );
    let answer = json!({"auth_req_id": "canary-request", "expires_in": 120});
    world.provider().always("https://mtls.as.example/backchannel", reply(200, answer));
    let setup = Setup { secret: None, method: Some(Method::SelfSignedTls), ..setup() };
    asked(&world, &setup.client(&world)).unwrap();
    assert_eq!(world.count(PLACE), 0);
    let seen = world.last("https://mtls.as.example/backchannel");
    assert_eq!(seen.names(), ["scope", "login_hint", "client_id"]);
}
