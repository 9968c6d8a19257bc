//! What comes back in the address: paired with its record, checked in order, or refused.

use grantkit::protocol::authorize::SignIn;
use grantkit::protocol::callback::{OURS, PARAMETER, Params, QUERY, asks_for_login, without_ours};
use grantkit::protocol::error::Code;
use grantkit::protocol::metadata::Metadata;
use grantkit::protocol::url::Transport;
use serde_json::json;

use crate::given::{
    ISSUER, REDIRECT, STATE, arrive, begin, callback, check, document_with, issuer, object,
    pending, refusal, refused, server, sign_in,
};
use crate::urls::Urls;

/// A server that names itself in callbacks.
fn naming() -> Metadata {
    let name = "authorization_response_iss_parameter_supported";
    check(&document_with(name, json!(true))).unwrap()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[test]
fn r046_a_callback_that_belongs_to_a_request_has_its_code() {
    let code = callback(&format!("code=SplxlOBeZQQYbYS6WxSbIA&state={STATE}")).unwrap();
    assert_eq!(code.secret().expose(), "SplxlOBeZQQYbYS6WxSbIA");
    assert_eq!(code.pending(), &pending());
    let code = callback(&format!("state={STATE}&code=a%20b%2Bc+d&x=y")).unwrap();
    assert_eq!(code.secret().expose(), "a b+c d");
}

#[test]
fn r046_a001_a_state_must_be_there() {
    for query in ["code=x", "code=x&state=", "code=x&State=y", "error=access_denied", ""] {
        refused(callback(query), Code::StateMissing, "", query);
        let answer = Params::read(query, "").unwrap();
        refused(answer.state().map(drop), Code::StateMissing, "", query);
    }
}

#[test]
fn r046_a002_a016_a_state_must_be_ours() {
    for state in [
        format!("{STATE}1"),
        STATE[1..].into(),
        STATE[..42].into(),
        STATE[..1].into(),
        STATE.to_lowercase(),
        format!("{STATE}%20"),
        format!("%20{STATE}"),
        format!("{STATE}%00"),
        "x".repeat(43),
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF".into(),
    ] {
        for answer in ["code=x", "error=access_denied&error_description=canary"] {
            let error = callback(&format!("{answer}&state={state}")).expect_err(&state);
            assert_eq!(
                (error.code(), error.detail_text()),
                (Code::StateUnknown, Some("unknown")),
                "{state}"
            );
            assert!(error.server().is_none(), "text of nobody knows whom is shown");
        }
    }
}

#[test]
fn r046_a_record_of_another_issuer_is_not_accepted() {
    let mut record = pending();
    record.issuer = "https://other.example".into();
    let seen = arrive(&format!("{REDIRECT}?code=x&state={STATE}"), record, &server());
    refused(seen, Code::IssuerMismatch, "", "");
}

#[test]
fn r047_a005_nothing_stands_twice() {
    for name in OURS {
        for values in [("a", "b"), ("a", "a"), ("", "a"), ("a", "")] {
            let query = format!("{name}={}&x=1&{name}={}", values.0, values.1);
            let seen = Params::read(&query, "");
            refused(seen, Code::CallbackDuplicateParam, name, &query);
        }
    }
    // However it is written.
    for query in [
        format!("code=a&c%6fde=b&state={STATE}"),
        format!("code=a&code&state={STATE}"),
        format!("?code=a&state={STATE}&state={STATE}"),
    ] {
        let error = callback(query.trim_start_matches('?')).expect_err(&query);
        assert_eq!(error.code(), Code::CallbackDuplicateParam, "{query}");
    }
    assert!(callback(&format!("code=a&state={STATE}&x=1&x=2&Code=b")).is_ok());
}

#[test]
fn r047_lengths_have_an_end() {
    let long = "x".repeat(PARAMETER);
    for name in OURS {
        assert!(!matches!(
            Params::read(&format!("{name}={long}"), ""),
            Err(error) if error.code() == Code::CallbackMalformed
        ));
        let seen = Params::read(&format!("{name}={long}x"), "");
        refused(seen, Code::CallbackMalformed, name, name);
    }
    let filler = "y".repeat(QUERY);
    let seen = Params::read(&format!("code=a&state=b&z={filler}"), "");
    refused(seen, Code::CallbackMalformed, "query", "");
    let seen = Params::read(&format!("state={}&code=x", "s".repeat(1_000_000)), "");
    refused(seen, Code::CallbackMalformed, "query", "");
    assert_eq!((QUERY, PARAMETER), (32 * 1024, 8 * 1024));
}

/// However long it is, an answer is an answer, and not a page that has nothing to handle.
#[test]
fn r047_a008_a_long_answer_is_seen_to_be_one() {
    for query in [
        format!("?state={}&code=x", "s".repeat(1_000_000)),
        format!("?x={}&error=access_denied", "é".repeat(100_000)),
        format!("?error_description={}&error=x", "d".repeat(QUERY)),
    ] {
        assert!(Params::present(&query, ""), "{}", query.len());
        assert!(Params::read(&query, "").is_err());
    }
}

#[test]
fn r048_a006_one_code_or_one_error() {
    for (answer, detail) in [
        ("code=x&error=y", "error"),
        ("code=&error=y", "error"),
        ("code=x&error=", "error"),
        ("code=", "code"),
        ("error=", "code"),
        ("x=y", "code"),
        ("error_description=y", "code"),
    ] {
        let seen = callback(&format!("{answer}&state={STATE}"));
        refused(seen, Code::CallbackMalformed, detail, answer);
    }
}

#[test]
fn r049_a011_a013_iss_is_the_issuer_byte_for_byte() {
    for server in [server(), naming()] {
        let with = |iss: &str, answer: &str| {
            let iss = encoded(iss);
            let address = format!("{REDIRECT}?{answer}&state={STATE}&iss={iss}");
            arrive(&address, pending(), &server)
        };
        assert!(with(ISSUER, "code=x").is_ok());
        for iss in [
            "https://as.example1",
            "https://as.example/",
            "https://AS.example",
            "HTTPS://as.example",
            "https://as.example:443",
            "https%3A%2F%2Fas.example",
            "https://as.exampl%65",
            "https://evil.example",
            "https://as.example ",
            "https://as.exampl",
            "http://as.example",
            "",
        ] {
            refused(with(iss, "code=x"), Code::IssuerMismatch, "", iss);
            // A014: before the error is believed, too.
            let error = with(iss, "error=access_denied").err().unwrap();
            assert_eq!(error.code(), Code::IssuerMismatch, "{iss}");
            assert!(error.server().is_none());
        }
    }
}

#[test]
fn r050_a012_a_server_that_names_itself_does_so() {
    for answer in ["code=x", "error=access_denied"] {
        let address = format!("{REDIRECT}?{answer}&state={STATE}");
        let seen = arrive(&address, pending(), &naming());
        refused(seen, Code::IssuerMissing, "", answer);
    }
}

#[test]
fn r051_an_iss_that_was_not_announced_must_be_right() {
    let iss = encoded(ISSUER);
    assert!(callback(&format!("code=x&state={STATE}&iss={iss}")).is_ok());
    assert!(callback(&format!("code=x&state={STATE}")).is_ok());
    let seen = callback(&format!("code=x&state={STATE}&iss=x"));
    refused(seen, Code::IssuerMismatch, "", "");
}

/// What counts is the issuer that was configured and stored, whatever a document calls itself.
#[test]
fn r049_a_document_does_not_say_which_iss_is_right() {
    let foreign = document_with("issuer", json!("https://evil.example"));
    let usual = issuer(ISSUER);
    let server = Metadata::check(object(&foreign), &usual, &Urls, Transport::Secure);
    // To refuse such a document at once is as good.
    let Ok(server) = server else { return };
    let with = |iss: &str| {
        let address = format!("{REDIRECT}?code=x&state={STATE}&iss={}", encoded(iss));
        arrive(&address, pending(), &server)
    };
    refused(with("https://evil.example"), Code::IssuerMismatch, "", "evil");
    assert!(with(ISSUER).is_ok());
}

#[test]
fn r052_a007_a_refusal_comes_with_inert_text() {
    let description = encoded("<img src=x onerror=\"alert(1)\">\u{202e}\0");
    let query = format!(
        "error=access_denied&error_description={description}&error_uri=javascript%3Aalert(1)&state={STATE}"
    );
    let error = callback(&query).err().unwrap();
    assert_eq!(error.code(), Code::AuthorizationError);
    let refusal = error.server().unwrap();
    assert_eq!(refusal.error, "access_denied");
    assert_eq!(refusal.description.as_deref(), Some("<img src=x onerror=alert(1)>"));
    assert_eq!((&refusal.uri, &refusal.response), (&None, &None));
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("img") && !text.contains("access_denied"), "{text}");
    }
    let uri = encoded("https://as.example/help");
    let error = callback(&format!("error=x&error_uri={uri}&state={STATE}")).err().unwrap();
    assert_eq!(error.server().unwrap().uri.as_deref(), Some("https://as.example/help"));
}

#[test]
fn r053_a008_text_of_any_kind_is_capped_and_does_no_harm() {
    for (text, shown) in [
        ("x".repeat(PARAMETER), "x".repeat(512)),
        ("%00%01%7F%C2%85a".into(), "a".into()),
        ("%E2%80%AEa".into(), "a".into()),
        ("%E0%A4%A".into(), "%A".into()),
        ("%FF%FEa%".into(), "a%".into()),
        ("a+b%20c".into(), "a b c".into()),
        ("%22a%5C".into(), "a".into()),
    ] {
        let error = callback(&format!("error=x&error_description={text}&state={STATE}"));
        let error = error.err().unwrap();
        assert_eq!(error.code(), Code::AuthorizationError);
        assert_eq!(error.server().unwrap().description.as_deref(), Some(shown.as_str()));
    }
    let megabyte = "x".repeat(1_000_000);
    let seen = callback(&format!("error=x&error_description={megabyte}&state={STATE}"));
    refused(seen, Code::CallbackMalformed, "query", "1 MB");
}

/// An `error` of nothing but characters that are not shown would be an error without a name.
#[test]
fn r048_r053_a_refusal_has_a_name_that_can_be_shown() {
    for error in ["%E2%80%AE", "%00", "%22", "%C3%A9"] {
        let seen = refusal(callback(&format!("error={error}&state={STATE}")));
        assert_eq!(seen.0, Code::CallbackMalformed, "{error}");
    }
}

#[test]
fn r054_a009_a_token_in_a_callback_is_not_wanted() {
    for name in ["access_token", "id_token", "refresh_token"] {
        for address in [
            format!("{REDIRECT}?code=x&state={STATE}&{name}=t"),
            format!("{REDIRECT}?{name}=t&state={STATE}"),
            format!("{REDIRECT}?{name}="),
            format!("{REDIRECT}#{name}=t&state={STATE}"),
            format!("{REDIRECT}?code=x&state={STATE}#{name}=t&token_type=Bearer"),
            format!("{REDIRECT}?error=x&state={STATE}#a=b&{name}=t"),
            format!("{REDIRECT}?state={STATE}#{}=t&code=x", name.replace('_', "%5f")),
        ] {
            let seen = arrive(&address, pending(), &server());
            refused(seen, Code::CallbackUnexpectedToken, name, &address);
        }
    }
}

#[test]
fn r055_a010_query_and_fragment_are_never_merged() {
    for address in [
        format!("{REDIRECT}?state={STATE}#code=evil"),
        format!("{REDIRECT}?code=good&state={STATE}#state=x&code=evil"),
        format!("{REDIRECT}?code=good#state={STATE}"),
        format!("{REDIRECT}?code=good&state={STATE}#error=access_denied"),
        format!("{REDIRECT}?code=good&state={STATE}#iss=https%3A%2F%2Fas.example"),
        format!("{REDIRECT}#code=x&state={STATE}"),
        format!("{REDIRECT}#error=access_denied&state={STATE}"),
        format!("{REDIRECT}?code=good&state={STATE}#c%6fde=evil"),
    ] {
        let seen = arrive(&address, pending(), &server());
        refused(seen, Code::CallbackMalformed, "fragment", &address);
    }
    // Fragments that some servers and some pages leave there.
    for fragment in ["_=_", "", "top", "/route?x=y", "x=code", "codes=1"] {
        let address = format!("{REDIRECT}?code=good&state={STATE}#{fragment}");
        assert!(arrive(&address, pending(), &server()).is_ok(), "{fragment}");
    }
}

#[test]
fn r056_a018_the_callback_is_where_it_was_sent_to() {
    let query = format!("code=x&state={STATE}");
    for place in [
        "https://app.example/",
        "https://app.example/Callback",
        "https://app.example/callback/",
        "https://app.example/callback/evil",
        "https://app.example/callback%2F",
        "https://app.example/c%61llback",
        "https://app.example//callback",
        "https://evil.example/callback",
        "https://app.example.evil.example/callback",
        "http://app.example/callback",
        "https://app.example:8443/callback",
        "https://sub.app.example/callback",
    ] {
        let seen = arrive(&format!("{place}?{query}"), pending(), &server());
        refused(seen, Code::RedirectUriMismatch, "", place);
        // And no refusal is believed there.
        let address = format!("{place}?error=access_denied&state={STATE}");
        let error = arrive(&address, pending(), &server()).err().unwrap();
        assert_eq!(error.code(), Code::RedirectUriMismatch, "{place}");
    }
    let address = format!("{REDIRECT}?next=https%3A%2F%2Fevil&{query}");
    assert!(arrive(&address, pending(), &server()).is_ok());
    for (registered, place) in [
        ("https://app.example/cb?tenant=x", "https://app.example/cb?tenant=x&"),
        ("https://app.example", "https://app.example/?"),
        ("http://127.0.0.1:5173/cb", "http://127.0.0.1:5173/cb?"),
    ] {
        let mut record = pending();
        record.redirect_uri = registered.into();
        let seen = arrive(&format!("{place}{query}"), record, &server());
        assert!(seen.is_ok(), "{registered}");
    }
    let mut record = pending();
    record.redirect_uri = "not an address".into();
    let seen = arrive(&format!("{REDIRECT}?{query}"), record, &server());
    refused(seen, Code::RedirectUriMismatch, "", "");
}

#[test]
fn r059_a_silent_refusal_asks_for_a_login() {
    for (error, asks) in [
        ("login_required", true),
        ("consent_required", true),
        ("interaction_required", true),
        ("account_selection_required", true),
        ("access_denied", false),
        ("Login_required", false),
        ("server_error", false),
        ("invalid_request_uri", false),
        ("request_not_supported", false),
    ] {
        let refused = callback(&format!("error={error}&state={STATE}")).err().unwrap();
        assert_eq!(asks_for_login(&refused), asks, "{error}");
        assert_eq!(refused.retryable(), error == "server_error");
    }
    let silent = SignIn { prompt: Some("none".into()), ..sign_in("openid") };
    assert!(begin(silent).unwrap().1.silent);
}

#[test]
fn r048_r055_what_counts_as_an_answer() {
    for query in ["code=x", "?code=", "error=x&state=y", "?a=b&code=x", "response=x", "c%6fde=x"] {
        assert!(Params::present(query, ""), "{query}");
        assert!(Params::present(query, "#top"), "{query}");
        // A fragment is one only with a state: the rest may be the page's own.
        let fragment = format!("#{}", query.trim_start_matches('?'));
        assert_eq!(Params::present("", &fragment), query.contains("state="), "{fragment}");
        assert!(Params::present("", &format!("{fragment}&state=x")), "{fragment}");
    }
    for fragment in ["access_token=x&state=y", "#id_token=x&state=y"] {
        assert!(Params::present("?a=b", fragment), "{fragment}");
    }
    for query in ["", "?", "state=x", "iss=x", "codes=x", "x=code", "session_state=x"] {
        assert!(!Params::present(query, ""), "{query}");
        assert!(!Params::present("", query), "#{query}");
    }
}

#[test]
fn r057_our_parameters_leave_the_address_and_others_stay_as_they_are() {
    let all: Vec<String> = OURS.iter().map(|name| format!("{name}=canary")).collect();
    assert_eq!(without_ours(&all.join("&")), "");
    assert_eq!(without_ours("?code=x&a=%41+b&state=y&c=%C3%A9&a=2"), "?a=%41+b&c=%C3%A9&a=2");
    assert_eq!(without_ours("c%6Fde=x&st%61te=y&a"), "?a");
    assert_eq!(without_ours("code&state&=x"), "?=x");
    assert_eq!(without_ours("a=code&b=c=state"), "?a=code&b=c=state");
    for query in ["", "?", "&", "?&&"] {
        assert_eq!(without_ours(query), "");
    }
    // What is taken out once is out.
    let once = without_ours("code=x&code=y&&a=b&state=z");
    assert_eq!((once.as_str(), without_ours(&once)), ("?a=b", "?a=b".into()));
}

#[test]
fn r013_unknown_parameters_are_nobodys_business() {
    let many: Vec<String> = ["__proto__", "constructor", "toString", "scope", "authuser", "hd"]
        .iter()
        .map(|name| format!("{name}=x"))
        .collect();
    let query = format!("{}&code=x&state={STATE}", many.join("&"));
    let answer = Params::read(&query, "").unwrap();
    assert_eq!((answer.get("__proto__"), answer.get("scope")), (None, None));
    assert!(callback(&query).is_ok());
}
