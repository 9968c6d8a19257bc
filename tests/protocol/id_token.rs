//! Whole validation of id_tokens: form, key, signature and every claim.

use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::base64url;
use grantkit::protocol::error::Code;
use grantkit::protocol::id_token::Nonce;
use grantkit::protocol::jws::Hash;
use serde_json::{Value, json};

use crate::given::{
    CLIENT, ISSUER, Judge, NONCE, NOW, THEN, begin, object, refused, sign_in, token, value,
};
use crate::signer::{Token, other_rsa, rsa};
use crate::verifier::digest;

const ALL: [&str; 5] = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"];

/// A good token with one claim as given.
fn with(name: &str, claim: impl Into<Value>) -> String {
    token("ES256").claim(name, claim).signed()
}

fn without(name: &str) -> String {
    token("ES256").without(name).signed()
}

#[track_caller]
fn refuse(raw: &str, detail: &str, what: &str) {
    Judge::default().refuses(raw, detail, what);
}

#[track_caller]
fn accept(raw: &str, what: &str) {
    Judge::default().accepts(raw, what);
}

#[test]
fn r090_a_good_token_is_accepted_by_every_algorithm() {
    for alg in ALL {
        let claims = Judge::default().accepts(&token(alg).claim("name", "Jane").signed(), alg);
        assert_eq!(claims.subject(), "248289761001");
        let expected = Value::Object(token(alg).claim("name", "Jane").claims);
        assert_eq!(value(claims.members()), expected);
    }
}

#[test]
fn r090_a049_one_bit_is_enough() {
    for alg in ALL {
        let raw = token(alg).signed();
        let (input, signature) = raw.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        for at in [0, 1, signature.len() / 2, signature.len() - 1] {
            for flip in [0x01, 0x80, 0x5a] {
                let mut other = signature.clone();
                other[at] ^= flip;
                let raw = format!("{input}.{}", base64url::encode(&other));
                refuse(&raw, "signature", &format!("{alg} byte {at}"));
            }
        }
        let all: Vec<u8> = signature.iter().map(|byte| byte ^ 0x5a).collect();
        refuse(&format!("{input}.{}", base64url::encode(&all)), "signature", alg);
        let zeros = base64url::encode(&vec![0; signature.len()]);
        refuse(&format!("{input}.{zeros}"), "signature", alg);
    }
}

#[test]
fn r090_a049_a_signature_belongs_to_its_own_header_and_payload() {
    for alg in ALL {
        let raw = token(alg).signed();
        let (input, signature) = raw.rsplit_once('.').unwrap();
        let (header, payload) = input.split_once('.').unwrap();
        let other = token(alg).claim("sub", "victim").signed();
        let other_payload = other.split('.').nth(1).unwrap();
        refuse(&format!("{header}.{other_payload}.{signature}"), "signature", alg);
        let other = token(alg).header("x", 1).signed();
        let other_header = other.split('.').next().unwrap();
        refuse(&format!("{other_header}.{payload}.{signature}"), "signature", alg);
    }
    // Truncated, lengthened, and by another scheme of the same key.
    let raw = token("RS256").signed();
    let (input, signature) = raw.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    for other in [&signature[..255], &signature[1..], &[&signature[..], &[0]].concat()] {
        refuse(&format!("{input}.{}", base64url::encode(other)), "signature", "length");
    }
    let payload = Value::Object(token("RS256").claims).to_string();
    refuse(&rsa().compact("RS256", "{\"alg\":\"PS256\"}", &payload), "signature", "PS for RS");
    refuse(&rsa().compact("PS256", "{\"alg\":\"RS256\"}", &payload), "signature", "RS for PS");
    refuse(&token("RS256").signed_by(other_rsa()), "signature", "another key");
}

#[test]
fn r104_a049_r_and_s_are_in_their_range() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&order[2 * at..2 * at + 2], 16).unwrap()).collect();
    let zero = vec![0; 32];
    let ones = vec![0xff; 32];
    let raw = token("ES256").signed();
    let (input, signature) = raw.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let (r, s) = (signature[..32].to_vec(), signature[32..].to_vec());
    for (r, s) in [
        (&zero, &s),
        (&r, &zero),
        (&zero, &zero),
        (&order, &s),
        (&r, &order),
        (&order, &order),
        (&ones, &s),
        (&r, &ones),
        (&zero, &order),
    ] {
        let raw = format!("{input}.{}", base64url::encode(&[&r[..], &s[..]].concat()));
        refuse(&raw, "signature", "range");
    }
}

#[test]
fn r104_an_ed25519_signature_has_one_form() {
    // s plus the order of the group would verify by the equation alone.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let raw = token("EdDSA").signed();
    let (input, signature) = raw.rsplit_once('.').unwrap();
    let mut signature = base64url::decode(signature).unwrap();
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    refuse(&format!("{input}.{}", base64url::encode(&signature)), "signature", "s + L");
}

#[test]
fn r091_a057_iss_is_the_issuer_exactly() {
    for iss in [
        json!("https://as.example1"),
        json!("https://as.example/"),
        json!("https://AS.example"),
        json!("https://as.example:443"),
        json!("https://as.exampl%65"),
        json!("as.example"),
        json!("http://as.example"),
        json!("https://as.example "),
        json!("https://as.example\u{0}"),
        json!("https://\u{430}s.example"),
        json!("https://evil.example"),
        json!(""),
        json!([ISSUER]),
        json!(7),
        json!({"iss": ISSUER}),
        Value::Null,
    ] {
        refuse(&with("iss", iss.clone()), "iss", &iss.to_string());
    }
    refuse(&without("iss"), "iss", "missing");
    let slash = Judge { issuer: "https://as.example/".into(), ..Judge::default() };
    slash.refuses(&token("ES256").signed(), "iss", "the configuration is not tidied either");
    slash.accepts(&with("iss", "https://as.example/"), "slash");
}

#[test]
fn r091_an_issuer_of_many_tenants_is_bound_to_tid() {
    let judge = Judge { issuer: "https://as.example/{tenantid}/v2.0".into(), ..Judge::default() };
    let raw = |iss: &str, tid: Option<Value>| {
        let token = token("ES256").claim("iss", iss);
        match tid {
            Some(tid) => token.claim("tid", tid).signed(),
            None => token.signed(),
        }
    };
    judge.accepts(&raw("https://as.example/t1/v2.0", Some(json!("t1"))), "t1");
    for (iss, tid) in [
        ("https://as.example/t1/v2.0", None),
        ("https://as.example/t1/v2.0", Some(json!("t2"))),
        ("https://as.example/t1/v2.0", Some(json!("T1"))),
        ("https://as.example/t1/v2.0", Some(json!(7))),
        ("https://as.example/t1/v2.0", Some(json!(["t1"]))),
        ("https://as.example/{tenantid}/v2.0", None),
        ("https://as.example//v2.0", None),
        ("https://as.example/t1/v1.0", Some(json!("t1"))),
        ("https://evil.example/t1/v2.0", Some(json!("t1"))),
    ] {
        judge.refuses(&raw(iss, tid.clone()), "iss", &format!("{iss} {tid:?}"));
    }
}

#[test]
fn r092_a058_aud_is_this_client() {
    for aud in [
        json!("spa1"),
        json!("SPA"),
        json!("sp"),
        json!("pa"),
        json!("spa "),
        json!(""),
        json!("other"),
        json!("other spa"),
        json!("spa,other"),
        json!([]),
        json!([""]),
        json!(["other"]),
        json!(["spa1", "spa2"]),
        json!([CLIENT, "other"]),
        json!(["other", CLIENT]),
        json!([CLIENT, 7]),
        json!([CLIENT, null]),
        json!([[CLIENT]]),
        json!(7),
        json!(true),
        json!({"aud": CLIENT}),
        json!({"spa": "spa"}),
        Value::Null,
    ] {
        let raw = token("ES256").claim("aud", aud.clone()).claim("azp", CLIENT).signed();
        refuse(&raw, "aud", &aud.to_string());
    }
    refuse(&without("aud"), "aud", "missing");
    accept(&with("aud", CLIENT), "a string");
    accept(&with("aud", json!([CLIENT])), "an array of one");
}

#[test]
fn r092_r093_another_audience_must_be_trusted_and_azp_say_who_asked() {
    let judge = Judge { trusted: vec!["api".into()], ..Judge::default() };
    let raw = |aud: Value, azp: Option<Value>| {
        let token = token("ES256").claim("aud", aud);
        match azp {
            Some(azp) => token.claim("azp", azp).signed(),
            None => token.signed(),
        }
    };
    judge.accepts(&raw(json!([CLIENT, "api"]), Some(json!(CLIENT))), "trusted");
    judge.accepts(&raw(json!(["api", CLIENT]), Some(json!(CLIENT))), "in any order");
    judge.refuses(&raw(json!([CLIENT, "api"]), None), "azp", "no azp");
    judge.refuses(&raw(json!([CLIENT, "api"]), Some(json!("api"))), "azp", "another azp");
    judge.refuses(&raw(json!("api"), Some(json!(CLIENT))), "aud", "trusted alone");
    judge.refuses(&raw(json!(["api"]), Some(json!(CLIENT))), "aud", "trusted alone");
    judge.refuses(&raw(json!([CLIENT, "api", "evil"]), Some(json!(CLIENT))), "aud", "one more");
}

#[test]
fn r093_a058_azp_is_this_client_where_it_is_there() {
    for azp in [
        json!("other"),
        json!("SPA"),
        json!("spa1"),
        json!(""),
        json!([CLIENT]),
        json!(7),
        json!({}),
        Value::Null,
    ] {
        refuse(&with("azp", azp.clone()), "azp", &azp.to_string());
    }
    accept(&with("azp", CLIENT), "azp");
}

#[test]
fn r094_a060_a_token_that_is_over_is_over() {
    for (exp, good) in [
        (json!(THEN + 300), true),
        (json!(THEN + 1), true),
        (json!(THEN), true),
        (json!(THEN - 29), true),
        (json!(THEN - 30), false),
        (json!(THEN - 61), false),
        (json!(THEN - 360), false),
        (json!(THEN - 3600), false),
        (json!(0), false),
        (json!(-1), false),
        (json!(-1e300), false),
        (json!(1_800_000_300.75), true),
        (json!(1_799_999_970.9), false),
        (json!(9_007_199_254_740_991_i64), true),
        (json!(9_007_199_254_740_992_i64), false),
        (json!(9_223_372_036_854_775_807_i64), false),
        (json!(18_446_744_073_709_551_615_u64), false),
        (json!(1e300), false),
        (json!("1800000300"), false),
        (json!(true), false),
        (json!([THEN + 300]), false),
        (json!({}), false),
        (Value::Null, false),
    ] {
        let raw = with("exp", exp.clone());
        match good {
            true => accept(&raw, &exp.to_string()),
            false => refuse(&raw, "exp", &exp.to_string()),
        }
    }
    refuse(&without("exp"), "exp", "missing");
    let raw = token("ES256").signed();
    Judge { tolerance: 0, now: (THEN + 299) * 1000 + 999, ..Judge::default() }
        .accepts(&raw, "the last millisecond");
    Judge { tolerance: 0, now: (THEN + 300) * 1000, ..Judge::default() }.refuses(
        &raw,
        "exp",
        "the first one after it",
    );
    // Written as JSON allows, a number beyond all bounds is no date.
    let claims = Value::Object(token("ES256").claims).to_string();
    for exp in ["1e400", "9e99999999999", "1800000300e0", "18000003000e-1", "1.8000003e9"] {
        let claims = claims.replace(&(THEN + 300).to_string(), exp);
        let raw = crate::signer::p256().compact("ES256", "{\"alg\":\"ES256\"}", &claims);
        match exp {
            "1e400" | "9e99999999999" => refuse(&raw, "exp", exp),
            _ => accept(&raw, exp),
        }
    }
}

#[test]
fn r095_a060_a_token_was_made_lately() {
    for (iat, good) in [
        (json!(THEN), true),
        (json!(THEN + 30), true),
        (json!(THEN + 31), false),
        (json!(THEN + 3600), false),
        (json!(THEN - 86_400), true),
        (json!(THEN - 86_430), true),
        (json!(THEN - 86_431), false),
        (json!(THEN - 7 * 86_400), false),
        (json!(0), false),
        (json!(-5), false),
        (json!(1_799_999_990.25), true),
        (json!(1e300), false),
        (json!("1799999990"), false),
        (json!([THEN]), false),
        (Value::Null, false),
    ] {
        let raw = with("iat", iat.clone());
        match good {
            true => accept(&raw, &iat.to_string()),
            false => refuse(&raw, "iat", &iat.to_string()),
        }
    }
    refuse(&without("iat"), "iat", "missing");
}

#[test]
fn r096_a060_a_token_has_begun() {
    for (nbf, good) in [
        (json!(THEN - 3600), true),
        (json!(THEN), true),
        (json!(THEN + 30), true),
        (json!(THEN + 31), false),
        (json!(THEN + 600), false),
        (json!(1_800_000_030.5), true),
        (json!(1e300), false),
        (json!(-1), false),
        (json!("0"), false),
        (json!([0]), false),
        (Value::Null, false),
    ] {
        let raw = with("nbf", nbf.clone());
        match good {
            true => accept(&raw, &nbf.to_string()),
            // What is no number at all is no claim of that name (R096).
            false => {
                let detail = if nbf.is_number() { "nbf" } else { "malformed" };
                refuse(&raw, detail, &nbf.to_string());
            }
        }
    }
}

#[test]
fn r094_r096_the_tolerance_is_the_callers() {
    let judge = |tolerance| Judge { tolerance, ..Judge::default() };
    judge(0).refuses(&with("exp", THEN), "exp", "none");
    judge(0).accepts(&with("exp", THEN + 1), "none");
    judge(60).accepts(&with("exp", THEN - 59), "a minute");
    judge(0).refuses(&with("iat", THEN + 1), "iat", "none");
    judge(60).accepts(&with("nbf", THEN + 60), "a minute");
}

#[test]
fn r097_a059_the_nonce_is_the_one_that_was_sent() {
    for nonce in [
        json!(format!("{NONCE}1")),
        json!(NONCE.to_lowercase()),
        json!(NONCE[1..]),
        json!(format!("{NONCE} ")),
        json!("BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ"),
        json!(""),
        json!([NONCE]),
        json!({"0": NONCE}),
        json!(7),
        json!(true),
        Value::Null,
    ] {
        refuse(&with("nonce", nonce.clone()), "nonce", &nonce.to_string());
    }
    refuse(&without("nonce"), "nonce", "missing");
    accept(&token("ES256").signed(), "the one");
}

#[test]
fn r097_where_none_was_sent_none_may_come() {
    let judge = |nonce| Judge { nonce, ..Judge::default() };
    let (with_nonce, without_nonce) = (token("ES256").signed(), without("nonce"));
    judge(Nonce::Absent).accepts(&without_nonce, "none");
    for nonce in [json!(NONCE), json!(""), Value::Null, json!([])] {
        judge(Nonce::Absent).refuses(&with("nonce", nonce), "nonce", "one too many");
        let any = Nonce::AbsentOr(None);
        judge(any).refuses(&with_nonce, "nonce", "one too many");
    }
    judge(Nonce::AbsentOr(None)).accepts(&without_nonce, "none");
    judge(Nonce::AbsentOr(Some(NONCE))).accepts(&without_nonce, "none");
    judge(Nonce::AbsentOr(Some(NONCE))).accepts(&with_nonce, "the same");
    judge(Nonce::AbsentOr(Some("x"))).refuses(&with_nonce, "nonce", "another");
    judge(Nonce::AbsentOr(Some(NONCE))).refuses(&with("nonce", Value::Null), "nonce", "null");
}

#[test]
fn r098_a063_sub_is_a_short_text() {
    for sub in [
        json!(""),
        json!("x".repeat(256)),
        json!("x".repeat(10_000)),
        json!("vict\u{131}m"),
        json!("\u{ff56}ictim"),
        json!("é"),
        json!(248_289_761_001_i64),
        json!(["248289761001"]),
        json!({"sub": "x"}),
        json!(true),
        Value::Null,
    ] {
        refuse(&with("sub", sub.clone()), "sub", &sub.to_string());
    }
    refuse(&without("sub"), "sub", "missing");
    for sub in ["1", " victim", "a|b@c", &"x".repeat(255)] {
        let claims = Judge::default().accepts(&with("sub", sub), sub);
        assert_eq!(claims.subject(), sub, "not trimmed, not folded");
    }
}

#[test]
fn r083_a063_claims_in_the_header_are_none() {
    for name in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
        let good = token("ES256");
        let claim = good.claims[name].clone();
        let raw = good.without(name).header(name, claim).signed();
        refuse(&raw, name, name);
    }
    let raw = token("ES256").header("sub", "victim").header("iss", "https://evil.example");
    let claims = Judge::default().accepts(&raw.signed(), "header");
    assert_eq!(claims.subject(), "248289761001");
}

/// The left half of a digest, as the claim has it.
fn half(hash: Hash, text: &str) -> String {
    let digest = digest(hash, text.as_bytes());
    base64url::encode(&digest[..digest.len() / 2])
}

fn judge_of_hashes(alg: &str) -> Judge {
    Judge {
        access_token: Some("access-token".into()),
        code: Some("the-code".into()),
        state: Some("the-state".into()),
        ..Judge::with_algorithms(&[alg])
    }
}

#[test]
fn r099_r100_a061_the_hashes_are_of_the_algorithm_of_the_token() {
    for (alg, hash) in [
        ("RS256", Hash::Sha256),
        ("PS256", Hash::Sha256),
        ("ES256", Hash::Sha256),
        ("RS384", Hash::Sha384),
        ("PS384", Hash::Sha384),
        ("ES384", Hash::Sha384),
        ("RS512", Hash::Sha512),
        ("PS512", Hash::Sha512),
        ("EdDSA", Hash::Sha512),
        ("Ed25519", Hash::Sha512),
    ] {
        let judge = judge_of_hashes(alg);
        judge.accepts(&token(alg).signed(), "neither is there");
        let hashes = [("at_hash", "access-token"), ("c_hash", "the-code"), ("s_hash", "the-state")];
        for (name, text) in hashes {
            let claim = |claim: Value| token(alg).claim(name, claim).signed();
            judge.accepts(&claim(half(hash, text).into()), alg);
            for other in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
                if other != hash {
                    judge.refuses(&claim(half(other, text).into()), name, "another hash");
                }
            }
        }
    }
}

#[test]
fn r099_r100_a061_a_hash_that_is_wrong_in_any_way() {
    let judge = judge_of_hashes("ES256");
    for (name, text, other) in [
        ("at_hash", "access-token", "the-code"),
        ("c_hash", "the-code", "access-token"),
        ("s_hash", "the-state", "the-code"),
    ] {
        let good = half(Hash::Sha256, text);
        let whole = base64url::encode(&digest(Hash::Sha256, text.as_bytes()));
        let right = base64url::encode(&digest(Hash::Sha256, text.as_bytes())[16..]);
        for claim in [
            json!(format!("{good}1")),
            json!(format!("{good}==")),
            json!(good.to_lowercase()),
            json!(good[..21]),
            json!(whole),
            json!(right),
            json!(half(Hash::Sha256, other)),
            json!(half(Hash::Sha256, &format!("{text} "))),
            json!(half(Hash::Sha256, "")),
            json!(""),
            json!(7),
            json!([good]),
            json!({}),
            json!(true),
            Value::Null,
        ] {
            let raw = with(name, claim.clone());
            judge.refuses(&raw, name, &format!("{name}: {claim}"));
        }
        assert!(judge.verified(&with(name, good.as_str())).unwrap().has(name));
    }
    let both = token("ES256")
        .claim("at_hash", half(Hash::Sha256, "access-token"))
        .claim("c_hash", half(Hash::Sha256, "the-code"));
    judge.accepts(&both.signed(), "both");
}

#[test]
fn r101_a062_a_sign_in_is_as_fresh_as_was_asked_for() {
    let judge = Judge { max_age: Some(60), ..Judge::default() };
    for (auth_time, good) in [
        (json!(THEN), true),
        (json!(THEN - 60), true),
        (json!(THEN - 90), true),
        (json!(THEN - 91), false),
        (json!(THEN - 3600), false),
        (json!(THEN + 30), true),
        (json!(THEN + 31), false),
        (json!(THEN + 3600), false),
        (json!(0), false),
        (json!(1_799_999_990.5), true),
        (json!(1e300), false),
        (json!("1799999990"), false),
        (json!([THEN]), false),
        (Value::Null, false),
    ] {
        let raw = with("auth_time", auth_time.clone());
        match good {
            true => drop(judge.accepts(&raw, &auth_time.to_string())),
            false => judge.refuses(&raw, "auth_time", &auth_time.to_string()),
        }
    }
    judge.refuses(&token("ES256").signed(), "auth_time", "missing");
    let at_once = Judge { max_age: Some(0), ..Judge::default() };
    at_once.accepts(&with("auth_time", THEN - 30), "within the tolerance");
    at_once.refuses(&with("auth_time", THEN - 31), "auth_time", "max_age=0");
    // Nothing asked, nothing needed; and servers that say 0 are let be.
    accept(&with("auth_time", 0), "not asked for");
    accept(&with("auth_time", THEN - 86_400 * 365), "not asked for");
    let endless = Judge { max_age: Some(u32::MAX), ..Judge::default() };
    endless.accepts(&with("auth_time", 0), "the largest max_age");
}

#[test]
fn r102_a062_an_essential_acr_is_one_of_those() {
    let ask = SignIn {
        claims: Some(object(&json!({
            "id_token": {"acr": {"essential": true, "values": ["gold", "silver"]}}
        }))),
        ..sign_in("openid")
    };
    let judge = Judge { acr: begin(ask).unwrap().1.essential_acr, ..Judge::default() };
    judge.accepts(&with("acr", "gold"), "gold");
    judge.accepts(&with("acr", "silver"), "silver");
    for acr in [
        json!("bronze"),
        json!("Gold"),
        json!("gold "),
        json!("gold silver"),
        json!(""),
        json!(["gold"]),
        json!(7),
        Value::Null,
    ] {
        judge.refuses(&with("acr", acr.clone()), "acr", &acr.to_string());
    }
    judge.refuses(&token("ES256").signed(), "acr", "missing");
    accept(&with("acr", "anything"), "not asked for");
}

#[test]
fn r103_a042_claims_are_data() {
    let pollution = json!({"polluted": true, "sub": "victim"});
    let raw = token("ES256")
        .claim("email", "victim@as.example")
        .claim("preferred_username", "victim")
        .claim("userId", "victim")
        .claim("__proto__", pollution.clone())
        .claim("constructor", pollution)
        .claim("toString", "x")
        .signed();
    let claims = Judge::default().accepts(&raw, "names of JavaScript");
    assert_eq!(claims.subject(), "248289761001");
    assert!(claims.members().get("polluted").is_none());
    assert!(claims.members().get("__proto__").unwrap().as_object().is_some());
}

#[test]
fn r094_what_a_token_tells_of_the_clock() {
    let judge = Judge::default();
    let seen = |raw: &str| judge.verified(raw).unwrap();
    assert_eq!(seen(&token("ES256").signed()).issued_at(), Some(NOW - 10_000));
    assert_eq!(seen(&with("iat", 1.5)).issued_at(), Some(1000));
    assert_eq!(
        seen(&with("iat", 9_007_199_254_740_991_i64)).issued_at(),
        Some(9_007_199_254_740_991_000)
    );
    for iat in [json!(-1), json!("7"), json!(1e300), json!(9_007_199_254_740_992_i64), Value::Null]
    {
        assert_eq!(seen(&with("iat", iat)).issued_at(), None);
    }
    assert_eq!(seen(&without("iat")).issued_at(), None);
    // Only an answer to our own nonce is fresh.
    assert!(seen(&token("ES256").signed()).answers(NONCE));
    for raw in [without("nonce"), with("nonce", "x"), with("nonce", json!([NONCE]))] {
        assert!(!seen(&raw).answers(NONCE));
    }
    assert_eq!(seen(&token("EdDSA").signed()).hash(), Hash::Sha512);
}

/// An issuer has one wrong claim at a time; with many, whatever comes first is told.
#[test]
fn r090_a_token_with_everything_wrong_is_refused() {
    let wrong = Token::new(json!({"alg": "RS256"}), json!({}));
    assert!(Judge::default().claims(&wrong.signed()).is_err());
    let unsigned = wrong.signed_by(other_rsa());
    refused(Judge::default().claims(&unsigned), Code::IdTokenInvalid, "signature", "first of all");
}
