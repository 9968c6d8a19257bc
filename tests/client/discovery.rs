//! R016 to R022: which metadata is believed, and how often it is asked for.

use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::error::Code;
use grantkit::protocol::http::Response;
use serde_json::{Value, json};

use crate::acts::{
    Setup, arrive, at_callback, code_of, handle, leave, machine_token, now, object, told,
};
use crate::provider::{ISSUER, Reply, page, parameters, refusal, reply};
use crate::world::World;

/// Asks for the metadata.
fn metadata(world: &World, setup: &Setup) -> Result<(), grantkit::protocol::error::Error> {
    let client = setup.client(world);
    world.run(client.metadata(None)).map(|_| ())
}

#[test]
fn r016_the_document_names_the_issuer_byte_for_byte() {
    let others = [
        json!("https://as.example/"),
        json!("https://AS.example"),
        json!("https://as.example:443"),
        json!("https://as.exampl%65"),
        json!("https://other.example"),
        json!(""),
        json!(7),
        json!([ISSUER]),
        Value::Null,
    ];
    for named in others {
        let world = World::new();
        world.provider().describes("issuer", named.clone());
        let client = Setup::machine().client(&world);
        let result = machine_token(&world, &client, Default::default());
        assert_eq!(told(result), (Code::MetadataIssuerMismatch, Some("issuer".into())), "{named}");
        assert_eq!(world.count("token"), 0, "nothing of the document is used");

        world.provider().describes("issuer", json!(ISSUER));
        assert!(machine_token(&world, &client, Default::default()).is_ok());
        assert_eq!(world.count("metadata"), 2, "nothing of the document was kept");
    }
}

#[test]
fn r016_the_document_at_another_address_names_the_issuer_all_the_same() {
    let world = World::new();
    let mut setup = Setup::machine();
    setup.options.discovery_url = Some("https://cdn.example/as.json".into());
    world
        .provider()
        .always("https://cdn.example/as.json", reply(200, world.provider().metadata.borrow()));
    assert!(metadata(&world, &setup).is_ok());
    world.provider().always(
        "https://cdn.example/as.json",
        reply(200, json!({"issuer": "https://cdn.example"})),
    );
    assert_eq!(code_of(metadata(&world, &setup)), Code::MetadataIssuerMismatch);
    assert_eq!(world.count("metadata"), 0, "there is one place to ask");
}

#[test]
fn r018_what_is_no_json_object_is_no_metadata() {
    let html = Response {
        status: 200,
        content_type: Some("text/html".into()),
        body: world_document(),
        ..Response::default()
    };
    let answers = [
        (page(404), Some(404)),
        (page(500), Some(500)),
        (reply(500, json!({"issuer": ISSUER})), Some(500)),
        (reply(203, json!({"issuer": ISSUER})), Some(203)),
        (Reply::Answer(html), Some(200)),
        (reply(200, "[]"), Some(200)),
        (reply(200, "null"), Some(200)),
        (reply(200, ""), Some(200)),
    ];
    for (answer, status) in answers {
        let world = World::new();
        world.provider().always("metadata", answer);
        let error = metadata(&world, &Setup::machine()).unwrap_err();
        assert_eq!(error.code(), Code::MetadataInvalid);
        assert_eq!(error.http_status(), status);
        // No endpoint is guessed.
        let asked = world.count("metadata") + world.count("oauth-metadata");
        assert_eq!(asked, world.seen().len());
    }
}

fn world_document() -> Vec<u8> {
    World::new().provider().metadata.borrow().to_string().into_bytes()
}

#[test]
fn r018_a_server_without_openid_is_asked_for_the_document_of_rfc_8414() {
    let world = World::new();
    let document = world.provider().metadata.borrow().clone();
    world.provider().always("metadata", page(404));
    world.provider().always("oauth-metadata", reply(200, document));
    assert!(metadata(&world, &Setup::machine()).is_ok());

    // A server that is down, or a wrong issuer, is no reason to look elsewhere.
    for answer in [page(503), reply(200, json!({"issuer": "https://other.example"}))] {
        let world = World::new();
        world.provider().always("metadata", answer);
        assert!(metadata(&world, &Setup::machine()).is_err());
        assert_eq!(world.count("oauth-metadata"), 0);
    }
}

#[test]
fn r018_no_answer_is_told_as_it_was() {
    for code in [Code::NetworkError, Code::Timeout] {
        let world = World::new();
        world.provider().always("metadata", Reply::Fail(code));
        let error = metadata(&world, &Setup::machine()).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.retryable());
        assert_eq!(world.seen().len(), 1);
    }
}

#[test]
fn r006_r018_no_redirect_is_followed() {
    for endpoint in ["metadata", "jwks", "token"] {
        let world = World::new();
        let moved = Response { status: 302, ..Response::default() };
        world.provider().always(endpoint, Reply::Answer(moved));
        let session = Setup::page().load(&world);
        let call = world.start({
            let session = session.clone();
            async move { session.sign_in(Box::default(), None).await }
        });
        if endpoint == "token" {
            let back = world.provider().approve(&world.left().unwrap(), now(&world));
            let session = arrive(&world, &Setup::page(), &back);
            assert_eq!(code_of(handle(&world, &session)), Code::RedirectRefused);
        } else {
            let error = call.result().unwrap_err();
            let refused = [Code::RedirectRefused].contains(&error.code());
            assert!(refused, "{endpoint}: {error}");
            assert_eq!(world.left(), None);
        }
        assert_eq!(world.count(endpoint), 1);
    }
}

#[test]
fn r020_only_endpoints_of_the_metadata_are_used() {
    let world = World::new();
    let setup = Setup::page();
    let session = setup.load(&world);
    let url = leave(&world, &session, SignIn::default());
    let back = world.provider().approve(&url, now(&world));
    let evil = "&token_endpoint=https%3A%2F%2Fevil.example&jwks_uri=https%3A%2F%2Fevil.example\
                &authorization_endpoint=https%3A%2F%2Fevil.example";
    world.provider().spoils_response(|response| {
        response["token_endpoint"] = "https://evil.example".into();
        response["userinfo_endpoint"] = "https://evil.example".into();
    });
    let session = arrive(&world, &setup, &format!("{back}{evil}"));
    assert!(handle(&world, &session).is_ok());
    assert!(world.run(session.user_info(None)).is_ok());
    world.provider().always(
        "token",
        reply(400, json!({"error": "invalid_request", "token_endpoint": "https://evil.example"})),
    );
    let forced = crate::acts::forced();
    assert!(world.run(session.access_token(forced.clone(), None)).is_err());
    assert!(world.run(session.access_token(forced, None)).is_err());
    for seen in world.seen() {
        assert!(seen.url.starts_with(ISSUER), "{}", seen.url);
    }
    assert_eq!(world.count("token"), 3);
}

#[test]
fn r021_a_server_without_s256_is_refused_before_anybody_leaves() {
    for methods in [json!(["plain"]), json!([])] {
        let world = World::new();
        world.provider().describes("code_challenge_methods_supported", methods);
        let session = Setup::page().load(&world);
        let result = world.run(session.sign_in(Box::default(), None));
        assert_eq!(
            told(result),
            (Code::MetadataUnsupported, Some("code_challenge_methods_supported".into()))
        );
        assert_eq!(world.left(), None);
        assert!(world.web().keys("grantkit.1.tx.").is_empty());
    }
    let world = World::new();
    world.provider().describes("code_challenge_methods_supported", Value::Null);
    let url = leave(&world, &Setup::page().load(&world), SignIn::default());
    assert_eq!(parameters(&url)["code_challenge_method"], "S256");
}

#[test]
fn r021_a_server_that_refuses_s256_is_not_asked_without() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.provider().always("token", refusal(400, "invalid_request"));
    assert_eq!(code_of(handle(&world, &session)), Code::TokenError);
    assert_eq!(world.count("token"), 1);
    assert!(world.last("token").get("code_verifier").is_some());
}

#[test]
fn users_a02_r022_many_callers_share_one_request() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("metadata");
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            world.start(async move { client.metadata(None).await.map(|_| ()) })
        })
        .collect();
    world.release("metadata");
    for call in calls {
        assert!(call.result().is_ok());
    }
    assert_eq!(world.count("metadata"), 1);
}

#[test]
fn r022_a_document_is_used_for_a_day_and_a_failure_not_at_all() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.provider().always("metadata", page(503));
    for _ in 0..2 {
        assert!(world.run(client.metadata(None)).is_err());
    }
    assert_eq!(world.count("metadata"), 2);
    world.provider().mend("metadata");
    world.pass(1000);
    assert!(world.run(client.metadata(None)).is_ok());
    world.pass(24 * 3600 * 1000 - 1);
    assert!(world.run(client.metadata(None)).is_ok());
    assert_eq!(world.count("metadata"), 3);
    world.pass(1);
    world.provider().always("metadata", page(503));
    assert!(world.run(client.metadata(None)).is_err());
    world.provider().mend("metadata");
    assert!(world.run(client.metadata(None)).is_ok());
    assert_eq!(world.count("metadata"), 5);
}

#[test]
fn r022_a_server_that_is_down_is_asked_less_and_less() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.provider().always("metadata", page(503));
    // The first failure may have been a moment's; then come the rests, ten seconds at the most.
    assert!(world.run(client.metadata(None)).is_err());
    for (asked, rest) in [1000, 2000, 4000, 8000, 10_000, 10_000].into_iter().enumerate() {
        for _ in 0..5 {
            let error = world.run(client.metadata(None)).unwrap_err();
            assert_eq!((error.code(), error.http_status()), (Code::MetadataInvalid, Some(503)));
        }
        assert_eq!(world.count("metadata"), asked + 2);
        world.pass(rest - 1);
        assert!(world.run(client.metadata(None)).is_err());
        assert_eq!(world.count("metadata"), asked + 2);
        world.pass(1);
    }
    // A clock that is set back makes no rest longer.
    assert!(world.run(client.metadata(None)).is_err());
    world.provider().mend("metadata");
    world.set_clock(-3600 * 1000);
    assert!(world.run(client.metadata(None)).is_ok());
    // What was in order once begins anew.
    world.pass(24 * 3600 * 1000);
    world.provider().always("metadata", page(503));
    let before = world.count("metadata");
    assert!(world.run(client.metadata(None)).is_err());
    assert!(world.run(client.metadata(None)).is_err());
    assert_eq!(world.count("metadata"), before + 2);
}

#[test]
fn r022_what_arrives_and_will_not_do_is_a_failure_too() {
    let world = World::new();
    world.provider().describes("token_endpoint", json!("javascript:1"));
    let client = Setup::machine().client(&world);
    for _ in 0..5 {
        assert_eq!(code_of(world.run(client.metadata(None))), Code::MetadataInvalid);
    }
    assert_eq!(world.count("metadata"), 2);

    let world = World::new();
    world.provider().always("jwks", reply(200, json!({"keys": {}})));
    let client = Setup::machine().client(&world);
    for _ in 0..5 {
        assert_eq!(code_of(world.run(client.server().keys(None))), Code::JwksInvalid);
    }
    assert_eq!(world.count("jwks"), 2);
}

#[test]
fn r022_a_page_that_wakes_asks_at_once() {
    let world = World::new();
    world.provider().always("metadata", page(503));
    let session = Setup::page().load(&world);
    for _ in 0..5 {
        assert!(world.run(session.server().metadata(&["token_endpoint"], None)).is_err());
    }
    assert_eq!(world.count("metadata"), 2);
    world.provider().mend("metadata");
    world.run(session.tick());
    assert!(world.run(session.server().metadata(&["token_endpoint"], None)).is_ok());
}

#[test]
fn r022_a_key_set_that_is_gone_is_asked_less_and_less() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let keys = || world.run(client.server().keys(None)).map(|_| ());
    world.provider().always("jwks", page(503));
    for _ in 0..5 {
        assert_eq!(code_of(keys()), Code::ResponseStatus);
    }
    assert_eq!(world.count("jwks"), 2);
    world.provider().mend("jwks");
    world.pass(1000);
    assert!(keys().is_ok());
}

#[test]
fn r022_one_who_gives_up_takes_nobody_along() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("metadata");
    let abort = crate::world::Bell::default();
    let first = world.start({
        let (client, abort) = (client.clone(), abort.clone());
        async move { client.metadata(Some(&abort)).await.map(|_| ()) }
    });
    let second = world.start(async move { client.metadata(None).await.map(|_| ()) });
    abort.ring();
    world.turn();
    assert_eq!(code_of(first.result()), Code::Aborted);
    world.release("metadata");
    assert!(second.result().is_ok());
    assert_eq!(world.count("metadata"), 1);
}

#[test]
fn users_a26_r022_enough_by_hand_and_nothing_is_discovered() {
    let world = World::new();
    let mut setup = Setup::machine();
    setup.options.metadata = object(&json!({
        "token_endpoint": format!("{ISSUER}/connect/token"),
    }));
    let client = setup.client(&world);
    assert!(machine_token(&world, &client, Default::default()).is_ok());
    assert_eq!(world.seen().len(), 1);

    // Without an issuer there is nowhere to ask.
    setup.options.issuer = None;
    let client = setup.client(&world);
    assert!(machine_token(&world, &client, Default::default()).is_ok());
    let result = world.run(client.end_session_url(&Default::default(), None));
    assert_eq!(told(result), (Code::MetadataUnsupported, Some("end_session_endpoint".into())));
    assert_eq!(world.count("metadata"), 0);
}

#[test]
fn r022_members_by_hand_win() {
    let world = World::new();
    let mut setup = Setup::machine();
    setup.options.metadata = object(&json!({
        "token_endpoint": "https://proxy.example/token",
    }));
    let world_token = "https://proxy.example/token";
    world
        .provider()
        .always(world_token, reply(200, json!({"access_token": "t", "token_type": "Bearer"})));
    let client = setup.client(&world);
    assert!(world.run(client.metadata(None)).is_ok());
    assert!(machine_token(&world, &client, Default::default()).is_ok());
    assert_eq!(world.count("token"), 0);
    assert_eq!(world.count(world_token), 1);
}
