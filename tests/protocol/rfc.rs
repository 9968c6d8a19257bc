//! The examples that the specifications print, as facts to agree with.

use grantkit::protocol::authorize::{Client, Randomness};
use grantkit::protocol::base64url;
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::Code;
use grantkit::protocol::form::{Form, encode_value};
use grantkit::protocol::http::Request;
use grantkit::protocol::id_token::Nonce;
use grantkit::protocol::jwk::{Check, KeySet, PublicKey};
use grantkit::protocol::jws::{Algorithm, Hash, parse};
use grantkit::protocol::pkce;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::token::{self, Reading};
use grantkit::protocol::userinfo;
use serde_json::{Value, json};

use crate::given::{
    Judge, NOW, ask_of, endpoint, object, parameters, refused, reply, server, sign_in, values,
};
use crate::verifier::{digest, verify};

#[test]
fn r029_rfc_7636_appendix_b() {
    let octets = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37,
        77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
    ];
    let verifier = pkce::verifier(&octets);
    assert_eq!(verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(pkce::challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[test]
fn r082_rfc_7515_appendix_c() {
    assert_eq!(base64url::encode(&[3, 236, 255, 224, 193]), "A-z_4ME");
    assert_eq!(base64url::decode("A-z_4ME"), Some(vec![3, 236, 255, 224, 193]));
    for text in ["A-z_4ME=", "A+z/4ME", "A-z_4MF"] {
        assert_eq!(base64url::decode(text), None, "{text}");
    }
}

const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn check(raw: &str, keys: &[Value]) -> Result<bool, grantkit::protocol::error::Error> {
    let token = parse(raw, &Algorithm::defaults(), &["JWT"])?;
    let keys = KeySet::check(&object(&json!({"keys": keys})))?;
    Ok(verify(&token.check(keys.find(&token)?)))
}

#[test]
fn r085_r086_rfc_7515_a1_and_a5_are_refused() {
    let hs256 = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let none = format!("eyJhbGciOiJub25lIn0.{PAYLOAD}.");
    for raw in [hs256, none] {
        refused(check(&raw, &[]), Code::IdTokenInvalid, "alg", &raw);
    }
}

#[test]
fn r090_rfc_7515_a2_is_verified() {
    let raw = format!(
        "eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    );
    let key = json!({
        "kty": "RSA", "e": "AQAB",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    });
    assert_eq!(check(&raw, std::slice::from_ref(&key)), Ok(true));
    let other = raw.replacen(".cC4h", ".cC4i", 1);
    assert_eq!(check(&other, std::slice::from_ref(&key)), Ok(false));
    // A good signature is not a good id_token.
    let judge = Judge::with_keys(&[key]);
    refused(judge.claims(&raw), Code::IdTokenInvalid, "iss", "claims");
    refused(judge.claims(&other), Code::IdTokenInvalid, "signature", "signature");
}

#[test]
fn r090_rfc_7515_a3_is_verified() {
    let raw = format!(
        "eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    let key = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    assert_eq!(check(&raw, std::slice::from_ref(&key)), Ok(true));
    let other = raw.replacen("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Uj", 1);
    assert!(check(&other, &[key]) != Ok(true));
}

#[test]
fn r104_rfc_8037_a4_is_verified() {
    let raw = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let (input, signature) = raw.rsplit_once('.').unwrap();
    let mut signature = base64url::decode(signature).unwrap();
    let key = PublicKey::Curve {
        crv: "Ed25519".into(),
        x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
        y: None,
    };
    for (spoil, good) in [(0, true), (1, false)] {
        signature[0] ^= spoil;
        let check = Check {
            key: &key,
            algorithm: Algorithm::by_name("EdDSA").unwrap(),
            input: input.as_bytes(),
            signature: &signature,
        };
        assert_eq!(verify(&check), good);
    }
    // Its payload is plain text: that is no id_token.
    refused(check(raw, &[]), Code::IdTokenInvalid, "malformed", "plain text");
}

#[test]
fn r005_r064_rfc_6749_appendix_b_and_section_2_3_1() {
    assert_eq!(encode_value(" %&+£€"), "+%25%26%2B%C2%A3%E2%82%AC");
    for (id, secret, header) in [
        (
            "s6BhdRkqt3",
            "7Fjfp0ZBr1KtDRbnfVdmIw",
            "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
        ),
        ("s6BhdRkqt3", "gX1fBat3bV", "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"),
        (
            " %&+£€",
            " %&+£€",
            "Basic KyUyNSUyNiUyQiVDMiVBMyVFMiU4MiVBQzorJTI1JTI2JTJCJUMyJUEzJUUyJTgyJUFD",
        ),
    ] {
        assert_eq!(basic(id, secret).authorization.unwrap().expose(), header);
    }
}

fn basic(id: &str, secret: &str) -> Request {
    let auth = ClientAuth { id: id.into(), secret: Some(Secret::new(secret)), method: None };
    auth.post(&endpoint("https://server.example.com/token"), Form::new(), Method::Basic)
}

#[test]
fn r062_r068_rfc_6749_the_requests_of_sections_4_1_3_and_6() {
    let send = |grant: &[(&str, &str)]| {
        let mut form = Form::new();
        for (name, value) in grant {
            form.push(name, value);
        }
        let auth = ClientAuth {
            id: "s6BhdRkqt3".into(),
            secret: Some(Secret::new("gX1fBat3bV")),
            method: None,
        };
        let to = endpoint("https://server.example.com/token");
        let request = token::request(&to, &auth, Method::Basic, form);
        let header = request.authorization.unwrap().expose().to_owned();
        assert_eq!(header, "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW");
        request.form.unwrap().expose().to_owned()
    };
    assert_eq!(
        send(&[
            ("grant_type", "authorization_code"),
            ("code", "SplxlOBeZQQYbYS6WxSbIA"),
            ("redirect_uri", "https://client.example.com/cb"),
        ]),
        "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA\
         &redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb"
    );
    assert_eq!(
        send(&[("grant_type", "refresh_token"), ("refresh_token", "tGzv3JOkF0XG5Qx2TlKWIA")]),
        "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA"
    );
}

#[test]
fn r071_rfc_6749_section_5_1_has_a_type_that_nobody_can_use() {
    let body = "{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"token_type\":\"example\",\"expires_in\":3600,\
                \"refresh_token\":\"tGzv3JOkF0XG5Qx2TlKWIA\",\"example_parameter\":\"example_value\"}";
    let seen = token::response(&reply(200, body), Reading::Strict);
    refused(seen, Code::TokenTypeUnsupported, "", "example");
    let body = body.replace("example\",\"expires", "Bearer\",\"expires");
    let tokens = token::response(&reply(200, body), Reading::Strict).unwrap();
    assert_eq!(tokens.response.text("example_parameter"), Some("example_value"));
}

#[test]
fn r114_rfc_6750_section_2_1() {
    let header = userinfo::bearer(&Secret::new("mF_9.B5f-4.1JqM"));
    assert_eq!(header.expose(), "Bearer mF_9.B5f-4.1JqM");
}

#[test]
fn r032_openid_connect_core_section_3_1_2_1() {
    let random = Randomness { state: [0; 32], nonce: [0; 32], verifier: [0; 32] };
    let client = Client { id: "s6BhdRkqt3", redirect_uri: "https://client.example.org/cb" };
    let ask = sign_in("openid profile email");
    let (address, _) = ask_of(&server(), client, ask, &random).unwrap();
    let sent = parameters(&address);
    for (name, value) in [
        ("response_type", "code"),
        ("scope", "openid profile email"),
        ("client_id", "s6BhdRkqt3"),
        ("redirect_uri", "https://client.example.org/cb"),
    ] {
        assert_eq!(values(&sent, name), [value]);
    }
}

/// OpenID Connect Core, appendix A: one key, one person, hashes of a code and of an access token.
pub(crate) fn core_judge() -> Judge {
    let key = json!({
        "kty": "RSA", "kid": "1e9gdk7", "e": "AQAB",
        "n": "w7Zdfmece8iaB0kiTY8pCtiBtzbptJmP28nSWwtdjRu0f2GFpajvWE4VhfJAjEsOcwYzay7XGN0b-X84BfC8hmCTOj2b2eHT7NsZegFPKRUQzJ9wW8ipn_aDJWMGDuB1XyqT1E7DYqjUCEOD1b4FLpy_xPn6oV_TYOfQ9fZdbE5HGxJUzekuGcOKqOQ8M7wfYHhHHLxGpQVgL0apWuP2gDDOdTtpuld4D2LK1MZK99s9gaSjRHE8JDb1Z4IGhEcEyzkxswVdPndUWzfvWBBWXWxtSUvQGBRkuy1BHOa4sP6FKjWEeeF7gm7UMs2Nm2QUgNZw6xvEDGaLk4KASdIxRQ",
    });
    Judge {
        issuer: "https://server.example.com".into(),
        client: "s6BhdRkqt3".into(),
        nonce: Nonce::Is("n-0S6_WzA2Mj"),
        access_token: Some("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y".into()),
        code: Some("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk".into()),
        now: 1_311_281_000_000,
        ..Judge::with_keys(&[key])
    }
}

const CORE_A6: &str = "eyJraWQiOiIxZTlnZGs3IiwiYWxnIjoiUlMyNTYifQ.ewogImlzcyI6ICJodHRwczovL3NlcnZlci5leGFtcGxlLmNvbSIsCiAic3ViIjogIjI0ODI4OTc2MTAwMSIsCiAiYXVkIjogInM2QmhkUmtxdDMiLAogIm5vbmNlIjogIm4tMFM2X1d6QTJNaiIsCiAiZXhwIjogMTMxMTI4MTk3MCwKICJpYXQiOiAxMzExMjgwOTcwLAogImF0X2hhc2giOiAiNzdRbVVQdGpQZnpXdEYyQW5wSzlSUSIsCiAiY19oYXNoIjogIkxEa3RLZG9RYWszUGswY25YeENsdEEiCn0.A2OhhJzbUNaCbNLqNaqetGLJoxB3ujVbq_HLYSOWgWCJ3-B__YxlqIg8gpeL0VhvrWX0mwz7w_pGTRN4JdgsI0xAlT5fob1ZPnrazgonSyzaXcg2bgD896SsBSlG_8JX6JKaztXifn8k2gy65Me-sMyQrRF8xv_q1CeC871sZpMjJzy5nx65BTI17vcXjntZHADv6o2CrHrEdHp8xSlnTLiiIqgDOmKlpkeqqOBK6dqa4rXZlSqMAUm1LYZmtb2D8sHvQsxTbWlBkX7VZaTSqMJ487s4ZIEea8Bw4KGVOntQue4VhBjBnQ4bQKhB_47DxlWpSyOWdy3cer_zxKrfvw";

#[test]
fn r099_r100_openid_connect_core_appendix_a6() {
    let judge = core_judge();
    let claims = judge.accepts(CORE_A6, "A.6");
    assert_eq!(claims.subject(), "248289761001");
    assert_eq!(claims.members().text("at_hash"), Some("77QmUPtjPfzWtF2AnpK9RQ"));
    assert_eq!(claims.members().text("c_hash"), Some("LDktKdoQak3Pk0cnXxCltA"));
    let other = |change: fn(&mut Judge)| {
        let mut judge = core_judge();
        change(&mut judge);
        judge
    };
    other(|judge| judge.access_token = Some("another".into())).refuses(CORE_A6, "at_hash", "");
    other(|judge| judge.code = Some("another".into())).refuses(CORE_A6, "c_hash", "");
    other(|judge| judge.nonce = Nonce::Is("another")).refuses(CORE_A6, "nonce", "");
    other(|judge| judge.client = "another".into()).refuses(CORE_A6, "aud", "");
    other(|judge| judge.issuer = "https://another.example".into()).refuses(CORE_A6, "iss", "");
    other(|judge| judge.now = NOW).refuses(CORE_A6, "exp", "");
    other(|judge| judge.now -= 3_600_000).refuses(CORE_A6, "iat", "");
    let seen = other(|judge| judge.keys[0]["kid"] = "1e9gdk8".into()).claims(CORE_A6);
    refused(seen, Code::JwksKeyNotFound, "", "kid");
}

#[test]
fn r099_the_hash_of_each_algorithm_as_the_working_group_prints_it() {
    let access_token =
        b"YmJiZTAwYmYtMzgyOC00NzhkLTkyOTItNjJjNDM3MGYzOWIy9sFhvH8K_x8UIHj1osisS57f5DduL";
    for (names, at_hash) in [
        (&["PS256", "RS256", "ES256"][..], "xsZZrUssMXjL3FBlzoSh2g"),
        (&["PS384", "RS384", "ES384"], "adt46pcdiB-l6eTNifgoVM-5AIJAxq84"),
        (
            &["PS512", "RS512", "ES512", "EdDSA", "Ed25519"],
            "p2LHG4H-8pYDc0hyVOo3iIHvZJUqe9tbj3jESOuXbkY",
        ),
    ] {
        for name in names {
            let hash: Hash = Algorithm::by_name(name).unwrap().hash;
            let digest = digest(hash, access_token);
            assert_eq!(base64url::encode(&digest[..digest.len() / 2]), at_hash, "{name}");
        }
    }
}
