//! R125, R176, A097: secrets stay where they belong. Every secret in these tests says `canary`; state,
//! nonce and verifier are looked for by value.

use std::collections::BTreeSet;
use std::fmt::Debug;

use grantkit::client::config::Options;
use grantkit::client::session::{Answer, Session, SignOut};
use grantkit::client::token_client::Ask;
use grantkit::protocol::authorize::{SignIn, Wish};
use grantkit::protocol::callback::Params;
use grantkit::protocol::ciba::Ask as Backchannel;
use grantkit::protocol::client_auth::Method;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::Response;
use grantkit::protocol::logout::Logout;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::url::ParseUrl;
use serde_json::{Value, json};

use crate::acts::{
    REDIRECT, Setup, arrive, at_callback, forced, handle, handle_url, leave, now, object,
    signed_in, token_for,
};
use crate::provider::{ISSUER, Reply, answer_url, page, parameters, refusal, reply};
use crate::world::World;

/// What was shown to anybody, and what must not be in it.
#[derive(Default)]
struct Watch {
    shown: Vec<String>,
    /// How many outcomes were good.
    good: usize,
    secrets: BTreeSet<String>,
}

impl Watch {
    fn shows(&mut self, thing: &impl Debug) {
        self.shown.push(format!("{thing:?}"));
        self.shown.push(format!("{thing:#?}"));
    }

    fn outcome<T: Debug>(&mut self, result: Result<T, Error>) {
        match &result {
            Ok(good) => {
                self.good += 1;
                self.shows(good);
            }
            Err(_) => self.fails(result),
        }
    }

    fn fails<T: Debug>(&mut self, result: Result<T, Error>) {
        let error = result.expect_err("an error");
        self.shows(&error);
        self.shown.push(error.to_string());
        self.shown.extend(error.detail_text().map(str::to_owned));
    }

    /// Codes, verifiers, states and nonces of this world, by what was stored, sent and shown.
    fn knows(&mut self, world: &World) {
        for text in world.web().map.borrow().values() {
            let record: Value = serde_json::from_str(text).unwrap_or_default();
            for name in ["verifier", "state", "nonce"] {
                self.secrets.extend(record[name].as_str().map(str::to_owned));
            }
        }
        for seen in world.seen() {
            for (name, value) in seen.form.unwrap_or_default() {
                let public = ["grant_type", "client_id", "scope", "redirect_uri", "resource"];
                if !public.contains(&name.as_str()) && !name.ends_with("hint") {
                    self.secrets.insert(value);
                }
            }
            self.secrets.extend(seen.authorization);
        }
    }

    fn looks(mut self, world: &World) {
        self.knows(world);
        self.secrets.insert("canary".into());
        let shown = [self.shown, world.lines()].concat();
        assert!(!shown.is_empty());
        for text in &shown {
            for secret in &self.secrets {
                assert!(!text.contains(secret.as_str()), "{secret:?} is in {text}");
            }
        }
        for line in world.log_lines() {
            assert!(!line.contains("://"), "A097: no address is logged: {line}");
            assert!(!line.contains("alice"), "nor a person: {line}");
        }
    }
}

#[test]
fn r176_a097_a_whole_session_shows_no_secret() {
    let world = World::new();
    let mut watch = Watch::default();
    let session = at_callback(&world, &Setup::page());
    watch.knows(&world);
    watch.shows(&world.shown().is_empty());
    watch.shows(&handle(&world, &session));
    watch.shows(&world.run(session.access_token(Ask::default(), None)));
    watch.shows(&world.run(session.access_token(forced(), None)));
    watch.shows(&world.run(session.user_info(None)));
    watch.shows(&session.claims());
    watch.shows(&session.id_token());
    watch.shows(session.config());
    watch.shows(&world.run(session.server().metadata(&["jwks_uri"], None)));
    let call = {
        let session = session.clone();
        world.start(async move { session.sign_out(SignOut::default()).await })
    };
    assert!(call.open());
    watch.looks(&world);
}

#[test]
fn r176_a097_a_server_s_sessions_show_no_secret() {
    let world = World::new();
    let mut watch = Watch::default();
    let mut setup = Setup::machine();
    setup.options.wish.scope = Some("openid".into());
    for method in [Method::Basic, Method::Post] {
        setup.method = Some(method);
        let client = setup.client(&world);
        watch.shows(client.config());
        watch.shows(&world.run(client.access_token(Ask::default(), None)));
        let begun = client.authorization_request(REDIRECT, Box::default(), None);
        let (url, pending) = world.run(begun).unwrap();
        let verifier = pending.verifier.expose().to_owned();
        watch.secrets.insert(verifier);
        watch.shown.push(format!("{pending:?}"));
        let back = world.provider().approve(&url, now(&world));
        let params = Params::read(back.split_once('?').unwrap().1, "").unwrap();
        let arrived = world.parse_url(&back, None).unwrap();
        // The record itself says its state and nonce to whoever keeps it; they are not looked for here.
        let signed_in = world.run(client.callback(&params, pending, &arrived, None));
        watch.shows(&signed_in);
        let parameters = [
            ("username".to_owned(), "canary-username".to_owned()),
            ("password".to_owned(), "canary-password".to_owned()),
        ];
        watch.shows(&world.run(client.request_token("password", &parameters, None)));
        let token = Secret::new("canary-revoked");
        watch.shows(&world.run(client.revoke(&token, None, None)));
        watch.shows(&Ask { refused: Some(token.clone()), ..Ask::default() });
        watch.shows(&Logout { id_token_hint: Some(token), ..Logout::default() });
    }
    watch.looks(&world);
}

#[test]
fn r176_a097_the_other_endpoints_show_no_secret() {
    const PLACE: &str = "https://as.example/other";
    let world = World::new();
    for name in [
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
        "introspection_endpoint",
        "registration_endpoint",
        "pushed_authorization_request_endpoint",
    ] {
        world.provider().describes(name, json!(PLACE));
    }
    // User codes, addresses and references are for people to see.
    let everything = json!({
        "device_code": "canary-device-code", "user_code": "WDJB-MJHT",
        "verification_uri": "https://as.example/device", "expires_in": 600,
        "auth_req_id": "canary-request", "request_uri": "urn:reference",
        "active": true, "sub": "canary-subject", "client_id": "made",
        "client_secret": "canary-secret", "client_secret_expires_at": 0,
        "registration_client_uri": PLACE, "registration_access_token": "canary-management",
    });
    let mut setup = Setup::machine();
    setup.options.wish.scope = Some("openid".into());
    let mut watch = Watch::default();
    let client = setup.client(&world);
    let secret = Secret::new("canary-token");
    let ask = || Backchannel {
        id_token_hint: Some(Secret::new("canary-hint")),
        notification_token: Some(Secret::new("canary-notification-token")),
        ..Backchannel::default()
    };
    watch.shows(&ask());
    let parameters = [("state".to_owned(), "canary-state".to_owned())];
    let metadata = object(&json!({"client_name": "canary-name"}));
    for (status, good) in [(200, true), (201, true), (400, false)] {
        let answer = match good {
            true => reply(status, &everything),
            false => refusal(status, "canary-error"),
        };
        world.provider().always(PLACE, answer);
        // For each of these but the registration one of the two good answers is none.
        watch.outcome(world.run(client.device_authorization(Wish::default(), None)));
        watch.outcome(world.run(client.backchannel_authentication(ask(), None)));
        watch.outcome(world.run(client.introspect(&secret, None, false, None)));
        watch.outcome(world.run(client.introspect(&secret, None, true, None)));
        watch.outcome(world.run(client.register(&metadata, Some(&secret), None)));
        watch.outcome(world.run(client.push_authorization(&parameters, None)));
        let known = object(&everything);
        watch.outcome(world.run(client.update_registration(&known, &metadata, None)));
        watch.outcome(world.run(client.delete_registration(&known, None)));
    }
    watch.fails(world.run(client.validate_logout_token(&secret, None)));
    let posted = ("POST", Some("Bearer canary-other"), b"{}".as_slice());
    watch.fails(client.validate_notification(posted, &secret, &secret));
    watch.fails(client.accept_third_party_login("iss=canary", None, REDIRECT));
    assert_eq!(watch.good, 7);
    watch.looks(&world);
}

#[test]
fn r176_every_failure_of_a_callback_shows_no_secret() {
    let answers: [&[(&str, &str)]; 6] = [
        &[("error", "canary-error"), ("error_description", "canary-text"), ("iss", ISSUER)],
        &[("error", "access_denied"), ("error_uri", "https://canary.example"), ("iss", ISSUER)],
        &[("code", "canary-code"), ("iss", "https://canary.example")],
        &[("code", "canary-code")],
        &[("code", "canary-code"), ("error", "canary"), ("iss", ISSUER)],
        &[("access_token", "canary-token"), ("iss", ISSUER)],
    ];
    for with in answers {
        let world = World::new();
        let setup = Setup::page();
        let url = leave(&world, &setup.load(&world), SignIn::default());
        let mut watch = Watch::default();
        watch.knows(&world);
        let session = arrive(&world, &setup, &answer_url(&url, with));
        watch.fails(handle(&world, &session));
        watch.looks(&world);
    }
    let world = World::new();
    let mut watch = Watch::default();
    let session = Setup::page().load(&world);
    for query in [
        "code=canary-code&state=canary-state",
        "code=canary-code",
        "code=canary-1&code=canary-2&state=canary-state",
        "state=canary-state&code=x&id_token=canary-token",
    ] {
        let url = format!("{REDIRECT}?{query}");
        watch.fails(handle_url(&world, &session, Some(&url)));
    }
    watch.looks(&world);
}

/// Answers of any endpoint that are full of secrets.
fn bad_answers() -> Vec<Reply> {
    let secretive = |status: u16, content_type: Option<&str>, body: &str| {
        Reply::Answer(Response {
            status,
            content_type: content_type.map(Into::into),
            retry_after: Some("canary-after".into()),
            date: Some("canary-date".into()),
            age: Some("canary-age".into()),
            dpop_nonce: Some("canary-nonce".into()),
            challenge: Some("canary-challenge".into()),
            body: body.as_bytes().to_vec(),
        })
    };
    vec![
        page(200),
        page(404),
        page(503),
        refusal(400, "canary-error"),
        reply(400, json!({"error": "x", "error_uri": "https://canary.example"})),
        reply(400, json!({"error": ["canary"]})),
        reply(200, json!({"canary": "canary"})),
        reply(200, json!({"access_token": ["canary"]})),
        reply(200, json!({"access_token": "canary", "token_type": "canary"})),
        reply(200, json!({"access_token": "canary", "token_type": "DPoP"})),
        reply(
            200,
            json!({"access_token": "canary", "token_type": "Bearer", "expires_in": "canary"}),
        ),
        reply(200, json!({"access_token": "canary\n", "token_type": "Bearer"})),
        reply(200, "{\"canary\":1,\"canary\":2}"),
        reply(200, "canary"),
        secretive(200, Some("text/canary"), "canary"),
        secretive(302, None, "canary"),
        secretive(500, Some("application/json"), "{\"error\":\"canary\"}"),
        reply(200, json!({"issuer": "https://canary.example"})),
        reply(200, json!({"issuer": ISSUER, "token_endpoint": "http://canary.example"})),
        reply(200, json!({"issuer": ISSUER, "token_endpoint": "canary"})),
        reply(200, json!({"keys": "canary"})),
        reply(200, json!({"sub": "canary"})),
        reply(200, "x".repeat(300_000)),
        Reply::Fail(Code::NetworkError),
        Reply::Fail(Code::Timeout),
    ]
}

#[test]
fn r176_every_failure_of_an_endpoint_shows_no_secret() {
    let mut failed = 0;
    for answer in bad_answers() {
        for endpoint in ["metadata", "jwks", "token", "userinfo", "revocation"] {
            let world = World::new();
            let mut watch = Watch::default();
            let session = signed_in(&world, &Setup::page());
            watch.knows(&world);
            let begin = |session: &Session<World>| {
                let url = leave(&world, session, SignIn::default());
                world.provider().approve(&url, now(&world))
            };
            let back = begin(&session);
            world.provider().always(endpoint, answer.clone());
            world.set_clock(25 * 3_600_000);
            let results = [
                world.run(session.user_info(None)).err(),
                token_for(&world, &session, forced()).err(),
                world.run(Setup::machine().client(&world).metadata(None)).err(),
                world.run(Setup::machine().client(&world).access_token(Ask::default(), None)).err(),
                handle_url(&world, &session, Some(&back)).err(),
                world
                    .run(Setup::machine().client(&world).revoke(&Secret::new("canary"), None, None))
                    .err(),
            ];
            for error in results.into_iter().flatten() {
                failed += 1;
                watch.fails::<()>(Err(error));
            }
            watch.looks(&world);
        }
    }
    assert!(failed > 200, "{failed}");
}

#[test]
fn r176_every_claim_that_fails_shows_no_secret() {
    for claim in ["iss", "aud", "azp", "sub", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash"] {
        let world = World::new();
        let mut watch = Watch::default();
        let session = at_callback(&world, &Setup::page());
        watch.knows(&world);
        world.provider().spoils_claims(move |token| token.claim(claim, json!(["canary"])));
        watch.fails(handle(&world, &session));
        watch.looks(&world);
    }
    for header in ["alg", "typ", "kid", "crit"] {
        let world = World::new();
        let mut watch = Watch::default();
        let session = at_callback(&world, &Setup::page());
        watch.knows(&world);
        world.provider().spoils_claims(move |token| token.header(header, "canary"));
        watch.fails(handle(&world, &session));
        watch.looks(&world);
    }
}

#[test]
fn r176_options_that_are_refused_are_not_shown() {
    let world = World::new();
    let mut watch = Watch::default();
    let base = Setup::machine();
    let with = |change: &dyn Fn(&mut Options)| {
        let mut setup = base.clone();
        change(&mut setup.options);
        setup.config(&world)
    };
    let canary = || Some("canary".to_owned());
    watch.fails(with(&|options| options.issuer = canary()));
    watch.fails(with(&|options| options.issuer = Some("http://canary.example".into())));
    watch.fails(with(&|options| options.issuer = Some("https://canary:canary@x.example".into())));
    watch.fails(with(&|options| options.discovery_url = canary()));
    watch.fails(with(&|options| options.algorithms = Some(vec!["canary".into()])));
    watch.fails(with(&|options| options.wish.scope = Some("canary\"".into())));
    watch.fails(with(&|options| {
        options.allowed_urls = vec![("https://canary@x.example".into(), Wish::default())];
    }));
    let client = base.client(&world);
    let secret = [("client_secret".to_owned(), "canary".to_owned())];
    watch.fails(world.run(client.request_token("password", &secret, None)));
    let url = world.parse_url("https://canary.example/?token=canary", None).unwrap();
    watch.fails(client.allow(&url));
    watch.looks(&world);
}

#[test]
fn r125_a_refresh_token_goes_to_the_token_and_revocation_endpoints_alone() {
    let world = World::new();
    let session = signed_in(&world, &Setup::page());
    world.run(session.user_info(None)).unwrap();
    token_for(&world, &session, forced()).unwrap();
    leave(&world, &session, SignIn::default());
    let mut addresses = vec![world.left().unwrap()];
    let call = {
        let session = session.clone();
        world.start(async move { session.sign_out(SignOut::default()).await })
    };
    assert!(call.open());
    addresses.push(world.left().unwrap());
    for seen in world.seen() {
        let allowed = ["token", "revocation"].contains(&seen.endpoint.as_str());
        let text = format!("{} {} {:?}", seen.url, seen.body, seen.authorization);
        assert!(allowed || !text.contains("canary-refresh"), "{text}");
        assert!(!seen.url.contains("canary"), "{}", seen.url);
    }
    for address in addresses {
        assert!(!address.contains("canary"), "{address}");
    }
    assert!(!world.lines().iter().any(|line| line.contains("canary")));
    assert!(world.on_hold().is_none_or(|(token, _)| token.starts_with("canary-access")));
}

#[test]
fn r176_an_answer_holds_what_its_owner_gave_and_nothing_else() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    let Ok(Answer::SignedIn { return_to, app_state, .. }) = handle(&world, &session) else {
        panic!("a sign-in");
    };
    assert_eq!((return_to.as_deref(), app_state), (Some("/"), None));
    assert_eq!(parameters(&world.shown()).len(), 0);
}
