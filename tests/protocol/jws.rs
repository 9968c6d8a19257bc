//! The form of a signed token: what is refused before a key is looked at.

use grantkit::protocol::base64url;
use grantkit::protocol::error::Code;
use grantkit::protocol::jws::{Algorithm, Hash, SIZE, Scheme, parse};
use serde_json::{Value, json};

use crate::given::{Judge, refused, token};
use crate::signer::{p256, p384, rsa, signer_for};

const TYPES: &[&str] = &["JWT"];

#[track_caller]
fn refuse(raw: &str, detail: &str, what: &str) {
    let seen = parse(raw, &Algorithm::defaults(), TYPES);
    refused(seen, Code::IdTokenInvalid, detail, what);
}

/// A token whose parts are those texts, unsigned.
fn parts(header: &str, payload: &str, signature: &[u8]) -> String {
    [header.as_bytes(), payload.as_bytes(), signature].map(base64url::encode).join(".")
}

#[test]
fn r082_only_the_one_text_of_each_value_is_read() {
    // Every text of two and three characters: it is read only if it is what is written.
    let alphabet: Vec<u8> = (0..=127).collect();
    for a in &alphabet {
        for b in &alphabet {
            for text in [vec![*a, *b], vec![b'A', *a, *b], vec![*a, *b, b'A', b'A', b'A', b'A']] {
                let text = String::from_utf8(text).unwrap();
                if let Some(bytes) = base64url::decode(&text) {
                    assert_eq!(base64url::encode(&bytes), text);
                }
            }
        }
    }
    for length in 0..70 {
        let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let text = base64url::encode(&bytes);
        assert_eq!(base64url::decode(&text), Some(bytes));
        assert_eq!(base64url::decode(&format!("{text}=")), None);
        assert_eq!(base64url::decode(&format!("{text}\n")), None);
    }
    for text in ["A", "AAAAA", "é", "A\u{0}AA", "____\u{2028}"] {
        assert_eq!(base64url::decode(text), None, "{text:?}");
    }
}

#[test]
fn r082_a055_each_part_is_strict_base64url() {
    let good = token("RS256").signed();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let spoil = |part: &str| {
        // Another text of the same bits: the last character carries bits that nobody reads.
        let mut other = part.to_owned();
        let last = other.pop().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let next = alphabet.chars().nth(alphabet.find(last).unwrap() ^ 1).unwrap();
        other.push(next);
        other
    };
    for (at, part) in [header, payload, signature].into_iter().enumerate() {
        let mut wounds = vec![
            format!("{part}="),
            format!("{part}=="),
            format!("{part}\n"),
            format!("{part} "),
            format!(" {part}"),
            format!("\t{part}"),
            format!("{}+{}", &part[..4], &part[5..]),
            format!("{}/{}", &part[..4], &part[5..]),
            format!("{}%{}", &part[..4], &part[5..]),
            format!("{}\r\n{}", &part[..4], &part[4..]),
            format!("{}\0{}", &part[..4], &part[5..]),
            format!("{}é", &part[..part.len() - 2]),
        ];
        if part.len() % 4 != 0 {
            wounds.push(spoil(part));
        }
        if part.len() % 4 != 1 {
            let cut = (part.len() + 3) % 4;
            wounds.push(part[..part.len() - cut].to_owned());
            assert_eq!(wounds.last().unwrap().len() % 4, 1);
        }
        for wound in wounds {
            let mut whole = [header, payload, signature];
            whole[at] = &wound;
            refuse(&whole.join("."), "malformed", &format!("part {at}: {wound:?}"));
        }
    }
    assert!(Judge::default().claims(&good).is_ok());
}

#[test]
fn r082_a056_a_token_has_three_parts() {
    let good = token("RS256").signed();
    let (header, rest) = good.split_once('.').unwrap();
    for (raw, detail) in [
        (String::new(), "malformed"),
        (".".into(), "malformed"),
        ("..".into(), "malformed"),
        ("...".into(), "malformed"),
        ("....".into(), "format"),
        (".....".into(), "malformed"),
        (".".repeat(60_000), "malformed"),
        (header.into(), "malformed"),
        (format!("{header}.e30"), "malformed"),
        (format!("{good}."), "malformed"),
        (format!("{good}.AA"), "malformed"),
        (format!(".{good}"), "malformed"),
        (format!("{header}.AA.AA.AA.AA"), "format"),
        (format!("{good}.AA.AA"), "format"),
        (format!("{good}.AA.AA.AA"), "malformed"),
        (format!("{{\"payload\":\"x\",\"signatures\":[\"{rest}\"]}}"), "malformed"),
        ("eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d".into(), "format"),
    ] {
        refuse(&raw, detail, &raw[..raw.len().min(60)]);
    }
}

#[test]
fn r082_a056_a_token_has_a_size() {
    assert_eq!(SIZE, 64 * 1024);
    refuse(&"x".repeat(SIZE + 1), "too_large", "64 KiB and one");
    refuse(&"x".repeat(1 << 20), "too_large", "1 MiB");
    refuse(&".".repeat(1 << 20), "too_large", "1 MiB of dots");
    refuse(&"x".repeat(SIZE), "malformed", "64 KiB");
    let big = token("RS256").claim("x", "y".repeat(48_000)).signed();
    assert!(big.len() > 60_000 && big.len() <= SIZE);
    Judge::default().accepts(&big, "a large one");
}

#[test]
fn r083_a041_header_and_payload_are_strict_json() {
    let rsa = rsa();
    let payload = Value::Object(token("RS256").claims).to_string();
    let header = "{\"alg\":\"RS256\"}";
    for spoilt in [
        "{\"alg\":\"none\",\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"alg\":\"none\"}",
        "{\"alg\":\"RS256\",\"\\u0061lg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"x\":{\"y\":1,\"y\":2}}",
        "{\"alg\":\"RS256\"}x",
        "{\"alg\":\"RS256\",}",
        "{\"alg\":\"RS256\"",
        "[\"RS256\"]",
        "\"RS256\"",
        "null",
        "",
        "{'alg':'RS256'}",
    ] {
        refuse(&rsa.compact("RS256", spoilt, &payload), "malformed", spoilt);
    }
    for claim in ["sub", "iss", "aud", "exp", "nonce"] {
        let twice = format!("{{\"{claim}\":\"evil\",{}", &payload[1..]);
        refuse(&rsa.compact("RS256", header, &twice), "malformed", &twice);
        let twice = format!("{},\"{claim}\":\"evil\"}}", &payload[..payload.len() - 1]);
        refuse(&rsa.compact("RS256", header, &twice), "malformed", &twice);
    }
    for spoilt in ["", "[]", "null", "\"x\"", "{}{}", "x", "{\"a\":\"\\ud800\"}"] {
        refuse(&rsa.compact("RS256", header, spoilt), "malformed", spoilt);
    }
    for bytes in [&b"{\"alg\":\"RS256\",\"x\":\"\xff\"}"[..], b"\xff\xfe{\0}\0"] {
        let input =
            format!("{}.{}", base64url::encode(bytes), base64url::encode(payload.as_bytes()));
        let signature = base64url::encode(&rsa.sign("RS256", input.as_bytes()));
        refuse(&format!("{input}.{signature}"), "malformed", "UTF-8");
    }
}

#[test]
fn r084_r085_a046_alg_none_in_any_spelling_is_refused() {
    for alg in ["none", "None", "NONE", "NoNe", "nOnE", " none", "none ", "none\0", ""] {
        let header = json!({"alg": alg, "typ": "JWT"}).to_string();
        let payload = Value::Object(token("RS256").claims).to_string();
        for signature in [&b""[..], b"x", &[0; 256]] {
            let raw = parts(&header, &payload, signature);
            refuse(&raw, "alg", alg);
            // Also where somebody allows all that there is.
            let all = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"];
            Judge::with_algorithms(&all).refuses(&raw, "alg", alg);
        }
        // And with a signature that is good by another algorithm.
        refuse(&rsa().compact("RS256", &header, &payload), "alg", alg);
    }
    assert_eq!(Algorithm::by_name("none"), None);
}

#[test]
fn r084_an_algorithm_is_taken_by_its_exact_name() {
    for alg in [
        json!("rs256"),
        json!("RS256 "),
        json!(" RS256"),
        json!("RS256\u{0}"),
        json!("Rs256"),
        json!("RS-256"),
        json!("RSA"),
        json!("SHA256withRSA"),
        json!("eddsa"),
        json!("ED25519"),
        json!("Ed448"),
        json!("ES256K"),
        json!("RS1"),
        json!("RSA-OAEP"),
        json!("dir"),
        json!(256),
        json!(true),
        json!(["RS256"]),
        json!({"0": "RS256"}),
        Value::Null,
    ] {
        let raw = token("RS256").header("alg", alg.clone()).signed_by(rsa());
        refuse(&raw, "alg", &alg.to_string());
    }
    refuse(&token("RS256").without_header("alg").signed_by(rsa()), "alg", "missing");
}

#[test]
fn r084_what_is_accepted_without_being_asked_for() {
    let names: Vec<&str> = Algorithm::defaults().iter().map(|known| known.name).collect();
    assert_eq!(names, ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]);
    for alg in names {
        Judge::default().accepts(&token(alg).signed(), alg);
    }
    for alg in ["RS384", "RS512", "PS384", "PS512", "ES384"] {
        let raw = token(alg).signed();
        refuse(&raw, "alg", alg);
        Judge::with_algorithms(&[alg]).accepts(&raw, alg);
    }
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        Judge::with_algorithms(&["RS512"]).refuses(&token(alg).signed(), "alg", alg);
    }
    refused(
        parse(&token("RS256").signed(), &[], TYPES),
        Code::IdTokenInvalid,
        "alg",
        "none allowed",
    );
}

#[test]
fn r086_a047_symmetric_algorithms_do_not_exist() {
    let jwk = rsa().jwk();
    let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
    let modulus = base64url::decode(&text("n")).unwrap();
    let keys: Vec<Vec<u8>> = vec![
        modulus,
        text("n").into_bytes(),
        base64url::decode(&text("e")).unwrap(),
        text("e").into_bytes(),
        jwk.to_string().into_bytes(),
        json!({"keys": [jwk.clone()]}).to_string().into_bytes(),
        b"RSA".to_vec(),
        b"RS256".to_vec(),
        b"sig".to_vec(),
        b"rsa".to_vec(),
        b"secret".to_vec(),
        Vec::new(),
        vec![0; 32],
    ];
    for (alg, hash) in [
        ("HS256", ring::hmac::HMAC_SHA256),
        ("HS384", ring::hmac::HMAC_SHA384),
        ("HS512", ring::hmac::HMAC_SHA512),
    ] {
        assert_eq!(Algorithm::by_name(alg), None);
        for key in &keys {
            for kid in [None, Some("rsa")] {
                let mut header = json!({"alg": alg, "typ": "JWT"});
                if let Some(kid) = kid {
                    header["kid"] = kid.into();
                }
                let payload = Value::Object(token("RS256").claims).to_string();
                let input = [header.to_string(), payload]
                    .map(|part| base64url::encode(part.as_bytes()))
                    .join(".");
                let tag = ring::hmac::sign(&ring::hmac::Key::new(hash, key), input.as_bytes());
                let raw = format!("{input}.{}", base64url::encode(tag.as_ref()));
                Judge::default().refuses(&raw, "alg", alg);
            }
        }
    }
}

#[test]
fn r087_a054_nothing_critical_is_understood() {
    for crit in [
        json!(["exp"]),
        json!(["b64"]),
        json!(["x"]),
        json!(["alg"]),
        json!(["x", "x"]),
        json!([]),
        json!("x"),
        json!({}),
        json!(false),
        Value::Null,
    ] {
        let raw = token("RS256").header("crit", crit.clone()).header("x", 1).signed();
        refuse(&raw, "crit", &crit.to_string());
    }
    for b64 in [json!(false), json!(true), Value::Null] {
        refuse(&token("RS256").header("b64", b64.clone()).signed(), "crit", "b64");
        let raw = token("RS256").header("b64", b64).header("crit", json!(["b64"]));
        refuse(&raw.signed(), "crit", "b64 and crit");
    }
}

#[test]
fn r088_a048_keys_that_a_token_brings_are_not_looked_at() {
    let judge = Judge::with_keys(&[rsa().jwk()]);
    let evil = crate::signer::other_rsa();
    for (name, value) in [
        ("jwk", evil.jwk()),
        ("jwk", json!([rsa().jwk(), evil.jwk()])),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIID"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("jwks", json!({"keys": [evil.jwk()]})),
        ("kty", json!("oct")),
        ("k", json!("AAAA")),
        ("nonce", json!("x")),
        ("iss", json!("https://evil.example")),
    ] {
        let what = format!("{name}: {value}");
        let raw = token("RS256").header(name, value.clone());
        judge.refuses(&raw.signed_by(evil), "signature", &what);
        // Such a header does no harm to a good token.
        judge.accepts(&raw.signed(), &what);
    }
    for kid in [
        "https://evil.example/key",
        "../../../../dev/null",
        "' OR 1=1 --",
        "{\"kty\":\"oct\",\"k\":\"AA\"}",
        "rsa\0",
        "RSA",
        "",
    ] {
        let raw = token("RS256").header("kid", kid).signed_by(evil);
        refused(judge.claims(&raw), Code::JwksKeyNotFound, "", kid);
    }
    for kid in [json!(7), json!(["rsa"]), json!({}), json!(true), Value::Null] {
        let raw = token("RS256").header("kid", kid.clone()).signed();
        judge.refuses(&raw, "kid", &kid.to_string());
    }
}

#[test]
fn r089_a065_a_token_of_another_kind_is_no_id_token() {
    for typ in [
        json!("at+jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("oauth-authz-req+jwt"),
        json!("token-introspection+jwt"),
        json!("JWE"),
        json!("JOSE"),
        json!("JWT "),
        json!("xJWT"),
        json!("JW\u{212a}"),
        json!(""),
        json!(7),
        json!(["JWT"]),
        Value::Null,
    ] {
        let raw = token("RS256").header("typ", typ.clone()).signed();
        refuse(&raw, "typ", &typ.to_string());
    }
    for typ in ["JWT", "jwt", "Jwt"] {
        Judge::default().accepts(&token("RS256").header("typ", typ).signed(), typ);
    }
    Judge::default().accepts(&token("RS256").without_header("typ").signed(), "no typ");
}

#[test]
fn r104_a049_a_signature_has_the_length_of_its_algorithm() {
    for (alg, size) in [("ES256", 64), ("EdDSA", 64), ("Ed25519", 64)] {
        let raw = token(alg).signed();
        let (input, signature) = raw.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        assert_eq!(signature.len(), size);
        let mut others = vec![
            Vec::new(),
            vec![0],
            signature[1..].to_vec(),
            signature[..size - 1].to_vec(),
            signature[..32].to_vec(),
            [&signature[..], &[0]].concat(),
            [&[0], &signature[..]].concat(),
            [&signature[..], &signature[..]].concat(),
            vec![7; 96],
            vec![7; 132],
        ];
        // The DER form, as other protocols have it.
        let (r, s) = signature.split_at(32);
        others.push([&[0x30, 0x46, 2, 33, 0], r, &[2, 33, 0], s].concat());
        for other in others {
            let raw = format!("{input}.{}", base64url::encode(&other));
            refuse(&raw, "signature", &format!("{alg}, {} bytes", other.len()));
        }
    }
    let raw = token("RS256").signed();
    let (input, _) = raw.rsplit_once('.').unwrap();
    refuse(&format!("{input}."), "signature", "none");
}

#[test]
fn r104_the_sizes_of_all_algorithms() {
    for (name, scheme, hash, size, curve) in [
        ("RS256", Scheme::Rsa, Hash::Sha256, None, None),
        ("RS384", Scheme::Rsa, Hash::Sha384, None, None),
        ("RS512", Scheme::Rsa, Hash::Sha512, None, None),
        ("PS256", Scheme::Pss, Hash::Sha256, None, None),
        ("PS384", Scheme::Pss, Hash::Sha384, None, None),
        ("PS512", Scheme::Pss, Hash::Sha512, None, None),
        ("ES256", Scheme::Ecdsa, Hash::Sha256, Some(64), Some(("P-256", 32))),
        ("ES384", Scheme::Ecdsa, Hash::Sha384, Some(96), Some(("P-384", 48))),
        ("ES512", Scheme::Ecdsa, Hash::Sha512, Some(132), Some(("P-521", 66))),
        ("EdDSA", Scheme::Ed25519, Hash::Sha512, Some(64), Some(("Ed25519", 32))),
        ("Ed25519", Scheme::Ed25519, Hash::Sha512, Some(64), Some(("Ed25519", 32))),
    ] {
        let known = Algorithm::by_name(name).unwrap();
        assert_eq!((known.name, known.scheme, known.hash), (name, scheme, hash));
        assert_eq!((known.signature_size(), known.curve()), (size, curve));
    }
    assert_eq!(
        [Hash::Sha256, Hash::Sha384, Hash::Sha512].map(Hash::name),
        ["SHA-256", "SHA-384", "SHA-512"]
    );
}

#[test]
fn r090_what_is_checked_is_what_came() {
    for alg in ["RS256", "ES256", "EdDSA"] {
        let raw = token(alg).signed();
        let parsed = parse(&raw, &Algorithm::defaults(), TYPES).unwrap();
        let (input, signature) = raw.rsplit_once('.').unwrap();
        assert_eq!(parsed.input, input.as_bytes());
        assert_eq!(parsed.signature, base64url::decode(signature).unwrap());
        assert_eq!(parsed.algorithm.name, alg);
        assert_eq!(parsed.kid, None);
        let raw = token(alg).header("kid", signer_for(alg).kid).signed();
        let parsed = parse(&raw, &Algorithm::defaults(), TYPES).unwrap();
        assert_eq!(parsed.kid.as_deref(), Some(signer_for(alg).kid));
    }
    // White space in header and payload is part of what was signed.
    let payload = serde_json::to_string_pretty(&Value::Object(token("RS256").claims)).unwrap();
    let raw = rsa().compact("RS256", "{ \"alg\" :\r\n\t\"RS256\" }", &payload);
    Judge::default().accepts(&raw, "white space");
}

#[test]
fn r104_es384_and_its_curve() {
    let judge = Judge::with_algorithms(&["ES384", "ES256"]);
    judge.accepts(&token("ES384").signed(), "P-384");
    let payload = Value::Object(token("ES256").claims).to_string();
    // The right curve for another algorithm: the length says no.
    let raw = p384().compact("ES384", "{\"alg\":\"ES256\"}", &payload);
    judge.refuses(&raw, "signature", "96 bytes for ES256");
    let raw = p256().compact("ES256", "{\"alg\":\"ES384\"}", &payload);
    judge.refuses(&raw, "signature", "64 bytes for ES384");
}
