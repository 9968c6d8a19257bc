//! RFC 9449, sections 4.3 and 7, at an API: R133 to R136 from the other side. Each way in which a proof
//! can fail, by its name; and the token that it belongs to.

use grantkit::protocol::access_token::{self, Access, Guard, Schemes};
use grantkit::protocol::base64url;
use grantkit::protocol::dpop::{self, Proof};
use grantkit::protocol::dpop_proof::{self, Expected, Proven, Replays};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::jwk::PublicKey;
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::url::ParseUrl;
use serde_json::{Value, json};

use crate::given::{CLIENT, ISSUER, NOW, THEN, issuer, made, object, refused};
use crate::signer::{Token, ed25519, p256, p384, rsa, signer_for};
use crate::urls::Urls;
use crate::verifier::verify;

const API: &str = "https://api.example";
const URL: &str = "https://api.example/orders?page=2#top";
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn public(algorithm: &str) -> Value {
    let mut jwk = signer_for(algorithm).jwk();
    jwk.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "kid" | "use"));
    jwk
}

/// A proof for a GET of the URL with the token, by that algorithm.
fn proof(algorithm: &str) -> Token {
    Token::new(
        json!({"typ": "dpop+jwt", "alg": algorithm, "jwk": public(algorithm)}),
        json!({
            "jti": "e1j3V_bKic8-LAEB",
            "htm": "GET",
            "htu": "https://api.example/orders",
            "iat": THEN,
            "ath": Secret::new(TOKEN).fingerprint(),
        }),
    )
}

/// What an API makes of it.
struct Api<'a> {
    method: &'a str,
    url: &'a str,
    token: &'a str,
    nonces: &'a [&'a str],
    now: i64,
}

impl Default for Api<'_> {
    fn default() -> Self {
        Api { method: "GET", url: URL, token: TOKEN, nonces: &[], now: NOW }
    }
}

impl Api<'_> {
    fn open(&self, raw: &str) -> Result<Proven, Error> {
        let proof = dpop_proof::parse(&Secret::new(raw), &Algorithm::defaults())?;
        let good = verify(&proof.check());
        let nonces: Vec<String> = self.nonces.iter().map(|nonce| (*nonce).into()).collect();
        let expected = Expected {
            method: self.method,
            url: &Urls.parse_url(self.url, None).unwrap(),
            access_token: &Secret::new(self.token),
            nonces: &nonces,
            tolerance: 30,
        };
        proof.open(good, &expected, &Urls, self.now)
    }

    #[track_caller]
    fn refuses(&self, raw: &str, detail: &str) {
        refused(self.open(raw), Code::TokenInvalid, detail, raw);
    }
}

fn open(raw: &str) -> Result<Proven, Error> {
    Api::default().open(raw)
}

#[test]
fn rfc_9449_what_our_client_proves_our_api_takes() {
    let token = Secret::new(TOKEN);
    for algorithm in ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"] {
        let key = PublicKey::parse(&object(&signer_for(algorithm).jwk())).unwrap();
        let asked = Proof { method: "GET", url: URL, access_token: Some(&token), nonce: Some("n") };
        let by = Algorithm::by_name(algorithm).unwrap();
        let draft = dpop::draft(&key, by, &asked, &[5; 32], NOW).unwrap();
        let (raw, ..) = made(&draft, algorithm);
        let proven = open(&raw).unwrap();
        assert_eq!(proven.thumbprint, key.thumbprint(), "{algorithm}");
        assert!(Api { nonces: &["o", "n"], ..Api::default() }.open(&raw).is_ok());
    }
}

#[test]
fn rfc_9449_section_4_3_each_way_to_fail() {
    let api = Api::default();
    let raw = proof("ES256").signed();
    assert!(api.open(&raw).is_ok());
    let (input, signature) = raw.rsplit_once('.').unwrap();
    let mut private = public("ES256");
    private["d"] = json!("canary");
    let mut short = public("ES256");
    short["x"] = json!("AA");
    let mut trivial = public("EdDSA");
    trivial["x"] = json!(base64url::encode(&[0; 32]));
    for (detail, raw) in [
        // 1, 2: one header, one JWT.
        ("dpop_format", format!("{raw}, {raw}")),
        ("dpop_malformed", format!("{raw},")),
        ("dpop_malformed", String::new()),
        ("dpop_format", "a.b.c.d.e".into()),
        ("dpop_too_large", "a".repeat(70_000)),
        // 3: every claim that is required.
        ("dpop_jti", proof("ES256").without("jti").signed()),
        ("dpop_jti", proof("ES256").claim("jti", "").signed()),
        ("dpop_jti", proof("ES256").claim("jti", "j".repeat(257)).signed()),
        ("dpop_jti", proof("ES256").claim("jti", 7).signed()),
        ("dpop_htm", proof("ES256").without("htm").signed()),
        ("dpop_htu", proof("ES256").without("htu").signed()),
        ("dpop_iat", proof("ES256").without("iat").signed()),
        ("dpop_ath", proof("ES256").without("ath").signed()),
        // 4: the type.
        ("dpop_typ", proof("ES256").header("typ", "JWT").signed()),
        ("dpop_typ", proof("ES256").header("typ", "at+jwt").signed()),
        ("dpop_typ", proof("ES256").without_header("typ").signed()),
        // 5: the algorithm.
        ("dpop_alg", proof("ES256").header("alg", "none").signed_by(p256())),
        ("dpop_alg", proof("ES256").header("alg", "HS256").signed_by(p256())),
        ("dpop_alg", proof("ES384").signed_by(p384())),
        ("dpop_crit", proof("ES256").header("crit", json!(["x"])).signed()),
        // 6: the signature, by the key in the header.
        ("dpop_signature", format!("{input}.A{}", &signature[1..])),
        // Of the right size, by another key.
        ("dpop_signature", proof("ES256").signed_by(ed25519())),
        ("dpop_jwk", proof("ES256").without_header("jwk").signed()),
        ("dpop_jwk", proof("ES256").header("jwk", json!([])).signed()),
        ("dpop_jwk", proof("ES256").header("jwk", public("RS256")).signed()),
        ("dpop_jwk", proof("ES256").header("jwk", short).signed()),
        ("dpop_jwk", proof("ES256").header("jwk", json!({"kty": "oct", "k": "AA"})).signed()),
        // Anybody can sign for it.
        ("dpop_jwk", proof("EdDSA").header("jwk", trivial).signed()),
        // 7: no private key.
        ("dpop_jwk", proof("ES256").header("jwk", private).signed()),
        // 8: the method, by the letter.
        ("dpop_htm", proof("ES256").claim("htm", "POST").signed()),
        ("dpop_htm", proof("ES256").claim("htm", "get").signed()),
        // 11: the time.
        ("dpop_iat", proof("ES256").claim("iat", THEN - 91).signed()),
        ("dpop_iat", proof("ES256").claim("iat", THEN + 31).signed()),
        ("dpop_iat", proof("ES256").claim("iat", "now").signed()),
        // 12: the token.
        ("dpop_ath", proof("ES256").claim("ath", Secret::new("x").fingerprint()).signed()),
        ("dpop_ath", proof("ES256").claim("ath", TOKEN).signed()),
    ] {
        api.refuses(&raw, detail);
    }
    for fine in [
        proof("ES256").claim("iat", THEN - 90),
        proof("ES256").claim("iat", THEN + 30),
        proof("ES256").claim("iat", THEN as f64 + 0.5),
        proof("ES256").claim("exp", THEN - 3600),
        proof("ES256").claim("nonce", "nobody asked"),
    ] {
        assert!(open(&fine.signed()).is_ok(), "{:?}", fine.claims);
    }
    Api { token: "another", ..Api::default() }.refuses(&raw, "dpop_ath");
    Api { method: "HEAD", ..Api::default() }.refuses(&raw, "dpop_htm");
    Api { now: NOW + 91_000, ..Api::default() }.refuses(&raw, "dpop_iat");
}

#[test]
fn r134_r135_the_target_is_compared_in_its_normal_form() {
    for (url, htu) in [
        (URL, "https://api.example/orders?other#x"),
        (URL, "HTTPS://API.example:443/orders"),
        (URL, "https://api.example/x/../orders"),
        (URL, "https://api.example/%6frders"),
        (URL, "https://api.example/%6Frders"),
        ("https://api.example/a%2fb", "https://api.example/a%2Fb"),
        ("https://api.example/~me", "https://api.example/%7eme"),
        ("https://api.example", "https://api.example/"),
        ("https://api.example/%c3%A9", "https://api.example/\u{e9}"),
        ("https://api.example:8443/a", "https://api.example:8443/a"),
    ] {
        let raw = proof("ES256").claim("htu", htu).signed();
        assert!(Api { url, ..Api::default() }.open(&raw).is_ok(), "{url} {htu}");
    }
    for (url, htu) in [
        (URL, "https://api.example/orders/"),
        (URL, "https://api.example/Orders"),
        (URL, "https://api.example/order"),
        (URL, "http://api.example/orders"),
        (URL, "https://api.example:8443/orders"),
        (URL, "https://api.example.evil/orders"),
        (URL, "https://api.example@evil.example/orders"),
        (URL, "https://me@api.example/orders"),
        (URL, "https://api.example\\orders"),
        (URL, " https://api.example/orders"),
        (URL, "/orders"),
        (URL, "//api.example/orders"),
        (URL, "https:api.example/orders"),
        (URL, ""),
        ("https://api.example/a/b", "https://api.example/a%2Fb"),
        ("https://api.example/a%252Fb", "https://api.example/a%2Fb"),
        ("https://api.example/a%2", "https://api.example/a%2525"),
        ("https://api.example/%zz", "https://api.example/%ZZ"),
    ] {
        Api { url, ..Api::default() }
            .refuses(&proof("ES256").claim("htu", htu).signed(), "dpop_htu");
    }
}

#[test]
fn rfc_9449_section_9_a_nonce_that_the_api_wants() {
    let nonces = &["newer", "older"][..];
    let api = Api { nonces, ..Api::default() };
    for nonce in nonces {
        assert!(api.open(&proof("ES256").claim("nonce", *nonce).signed()).is_ok());
    }
    for spoilt in [
        proof("ES256"),
        proof("ES256").claim("nonce", "oldest"),
        proof("ES256").claim("nonce", ""),
        proof("ES256").claim("nonce", json!(["newer"])),
        // It gets the nonce whatever its clock says.
        proof("ES256").claim("iat", 1),
    ] {
        api.refuses(&spoilt.signed(), "dpop_nonce");
    }
    api.refuses(&proof("ES256").claim("nonce", "newer").claim("iat", 1).signed(), "dpop_iat");
}

#[test]
fn rfc_9449_section_11_1_a_proof_is_taken_once() {
    let mut seen = Replays::default();
    let named = |jti: &str| open(&proof("ES256").claim("jti", jti).signed()).unwrap();
    let again = |seen: &mut Replays, jti: &str, now: i64| {
        let result = seen.take(&named(jti), 30, now);
        refused(result, Code::TokenInvalid, "dpop_replayed", &format!("{jti} {now}"));
    };
    assert_eq!(seen.take(&named("a"), 30, NOW), Ok(()));
    again(&mut seen, "a", NOW);
    assert_eq!(seen.take(&named("b"), 30, NOW + 1), Ok(()));
    // The same name of another key is another proof.
    let other = open(&proof("RS256").claim("jti", "a").signed()).unwrap();
    assert_eq!(seen.take(&other, 30, NOW), Ok(()));
    // As long as it could be shown: made at the latest, shown at the latest.
    again(&mut seen, "a", NOW + 120_999);
    again(&mut seen, "b", NOW + 121_000);
    assert_eq!(seen.take(&named("c"), 30, NOW + 121_000), Ok(()));
    again(&mut seen, "b", NOW + 241_999);
    again(&mut seen, "c", NOW + 242_000);
    assert_eq!(seen.take(&named("a"), 30, NOW + 242_000), Ok(()));
    // Nobody comes for long.
    assert_eq!(seen.take(&named("c"), 30, NOW + 900_000), Ok(()));
    again(&mut seen, "c", NOW + 900_000);
    // A clock that is set back forgets nothing.
    again(&mut seen, "c", NOW);
}

/// An access token that is bound to the key of that algorithm.
fn bound_to(algorithm: &str) -> Token {
    let key = PublicKey::parse(&object(&signer_for(algorithm).jwk())).unwrap();
    Token::new(
        json!({"alg": "RS256", "typ": "at+jwt"}),
        json!({
            "iss": ISSUER,
            "sub": "alice",
            "aud": API,
            "exp": THEN + 300,
            "iat": THEN,
            "jti": "t",
            "client_id": CLIENT,
            "cnf": {"jkt": key.thumbprint()},
        }),
    )
}

fn admit(raw: &str, proof: Option<&Token>, schemes: Schemes) -> Result<Access, Error> {
    let raw = Secret::new(raw);
    let issuer = issuer(ISSUER);
    let guard = Guard {
        issuer: &issuer,
        audience: API,
        scope: None,
        resource_metadata: None,
        schemes,
        tolerance: 30,
    };
    let proof = match proof {
        None => None,
        Some(proof) => {
            let proof = proof.clone().claim("ath", raw.fingerprint()).signed();
            Some(Api { token: raw.expose(), ..Api::default() }.open(&proof)?)
        }
    };
    let key = PublicKey::parse(&object(&rsa().jwk())).unwrap();
    let token = access_token::parse(&raw, &Algorithm::defaults())?;
    let good = verify(&token.token().check(&key));
    token.open(good, &guard, proof.as_ref(), NOW)
}

#[test]
fn rfc_9449_section_7_1_a_bound_token_comes_with_a_proof_of_its_key() {
    use Schemes::{Bearer, Both, Dpop};
    let bound = bound_to("ES256").signed();
    for schemes in [Both, Dpop] {
        assert!(admit(&bound, Some(&proof("ES256")), schemes).is_ok());
        // Section 7.2: never as a bearer's.
        refused(admit(&bound, None, schemes), Code::TokenInvalid, "scheme", "as a bearer's");
        // Somebody else's key.
        for other in ["EdDSA", "RS256"] {
            let seen = admit(&bound, Some(&proof(other)), schemes);
            refused(seen, Code::TokenInvalid, "cnf", other);
        }
    }
    refused(admit(&bound, None, Bearer), Code::TokenInvalid, "cnf", "not taken");
    // A proof makes no bound token of a bearer's.
    let plain = bound_to("ES256").without("cnf").signed();
    assert!(admit(&plain, None, Both).is_ok());
    refused(admit(&plain, Some(&proof("ES256")), Both), Code::TokenInvalid, "cnf", "a bearer's");
    // Bound in a way that is not looked at here, RFC 8705.
    for cnf in [json!({"x5t#S256": "x"}), json!({"jkt": "x"}), json!({"jkt": ""}), json!({})] {
        let what = cnf.to_string();
        let seen =
            admit(&bound_to("ES256").claim("cnf", cnf).signed(), Some(&proof("ES256")), Both);
        refused(seen, Code::TokenInvalid, "cnf", &what);
    }
    let mut both = bound_to("ES256").claims["cnf"].clone();
    both["x5t#S256"] = json!("x");
    let seen = admit(&bound_to("ES256").claim("cnf", both).signed(), Some(&proof("ES256")), Both);
    refused(seen, Code::TokenInvalid, "cnf", "two bindings");
}

#[test]
fn a_proof_is_no_other_token_and_no_other_token_is_a_proof() {
    let raw = proof("ES256").claim("ath", "x").signed();
    let seen = access_token::parse(&Secret::new(raw), &Algorithm::defaults()).err().unwrap();
    assert_eq!((seen.code(), seen.detail_text()), (Code::TokenInvalid, Some("typ")));
    let token = bound_to("ES256").header("jwk", public("RS256")).signed();
    refused(open(&token), Code::TokenInvalid, "dpop_typ", "an access token");
    // What was printed of a proof shows nothing of it.
    let canary = proof("ES256").claim("jti", "canary").signed();
    assert!(!format!("{:?}", open(&canary).unwrap()).contains("canary"));
    assert_eq!(base64url::decode(&open(&canary).unwrap().thumbprint).unwrap().len(), 32);
}
