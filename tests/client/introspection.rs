//! R149 and RFC 9701: what the server knows of a token.

use grantkit::client::token_client::TokenClient;
use grantkit::protocol::client_auth::Method;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::Response;
use grantkit::protocol::introspect::{Introspection, JWT};
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{Setup, code_of, now, told};
use crate::keyed::issued;
use crate::provider::{Reply, page, refusal, reply};
use crate::signer::{Token, other_rsa, p256};
use crate::world::World;

const PLACE: &str = "https://as.example/introspect";

fn world() -> World {
    let world = World::new();
    world.provider().describes("introspection_endpoint", json!(PLACE));
    world.provider().always(PLACE, reply(200, json!({"active": true, "sub": "alice"})));
    world
}

fn ask(world: &World, client: &TokenClient<World>, signed: bool) -> Result<Introspection, Error> {
    let token = Secret::new("canary-access");
    world.run(client.introspect(&token, Some("access_token"), signed, None))
}

fn jwt(body: String) -> Reply {
    Reply::Answer(Response {
        status: 200,
        content_type: Some(format!("{JWT}; charset=utf-8")),
        body: body.into_bytes(),
        ..Response::default()
    })
}

fn signed(world: &World) -> Token {
    issued(world, "token-introspection+jwt")
        .without("exp")
        .claim("token_introspection", json!({"active": true, "sub": "alice"}))
}

#[test]
fn r149_what_is_sent_and_what_comes_back() {
    let world = world();
    let known = ask(&world, &Setup::machine().client(&world), false).unwrap();
    assert!(known.active);
    assert_eq!(known.response.text("sub"), Some("alice"));
    let seen = world.last(PLACE);
    assert_eq!((seen.method, seen.accept), ("POST", "application/json"));
    assert_eq!(seen.names(), ["token", "token_type_hint"]);
    assert!(seen.authorization.unwrap().starts_with("Basic "));
}

#[test]
fn r149_only_a_client_that_shows_who_it_is_asks() {
    let world = world();
    let client = Setup { secret: None, ..Setup::machine() }.client(&world);
    let expected = (Code::ConfigInvalid, Some("clientAuthentication".into()));
    assert_eq!(told(ask(&world, &client, false)), expected);
    assert_eq!(world.count(PLACE), 0);
}

#[test]
fn r149_of_a_token_that_is_not_active_nothing_else_is_told() {
    let world = world();
    let client = Setup::machine().client(&world);
    let answer = json!({"active": false, "sub": "canary", "scope": "admin"});
    world.provider().always(PLACE, reply(200, answer));
    let known = ask(&world, &client, false).unwrap();
    assert!(!known.active);
    assert_eq!(known.response.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["active"]);
    for (answer, code, detail) in [
        (reply(200, json!({"active": "true"})), Code::TokenResponseInvalid, Some("active")),
        (reply(200, json!({})), Code::TokenResponseInvalid, Some("active")),
        (reply(200, json!({"active": true, "exp": "1"})), Code::TokenResponseInvalid, Some("exp")),
        (refusal(401, "invalid_client"), Code::TokenError, None),
        (page(200), Code::ResponseContentType, None),
        (page(503), Code::ResponseStatus, None),
    ] {
        world.provider().always(PLACE, answer);
        let error = ask(&world, &client, false).unwrap_err();
        assert_eq!((error.code(), error.detail_text()), (code, detail));
    }
}

#[test]
fn r149_rfc_9701_a_signed_answer_is_proved_whether_it_was_asked_for_or_not() {
    for wanted in [true, false] {
        let world = world();
        let client = Setup::machine().client(&world);
        world.provider().always(PLACE, jwt(signed(&world).signed_by(p256())));
        let known = ask(&world, &client, wanted).unwrap();
        assert_eq!((known.active, known.response.text("sub")), (true, Some("alice")));
        let accept = if wanted { JWT } else { "application/json" };
        assert_eq!(world.last(PLACE).accept, accept);

        let old = now(&world) / 1000 - 3600;
        let spoilt: [(Token, &str); 6] = [
            (signed(&world).claim("iss", "https://evil.example"), "iss"),
            (signed(&world).claim("aud", "other"), "aud"),
            (signed(&world).claim("iat", old), "iat"),
            (signed(&world).without("token_introspection"), "token_introspection"),
            (signed(&world).header("typ", "JWT"), "typ"),
            (signed(&world).without_header("typ"), "typ"),
        ];
        for (token, detail) in spoilt {
            world.provider().always(PLACE, jwt(token.signed_by(p256())));
            let refused = (Code::TokenInvalid, Some(detail.into()));
            assert_eq!(told(ask(&world, &client, wanted)), refused);
        }
        let forged = signed(&world).header("alg", "RS256").signed_by(other_rsa());
        world.provider().always(PLACE, jwt(forged));
        assert_eq!(code_of(ask(&world, &client, wanted)), Code::JwksKeyNotFound);
        let good = signed(&world).signed_by(p256());
        let (body, other) = (good.rsplit_once('.').unwrap().0, signed(&world).claim("jti", "x"));
        let other = other.signed_by(p256());
        let swapped = format!("{body}.{}", other.rsplit_once('.').unwrap().1);
        world.provider().always(PLACE, jwt(swapped));
        let refused = (Code::TokenInvalid, Some("signature".into()));
        assert_eq!(told(ask(&world, &client, wanted)), refused);
    }
}

#[test]
fn rfc_9701_who_wants_a_signed_answer_takes_no_plain_one() {
    let world = world();
    let client = Setup::machine().client(&world);
    assert_eq!(code_of(ask(&world, &client, true)), Code::ResponseContentType);
    // A refusal is read all the same.
    world.provider().always(PLACE, refusal(401, "invalid_client"));
    assert_eq!(ask(&world, &client, true).unwrap_err().server_error(), Some("invalid_client"));
}

#[test]
fn r027_an_alias_is_for_mutual_tls_and_only_where_the_server_has_one() {
    const ALIAS: &str = "https://mtls.as.example/introspect";
    for (method, alias, asked) in [
        (Some(Method::Tls), json!({"introspection_endpoint": ALIAS}), ALIAS),
        (Some(Method::SelfSignedTls), json!({"introspection_endpoint": ALIAS}), ALIAS),
        (Some(Method::Tls), json!({"token_endpoint": "https://mtls.as.example/t"}), PLACE),
        (Some(Method::Tls), Value::Null, PLACE),
        (None, json!({"introspection_endpoint": ALIAS}), PLACE),
    ] {
        let world = world();
        world.provider().describes("mtls_endpoint_aliases", alias);
        world.provider().always(ALIAS, reply(200, json!({"active": false})));
        let mut setup = Setup { method, ..Setup::machine() };
        if method.is_some() {
            setup.secret = None;
        }
        assert!(ask(&world, &setup.client(&world), false).is_ok());
        assert_eq!(
            (world.count(ALIAS), world.count(PLACE)),
            match asked {
                ALIAS => (1, 0),
                _ => (0, 1),
            }
        );
        let names = world.last(asked).names().join(" ");
        assert_eq!(names.contains("client_id"), method.is_some(), "{names}");
    }
}

#[test]
fn r027_an_alias_that_cannot_be_used_is_refused() {
    for (aliases, code, detail) in [
        (json!([]), Code::MetadataInvalid, "mtls_endpoint_aliases"),
        (json!({"token_endpoint": 7}), Code::MetadataInvalid, "token_endpoint"),
        (json!({"token_endpoint": "http://as.example/"}), Code::UrlInsecure, "token_endpoint"),
    ] {
        let world = World::new();
        world.provider().describes("mtls_endpoint_aliases", aliases);
        let setup = Setup { secret: None, method: Some(Method::Tls), ..Setup::machine() };
        let client = setup.client(&world);
        let result = world.run(client.access_token(Default::default(), None));
        assert_eq!(told(result), (code, Some(detail.into())));
        assert_eq!(world.count("token"), 0);
    }
}
