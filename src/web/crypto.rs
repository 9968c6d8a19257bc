//! Web Cryptography API: randomness, digests and signatures. The platform's arithmetic, never ours.

use alloc::vec::Vec;

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::protocol::error::{Code, Error};
use crate::protocol::jwk::{Check, PublicKey};
use crate::protocol::jws::{Algorithm, Hash, Scheme};

use super::call::{global, object};

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

/// Whether a signature is good. A key that the platform refuses is no key.
pub async fn verify(check: Check<'_>) -> Result<bool, Error> {
    let subtle = subtle()?;
    let algorithm = parameters(check.algorithm);
    let usages = js_sys::Array::of1(&"verify".into());
    let refused = |_| Error::new(Code::JwksKeyNotFound).detail("unusable");
    let key =
        subtle.import_key("jwk", &jwk(check.key), &algorithm, false, &usages).map_err(refused)?;
    let key = JsFuture::from(key).await.map_err(refused)?;
    let failed = |_| unsupported("signature algorithm");
    let (signature, input) = (Uint8Array::from(check.signature), Uint8Array::from(check.input));
    let good = subtle.verify(&algorithm, &key, &signature, &input).map_err(failed)?;
    Ok(JsFuture::from(good).await.map_err(failed)? == JsValue::TRUE)
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
