//! JARM, row R058 and A020: an answer that is signed, and one that should have been.

use grantkit::protocol::authorize::{self, Manner, Pending, ResponseMode};
use grantkit::protocol::callback::{Code as AuthorizationCode, Params, accept};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::jarm;
use grantkit::protocol::json::read_object;
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::url::ParseUrl;
use serde_json::json;

use crate::given::{
    CLIENT, ISSUER, NOW, REDIRECT, STATE, THEN, check, client, document_with, issuer, object,
    pending, random, refused, server, sign_in,
};
use crate::signer::{Token, ed25519, other_rsa, p256, rsa};
use crate::urls::Urls;
use crate::verifier::verify;

/// An answer as of section 2.3.
fn answer() -> Token {
    Token::new(
        json!({"alg": "ES256", "kid": "p256"}),
        json!({"iss": ISSUER, "aud": CLIENT, "exp": THEN + 600, "code": "canary", "state": STATE}),
    )
}

fn open(raw: &str) -> Result<Params, Error> {
    let answer = jarm::parse(raw, &Algorithm::defaults())?;
    let keys = json!({"keys": [rsa().jwk(), p256().jwk(), ed25519().jwk()]});
    let keys = KeySet::check(&object(&keys)).unwrap();
    let good = verify(&answer.token().check(keys.find(answer.token())?));
    answer.open(good, &issuer(ISSUER), CLIENT, NOW, 30)
}

/// A record that waits for a signed answer.
fn waiting() -> Pending {
    let manner = Manner { response_mode: Some(ResponseMode::Jwt), ..Manner::default() };
    let ask = sign_in("openid").into();
    let (form, pending) =
        authorize::parameters(&server(), client(), ask, manner, &random(), NOW).unwrap();
    assert_eq!(form.value("response_mode"), Some("jwt"));
    *pending
}

fn arrive(raw: &str) -> Result<AuthorizationCode, Error> {
    let url = Urls.parse_url(REDIRECT, None).unwrap();
    accept(&open(raw)?, waiting().into(), &url, &server(), &Urls)
}

#[test]
fn r058_a_signed_answer_is_accepted() {
    for algorithm in ["ES256", "RS256", "PS256", "EdDSA"] {
        let kid = crate::signer::signer_for(algorithm).kid;
        let raw = answer().header("alg", algorithm).header("kid", kid).signed();
        assert_eq!(arrive(&raw).unwrap().secret().expose(), "canary", "{algorithm}");
    }
    assert!(arrive(&answer().header("typ", "JWT").signed()).is_ok());
    assert!(arrive(&answer().claim("aud", json!([CLIENT])).signed()).is_ok());
    assert!(arrive(&answer().claim("iat", THEN).claim("nbf", THEN).signed()).is_ok());
    assert!(arrive(&answer().claim("expires_in", 60).claim("scope", "x").signed()).is_ok());
}

#[test]
fn r058_a020_every_check_comes_before_the_parameters() {
    let spoilt = answer().signed();
    let (input, signature) = spoilt.rsplit_once('.').unwrap();
    let flip = if signature.starts_with('A') { "B" } else { "A" };
    let spoilt = format!("{input}.{flip}{}", &signature[1..]);
    for (detail, raw) in [
        ("signature", spoilt),
        ("iss", answer().claim("iss", format!("{ISSUER}1")).signed()),
        ("iss", answer().claim("iss", format!("{ISSUER}/")).signed()),
        ("iss", answer().without("iss").signed()),
        ("iss", answer().claim("iss", json!([ISSUER])).signed()),
        ("aud", answer().claim("aud", format!("{CLIENT}1")).signed()),
        ("aud", answer().claim("aud", json!([CLIENT, "other"])).signed()),
        ("aud", answer().claim("aud", json!([])).signed()),
        ("aud", answer().without("aud").signed()),
        ("exp", answer().claim("exp", THEN - 360).signed()),
        ("exp", answer().claim("exp", THEN - 30).signed()),
        ("exp", answer().claim("exp", "soon").signed()),
        ("exp", answer().without("exp").signed()),
        ("nbf", answer().claim("nbf", THEN + 600).signed()),
        ("alg", answer().header("alg", "none").signed_by(rsa())),
        ("alg", answer().header("alg", "HS256").signed_by(rsa())),
        ("alg", answer().header("alg", "RS384").signed()),
        ("crit", answer().header("crit", json!(["exp"])).signed()),
        ("typ", answer().header("typ", "at+jwt").signed()),
        ("typ", answer().header("typ", "logout+jwt").signed()),
        ("typ", answer().header("typ", "oauth-authz-req+jwt").signed()),
        ("format", "a.b.c.d.e".into()),
        ("malformed", "canary".into()),
        ("too_large", "x".repeat(70_000)),
    ] {
        let seen = arrive(&raw);
        assert!(!format!("{:?}", seen.as_ref().err()).contains("canary"));
        refused(seen, Code::JarmInvalid, detail, &format!("{detail} {raw:.60}"));
    }
    let foreign = answer().header("alg", "RS256").header("kid", "rsa").signed_by(other_rsa());
    refused(arrive(&foreign), Code::JarmInvalid, "signature", "somebody else's key");
    let unknown = answer().header("kid", "none of them").signed();
    refused(arrive(&unknown), Code::JwksKeyNotFound, "", "an unknown key");
}

#[test]
fn r058_the_rules_of_a_callback_hold_for_a_signed_one() {
    let other = answer().claim("state", format!("{STATE}1"));
    refused(arrive(&other.signed()), Code::StateUnknown, "unknown", "state");
    refused(arrive(&answer().without("state").signed()), Code::StateMissing, "", "no state");
    refused(arrive(&answer().without("code").signed()), Code::CallbackMalformed, "code", "no code");
    let both = answer().claim("error", "access_denied");
    refused(arrive(&both.signed()), Code::CallbackMalformed, "error", "both");
    let long = answer().claim("code", "x".repeat(9000));
    refused(arrive(&long.signed()), Code::CallbackMalformed, "code", "long");
    let number = answer().claim("code", 7);
    refused(arrive(&number.signed()), Code::CallbackMalformed, "code", "a number");
    for name in ["access_token", "id_token", "refresh_token"] {
        let seen = arrive(&answer().claim(name, "x").signed());
        refused(seen, Code::CallbackUnexpectedToken, name, name);
    }
    let denied = answer()
        .without("code")
        .claim("error", "access_denied")
        .claim("error_description", "no\u{202e}");
    let error = arrive(&denied.signed()).err().unwrap();
    assert_eq!(error.code(), Code::AuthorizationError);
    assert_eq!(error.server_error(), Some("access_denied"));
    assert_eq!(error.server().unwrap().description.as_deref(), Some("no"));
    // The issuer is in every signed answer: a server that says so is believed.
    let name = "authorization_response_iss_parameter_supported";
    let naming = check(&document_with(name, json!(true))).unwrap();
    let url = Urls.parse_url(REDIRECT, None).unwrap();
    let params = open(&answer().signed()).unwrap();
    assert!(accept(&params, waiting().into(), &url, &naming, &Urls).is_ok());
}

#[test]
fn r058_a020_beside_a_signed_answer_nothing_is_believed() {
    let raw = answer().signed();
    let alone = Params::read(&format!("?response={raw}&foreign=1"), "").unwrap();
    assert_eq!(alone.response(), Ok(Some(raw.as_str())));
    assert_eq!(Params::read("?code=x&state=y", "").unwrap().response(), Ok(None));
    for beside in ["code=x", "state=x", "error=x", "iss=x"] {
        let mixed = Params::read(&format!("?response={raw}&{beside}"), "").unwrap();
        refused(mixed.response(), Code::CallbackMalformed, "response", beside);
    }
    let twice = Params::read(&format!("?response={raw}&response={raw}"), "");
    refused(twice, Code::CallbackDuplicateParam, "response", "twice");
}

#[test]
fn r058_a_plain_answer_does_not_stand_in_for_a_signed_one() {
    let url = Urls.parse_url(REDIRECT, None).unwrap();
    let plain = Params::read(&format!("?code=evil&state={STATE}"), "").unwrap();
    let seen = accept(&plain, waiting().into(), &url, &server(), &Urls);
    refused(seen, Code::CallbackMalformed, "response", "downgrade");
    // Nor the other way round.
    let seen = accept(&open(&answer().signed()).unwrap(), pending().into(), &url, &server(), &Urls);
    refused(seen, Code::CallbackMalformed, "response", "not asked for");
}

#[test]
fn r045_the_record_remembers_what_was_made_out() {
    let manner = Manner { response_mode: Some(ResponseMode::Jwt), dpop_jkt: Some("thumb") };
    let ask = sign_in("openid").into();
    let (form, pending) =
        authorize::parameters(&server(), client(), ask, manner, &random(), NOW).unwrap();
    assert_eq!(form.value("dpop_jkt"), Some("thumb"));
    let stored = pending.to_json().to_text();
    let again = Pending::from_json(read_object(stored.as_bytes()).unwrap()).unwrap();
    assert_eq!(again, *pending);
    assert!(again.signed_answer && again.dpop_jkt.as_deref() == Some("thumb"));
    for wrong in ["\"signed_answer\":\"true\"", "\"signed_answer\":1"] {
        let stored = stored.replace("\"signed_answer\":true", wrong);
        assert!(Pending::from_json(read_object(stored.as_bytes()).unwrap()).is_none(), "{wrong}");
    }
    let stored = stored.replace("\"dpop_jkt\":\"thumb\"", "\"dpop_jkt\":7");
    assert!(Pending::from_json(read_object(stored.as_bytes()).unwrap()).is_none());
}
