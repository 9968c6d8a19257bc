//! Wounded inputs by the hundred thousand: no panic, and what is accepted keeps its promises.

use std::collections::HashSet;

use grantkit::protocol::authorize::{LIFE, Pending};
use grantkit::protocol::callback::{OURS, PARAMETER, Params, QUERY, without_ours};
use grantkit::protocol::ciba::{self, Ping};
use grantkit::protocol::error::{Code, Error, Refusal};
use grantkit::protocol::json::{Json, read, read_object};
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::{Algorithm, parse};
use grantkit::protocol::logout::front_channel;
use grantkit::protocol::poll::Poll;
use grantkit::protocol::time::http_date;
use grantkit::protocol::token::{Reading, response};
use grantkit::protocol::url::Transport;
use grantkit::protocol::{
    device, initiate, introspect, logout_token, par, register, resource_metadata,
};
use serde_json::{Value, json};

use crate::generator::Generator;
use crate::given::{ISSUER, Judge, NOW, issuer, pending, reply, token};
use crate::signer::{ed25519, p256, rsa};
use crate::urls::Urls;

const MANY: usize = 200_000;

/// Words of JSON, of URLs, of dates and of tokens.
const WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b",",
    b":",
    b"0",
    b"-",
    b".",
    b"e",
    b"1e400",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"\"a\":1,",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\ud83e\\udd80",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\0",
    b"\n",
    b" ",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"99999999999999999999",
    b"__proto__",
    b"\"keys\":",
    b"&",
    b"=",
    b"%",
    b"%00",
    b"%ff",
    b"%26",
    b"+",
    b"?",
    b"#",
    b"code=x&",
    b"state=",
    b"error=",
    b"access_token=",
    b"iss=",
    b", ",
    b" GMT",
    b"Feb",
    b"2024",
    b"..",
    b"eyJhbGciOiJub25lIn0.",
    b"RS256",
    b"none",
    b"AQAB",
];

#[test]
fn r011_a043_wounded_json() {
    let corpus: Vec<Vec<u8>> = [
        "{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"x\":[1.5e-3,null,true]}",
        "{\"iss\":\"https://as.example\",\"aud\":[\"spa\"],\"exp\":1800000300.5,\"sub\":\"\\u00e9\\ud83e\\udd80\"}",
        "[[[{}]],{\"\":{\"a\":[]}},-0.0,1E+2,\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
        "\u{feff} { \"a\" : 1 , \"b\" : [ ] } ",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}]}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let corpus: Vec<&[u8]> = corpus.iter().map(Vec::as_slice).collect();
    let mut random = Generator::new(0x11);
    let mut accepted = 0;
    for _ in 0..MANY {
        let input = random.mutated(&corpus, WORDS);
        let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&input);
        let theirs = serde_json::from_slice::<Value>(text);
        let Ok(ours) = read(&input) else { continue };
        accepted += 1;
        let mut written = String::new();
        ours.write(&mut written);
        let again = read(written.as_bytes());
        assert_eq!(again.as_ref(), Ok(&ours), "{}", String::from_utf8_lossy(&input));
        let mut twice = String::new();
        again.unwrap().write(&mut twice);
        assert_eq!(twice, written);
        // Whatever is JSON here is the same JSON to serde_json, but for numbers that no f64 holds.
        match theirs {
            Ok(theirs) => {
                assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), theirs);
            }
            Err(error) => assert!(
                error.to_string().contains("number out of range"),
                "{error}: {}",
                String::from_utf8_lossy(&input)
            ),
        }
        drop((ours.as_integer(), ours.as_floor(), ours.as_strings(), format!("{ours:?}")));
        for number in ours.as_array().unwrap_or_default() {
            let (whole, floor) = (number.as_integer(), number.as_floor());
            assert!(whole.is_none() || whole == floor);
        }
    }
    assert!(accepted > MANY / 50, "{accepted}");
}

#[test]
fn r047_r053_wounded_callbacks() {
    let corpus: [&[u8]; 5] = [
        b"?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj&iss=https%3A%2F%2Fas.example",
        b"error=access_denied&error_description=no+%C3%A9%22&error_uri=https%3A%2F%2Fas.example&state=s",
        b"?a=b&&c&=d&code=x&state=y&scope=openid+api&session_state=z",
        b"access_token=t&token_type=Bearer",
        b"?x=%E0%A4%A&y=%&z=%zz",
    ];
    let mut random = Generator::new(0x47);
    let mut accepted = 0;
    for _ in 0..MANY {
        let query = random.mutated(&corpus, WORDS);
        let query = String::from_utf8_lossy(&query);
        let fragment = match random.below(3) {
            0 => random.mutated(&corpus, WORDS),
            _ => Vec::new(),
        };
        let fragment = String::from_utf8_lossy(&fragment);
        let foreign = without_ours(&query);
        assert_eq!(without_ours(&foreign), foreign, "{query:?}");
        let left =
            url::form_urlencoded::parse(foreign.strip_prefix('?').unwrap_or(&foreign).as_bytes());
        for (name, _) in left {
            assert!(!OURS.contains(&&*name), "{query:?} left {foreign:?}");
        }
        let Ok(answer) = Params::read(&query, &fragment) else {
            continue;
        };
        accepted += 1;
        assert!(query.len() <= QUERY);
        let bare = query.strip_prefix('?').unwrap_or(&query);
        let all: Vec<(String, String)> =
            url::form_urlencoded::parse(bare.as_bytes()).into_owned().collect();
        for name in OURS {
            let mut sent = all.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
            assert_eq!(answer.get(name), sent.next().map(String::as_str), "{query:?}");
            assert_eq!(sent.next(), None, "{query:?}");
            assert!(answer.get(name).is_none_or(|value| value.len() <= PARAMETER));
        }
        for token in ["access_token", "id_token", "refresh_token"] {
            assert_eq!(answer.get(token), None);
        }
        let answers = ["code", "error", "response"].iter().any(|name| answer.get(name).is_some());
        assert_eq!(Params::present(&query, ""), answers, "{query:?}");
    }
    assert!(accepted > MANY / 10, "{accepted}");
}

#[test]
fn r082_wounded_tokens() {
    let corpus: Vec<String> = vec![
        token("ES256").signed(),
        token("EdDSA").header("kid", "ed25519").signed(),
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA".into(),
        "eyJhbGciOiJub25lIn0.e30.".into(),
    ];
    let corpus: Vec<&[u8]> = corpus.iter().map(|text| text.as_bytes()).collect();
    let good: HashSet<&[u8]> = corpus.iter().copied().collect();
    let (allowed, judge) = (Algorithm::defaults(), Judge::default());
    let mut random = Generator::new(0x82);
    let mut parsed = 0;
    for _ in 0..MANY {
        let raw = random.mutated(&corpus, WORDS);
        let Ok(raw) = String::from_utf8(raw) else { continue };
        let Ok(token) = parse(&raw, &allowed, &["JWT"]) else {
            continue;
        };
        parsed += 1;
        let (input, _) = raw.rsplit_once('.').unwrap();
        assert_eq!(token.input, input.as_bytes());
        assert_eq!(
            token.algorithm.signature_size().unwrap_or(token.signature.len()),
            token.signature.len()
        );
        // Nothing but the tokens themselves has a good signature.
        if !good.contains(raw.as_bytes()) {
            assert!(judge.claims(&raw).is_err(), "{raw}");
        }
    }
    assert!(parsed > MANY / 100, "{parsed}");
}

#[test]
fn r094_wounded_dates() {
    let corpus: [&[u8]; 4] = [
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Thu, 29 Feb 2024 23:59:60 GMT",
        b"Fri, 31 Dec 9999 23:59:59 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
    ];
    let mut random = Generator::new(0x94);
    let mut accepted = 0;
    for _ in 0..MANY {
        let text = random.mutated(&corpus, WORDS);
        let text = String::from_utf8_lossy(&text);
        if let Some(at) = http_date(&text) {
            accepted += 1;
            assert!((0..253_402_300_800_000).contains(&at) && at % 1000 == 0, "{text:?} {at}");
        }
        let mut busy = reply(503, "");
        (busy.retry_after, busy.date) = (Some(text.to_string()), Some(text.to_string()));
        assert!(busy.wait_seconds().is_none_or(|seconds| seconds <= 86_400));
    }
    assert!(accepted > MANY / 50, "{accepted}");
}

#[test]
fn r071_to_r080_wounded_token_responses() {
    let corpus: [&[u8]; 4] = [
        b"{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"refresh_token\":\"r\",\"scope\":\"a\",\"id_token\":\"a.b.c\"}",
        b"{\"access_token\":\"t\",\"token_type\":\"N_A\",\"issued_token_type\":\"x\",\"refresh_expires_in\":1}",
        b"{\"error\":\"invalid_grant\",\"error_description\":\"no\",\"error_uri\":\"https://as.example/\"}",
        b"{\"access_token\":\"t\",\"expires_in\":\"3600\"}",
    ];
    let mut random = Generator::new(0x71);
    let mut accepted = 0;
    for _ in 0..MANY {
        let body = random.mutated(&corpus, WORDS);
        let status = [200, 200, 200, 400, 503][random.below(5)];
        let reading = [Reading::Strict, Reading::Lenient][random.below(2)];
        let reply = reply(status, &body);
        match response(&reply, reading) {
            Ok(tokens) => {
                accepted += 1;
                assert_eq!(status, 200);
                let token = tokens.access_token.expose();
                assert!(!token.is_empty() && token.bytes().all(|b| (b' '..=b'~').contains(&b)));
                assert!(tokens.expires_in.is_none_or(|seconds| seconds <= 0x7fff_ffff));
                assert!(tokens.refresh_token.is_none_or(|token| !token.expose().is_empty()));
                assert!(tokens.response.get("error").is_none());
                assert_eq!(tokens.response.text("access_token"), Some(token));
            }
            Err(error) => {
                assert!(error.to_string().starts_with(error.code().as_str()));
                if let Some(refusal) = error.server() {
                    let printable = |text: &str| {
                        text.len() <= 512
                            && text
                                .bytes()
                                .all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\')
                    };
                    assert!(printable(&refusal.error));
                    assert!(refusal.description.as_deref().is_none_or(printable));
                }
            }
        }
    }
    assert!(accepted > MANY / 50, "{accepted}");
}

#[test]
fn r105_to_r111_wounded_key_sets() {
    let set = |keys: &[Value]| json!({"keys": keys}).to_string().into_bytes();
    let mut short = rsa().jwk();
    short["n"] = json!("AQAB");
    let corpus = [
        set(&[p256().jwk(), ed25519().jwk()]),
        set(&[ed25519().jwk(), short]),
        set(&[json!({"kty": "oct", "k": "AA"}), p256().jwk()]),
        set(&[json!({"kty": "OKP", "crv": "Ed448", "x": "AA", "key_ops": ["verify"]}), json!(7)]),
    ];
    let corpus: Vec<&[u8]> = corpus.iter().map(Vec::as_slice).collect();
    let raw = token("ES256").signed();
    let signed = parse(&raw, &Algorithm::defaults(), &["JWT"]).unwrap();
    let mut random = Generator::new(0x105);
    let mut found = 0;
    for _ in 0..MANY {
        let bytes = random.mutated(&corpus, WORDS);
        let Ok(object) = read_object(&bytes) else { continue };
        let Ok(keys) = KeySet::check(&object) else { continue };
        if let Ok(key) = keys.find(&signed) {
            found += 1;
            let check = signed.check(key);
            assert_eq!(check.signature.len(), 64);
            assert_eq!(check.algorithm.name, "ES256");
        }
    }
    assert!(found > MANY / 50, "{found}");
}

#[test]
fn r045_a082_wounded_records() {
    let mut bare = pending();
    (bare.nonce, bare.scope, bare.return_to) = (None, None, Some("/".into()));
    let corpus = [pending().to_json().to_text(), bare.to_json().to_text()];
    let corpus: Vec<&[u8]> = corpus.iter().map(|text| text.as_bytes()).collect();
    let mut random = Generator::new(0x45);
    let mut accepted = 0;
    for _ in 0..MANY {
        let bytes = random.mutated(&corpus, WORDS);
        let Ok(object) = read_object(&bytes) else { continue };
        let Some(record) = Pending::from_json(object) else {
            continue;
        };
        accepted += 1;
        let again = read_object(record.to_json().to_text().as_bytes()).unwrap();
        assert_eq!(Pending::from_json(again).as_ref(), Some(&record));
        let near = record.created_at.abs_diff(NOW) <= LIFE as u64;
        assert_eq!(record.alive(NOW), near, "{}", record.created_at);
    }
    assert!(accepted > MANY / 50, "{accepted}");
}

#[test]
fn r149_to_r155_wounded_answers() {
    let corpus: [&[u8]; 6] = [
        b"{\"device_code\":\"d\",\"user_code\":\"WDJB-MJHT\",\"verification_uri\":\"https://as.example/d\",\"expires_in\":1800,\"interval\":5}",
        b"{\"auth_req_id\":\"1c266114-a1be\",\"expires_in\":120,\"interval\":2}",
        b"{\"active\":true,\"scope\":\"a b\",\"aud\":[\"x\"],\"exp\":1419356238,\"sub\":\"s\"}",
        b"{\"request_uri\":\"urn:x\",\"expires_in\":60}",
        b"{\"client_id\":\"c\",\"client_secret\":\"s\",\"client_secret_expires_at\":0,\"registration_client_uri\":\"https://as.example/r\",\"registration_access_token\":\"t\"}",
        b"{\"resource\":\"https://api.example\",\"authorization_servers\":[\"https://as.example\"],\"scopes_supported\":[\"a\"]}",
    ];
    let (strict, secure) = (Reading::Strict, Transport::Secure);
    let mut random = Generator::new(0x150);
    let mut accepted = [0; 6];
    for _ in 0..MANY {
        let body = random.mutated(&corpus, WORDS);
        let (ok, created) = (reply(200, &body), reply(201, &body));
        if let Ok(seen) = device::response(&ok, strict, &Urls, secure) {
            accepted[0] += 1;
            assert!(seen.expires_in > 0 && seen.interval > 0);
            let page = url::Url::parse(&seen.verification_uri).unwrap();
            assert_eq!(page.scheme(), "https", "{page}");
            assert!(seen.user_code.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
        if let Ok(seen) = ciba::response(&ok, strict) {
            accepted[1] += 1;
            assert!(seen.expires_in > 0 && seen.interval > 0);
            assert!(!seen.auth_req_id.expose().is_empty());
        }
        if let Ok(seen) = introspect::response(&ok) {
            accepted[2] += 1;
            assert_eq!(seen.response.get("active").and_then(Json::as_bool), Some(seen.active));
            assert!(seen.active || seen.response.iter().count() == 1);
        }
        if let Ok(seen) = par::response(&created, strict, NOW) {
            accepted[3] += 1;
            assert!(seen.expires_in > 0 && !seen.request_uri.is_empty());
        }
        if let Ok(seen) = register::response(&created, &Urls, secure) {
            accepted[4] += 1;
            assert!(!seen.client_id.is_empty());
            assert!(
                seen.client_secret.is_none()
                    || seen.response.get("client_secret_expires_at").is_some()
            );
        }
        let resource = "https://api.example";
        if let Ok(seen) = resource_metadata::response(&ok, resource, &Urls, secure) {
            accepted[5] += 1;
            assert_eq!(seen.document.text("resource"), Some(resource));
        }
        let _ = Ping::read(Some("Bearer x"), &body);
    }
    assert!(accepted.iter().all(|seen| *seen > MANY / 500), "{accepted:?}");
}

#[test]
fn r042_r161_r162_wounded_visits() {
    let corpus: [&[u8]; 4] = [
        b"?iss=https%3A%2F%2Fas.example&sid=s",
        b"iss=https://as.example&login_hint=jane&target_link_uri=https://app.example/a?b%23c",
        b"logout_token=a.b.c&x=y",
        b"?iss=https://as.example&target_link_uri=https://app.example//evil.example",
    ];
    let words: [&[u8]; 10] =
        [b"&", b"=", b"iss=", b"sid=", b"%2f", b"\\", b"//", b"@", b"target_link_uri=", b"\xff"];
    let known = [issuer(ISSUER)];
    let mut random = Generator::new(0x42);
    let (mut asked, mut ended, mut posted) = (0, 0, 0);
    for _ in 0..MANY {
        let bytes = random.mutated(&corpus, &words);
        let query = String::from_utf8_lossy(&bytes);
        if let Ok(seen) = initiate::accept(&query, &known, "https://app.example", &Urls) {
            asked += 1;
            assert_eq!(seen.issuer.as_str(), ISSUER);
            if let Some(path) = seen.return_to {
                let base = url::Url::parse("https://app.example").unwrap();
                let leads = base.join(&path).unwrap();
                assert_eq!(leads.origin().ascii_serialization(), "https://app.example", "{query}");
                assert!(!path.starts_with("//"), "{query}");
            }
        }
        if front_channel(&query, ISSUER, Some("s")) {
            ended += 1;
            assert!(query.contains("sid") || query.contains('%'));
        }
        let kind = Some("application/x-www-form-urlencoded");
        posted += usize::from(logout_token::receive("POST", kind, &bytes).is_ok());
    }
    assert!(asked > 1000 && ended > 1000 && posted > 1000, "{asked} {ended} {posted}");
}

#[test]
fn r151_wounded_waits_never_hurry_and_always_end() {
    let mut random = Generator::new(0x151);
    for _ in 0..MANY / 20 {
        let (interval, life) = (random.below(40) as u32 + 1, random.below(4000) as u32 + 1);
        let mut poll = Poll::new(interval, life, NOW);
        let (mut now, mut asked) = (NOW, 0);
        while let Ok(wait) = poll.wait(now) {
            assert!(wait >= i64::from(interval) * 1000, "{wait}");
            now += wait;
            assert!(now < NOW + i64::from(life) * 1000);
            asked += 1;
            let error = match random.below(4) {
                0 => Error::new(Code::Timeout),
                1 => Error::new(Code::ResponseStatus)
                    .status(503)
                    .retry_after(Some(random.below(60) as u32)),
                at => {
                    let error = ["slow_down", "authorization_pending"][at - 2].to_owned();
                    Error::new(Code::TokenError).refusal(Refusal { error, ..Refusal::default() })
                }
            };
            poll.refused(error, now).unwrap();
        }
        assert!(asked <= life / interval);
    }
}
