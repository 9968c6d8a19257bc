//! A renewed id_token speaks of the same sign-in.

use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::id_token::Nonce;
use serde_json::{Value, json};

use crate::given::{Judge, NONCE, THEN, refused, token};

const CLAIMS: [(&str, i64); 1] = [("auth_time", THEN - 20)];

fn judge() -> Judge {
    Judge { nonce: Nonce::AbsentOr(Some(NONCE)), ..Judge::default() }
}

/// The earlier token of a sign-in, and what becomes of a renewed one with that claim.
fn renewed(name: &str, claim: Option<Value>) -> Result<(), Error> {
    let (auth_time, at) = CLAIMS[0];
    let earlier = token("ES256").claim(auth_time, at).claim("azp", "spa");
    let earlier = judge().accepts(&earlier.signed(), "the earlier one");
    let new = token("ES256").claim(auth_time, at).claim("azp", "spa").claim("iat", THEN);
    let new = match claim {
        Some(claim) => new.claim(name, claim),
        None => new.without(name),
    };
    judge().claims(&new.signed())?.continues(&earlier)
}

#[test]
fn r120_a_renewed_token_is_accepted() {
    assert_eq!(renewed("iat", Some(json!(THEN))), Ok(()));
    assert_eq!(renewed("exp", Some(json!(THEN + 7200))), Ok(()));
    assert_eq!(renewed("name", Some(json!("another"))), Ok(()));
    for name in ["nonce", "auth_time", "azp"] {
        assert_eq!(renewed(name, None), Ok(()), "{name} may be absent");
    }
    assert_eq!(renewed("nonce", Some(json!(NONCE))), Ok(()));
}

#[test]
fn r120_a066_a_renewed_token_of_somebody_else_is_refused() {
    for (name, claim) in [
        ("sub", json!("248289761002")),
        ("sub", json!(" 248289761001")),
        ("sub", json!("")),
        ("sub", json!(["248289761001"])),
        ("iss", json!("https://as.example/")),
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(["spa", "other"])),
        ("azp", json!("other")),
        ("azp", Value::Null),
        ("auth_time", json!(THEN - 21)),
        ("auth_time", json!(THEN)),
        ("auth_time", json!("x")),
        ("nonce", json!("another")),
        ("nonce", json!("")),
        ("nonce", Value::Null),
        ("iat", json!(THEN + 3600)),
        ("iat", json!(THEN - 7 * 86_400)),
        ("exp", json!(THEN - 360)),
    ] {
        let what = format!("{name}: {claim}");
        refused(renewed(name, Some(claim)), Code::IdTokenInvalid, name, &what);
    }
    for name in ["sub", "iss", "aud", "iat", "exp"] {
        refused(renewed(name, None), Code::IdTokenInvalid, name, name);
    }
}

#[test]
fn r120_with_tenants_the_issuer_stays_the_same_too() {
    let judge = Judge {
        issuer: "https://as.example/{tenantid}".into(),
        nonce: Nonce::AbsentOr(Some(NONCE)),
        ..Judge::default()
    };
    let of = |tenant: &str| {
        let iss = format!("https://as.example/{tenant}");
        let raw = token("ES256").claim("tid", tenant).claim("iss", iss).signed();
        judge.accepts(&raw, tenant)
    };
    assert_eq!(of("t1").continues(&of("t1")), Ok(()));
    let seen = of("t2").continues(&of("t1"));
    refused(seen, Code::IdTokenInvalid, "iss", "the same sub of another tenant");
}
