//! RFC 5869 and NIST SP 800-38D by WebCrypto: a text sealed under a key that belongs to its context
//! alone, so that a seal put elsewhere does not open.

use alloc::string::String;

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::protocol::error::{Code, Error};
use crate::protocol::sealed::{self, IV, Sealed};

use super::call::object;
use super::crypto::{Subtle, random, subtle};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(method, catch, js_name = deriveKey)]
    fn derive_key(
        this: &Subtle,
        algorithm: &JsValue,
        key: &JsValue,
        derived: &JsValue,
        extractable: bool,
        usages: &JsValue,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn encrypt(
        this: &Subtle,
        algorithm: &JsValue,
        key: &JsValue,
        data: &Uint8Array,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn decrypt(
        this: &Subtle,
        algorithm: &JsValue,
        key: &JsValue,
        data: &Uint8Array,
    ) -> Result<Promise, JsValue>;
}

/// Seals a text.
pub async fn seal(secret: &[u8], context: &str, text: &str) -> Result<String, Error> {
    let subtle = subtle()?;
    let key = key(&subtle, secret, context).await.map_err(failed)?;
    let mut iv = [0; IV];
    iv.copy_from_slice(random()?.split_at(IV).0);
    let data = Uint8Array::from(text.as_bytes());
    let promise = subtle.encrypt(&gcm(&iv), &key, &data).map_err(failed)?;
    // WebCrypto took a copy.
    data.fill(0, 0, data.length());
    let ciphertext = Uint8Array::new(&JsFuture::from(promise).await.map_err(failed)?);
    Ok(sealed::text(&iv, &ciphertext.to_vec()))
}

/// The text in a seal; `None` where it is not of this secret and context, or not whole.
pub async fn unseal(secret: &[u8], context: &str, seal: &str) -> Result<Option<String>, Error> {
    let Some(seal) = Sealed::parse(seal) else { return Ok(None) };
    let subtle = subtle()?;
    let key = key(&subtle, secret, context).await.map_err(failed)?;
    let (iv, ciphertext) = seal.parts();
    let promise = subtle.decrypt(&gcm(iv), &key, &Uint8Array::from(ciphertext));
    let opened = match promise {
        Ok(promise) => JsFuture::from(promise).await,
        Err(error) => Err(error),
    };
    let Ok(opened) = opened else { return Ok(None) };
    let data = Uint8Array::new(&opened);
    let bytes = data.to_vec();
    data.fill(0, 0, data.length());
    Ok(String::from_utf8(bytes).ok())
}

async fn key(subtle: &Subtle, secret: &[u8], context: &str) -> Result<JsValue, JsValue> {
    let secret = Uint8Array::from(secret);
    let usages = Array::of1(&"deriveKey".into());
    let imported = subtle.import_key("raw", &secret, &"HKDF".into(), false, &usages);
    secret.fill(0, 0, secret.length());
    let imported = JsFuture::from(imported?).await?;
    let hkdf = object(&[
        ("name", "HKDF".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::new_with_length(0).into()),
        ("info", Uint8Array::from(context.as_bytes()).into()),
    ]);
    let aes = object(&[("name", "AES-GCM".into()), ("length", 256.into())]);
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    JsFuture::from(subtle.derive_key(&hkdf, &imported, &aes, false, &usages)?).await
}

fn gcm(iv: &[u8]) -> JsValue {
    object(&[("name", "AES-GCM".into()), ("iv", Uint8Array::from(iv).into())])
}

fn failed(_: JsValue) -> Error {
    Error::new(Code::Unsupported).detail("AES-GCM")
}
