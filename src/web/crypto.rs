//! Web Cryptography API: randomness, digests and signatures. The platform's arithmetic, never ours.

use alloc::vec::Vec;

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::client::host::{KeyPair, Signing};
use crate::protocol::error::{Code, Error};
use crate::protocol::json::Object;
use crate::protocol::jwk::{Check, PublicKey};
use crate::protocol::jws::{Algorithm, Hash, Scheme};

use super::call::{global, object, promise, property};

#[wasm_bindgen]
extern "C" {
    type Crypto;
    #[wasm_bindgen(method, getter)]
    fn subtle(this: &Crypto) -> JsValue;
    #[wasm_bindgen(method, catch, js_name = getRandomValues)]
    fn get_random_values(this: &Crypto, into: &Uint8Array) -> Result<JsValue, JsValue>;

    type Subtle;
    #[wasm_bindgen(method, catch, js_name = importKey)]
    fn import_key(
        this: &Subtle,
        format: &str,
        key: &JsValue,
        algorithm: &JsValue,
        extractable: bool,
        usages: &JsValue,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn verify(
        this: &Subtle,
        algorithm: &JsValue,
        key: &JsValue,
        signature: &Uint8Array,
        data: &Uint8Array,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn digest(this: &Subtle, algorithm: &str, data: &Uint8Array) -> Result<Promise, JsValue>;
}

fn crypto() -> Result<Crypto, Error> {
    let crypto = global("crypto");
    if crypto.is_object() { Ok(crypto.unchecked_into()) } else { Err(unsupported("crypto")) }
}

fn subtle() -> Result<Subtle, Error> {
    let subtle = crypto()?.subtle();
    if subtle.is_object() { Ok(subtle.unchecked_into()) } else { Err(unsupported("crypto.subtle")) }
}

/// Whether signatures can be checked here: browsers have `crypto.subtle` on https and loopback alone.
pub fn available() -> bool {
    subtle().is_ok()
}

/// 32 random bytes; a source that is missing, throws or answers zeros is an error (R028).
pub fn random() -> Result<[u8; 32], Error> {
    let array = Uint8Array::new_with_length(32);
    crypto()?.get_random_values(&array).map_err(|_| unsupported("crypto.getRandomValues"))?;
    let mut bytes = [0; 32];
    array.copy_to(&mut bytes);
    array.fill(0, 0, 32);
    if bytes == [0; 32] { Err(unsupported("crypto.getRandomValues")) } else { Ok(bytes) }
}

/// A digest.
pub async fn digest(hash: Hash, data: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |_| unsupported("digest");
    let promise = subtle()?.digest(hash.name(), &Uint8Array::from(data)).map_err(failed)?;
    Ok(Uint8Array::new(&JsFuture::from(promise).await.map_err(failed)?).to_vec())
}

/// A public key in the platform's hands. One that the platform refuses is no key.
async fn imported(key: &PublicKey, algorithm: &JsValue, readable: bool) -> Result<JsValue, Error> {
    let usages = js_sys::Array::of1(&"verify".into());
    let key =
        subtle()?.import_key("jwk", &jwk(key), algorithm, readable, &usages).map_err(refused)?;
    JsFuture::from(key).await.map_err(refused)
}

fn refused(_: JsValue) -> Error {
    Error::new(Code::JwksKeyNotFound).detail("unusable")
}

/// The public half of a key for ES256, to be kept beside the private one.
pub async fn import(key: &PublicKey) -> Result<JsValue, Error> {
    let curve = object(&[("name", "ECDSA".into()), ("namedCurve", "P-256".into())]);
    imported(key, &curve, true).await
}

/// Whether a signature is good.
pub async fn verify(check: Check<'_>) -> Result<bool, Error> {
    let subtle = subtle()?;
    let algorithm = parameters(check.algorithm);
    let key = imported(check.key, &algorithm, false).await?;
    let failed = |_| unsupported("signature algorithm");
    let (signature, input) = (Uint8Array::from(check.signature), Uint8Array::from(check.input));
    let good = subtle.verify(&algorithm, &key, &signature, &input).map_err(failed)?;
    // Deno takes a key that is no point of its curve, and refuses it here.
    Ok(JsFuture::from(good).await.map_err(refused)? == JsValue::TRUE)
}

/// Signs by a private key: a `CryptoKey`, or a JWK that is imported for this once.
pub async fn sign(key: &JsValue, algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, Error> {
    let subtle: JsValue = subtle()?.unchecked_into();
    let how = parameters(algorithm);
    let refused = |_| Error::new(Code::ConfigInvalid).detail("key");
    let key = match property(key, "kty").is_string() {
        false => key.clone(),
        true => {
            let usages = js_sys::Array::of1(&"sign".into());
            // Its own `key_ops`, `use` and `alg` need not say what WebCrypto wants to hear.
            let bare = object(&[]);
            for name in ["kty", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi"] {
                let member = property(key, name);
                if member.is_string() {
                    let _ = js_sys::Reflect::set(&bare, &name.into(), &member);
                }
            }
            let with = ["jwk".into(), bare, how.clone(), JsValue::FALSE, usages.into()];
            let imported = promise(&subtle, "importKey", &with).map_err(refused)?;
            JsFuture::from(imported).await.map_err(refused)?
        }
    };
    let signed = promise(&subtle, "sign", &[how, key, Uint8Array::from(data).into()]);
    let signature = JsFuture::from(signed.map_err(refused)?).await.map_err(refused)?;
    Ok(Uint8Array::new(&signature).to_vec())
}

/// Makes a key for ES256: the private half cannot be read (R141).
pub async fn make() -> Result<KeyPair<JsValue>, Error> {
    let failed = |_| unsupported("ES256");
    let subtle: JsValue = subtle()?.unchecked_into();
    let curve = object(&[("name", "ECDSA".into()), ("namedCurve", "P-256".into())]);
    let usages = js_sys::Array::of2(&"sign".into(), &"verify".into());
    let with = [curve, JsValue::FALSE, usages.into()];
    let made = promise(&subtle, "generateKey", &with).map_err(failed)?;
    let made = JsFuture::from(made).await.map_err(failed)?;
    pair(&made).await
}

/// A `CryptoKeyPair`, whose public half can be read.
pub async fn pair(made: &JsValue) -> Result<KeyPair<JsValue>, Error> {
    let refused = || Error::new(Code::ConfigInvalid).detail("keyPair");
    let subtle: JsValue = subtle()?.unchecked_into();
    let with = ["jwk".into(), property(made, "publicKey")];
    let read = promise(&subtle, "exportKey", &with).map_err(|_| refused())?;
    let jwk = JsFuture::from(read).await.map_err(|_| refused())?;
    let mut members = Object::new();
    for name in ["kty", "crv", "x", "y", "n", "e"] {
        members.set_text(name, property(&jwk, name).as_string().as_deref());
    }
    let public = PublicKey::parse(&members).ok_or_else(refused)?;
    let private = signing(&property(made, "privateKey")).ok_or_else(refused)?;
    Ok(KeyPair { private, public })
}

/// What a `CryptoKey` or a private JWK can sign; nothing where it is neither.
pub fn signing(key: &JsValue) -> Option<Signing<JsValue>> {
    let text = |of: &JsValue, name| property(of, name).as_string();
    let jwk = text(key, "kty");
    let can: &[&str] = match (&jwk, text(key, "crv").as_deref()) {
        (Some(_), _) if !property(key, "d").is_string() => return None,
        (Some(kind), _) if kind == "RSA" => &["PS256", "RS256"],
        (Some(_), Some("Ed25519")) => &["EdDSA", "Ed25519"],
        (Some(_), Some("P-256")) => &["ES256"],
        (Some(_), Some("P-384")) => &["ES384"],
        (Some(_), Some("P-521")) => &["ES512"],
        (Some(_), _) => return None,
        (None, _) if property(key, "type") != "private" => return None,
        (None, _) => {
            let of = property(key, "algorithm");
            let hash = text(&property(&of, "hash"), "name").unwrap_or_default();
            match (text(&of, "name")?.as_str(), text(&of, "namedCurve").as_deref(), hash.as_str()) {
                ("ECDSA", Some("P-256"), _) => &["ES256"],
                ("ECDSA", Some("P-384"), _) => &["ES384"],
                ("ECDSA", Some("P-521"), _) => &["ES512"],
                ("Ed25519", ..) => &["EdDSA", "Ed25519"],
                ("RSA-PSS", _, "SHA-256") => &["PS256"],
                ("RSASSA-PKCS1-v1_5", _, "SHA-256") => &["RS256"],
                _ => return None,
            }
        }
    };
    let can = can.iter().filter_map(|name| Algorithm::by_name(name)).collect();
    Some(Signing { key: key.clone(), can, kid: text(key, "kid") })
}

/// HMAC-SHA-256.
pub async fn mac(secret: &[u8], data: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |_| unsupported("HMAC");
    let subtle: JsValue = subtle()?.unchecked_into();
    let how = object(&[("name", "HMAC".into()), ("hash", "SHA-256".into())]);
    let bytes = Uint8Array::from(secret);
    let usages = js_sys::Array::of1(&"sign".into());
    let with = ["raw".into(), bytes.clone().into(), how.clone(), JsValue::FALSE, usages.into()];
    let imported = promise(&subtle, "importKey", &with);
    // WebCrypto takes a copy of what it is given before it answers.
    bytes.fill(0, 0, bytes.length());
    let key = JsFuture::from(imported.map_err(failed)?).await.map_err(failed)?;
    let made = promise(&subtle, "sign", &[how, key, Uint8Array::from(data).into()]);
    let made = JsFuture::from(made.map_err(failed)?).await.map_err(failed)?;
    Ok(Uint8Array::new(&made).to_vec())
}

fn parameters(algorithm: Algorithm) -> JsValue {
    let hash = ("hash", algorithm.hash.name().into());
    match algorithm.scheme {
        Scheme::Rsa => object(&[("name", "RSASSA-PKCS1-v1_5".into()), hash]),
        Scheme::Pss => {
            let salt = match algorithm.hash {
                Hash::Sha256 => 32,
                Hash::Sha384 => 48,
                Hash::Sha512 => 64,
            };
            object(&[("name", "RSA-PSS".into()), hash, ("saltLength", salt.into())])
        }
        Scheme::Ecdsa => {
            let curve = algorithm.curve().map(|(name, _)| name).unwrap_or_default();
            object(&[("name", "ECDSA".into()), hash, ("namedCurve", curve.into())])
        }
        Scheme::Ed25519 => object(&[("name", "Ed25519".into())]),
    }
}

fn jwk(key: &PublicKey) -> JsValue {
    match key {
        PublicKey::Rsa { n, e } => {
            object(&[("kty", "RSA".into()), ("n", n.into()), ("e", e.into())])
        }
        PublicKey::Curve { crv, x, y: Some(y) } => {
            object(&[("kty", "EC".into()), ("crv", crv.into()), ("x", x.into()), ("y", y.into())])
        }
        PublicKey::Curve { crv, x, y: None } => {
            object(&[("kty", "OKP".into()), ("crv", crv.into()), ("x", x.into())])
        }
    }
}

fn unsupported(what: &'static str) -> Error {
    Error::new(Code::Unsupported).detail(what)
}
