//! `TokenClient`: the cache, what shapes a request, and requests by hand.

use grantkit::client::config::Options;
use grantkit::client::token_client::{Ask, TokenClient};
use grantkit::protocol::authorize::Wish;
use grantkit::protocol::client_auth::Method;
use grantkit::protocol::error::Code;
use grantkit::protocol::form::Form;
use grantkit::protocol::secret::Secret;
use serde_json::json;

use crate::acts::{Setup, code_of, forced, machine_token, object, told};
use crate::provider::{Reply, page, refusal, reply};
use crate::world::{Bell, START, World};

fn token(world: &World, client: &TokenClient<World>) -> String {
    machine_token(world, client, Ask::default()).unwrap()
}

fn wishing(wish: Wish) -> Ask {
    Ask { wish, ..Ask::default() }
}

fn scoped(scope: &str) -> Wish {
    Wish { scope: Some(scope.into()), ..Wish::default() }
}

#[test]
fn making_a_client_does_no_io() {
    let world = World::new();
    world.without_randomness();
    let client = Setup::machine().client(&world);
    world.pass(60_000);
    assert!(world.seen().is_empty() && world.effects().is_empty());
    drop(client);
}

#[test]
fn a_token_is_used_until_shortly_before_its_end() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let first = token(&world, &client);
    world.pass(3_540_000 - 1);
    assert_eq!(token(&world, &client), first);
    assert_eq!(world.on_hold(), Some((first.clone(), START + 3_540_000)));
    world.pass(1);
    let second = token(&world, &client);
    assert_ne!(second, first);
    assert_eq!(world.count("token"), 2);
    assert_eq!(world.count("metadata"), 1);
    assert_eq!(world.on_hold(), Some((second, START + 2 * 3_540_000)));
}

#[test]
fn r124_the_leeway_is_a_fifth_of_a_short_life() {
    for (life, fresh_for) in [(100, 80_000), (300, 240_000), (301, 241_000), (10, 8_000)] {
        let world = World::new();
        world.provider().lives(json!(life));
        let client = Setup::machine().client(&world);
        let first = token(&world, &client);
        world.pass(fresh_for - 1);
        assert_eq!(token(&world, &client), first, "{life}");
        world.pass(1);
        assert_ne!(token(&world, &client), first, "{life}");
    }
}

#[test]
fn r124_renew_before_is_an_option() {
    let world = World::new();
    let mut setup = Setup::machine();
    setup.options.renew_before = Some(0);
    let client = setup.client(&world);
    let first = token(&world, &client);
    world.pass(3_600_000 - 1);
    assert_eq!(token(&world, &client), first);
    world.pass(1);
    assert_ne!(token(&world, &client), first);
}

#[test]
fn a_hundred_who_ask_at_once_make_one_request() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            world.start(async move { client.access_token(Ask::default(), None).await })
        })
        .collect();
    assert_eq!(world.open("token"), 1);
    world.release("token");
    let tokens: Vec<_> = calls.iter().map(|call| call.result().unwrap()).collect();
    assert!(tokens.iter().all(|token| token.secret == tokens[0].secret));
    assert_eq!((world.count("metadata"), world.count("token")), (1, 1));
}

#[test]
fn a_failure_is_told_to_all_who_asked_and_to_nobody_after() {
    let failures = [
        (refusal(401, "invalid_client"), Code::TokenError, false),
        (refusal(400, "invalid_scope"), Code::TokenError, false),
        (page(503), Code::ResponseStatus, true),
        (page(404), Code::ResponseNotJson, false),
        (page(200), Code::ResponseContentType, false),
        (reply(200, "{}"), Code::TokenResponseInvalid, false),
        (Reply::Fail(Code::NetworkError), Code::NetworkError, true),
        (Reply::Fail(Code::Timeout), Code::Timeout, true),
    ];
    for (failure, code, retryable) in failures {
        let world = World::new();
        let client = Setup::machine().client(&world);
        world.provider().always("token", failure);
        world.hold("token");
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let client = client.clone();
                world.start(async move { client.access_token(Ask::default(), None).await })
            })
            .collect();
        world.release("token");
        for call in &calls {
            let error = call.result().unwrap_err();
            assert_eq!((error.code(), error.retryable()), (code, retryable));
        }
        assert_eq!(world.count("token"), 1);
        assert!(machine_token(&world, &client, Ask::default()).is_err());
        assert_eq!(world.count("token"), 2);
        world.provider().mend("token");
        token(&world, &client);
        assert!(world.on_hold().is_some());
    }
}

#[test]
fn r122_the_last_token_serves_for_as_long_as_it_lives() {
    for failure in [page(503), page(429), Reply::Fail(Code::Timeout)] {
        let world = World::new();
        let client = Setup::machine().client(&world);
        let first = token(&world, &client);
        world.provider().always("token", failure);
        world.pass(3_550_000);
        assert_eq!(token(&world, &client), first);
        // Not for one who wants another, or wants it for longer.
        assert!(machine_token(&world, &client, forced()).is_err());
        let long = Ask { min_lifetime: 60_000, ..Ask::default() };
        assert!(machine_token(&world, &client, long).is_err());
        let refused = Ask { refused: Some(Secret::new(first.as_str())), ..Ask::default() };
        assert!(machine_token(&world, &client, refused).is_err());
    }
    // A refusal is final.
    let world = World::new();
    let client = Setup::machine().client(&world);
    token(&world, &client);
    world.provider().always("token", refusal(401, "invalid_client"));
    world.pass(3_550_000);
    let result = machine_token(&world, &client, Ask::default());
    assert_eq!(code_of(result), Code::TokenError);
}

#[test]
fn r122_an_expired_token_serves_nobody() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    token(&world, &client);
    world.provider().always("token", page(503));
    world.pass(3_600_000);
    let result = machine_token(&world, &client, Ask::default());
    assert_eq!(code_of(result), Code::ResponseStatus);
}

#[test]
fn force_and_min_lifetime_ask_the_server() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let first = token(&world, &client);
    let second = machine_token(&world, &client, forced()).unwrap();
    assert_ne!(first, second);
    assert_eq!(token(&world, &client), second, "what was forced is kept");
    let longer = |millis| Ask { min_lifetime: millis, ..Ask::default() };
    world.pass(1_000_000);
    let same = machine_token(&world, &client, longer(2_599_999)).unwrap();
    assert_eq!(same, second);
    let third = machine_token(&world, &client, longer(2_600_000)).unwrap();
    assert_ne!(third, second);
    // More than the server ever gives: one request, no loop.
    let before = world.count("token");
    machine_token(&world, &client, longer(86_400_000)).unwrap();
    assert_eq!(world.count("token"), before + 1);
}

#[test]
fn everything_that_shapes_the_request_shapes_the_key() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let texts =
        |values: &[&str]| values.iter().map(|value| (*value).into()).collect::<Vec<String>>();
    let pairs = |values: &[(&str, &str)]| {
        let owned = values.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        owned.collect::<Vec<(String, String)>>()
    };
    let wishes = [
        Wish::default(),
        scoped("api2"),
        scoped("api api2"),
        Wish { resource: texts(&["https://a.example"]), ..Wish::default() },
        Wish { resource: texts(&["https://a.example", "https://b.example"]), ..Wish::default() },
        Wish { audience: texts(&["https://a.example"]), ..Wish::default() },
        Wish { acr_values: Some("tenant:one".into()), ..Wish::default() },
        Wish { acr_values: Some("tenant:two".into()), ..Wish::default() },
        Wish { parameters: pairs(&[("custom", "1")]), ..Wish::default() },
        Wish { parameters: pairs(&[("custom", "2")]), ..Wish::default() },
        Wish { parameters: pairs(&[("custom", "1&custom=2")]), ..Wish::default() },
    ];
    let mut tokens = Vec::new();
    for wish in &wishes {
        tokens.push(machine_token(&world, &client, wishing(wish.clone())).unwrap());
    }
    for (wish, token) in wishes.iter().zip(&tokens) {
        let again = machine_token(&world, &client, wishing(wish.clone())).unwrap();
        assert_eq!(again, *token, "{wish:?}");
    }
    assert_eq!(world.count("token"), wishes.len());
    // What the options say already is the default.
    let default = machine_token(&world, &client, wishing(scoped("api"))).unwrap();
    assert_eq!(default, tokens[0]);
    // The default alone is put where calls find it.
    assert_eq!(world.on_hold().unwrap().0, tokens[0]);
}

#[test]
fn wishes_are_sent_as_they_are() {
    let world = World::new();
    let mut setup = Setup::machine();
    setup.options.wish.parameters = vec![("tenant".into(), "one".into())];
    let client = setup.client(&world);
    let wish = Wish {
        scope: Some("api api2".into()),
        resource: vec!["https://a.example".into(), "https://b.example".into()],
        audience: vec!["shop".into()],
        acr_values: Some("tenant:one".into()),
        parameters: vec![("custom".into(), "ä&b".into())],
    };
    machine_token(&world, &client, wishing(wish)).unwrap();
    let seen = world.last("token");
    assert_eq!(
        seen.body,
        "grant_type=client_credentials&scope=api+api2&resource=https%3A%2F%2Fa.example\
         &resource=https%3A%2F%2Fb.example&audience=shop&acr_values=tenant%3Aone\
         &custom=%C3%A4%26b&tenant=one"
    );
    assert!(seen.authorization.unwrap().starts_with("Basic "));
}

#[test]
fn r004_reserved_names_and_bad_scopes_are_refused_before_anything_is_sent() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    for name in ["client_id", "client_secret", "scope", "grant_type", "code", ""] {
        let wish = Wish { parameters: vec![(name.into(), "x".into())], ..Wish::default() };
        let result = machine_token(&world, &client, wishing(wish));
        let expected = (Code::ConfigInvalid, Some("parameters".into()));
        assert_eq!(told(result), expected, "{name}");
    }
    for scope in ["a\"b", "a\\b", "é", "a  b", " a", "a a"] {
        let result = machine_token(&world, &client, wishing(scoped(scope)));
        assert_eq!(told(result), (Code::ConfigInvalid, Some("scope".into())));
    }
    for uri in ["relative", "https://a.example/#f"] {
        let wish = Wish { resource: vec![uri.into()], ..Wish::default() };
        let result = machine_token(&world, &client, wishing(wish));
        assert_eq!(told(result), (Code::ConfigInvalid, Some("resource".into())));
    }
    assert!(world.seen().is_empty());
}

#[test]
fn users_a23_r130_a_refused_token_is_not_handed_out_again() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let first = token(&world, &client);
    let refused = |token: &str| Ask { refused: Some(Secret::new(token)), ..Ask::default() };
    // Ten calls of an API are refused at once: one request for all.
    world.hold("token");
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (client, ask) = (client.clone(), refused(&first));
            world.start(async move { client.access_token(ask, None).await })
        })
        .collect();
    assert_eq!(world.on_hold(), None, "nor is it found without asking");
    world.release("token");
    let second = calls[0].result().unwrap().secret.expose().to_owned();
    assert_ne!(second, first);
    assert_eq!(world.count("token"), 2);
    // A refusal that comes late does not throw the new token away.
    let late = machine_token(&world, &client, refused(&first)).unwrap();
    assert_eq!(late, second);
    assert_eq!(world.count("token"), 2);
}

#[test]
fn r124_a_token_of_unknown_life_is_used_for_five_minutes() {
    let world = World::new();
    world.provider().lives(json!(null));
    let client = Setup::machine().client(&world);
    let first = token(&world, &client);
    assert_eq!(world.on_hold(), None);
    world.pass(300_000 - 1);
    assert_eq!(token(&world, &client), first);
    world.pass(1);
    assert_ne!(token(&world, &client), first);
}

#[test]
fn r124_a_life_of_nothing_or_of_68_years() {
    let world = World::new();
    world.provider().lives(json!(0));
    let client = Setup::machine().client(&world);
    let first = token(&world, &client);
    assert_ne!(token(&world, &client), first);
    assert_eq!(world.count("token"), 2, "one request for a call, no loop");

    let world = World::new();
    world.provider().lives(json!(2_147_483_647));
    let client = Setup::machine().client(&world);
    let first = token(&world, &client);
    world.pass(86_400_000);
    assert_eq!(token(&world, &client), first);
}

#[test]
fn r124_clocks_that_jump_make_no_storm() {
    for jump in [3_600_000, 365 * 86_400_000, -86_400_000, -365 * 86_400_000] {
        let world = World::new();
        let client = Setup::machine().client(&world);
        let first = token(&world, &client);
        world.set_clock(jump);
        let second = token(&world, &client);
        assert_ne!(second, first, "{jump}");
        for _ in 0..10 {
            assert_eq!(token(&world, &client), second);
        }
        assert_eq!(world.count("token"), 2, "{jump}");
    }
}

#[test]
fn the_cache_is_bounded() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    for at in 0..300 {
        let wish = scoped(&format!("scope{at}"));
        machine_token(&world, &client, wishing(wish)).unwrap();
    }
    for at in [299, 44] {
        let wish = scoped(&format!("scope{at}"));
        machine_token(&world, &client, wishing(wish)).unwrap();
    }
    assert_eq!(world.count("token"), 300, "256 are kept");
    machine_token(&world, &client, wishing(scoped("scope0"))).unwrap();
    assert_eq!(world.count("token"), 301, "the oldest went");
}

#[test]
fn a_request_by_hand_sends_exactly_its_parameters() {
    let world = World::new();
    let mut setup = Setup::machine();
    setup.options.wish.resource = vec!["https://default.example".into()];
    setup.options.wish.parameters = vec![("default".into(), "1".into())];
    for (method, credentials) in
        [(Method::Basic, ""), (Method::Post, "&client_id=shop&client_secret=canary-client-secret")]
    {
        setup.method = Some(method);
        let client = setup.client(&world);
        let parameters = [
            ("username".to_owned(), "a b".to_owned()),
            ("password".to_owned(), "ü&=+".to_owned()),
            ("resource".to_owned(), "https://a.example".to_owned()),
            ("resource".to_owned(), "https://b.example".to_owned()),
        ];
        let granted = world.run(client.request_token("password", &parameters, None));
        assert!(granted.is_ok());
        assert_eq!(
            world.last("token").body,
            format!(
                "grant_type=password&username=a+b&password=%C3%BC%26%3D%2B\
                 &resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example{credentials}"
            )
        );
    }
    // Nothing of it is cached.
    assert_eq!(world.count("token"), 2);
    let client = setup.client(&world);
    world.run(client.request_token("client_credentials", &[], None)).unwrap();
    world.run(client.request_token("client_credentials", &[], None)).unwrap();
    assert_eq!(world.count("token"), 4);
    assert_eq!(world.on_hold(), None);
}

#[test]
fn r004_a_request_by_hand_refuses_reserved_names() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let names = [
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "",
    ];
    for name in names {
        let parameters = [(name.to_owned(), "x".to_owned())];
        let result = world.run(client.request_token("custom", &parameters, None));
        let expected = (Code::ConfigInvalid, Some("parameters".into()));
        assert_eq!(told(result), expected, "{name}");
    }
    let result = world.run(client.request_token("", &[], None));
    assert_eq!(told(result), (Code::ConfigInvalid, Some("grantType".into())));
    assert!(world.seen().is_empty());
}

#[test]
fn a_grant_writes_its_wish_behind_its_own_parameters() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let mut grant = Form::new();
    grant
        .push("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .push("assertion", "canary-assertion");
    let wish = Wish { acr_values: Some("tenant:one".into()), ..Wish::default() };
    let run = |grant: &Form, wish: &Wish, defaults| {
        world.run(client.grant(grant.clone(), wish.clone(), defaults, None))
    };
    run(&grant, &wish, true).unwrap();
    assert_eq!(world.last("token").names(), ["grant_type", "assertion", "scope", "acr_values"]);
    run(&grant, &wish, false).unwrap();
    assert_eq!(world.last("token").names(), ["grant_type", "assertion", "acr_values"]);
    // R004: one value for a parameter.
    let twice =
        Wish { parameters: vec![("assertion".into(), "another".into())], ..Wish::default() };
    let expected = (Code::ConfigInvalid, Some("parameters".into()));
    assert_eq!(told(run(&grant, &twice, true)), expected);
    assert_eq!(world.count("token"), 2);
}

#[test]
fn after_close_every_call_is_refused() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    token(&world, &client);
    client.close();
    assert_eq!(world.on_hold(), None);
    world.forget_the_past();
    let secret = Secret::new("t");
    let calls = [
        code_of(machine_token(&world, &client, Ask::default())),
        code_of(world.run(client.request_token("custom", &[], None))),
        code_of(world.run(client.metadata(None)).map(|_| ())),
        code_of(world.run(client.user_info(&secret, "alice", None))),
        code_of(world.run(client.revoke(&secret, None, None))),
        code_of(world.run(client.end_session_url(&Default::default(), None))),
        code_of(world.run(client.authorization_request(
            "https://app.example/cb",
            Default::default(),
            None,
        ))),
        code_of(world.run(client.validate_id_token(
            "a.b.c",
            TokenClient::<World>::want(None),
            None,
        ))),
        code_of(world.run(client.grant(Form::new(), Wish::default(), true, None))),
    ];
    assert!(calls.iter().all(|code| *code == Code::Closed), "{calls:?}");
    assert!(world.seen().is_empty());
}

#[test]
fn close_in_flight_keeps_nothing() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let call = world.start({
        let client = client.clone();
        async move { client.access_token(Ask::default(), None).await }
    });
    client.close();
    world.release("token");
    assert_eq!(code_of(call.result()), Code::Closed);
    assert_eq!(world.on_hold(), None);
}

#[test]
fn r008_one_who_gives_up_leaves_the_others_their_token() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let abort = Bell::default();
    let first = world.start({
        let (client, abort) = (client.clone(), abort.clone());
        async move { client.access_token(Ask::default(), Some(&abort)).await }
    });
    let second = world.start({
        let client = client.clone();
        async move { client.access_token(Ask::default(), None).await }
    });
    abort.ring();
    world.turn();
    assert_eq!(code_of(first.result()), Code::Aborted);
    world.release("token");
    assert!(second.result().is_ok());
    assert_eq!(world.count("token"), 1);
}

#[test]
fn r008_an_answer_that_never_comes_is_a_timeout() {
    let world = World::new();
    let mut setup = Setup::machine();
    setup.options.timeout = Some(7_000);
    let client = setup.client(&world);
    world.hold("token");
    let call = world.start(async move { client.access_token(Ask::default(), None).await });
    world.pass(6_999);
    assert!(call.open());
    world.pass(1);
    assert_eq!(code_of(call.result()), Code::Timeout);
}

#[test]
fn r063_the_method_is_the_one_that_the_server_lists() {
    let cases = [
        (json!(null), Ok(Method::Basic)),
        (json!(["client_secret_post"]), Ok(Method::Post)),
        (json!(["client_secret_post", "client_secret_basic"]), Ok(Method::Basic)),
        (json!(["private_key_jwt"]), Err(Code::MetadataUnsupported)),
    ];
    for (listed, expected) in cases {
        let world = World::new();
        world.provider().describes("token_endpoint_auth_methods_supported", listed);
        let client = Setup::machine().client(&world);
        let result = machine_token(&world, &client, Ask::default());
        match expected {
            Err(code) => assert_eq!(code_of(result), code),
            Ok(method) => {
                assert!(result.is_ok());
                let seen = world.last("token");
                assert_eq!(seen.authorization.is_some(), method == Method::Basic);
                assert_eq!(seen.get("client_secret").is_some(), method == Method::Post);
            }
        }
    }
}

#[test]
fn r026_clients_of_two_servers_share_nothing() {
    let world = World::new();
    let one = Setup::machine().client(&world);
    let mut setup = Setup::machine();
    setup.options = Options {
        issuer: Some("https://other.example".into()),
        metadata: object(&json!({"token_endpoint": "https://other.example/token"})),
        ..setup.options
    };
    let other = setup.client(&world);
    world.provider().always(
        "https://other.example/token",
        reply(200, json!({"access_token": "theirs", "token_type": "Bearer", "expires_in": 60})),
    );
    let ours = token(&world, &one);
    assert_eq!(token(&world, &other), "theirs");
    assert_eq!(token(&world, &one), ours);
}
