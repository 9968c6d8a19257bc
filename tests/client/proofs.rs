//! R072, R073, R133 to R140, R142, A071 to A073: at the token endpoint and beyond, each request of a client
//! whose tokens are bound proves that it holds the key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use grantkit::client::dpop::To;
use grantkit::client::token_client::{Ask, TokenClient};
use grantkit::protocol::base64url;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::jws::Hash;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{Setup, code_of, forced, told};
use crate::keyed::{keyed, opened, parts};
use crate::provider::{ISSUER, Reply, Seen, page, refusal, reply};
use crate::signer::p256;
use crate::verifier;
use crate::world::{START, World, signing};

fn setup() -> Setup {
    let mut setup = Setup::machine();
    setup.options.dpop = true;
    setup
}

/// A server that binds tokens.
fn world() -> World {
    let world = World::new();
    world.provider().spoils_response(|response| response["token_type"] = json!("DPoP"));
    world
}

fn ask(world: &World, client: &TokenClient<World>) -> Result<(), Error> {
    world.run(client.access_token(forced(), None)).map(drop)
}

/// Header and claims of a proof, which is good by the key that it names.
fn proof(seen: &Seen) -> (Value, Value) {
    let raw = seen.proof.as_deref().unwrap();
    let (header, _) = parts(raw);
    opened(raw, &header["jwk"])
}

fn with_nonce(reply: Reply, nonce: &str) -> Reply {
    let Reply::Answer(mut answer) = reply else { panic!("an answer") };
    answer.dpop_nonce = Some(nonce.into());
    Reply::Answer(answer)
}

fn bound() -> Reply {
    reply(200, json!({"access_token": "canary-access", "token_type": "DPoP", "expires_in": 60}))
}

fn wants_nonce(nonce: &str) -> Reply {
    with_nonce(refusal(400, "use_dpop_nonce"), nonce)
}

/// A server that takes the newest nonce alone; the nonces that it was shown, in order.
fn strict(world: &World, current: &Rc<RefCell<String>>) {
    let current = current.clone();
    world.provider().on("token", move |seen| {
        let nonce = current.borrow().clone();
        match proof(seen).1["nonce"] == json!(nonce) {
            true => with_nonce(bound(), &nonce),
            false => wants_nonce(&nonce),
        }
    });
}

#[test]
fn r133_r134_what_a_proof_says() {
    let world = world();
    let client = setup().client(&world);
    ask(&world, &client).unwrap();
    let (header, claims) = proof(&world.last("token"));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    let names: BTreeSet<&str> =
        header["jwk"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["crv", "kty", "x", "y"]), "public members alone");
    assert!(header.get("kid").is_none());
    assert_eq!((&claims["htm"], &claims["iat"]), (&json!("POST"), &json!(START / 1000)));
    assert_eq!(claims["htu"], json!(format!("{ISSUER}/connect/token")));
    assert!(claims.get("ath").is_none() && claims.get("nonce").is_none());
}

#[test]
fn r134_a073_no_two_requests_share_a_proof() {
    let world = world();
    let current = Rc::new(RefCell::new("one".to_owned()));
    strict(&world, &current);
    let client = setup().client(&world);
    for nonce in ["one", "two", "three"] {
        *current.borrow_mut() = nonce.into();
        ask(&world, &client).unwrap();
    }
    let seen = world.seen_at("token");
    assert_eq!(seen.len(), 6, "each nonce had to be told");
    let names: BTreeSet<String> =
        seen.iter().map(|seen| proof(seen).1["jti"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 6);
    assert!(names.iter().all(|jti| jti.len() >= 16));
    let keys: BTreeSet<String> = seen.iter().map(|seen| proof(seen).0["jwk"].to_string()).collect();
    assert_eq!(keys.len(), 1);
}

#[test]
fn r135_the_address_is_the_one_that_is_asked() {
    for (given, htu) in [
        ("https://AS.example:443/connect/token", "https://as.example/connect/token"),
        ("https://as.example:8443/t?tenant=x", "https://as.example:8443/t"),
        ("https://as.example/a/../t", "https://as.example/t"),
    ] {
        let world = World::new();
        let mut setup = setup();
        let metadata = json!({"token_endpoint": given});
        setup.options.metadata = crate::acts::object(&metadata);
        let client = setup.client(&world);
        for place in ["https://as.example:8443/t?tenant=x", "https://as.example/t", "token"] {
            world.provider().always(place, bound());
        }
        ask(&world, &client).unwrap();
        let seen = world.seen();
        assert_eq!(proof(&seen[0]).1["htu"], json!(htu));
    }
}

#[test]
fn r137_the_newest_nonce_of_any_answer_is_shown() {
    let world = world();
    let client = setup().client(&world);
    let nonces = ["first", "second", "third"];
    for (at, nonce) in nonces.iter().enumerate() {
        let answer = match at {
            1 => refusal(400, "invalid_scope"),
            _ => bound(),
        };
        world.provider().always("token", with_nonce(answer, nonce));
        assert_eq!(ask(&world, &client).is_ok(), at != 1);
    }
    // An answer without one leaves the last.
    world.provider().always("token", bound());
    ask(&world, &client).unwrap();
    ask(&world, &client).unwrap();
    let shown: Vec<Value> =
        world.seen_at("token").iter().map(|seen| proof(seen).1["nonce"].clone()).collect();
    let wanted = [Value::Null, json!("first"), json!("second"), json!("third"), json!("third")];
    assert_eq!(shown, wanted);
}

#[test]
fn r137_a073_a_nonce_is_for_its_origin_and_for_its_side() {
    const PUSH: &str = "https://push.example/par";
    let world = world();
    world.provider().describes("pushed_authorization_request_endpoint", json!(PUSH));
    let pushed = reply(201, json!({"request_uri": "urn:x", "expires_in": 60}));
    world.provider().always(PUSH, with_nonce(pushed, "of-push"));
    world.provider().always("token", with_nonce(bound(), "of-token"));
    let client = setup().client(&world);
    for _ in 0..2 {
        ask(&world, &client).unwrap();
        world.run(client.push_authorization(&[], None)).unwrap();
    }
    let shown = |place: &str| proof(&world.last(place)).1["nonce"].clone();
    assert_eq!((shown("token"), shown(PUSH)), (json!("of-token"), json!("of-push")));

    // An API is told no nonce of the server's, even at the same origin, nor another API's.
    let dpop = client.server().dpop().unwrap();
    let token = Secret::new("canary-access");
    let to_api = |url: &str| {
        let proof = dpop.prove(&world, To::Api, ("GET", url), Some(&token), START);
        parts(world.run(proof).unwrap().expose()).1
    };
    assert!(to_api("https://as.example/api").get("nonce").is_none());
    dpop.note(To::Api, "https://one.example/x", Some("of-one"));
    assert_eq!(to_api("https://one.example/y")["nonce"], json!("of-one"));
    assert!(to_api("https://two.example/x").get("nonce").is_none());
    assert!(to_api("https://one.example:8443/x").get("nonce").is_none());
    let ath = base64url::encode(&verifier::digest(Hash::Sha256, b"canary-access"));
    assert_eq!(to_api("https://one.example/y?z#f")["ath"], json!(ath));
    assert_eq!(to_api("https://one.example/y?z#f")["htu"], json!("https://one.example/y"));
    ask(&world, &client).unwrap();
    assert_eq!(shown("token"), json!("of-token"));
}

#[test]
fn r138_a071_a_nonce_that_is_asked_for_is_brought_once() {
    let world = world();
    let current = Rc::new(RefCell::new("wanted".to_owned()));
    strict(&world, &current);
    let client = setup().client(&world);
    ask(&world, &client).unwrap();
    assert_eq!(world.count("token"), 2);
    ask(&world, &client).unwrap();
    assert_eq!(world.count("token"), 3, "it is known now");

    for status in [400, 401] {
        let world = self::world();
        let again = with_nonce(refusal(status, "use_dpop_nonce"), "never-enough");
        world.provider().always("token", again);
        let result = ask(&world, &setup().client(&world));
        assert_eq!(told(result), (Code::DpopNonceRejected, Some("repeated".into())));
        assert_eq!(world.count("token"), 2);
    }
}

#[test]
fn r138_r140_a071_a_nonce_that_cannot_be_used_is_not_asked_for_again() {
    let world = world();
    world.provider().always("token", refusal(400, "use_dpop_nonce"));
    let missing = (Code::DpopNonceRejected, Some("missing".to_owned()));
    assert_eq!(told(ask(&world, &setup().client(&world))), missing);
    assert_eq!(world.count("token"), 1);
    let long = "x".repeat(4096);
    for nonce in ["", "a b", "a\"b", "a\\b", "a\u{7f}", "ä", &long, "one, two"] {
        let world = self::world();
        world.provider().always("token", wants_nonce(nonce));
        assert_eq!(told(ask(&world, &setup().client(&world))), missing, "{nonce}");
        assert_eq!(world.count("token"), 1);
    }
    // What cannot be used of a good answer is as if it were absent.
    let world = self::world();
    world.provider().always("token", with_nonce(bound(), "a b"));
    let client = setup().client(&world);
    ask(&world, &client).unwrap();
    ask(&world, &client).unwrap();
    assert!(proof(&world.last("token")).1.get("nonce").is_none());
}

#[test]
fn r138_another_refusal_is_not_answered_with_a_second_request() {
    for answer in [
        with_nonce(refusal(400, "invalid_dpop_proof"), "nonce"),
        with_nonce(refusal(403, "use_dpop_nonce"), "nonce"),
        with_nonce(page(400), "nonce"),
    ] {
        let world = world();
        world.provider().always("token", answer);
        assert!(ask(&world, &setup().client(&world)).is_err());
        assert_eq!(world.count("token"), 1);
    }
}

#[test]
fn r066_r138_a_request_that_is_sent_again_shows_anew_who_sends_it() {
    let world = world();
    let current = Rc::new(RefCell::new("wanted".to_owned()));
    strict(&world, &current);
    let setup = Setup { secret: None, ..setup() };
    let client = keyed(&world, &setup, Some(signing(p256(), "ES256")), None);
    ask(&world, &client).unwrap();
    let made: BTreeSet<String> = world
        .seen_at("token")
        .iter()
        .map(|seen| parts(seen.get("client_assertion").unwrap()).1["jti"].to_string())
        .collect();
    assert_eq!(made.len(), 2);
}

#[test]
fn r072_r073_a072_a_token_that_is_bound_otherwise_is_refused() {
    let of = |kind: &str| {
        reply(200, json!({"access_token": "canary-access", "token_type": kind, "expires_in": 60}))
    };
    for (bound, kind, code) in [
        (true, "Bearer", Some(Code::TokenBindingDowngrade)),
        (true, "bearer", Some(Code::TokenBindingDowngrade)),
        (true, "mac", Some(Code::TokenTypeUnsupported)),
        (true, "dPoP", None),
        (false, "DPoP", Some(Code::TokenBindingDowngrade)),
        (false, "bEARER", None),
    ] {
        let world = World::new();
        world.provider().always("token", of(kind));
        let mut setup = Setup::machine();
        setup.options.dpop = bound;
        let client = setup.client(&world);
        let result = ask(&world, &client);
        assert_eq!(result.err().map(|error| error.code()), code, "{bound} {kind}");
        assert_eq!(world.on_hold().is_some(), code.is_none(), "nothing of it is kept");
    }
}

#[test]
fn r142_a_proof_is_of_the_server_s_time() {
    let world = world();
    world.provider().dated.set(true);
    world.provider().skew.set(3_600_000);
    let client = setup().client(&world);
    ask(&world, &client).unwrap();
    assert_eq!(proof(&world.last("token")).1["iat"], json!(START / 1000 + 3600));

    // Metadata by hand: the first answer of the server tells, and its nonce makes up for the rest.
    let world = self::world();
    world.provider().dated.set(true);
    world.provider().skew.set(3_600_000);
    let current = Rc::new(RefCell::new("wanted".to_owned()));
    strict(&world, &current);
    let mut setup = setup();
    let metadata = json!({"token_endpoint": format!("{ISSUER}/connect/token")});
    setup.options.metadata = crate::acts::object(&metadata);
    ask(&world, &setup.client(&world)).unwrap();
    let times: Vec<Value> =
        world.seen_at("token").iter().map(|seen| proof(seen).1["iat"].clone()).collect();
    assert_eq!(times, [json!(START / 1000), json!(START / 1000 + 3600)]);
}

#[test]
fn r133_a_key_that_cannot_do_what_the_server_lists_proves_nothing() {
    const LISTED: &str = "dpop_signing_alg_values_supported";
    let world = world();
    world.provider().describes(LISTED, json!(["RS256"]));
    let result = ask(&world, &setup().client(&world));
    assert_eq!(told(result), (Code::MetadataUnsupported, Some(LISTED.into())));
    assert_eq!(world.count("token"), 0);
    world.provider().describes(LISTED, json!(["PS256", "ES256"]));
    assert!(ask(&world, &setup().client(&world)).is_ok());
}

#[test]
fn r134_r136_r139_user_info_is_shown_the_token_with_its_proof() {
    let world = world();
    let client = setup().client(&world);
    let token = Secret::new("canary-access");
    let person = || world.run(client.user_info(&token, "alice", None));
    let alice = || reply(200, json!({"sub": "alice"}));
    world.provider().always("userinfo", with_nonce(alice(), "later"));
    person().unwrap();
    let seen = world.last("userinfo");
    assert_eq!(seen.authorization.as_deref(), Some("DPoP canary-access"));
    let ath = base64url::encode(&verifier::digest(Hash::Sha256, b"canary-access"));
    let (_, claims) = proof(&seen);
    assert_eq!((&claims["htm"], &claims["ath"]), (&json!("GET"), &json!(ath)));
    // It is the server's: what it told there holds at its token endpoint, too.
    ask(&world, &client).unwrap();
    assert_eq!(proof(&world.last("token")).1["nonce"], json!("later"));

    let challenged = |header: &str, nonce: &str| {
        let Reply::Answer(mut answer) = with_nonce(page(401), nonce) else { panic!("an answer") };
        answer.challenge = Some(header.into());
        Reply::Answer(answer)
    };
    world.forget_the_past();
    let again = challenged("DPoP error=\"use_dpop_nonce\"", "never-enough");
    world.provider().always("userinfo", again);
    assert_eq!(told(person()), (Code::DpopNonceRejected, Some("repeated".into())));
    assert_eq!(world.count("userinfo"), 2);
    world.forget_the_past();
    let other = challenged("Bearer error=\"use_dpop_nonce\"", "nonce");
    world.provider().always("userinfo", other);
    assert_eq!(code_of(person()), Code::ResponseStatus);
    assert_eq!(world.count("userinfo"), 1);
}

#[test]
fn r134_who_binds_no_tokens_proves_nothing_and_revocation_never_does() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.run(client.access_token(Ask::default(), None)).unwrap();
    let bound = setup().client(&world);
    world.run(bound.revoke(&Secret::new("canary"), None, None)).unwrap();
    assert!(world.seen().iter().all(|seen| seen.proof.is_none()));
    assert_eq!(world.count("revocation"), 1);
}
