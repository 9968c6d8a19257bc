//! RFC 9068, RFC 6750, section 3, and RFC 9449, section 7, for an API: R089, R129 and R136 from the
//! other side.

use grantkit::protocol::access_token::{self, Access, Guard, PROOFS, Scheme, Schemes, presented};
use grantkit::protocol::challenge::{Wanted, parse, resource_metadata, wanted};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::metadata::Issuer;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::given::{CLIENT, ISSUER, Judge, NOW, THEN, issuer, object, refused, token};
use crate::signer::{Token, ed25519, other_rsa, p256, rsa};
use crate::verifier::verify;

const API: &str = "https://api.example";

fn guard(issuer: &Issuer) -> Guard<'_> {
    Guard {
        issuer,
        audience: API,
        scope: None,
        resource_metadata: None,
        schemes: Schemes::Both,
        tolerance: 30,
    }
}

/// A token as of RFC 9068, section 3.
fn good() -> Token {
    Token::new(
        json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}),
        json!({
            "iss": ISSUER,
            "sub": "5ba552d67",
            "aud": API,
            "exp": THEN + 300,
            "iat": THEN - 3600,
            "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
            "client_id": CLIENT,
            "scope": "openid profile reademail",
        }),
    )
}

fn open_for(raw: &str, scope: Option<&str>) -> Result<Access, Error> {
    let token = access_token::parse(&Secret::new(raw), &Algorithm::defaults())?;
    let keys = json!({"keys": [rsa().jwk(), p256().jwk(), ed25519().jwk()]});
    let keys = KeySet::check(&object(&keys)).unwrap();
    let good = verify(&token.token().check(keys.find(token.token())?));
    let issuer = issuer(ISSUER);
    token.open(good, &Guard { scope, ..guard(&issuer) }, None, NOW)
}

fn open(raw: &str) -> Result<Access, Error> {
    open_for(raw, None)
}

#[test]
fn rfc_9068_a_good_token_is_read() {
    let access = open(&good().signed()).unwrap();
    assert_eq!((access.subject(), access.client_id()), ("5ba552d67", CLIENT));
    assert!(access.allows("profile") && access.allows("reademail openid"));
    assert!(!access.allows("write") && !access.allows("profile write") && !access.allows("prof"));
    assert_eq!(access.members().text("iss"), Some(ISSUER));
    assert!(!format!("{access:?}").contains("5ba552d67"));
    for fine in [
        good().header("typ", "application/at+jwt"),
        good().header("typ", "AT+JWT"),
        good().claim("aud", json!(["https://other.example", API])),
        good().without("scope"),
        good().claim("exp", THEN - 29),
        good().header("alg", "EdDSA").header("kid", "ed25519"),
    ] {
        assert!(open(&fine.signed()).is_ok());
    }
    assert!(!open(&good().without("scope").signed()).unwrap().allows("profile"));
}

#[test]
fn rfc_9068_what_an_access_token_must_not_be() {
    for (detail, raw) in [
        ("typ", good().header("typ", "JWT").signed()),
        ("typ", good().header("typ", "logout+jwt").signed()),
        ("typ", good().without_header("typ").signed()),
        ("alg", good().header("alg", "none").signed_by(rsa())),
        ("alg", good().header("alg", "HS256").signed_by(rsa())),
        ("iss", good().claim("iss", format!("{ISSUER}/")).signed()),
        ("iss", good().without("iss").signed()),
        ("aud", good().claim("aud", format!("{API}/")).signed()),
        ("aud", good().claim("aud", json!([])).signed()),
        ("aud", good().without("aud").signed()),
        ("exp", good().claim("exp", THEN - 30).signed()),
        ("exp", good().without("exp").signed()),
        ("nbf", good().claim("nbf", THEN + 60).signed()),
        ("iat", good().without("iat").signed()),
        ("iat", good().claim("iat", THEN + 60).signed()),
        ("sub", good().without("sub").signed()),
        ("sub", good().claim("sub", "").signed()),
        ("client_id", good().without("client_id").signed()),
        ("client_id", good().claim("client_id", 7).signed()),
        ("jti", good().without("jti").signed()),
        ("scope", good().claim("scope", json!(["openid"])).signed()),
        ("scheme", good().claim("cnf", json!({"jkt": "x"})).signed()),
        ("cnf", good().claim("cnf", json!({"x5t#S256": "x"})).signed()),
        ("cnf", good().claim("cnf", json!({"jkt": "x", "x5t#S256": "x"})).signed()),
        ("cnf", good().claim("cnf", json!({})).signed()),
        ("cnf", good().claim("cnf", json!({"jkt": 7})).signed()),
        ("cnf", good().claim("cnf", json!("x")).signed()),
        ("cnf", good().claim("cnf", json!(null)).signed()),
        ("signature", good().signed_by(other_rsa())),
        ("format", "a.b.c.d.e".into()),
        ("malformed", "opaque".into()),
    ] {
        refused(open(&raw), Code::TokenInvalid, detail, &format!("{detail} {raw}"));
    }
    // An id_token is none, and an access token is no id_token (RFC 8725, section 3.12).
    let id_token = token("RS256").claim("aud", API).signed();
    refused(open(&id_token), Code::TokenInvalid, "typ", "an id_token");
    Judge::default().refuses(&good().claim("aud", CLIENT).signed(), "typ", "an access token");
}

#[test]
fn rfc_6750_the_header_is_the_place_for_a_token() {
    use Schemes::{Bearer, Both, Dpop};
    let shown = |header: &str, schemes| {
        presented(Some(header), schemes).map(|(scheme, token)| (scheme, token.expose().to_owned()))
    };
    for schemes in [Bearer, Both] {
        let seen = shown("Bearer mF_9.B5f-4.1JqM", schemes).unwrap();
        assert_eq!(seen, (Scheme::Bearer, "mF_9.B5f-4.1JqM".into()));
        assert_eq!(shown("bearer abc==", schemes).unwrap().1, "abc==");
    }
    for schemes in [Both, Dpop] {
        for header in ["DPoP abc", "dpop abc", "dPoP  abc"] {
            assert_eq!(shown(header, schemes).unwrap(), (Scheme::Dpop, "abc".into()), "{header}");
        }
    }
    for schemes in [Bearer, Both, Dpop] {
        for header in [None, Some(""), Some("Basic abc"), Some("Bearerabc"), Some("DPoPabc")] {
            let what = format!("{header:?} {schemes:?}");
            refused(presented(header, schemes), Code::TokenInvalid, "missing", &what);
        }
    }
    refused(shown("DPoP abc", Bearer), Code::TokenInvalid, "missing", "not taken");
    refused(shown("Bearer abc", Dpop), Code::TokenInvalid, "scheme", "a bearer");
    for header in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer \u{e9}"] {
        refused(shown(header, Both), Code::TokenInvalid, "authorization", header);
        let header = header.replace("Bearer", "DPoP");
        refused(shown(&header, Both), Code::TokenInvalid, "authorization", &header);
    }
}

#[test]
fn rfc_6750_how_a_request_is_refused() {
    let issuer = issuer(ISSUER);
    let scoped = Guard { scope: Some("read write"), ..guard(&issuer) };
    let scoped = Guard { schemes: Schemes::Bearer, ..scoped };
    let answer = |error: Error| {
        let refused = scoped.refusal(&error, Some(Scheme::Bearer)).unwrap();
        (refused.status, refused.challenge)
    };
    for (error, status, challenge) in [
        // Section 3.1: who shows nothing is told nothing but what there is to ask for.
        (invalid("missing"), 401, "Bearer realm=\"https://api.example\", scope=\"read write\""),
        (
            invalid("authorization"),
            400,
            "Bearer realm=\"https://api.example\", error=\"invalid_request\"",
        ),
        (invalid("exp"), 401, "Bearer realm=\"https://api.example\", error=\"invalid_token\""),
        (
            Code::JwksKeyNotFound.into(),
            401,
            "Bearer realm=\"https://api.example\", error=\"invalid_token\"",
        ),
        (
            Code::InsufficientScope.into(),
            403,
            "Bearer realm=\"https://api.example\", error=\"insufficient_scope\", \
             scope=\"read write\"",
        ),
    ] {
        assert_eq!(answer(error), (status, challenge.to_owned()));
        assert_eq!(parse(challenge).unwrap().len(), 1);
    }
    for code in [Code::NetworkError, Code::Timeout, Code::JwksInvalid, Code::ConfigInvalid] {
        assert_eq!(scoped.refusal(&code.into(), None), None, "{code:?}");
    }
}

fn invalid(detail: &'static str) -> Error {
    Error::new(Code::TokenInvalid).detail(detail)
}

#[test]
fn rfc_9449_section_7_the_challenge_names_the_scheme_that_fits() {
    use Scheme::{Bearer, Dpop};
    let issuer = issuer(ISSUER);
    let scope: Error = Code::InsufficientScope.into();
    for (schemes, error, shown, challenges) in [
        (Schemes::Both, invalid("missing"), None, vec![("bearer", ""), ("dpop", "")]),
        (Schemes::Dpop, invalid("missing"), None, vec![("dpop", "")]),
        (Schemes::Bearer, invalid("missing"), Some(Dpop), vec![("bearer", "")]),
        (Schemes::Both, invalid("exp"), Some(Bearer), vec![("bearer", "invalid_token")]),
        (Schemes::Both, invalid("exp"), Some(Dpop), vec![("dpop", "invalid_token")]),
        (Schemes::Both, invalid("cnf"), Some(Dpop), vec![("dpop", "invalid_token")]),
        (Schemes::Both, invalid("scheme"), Some(Bearer), vec![("dpop", "invalid_token")]),
        (Schemes::Dpop, invalid("scheme"), Some(Bearer), vec![("dpop", "invalid_token")]),
        (Schemes::Both, invalid("dpop_ath"), Some(Dpop), vec![("dpop", "invalid_dpop_proof")]),
        (Schemes::Both, invalid("dpop_nonce"), Some(Dpop), vec![("dpop", "use_dpop_nonce")]),
        (Schemes::Both, invalid("authorization"), Some(Dpop), vec![("dpop", "invalid_request")]),
        (Schemes::Both, scope.clone(), Some(Dpop), vec![("dpop", "insufficient_scope")]),
        (Schemes::Both, scope, Some(Bearer), vec![("bearer", "insufficient_scope")]),
    ] {
        let guard = Guard { schemes, scope: Some("read"), ..guard(&issuer) };
        let told = guard.refusal(&error, shown).unwrap();
        let seen = parse(&told.challenge).unwrap();
        let named: Vec<_> = seen
            .iter()
            .map(|one| (one.scheme.as_str(), one.get("error").unwrap_or_default()))
            .collect();
        assert_eq!(named, challenges, "{error} {shown:?} {schemes:?}");
        for one in seen {
            assert_eq!(one.get("realm"), Some(API));
            assert_eq!(one.get("algs"), (one.scheme == "dpop").then_some(PROOFS));
        }
    }
    let fresh = Guard { schemes: Schemes::Both, ..guard(&issuer) };
    let nonce = fresh.refusal(&invalid("dpop_nonce"), Some(Dpop)).unwrap();
    assert_eq!(wanted(nonce.status, Some(&nonce.challenge)), Wanted::Nonce);
    let mut taken: Vec<_> = Algorithm::defaults().iter().map(|one| one.name).collect();
    let mut told: Vec<_> = PROOFS.split(' ').collect();
    taken.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, taken);
}

#[test]
fn r129_r131_a_client_of_ours_reads_what_an_api_of_ours_says() {
    let issuer = issuer(ISSUER);
    let metadata = "https://api.example/.well-known/oauth-protected-resource";
    let guard = Guard {
        audience: "a \"quoted\\\u{e9} name\r\n",
        scope: Some("read"),
        resource_metadata: Some(metadata),
        ..guard(&issuer)
    };
    for (scheme, name) in [(Scheme::Bearer, "bearer"), (Scheme::Dpop, "dpop")] {
        let told = |error: &Error| guard.refusal(error, Some(scheme)).unwrap();
        let expired = told(&invalid("exp"));
        assert_eq!(wanted(expired.status, Some(&expired.challenge)), Wanted::Token);
        let more = told(&Error::new(Code::InsufficientScope));
        assert_eq!(wanted(more.status, Some(&more.challenge)), Wanted::Scope(Some("read".into())));
        let challenges = parse(&more.challenge).unwrap();
        assert_eq!(challenges[0].scheme, name);
        assert_eq!(challenges[0].get("realm"), Some("a quoted name"));
        assert_eq!(resource_metadata(&challenges), Some(metadata));
    }
}

/// An answer as of RFC 7662, section 2.2.
fn active() -> Value {
    json!({"active": true, "aud": API, "scope": "read", "exp": THEN + 60, "iss": ISSUER})
}

fn introspected(response: Value, scope: Option<&str>) -> Result<Access, Error> {
    let issuer = issuer(ISSUER);
    Guard { scope, ..guard(&issuer) }.introspected(&object(&response), None, NOW)
}

#[test]
fn r149_an_opaque_token_is_what_the_server_says() {
    let with = |name: &str, value: Value| {
        let mut response = active();
        response[name] = value;
        response
    };
    let without = |name: &str| {
        let mut response = active();
        response.as_object_mut().unwrap().remove(name);
        response
    };
    for fine in [
        active(),
        without("iss"),
        without("exp"),
        without("scope"),
        with("aud", json!(["https://other.example", API])),
        with("token_type", json!("bearer")),
        with("token_type", json!("DPoP")),
    ] {
        assert!(introspected(fine.clone(), None).is_ok(), "{fine}");
    }
    assert!(introspected(active(), Some("read")).unwrap().allows("read"));
    refused(introspected(active(), Some("write")), Code::InsufficientScope, "", "scope");
    for (detail, response) in [
        ("active", json!({"active": false, "aud": API})),
        ("active", without("active")),
        ("active", with("active", json!("true"))),
        ("iss", with("iss", json!(format!("{ISSUER}/")))),
        ("aud", without("aud")),
        ("aud", with("aud", json!([]))),
        ("aud", with("aud", json!("https://api.example.evil"))),
        ("token_type", with("token_type", json!("refresh_token"))),
        ("exp", with("exp", json!(THEN - 30))),
        ("nbf", with("nbf", json!(THEN + 60))),
        ("scheme", with("cnf", json!({"jkt": "x"}))),
        ("cnf", with("cnf", json!({"x5t#S256": "x"}))),
    ] {
        let what = response.to_string();
        refused(introspected(response, None), Code::TokenInvalid, detail, &what);
    }
}

#[test]
fn rfc_9068_scope_is_what_a_route_wants() {
    assert!(open_for(&good().signed(), Some("profile openid")).is_ok());
    for scope in ["admin", "openid admin", "Profile"] {
        let seen = open_for(&good().signed(), Some(scope));
        refused(seen, Code::InsufficientScope, "", scope);
    }
    let none = open_for(&good().without("scope").signed(), Some("profile"));
    refused(none, Code::InsufficientScope, "", "no scope");
    // A bad token is not told what it lacks.
    let expired = open_for(&good().claim("exp", 1).signed(), Some("admin"));
    refused(expired, Code::TokenInvalid, "exp", "expired");
}
