//! `WWW-Authenticate`, rows R129, R131, R132 and R139: the grammar, and what an API means.

use grantkit::protocol::challenge::{Challenge, Wanted, parse, resource_metadata, wanted};
use grantkit::protocol::error::Code;

use crate::generator::Generator;
use crate::given::value;

/// Scheme, token68 and parameters of each challenge.
type Seen = Vec<(String, Option<String>, Vec<(String, String)>)>;

fn seen(challenges: &[Challenge]) -> Seen {
    let of = |challenge: &Challenge| {
        let parameters = challenge.iter().map(|(name, value)| (name.into(), value.into()));
        (challenge.scheme.clone(), challenge.token68.clone(), parameters.collect())
    };
    challenges.iter().map(of).collect()
}

/// The same, as it is expected.
type Expected<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)]);

#[track_caller]
fn reads(header: &str, expected: &[Expected<'_>]) {
    let owned: Seen = expected
        .iter()
        .map(|(scheme, token68, parameters)| {
            let pairs = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            ((*scheme).into(), token68.map(Into::into), pairs.collect())
        })
        .collect();
    assert_eq!(parse(header).as_deref().map(seen), Some(owned), "{header:?}");
}

#[test]
fn r129_schemes_and_parameters() {
    reads("Basic", &[("basic", None, &[])]);
    reads("Basic ", &[("basic", None, &[])]);
    reads("BEARER REALM=foo", &[("bearer", None, &[("realm", "foo")])]);
    reads("Bearer realm = \"a, b=c\"", &[("bearer", None, &[("realm", "a, b=c")])]);
    reads("Bearer realm\t=\t\"\"", &[("bearer", None, &[("realm", "")])]);
    reads("Bearer realm=\"\\\"a\\\\\\b\"", &[("bearer", None, &[("realm", "\"a\\b")])]);
    reads("Bearer realm=\"caf\u{e9}\"", &[("bearer", None, &[("realm", "caf\u{e9}")])]);
    reads("Bearer realm='x'", &[("bearer", None, &[("realm", "'x'")])]);
    reads(" , Bearer a=b,, c=d , ", &[("bearer", None, &[("a", "b"), ("c", "d")])]);
    reads("Bearer , a=b", &[("bearer", None, &[("a", "b")])]);
}

#[test]
fn r129_several_challenges() {
    reads(
        "Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
        &[
            ("newauth", None, &[("realm", "apps"), ("type", "1"), ("title", "Login to \"apps\"")]),
            ("basic", None, &[("realm", "simple")]),
        ],
    );
    reads(
        "Basic, DPoP algs=\"ES256\"",
        &[("basic", None, &[]), ("dpop", None, &[("algs", "ES256")])],
    );
    reads("Basic , DPoP", &[("basic", None, &[]), ("dpop", None, &[])]);
    // One name in two challenges is no duplicate.
    reads("A x=1, B x=2", &[("a", None, &[("x", "1")]), ("b", None, &[("x", "2")])]);
}

#[test]
fn r129_token68() {
    reads("Negotiate YII/+-._~==", &[("negotiate", Some("YII/+-._~=="), &[])]);
    reads("A abc, B", &[("a", Some("abc"), &[]), ("b", None, &[])]);
    reads("A abc== , B c=d", &[("a", Some("abc=="), &[]), ("b", None, &[("c", "d")])]);
    reads("Bearer error=", &[("bearer", Some("error="), &[])]);
}

#[test]
fn r129_a076_what_is_not_of_the_grammar_is_no_challenge() {
    for header in [
        "",
        " ",
        ",",
        ", ,",
        "=",
        "\"Bearer\"",
        "error=\"invalid_token\"",
        "Bearer, realm=\"foo\"",
        "Bearer realm=\"foo",
        "Bearer realm=\"foo\\",
        "Bearer realm=foo\"",
        "Bearer realm=\\f",
        "Bearer realm=,a=b",
        "Bearer realm=\"a\"\"b\"",
        "Bearer realm=\"a\" b=c",
        "Bearer realm=\"a\" Basic realm=\"b\"",
        "Bearer foo bar=baz",
        "Bearer foo bar",
        "Bearer a=b, ???",
        "Bearer a=b, c==d",
        "Negotiate abc== ???",
        "Negotiate abc==, realm=\"x\"",
        "Bearer\trealm=\"x\"",
        "Bearer realm=\"a\nb\"",
        "Bearer realm=\"a\u{0}b\"",
        "Bearer realm=\"a\\\u{7f}\"",
        "Bearer r\u{e9}alm=x",
        "B\u{e9}arer realm=x",
        // Section 11.2: once in a challenge.
        "Bearer error=\"invalid_token\", error=\"insufficient_scope\"",
        "Bearer error=a, ERROR=b",
    ] {
        assert_eq!(parse(header), None, "{header:?}");
    }
    assert!(parse(&format!("Bearer a=\"{}\"", "x".repeat(8100))).is_some());
    assert_eq!(parse(&format!("Bearer a=\"{}\"", "x".repeat(65_536))), None);
}

#[test]
fn r130_a_token_that_was_refused_is_renewed() {
    for header in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer realm=\"x\""),
        Some("Basic realm=\"x\""),
        Some("Bearer error=\"invalid_token\""),
        Some("bearer ERROR=invalid_token"),
        Some("Basic realm=x, Bearer error=\"invalid_token\", error_description=\"expired\""),
        Some("DPoP error=\"invalid_token\", algs=\"ES256\""),
        // Not of the grammar: as if there were none.
        Some("Bearer error=\"invalid_request"),
    ] {
        assert_eq!(wanted(401, header), Wanted::Token, "{header:?}");
        assert_eq!(wanted(403, header), Wanted::Nothing, "{header:?}");
        assert_eq!(wanted(200, header), Wanted::Nothing, "{header:?}");
    }
    for error in ["invalid_request", "invalid_dpop_proof", "INVALID_TOKEN", "x"] {
        assert_eq!(wanted(401, Some(&format!("Bearer error={error}"))), Wanted::Nothing, "{error}");
    }
}

#[test]
fn r139_a_nonce_is_wanted_by_dpop_alone() {
    for header in [
        "DPoP error=\"use_dpop_nonce\"",
        "dPoP error=use_dpop_nonce, error_description=\"x\"",
        "Bearer error=\"invalid_token\", DPoP algs=\"ES256\", error=\"use_dpop_nonce\"",
    ] {
        assert_eq!(wanted(401, Some(header)), Wanted::Nonce, "{header}");
    }
    let bearer = "Bearer error=\"use_dpop_nonce\"";
    assert_eq!(wanted(401, Some(bearer)), Wanted::Nothing);
    assert_eq!(wanted(403, Some("DPoP error=\"use_dpop_nonce\"")), Wanted::Nothing);
}

#[test]
fn r131_step_up_says_what_is_wanted() {
    let step_up = |parameters: &str| {
        let header = format!("Bearer error=\"insufficient_user_authentication\"{parameters}");
        match wanted(401, Some(&header)) {
            Wanted::StepUp { acr_values, max_age, scope } => (acr_values, max_age, scope),
            other => panic!("{other:?}"),
        }
    };
    // The examples of RFC 9470, section 3.
    let example = ", error_description=\"A different authentication level is required\", \
                   acr_values=\"myACR\"";
    assert_eq!(step_up(example), (Some("myACR".into()), None, None));
    let recent = ", error_description=\"More recent authentication is required\", max_age=\"5\"";
    assert_eq!(step_up(recent), (None, Some(5), None));
    assert_eq!(step_up(", max_age=5, scope=\"a b\""), (None, Some(5), Some("a b".into())));
    assert_eq!(step_up(", max_age=0"), (None, Some(0), None));
    for wrong in ["-1", "1.5", "\"\"", "x", "99999999999", "\"5 \"", "\" 5\"", "+5"] {
        assert_eq!(step_up(&format!(", max_age={wrong}")), (None, None, None), "{wrong}");
    }
    let header = "Bearer error=\"insufficient_user_authentication\", acr_values=\"a b\", max_age=5";
    let error = wanted(401, Some(header)).error(401, None).unwrap();
    assert_eq!((error.code(), error.http_status()), (Code::StepUpRequired, Some(401)));
    assert!(error.login_required() && !error.retryable());
    let response = error.server().unwrap().response.clone().unwrap();
    assert_eq!(value(&response), serde_json::json!({"acr_values": "a b", "max_age": 5}));
    assert_eq!(error.server_error(), Some("insufficient_user_authentication"));
}

#[test]
fn r131_more_scope_says_which() {
    let header = "Bearer error=\"insufficient_scope\", scope=\"orders:write\"";
    for status in [401, 403] {
        let seen = wanted(status, Some(header));
        assert_eq!(seen, Wanted::Scope(Some("orders:write".into())));
        let error = seen.error(status, None).unwrap();
        assert_eq!((error.code(), error.http_status()), (Code::InsufficientScope, Some(status)));
        assert!(!error.login_required() && !error.retryable());
        let response = error.server().unwrap().response.clone().unwrap();
        assert_eq!(value(&response), serde_json::json!({"scope": "orders:write"}));
    }
    assert_eq!(wanted(403, Some("Bearer error=insufficient_scope")), Wanted::Scope(None));
    // Words of an API are filtered as those of a server are.
    let odd = "Bearer error=insufficient_scope, scope=\"a\u{202e}b\\\"\"";
    assert_eq!(wanted(403, Some(odd)), Wanted::Scope(Some("ab".into())));
    for nothing in [Wanted::Nothing, Wanted::Nonce, Wanted::Token] {
        assert_eq!(nothing.error(401, None), None);
    }
}

#[test]
fn r132_where_the_metadata_is_said_to_be() {
    // RFC 9728, section 5.1.
    let header = "Bearer resource_metadata=\
        \"https://resource.example.com/.well-known/oauth-protected-resource\"";
    let challenges = parse(header).unwrap();
    let expected = "https://resource.example.com/.well-known/oauth-protected-resource";
    assert_eq!(resource_metadata(&challenges), Some(expected));
    let other = parse("Basic, DPoP resource_metadata=\"x\"").unwrap();
    assert_eq!(resource_metadata(&other), Some("x"));
    assert_eq!(resource_metadata(&parse("Bearer").unwrap()), None);
}

#[test]
fn r129_wounded_headers() {
    let corpus: [&[u8]; 4] = [
        b"Bearer realm=\"a\", error=\"invalid_token\", error_description=\"The \\\"x\\\"\"",
        b"DPoP algs=\"ES256 PS256\", error=use_dpop_nonce, Basic, Negotiate abc==",
        b", Newauth a=b,,c = \"d\" , E f=g",
        b"Bearer error=\"insufficient_user_authentication\", max_age=5, acr_values=\"a b\"",
    ];
    let words: [&[u8]; 8] = [b",", b"=", b"\"", b"\\", b" ", b"\t", b"\xc3\xa9", b"a=b"];
    let mut random = Generator::new(0x129);
    let mut accepted = 0;
    for _ in 0..100_000 {
        let header = random.mutated(&corpus, &words);
        let header = String::from_utf8_lossy(&header);
        let _ = wanted(401, Some(&header));
        let Some(challenges) = parse(&header) else { continue };
        accepted += 1;
        // What was read, written down again, is read the same.
        let mut again = String::new();
        for challenge in &challenges {
            again.push_str(&format!(", {} ", challenge.scheme));
            match &challenge.token68 {
                Some(token68) => again.push_str(token68),
                None => {
                    for (name, value) in challenge.iter() {
                        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                        again.push_str(&format!(",{name}=\"{value}\""));
                    }
                }
            }
        }
        assert_eq!(parse(&again).as_ref(), Some(&challenges), "{header:?} {again:?}");
        for challenge in &challenges {
            let mut names: Vec<&str> = challenge.iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{header:?}");
        }
    }
    assert!(accepted > 10_000, "{accepted}");
}
