//! The signatures that Wycheproof collected, on the way of a token: the key as a member of a set, the
//! signature in a compact token, the check that the platform is asked for (RFC 7518, section 3; RFC 8037;
//! RFC 8725, section 3.3). What is not run has a reason, and the number of it stands in a test.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::OnceLock;

use grantkit::protocol::base64url;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::id_token::Verified;
use grantkit::protocol::jwk::{KeySet, PublicKey};
use grantkit::protocol::jws::{Algorithm, Unverified, parse};
use serde_json::{Value, json};
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::given::{object, refused};
use crate::verifier::verify;

/// What becomes of a group of vectors.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Fate {
    /// What is valid is accepted, all else is refused.
    Judged(&'static str),
    /// What is valid there is so by other rules than this algorithm's.
    Foreign(&'static str),
    /// There is no such curve here.
    NoKey,
    /// There is no such algorithm here.
    Skipped(&'static str),
}

use Fate::{Foreign, Judged, NoKey, Skipped};

struct Vector {
    what: String,
    message: Vec<u8>,
    signature: Vec<u8>,
    valid: bool,
}

struct Group {
    fate: Fate,
    /// The key by its numbers.
    made: Value,
    /// The key as a JWK, where the group has one.
    jwk: Option<Value>,
    vectors: Vec<Vector>,
}

/// Every group that the crate has for signatures of these three kinds.
fn all() -> &'static [Group] {
    static ALL: OnceLock<Vec<Group>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut out = Vec::new();
        read(&mut out, ecdsa::TestName::all(), ecdsa::TestName::json_data, of_ecdsa);
        read(&mut out, eddsa::TestName::all(), eddsa::TestName::json_data, of_eddsa);
        let (names, data) =
            (rsa_pkcs1_verify::TestName::all(), rsa_pkcs1_verify::TestName::json_data);
        read(&mut out, names, data, of_pkcs1);
        let (names, data) = (rsa_pss_verify::TestName::all(), rsa_pss_verify::TestName::json_data);
        read(&mut out, names, data, of_pss);
        out
    })
}

fn read<T: Debug>(
    out: &mut Vec<Group>,
    names: Vec<T>,
    data: impl Fn(&T) -> &'static str,
    of: impl Fn(&Value) -> (Fate, Value),
) {
    for name in names {
        let set: Value = serde_json::from_str(data(&name)).unwrap();
        let mut count = 0;
        for group in set["testGroups"].as_array().unwrap() {
            let (fate, made) = of(group);
            let jwk = group.get("publicKeyJwk").or(group.get("keyJwk")).cloned();
            let vectors = group["tests"].as_array().unwrap().iter().map(|test| Vector {
                what: format!("{name:?} {}: {}", test["tcId"], test["comment"]),
                message: hex(&test["msg"]),
                signature: hex(&test["sig"]),
                // RFC 8017, section 8.2.2: the one acceptable kind, a hash without its NULL, is no match.
                valid: match test["result"].as_str().unwrap() {
                    "valid" => true,
                    "invalid" => false,
                    "acceptable" => {
                        assert_eq!(test["flags"], json!(["MissingNull"]), "{name:?}");
                        false
                    }
                    other => panic!("{other}"),
                },
            });
            let vectors: Vec<Vector> = vectors.collect();
            count += vectors.len();
            out.push(Group { fate, made, jwk, vectors });
        }
        assert_eq!(set["numberOfTests"], json!(count), "{name:?}");
    }
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn of_ecdsa(group: &Value) -> (Fate, Value) {
    let key = &group["publicKey"];
    let (crv, name) = match (key["curve"].as_str().unwrap(), group["sha"].as_str().unwrap()) {
        ("secp256r1", "SHA-256") => ("P-256", Some("ES256")),
        ("secp384r1", "SHA-384") => ("P-384", Some("ES384")),
        ("secp521r1", "SHA-512") => ("P-521", Some("ES512")),
        ("secp256r1" | "secp384r1" | "secp521r1", _) => ("", None),
        (other, _) => (other, None),
    };
    let fate = match (name, group["type"].as_str().unwrap()) {
        (Some(name), "EcdsaP1363Verify") => Judged(name),
        (Some(name), _) => Foreign(name),
        (None, _) if crv.is_empty() => Skipped("ECDSA on a curve of ours with another hash"),
        (None, _) => NoKey,
    };
    let point = hex(&key["uncompressed"]);
    let (x, y) = point[1..].split_at(point.len() / 2);
    let [x, y] = [x, y].map(base64url::encode);
    (fate, json!({"kty": "EC", "crv": crv, "x": x, "y": y}))
}

fn of_eddsa(group: &Value) -> (Fate, Value) {
    let key = &group["publicKey"];
    let (fate, crv) = match key["curve"].as_str().unwrap() {
        "edwards25519" => (Judged("EdDSA"), "Ed25519"),
        "edwards448" => (NoKey, "Ed448"),
        other => panic!("{other}"),
    };
    (fate, json!({"kty": "OKP", "crv": crv, "x": base64url::encode(&hex(&key["pk"]))}))
}

fn of_pkcs1(group: &Value) -> (Fate, Value) {
    let fate = match group["sha"].as_str().unwrap() {
        "SHA-256" => Judged("RS256"),
        "SHA-384" => Judged("RS384"),
        "SHA-512" => Judged("RS512"),
        _ => Skipped("RSA with another hash"),
    };
    (fate, of_rsa(group))
}

fn of_pss(group: &Value) -> (Fate, Value) {
    let (name, salt) = match group["sha"].as_str().unwrap() {
        "SHA-256" => ("PS256", 32),
        "SHA-384" => ("PS384", 48),
        "SHA-512" => ("PS512", 64),
        _ => return (Skipped("RSA with another hash"), of_rsa(group)),
    };
    // RFC 7518, section 3.5: a salt as long as the hash, and the same hash for MGF1.
    let same = group["mgf"] == "MGF1" && group["mgfSha"] == group["sha"] && group["sLen"] == salt;
    let fate = if same { Judged(name) } else { Foreign(name) };
    (fate, of_rsa(group))
}

fn of_rsa(group: &Value) -> Value {
    let number = |name: &str| {
        let bytes = hex(&group["publicKey"][name]);
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        base64url::encode(&bytes[zeros..])
    };
    json!({"kty": "RSA", "n": number("modulus"), "e": number("publicExponent")})
}

impl Group {
    /// The set that a server would publish.
    fn keys(&self) -> KeySet {
        let key = self.jwk.as_ref().unwrap_or(&self.made);
        KeySet::check(&object(&json!({"keys": [key]}))).unwrap()
    }
}

/// A token with that signature. What it signs is the vector's, not the token's own parts.
fn token(name: &str, vector: &Vector) -> Result<Unverified, Error> {
    let header = json!({"alg": name}).to_string();
    let parts = [header.as_bytes(), b"{}", &vector.signature].map(base64url::encode);
    let mut token = parse(&parts.join("."), &[Algorithm::by_name(name).unwrap()], &[])?;
    token.input = vector.message.clone();
    Ok(token)
}

fn prove(name: &str, keys: &KeySet, vector: &Vector) -> Result<Verified, Error> {
    let token = token(name, vector)?;
    let good = verify(&token.check(keys.find(&token)?));
    token.verified(good)
}

fn of_fate(fate: Fate) -> impl Iterator<Item = &'static Group> {
    all().iter().filter(move |group| group.fate == fate)
}

/// How many of an algorithm's vectors were accepted and refused: none otherwise than the vector says.
fn judged(name: &'static str) -> (usize, usize) {
    let mut count = (0, 0);
    for group in of_fate(Judged(name)) {
        let made = PublicKey::parse(&object(&group.made));
        assert!(made.is_some(), "{}", group.made);
        if let Some(jwk) = &group.jwk {
            assert_eq!(PublicKey::parse(&object(jwk)), made);
        }
        let keys = group.keys();
        for vector in &group.vectors {
            let seen = prove(name, &keys, vector);
            if vector.valid {
                assert!(seen.is_ok(), "{}", vector.what);
                count.0 += 1;
            } else {
                refused(seen, Code::IdTokenInvalid, "signature", &vector.what);
                count.1 += 1;
            }
        }
    }
    count
}

/// How many signatures, valid by other rules, were refused.
fn foreign(name: &'static str) -> usize {
    let mut count = 0;
    for group in of_fate(Foreign(name)) {
        let keys = group.keys();
        for vector in group.vectors.iter().filter(|vector| vector.valid) {
            refused(prove(name, &keys, vector), Code::IdTokenInvalid, "signature", &vector.what);
            count += 1;
        }
    }
    count
}

#[test]
fn r104_a049_wycheproof_ecdsa_p256() {
    assert_eq!(judged("ES256"), (173, 89));
}

#[test]
fn r104_a049_wycheproof_ecdsa_p384() {
    assert_eq!(judged("ES384"), (193, 87));
}

/// ring has no P-521: shown are the key and the form, up to what the platform would be asked.
#[test]
fn r104_a049_wycheproof_ecdsa_p521_as_far_as_its_form() {
    let (mut asked, mut misshapen) = (0, 0);
    for group in of_fate(Judged("ES512")) {
        let keys = group.keys();
        for vector in &group.vectors {
            if vector.signature.len() == 132 {
                let token = token("ES512", vector).unwrap();
                let check = token.check(keys.find(&token).unwrap());
                assert_eq!(check.signature, vector.signature, "{}", vector.what);
                assert_eq!(check.input, vector.message, "{}", vector.what);
                asked += 1;
            } else {
                assert!(!vector.valid, "{}", vector.what);
                let seen = token("ES512", vector);
                refused(seen, Code::IdTokenInvalid, "signature", &vector.what);
                misshapen += 1;
            }
        }
    }
    assert_eq!((asked, misshapen), (304, 14));
}

#[test]
fn r104_a049_wycheproof_ecdsa_der_is_no_signature_of_a_token() {
    assert_eq!(["ES256", "ES384", "ES512"].map(foreign), [174, 194, 232]);
}

#[test]
fn r104_a049_wycheproof_ed25519() {
    assert_eq!(judged("EdDSA"), (88, 63));
}

#[test]
fn r104_a049_wycheproof_rsa_pkcs1() {
    assert_eq!(["RS256", "RS384", "RS512"].map(judged), [(31, 1003), (28, 1007), (30, 1007)]);
}

#[test]
fn r104_a049_wycheproof_rsa_pss() {
    assert_eq!(["PS256", "PS384", "PS512"].map(judged), [(317, 225), (192, 92), (266, 94)]);
}

#[test]
fn r104_a050_wycheproof_rsa_pss_by_other_parameters() {
    assert_eq!(["PS256", "PS384", "PS512"].map(foreign), [243, 58, 454]);
}

#[test]
fn r105_r111_a053_wycheproof_keys_of_other_curves() {
    let mut count = 0;
    for group in of_fate(NoKey) {
        for key in group.jwk.iter().chain([&group.made]) {
            assert_eq!(PublicKey::parse(&object(key)), None, "{key}");
        }
        assert_eq!(group.keys(), KeySet::default());
        count += 1;
    }
    assert_eq!(count, 5115);
}

#[test]
fn r104_wycheproof_what_is_not_run_and_why() {
    let mut vectors = BTreeMap::new();
    for group in all() {
        *vectors.entry(group.fate).or_insert(0) += group.vectors.len();
    }
    assert_eq!(vectors.values().sum::<usize>(), 39_840);
    vectors.retain(|fate, _| matches!(fate, Skipped(_)));
    let expected = [
        (Skipped("ECDSA on a curve of ours with another hash"), 7262),
        (Skipped("RSA with another hash"), 4387),
    ];
    assert_eq!(vectors, BTreeMap::from(expected));
}
