//! Nothing secret is in what is printed.

use grantkit::protocol::access_token::Schemes;
use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::callback::Params;
use grantkit::protocol::challenge::wanted;
use grantkit::protocol::ciba::{self, Ping};
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::{Code, Error, Fault, Refusal};
use grantkit::protocol::form::Form;
use grantkit::protocol::json::read;
use grantkit::protocol::jws::Algorithm;
use grantkit::protocol::logout::Logout;
use grantkit::protocol::secret::{Secret, same};
use grantkit::protocol::token::{self, Reading};
use grantkit::protocol::url::Transport;
use grantkit::protocol::{
    access_token, assertion, device, dpop, dpop_proof, initiate, introspect, jarm, logout,
    logout_token, par, register, resource_metadata, userinfo,
};
use serde_json::json;

use crate::given::{
    CLIENT, ISSUER, Judge, STATE, answer, begin, callback, endpoint, issuer, object, parameters,
    pending, reply, server, sign_in, token as good_token,
};
use crate::urls::Urls;

#[track_caller]
fn silent(printed: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn a091_a_secret_is_not_printed() {
    let secret = Secret::new("canary");
    silent(&format!("{secret:?} {:?} {:#?}", [&secret], Some(&secret)), &["canary"]);
    assert_eq!(secret.clone().expose(), "canary");
    let auth = ClientAuth { id: "id".into(), secret: Some(secret), method: Some(Method::Post) };
    let mut grant = Form::new();
    grant.push("code", "canary");
    let request = token::request(&endpoint("https://as.example/t"), &auth, Method::Post, grant);
    silent(&format!("{auth:?} {request:?}"), &["canary"]);
    let request = userinfo::request(&endpoint("https://as.example/u"), &Secret::new("canary"));
    silent(&format!("{request:?}"), &["canary"]);
}

#[test]
fn a091_a097_tokens_and_values_are_not_printed() {
    let body = "{\"access_token\":\"canary-a\",\"refresh_token\":\"canary-r\",\"id_token\":\"canary-i\",\
                \"token_type\":\"Bearer\",\"more\":[\"canary-m\",{\"x\":7654321}]}";
    let tokens = token::response(&reply(200, body), Reading::Strict).unwrap();
    silent(&format!("{tokens:?} {:?}", tokens.response), &["canary", "7654321"]);
    silent(&format!("{:?}", read(b"[\"canary\"]").unwrap()), &["canary"]);
    let claims = Judge::default().accepts(&good_token("ES256").signed(), "good");
    silent(&format!("{claims:?}"), &["248289761001", ISSUER]);
}

#[test]
fn a091_a097_a_record_and_its_code_are_not_printed() {
    let record = pending();
    let secrets = [record.verifier.expose(), record.nonce.as_deref().unwrap()];
    silent(&format!("{record:?} {record:#?}"), &secrets);
    let code = callback(&format!("code=canary&state={STATE}")).unwrap();
    silent(&format!("{code:?}"), &["canary", secrets[0], secrets[1]]);
    let ask = SignIn { app_state: Some(read(b"{\"a\":\"canary\"}").unwrap()), ..sign_in("openid") };
    silent(&format!("{ask:?} {:?}", begin(ask.clone()).unwrap().1), &["canary"]);
}

#[test]
fn a097_no_error_repeats_what_came() {
    let canary = "canary-5f2c";
    let errors: Vec<Error> = [
        Params::read(&format!("state={canary}&state={canary}"), "").err(),
        Params::read(&format!("access_token={canary}"), "").err(),
        callback(&format!("code={canary}&state={canary}")).err(),
        callback(&format!("code={canary}&error={canary}&state={STATE}")).err(),
        callback(&format!("error={canary}&error_description={canary}&state={STATE}")).err(),
        callback(&format!("code={canary}&state={STATE}&iss={canary}")).err(),
        token::response(&reply(400, canary), Reading::Strict).err(),
        token::response(&reply(200, canary), Reading::Strict).err(),
        token::response(&reply(400, format!("{{\"error\":\"{canary}\"}}")), Reading::Strict).err(),
        token::response(&reply(200, format!("{{\"access_token\":\"{canary}\"}}")), Reading::Strict)
            .err(),
        userinfo::response(&reply(200, format!("{{\"sub\":\"{canary}\"}}")), "me").err(),
        Judge::default().claims(canary).err(),
        Judge::default().claims(&good_token("ES256").claim("nonce", canary).signed()).err(),
        Judge::default()
            .claims(&good_token("ES256").header("alg", canary).signed_by(crate::signer::rsa()))
            .err(),
        Judge::default().claims(&good_token("ES256").header("kid", canary).signed()).err(),
    ]
    .into_iter()
    .map(|error| error.expect("an error"))
    .collect();
    for error in errors {
        silent(&format!("{error} {error:?} {error:#?}"), &[canary]);
        silent(error.detail_text().unwrap_or(""), &[canary]);
        assert!(std::error::Error::source(&error).is_none());
    }
}

#[test]
fn a097_no_error_of_the_other_exchanges_repeats_what_came() {
    let canary = "canary-5f2c";
    let quoted = format!("\"{canary}\"");
    let (strict, secure, all) = (Reading::Strict, Transport::Secure, Algorithm::defaults());
    let told = |status: u16, member: &str| reply(status, format!("{{{member}:{quoted}}}"));
    let secret = Secret::new(canary);
    let form = Some("application/x-www-form-urlencoded");
    let raw = good_token("ES256").header("typ", canary).signed();
    let errors = [
        device::response(&told(200, "\"device_code\""), strict, &Urls, secure).err(),
        device::response(&told(400, "\"error\""), strict, &Urls, secure).err(),
        ciba::response(&told(200, "\"auth_req_id\""), strict).err(),
        Ping::read(Some(canary), b"{}").err(),
        Ping::read(Some("Bearer x"), canary.as_bytes()).err(),
        introspect::response(&told(200, "\"active\"")).err(),
        introspect::signed_response(&answer(200, Some(introspect::JWT), &raw), &all).err(),
        par::response(&told(201, "\"request_uri\""), strict, 0).err(),
        register::response(&told(201, "\"client_secret\""), &Urls, secure).err(),
        resource_metadata::response(&told(200, "\"resource\""), "x", &Urls, secure).err(),
        jarm::parse(&raw, &all).err(),
        jarm::parse(canary, &all).err(),
        logout_token::parse(&raw, &all).err(),
        logout_token::receive("POST", form, format!("x={canary}").as_bytes()).err(),
        initiate::accept(&format!("iss={canary}"), &[], ISSUER, &Urls).err(),
        access_token::presented(Some(&format!("Bearer {canary},")), Schemes::Both).err(),
        dpop_proof::parse(&secret, &all).err(),
        access_token::parse(&secret, &all).err(),
        userinfo::signed_response(&answer(200, Some(userinfo::JWT), &raw), &all).err(),
        logout::returned(Some(canary), "state").err(),
        assertion::draft_by_secret("c", &issuer(ISSUER), &secret, &[0; 32], 0).err(),
        wanted(403, Some(&format!("Bearer error=insufficient_scope, scope={quoted}")))
            .error(403, None),
        dpop::Nonces::default().renew(ISSUER, Some(&format!("{canary} x")), false).err(),
    ];
    for (at, error) in errors.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("{at} is no error"));
        silent(&format!("{error} {error:?} {error:#?}"), &[canary]);
        silent(error.detail_text().unwrap_or(""), &[canary]);
    }
}

#[test]
fn users_a24_r176_an_error_says_whose_it_is_to_mend() {
    let error = Error::new(Code::TokenError).detail("x").status(400).retry_after(Some(5)).refusal(
        Refusal {
            error: "invalid_grant".into(),
            description: Some("canary".into()),
            uri: None,
            response: Some(object(&json!({"a": "canary"}))),
            sign_in: Some(object(&json!({"scope": "canary"}))),
        },
    );
    assert_eq!(error.code().as_str(), "token_error");
    assert_eq!(error.code().fault(), Fault::Server);
    assert_eq!((error.http_status(), error.retry_after_seconds()), (Some(400), Some(5)));
    assert!(error.login_required() && !error.retryable());
    assert!(error.to_string().starts_with("token_error (x): "));
    silent(&format!("{error} {error:?}"), &["canary", "invalid_grant"]);
}

#[test]
fn a001_equality_of_secrets_is_of_the_whole() {
    for (left, right, equal) in [
        ("", "", true),
        ("a", "a", true),
        ("a", "b", false),
        ("a", "", false),
        ("", "a", false),
        ("a", "aa", false),
        ("aaaa", "aaab", false),
        ("baaa", "aaaa", false),
        ("\u{e9}", "e\u{301}", false),
    ] {
        assert_eq!(same(left, right), equal, "{left} {right}");
        assert_eq!(Secret::new(left) == Secret::new(right), equal);
    }
}

#[test]
fn r158_the_way_out_says_what_was_given_and_no_more() {
    let whole = Logout {
        id_token_hint: Some(Secret::new("a.b.c")),
        logout_hint: Some("alice".into()),
        post_logout_redirect_uri: Some("https://app.example/bye?x=1".into()),
        state: Some("s".into()),
        ui_locales: Some("de-AT en".into()),
    };
    let sent = parameters(&logout::url(&server(), CLIENT, &whole).unwrap());
    let sent: Vec<(&str, &str)> = sent.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(
        sent,
        [
            ("id_token_hint", "a.b.c"),
            ("logout_hint", "alice"),
            ("client_id", CLIENT),
            ("post_logout_redirect_uri", "https://app.example/bye?x=1"),
            ("state", "s"),
            ("ui_locales", "de-AT en"),
        ]
    );
    silent(&format!("{whole:?}"), &["a.b.c"]);
    let bare = logout::url(&server(), CLIENT, &Logout::default()).unwrap();
    assert_eq!(bare, "https://as.example/logout?client_id=spa");
}
