//! Logout in its three ways, rows R158 to R163, and A088.

use grantkit::protocol::check_session::{Verdict, Watch, question, verdict};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::logout::{front_channel, returned};
use grantkit::protocol::logout_token::{self, Expected, LoggedOut, Seen};
use serde_json::json;

use crate::given::{CLIENT, ISSUER, Judge, NOW, THEN, issuer, object, refused, token};
use crate::signer::{Token, ed25519, other_rsa, p256, rsa};
use crate::verifier::verify;

#[test]
fn r163_a087_a_flood_of_changes_is_one_question() {
    let mut watch = Watch::default();
    let asked: Vec<i64> = (0..10_000)
        .map(|at| NOW + at)
        .filter(|now| watch.heard(Verdict::Changed, 3000, *now))
        .map(|now| now - NOW)
        .collect();
    assert_eq!(asked, [0, 3000, 6000, 9000]);
    assert!(!watch.heard(Verdict::Unchanged, 3000, NOW + 60_000));
    assert!(!watch.over());
    assert!(!watch.heard(Verdict::Unknown, 3000, NOW + 60_000));
    assert!(watch.over());
    assert!(!watch.heard(Verdict::Changed, 3000, NOW + 120_000));
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

#[test]
fn r159_the_way_back_is_the_one_that_was_asked_for() {
    assert_eq!(returned(Some("state"), "state"), Ok(()));
    for other in [None, Some(""), Some("state1"), Some("State"), Some("stat")] {
        refused(returned(other, "state"), Code::LogoutStateMismatch, "", &format!("{other:?}"));
    }
}

#[test]
fn r162_a088_a_frame_ends_the_session_that_it_names() {
    let good = "?iss=https%3A%2F%2Fas.example&sid=08a5019c";
    assert!(front_channel(good, ISSUER, Some("08a5019c")));
    assert!(front_channel(&format!("{good}&foreign=1"), ISSUER, Some("08a5019c")));
    for (query, session) in [
        ("", Some("08a5019c")),
        ("?iss=https%3A%2F%2Fas.example", Some("08a5019c")),
        ("?sid=08a5019c", Some("08a5019c")),
        ("?iss=https%3A%2F%2Fas.example&sid=08a5019d", Some("08a5019c")),
        ("?iss=https%3A%2F%2Fas.example%2F&sid=08a5019c", Some("08a5019c")),
        ("?iss=https%3A%2F%2Fevil.example&sid=08a5019c", Some("08a5019c")),
        ("?iss=https%3A%2F%2Fas.example&sid=08a5019c&sid=x", Some("08a5019c")),
        ("?iss=https%3A%2F%2Fas.example&iss=x&sid=08a5019c", Some("08a5019c")),
        ("?iss=https%3A%2F%2Fas.example&sid=", Some("08a5019c")),
        (good, None),
        (good, Some("")),
    ] {
        assert!(!front_channel(query, ISSUER, session), "{query} {session:?}");
    }
}

#[test]
fn r163_a087_only_the_frame_is_listened_to() {
    assert_eq!(question("s6BhdRkqt3", "abc.def"), "s6BhdRkqt3 abc.def");
    let from = |origin: &str, message: &str| verdict(origin, ISSUER, message);
    assert_eq!(from(ISSUER, "unchanged"), Some(Verdict::Unchanged));
    assert_eq!(from(ISSUER, "changed"), Some(Verdict::Changed));
    assert_eq!(from(ISSUER, "error"), Some(Verdict::Unknown));
    for message in ["", "Changed", "changed ", "changed\n", "[object Object]"] {
        assert_eq!(from(ISSUER, message), None, "{message}");
    }
    for origin in ["https://evil.example", "https://as.example:8443", "http://as.example", ""] {
        assert_eq!(from(origin, "changed"), None, "{origin}");
    }
    assert_eq!(verdict("null", "null", "changed"), None);
}

/// A token as of Back-Channel Logout 1.0, section 2.4.
fn good() -> Token {
    Token::new(
        json!({"alg": "RS256", "typ": "logout+jwt", "kid": "rsa"}),
        json!({
            "iss": ISSUER,
            "sub": "248289761001",
            "aud": CLIENT,
            "iat": THEN - 1,
            "exp": THEN + 120,
            "jti": "bWJq",
            "sid": "08a5019c",
            "events": {EVENT: {}},
        }),
    )
}

fn open_with(raw: &str, trusted: &[String]) -> Result<LoggedOut, Error> {
    let token = logout_token::parse(raw, &Algorithm::defaults())?;
    let keys = json!({"keys": [rsa().jwk(), p256().jwk(), ed25519().jwk()]});
    let keys = KeySet::check(&object(&keys)).unwrap();
    let good = verify(&token.token().check(keys.find(token.token())?));
    let issuer = issuer(ISSUER);
    let expected =
        Expected { issuer: &issuer, client_id: CLIENT, trusted_audiences: trusted, tolerance: 30 };
    token.open(good, &expected, NOW)
}

fn open(raw: &str) -> Result<LoggedOut, Error> {
    open_with(raw, &[])
}

#[test]
fn r160_a_logout_token_says_whose_session_is_over() {
    let seen = open(&good().signed()).unwrap();
    assert_eq!(seen.subject.as_deref(), Some("248289761001"));
    assert_eq!(seen.session.as_deref(), Some("08a5019c"));
    assert_eq!((seen.jti.as_str(), seen.until), ("bWJq", NOW + 150_000));
    let seen = open(&good().without("sid").signed()).unwrap();
    assert_eq!((seen.session, seen.subject.is_some()), (None, true));
    let seen = open(&good().without("sub").signed()).unwrap();
    assert_eq!((seen.subject, seen.session.is_some()), (None, true));
    for fine in [
        good().without_header("typ"),
        good().header("typ", "Logout+JWT"),
        good().header("alg", "ES256").header("kid", "p256"),
        good().claim("aud", json!([CLIENT])),
        good().claim("events", json!({EVENT: {}, "https://other.example/event": {"a": 1}})),
        good().claim("exp", THEN - 29),
        good().claim("iat", THEN + 30),
    ] {
        assert!(open(&fine.signed()).is_ok());
    }
    let several = good().claim("aud", json!([CLIENT, "other"])).signed();
    assert!(open_with(&several, &["other".into()]).is_ok());
}

#[test]
fn r160_what_a_logout_token_must_not_be() {
    let spoilt = good().signed();
    let (input, signature) = spoilt.rsplit_once('.').unwrap();
    let flip = if signature.starts_with('A') { "B" } else { "A" };
    let spoilt = format!("{input}.{flip}{}", &signature[1..]);
    for (detail, raw) in [
        // The seven of the OpenID Foundation's suite.
        ("alg", good().header("alg", "none").signed_by(rsa())),
        ("events", good().without("events").signed()),
        ("nonce", good().claim("nonce", "n").signed()),
        ("alg", good().header("alg", "RS384").signed()),
        ("aud", good().claim("aud", format!("{CLIENT}1")).signed()),
        ("events", good().claim("events", json!({"https://other.example/event": {}})).signed()),
        ("iss", good().claim("iss", format!("{ISSUER}1")).signed()),
        // And more.
        ("signature", spoilt),
        ("alg", good().header("alg", "HS256").signed_by(rsa())),
        ("typ", good().header("typ", "JWT").signed()),
        ("typ", good().header("typ", "at+jwt").signed()),
        ("iss", good().without("iss").signed()),
        ("aud", good().without("aud").signed()),
        ("aud", good().claim("aud", json!([CLIENT, "other"])).signed()),
        ("exp", good().without("exp").signed()),
        ("exp", good().claim("exp", THEN - 30).signed()),
        ("iat", good().without("iat").signed()),
        ("iat", good().claim("iat", THEN + 31).signed()),
        ("iat", good().claim("iat", THEN - 7 * 86_400).signed()),
        ("jti", good().without("jti").signed()),
        ("jti", good().claim("jti", "").signed()),
        ("jti", good().claim("jti", 7).signed()),
        ("sub", good().without("sub").without("sid").signed()),
        ("sub", good().claim("sub", "").signed()),
        ("sub", good().claim("sub", json!(["x"])).signed()),
        ("sid", good().claim("sid", 7).signed()),
        ("events", good().claim("events", json!({EVENT: {"x": 1}})).signed()),
        ("events", good().claim("events", json!({EVENT: true})).signed()),
        ("events", good().claim("events", json!({EVENT: []})).signed()),
        ("events", good().claim("events", json!([EVENT])).signed()),
        ("events", good().claim("events", EVENT).signed()),
        ("nonce", good().claim("nonce", json!(null)).signed()),
        ("malformed", "canary".into()),
        ("format", "a.b.c.d.e".into()),
    ] {
        let error = open(&raw).err().unwrap_or_else(|| panic!("{detail} {raw}"));
        assert_eq!(error.http_status(), Some(400), "{detail}");
        refused::<()>(Err(error), Code::TokenInvalid, detail, &raw);
    }
    let foreign = good().signed_by(other_rsa());
    refused(open(&foreign), Code::TokenInvalid, "signature", "somebody else's key");
    // An id_token is none, and a logout token is no id_token.
    refused(open(&token("RS256").signed()), Code::TokenInvalid, "typ", "an id_token");
    let bare = token("RS256").without_header("typ").without("nonce").signed();
    refused(open(&bare), Code::TokenInvalid, "events", "an id_token without its type");
    Judge::default().refuses(&good().signed(), "typ", "a logout token");
}

#[test]
fn r161_a_logout_token_is_posted_in_a_form() {
    let kind = Some("application/x-www-form-urlencoded;charset=UTF-8");
    let receive = |method: &str, kind: Option<&str>, body: &str| {
        logout_token::receive(method, kind, body.as_bytes())
            .map(|token| token.expose().to_owned())
            .map_err(|error| {
                (error.http_status().unwrap(), error.detail_text().unwrap().to_owned())
            })
    };
    assert_eq!(receive("POST", kind, "logout_token=a.b.c&x=1").as_deref(), Ok("a.b.c"));
    for method in ["GET", "PUT", "post", "HEAD"] {
        let seen = receive(method, kind, "logout_token=a.b.c");
        assert_eq!(seen, Err((405, "method".into())), "{method}");
    }
    for wrong in [None, Some(""), Some("application/json"), Some("text/plain")] {
        let seen = receive("POST", wrong, "logout_token=a.b.c");
        assert_eq!(seen, Err((400, "malformed".into())), "{wrong:?}");
    }
    for body in ["", "logout_token=", "x=1", "logout_token=a&logout_token=a", "Logout_token=a"] {
        assert_eq!(receive("POST", kind, body), Err((400, "logout_token".into())), "{body}");
    }
    let long = format!("logout_token={}", "x".repeat(128 * 1024));
    assert_eq!(receive("POST", kind, &long), Err((400, "malformed".into())));
    let bytes = logout_token::receive("POST", kind, b"logout_token=\xff");
    refused(bytes, Code::TokenInvalid, "malformed", "no text");
}

#[test]
fn r161_a_logout_token_is_taken_once() {
    let token = open(&good().signed()).unwrap();
    let other = open(&good().claim("jti", "other").signed()).unwrap();
    let mut seen = Seen::default();
    assert_eq!(seen.first(&token, NOW), Ok(()));
    assert_eq!(seen.first(&other, NOW), Ok(()));
    refused(seen.first(&token, NOW + 1), Code::TokenInvalid, "jti", "again");
    refused(seen.first(&other, token.until - 1), Code::TokenInvalid, "jti", "again");
    // Forgotten when it would be refused for its age anyhow.
    assert_eq!(seen.first(&token, token.until), Ok(()));
    let mut many = Seen::default();
    for at in 0..5000 {
        let named = LoggedOut { jti: at.to_string(), ..token.clone() };
        assert_eq!(many.first(&named, NOW), Ok(()));
    }
}
