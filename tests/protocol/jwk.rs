//! A server's keys, and which single one fits a token.

use grantkit::protocol::base64url;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::jwk::{Check, KEYS, KeySet, PublicKey, response};
use grantkit::protocol::jws::{Algorithm, parse};
use serde_json::{Value, json};

use crate::given::{Judge, answer, object, refused, reply, token};
use crate::signer::{Signer, ed25519, other_rsa, p256, p384, rsa, signer_for};
use crate::verifier::verify;

/// That key with one member as given; `null` takes it out.
fn with(signer: &Signer, name: &str, member: Value) -> Value {
    let mut key = signer.jwk();
    match member {
        Value::Null => drop(key.as_object_mut().unwrap().remove(name)),
        member => key[name] = member,
    }
    key
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::check(&object(&json!({"keys": keys}))).unwrap()
}

/// The key that those keys have for a good token by that algorithm.
fn find(keys: &[Value], algorithm: &str, kid: Option<&str>) -> Result<PublicKey, Error> {
    let mut token = token(algorithm);
    if let Some(kid) = kid {
        token = token.header("kid", kid);
    }
    let allowed = [Algorithm::by_name(algorithm).unwrap()];
    set(keys).find(&parse(&token.signed(), &allowed, &["JWT"])?).cloned()
}

/// No key fits.
#[track_caller]
fn none(keys: &[Value], algorithm: &str, what: &str) {
    refused(find(keys, algorithm, None), Code::JwksKeyNotFound, "", what);
}

const ALL: [&str; 5] = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"];

fn every() -> Vec<Value> {
    vec![rsa().jwk(), p256().jwk(), p384().jwk(), ed25519().jwk()]
}

#[test]
fn r105_a_set_is_an_object_with_an_array() {
    for other in [
        json!({}),
        json!({"keys": {}}),
        json!({"keys": "x"}),
        json!({"keys": null}),
        json!({"keys": {"0": rsa().jwk()}}),
        json!({"Keys": [rsa().jwk()]}),
    ] {
        let what = other.to_string();
        let seen = KeySet::check(&object(&other));
        refused(seen, Code::JwksInvalid, "", &what[..what.len().min(40)]);
    }
    assert_eq!(KEYS, 100);
    let many = |n: usize| json!({"keys": vec![json!({"kty": "x"}); n]});
    assert!(KeySet::check(&object(&many(100))).is_ok());
    for n in [101, 10_000] {
        let seen = KeySet::check(&object(&many(n)));
        refused(seen, Code::JwksInvalid, "keys", &n.to_string());
    }
    assert!(KeySet::check(&object(&json!({"keys": [], "more": 1}))).is_ok());
}

#[test]
fn r105_the_answer_is_a_set() {
    for (status, kind, body, code) in [
        (200, "text/html", "{\"keys\":[]}", Code::ResponseContentType),
        (200, "application/jwt", "{\"keys\":[]}", Code::ResponseContentType),
        (200, "application/json", "[]", Code::JwksInvalid),
        (200, "application/json", "<html>", Code::JwksInvalid),
        (200, "application/json", "{\"keys\":[],\"keys\":[]}", Code::JwksInvalid),
        (404, "application/json", "{\"keys\":[]}", Code::ResponseStatus),
        (500, "text/html", "", Code::ResponseStatus),
        (201, "application/json", "{\"keys\":[]}", Code::ResponseStatus),
    ] {
        let error = response(&answer(status, Some(kind), body)).expect_err(body);
        assert_eq!((error.code(), error.http_status()), (code, Some(status)), "{body}");
    }
    for kind in
        ["application/json", "application/jwk-set+json", "application/jwk-set+json;charset=utf-8"]
    {
        assert!(response(&answer(200, Some(kind), "{\"keys\":[]}")).is_ok(), "{kind}");
    }
    let bytes = [b"\xef\xbb\xbf", json!({"keys": every()}).to_string().as_bytes()].concat();
    assert!(response(&reply(200, bytes)).is_ok());
}

#[test]
fn r105_a053_what_cannot_be_used_is_passed_over() {
    let mut keys = vec![
        json!(7),
        json!("x"),
        Value::Null,
        json!([]),
        json!({}),
        json!({"kty": 7}),
        json!({"kty": "rsa"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-192", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": base64url::encode(&[1; 32])}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
        json!({"kty": "RSA"}),
        json!({"kty": "RSA", "x5c": ["MIID"]}),
        with(rsa(), "use", json!("enc")),
        with(p256(), "crv", json!("P-257")),
    ];
    keys.extend(every());
    for algorithm in ALL {
        assert!(find(&keys, algorithm, None).is_ok(), "{algorithm}");
        let kid = signer_for(algorithm).kid;
        assert!(find(&keys, algorithm, Some(kid)).is_ok(), "{algorithm}");
    }
    assert!(!set(&keys).leaked);
}

#[test]
fn r106_a050_a_key_is_of_the_kind_of_the_algorithm() {
    for (signer, fitting) in [
        (rsa(), vec!["RS256", "PS256"]),
        (p256(), vec!["ES256"]),
        (p384(), vec![]),
        (ed25519(), vec!["EdDSA", "Ed25519"]),
    ] {
        for algorithm in ALL {
            let found = find(&[signer.jwk()], algorithm, None).is_ok();
            assert_eq!(found, fitting.contains(&algorithm), "{algorithm} {}", signer.kid);
        }
    }
    assert!(find(&[p384().jwk()], "ES384", None).is_ok());
    assert!(find(&[p256().jwk()], "ES384", None).is_err());
}

#[test]
fn r106_a050_a_key_is_for_signatures() {
    for algorithm in ALL {
        let signer = signer_for(algorithm);
        for purpose in
            [json!("enc"), json!("SIG"), json!(""), json!("tls"), json!(7), json!(["sig"])]
        {
            let what = format!("{algorithm} use {purpose}");
            none(&[with(signer, "use", purpose)], algorithm, &what);
        }
        for operations in [
            json!(["sign"]),
            json!([]),
            json!(["encrypt", "wrapKey"]),
            json!("verify"),
            json!(["Verify"]),
            json!([7]),
            json!(["verify", 7]),
            json!({}),
        ] {
            let what = format!("{algorithm} key_ops {operations}");
            none(&[with(signer, "key_ops", operations)], algorithm, &what);
        }
        let both = with(signer, "key_ops", json!(["sign", "verify"]));
        assert!(find(&[both], algorithm, None).is_ok(), "{algorithm}");
        assert!(find(&[with(signer, "use", Value::Null)], algorithm, None).is_ok());
    }
}

#[test]
fn r106_a050_a_key_for_another_algorithm_is_another_key() {
    for (key, algorithm, fits) in [
        ("RS256", "RS256", true),
        ("RS256", "PS256", false),
        ("PS256", "RS256", false),
        ("RS512", "RS256", false),
        ("RSA-OAEP", "RS256", false),
        ("rs256", "RS256", false),
        ("", "RS256", false),
        ("none", "RS256", false),
        ("HS256", "RS256", false),
        ("ES256", "ES256", true),
        ("ES384", "ES256", false),
        ("ECDH-ES", "ES256", false),
        ("EdDSA", "EdDSA", true),
        ("Ed25519", "EdDSA", true),
        ("EdDSA", "Ed25519", true),
        ("Ed25519", "Ed25519", true),
        ("Ed448", "EdDSA", false),
        ("ES256", "EdDSA", false),
    ] {
        let named = with(signer_for(algorithm), "alg", json!(key));
        assert_eq!(find(&[named], algorithm, None).is_ok(), fits, "{key} for {algorithm}");
    }
    for alg in [json!(7), json!(["RS256"]), json!({})] {
        none(&[with(rsa(), "alg", alg)], "RS256", "alg is no string");
    }
    for kid in [json!(7), json!(["rsa"])] {
        none(&[with(rsa(), "kid", kid)], "RS256", "kid is no string");
    }
}

#[test]
fn r107_a_kid_names_one_key() {
    let keys = every();
    assert!(find(&keys, "RS256", Some("rsa")).is_ok());
    for kid in ["RSA", "rsa ", "", "other-rsa", "p256", "0"] {
        let seen = find(&keys, "RS256", Some(kid));
        refused(seen, Code::JwksKeyNotFound, "", kid);
    }
    // A key without a name is not the key of that name.
    let nameless = with(rsa(), "kid", Value::Null);
    refused(find(&[nameless], "RS256", Some("rsa")), Code::JwksKeyNotFound, "", "nameless");
    // After a rotation the new set decides.
    let rotated = with(other_rsa(), "kid", json!("rsa"));
    let judge = Judge::with_keys(&[rotated]);
    let raw = token("RS256").header("kid", "rsa").signed_by(rsa());
    judge.refuses(&raw, "signature", "the old key");
    judge.accepts(&token("RS256").header("kid", "rsa").signed_by(other_rsa()), "the new key");
}

#[test]
fn r108_a052_without_a_kid_there_is_one_key_or_none() {
    for algorithm in ALL {
        assert!(find(&every(), algorithm, None).is_ok(), "{algorithm}");
    }
    let nameless = with(rsa(), "kid", Value::Null);
    assert!(find(&[nameless], "RS256", None).is_ok());
    for keys in [
        [rsa().jwk(), other_rsa().jwk()],
        [rsa().jwk(), with(other_rsa(), "kid", Value::Null)],
        [rsa().jwk(), rsa().jwk()],
    ] {
        let seen = find(&keys, "RS256", None);
        refused(seen, Code::JwksKeyNotFound, "ambiguous", "two");
    }
    // What the keys say of themselves makes the choice.
    for (name, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("alg", json!("PS256")),
        ("alg", json!("RSA-OAEP")),
    ] {
        let keys = [with(other_rsa(), name, value), rsa().jwk()];
        let judge = Judge::with_keys(&keys);
        judge.accepts(&token("RS256").signed(), name);
    }
    none(&[], "RS256", "no keys");
}

#[test]
fn r109_a052_keys_of_the_same_name_are_told_apart_by_their_kind() {
    let same: Vec<Value> = [rsa(), p256(), p384(), ed25519()]
        .iter()
        .map(|signer| with(signer, "kid", json!("same")))
        .chain([
            json!({"kty": "EC", "crv": "secp256k1", "kid": "same", "x": "AA", "y": "AA"}),
            json!({"kty": "OKP", "crv": "X25519", "kid": "same", "x": base64url::encode(&[1; 32])}),
            with(other_rsa(), "use", json!("enc")),
        ])
        .collect();
    for algorithm in ALL {
        let judge = Judge::with_keys(&same);
        judge.accepts(&token(algorithm).header("kid", "same").signed(), algorithm);
    }
    let two = [rsa().jwk(), with(other_rsa(), "kid", json!("rsa"))];
    let seen = find(&two, "RS256", Some("rsa"));
    refused(seen, Code::JwksKeyNotFound, "ambiguous", "two of one kind");
    let decoy = [with(other_rsa(), "kid", json!("rsa")), with(rsa(), "alg", json!("RS256"))];
    let seen = find(&decoy, "RS256", Some("rsa"));
    refused(seen, Code::JwksKeyNotFound, "ambiguous", "both might sign");
}

#[test]
fn r110_a053_a_secret_key_is_not_used_and_is_told_of() {
    let some = || json!(base64url::encode(&[7; 32]));
    for (signer, algorithm, name) in [
        (rsa(), "RS256", "d"),
        (rsa(), "RS256", "p"),
        (rsa(), "RS256", "q"),
        (rsa(), "RS256", "k"),
        (p256(), "ES256", "d"),
        (ed25519(), "EdDSA", "d"),
    ] {
        for value in [some(), json!(""), json!(7)] {
            let keys = [with(signer, name, value)];
            assert!(set(&keys).leaked, "{algorithm} {name}");
            none(&keys, algorithm, name);
        }
    }
    let symmetric = json!({"kty": "oct", "k": some(), "kid": "rsa"});
    assert!(set(std::slice::from_ref(&symmetric)).leaked);
    none(std::slice::from_ref(&symmetric), "RS256", "oct");
    // A secret beside a good key spoils that secret alone.
    let keys = [symmetric, rsa().jwk()];
    assert!(set(&keys).leaked && find(&keys, "RS256", Some("rsa")).is_ok());
    assert!(!set(&every()).leaked);
    let judge = Judge::with_keys(&keys);
    let payload = Value::Object(token("RS256").claims).to_string();
    let input = ["{\"alg\":\"HS256\",\"kid\":\"rsa\"}", &payload]
        .map(|part| base64url::encode(part.as_bytes()))
        .join(".");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[7; 32]);
    let tag = ring::hmac::sign(&key, input.as_bytes());
    let raw = format!("{input}.{}", base64url::encode(tag.as_ref()));
    judge.refuses(&raw, "alg", "HS256 by a published secret");
}

/// The other private parameters of RFC 7518, section 6.3.2, give the primes away as well.
#[test]
fn r110_the_rest_of_a_private_key_is_private_too() {
    for name in ["dp", "dq", "qi", "oth"] {
        let value = if name == "oth" { json!([]) } else { json!("AQAB") };
        let keys = [with(rsa(), name, value)];
        assert!(set(&keys).leaked, "{name}");
        none(&keys, "RS256", name);
    }
}

/// A modulus of that many bits.
fn modulus(bits: usize) -> Value {
    let mut bytes = vec![0xa5; bits.div_ceil(8)];
    bytes[0] = match bits % 8 {
        0 => 0xc3,
        rest => 1 << (rest - 1),
    };
    *bytes.last_mut().unwrap() |= 1;
    json!(base64url::encode(&bytes))
}

#[test]
fn r104_r111_an_rsa_key_is_strong_enough_and_not_endless() {
    for bits in [2048, 2056, 3072, 4096, 8192] {
        assert!(find(&[with(rsa(), "n", modulus(bits))], "RS256", None).is_ok(), "{bits}");
    }
    for bits in [8, 512, 1024, 2040, 2047, 8193, 8200, 16_384, 65_536] {
        none(&[with(rsa(), "n", modulus(bits))], "RS256", &bits.to_string());
    }
}

/// Not every key has a number of bits that fills its bytes.
#[test]
fn r104_r111_a_modulus_is_measured_in_bits() {
    for bits in [2049, 2050, 2055, 3071, 4095, 8191] {
        assert!(find(&[with(rsa(), "n", modulus(bits))], "RS256", None).is_ok(), "{bits}");
    }
}

#[test]
fn r104_r111_a053_the_exponent_is_odd_and_more_than_one() {
    for bytes in [&[3][..], &[17], &[1, 0, 1], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
        let key = with(rsa(), "e", json!(base64url::encode(bytes)));
        assert!(find(&[key], "RS256", None).is_ok(), "{bytes:?}");
    }
    for bytes in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[1, 0, 0],
        &[0, 1],
        &[0, 1, 0, 1],
        &[0, 3],
        &[1, 1, 1, 1, 1, 1, 1, 1, 1],
    ] {
        none(&[with(rsa(), "e", json!(base64url::encode(bytes)))], "RS256", &format!("{bytes:?}"));
    }
}

#[test]
fn r111_parameters_are_strict_and_whole() {
    for (signer, algorithm, name) in [
        (rsa(), "RS256", "n"),
        (rsa(), "RS256", "e"),
        (p256(), "ES256", "x"),
        (p256(), "ES256", "y"),
        (ed25519(), "EdDSA", "x"),
    ] {
        let good = signer.jwk()[name].as_str().unwrap().to_owned();
        let zero = base64url::encode(&[&[0], &base64url::decode(&good).unwrap()[..]].concat());
        let half = good.len() / 2;
        for member in [
            Value::Null,
            json!(""),
            json!(7),
            json!([good.clone()]),
            json!(format!("{good}=")),
            json!(format!("{good}\n")),
            json!(format!(" {good}")),
            json!(format!("{}+{}", &good[..1], &good[2..])),
            json!(format!("{}/{}", &good[..1], &good[2..])),
            json!(zero),
            json!(format!("A{}", &good[..half / 4 * 4])),
        ] {
            let what = format!("{algorithm} {name}: {member}");
            none(&[with(signer, name, member)], algorithm, &what);
        }
    }
    for size in [0, 1, 31, 33, 48, 66] {
        let other = json!(base64url::encode(&vec![7; size]));
        none(&[with(p256(), "x", other.clone())], "ES256", &size.to_string());
        none(&[with(p256(), "y", other.clone())], "ES256", &size.to_string());
        none(&[with(ed25519(), "x", other)], "EdDSA", &size.to_string());
    }
    for crv in
        [json!("P-384"), json!("p-256"), json!("secp256r1"), json!(""), json!(7), Value::Null]
    {
        none(&[with(p256(), "crv", crv.clone())], "ES256", "crv");
        none(&[with(ed25519(), "crv", crv)], "EdDSA", "crv");
    }
    for kty in [json!("OKP"), json!("RSA"), json!("ec"), json!("oct"), json!(7), Value::Null] {
        none(&[with(p256(), "kty", kty)], "ES256", "kty");
    }
}

#[test]
fn r104_a053_a_point_off_the_curve_proves_nothing() {
    let x = base64url::decode(p256().jwk()["x"].as_str().unwrap()).unwrap();
    for (name, bytes) in [("y", x), ("x", vec![0xff; 32]), ("x", vec![0; 32]), ("y", vec![0; 32])] {
        let judge = Judge::with_keys(&[with(p256(), name, json!(base64url::encode(&bytes)))]);
        judge.refuses(&token("ES256").signed(), "signature", name);
    }
    let off = json!(base64url::encode(&[2; 32]));
    let judge = Judge::with_keys(&[with(ed25519(), "x", off)]);
    judge.refuses(&token("EdDSA").signed(), "signature", "x");
}

/// The prime of Ed25519, little endian.
const PRIME: [u8; 32] = {
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (0xed, 0x7f);
    bytes
};

/// Another `y`, as far from that one. Its first byte takes it.
fn near(mut y: [u8; 32], by: i8) -> [u8; 32] {
    y[0] = y[0].checked_add_signed(by).unwrap();
    y
}

/// The `y` of the points whose order divides eight.
fn small_orders() -> Vec<[u8; 32]> {
    let eight = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ];
    let minus_eight: Vec<u8> = PRIME.iter().zip(eight).map(|(p, y)| p - y).collect();
    let minus_eight = minus_eight.try_into().unwrap();
    vec![[0; 32], near([0; 32], 1), near(PRIME, -1), eight, minus_eight]
}

/// The same `y` with the sign bit of `x` clear, and set.
fn both_signs(y: [u8; 32]) -> [[u8; 32]; 2] {
    let mut signed = y;
    signed[31] |= 0x80;
    [y, signed]
}

/// Every text of a point of small order: those above, 0 and 1 written as p and p + 1, each by two signs.
fn trivial() -> Vec<[u8; 32]> {
    let aliases = [PRIME, near(PRIME, 1)];
    small_orders().into_iter().chain(aliases).flat_map(both_signs).collect()
}

fn edwards(x: &[u8; 32]) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(x), "kid": "ed25519"})
}

#[test]
fn r104_r111_a053_a_key_of_small_order_is_no_key() {
    let trivial = trivial();
    assert_eq!(trivial.len(), 14);
    for x in trivial {
        assert_eq!(PublicKey::parse(&object(&edwards(&x))), None, "{x:02x?}");
        none(&[edwards(&x)], "EdDSA", &format!("{x:02x?}"));
        // It is passed over as other bad keys are.
        assert!(find(&[edwards(&x), ed25519().jwk()], "EdDSA", Some("ed25519")).is_ok());
    }
    // RFC 8032, section 5.1.3: a y that is not below the prime is none.
    for by in 0..=18 {
        for x in both_signs(near(PRIME, by)) {
            none(&[edwards(&x)], "EdDSA", &format!("{x:02x?}"));
        }
    }
}

/// A key is refused for what it is: one bit of the middle makes another.
#[test]
fn r104_the_neighbours_of_such_a_key_are_keys() {
    for x in trivial() {
        for bit in 8 * 8..8 * 24 {
            let mut other = x;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(PublicKey::parse(&object(&edwards(&other))).is_some(), "{other:02x?}");
        }
    }
}

/// RFC 8032, section 5.1.7: where the key has a small order, S = 0 and a point of small order are a
/// signature for one message in eight, or for all. A platform takes it.
#[test]
fn r104_a049_a_token_that_anybody_can_sign_is_refused() {
    let eddsa = Algorithm::by_name("EdDSA").unwrap();
    let points: Vec<_> = small_orders().into_iter().flat_map(both_signs).collect();
    let forged = |x: &[u8; 32], count: u32| {
        let key = PublicKey::Curve { crv: "Ed25519".into(), x: base64url::encode(x), y: None };
        let mut raw = token("EdDSA").claim("jti", count).signed();
        raw.truncate(raw.rfind('.').unwrap());
        points.iter().find_map(|point| {
            let signature = [*point, [0; 32]].concat();
            let check =
                Check { key: &key, algorithm: eddsa, input: raw.as_bytes(), signature: &signature };
            verify(&check).then(|| format!("{raw}.{}", base64url::encode(&signature)))
        })
    };
    for x in trivial() {
        let raw = (0..1000).find_map(|count| forged(&x, count));
        let raw = raw.unwrap_or_else(|| panic!("the platform knows better: {x:02x?}"));
        let judge = Judge::with_keys(&[edwards(&x)]);
        refused(judge.claims(&raw), Code::JwksKeyNotFound, "", &format!("{x:02x?}"));
        let judge = Judge::with_keys(&[edwards(&x), ed25519().jwk()]);
        judge.refuses(&raw, "signature", "beside a good key");
    }
}

#[test]
fn r113_only_the_keys_that_are_given_count() {
    let judge = Judge::with_keys(&[other_rsa().jwk(), p256().jwk()]);
    judge.refuses(&token("RS256").signed(), "signature", "the key of another issuer");
    let named = token("RS256").header("kid", "rsa").signed();
    refused(judge.claims(&named), Code::JwksKeyNotFound, "", "a kid of another issuer");
}
