//! An API's guard: RFC 9068 by the server's keys, RFC 9449 by a proof, RFC 7662 for the rest; and what it
//! remembers of each (R107, R112, R149, law 17).

use grantkit::client::config::{Config, Options};
use grantkit::client::guard::{self, Denied, Shown, TokenValidator, Wanted};
use grantkit::client::host::Host;
use grantkit::protocol::access_token::{Access, Schemes};
use grantkit::protocol::client_auth::ClientAuth;
use grantkit::protocol::dpop::{self, Proof};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::jwk::PublicKey;
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::object;
use crate::provider::{ISSUER, Reply, page, refusal, reply};
use crate::signer::{self, Token, p256};
use crate::world::{Bell, START, World};

const API: &str = "https://api.example";
const URL: &str = "https://api.example/orders";

fn options() -> Options {
    Options { issuer: Some(ISSUER.into()), client_id: "orders".into(), ..Options::default() }
}

fn rules() -> guard::Options {
    guard::Options { audience: API.into(), ..guard::Options::default() }
}

fn made(
    world: &World,
    options: Options,
    secret: Option<&str>,
    rules: guard::Options,
) -> Result<TokenValidator<World>, Error> {
    let auth =
        ClientAuth { id: options.client_id.clone(), secret: secret.map(Secret::new), method: None };
    let config = Config::check(Box::new(options), auth, world)?;
    TokenValidator::new(world.clone(), config, rules)
}

/// A guard that knows the server by its keys alone.
fn keys_only(world: &World) -> TokenValidator<World> {
    made(world, options(), None, rules()).unwrap()
}

/// A guard that may ask.
fn asking(world: &World) -> TokenValidator<World> {
    let place = json!(format!("{ISSUER}/connect/introspect"));
    world.provider().describes("introspection_endpoint", place);
    world.provider().on("introspection", |seen| {
        let token = seen.get("token").unwrap();
        match token.starts_with("opaque") {
            true => reply(200, json!({"active": true, "aud": API, "sub": token, "scope": "read"})),
            false => reply(200, json!({"active": false, "sub": "canary"})),
        }
    });
    made(world, options(), Some("canary-secret"), rules()).unwrap()
}

fn token(world: &World) -> Token {
    let now = world.now() / 1000;
    Token::new(
        json!({"alg": "ES256", "typ": "at+jwt", "kid": "p256"}),
        json!({
            "iss": ISSUER,
            "sub": "alice",
            "aud": API,
            "exp": now + 3600,
            "iat": now,
            "jti": "t",
            "client_id": "shop",
            "scope": "read",
        }),
    )
}

fn shows(authorization: &str) -> Shown {
    let authorization = Some(Secret::new(authorization));
    Shown { authorization, proof: None, method: "GET".into(), url: URL.into() }
}

fn bearer(raw: &str) -> Shown {
    shows(&format!("Bearer {raw}"))
}

fn ask(world: &World, guard: &TokenValidator<World>, shown: &Shown) -> Result<Access, Denied> {
    world.run(guard.validate(shown, &Wanted::default(), None))
}

#[track_caller]
fn denied(result: Result<Access, Denied>, status: u16, code: Code, detail: &str) -> Denied {
    let denied = result.expect_err("was accepted");
    let seen = (denied.status, denied.error.code(), denied.error.detail_text().unwrap_or(""));
    assert_eq!(seen, (status, code, detail));
    denied
}

#[test]
fn rfc_9068_a_token_is_proved_by_the_servers_keys() {
    let world = World::new();
    let guard = keys_only(&world);
    for _ in 0..100 {
        let access = ask(&world, &guard, &bearer(&token(&world).signed())).unwrap();
        assert_eq!((access.subject(), access.client_id()), ("alice", "shop"));
    }
    assert_eq!((world.count("metadata"), world.count("jwks"), world.seen().len()), (1, 1, 2));
    let wanted = Wanted { scope: Some("read".into()), ..Wanted::default() };
    let shown = bearer(&token(&world).signed());
    assert!(world.run(guard.validate(&shown, &wanted, None)).is_ok());
}

#[test]
fn rfc_6750_who_is_refused_is_told_how() {
    let world = World::new();
    let rules = guard::Options {
        resource_metadata: Some(format!("{API}/.well-known/oauth-protected-resource")),
        schemes: Schemes::Bearer,
        ..rules()
    };
    let guard = made(&world, options(), None, rules).unwrap();
    let fine = token(&world);
    let wanted = Wanted { scope: Some("write".into()), ..Wanted::default() };
    for (shown, status, code, detail, error) in [
        (Shown::default(), 401, Code::TokenInvalid, "missing", ""),
        (shows("Basic x"), 401, Code::TokenInvalid, "missing", ""),
        (shows("Bearer a b"), 400, Code::TokenInvalid, "authorization", "invalid_request"),
        (bearer("opaque"), 401, Code::TokenInvalid, "malformed", "invalid_token"),
        (
            bearer(&fine.clone().claim("exp", 1).signed()),
            401,
            Code::TokenInvalid,
            "exp",
            "invalid_token",
        ),
        (
            bearer(&fine.clone().header("kid", "unknown").signed()),
            401,
            Code::JwksKeyNotFound,
            "",
            "invalid_token",
        ),
        (bearer(&fine.signed()), 403, Code::InsufficientScope, "", "insufficient_scope"),
    ] {
        let result = world.run(guard.validate(&shown, &wanted, None));
        let challenge = denied(result, status, code, detail).challenge.unwrap();
        assert!(challenge.starts_with("Bearer realm=\"https://api.example\""), "{challenge}");
        assert!(challenge.contains("resource_metadata=\"https://api.example/.well-known/"));
        match error {
            "" => assert!(!challenge.contains("error="), "{challenge}"),
            error => assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}"),
        }
        assert!(!challenge.contains("DPoP"));
    }
}

#[test]
fn rfc_6750_a_server_that_is_down_is_nobodys_fault() {
    for (endpoint, answer, code) in [
        ("metadata", page(503), Code::MetadataInvalid),
        ("jwks", page(503), Code::ResponseStatus),
        ("jwks", Reply::Fail(Code::NetworkError), Code::NetworkError),
        ("jwks", reply(200, "{}"), Code::JwksInvalid),
    ] {
        let world = World::new();
        let guard = keys_only(&world);
        let shown = bearer(&token(&world).signed());
        world.provider().always(endpoint, answer);
        let seen = ask(&world, &guard, &shown).expect_err(endpoint);
        assert_eq!((seen.status, seen.error.code(), seen.challenge), (503, code, None));
        world.provider().mend(endpoint);
        assert!(ask(&world, &guard, &shown).is_ok());
    }
    let world = World::new();
    let guard = keys_only(&world);
    let bell = Bell::default();
    bell.ring();
    let shown = bearer(&token(&world).signed());
    let seen = world.run(guard.validate(&shown, &Wanted::default(), Some(&bell)));
    assert_eq!(denied(seen, 500, Code::Aborted, "").challenge, None);
}

#[test]
fn r107_a051_a_flood_of_unknown_keys_and_a_key_that_changed() {
    let world = World::new();
    let guard = keys_only(&world);
    let old = bearer(&token(&world).signed());
    assert!(ask(&world, &guard, &old).is_ok());
    *world.provider().keys.borrow_mut() = vec![signer::ed25519().jwk()];
    let new = token(&world).header("alg", "EdDSA").header("kid", "ed25519");
    assert!(ask(&world, &guard, &bearer(&new.signed())).is_ok());
    assert_eq!(world.count("jwks"), 2);
    denied(ask(&world, &guard, &old), 401, Code::JwksKeyNotFound, "");
    for at in 0..100 {
        let raw = token(&world).header("kid", format!("unknown-{at}")).signed();
        denied(ask(&world, &guard, &bearer(&raw)), 401, Code::JwksKeyNotFound, "");
    }
    assert_eq!(world.count("jwks"), 2);
    world.pass(60_000);
    let raw = token(&world).header("kid", "unknown").signed();
    denied(ask(&world, &guard, &bearer(&raw)), 401, Code::JwksKeyNotFound, "");
    assert_eq!(world.count("jwks"), 3);
}

#[test]
fn options_of_a_guard() {
    let world = World::new();
    let told = |result: Result<TokenValidator<World>, Error>| {
        let error = result.err().unwrap();
        (error.code(), error.detail_text().unwrap_or("").to_owned())
    };
    let nobody = guard::Options::default();
    let seen = told(made(&world, options(), None, nobody));
    assert_eq!(seen, (Code::ConfigInvalid, "audience".into()));
    for (url, code) in [
        ("http://api.example/metadata", Code::UrlInsecure),
        ("/metadata", Code::UrlInvalid),
        ("https://api.example/#x", Code::UrlInvalid),
    ] {
        let rules = guard::Options { resource_metadata: Some(url.into()), ..rules() };
        assert_eq!(told(made(&world, options(), None, rules)), (code, "resourceMetadata".into()));
    }
    // Keys by hand: nothing is asked at all.
    let keys = json!({"jwks": {"keys": [p256().jwk()]}});
    let by_hand = Options { metadata: object(&keys), ..options() };
    let guard = made(&world, by_hand, None, rules()).unwrap();
    assert!(ask(&world, &guard, &bearer(&token(&world).signed())).is_ok());
    assert!(world.seen().is_empty());
}

// ── RFC 9449 ─────────────────────────────────────────────────────────────────────────────────────

fn key() -> PublicKey {
    PublicKey::parse(&object(&p256().jwk())).unwrap()
}

fn bound(world: &World) -> String {
    token(world).claim("cnf", json!({"jkt": key().thumbprint()})).signed()
}

/// A request with a proof, named by a number.
fn with_proof(world: &World, raw: &str, at: u8, nonce: Option<&str>) -> Shown {
    let secret = Secret::new(raw);
    let proof = Proof { method: "GET", url: URL, access_token: Some(&secret), nonce };
    let by = Algorithm::by_name("ES256").unwrap();
    let draft = dpop::draft(&key(), by, &proof, &[at; 32], world.now()).unwrap();
    let proof = draft.signed(&p256().sign("ES256", draft.input()));
    Shown { proof: Some(proof), ..shows(&format!("DPoP {raw}")) }
}

#[test]
fn rfc_9449_a_bound_token_comes_with_a_proof_and_each_proof_once() {
    let world = World::new();
    let guard = keys_only(&world);
    let raw = bound(&world);
    let first = with_proof(&world, &raw, 1, None);
    assert_eq!(ask(&world, &guard, &first).unwrap().subject(), "alice");
    let again = ask(&world, &guard, &first);
    let challenge = denied(again, 401, Code::TokenInvalid, "dpop_replayed").challenge.unwrap();
    assert!(challenge.starts_with("DPoP ") && challenge.contains("error=\"invalid_dpop_proof\""));
    assert!(challenge.contains("algs=\"ES256 "), "{challenge}");
    assert!(ask(&world, &guard, &with_proof(&world, &raw, 2, None)).is_ok());

    let bare = Shown { proof: None, ..first.clone() };
    denied(ask(&world, &guard, &bare), 401, Code::TokenInvalid, "dpop_missing");
    let other_url = Shown { url: format!("{URL}/1"), ..with_proof(&world, &raw, 3, None) };
    denied(ask(&world, &guard, &other_url), 401, Code::TokenInvalid, "dpop_htu");
    let other_method = Shown { method: "PUT".into(), ..with_proof(&world, &raw, 4, None) };
    denied(ask(&world, &guard, &other_method), 401, Code::TokenInvalid, "dpop_htm");
    let late = with_proof(&world, &raw, 5, None);
    world.pass(91_000);
    denied(ask(&world, &guard, &late), 401, Code::TokenInvalid, "dpop_iat");
    denied(ask(&world, &guard, &first), 401, Code::TokenInvalid, "dpop_iat");
    // Where the URL of the request is not known, nothing can be held against it.
    let nowhere = Shown { url: "/orders".into(), ..with_proof(&world, &raw, 6, None) };
    denied(ask(&world, &guard, &nowhere), 500, Code::ConfigInvalid, "request");
}

#[test]
fn rfc_9449_section_7_2_a_bound_token_is_no_bearers() {
    let world = World::new();
    for schemes in [Schemes::Both, Schemes::Dpop] {
        let guard = made(&world, options(), None, guard::Options { schemes, ..rules() }).unwrap();
        let seen = ask(&world, &guard, &bearer(&bound(&world)));
        let challenge = denied(seen, 401, Code::TokenInvalid, "scheme").challenge.unwrap();
        assert!(challenge.starts_with("DPoP ") && challenge.contains("error=\"invalid_token\""));
        let plain = token(&world).signed();
        denied(
            ask(&world, &guard, &with_proof(&world, &plain, 1, None)),
            401,
            Code::TokenInvalid,
            "cnf",
        );
        assert_eq!(ask(&world, &guard, &bearer(&plain)).is_ok(), schemes == Schemes::Both);
    }
    let schemes = Schemes::Bearer;
    let guard = made(&world, options(), None, guard::Options { schemes, ..rules() }).unwrap();
    let shown = with_proof(&world, &bound(&world), 1, None);
    denied(ask(&world, &guard, &shown), 401, Code::TokenInvalid, "missing");
    denied(ask(&world, &guard, &bearer(&bound(&world))), 401, Code::TokenInvalid, "cnf");
}

#[test]
fn rfc_9449_section_9_a_nonce_that_the_api_wants() {
    let world = World::new();
    let guard = keys_only(&world);
    let wanted = Wanted { nonces: vec!["n2".into(), "n1".into()], ..Wanted::default() };
    let raw = bound(&world);
    let with = |at: u8, nonce: Option<&str>| {
        let shown = with_proof(&world, &raw, at, nonce);
        world.run(guard.validate(&shown, &wanted, None))
    };
    let told = denied(with(1, None), 401, Code::TokenInvalid, "dpop_nonce");
    assert!(told.challenge.unwrap().contains("error=\"use_dpop_nonce\""));
    assert!(with(2, Some("n1")).is_ok() && with(3, Some("n2")).is_ok());
    denied(with(4, Some("n0")), 401, Code::TokenInvalid, "dpop_nonce");
}

#[test]
fn rfc_9449_a_proof_that_was_not_good_is_not_remembered() {
    let world = World::new();
    let guard = keys_only(&world);
    let raw = bound(&world);
    let shown = with_proof(&world, &raw, 1, None);
    world.provider().always("jwks", page(503));
    assert_eq!(ask(&world, &guard, &shown).expect_err("down").status, 503);
    world.provider().mend("jwks");
    assert!(ask(&world, &guard, &shown).is_ok());
    denied(ask(&world, &guard, &shown), 401, Code::TokenInvalid, "dpop_replayed");
}

// ── RFC 7662 ─────────────────────────────────────────────────────────────────────────────────────

#[test]
fn r149_an_opaque_token_is_asked_about_and_the_answer_remembered() {
    let world = World::new();
    let guard = asking(&world);
    for _ in 0..50 {
        let access = ask(&world, &guard, &bearer("opaque-1")).unwrap();
        assert_eq!((access.subject(), access.allows("read")), ("opaque-1", true));
    }
    assert_eq!(world.count("introspection"), 1);
    let seen = world.last("introspection");
    assert_eq!(seen.names(), ["token", "token_type_hint"]);
    assert_eq!(
        (seen.get("token"), seen.get("token_type_hint")),
        (Some("opaque-1"), Some("access_token"))
    );
    assert!(seen.authorization.unwrap().starts_with("Basic "));
    // Another token is another question.
    assert_eq!(ask(&world, &guard, &bearer("opaque-2")).unwrap().subject(), "opaque-2");
    assert_eq!(world.count("introspection"), 2);
    // For a minute, and no longer.
    world.pass(59_999);
    assert!(ask(&world, &guard, &bearer("opaque-1")).is_ok());
    assert_eq!(world.count("introspection"), 2);
    world.pass(1);
    world.provider().always("introspection", reply(200, json!({"active": false})));
    let gone = ask(&world, &guard, &bearer("opaque-1"));
    let challenge = denied(gone, 401, Code::TokenInvalid, "active").challenge.unwrap();
    assert!(challenge.contains("error=\"invalid_token\""));
    assert!(!world.lines().concat().contains("opaque-1"));
}

#[test]
fn r149_a_remembered_answer_ends_with_its_token() {
    let world = World::new();
    let guard = asking(&world);
    let ends = START / 1000 + 5;
    let body = json!({"active": true, "aud": API, "exp": ends});
    world.provider().always("introspection", reply(200, body));
    assert!(ask(&world, &guard, &bearer("opaque")).is_ok());
    // The clocks may differ by thirty seconds.
    world.pass(34_999);
    assert!(ask(&world, &guard, &bearer("opaque")).is_ok());
    world.pass(1);
    denied(ask(&world, &guard, &bearer("opaque")), 401, Code::TokenInvalid, "exp");
    assert_eq!(world.count("introspection"), 1);
}

#[test]
fn r149_an_inactive_token_is_remembered_for_a_little_while() {
    let world = World::new();
    let guard = asking(&world);
    for _ in 0..50 {
        denied(ask(&world, &guard, &bearer("forged")), 401, Code::TokenInvalid, "active");
    }
    assert_eq!(world.count("introspection"), 1);
    world.pass(10_000);
    world.provider().always("introspection", reply(200, json!({"active": true, "aud": API})));
    assert!(ask(&world, &guard, &bearer("forged")).is_ok());
    assert_eq!(world.count("introspection"), 2);
}

#[test]
fn r149_who_brings_tokens_without_end_makes_nobodys_forgotten() {
    let world = World::new();
    let guard = asking(&world);
    assert!(ask(&world, &guard, &bearer("opaque")).is_ok());
    for at in 0..1_500 {
        let raw = format!("forged-{at}");
        denied(ask(&world, &guard, &bearer(&raw)), 401, Code::TokenInvalid, "active");
    }
    let before = world.count("introspection");
    assert!(ask(&world, &guard, &bearer("opaque")).is_ok());
    denied(ask(&world, &guard, &bearer("forged-1499")), 401, Code::TokenInvalid, "active");
    assert_eq!(world.count("introspection"), before);
    // The oldest are forgotten.
    denied(ask(&world, &guard, &bearer("forged-0")), 401, Code::TokenInvalid, "active");
    assert_eq!(world.count("introspection"), before + 1);
}

#[test]
fn r149_a_failure_is_no_answer_and_is_not_remembered() {
    for (answer, code) in [
        (page(503), Code::ResponseStatus),
        (Reply::Fail(Code::NetworkError), Code::NetworkError),
        (refusal(401, "invalid_client"), Code::TokenError),
        (reply(200, json!({"active": "true"})), Code::TokenResponseInvalid),
        (page(200), Code::ResponseContentType),
    ] {
        let world = World::new();
        let guard = asking(&world);
        world.provider().always("introspection", answer);
        let seen = ask(&world, &guard, &bearer("opaque")).expect_err("down");
        assert_eq!((seen.status, seen.error.code(), seen.challenge), (503, code, None));
        let yes = json!({"active": true, "aud": API});
        world.provider().always("introspection", reply(200, yes));
        assert!(ask(&world, &guard, &bearer("opaque")).is_ok());
    }
}

#[test]
fn r149_what_the_server_says_is_held_against_this_api() {
    for (detail, body) in [
        ("aud", json!({"active": true})),
        ("aud", json!({"active": true, "aud": "https://other.example"})),
        ("iss", json!({"active": true, "aud": API, "iss": "https://other.example"})),
        ("token_type", json!({"active": true, "aud": API, "token_type": "refresh_token"})),
        ("scheme", json!({"active": true, "aud": API, "cnf": {"jkt": "x"}})),
    ] {
        let world = World::new();
        let guard = asking(&world);
        world.provider().always("introspection", reply(200, body));
        denied(ask(&world, &guard, &bearer("opaque")), 401, Code::TokenInvalid, detail);
    }
    // Bound, and with the proof.
    let world = World::new();
    let guard = asking(&world);
    let body = json!({"active": true, "aud": API, "cnf": {"jkt": key().thumbprint()}});
    world.provider().always("introspection", reply(200, body));
    for at in 0..3 {
        assert!(ask(&world, &guard, &with_proof(&world, "opaque", at, None)).is_ok());
    }
    // What is remembered of the token proves nothing of who brings it.
    denied(ask(&world, &guard, &bearer("opaque")), 401, Code::TokenInvalid, "scheme");
    let again = with_proof(&world, "opaque", 0, None);
    denied(ask(&world, &guard, &again), 401, Code::TokenInvalid, "dpop_replayed");
    let stolen = Shown { authorization: again.authorization.clone(), ..bearer("opaque") };
    denied(ask(&world, &guard, &stolen), 401, Code::TokenInvalid, "dpop_missing");
    assert_eq!(world.count("introspection"), 1);
}

#[test]
fn r149_which_tokens_are_asked_about() {
    let world = World::new();
    let guard = asking(&world);
    // Not those of RFC 9068: they are proved here, and refused here.
    assert!(ask(&world, &guard, &bearer(&token(&world).signed())).is_ok());
    let expired = token(&world).claim("exp", 1).signed();
    denied(ask(&world, &guard, &bearer(&expired)), 401, Code::TokenInvalid, "exp");
    let none = token(&world).header("alg", "none").signed_by(p256());
    denied(ask(&world, &guard, &bearer(&none)), 401, Code::TokenInvalid, "alg");
    let long = "a".repeat(70_000);
    denied(ask(&world, &guard, &bearer(&long)), 401, Code::TokenInvalid, "too_large");
    assert_eq!(world.count("introspection"), 0);
    // Those that do not say what they are, as of servers from before it, and encrypted ones.
    let body: Value = json!({"active": true, "aud": [API]});
    world.provider().always("introspection", reply(200, body));
    for raw in [
        token(&world).header("typ", "JWT").signed(),
        token(&world).without_header("typ").signed(),
        "a.b.c.d.e".into(),
        "opaque".into(),
    ] {
        assert!(ask(&world, &guard, &bearer(&raw)).is_ok(), "{raw}");
    }
    assert_eq!(world.count("introspection"), 4);
    // Without a secret nobody is asked.
    let mute = keys_only(&world);
    for (detail, raw) in [("malformed", "opaque".to_owned()), ("format", "a.b.c.d.e".into())] {
        denied(ask(&world, &mute, &bearer(&raw)), 401, Code::TokenInvalid, detail);
    }
    assert_eq!(world.count("introspection"), 4);
}

#[test]
fn law_17_one_question_for_all_and_nobody_hangs_on_a_leader_that_ends() {
    let world = World::new();
    let guard = asking(&world);
    world.hold("introspection");
    let start = |world: &World| {
        let guard = guard.clone();
        let call = world.request(async move {
            guard.validate(&bearer("opaque"), &Wanted::default(), None).await
        });
        world.turn();
        call
    };
    let calls: Vec<_> = (0..100).map(|_| start(&world)).collect();
    assert_eq!(world.count("introspection"), 1);
    world.end(&calls[0]);
    world.release("introspection");
    // What the leader began ended with it: the others lose patience, and one of them asks.
    world.pass(3_000);
    for call in &calls[1..] {
        assert!(call.result().is_ok());
    }
    assert_eq!(world.count("introspection"), 2);
}
