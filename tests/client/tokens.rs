//! R071 to R081: what the token endpoint answers to a sign-in. Whatever fails, nothing is kept.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::Response;
use serde_json::{Value, json};

use crate::acts::{Setup, at_callback, code_of, handle, signed_in, token, told};
use crate::provider::{Reply, page, refusal, reply};
use crate::world::{START, World};

/// A sign-in whose token response is spoilt so; nothing may come of it.
fn spoilt(setup: &Setup, spoil: impl Fn(&mut Value) + 'static) -> Error {
    let world = World::new();
    let session = at_callback(&world, setup);
    world.provider().spoils_response(spoil);
    let result = handle(&world, &session);
    let error = result.expect_err("an error");
    nothing_was_kept(&world, &session);
    error
}

pub(crate) fn nothing_was_kept(world: &World, session: &grantkit::client::session::Session<World>) {
    assert!(world.tokens().keys("").is_empty(), "R081: the store");
    assert_eq!(world.on_hold(), None, "R081: what calls find");
    assert!(world.told().is_empty(), "R081: {:?}", world.told());
    assert!(!session.signed_in() && session.claims().is_none());
    assert!(session.id_token().is_none() && session.expires_at().is_none());
    assert_eq!(code_of(token(world, session)), Code::LoginRequired);
    assert_eq!(world.due_in(), None, "nothing is scheduled");
}

fn member(name: &'static str, value: Value) -> (Code, Option<String>) {
    let error = spoilt(&Setup::page(), move |response| match &value {
        Value::Null => drop(response.as_object_mut().unwrap().remove(name)),
        value => response[name] = value.clone(),
    });
    (error.code(), error.detail_text().map(str::to_owned))
}

fn invalid(name: &str) -> (Code, Option<String>) {
    (Code::TokenResponseInvalid, Some(name.into()))
}

#[test]
fn r071_r080_an_access_token_is_text_that_fits_a_header() {
    let values = [
        json!(null),
        json!(""),
        json!(7),
        json!({}),
        json!(["t"]),
        json!("a\r\nb"),
        json!("a\u{0}"),
        json!("ü"),
    ];
    for value in values {
        assert_eq!(member("access_token", value.clone()), invalid("access_token"), "{value}");
    }
    let error = spoilt(&Setup::page(), |response| response["access_token"] = json!(null));
    assert_eq!(error.code(), Code::TokenResponseInvalid, "null is no text, either");
}

#[test]
fn r072_r073_the_type_is_bearer() {
    assert_eq!(member("token_type", json!(null)), invalid("token_type"));
    assert_eq!(member("token_type", json!(["Bearer"])), invalid("token_type"));
    for kind in ["mac", "N_A", "Bearer ", ""] {
        let (code, _) = member("token_type", json!(kind));
        assert_eq!(code, Code::TokenTypeUnsupported, "{kind:?}");
    }
    assert_eq!(member("token_type", json!("DPoP")).0, Code::TokenBindingDowngrade);
    for kind in ["bearer", "BEARER", "bEARER"] {
        let world = World::new();
        let session = at_callback(&world, &Setup::page());
        world.provider().spoils_response(move |response| response["token_type"] = json!(kind));
        assert!(handle(&world, &session).is_ok());
    }
}

#[test]
fn r074_a038_a_life_is_a_whole_number_of_seconds() {
    let bad = ["-1", "1.5", "1e400", "1e20", "2147483648", "\"3600\"", "true", "[]", "\"abc\""];
    for text in bad {
        let world = World::new();
        let session = at_callback(&world, &Setup::page());
        let body =
            format!("{{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":{text}}}");
        world.provider().always("token", reply(200, body));
        assert_eq!(told(handle(&world, &session)), invalid("expires_in"), "{text}");
        nothing_was_kept(&world, &session);
    }
    for (life, expires_at) in [
        (json!(2_147_484), Some(START + 2_147_484_000)),
        (json!(2_147_483_647), Some(START + 2_147_483_647_000)),
        (json!(null), None),
    ] {
        let world = World::new();
        world.provider().lives(life);
        let session = signed_in(&world, &Setup::page());
        assert_eq!(session.expires_at(), expires_at);
        assert!(world.due_in().is_none_or(|due| due <= 0x7fff_ffff));
    }
}

#[test]
fn r072_r074_what_lenient_tolerates() {
    let mut setup = Setup::page();
    setup.options.lenient = true;
    let world = World::new();
    let session = at_callback(&world, &setup);
    world.provider().spoils_response(|response| {
        response.as_object_mut().unwrap().remove("token_type");
        response["expires_in"] = json!("3600");
    });
    assert!(handle(&world, &session).is_ok());
    assert_eq!(session.expires_at(), Some(START + 3_600_000));
}

#[test]
fn r075_scope_and_refresh_token_are_text() {
    for value in [json!(["api"]), json!(7), json!({})] {
        assert_eq!(member("scope", value), invalid("scope"));
    }
    for value in [json!(""), json!(7), json!(["r"])] {
        assert_eq!(member("refresh_token", value), invalid("refresh_token"));
    }
    // What was granted is what is told.
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.provider().spoils_response(|response| response["scope"] = json!("openid"));
    handle(&world, &session).unwrap();
    assert_eq!(session.scope().as_deref(), Some("openid"));
}

#[test]
fn r076_refusals_are_told_with_the_server_s_words() {
    for error in ["invalid_grant", "invalid_client", "unauthorized_client", "made_up"] {
        let world = World::new();
        let session = at_callback(&world, &Setup::page());
        world.provider().always("token", refusal(400, error));
        let told = handle(&world, &session).unwrap_err();
        assert_eq!((told.code(), told.server_error()), (Code::TokenError, Some(error)));
        assert_eq!(told.http_status(), Some(400));
        nothing_was_kept(&world, &session);
    }
}

#[test]
fn r012_r076_answers_that_are_no_success() {
    let good = json!({"access_token": "t", "token_type": "Bearer"});
    let opened = |content_type: &str, body: &str| {
        Reply::Answer(Response {
            status: 200,
            content_type: Some(content_type.into()),
            body: body.as_bytes().to_vec(),
            ..Response::default()
        })
    };
    let cases = [
        (reply(200, json!({"error": "invalid_grant"})), Code::TokenError),
        (reply(400, &good), Code::ResponseStatus),
        (reply(201, &good), Code::ResponseStatus),
        (reply(204, ""), Code::ResponseStatus),
        (page(400), Code::ResponseNotJson),
        (page(503), Code::ResponseStatus),
        (page(200), Code::ResponseContentType),
        (reply(400, json!({"error": 7})), Code::ResponseNotJson),
        (reply(200, "{\"access_token\":\"a\",\"access_token\":\"b\"}"), Code::ResponseNotJson),
        (reply(200, "[]"), Code::ResponseNotJson),
        (reply(200, ""), Code::ResponseNotJson),
        (opened("text/json", "{}"), Code::ResponseContentType),
        (reply(200, "x".repeat(128 * 1024 + 1)), Code::ResponseTooLarge),
        (Reply::Fail(Code::NetworkError), Code::NetworkError),
    ];
    for (answer, code) in cases {
        let world = World::new();
        let session = at_callback(&world, &Setup::page());
        world.provider().always("token", answer);
        assert_eq!(code_of(handle(&world, &session)), code);
        nothing_was_kept(&world, &session);
    }
}

#[test]
fn r079_openid_means_an_id_token() {
    for value in [json!(null), json!("")] {
        let (code, _) = member("id_token", value.clone());
        let expected = match value {
            Value::Null => Code::IdTokenMissing,
            _ => Code::TokenResponseInvalid,
        };
        assert_eq!(code, expected);
    }
    let missing = spoilt(&Setup::page(), |response| {
        response.as_object_mut().unwrap().remove("id_token");
    });
    assert_eq!(missing.code(), Code::IdTokenMissing);
}

#[test]
fn r013_unknown_members_are_no_harm() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.provider().spoils_response(|response| {
        for name in ["__proto__", "constructor", "toString", "x"] {
            response[name] = json!({"polluted": true});
        }
    });
    assert!(handle(&world, &session).is_ok());
}

#[test]
fn r081_a_bad_id_token_spoils_the_whole_answer() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.provider().spoils_claims(|token| token.claim("nonce", "another"));
    let expected = (Code::IdTokenInvalid, Some("nonce".into()));
    assert_eq!(told(handle(&world, &session)), expected);
    nothing_was_kept(&world, &session);
}

#[test]
fn r081_while_the_checks_go_on_nothing_can_be_seen() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    // The keys are old by now, and are asked for once more.
    let server = world.web().keys("grantkit.1.server.");
    world.web().map.borrow_mut().remove(&server[0]);
    drop(session);
    let session = Setup::page().load(&world);
    world.hold("jwks");
    let begun = session.begin_callback(None);
    let call = world.start({
        let session = session.clone();
        async move { session.finish_callback(begun, None).await }
    });
    assert_eq!(world.open("jwks"), 1);
    nothing_was_kept(&world, &session);
    world.release("jwks");
    assert!(call.result().is_ok());
    assert!(session.signed_in() && world.on_hold().is_some());
    assert_eq!(world.tokens().keys("").len(), 1);
    assert_eq!(world.told(), ["signed-in"]);
}

#[test]
fn r081_a_failed_sign_in_leaves_the_session_before_it_alone() {
    let world = World::new();
    let setup = Setup::page();
    let session = signed_in(&world, &setup);
    let held = world.on_hold();
    let record = world.tokens().only("");
    let url = crate::acts::leave(&world, &session, Default::default());
    let back = world.provider().approve_as("bob", &url, START);
    world.provider().spoils_claims(|token| token.claim("aud", "another"));
    let expected = (Code::IdTokenInvalid, Some("aud".into()));
    let result = crate::acts::handle_url(&world, &session, Some(&back));
    assert_eq!(told(result), expected);
    assert_eq!(world.on_hold(), held);
    assert_eq!(world.tokens().only(""), record);
    assert_eq!(session.claims().unwrap().subject(), "alice");
}

#[test]
fn a_sign_in_without_a_refresh_token_says_so() {
    let world = World::new();
    world.provider().gives_refresh_tokens.set(false);
    let session = signed_in(&world, &Setup::page());
    assert_eq!(world.told(), ["warning no_refresh_token", "signed-in"]);
    assert!(session.signed_in());
    assert_eq!(world.on_hold().unwrap().1, START + 3_600_000, "it is used to its end");
    world.pass(3_600_000 - 1);
    assert!(token(&world, &session).is_ok());
    world.pass(1);
    assert_eq!(code_of(token(&world, &session)), Code::LoginRequired);
    assert!(!session.signed_in());
    assert!(world.told().contains(&"expired".into()));
    assert_eq!(world.count("token"), 1);
}
