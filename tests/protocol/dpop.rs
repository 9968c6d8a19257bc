//! RFC 9449, rows R041, R073, R133 to R144: proofs, nonces, and tokens that are bound.

use grantkit::protocol::dpop::{self, Nonces, Proof};
use grantkit::protocol::error::{Code, Error, Refusal};
use grantkit::protocol::jwk::PublicKey;
use grantkit::protocol::jws::{Algorithm, parse};
use grantkit::protocol::metadata::Metadata;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::token::{Binding, Reading, response_for};
use serde_json::{Value, json};

use crate::given::{NOW, THEN, check, document_with, made, object, refused, reply};
use crate::signer::signer_for;
use crate::verifier::verify;

fn by_name(name: &str) -> Algorithm {
    Algorithm::by_name(name).unwrap()
}

fn key(algorithm: &str) -> PublicKey {
    PublicKey::parse(&object(&signer_for(algorithm).jwk())).unwrap()
}

fn plain() -> Proof<'static> {
    let url = "https://server.example.com/token";
    Proof { method: "POST", url, access_token: None, nonce: None }
}

fn prove(algorithm: &str, proof: &Proof<'_>) -> (String, Value, Value) {
    let draft =
        dpop::draft(&key(algorithm), by_name(algorithm), proof, &[5; 32], NOW + 999).unwrap();
    made(&draft, algorithm)
}

#[test]
fn r133_the_header_holds_the_public_key_alone() {
    for algorithm in ["ES256", "ES384", "EdDSA", "Ed25519", "RS256", "PS256"] {
        let (raw, header, _) = prove(algorithm, &plain());
        let mut jwk = signer_for(algorithm).jwk();
        jwk.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "kid" | "use"));
        assert_eq!(header, json!({"typ": "dpop+jwt", "alg": algorithm, "jwk": jwk}));
        let token = parse(&raw, &[by_name(algorithm)], &["dpop+jwt"]).unwrap();
        assert!(verify(&token.check(&key(algorithm))), "{algorithm}");
    }
    // A key pair as it was exported.
    let mut pair = signer_for("ES256").jwk();
    pair["d"] = json!("canary");
    let parsed = PublicKey::parse(&object(&pair)).unwrap();
    assert_eq!(parsed, key("ES256"));
    let draft = dpop::draft(&parsed, by_name("ES256"), &plain(), &[5; 32], NOW).unwrap();
    assert!(made(&draft, "ES256").1["jwk"].get("d").is_none());
    for (algorithm, other) in [("ES256", "ES384"), ("ES256", "RS256"), ("RS256", "EdDSA")] {
        let seen = dpop::draft(&key(algorithm), by_name(other), &plain(), &[5; 32], NOW);
        refused(seen, Code::ConfigInvalid, "dpop", other);
    }
}

#[test]
fn r134_the_claims_of_a_proof() {
    let (_, _, claims) = prove("ES256", &plain());
    assert_eq!(
        claims,
        json!({
            "jti": "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU",
            "htm": "POST",
            "htu": "https://server.example.com/token",
            "iat": THEN,
        })
    );
    // RFC 9449, section 7.1.
    let token = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    let full = Proof {
        method: "GET",
        url: "https://resource.example.org/protectedresource",
        access_token: Some(&token),
        nonce: Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"),
    };
    let (_, _, claims) = prove("ES256", &full);
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    assert_eq!(claims["nonce"], "eyJ7S_zG.eyJH0-Z.HX4w-7v");
    assert_eq!(claims["htm"], "GET");
    assert_eq!(
        dpop::authorization(&token).expose(),
        "DPoP Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    );
}

#[test]
fn r134_r135_a073_the_target_has_no_query_and_no_fragment() {
    for (url, target) in [
        ("https://rs/x?y#z", "https://rs/x"),
        ("https://rs/x#z?y", "https://rs/x"),
        ("https://rs/", "https://rs/"),
        ("https://rs.example:8443/a%2Fb?c", "https://rs.example:8443/a%2Fb"),
    ] {
        let (_, _, claims) = prove("ES256", &Proof { url, ..plain() });
        assert_eq!(claims["htu"], target);
    }
    // What is sent is what the platform's parser made of it, and so is what is proved.
    let sent = crate::given::endpoint("https://RS.example:443/a?b");
    let (_, _, claims) = prove("ES256", &Proof { url: sent.as_str(), ..plain() });
    assert_eq!(claims["htu"], "https://rs.example/a");
}

#[test]
fn r041_r144_thumbprints() {
    // RFC 7638, section 3.1; RFC 8037, appendix A.3; RFC 9449, section 6.1.
    for (jwk, thumbprint) in [
        (
            json!({
                "kty": "RSA",
                "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
                "e": "AQAB",
                "alg": "RS256",
                "kid": "2011-04-29"
            }),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            json!({
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "crv": "Ed25519",
                "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
                "kty": "OKP"
            }),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
        (
            json!({
                "kty": "EC",
                "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
                "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
                "crv": "P-256",
                "use": "sig"
            }),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        ),
    ] {
        let key = PublicKey::parse(&object(&jwk)).unwrap();
        assert_eq!(key.thumbprint(), thumbprint);
    }
}

fn server(listed: Value) -> Result<Metadata, Error> {
    check(&document_with("dpop_signing_alg_values_supported", listed))
}

#[test]
fn r133_the_algorithm_is_one_that_the_server_lists() {
    for (listed, expected) in [
        (Value::Null, "ES256"),
        (json!(["RS256", "ES256"]), "ES256"),
        (json!(["RS256", "PS256"]), "PS256"),
        (json!(["HS256", "none", "EdDSA"]), "EdDSA"),
    ] {
        let server = server(listed.clone()).unwrap();
        assert_eq!(dpop::algorithm(&server, |_| true).unwrap().name, expected, "{listed}");
    }
    let any = server(Value::Null).unwrap();
    for (algorithm, expected) in [("RS256", "RS256"), ("EdDSA", "EdDSA"), ("ES384", "ES384")] {
        let seen = dpop::algorithm(&any, |a| key(algorithm).fits(a)).unwrap();
        assert_eq!(seen.name, expected);
    }
    let name = "dpop_signing_alg_values_supported";
    for none in [json!([]), json!(["HS256"]), json!(["none"])] {
        let seen = dpop::algorithm(&server(none.clone()).unwrap(), |_| true);
        refused(seen, Code::MetadataUnsupported, name, &none.to_string());
    }
    let both = server(json!(["RS256", "PS256", "Ed25519"])).unwrap();
    for (algorithm, expected) in [("RS256", "PS256"), ("EdDSA", "Ed25519")] {
        let seen = dpop::algorithm(&both, |a| key(algorithm).fits(a)).unwrap();
        assert_eq!(seen.name, expected);
    }
    let rsa = server(json!(["RS256"])).unwrap();
    let seen = dpop::algorithm(&rsa, |a| key("ES256").fits(a));
    refused(seen, Code::MetadataUnsupported, name, "a key that does not fit");
    let seen = dpop::algorithm(&server(json!("ES256")).unwrap(), |_| true);
    refused(seen, Code::MetadataInvalid, name, "no list");
}

#[test]
fn r137_a073_a_nonce_is_of_its_origin_and_the_newest_wins() {
    let mut nonces = Nonces::default();
    assert_eq!(nonces.of("https://as.example/token"), None);
    assert!(nonces.note("https://as.example/token?x", Some("one")));
    assert!(nonces.note("https://as.example:8443/token", Some("other")));
    assert!(nonces.note("https://rs.example/", Some("third")));
    assert_eq!(nonces.of("https://as.example/par"), Some("one"));
    assert_eq!(nonces.of("https://as.example#x"), Some("one"));
    assert_eq!(nonces.of("https://as.example:8443/x"), Some("other"));
    assert_eq!(nonces.of("https://rs.example/x"), Some("third"));
    for other in ["http://as.example/", "https://as.example.evil/", "https://as.exampl/", "x"] {
        assert_eq!(nonces.of(other), None, "{other}");
    }
    assert!(nonces.note("https://as.example/", Some("two")));
    assert_eq!(nonces.of("https://as.example/token"), Some("two"));
    // An answer without one changes nothing.
    assert!(!nonces.note("https://as.example/", None));
    assert_eq!(nonces.of("https://as.example/token"), Some("two"));
    for at in 0..100 {
        nonces.note(&format!("https://{at}.example/"), Some("n"));
    }
    assert_eq!(nonces.of("https://99.example/"), Some("n"));
    assert_eq!(nonces.of("https://68.example/"), Some("n"));
    assert_eq!(nonces.of("https://67.example/"), None);
}

#[test]
fn r140_a071_a_nonce_has_its_own_characters() {
    let long = "n".repeat(256);
    for nonce in ["eyJ7S_zG.eyJH0-Z.HX4w-7v", "!", "[]~#", &long] {
        assert!(Nonces::default().note("https://as/", Some(nonce)), "{nonce}");
    }
    let longer = "n".repeat(257);
    for nonce in ["", "a b", "a\"b", "a\\b", "a,\tb", "a, b", "\u{e9}", "\u{7f}", "a\nb", &longer] {
        let mut nonces = Nonces::default();
        assert!(!nonces.note("https://as/", Some(nonce)), "{nonce:?}");
        assert_eq!(nonces.of("https://as/"), None);
    }
}

#[test]
fn r138_r139_r143_a071_once_more_and_only_with_a_nonce() {
    let url = "https://as.example/token";
    let mut nonces = Nonces::default();
    assert_eq!(nonces.renew(url, Some("one"), false), Ok(()));
    assert_eq!(nonces.of(url), Some("one"));
    let seen = nonces.renew(url, Some("two"), true);
    refused(seen, Code::DpopNonceRejected, "repeated", "always");
    // The newest serves the next request all the same.
    assert_eq!(nonces.of(url), Some("two"));
    for (header, again) in [(None, false), (None, true), (Some("a b"), false), (Some(""), false)] {
        let seen = nonces.renew(url, header, again);
        refused(seen, Code::DpopNonceRejected, "missing", &format!("{header:?} {again}"));
    }
    let error = |text: &str| {
        let refusal = Refusal { error: text.into(), ..Refusal::default() };
        Error::new(Code::TokenError).status(400).refusal(refusal)
    };
    assert!(dpop::wants_nonce(&error("use_dpop_nonce")));
    assert!(!dpop::wants_nonce(&error("invalid_dpop_proof")));
    assert!(!dpop::wants_nonce(&Error::new(Code::Timeout)));
}

#[test]
fn r072_r073_a072_what_was_asked_for_bound_comes_bound() {
    use Binding::{Bearer, Dpop};
    use Reading::{Lenient, Strict};
    let read = |kind: Value, reading: Reading, binding: Binding| {
        let mut body = json!({"access_token": "t", "token_type": kind});
        if kind.is_null() {
            body.as_object_mut().unwrap().remove("token_type");
        }
        response_for(&reply(200, body.to_string()), reading, binding)
    };
    for reading in [Strict, Lenient] {
        for kind in ["DPoP", "dpop", "dpOp"] {
            assert!(read(json!(kind), reading, Dpop).is_ok(), "{kind}");
            refused(read(json!(kind), reading, Bearer), Code::TokenBindingDowngrade, "", kind);
        }
        for kind in ["Bearer", "bEARER"] {
            assert!(read(json!(kind), reading, Bearer).is_ok(), "{kind}");
            refused(read(json!(kind), reading, Dpop), Code::TokenBindingDowngrade, "", kind);
        }
        for kind in ["mac", "N_A", "", "DPoP "] {
            for binding in [Bearer, Dpop] {
                refused(read(json!(kind), reading, binding), Code::TokenTypeUnsupported, "", kind);
            }
        }
        for kind in [json!(7), json!(["DPoP"])] {
            let what = kind.to_string();
            let seen = read(kind, reading, Dpop);
            refused(seen, Code::TokenResponseInvalid, "token_type", &what);
        }
    }
    let missing = read(Value::Null, Strict, Dpop);
    refused(missing, Code::TokenResponseInvalid, "token_type", "missing");
    // Counts as Bearer, and that was not asked for.
    let missing = read(Value::Null, Lenient, Dpop);
    refused(missing, Code::TokenBindingDowngrade, "", "missing");
}
