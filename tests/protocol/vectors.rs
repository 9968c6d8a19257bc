//! The vectors that others collected, read from the folder that GRANTKIT_VECTORS names. Without it
//! these tests say so and pass: the decisive cases stand in the other modules as well.

use std::fs;
use std::path::PathBuf;

use grantkit::protocol::base64url;
use grantkit::protocol::challenge::Wanted;
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::Code;
use grantkit::protocol::form::{Form, encode_value, parse as parse_form};
use grantkit::protocol::http::Response;
use grantkit::protocol::json::{read, read_object};
use grantkit::protocol::jwk::{KeySet, PublicKey};
use grantkit::protocol::jws::{Algorithm, Unverified, parse};
use grantkit::protocol::metadata::{self, Metadata};
use grantkit::protocol::secret::Secret;
use grantkit::protocol::token::{self, Binding, Reading};
use grantkit::protocol::url::{ParseUrl, Transport};
use grantkit::protocol::{
    assertion, challenge, ciba, device, dpop, exchange, initiate, introspect, logout, logout_token,
    par, pkce, register, resource_metadata, revoke, userinfo,
};
use serde_json::{Value, json};

use crate::given::{
    CLIENT, ISSUER, Judge, NONCE, NOW, REDIRECT, STATE, answer, arrive, begin, callback, check,
    document_with, endpoint, issuer, object, pending, refusal, refused, reply, server, sign_in,
    token,
};
use crate::signer::{other_rsa, rsa};
use crate::urls::Urls;
use crate::verifier::{digest, verify};

fn folder(of: &str) -> Option<PathBuf> {
    match std::env::var_os("GRANTKIT_VECTORS") {
        Some(folder) => Some(PathBuf::from(folder).join(of)),
        None => {
            println!("skipped: GRANTKIT_VECTORS names no folder with vectors ({of})");
            None
        }
    }
}

fn bytes(of: &str) -> Option<Vec<u8>> {
    let path = folder(of)?;
    Some(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn values(of: &str) -> Option<Value> {
    let bytes = bytes(of)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    Some(serde_json::from_slice(text).unwrap())
}

/// The items of an array.
fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn r014_r015_the_addresses_of_documents() {
    let Some(vectors) = values("rfc/metadata-url-derivation.json") else {
        return;
    };
    for pair in list(&vectors["oidc"]) {
        assert_eq!(issuer(text(&pair[0])).openid_url(), text(&pair[1]));
    }
    for pair in list(&vectors["oauth"]) {
        assert_eq!(issuer(text(&pair[0])).oauth_url(), text(&pair[1]));
    }
}

#[test]
fn r023_the_addresses_of_resources() {
    let Some(vectors) = values("rfc/metadata-url-derivation.json") else {
        return;
    };
    for pair in list(&vectors["protected_resource"]) {
        let url = resource_metadata::url(text(&pair[0]), &Urls, Transport::Secure).unwrap();
        assert_eq!(url.as_str(), text(&pair[1]));
    }
}

#[test]
fn r129_the_challenges_of_other_libraries() {
    let Some(vectors) = values("peer-extracts/www-authenticate.json") else {
        return;
    };
    let mut refused = 0;
    for case in list(&vectors["cases"]) {
        let header = text(&case["header"]);
        let seen = challenge::parse(header);
        // There the second of two equal names wins; here it is refused (RFC 9110, section 11.2).
        let twice = text(&case["description"]).starts_with("duplicate param")
            || text(&case["description"]).contains("duplicated keys");
        if twice || case["expected"].is_null() {
            assert_eq!(seen, None, "{header:?}");
            refused += 1;
            continue;
        }
        let seen: Vec<Value> = seen
            .unwrap_or_else(|| panic!("{header:?}"))
            .iter()
            .map(|challenge| {
                let parameters: serde_json::Map<String, Value> =
                    challenge.iter().map(|(name, value)| (name.into(), value.into())).collect();
                let mut out = json!({"scheme": challenge.scheme, "parameters": parameters});
                if let Some(token68) = &challenge.token68 {
                    out["token68"] = token68.as_str().into();
                }
                out
            })
            .collect();
        assert_eq!(Value::from(seen), case["expected"], "{header:?}");
    }
    assert_eq!((refused, list(&vectors["cases"]).len()), (16, 54));
}

#[test]
fn r005_r064_form_encoding_and_basic() {
    let Some(vectors) = values("rfc/rfc6749-form-encoding-and-basic.json") else {
        return;
    };
    for case in list(&vectors["form_encoding"]) {
        assert_eq!(encode_value(text(&case["value"])), text(&case["encoded"]));
    }
    for case in list(&vectors["basic"]) {
        let auth = ClientAuth {
            id: text(&case["client_id"]).into(),
            secret: Some(Secret::new(text(&case["client_secret"]))),
            method: None,
        };
        let request = auth.post(&endpoint("https://as.example/t"), Form::new(), Method::Basic);
        let halves = |header: &str| -> Vec<String> {
            let text = header.strip_prefix("Basic ").unwrap().trim_end_matches('=');
            let text = text.replace('+', "-").replace('/', "_");
            let text = String::from_utf8(base64url::decode(&text).unwrap()).unwrap();
            let halves = text.split(':').map(|half| parse_form(half).remove(0).0);
            halves.collect()
        };
        let ours = request.authorization.unwrap().expose().to_owned();
        // Where texts differ, only in characters that need no encoding, the server reads the same.
        assert_eq!(halves(&ours), halves(text(&case["authorization"])));
        if !case["note"].as_str().is_some_and(|note| note.contains("WHATWG")) {
            assert_eq!(ours, text(&case["authorization"]));
        }
    }
}

#[test]
fn r005_the_urlencoded_parser_of_the_web() {
    let Some(vectors) = values("wpt-url/urlencoded-parser-data.json") else {
        return;
    };
    assert!(list(&vectors).len() >= 35);
    for case in list(&vectors) {
        let expected: Vec<(String, String)> = list(&case["output"])
            .iter()
            .map(|pair| (text(&pair[0]).into(), text(&pair[1]).into()))
            .collect();
        assert_eq!(parse_form(text(&case["input"])), expected, "{case}");
    }
}

#[test]
fn r029_pkce() {
    let Some(vectors) = values("rfc/rfc7636-appendix-b-pkce.json") else {
        return;
    };
    for case in list(&vectors["cases"]) {
        let octets: Vec<u8> =
            list(&case["octets"]).iter().map(|octet| octet.as_u64().unwrap() as u8).collect();
        let verifier = pkce::verifier(octets.as_slice().try_into().unwrap());
        assert_eq!(verifier.expose(), text(&case["code_verifier"]));
        assert_eq!(pkce::challenge(&verifier), text(&case["code_challenge"]));
    }
}

#[test]
fn r085_r086_r090_signed_tokens_of_rfc_7515_and_7519() {
    let Some(vectors) = values("rfc/rfc7515-appendix-a-jws.json") else {
        return;
    };
    let all = ["RS256", "ES256", "ES512"].map(|name| Algorithm::by_name(name).unwrap());
    for case in list(&vectors["cases"]) {
        let (id, raw) = (text(&case["id"]), text(&case["jws"]));
        let parsed = parse(raw, &all, &["JWT"]);
        match id {
            "A.1" | "A.5" => refused(parsed, Code::IdTokenInvalid, "alg", id),
            // Its payload is no JSON.
            "A.4" => refused(parsed, Code::IdTokenInvalid, "malformed", id),
            _ => {
                let token = parsed.unwrap();
                let keys = KeySet::check(&object(&json!({"keys": [case["jwk"]]}))).unwrap();
                assert!(verify(&token.check(keys.find(&token).unwrap())), "{id}");
                Judge::with_keys(&[case["jwk"].clone()]).refuses(raw, "iss", id);
            }
        }
        if case["jwk"]["kty"] == "EC" {
            let keys = KeySet::check(&object(&json!({"keys": [case["jwk"]]}))).unwrap();
            assert_ne!(keys, KeySet::default(), "{id}");
        }
    }
    let octets = list(&vectors["appendix_c_base64url"]["octets"]).iter();
    let octets: Vec<u8> = octets.map(|octet| octet.as_u64().unwrap() as u8).collect();
    let encoded = text(&vectors["appendix_c_base64url"]["encoded"]);
    assert_eq!(base64url::encode(&octets), encoded);
    let vectors = values("rfc/rfc7519-examples.json").unwrap();
    for case in list(&vectors["cases"]) {
        Judge::default().refuses(text(&case["jwt"]), "alg", text(&case["id"]));
    }
}

#[test]
fn r104_ed25519_of_rfc_8037() {
    let Some(vectors) = values("rfc/rfc8037-ed25519.json") else {
        return;
    };
    let raw = text(&vectors["jws"]);
    Judge::default().refuses(raw, "malformed", "the payload is plain text");
    let payload = raw.split('.').nth(1).unwrap();
    assert_eq!(base64url::decode(payload).unwrap(), text(&vectors["payload"]).as_bytes());
}

#[test]
fn r111_the_keys_of_rfc_7638_can_be_used() {
    let Some(vectors) = values("rfc/rfc7638-thumbprint.json") else {
        return;
    };
    for case in list(&vectors["cases"]) {
        let keys = KeySet::check(&object(&json!({"keys": [case["jwk"]]}))).unwrap();
        assert_ne!(keys, KeySet::default(), "{case}");
        let key = PublicKey::parse(&object(&case["jwk"])).unwrap();
        assert_eq!(key.thumbprint(), text(&case["sha256_thumbprint"]));
    }
}

#[test]
fn r089_the_proofs_of_rfc_9449_are_no_id_tokens() {
    let Some(vectors) = values("rfc/rfc9449-dpop-examples.json") else {
        return;
    };
    for case in list(&vectors["proofs"]) {
        let raw = text(&case["jwt"]);
        Judge::default().refuses(raw, "typ", raw);
        // As what they are, they are good.
        let token = parse(raw, &Algorithm::defaults(), &["dpop+jwt"]).unwrap();
        let keys = json!({"keys": [case["header"]["jwk"]]});
        let keys = KeySet::check(&object(&keys)).unwrap();
        assert!(verify(&token.check(keys.find(&token).unwrap())));
        // What is made here of the same values is the same, but for the randomness.
        let (claims, key) = (&case["payload"], object(&case["header"]["jwk"]));
        let access_token = Secret::new(text(&vectors["ath"]["access_token"]));
        let proof = dpop::Proof {
            method: text(&claims["htm"]),
            url: text(&claims["htu"]),
            access_token: claims.get("ath").map(|_| &access_token),
            nonce: None,
        };
        let now = claims["iat"].as_i64().unwrap() * 1000;
        let key = PublicKey::parse(&key).unwrap();
        let es256 = Algorithm::by_name("ES256").unwrap();
        let draft = dpop::draft(&key, es256, &proof, &[0; 32], now).unwrap();
        let (_, header, mut made) = crate::given::made(&draft, "ES256");
        made["jti"] = claims["jti"].clone();
        assert_eq!((&header, &made), (&case["header"], claims));
    }
    for name in ["use_dpop_nonce", "next_nonce_in_200"] {
        let header = vectors[name]["headers"]["DPoP-Nonce"].as_str();
        assert!(dpop::Nonces::default().note("https://as.example/token", header), "{name}");
    }
    let nonce = &vectors["use_dpop_nonce"];
    let status = nonce["status"].as_u64().unwrap() as u16;
    let seen = token::response(&reply(status, nonce["body"].to_string()), Reading::Strict);
    let error = seen.err().unwrap();
    assert_eq!(error.server_error(), Some("use_dpop_nonce"));
}

#[test]
fn r099_r100_the_tokens_of_openid_connect_core() {
    let Some(vectors) = values("rfc/oidc-core-appendix-a.json") else {
        return;
    };
    let judge = crate::rfc::core_judge();
    assert_eq!(Value::from(judge.keys.clone()), vectors["jwks"]["keys"]);
    for case in list(&vectors["cases"]) {
        let id = text(&case["id"]);
        let address = text(&case["callback"]);
        let parts = Urls.parse_url(address, None).unwrap();
        let fragment = parse_form(parts.hash.trim_start_matches('#'));
        let member = |name: &str| {
            let found = fragment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let mut record = pending();
        record.state = text(&vectors["state"]).into();
        record.redirect_uri = "https://client.example.org/cb".into();
        let seen = arrive(address, record, &server());
        match case["response_type"].as_str() {
            Some("code") => assert!(seen.is_ok(), "{id}"),
            _ => assert_eq!(refusal(seen).0, Code::CallbackUnexpectedToken, "{id}"),
        }
        let Some(raw) = member("id_token") else {
            continue;
        };
        let claims = judge.accepts(&raw, id);
        assert_eq!(crate::given::value(claims.members()), case["claims"]);
        for (name, value) in [("access_token", &judge.access_token), ("code", &judge.code)] {
            if let Some(sent) = member(name) {
                assert_eq!(Some(&sent), value.as_ref(), "{id}");
            }
        }
    }
}

#[test]
fn r099_the_hash_of_each_algorithm() {
    let Some(vectors) = values("rfc/oidc-token-hash-algorithms.json") else {
        return;
    };
    let access_token = text(&vectors["access_token"]);
    let mut seen = 0;
    for case in list(&vectors["cases"]) {
        for name in list(&case["alg"]) {
            let Some(algorithm) = Algorithm::by_name(text(name)) else {
                continue;
            };
            // EdDSA is Ed25519 here; there is no Ed448.
            if case["jwk_crv"] == "Ed448" {
                continue;
            }
            let digest = digest(algorithm.hash, access_token.as_bytes());
            let half = base64url::encode(&digest[..digest.len() / 2]);
            assert_eq!(half, text(&case["at_hash"]), "{name}");
            assert_eq!(algorithm.hash.name(), text(&case["hash"]), "{name}");
            seen += 1;
        }
    }
    assert_eq!(seen, 11);
}

#[test]
fn r011_r012_the_answers_that_the_specifications_print() {
    let Some(vectors) = values("rfc/spec-http-response-examples.json") else {
        return;
    };
    for case in list(&vectors["cases"]) {
        let what = format!("{} {}", text(&case["spec"]), text(&case["section"]));
        let status = case["status"].as_u64().unwrap() as u16;
        let body = match (&case["json"], case["raw_body"].as_str()) {
            (Value::Null, None) => String::new(),
            // Elided, broken across lines, or no object.
            (Value::Null, Some(raw)) => {
                assert!(read_object(raw.as_bytes()).is_err(), "{what}");
                raw.into()
            }
            (value, _) => {
                let ours = read(value.to_string().as_bytes()).unwrap();
                let mut written = String::new();
                ours.write(&mut written);
                let same: Value = serde_json::from_str(&written).unwrap();
                assert_eq!(&same, value, "{what}");
                value.to_string()
            }
        };
        let kind = case["headers"]["Content-Type"].as_str();
        let reply: Response = answer(status, kind, body);
        let members = &case["json"];
        // What a token exchange brings need not be an access token (RFC 8693, section 2.2.1).
        let seen = match members["issued_token_type"].is_string() {
            true => exchange::response(&reply, Reading::Strict, Binding::Bearer),
            false => token::response(&reply, Reading::Strict),
        };
        match (status, members["access_token"].is_string(), members["error"].is_string()) {
            (200, true, _) => match text(&members["token_type"]).to_lowercase().as_str() {
                "bearer" | "n_a" => {
                    let tokens = seen.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(tokens.access_token.expose(), text(&members["access_token"]));
                    let expires_in = members["expires_in"].as_u64().map(|seconds| seconds as u32);
                    assert_eq!(tokens.expires_in, expires_in, "{what}");
                }
                "dpop" => refused(seen, Code::TokenBindingDowngrade, "", &what),
                _ => refused(seen, Code::TokenTypeUnsupported, "", &what),
            },
            (200, false, _) => {
                let code = refusal(seen).0;
                let expected = match (members, kind) {
                    (Value::Object(_), _) => Code::TokenResponseInvalid,
                    (_, Some(kind)) if !kind.starts_with("application/json") => {
                        Code::ResponseContentType
                    }
                    _ => Code::ResponseNotJson,
                };
                assert_eq!(code, expected, "{what}");
            }
            (_, _, true) => {
                let error = seen.err().unwrap();
                assert_eq!(error.code(), Code::TokenError, "{what}");
                assert_eq!(error.server_error(), members["error"].as_str(), "{what}");
            }
            (302, ..) => {
                let redirected = reply.clone().not_redirected();
                refused(redirected, Code::RedirectRefused, "", &what);
                let address = case["headers"]["Location"].as_str().unwrap();
                returned(address, &what);
            }
            _ => assert!(seen.is_err(), "{what}"),
        }
        if what == "RFC 8414 3.2" {
            let document = metadata::response(&reply).unwrap();
            let server = issuer("https://server.example.com");
            assert_eq!(metadata::require_issuer(&document, &server), Ok(()));
            assert!(Metadata::check(document, &server, &Urls, Transport::Secure).is_ok());
        }
        if what == "OIDC Core 5.3.2" {
            assert!(userinfo::response(&reply, "248289761001").is_ok());
            assert!(userinfo::response(&reply, "248289761002").is_err());
        }
    }
}

#[test]
fn r129_r149_to_r155_the_exchanges_that_the_specifications_print() {
    let Some(vectors) = values("rfc/spec-http-response-examples.json") else {
        return;
    };
    let (mut exchanges, mut challenges) = (0, 0);
    for case in list(&vectors["cases"]) {
        let what = format!("{} {}", text(&case["spec"]), text(&case["section"]));
        let status = case["status"].as_u64().unwrap() as u16;
        if let Some(header) = case["headers"]["WWW-Authenticate"].as_str() {
            assert_eq!(challenge::wanted(status, Some(header)), Wanted::Token, "{what}");
            challenges += 1;
        }
        let members = &case["json"];
        if members.is_null() {
            continue;
        }
        let reply = reply(status, members.to_string());
        let (strict, secure) = (Reading::Strict, Transport::Secure);
        let refusal = match what.as_str() {
            "RFC 7662 2.2" => introspect::response(&reply).map(drop),
            "RFC 8628 3.2" => device::response(&reply, strict, &Urls, secure).map(drop),
            "RFC 8693 2.3" | "RFC 8693 A.1.3" | "RFC 8693 A.2.4" => {
                exchange::response(&reply, strict, Binding::Bearer).map(drop)
            }
            "RFC 9126 1.1" | "RFC 9126 2.2" | "RFC 9126 2.3" => {
                par::response(&reply, strict, 0).map(drop)
            }
            "CIBA Core 7.3" | "CIBA Core 13" => ciba::response(&reply, strict).map(drop),
            "RFC 7591 3.2.1" | "RFC 7591 3.2.2" | "OIDC Registration 3.3" => {
                register::response(&reply, &Urls, secure).map(drop)
            }
            _ => continue,
        };
        exchanges += 1;
        match members["error"].as_str() {
            None => assert_eq!(refusal, Ok(()), "{what}"),
            error => assert_eq!(refusal.err().unwrap().server_error(), error, "{what}"),
        }
    }
    assert_eq!((exchanges, challenges), (14, 5));
}

/// A printed redirection back to a client: the query of a code flow is accepted, all else refused.
fn returned(address: &str, what: &str) {
    let Some(parts) = Urls.parse_url(address, None) else {
        return;
    };
    let query = parse_form(parts.search.trim_start_matches('?'));
    let member = |name: &str| {
        let found = query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    // Requests are printed as redirections, too.
    if member("response_type").is_some() {
        return;
    }
    let mut record = pending();
    record.redirect_uri = format!("{}{}", parts.origin, parts.pathname);
    record.state = member("state").unwrap_or_default();
    let server = match member("iss") {
        Some(iss) => {
            record.issuer = iss.clone();
            let document = document_with("issuer", json!(iss));
            Metadata::check(object(&document), &issuer(&iss), &Urls, Transport::Secure).unwrap()
        }
        None => server(),
    };
    let seen = arrive(address, record, &server);
    match (member("code"), member("error")) {
        (Some(code), None) => assert_eq!(seen.unwrap().secret().expose(), code, "{what}"),
        (None, Some(error)) => {
            let refusal = seen.err().unwrap();
            assert_eq!(refusal.code(), Code::AuthorizationError, "{what}");
            assert_eq!(refusal.server_error(), Some(error.as_str()), "{what}");
        }
        _ => {
            let code = refusal(seen).0;
            let expected = [Code::CallbackUnexpectedToken, Code::CallbackMalformed];
            assert!(expected.contains(&code), "{what}: {code:?}");
        }
    }
}

#[test]
fn r048_r054_r055_the_callbacks_of_other_libraries() {
    let Some(vectors) = values("peer-extracts/callbacks.json") else {
        return;
    };
    for case in list(&vectors["cases"]) {
        let id = text(&case["id"]);
        // A form post is for servers that keep their own sessions; its fields are a query.
        let (address, expected_state) = match case["form"].as_str() {
            Some(form) => (format!("{REDIRECT}?{form}"), ""),
            None => (text(&case["url"]).to_owned(), case["expected_state"].as_str().unwrap_or("")),
        };
        let parts = Urls.parse_url(&address, None).unwrap();
        let mut record = pending();
        record.redirect_uri = format!("{}{}", parts.origin, parts.pathname);
        record.state = expected_state.into();
        let seen = arrive(&address, record.clone(), &server());
        // Those without a state are looked at again with one.
        let stated = match expected_state {
            "" => {
                record.state = "s".into();
                let address = match address.split_once('#') {
                    Some((before, after)) if before.contains('?') => {
                        format!("{before}&state=s#{after}")
                    }
                    Some((before, after)) => format!("{before}?state=s#{after}"),
                    None => format!("{address}&state=s"),
                };
                arrive(&address, record, &server())
            }
            _ => arrive(&address, record, &server()),
        };
        let error = |code: Code| Some(code);
        let (without_state, with_state) = match id {
            "lib-ok" => (None, None),
            "lib-nocode" => (error(Code::CallbackMalformed), error(Code::CallbackMalformed)),
            "lib-nostate" => (error(Code::StateMissing), error(Code::StateMissing)),
            "lib-wrongstate" => (error(Code::StateUnknown), error(Code::StateUnknown)),
            "lib-denied" | "lib-invalid" => {
                (error(Code::AuthorizationError), error(Code::AuthorizationError))
            }
            "duende-error-query" | "duende-error-query-plus-hash" => {
                (error(Code::StateMissing), error(Code::AuthorizationError))
            }
            "duende-error-fragment" => {
                (error(Code::CallbackMalformed), error(Code::CallbackMalformed))
            }
            "duende-code" => (error(Code::StateMissing), None),
            "duende-token-fragment" | "duende-empty-pairs" | "duende-form-post" => {
                (error(Code::CallbackUnexpectedToken), error(Code::CallbackUnexpectedToken))
            }
            other => panic!("a case that is not known here: {other}"),
        };
        assert_eq!(seen.err().map(|error| error.code()), without_state, "{id}");
        let stated = stated.err();
        assert_eq!(stated.as_ref().map(|error| error.code()), with_state, "{id}, with a state");
        if id.starts_with("duende-error-query") {
            assert_eq!(stated.unwrap().server_error(), Some("foo"), "{id}");
        }
    }
}

#[test]
fn r011_the_documents_of_identitymodel() {
    let Some(folder) = folder("duende-identitymodel") else {
        return;
    };
    let mut marks = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&path).unwrap();
        if name.ends_with(".jwt") {
            let raw = String::from_utf8(bytes).unwrap();
            assert!(Judge::default().claims(raw.trim()).is_err(), "{name}");
            if name == "success_introspection_response.jwt" {
                let reply = answer(200, Some(introspect::JWT), &raw);
                let seen = introspect::signed_response(&reply, &Algorithm::defaults()).unwrap();
                let seen = seen.open(
                    true,
                    "https://as.example.com/",
                    "https://rs.example.com/resource",
                    1_514_797_892_000,
                    0,
                );
                let seen = seen.unwrap();
                assert!(seen.active && seen.response.text("client_id") == Some("paiB2goo0a"));
            }
            continue;
        }
        marks += usize::from(bytes.starts_with(b"\xef\xbb\xbf"));
        let ours = read_object(&bytes).unwrap_or_else(|_| panic!("{name}"));
        let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let theirs: Value = serde_json::from_slice(plain).unwrap();
        assert_eq!(crate::given::value(&ours), theirs, "{name}");
        let tokens = |status| token::response(&reply(status, &bytes), Reading::Strict);
        let server = issuer("https://demo.identityserver.io");
        let metadata = |bytes: &[u8]| {
            let document = metadata::response(&reply(200, bytes))?;
            metadata::require_issuer(&document, &server)?;
            Metadata::check(document, &server, &Urls, Transport::Secure)
        };
        match name.as_str() {
            "discovery.json" => {
                let metadata = metadata(&bytes).unwrap();
                let to = metadata.token_endpoint.as_ref().unwrap();
                assert_eq!(to.as_str(), "https://demo.identityserver.io/connect/token");
                assert!(metadata.pushed_requests_only);
            }
            "discovery_mtls.json" => {
                let metadata = metadata(&bytes).unwrap();
                let to = metadata.token_endpoint.as_ref().unwrap();
                assert_eq!(to.as_str(), "https://demo.identityserver.io/connect/token");
                let auth =
                    ClientAuth { id: "id".into(), secret: Some(Secret::new("s")), method: None };
                assert_eq!(auth.method_for(&metadata), Ok(Method::Basic));
            }
            "discovery_variable.json" => {
                let seen = metadata(&bytes);
                refused(seen, Code::MetadataIssuerMismatch, "issuer", &name);
                let filled = String::from_utf8(bytes.clone()).unwrap();
                let filled = filled
                    .replace("{issuer}", server.as_str())
                    .replace("{endpointBase}", "https://demo.identityserver.io");
                let seen = metadata(filled.as_bytes());
                refused(seen, Code::MetadataInvalid, "revocation_endpoint", &name);
                let filled = filled.replace("{alternateEndpointBase}", "https://other.example");
                assert!(metadata(filled.as_bytes()).is_ok());
            }
            "discovery_jwks.json" => {
                let keys = KeySet::check(&ours).unwrap();
                assert!(!keys.leaked && keys != KeySet::default());
            }
            "success_token_response.json" => {
                let tokens = tokens(200).unwrap();
                assert_eq!(tokens.refresh_token.unwrap().expose(), "refresh_token");
                assert_eq!(tokens.response.text("custom"), Some("custom"));
            }
            "success_access_token_response.json" => {
                let tokens = tokens(200).unwrap();
                assert_eq!(tokens.access_token.expose(), "access_token");
                assert_eq!(tokens.expires_in, Some(3600));
                assert!(tokens.refresh_token.is_none());
            }
            "failure_token_response.json" => {
                let error = tokens(400).err().unwrap();
                assert_eq!((error.code(), error.server_error()), (Code::TokenError, Some("error")));
                let refusal = error.server().unwrap();
                assert_eq!(refusal.description.as_deref(), Some("error_description"));
                assert_eq!(refusal.response.as_ref().unwrap().text("custom"), Some("custom"));
            }
            "failure_token_revocation_response.json" => {
                let error = revoke::response(&reply(400, &bytes)).err().unwrap();
                assert_eq!((error.code(), error.server_error()), (Code::TokenError, Some("error")));
            }
            "success_userinfo_response.json" => {
                assert!(userinfo::response(&reply(200, &bytes), "88421113").is_ok());
                let other = userinfo::response(&reply(200, &bytes), "88421114");
                refused(other, Code::UserinfoInvalid, "sub", &name);
            }
            "success_device_authorization_response.json" => {
                let reply = reply(200, &bytes);
                let device = device::response(&reply, Reading::Strict, &Urls, Transport::Secure);
                let device = device.unwrap();
                assert_eq!((device.expires_in, device.interval), (1800, 10));
                assert_eq!(device.user_code, text(&theirs["user_code"]));
            }
            "failure_device_authorization_response.json" => {
                let reply = reply(400, &bytes);
                let seen = device::response(&reply, Reading::Strict, &Urls, Transport::Secure);
                assert_eq!(seen.err().unwrap().server_error(), Some("error"));
            }
            "success_ciba_response.json" => {
                let asked = ciba::response(&reply(200, &bytes), Reading::Strict).unwrap();
                assert_eq!((asked.expires_in, asked.interval), (120, 2));
            }
            "success_introspection_response.json"
            | "success_introspection_response_no_issuer.json" => {
                let seen = introspect::response(&reply(200, &bytes)).unwrap();
                assert!(seen.active && seen.response.text("scope") == Some("api1 api2"));
            }
            "legacy_success_introspection_response.json" => {
                // Before RFC 7662 was one: its scope is a list.
                let seen = introspect::response(&reply(200, &bytes));
                refused(seen, Code::TokenResponseInvalid, "scope", &name);
            }
            "success_par_response.json" => {
                let pushed = par::response(&reply(201, &bytes), Reading::Strict, 0).unwrap();
                assert_eq!(pushed.expires_in, 600);
                assert_eq!(pushed.request_uri, "urn:ietf:params:oauth:request_uri:123456");
            }
            "success_registration_response.json" => {
                let seen = register::response(&reply(201, &bytes), &Urls, Transport::Secure);
                let seen = seen.unwrap();
                assert_eq!(seen.client_id, text(&theirs["client_id"]));
                assert!(seen.management.is_some() && seen.client_secret.is_some());
            }
            "failure_registration_response.json" => {
                let seen = register::response(&reply(400, &bytes), &Urls, Transport::Secure);
                assert_eq!(seen.err().unwrap().server_error(), theirs["error"].as_str());
            }
            other => panic!("a document that is not known here: {other}"),
        }
    }
    assert!(marks >= 10, "files with a byte order mark: {marks}");
}

/// What becomes of a published test of clients here: accepted, refused, or `None` where it is not
/// about values alone.
fn flow(id: &str) -> Option<bool> {
    let judge =
        Judge { access_token: Some("t".into()), code: Some("c".into()), ..Judge::default() };
    let judged = |raw: String| Some(judge.claims(&raw).is_ok());
    let spoilt = |raw: String| {
        let (input, signature) = raw.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        let other: Vec<u8> = signature.iter().map(|byte| byte ^ 0x5a).collect();
        judged(format!("{input}.{}", base64url::encode(&other)))
    };
    let keyed = |keys: &[Value], raw: String| Some(Judge::with_keys(keys).claims(&raw).is_ok());
    let person = |body: &str| Some(userinfo::response(&reply(200, body), "me").is_ok());
    let hmac = |name: &str| {
        let payload = Value::Object(token(name).claims).to_string();
        judged(rsa().compact(name, &json!({"alg": name}).to_string(), &payload))
    };
    match id {
        "rp-id_token-aud" => judged(token("RS256").claim("aud", "other").signed()),
        "rp-id_token-bad-at_hash" => judged(token("RS256").claim("at_hash", "x").signed()),
        "rp-id_token-bad-c_hash" => judged(token("RS256").claim("c_hash", "x").signed()),
        "rp-id_token-bad-sig-es256" => spoilt(token("ES256").signed()),
        "rp-id_token-bad-sig-rs256" => spoilt(token("RS256").signed()),
        "rp-id_token-bad-sig-hs256" | "rp-id_token-sig-hs256" => hmac("HS256"),
        "rp-id_token-sig-none" => hmac("none"),
        "rp-id_token-iat" => judged(token("RS256").without("iat").signed()),
        "rp-id_token-sub" => judged(token("RS256").without("sub").signed()),
        "rp-id_token-issuer-mismatch" => {
            judged(token("RS256").claim("iss", "https://as.example1").signed())
        }
        "rp-id_token-kid-absent-single-jwks" => keyed(&[rsa().jwk()], token("RS256").signed()),
        "rp-id_token-kid-absent-multiple-jwks" => {
            keyed(&[rsa().jwk(), other_rsa().jwk()], token("RS256").signed())
        }
        "rp-id_token-sig-rs256" => judged(token("RS256").signed()),
        "rp-id_token-sig-es256" => judged(token("ES256").signed()),
        "rp-id_token-sig+enc" | "rp-id_token-sig+enc-a128kw" => {
            judged("eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.AA.AA.AA.AA".into())
        }
        "rp-nonce-invalid" => judged(token("RS256").claim("nonce", format!("{NONCE}1")).signed()),
        "rp-discovery-issuer-not-matching-config" => {
            let document = document_with("issuer", json!("https://as.example/"));
            let seen = metadata::require_issuer(&object(&document), &issuer("https://as.example"));
            Some(seen.is_ok())
        }
        "rp-discovery-openid-configuration" => Some(check(&crate::given::document()).is_ok()),
        "rp-discovery-jwks_uri-keys" => {
            keyed(&[rsa().jwk()], token("RS256").header("kid", "rsa").signed())
        }
        "rp-response_type-code" => {
            let (address, _) = begin(sign_in("openid")).unwrap();
            let back = callback(&format!("code=x&state={STATE}"));
            Some(address.contains("response_type=code&") && back.is_ok())
        }
        "rp-response_type-code+token"
        | "rp-response_type-id_token"
        | "rp-response_type-id_token+token"
        | "rp-response_type-code+id_token"
        | "rp-response_type-code+id_token+token" => {
            let address = format!("{REDIRECT}#code=x&access_token=t&id_token=i&state={STATE}");
            Some(arrive(&address, pending(), &server()).is_ok())
        }
        "rp-userinfo-bad-sub-claim" => person("{\"sub\":\"meinvalid\"}"),
        "rp-userinfo-bearer-header" => {
            let request = userinfo::request(&endpoint("https://as.example/u"), &Secret::new("t"));
            Some(request.authorization.is_some() && request.form.is_none())
        }
        "rp-userinfo-sig" => {
            let raw = token("RS256").claim("sub", "me").signed();
            let reply = answer(200, Some(userinfo::JWT), raw);
            let told = userinfo::signed_response(&reply, &Algorithm::defaults()).unwrap();
            let good = proves(told.token());
            Some(told.open(good, &issuer(ISSUER), CLIENT, "me").is_ok())
        }
        "rp-userinfo-enc" | "rp-userinfo-sig+enc" => {
            let reply = answer(200, Some(userinfo::JWT), "a.b.c.d.e");
            Some(userinfo::signed_response(&reply, &Algorithm::defaults()).is_ok())
        }
        "rp-claims-aggregated" | "rp-claims-distributed" => {
            person("{\"sub\":\"me\",\"_claim_names\":{\"a\":\"s\"},\"_claim_sources\":{\"s\":{}}}")
        }
        "rp-token_endpoint-client_secret_basic" | "rp-token_endpoint-client_secret_post" => {
            let auth = ClientAuth { id: "id".into(), secret: Some(Secret::new("s")), method: None };
            let to = endpoint("https://as.example/t");
            let basic = id.ends_with("basic");
            let method = if basic { Method::Basic } else { Method::Post };
            let request = token::request(&to, &auth, method, Form::new());
            Some(request.authorization.is_some() == basic)
        }
        "rp-token_endpoint-private_key_jwt" => {
            let signer = crate::given::signs("RS256");
            let draft = assertion::draft("id", &issuer(ISSUER), signer, &[1; 32], NOW);
            let (_, header, claims) = crate::given::made(&draft, "RS256");
            Some(header["alg"] == "RS256" && claims["aud"] == ISSUER)
        }
        "rp-token_endpoint-client_secret_jwt" => {
            let secret = Secret::new("s".repeat(32));
            let issuer = issuer(ISSUER);
            Some(assertion::draft_by_secret("id", &issuer, &secret, &[1; 32], NOW).is_ok())
        }
        "rp-registration-dynamic" => {
            let metadata = object(&json!({"redirect_uris": [REDIRECT]}));
            let request = register::request(&endpoint("https://as.example/r"), &metadata, None);
            let answer = reply(201, "{\"client_id\":\"x\"}");
            let answer = register::response(&answer, &Urls, Transport::Secure);
            Some(request.method == "POST" && request.json.is_some() && answer.is_ok())
        }
        "rp-3rd_party-init-login" => {
            let known = [issuer(ISSUER)];
            let query = format!("?iss={ISSUER}");
            Some(initiate::accept(&query, &known, "https://app.example", &Urls).is_ok())
        }
        "rp-frontchannel-rpinitlogout" => {
            let query = format!("?iss={ISSUER}&sid=s");
            Some(logout::front_channel(&query, ISSUER, Some("s")))
        }
        "rp-init-logout-no-state" => Some(logout::returned(None, "s").is_ok()),
        "rp-init-logout-other-state" => Some(logout::returned(Some("x"), "s").is_ok()),
        _ => {
            let event = "http://schemas.openid.net/event/backchannel-logout";
            let good = token("RS256")
                .header("typ", "logout+jwt")
                .without("nonce")
                .claim("jti", "x")
                .claim("events", json!({ event: {} }));
            let raw = match id.strip_prefix("rp-backchannel-rpinitlogout")? {
                "" => good.signed(),
                "-lt-alg-none" => good.header("alg", "none").signed_by(rsa()),
                "-lt-no-event" => good.without("events").signed(),
                "-lt-with-nonce" => good.claim("nonce", NONCE).signed(),
                "-lt-wrong-alg" => good.header("alg", "HS256").signed_by(rsa()),
                "-lt-wrong-aud" => good.claim("aud", "other").signed(),
                "-lt-wrong-event" => good.claim("events", json!({"x": {}})).signed(),
                "-lt-wrong-issuer" => good.claim("iss", "https://evil.example").signed(),
                other => panic!("a flow that is not known here: {other}"),
            };
            let issuer = issuer(ISSUER);
            let expected = logout_token::Expected {
                issuer: &issuer,
                client_id: CLIENT,
                trusted_audiences: &[],
                tolerance: 30,
            };
            let token = logout_token::parse(&raw, &Algorithm::defaults());
            let seen = token.and_then(|token| {
                let good = proves(token.token());
                token.open(good, &expected, NOW)
            });
            Some(seen.is_ok())
        }
    }
}

/// Whether the usual keys say that a signature is good.
fn proves(token: &Unverified) -> bool {
    let keys = KeySet::check(&object(&json!({"keys": Judge::default().keys}))).unwrap();
    verify(&token.check(keys.find(token).unwrap()))
}

#[test]
fn r090_to_r103_the_flows_of_oidctest() {
    let Some(folder) = folder("oidctest-flows") else {
        return;
    };
    // Accepted by that suite and refused here, by decision: unsigned and symmetric tokens, encryption,
    // encrypted user info, tokens in callbacks.
    let decided = [
        "rp-id_token-sig-none",
        "rp-id_token-sig-hs256",
        "rp-id_token-sig+enc",
        "rp-id_token-sig+enc-a128kw",
        "rp-userinfo-enc",
        "rp-userinfo-sig+enc",
        "rp-response_type-code+token",
        "rp-response_type-id_token",
        "rp-response_type-id_token+token",
        "rp-response_type-code+id_token",
        "rp-response_type-code+id_token+token",
    ];
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some(accepted) = flow(&id) else { continue };
        seen += 1;
        let described: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        // Those about logout say it elsewhere, or not at all.
        let rejects = text(&described["short_description"]).starts_with("Rejects")
            || id.contains("-lt-")
            || id.ends_with("-no-state")
            || id.ends_with("-other-state");
        let expected = !rejects && !decided.contains(&id.as_str());
        assert_eq!(accepted, expected, "{id}: {}", described["short_description"]);
    }
    assert!(seen >= 50, "{seen}");
}
