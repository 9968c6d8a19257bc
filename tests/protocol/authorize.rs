//! The request that a person takes to the authorization server.

use std::collections::HashSet;

use grantkit::protocol::authorize::{
    Client, RESERVED, Randomness, SignIn, Wish, check_scope, has_scope,
};
use grantkit::protocol::error::Code;
use grantkit::protocol::pkce;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::generator::Generator;
use crate::given::{
    CLIENT, REDIRECT, ask_of, begin, check, client, document_with, object, parameters, random,
    read, refused, server, sign_in, values,
};

fn url_safe(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// A sign-in with a parameter of the caller's own.
fn with_parameter(name: &str, value: &str) -> SignIn {
    let mut ask = sign_in("openid");
    ask.wish.parameters = vec![(name.into(), value.into())];
    ask
}

#[test]
fn r003_r033_r062_the_whole_request() {
    let (address, _) = begin(SignIn {
        wish: Wish {
            scope: Some("openid api".into()),
            resource: vec!["https://a".into(), "urn:b".into()],
            audience: vec!["x y".into()],
            acr_values: Some("tenant:blue".into()),
            parameters: vec![("ext".into(), "1&2".into()), ("none".into(), "".into())],
        },
        prompt: Some("login consent".into()),
        login_hint: Some("alice@as.example".into()),
        ui_locales: Some("de en".into()),
        max_age: Some(60),
        claims: Some(object(&json!({"id_token": {"acr": {"essential": true}}}))),
        authorization_details: Some(read(&json!([{"type": "a"}]))),
        return_to: Some("/canary-path".into()),
        app_state: Some(read(&json!({"canary": 1}))),
        beside: false,
    })
    .unwrap();
    let sent = parameters(&address);
    let sent: Vec<(&str, &str)> = sent.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(
        sent,
        [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("state", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"),
            ("nonce", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"),
            ("code_challenge", &pkce::challenge(&pkce::verifier(&[3; 32]))),
            ("code_challenge_method", "S256"),
            ("scope", "openid api"),
            ("resource", "https://a"),
            ("resource", "urn:b"),
            ("audience", "x y"),
            ("acr_values", "tenant:blue"),
            ("ext", "1&2"),
            ("prompt", "login consent"),
            ("login_hint", "alice@as.example"),
            ("ui_locales", "de en"),
            ("max_age", "60"),
            ("claims", "{\"id_token\":{\"acr\":{\"essential\":true}}}"),
            ("authorization_details", "[{\"type\":\"a\"}]"),
        ]
    );
    assert!(address.starts_with("https://as.example/authorize?response_type=code&"));
    assert!(!address.contains("canary") && !address.contains('#'));
}

#[test]
fn r003_the_endpoints_own_query_is_kept() {
    let document = document_with("authorization_endpoint", json!("https://as.example/a?tenant=x"));
    let server = check(&document).unwrap();
    let (address, _) = ask_of(&server, client(), sign_in("api"), &random()).unwrap();
    assert!(address.starts_with("https://as.example/a?tenant=x&response_type=code&"));
}

#[test]
fn r004_a024_what_this_client_sets_is_not_set_by_others() {
    for name in [
        "state",
        "nonce",
        "client_id",
        "client_secret",
        "redirect_uri",
        "response_type",
        "response_mode",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "code",
        "grant_type",
        "scope",
        "request",
        "request_uri",
        "client_assertion",
        "client_assertion_type",
        "refresh_token",
        "dpop_jkt",
        "",
    ] {
        assert!(name.is_empty() || RESERVED.contains(&name), "{name}");
        for value in ["x", "plain", "token", ""] {
            let ask = with_parameter(name, value);
            refused(ask.wish.check(), Code::ConfigInvalid, "parameters", name);
            refused(begin(ask), Code::ConfigInvalid, "parameters", name);
        }
    }
    assert!(begin(with_parameter("State", "x")).is_ok());
    assert!(begin(with_parameter("ext", "x")).is_ok());
}

/// An option and a parameter of the same name would be sent twice, or past the option's checks.
#[test]
fn r004_an_option_is_not_sent_a_second_time_as_a_parameter() {
    for (name, value) in [
        ("prompt", "login"),
        ("login_hint", "bob"),
        ("ui_locales", "fr"),
        ("max_age", "5"),
        ("claims", "{}"),
        ("authorization_details", "[]"),
        ("acr_values", "x"),
    ] {
        let mut ask = with_parameter(name, value);
        ask.prompt = Some("consent".into());
        ask.login_hint = Some("alice".into());
        ask.ui_locales = Some("de".into());
        ask.max_age = Some(60);
        ask.claims = Some(object(&json!({"userinfo": {}})));
        ask.authorization_details = Some(read(&json!([{"type": "a"}])));
        ask.wish.acr_values = Some("y".into());
        match begin(ask) {
            Err(error) => assert_eq!(error.code(), Code::ConfigInvalid, "{name}"),
            Ok((address, _)) => {
                assert_eq!(values(&parameters(&address), name).len(), 1, "{name} is sent twice");
            }
        }
    }
}

#[test]
fn r036_what_an_option_would_check_is_not_smuggled_in_as_a_parameter() {
    for (name, value) in [
        ("prompt", "none login"),
        ("max_age", "-1"),
        ("max_age", "1.5"),
        ("claims", "{"),
        ("authorization_details", "x"),
    ] {
        let what = format!("{name}={value}");
        refused(begin(with_parameter(name, value)), Code::ConfigInvalid, "parameters", &what);
    }
}

#[test]
fn r036_r101_a_max_age_that_is_sent_is_remembered() {
    let (_, pending) = begin(SignIn { max_age: Some(0), ..sign_in("openid") }).unwrap();
    assert_eq!(pending.max_age, Some(0));
    if let Ok((address, pending)) = begin(with_parameter("max_age", "5")) {
        assert_eq!(values(&parameters(&address), "max_age"), ["5"]);
        assert_eq!(pending.max_age, Some(5), "auth_time would not be checked");
    }
}

#[test]
fn r036_a_silent_request_is_remembered_as_silent() {
    let (address, pending) =
        begin(SignIn { prompt: Some("none".into()), ..sign_in("openid") }).unwrap();
    assert_eq!(values(&parameters(&address), "prompt"), ["none"]);
    assert!(pending.silent);
    if let Ok((_, pending)) = begin(with_parameter("prompt", "none")) {
        assert!(pending.silent, "a refusal would be an error and not an answer");
    }
}

#[test]
fn r028_r031_r032_each_request_has_values_of_its_own() {
    let mut generator = Generator::new(28);
    let (mut states, mut nonces, mut verifiers) = (HashSet::new(), HashSet::new(), HashSet::new());
    let server = server();
    for _ in 0..10_000 {
        let random = Randomness {
            state: generator.bytes(),
            nonce: generator.bytes(),
            verifier: generator.bytes(),
        };
        let (_, pending) = ask_of(&server, client(), sign_in("openid"), &random).unwrap();
        let nonce = pending.nonce.unwrap();
        let verifier = pending.verifier.expose().to_owned();
        assert!((43..=128).contains(&verifier.len()) && url_safe(&verifier));
        assert!(pending.state.len() <= 128 && url_safe(&pending.state));
        assert!(nonce.len() <= 43 && url_safe(&nonce));
        // All 256 bits of each are there.
        for (text, bytes) in
            [(&pending.state, random.state), (&nonce, random.nonce), (&verifier, random.verifier)]
        {
            assert_eq!(grantkit::protocol::base64url::decode(text).unwrap(), bytes);
        }
        assert!(states.insert(pending.state) && nonces.insert(nonce) && verifiers.insert(verifier));
    }
}

#[test]
fn r029_r030_the_challenge_is_s256_always() {
    let (address, pending) = begin(sign_in("openid")).unwrap();
    let sent = parameters(&address);
    let digest = ring::digest::digest(&ring::digest::SHA256, pending.verifier.expose().as_bytes());
    let expected = grantkit::protocol::base64url::encode(digest.as_ref());
    assert_eq!(values(&sent, "code_challenge"), [expected.as_str()]);
    assert_eq!(values(&sent, "code_challenge_method"), ["S256"]);
    assert!(!expected.contains('=') && expected.len() == 43);
    assert!(begin(with_parameter("code_challenge_method", "plain")).is_err());
}

#[test]
fn r062_a_verifier_does_not_travel_with_the_person() {
    let (address, pending) = begin(sign_in("openid")).unwrap();
    assert!(!address.contains(pending.verifier.expose()));
    assert!(values(&parameters(&address), "code_verifier").is_empty());
}

#[test]
fn r032_r034_openid_is_never_added() {
    let (address, pending) = begin(sign_in("openid api")).unwrap();
    assert_eq!(values(&parameters(&address), "nonce"), [pending.nonce.unwrap()]);
    for scope in ["api", "", "OpenID", "openid.x", "xopenid", "open-id"] {
        let (address, pending) = begin(sign_in(scope)).unwrap();
        let sent = parameters(&address);
        assert_eq!(pending.nonce, None, "{scope}");
        assert!(values(&sent, "nonce").is_empty());
        assert_eq!(values(&sent, "scope").concat(), scope);
    }
    let (address, pending) = begin(SignIn::default()).unwrap();
    assert!(values(&parameters(&address), "scope").is_empty());
    assert_eq!((pending.scope, pending.nonce), (None, None));
}

#[test]
fn r034_a_scope_has_the_characters_of_the_specification() {
    for scope in [
        "a\"b",
        "a\\b",
        "é",
        "a\tb",
        "a\nb",
        "a\0b",
        "a  b",
        " a",
        "a ",
        " ",
        "a\u{7f}",
        "a a",
        "openid api openid",
        "a\u{a0}b",
    ] {
        refused(check_scope(scope), Code::ConfigInvalid, "scope", scope);
        refused(begin(sign_in(scope)), Code::ConfigInvalid, "scope", scope);
    }
    for scope in ["", "a", "openid api", "!#[]~", "https://graph.example/.default", "a A"] {
        assert_eq!(check_scope(scope), Ok(()), "{scope}");
    }
    assert!(has_scope(Some("a openid b"), "openid"));
    assert!(!has_scope(Some("a openidb"), "openid") && !has_scope(None, "openid"));
}

#[test]
fn r035_the_registered_string_is_sent_and_kept_as_it_is() {
    for redirect_uri in [
        "https://app.example/callback",
        "https://App.Example:443/a/../callback?x=%41&y=%e9",
        "https://app.example",
        "http://127.0.0.1:5173/",
    ] {
        let client = Client { id: "id with space&co", redirect_uri };
        let (address, pending) = ask_of(&server(), client, sign_in("openid"), &random()).unwrap();
        let sent = parameters(&address);
        assert_eq!(values(&sent, "redirect_uri"), [redirect_uri]);
        assert_eq!(values(&sent, "client_id"), ["id with space&co"]);
        assert_eq!(pending.redirect_uri, redirect_uri);
        assert_eq!(pending.client_id, "id with space&co");
    }
}

#[test]
fn r036_prompt_none_stands_alone() {
    for prompt in
        ["none login", "login none", "none none", "", " ", "login  consent", " none", "none "]
    {
        let ask = SignIn { prompt: Some(prompt.into()), ..sign_in("openid") };
        refused(begin(ask), Code::ConfigInvalid, "prompt", prompt);
    }
    for prompt in ["none", "login", "login consent", "create"] {
        let ask = SignIn { prompt: Some(prompt.into()), ..sign_in("openid") };
        assert_eq!(begin(ask).unwrap().1.silent, prompt == "none");
    }
}

#[test]
fn r036_max_age_may_be_nothing_at_all() {
    for seconds in [0, 1, u32::MAX] {
        let ask = SignIn { max_age: Some(seconds), ..sign_in("openid") };
        let (address, pending) = begin(ask).unwrap();
        assert_eq!(values(&parameters(&address), "max_age"), [seconds.to_string()]);
        assert_eq!(pending.max_age, Some(seconds));
    }
}

#[test]
fn r037_resources_are_absolute_and_details_have_a_type() {
    let resource =
        |text: &str| Wish { resource: vec!["https://a".into(), text.into()], ..Wish::default() };
    for text in
        ["x#y", "https://a#", "relative", "/path", "", "/a:b", ":a", "1a:b", "a b:c", "a:", "é:b"]
    {
        refused(resource(text).check(), Code::ConfigInvalid, "resource", text);
    }
    for text in ["urn:x", "a+b-c.1:x", "https://a", "api://b"] {
        assert_eq!(resource(text).check(), Ok(()), "{text}");
    }
    for details in
        [json!({"type": "a"}), json!(["a"]), json!([{}]), json!([{"type": 7}]), json!("x")]
    {
        let what = details.to_string();
        let ask = SignIn { authorization_details: Some(read(&details)), ..sign_in("openid") };
        refused(begin(ask), Code::ConfigInvalid, "authorizationDetails", &what);
    }
}

fn essential(acr: Value) -> SignIn {
    SignIn { claims: Some(object(&json!({"id_token": {"acr": acr}}))), ..sign_in("openid") }
}

#[test]
fn r102_an_acr_that_is_essential_is_remembered() {
    for (acr, kept) in [
        (json!({"essential": true, "values": ["a", "b"]}), vec!["a", "b"]),
        (json!({"essential": true, "value": "c"}), vec!["c"]),
        (json!({"essential": true, "values": ["a"], "value": "c"}), vec!["a", "c"]),
        (json!({"essential": false, "values": ["a"]}), vec![]),
        (json!({"values": ["a"]}), vec![]),
        (Value::Null, vec![]),
    ] {
        assert_eq!(begin(essential(acr)).unwrap().1.essential_acr, kept);
    }
}

/// A check that cannot be made must not be dropped in silence.
#[test]
fn r036_r102_an_essential_acr_that_cannot_be_read_is_refused() {
    for acr in [
        json!({"essential": true, "values": "a"}),
        json!({"essential": true, "values": ["a", 1]}),
        json!({"essential": true, "value": 1}),
        json!({"essential": "true", "values": ["a"]}),
    ] {
        let what = acr.to_string();
        refused(begin(essential(acr)), Code::ConfigInvalid, "claims", &what);
    }
}

#[test]
fn r019_a_server_without_the_endpoint_is_not_guessed_at() {
    let server = check(&document_with("authorization_endpoint", Value::Null)).unwrap();
    let seen = ask_of(&server, client(), sign_in("openid"), &random());
    refused(seen, Code::MetadataUnsupported, "authorization_endpoint", "");
}

#[test]
fn r040_a_server_that_wants_pushed_requests_is_not_sent_plain_ones() {
    let name = "require_pushed_authorization_requests";
    let server = check(&document_with(name, json!(true))).unwrap();
    let seen = ask_of(&server, client(), sign_in("openid"), &random());
    refused(seen, Code::MetadataUnsupported, name, "");
}

#[test]
fn r022_two_wishes_share_a_key_only_if_they_are_the_same_request() {
    let wish = |scope: &str, resource: &[&str], audience: &[&str], more: &[(&str, &str)]| Wish {
        scope: Some(scope.into()),
        resource: resource.iter().map(|text| (*text).into()).collect(),
        audience: audience.iter().map(|text| (*text).into()).collect(),
        acr_values: None,
        parameters: more.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
    };
    let all = [
        wish("", &[], &[], &[]),
        wish("a", &[], &[], &[]),
        wish("a&resource=b:c", &[], &[], &[]),
        wish("a", &["b:c"], &[], &[]),
        wish("a", &["b:c", "d:e"], &[], &[]),
        wish("a", &["b:c&resource=d:e"], &[], &[]),
        wish("a", &[], &["b:c"], &[]),
        wish("a", &[], &["b", "c"], &[]),
        wish("a", &[], &["b c"], &[]),
        wish("a", &[], &[], &[("b", "c")]),
        wish("a", &[], &[], &[("b", "c=d")]),
        wish("a", &[], &[], &[("b=c", "d")]),
    ];
    let keys: HashSet<String> = all.iter().map(Wish::key).collect();
    assert_eq!(keys.len(), all.len());
    let tenant = Wish { acr_values: Some("tenant:a".into()), ..Wish::default() };
    assert!(!keys.contains(&tenant.key()));
}

#[test]
fn r004_a_wish_wins_over_defaults() {
    let defaults = Wish {
        scope: Some("a".into()),
        resource: vec!["r:1".into()],
        audience: vec!["x".into()],
        acr_values: Some("t".into()),
        parameters: vec![("p".into(), "1".into()), ("q".into(), "2".into())],
    };
    let over = Wish {
        scope: Some("b".into()),
        parameters: vec![("p".into(), "3".into())],
        ..Wish::default()
    }
    .over(&defaults);
    assert_eq!(over.scope.as_deref(), Some("b"));
    assert_eq!(over.resource, ["r:1"]);
    assert_eq!(
        over.parameters,
        [("p".into(), "3".into()), ("q".into(), "2".into())] as [(String, String); 2]
    );
    let bare = Wish { scope: Some(String::new()), ..Wish::default() };
    assert_eq!(bare.over(&defaults).scope.as_deref(), Some(""));
}

#[test]
fn r029_the_challenge_of_a_verifier_is_one() {
    for length in [43, 64, 128] {
        let verifier = "a".repeat(length);
        let digest = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        let expected = grantkit::protocol::base64url::encode(digest.as_ref());
        assert_eq!(pkce::challenge(&Secret::new(verifier)), expected);
    }
}
