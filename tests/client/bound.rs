//! RFC 9449 in a page: tokens that are of use to this browser alone.

use grantkit::client::session::{Answer, Session, SignOut};
use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::error::Code;
use grantkit::protocol::http::Response;
use serde_json::json;

use crate::acts::{
    Setup, arrive, at_callback, code_of, forced, handle, leave, now, signed_in, token, token_for,
    told,
};
use crate::provider::{Reply, parameters, proof_of, wants_nonce};
use crate::signer;
use crate::world::{Mood, World, key_pair};

/// A page whose tokens are bound, and a server that binds them.
fn bound(world: &World) -> Setup {
    world.provider().spoils_response(|response| response["token_type"] = "DPoP".into());
    let mut setup = Setup::page();
    setup.options.dpop = true;
    setup
}

fn thumbprint() -> String {
    key_pair(signer::p256()).public.thumbprint()
}

fn claims(world: &World, at: usize) -> serde_json::Value {
    proof_of(&world.seen_at("token")[at])
}

#[test]
fn r041_r141_the_code_and_the_tokens_are_bound_to_a_key_that_the_page_keeps() {
    let world = World::new();
    let setup = bound(&world);
    let session = setup.load(&world);
    assert!(world.kept_keys().is_empty(), "none is made before somebody signs in");
    let url = leave(&world, &session, SignIn::default());
    assert_eq!(parameters(&url)["dpop_jkt"], thumbprint());
    assert_eq!(world.kept_keys().len(), 1);
    let back = world.provider().approve(&url, now(&world));
    let session = arrive(&world, &setup, &back);
    assert!(matches!(handle(&world, &session), Ok(Answer::SignedIn { .. })));
    assert_eq!(claims(&world, 0)["htm"], "POST");
    assert_eq!(claims(&world, 0)["ath"], json!(null));
    // The next page of this browser goes on with it.
    let next = setup.load(&world);
    assert!(next.signed_in());
    token_for(&world, &next, forced()).unwrap();
    assert_ne!(claims(&world, 0)["jti"], claims(&world, 1)["jti"]);
}

#[test]
fn r141_a_sign_out_takes_the_key_from_no_sign_in_that_is_under_way() {
    let one = World::local();
    let setup = bound(&one);
    let session = signed_in(&one, &setup);
    let other = one.tab();
    let twin = setup.load(&other);
    let url = leave(&other, &twin, SignIn::default());
    one.run(session.sign_out(SignOut::local())).unwrap();
    let back = one.provider().approve(&url, now(&other));
    let twin = arrive(&other, &setup, &back);
    assert!(matches!(handle(&other, &twin), Ok(Answer::SignedIn { .. })));
    assert!(token_for(&other, &twin, forced()).is_ok());
}

#[test]
fn r141_a_tab_that_was_open_before_there_was_a_key_hears_of_the_sign_in() {
    let one = World::local();
    let setup = bound(&one);
    let other = one.tab();
    let twin = setup.load(&other);
    drop(signed_in(&one, &setup));
    other.turn();
    other.pass(1_000);
    assert!(twin.signed_in());
    assert!(token_for(&other, &twin, forced()).is_ok());
}

#[test]
fn r141_law_16_a_key_that_cannot_be_read_ends_no_session() {
    let one = World::local();
    let setup = bound(&one);
    let session = signed_in(&one, &setup);
    let other = one.tab();
    one.keys_mood(Mood::Throws);
    assert!(!setup.load(&other).signed_in());
    assert_eq!(one.tokens().keys("").len(), 1, "the record stays");
    assert!(session.signed_in() && token_for(&one, &session, forced()).is_ok());
    one.keys_mood(Mood::Works);
    assert!(setup.load(&other).signed_in());
}

#[test]
fn r142_a_document_out_of_a_cache_is_as_old_as_it_says() {
    let world = World::new();
    let provider = world.provider().clone();
    let old = Response {
        status: 200,
        content_type: Some("application/json".into()),
        date: Some("Thu, 14 Jan 2027 22:00:00 GMT".into()),
        age: Some("36000".into()),
        body: provider.metadata.borrow().to_string().into_bytes(),
        ..Response::default()
    };
    provider.always("metadata", Reply::Answer(old));
    drop(signed_in(&world, &bound(&world)));
    let iat = claims(&world, 0)["iat"].as_i64().unwrap();
    assert!((iat - now(&world) / 1000).abs() < 5, "{iat}");
}

#[test]
fn r141_without_a_place_for_the_key_nobody_leaves() {
    let world = World::new();
    let session = bound(&world).load(&world);
    for mood in [Mood::Throws, Mood::Full] {
        world.keys_mood(mood);
        let result = world.run(session.sign_in(Box::new(SignIn::default()), None));
        assert_eq!(code_of(result), Code::StorageUnavailable);
        assert_eq!(world.left(), None);
        assert!(world.web().keys("grantkit.1.tx.").is_empty());
    }
}

#[test]
fn r041_an_answer_to_a_request_of_a_key_that_is_gone_is_not_spent() {
    let world = World::new();
    let setup = bound(&world);
    let session = setup.load(&world);
    let url = leave(&world, &session, SignIn::default());
    let back = world.provider().approve(&url, now(&world));
    world.lose_keys();
    let session = arrive(&world, &setup, &back);
    assert_eq!(told(handle(&world, &session)), (Code::StateUnknown, Some("dpop".into())));
    assert_eq!(world.count("token"), 0);
}

#[test]
fn r141_tokens_of_a_key_that_is_gone_are_of_no_use() {
    let world = World::new();
    let setup = bound(&world);
    drop(signed_in(&world, &setup));
    world.lose_keys();
    let session = setup.load(&world);
    assert!(!session.signed_in());
    assert!(world.tokens().keys("").is_empty());
    assert_eq!(code_of(token(&world, &session)), Code::LoginRequired);
}

#[test]
fn r073_tokens_that_are_not_bound_do_not_serve_who_binds_them() {
    let world = World::new();
    drop(signed_in(&world, &Setup::page()));
    assert!(!bound(&world).load(&world).signed_in());
    let world = World::new();
    drop(signed_in(&world, &bound(&world)));
    assert!(!Setup::page().load(&world).signed_in());
}

#[test]
fn r073_a_server_that_does_not_bind_signs_nobody_in() {
    let world = World::new();
    let setup = bound(&world);
    world.provider().spoils_response(|_| {});
    let session = at_callback(&world, &setup);
    assert_eq!(code_of(handle(&world, &session)), Code::TokenBindingDowngrade);
    assert!(!session.signed_in() && world.tokens().keys("").is_empty());
}

#[test]
fn r138_the_server_of_a_page_wants_a_nonce() {
    let world = World::new();
    let setup = bound(&world);
    let session = at_callback(&world, &setup);
    let provider = world.provider().clone();
    world.provider().on("token", move |_| {
        provider.mend("token");
        wants_nonce(Some("n1"))
    });
    assert!(matches!(handle(&world, &session), Ok(Answer::SignedIn { .. })));
    assert_eq!(world.count("token"), 2);
    assert_eq!(claims(&world, 0)["nonce"], json!(null));
    assert_eq!(claims(&world, 1)["nonce"], "n1");
    let form = |at: usize| world.seen_at("token")[at].form.clone();
    assert_eq!(form(0), form(1), "the same code, once");
}

#[test]
fn r138_r143_a_nonce_that_cannot_be_read_or_does_not_do() {
    for (nonce, requests, detail) in [(None, 1, "missing"), (Some("n1"), 2, "repeated")] {
        let world = World::new();
        let session = signed_in(&world, &bound(&world));
        world.forget_the_past();
        world.provider().on("token", move |_| wants_nonce(nonce));
        let result = token_for(&world, &session, forced());
        assert_eq!(told(result), (Code::DpopNonceRejected, Some(detail.into())));
        assert_eq!(world.count("token"), requests);
        assert!(session.signed_in(), "it is no final answer");
    }
}

#[test]
fn r142_a_proof_tells_the_time_of_the_server() {
    let world = World::new();
    world.provider().skew.set(3_600_000);
    world.provider().dated.set(true);
    let session = signed_in(&world, &bound(&world));
    token_for(&world, &session, forced()).unwrap();
    let iat = claims(&world, 1)["iat"].as_i64().unwrap();
    assert!((iat - now(&world) / 1000 - 3600).abs() < 5, "{iat}");
}

#[test]
fn r136_user_info_is_asked_for_with_a_proof_of_the_token() {
    let world = World::new();
    let session = signed_in(&world, &bound(&world));
    let provider = world.provider().clone();
    world.provider().on("userinfo", move |_| {
        provider.on("userinfo", |_| crate::provider::reply(200, json!({"sub": "alice"})));
        Reply::Answer(Response {
            status: 401,
            challenge: Some("DPoP error=\"use_dpop_nonce\"".into()),
            dpop_nonce: Some("n2".into()),
            ..Response::default()
        })
    });
    assert!(world.run(session.user_info(None)).is_ok());
    let seen = world.seen_at("userinfo");
    assert!(seen[0].authorization.as_deref().unwrap().starts_with("DPoP "));
    assert_eq!(proof_of(&seen[1])["nonce"], "n2");
    assert!(proof_of(&seen[1])["ath"].is_string());
}

#[test]
fn r141_all_tabs_have_one_key() {
    let one = World::local();
    let setup = bound(&one);
    let other = one.tab();
    let sessions: Vec<Session<World>> =
        [&one, &other].iter().map(|world| setup.load(world)).collect();
    let urls = [
        leave(&one, &sessions[0], SignIn::default()),
        leave(&other, &sessions[1], SignIn::default()),
    ];
    let keys: Vec<String> = urls.iter().map(|url| parameters(url)["dpop_jkt"].clone()).collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(one.kept_keys().len(), 1);
}
