//! RFC 5869 and NIST SP 800-38D by WebCrypto: a text sealed under a key that belongs to its context
//! alone, so that a seal put elsewhere does not open.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use crate::protocol::error::{Code, Error};
use crate::protocol::sealed::{self, IV, Sealed};

use super::call::{global, object, promise, property};
use super::crypto::random;

/// What keys are derived from. The same bytes make the same keys either way.
pub enum Secret {
    /// Bytes.
    Bytes(Zeroizing<Vec<u8>>),
    /// A `CryptoKey` for HKDF, which nobody may be able to read.
    Platform(JsValue),
}

/// Seals a text.
pub async fn seal(secret: &Secret, context: &str, text: &str) -> Result<String, Error> {
    let mut iv = [0; IV];
    iv.copy_from_slice(random()?.split_at(IV).0);
    let ciphertext = apply("encrypt", secret, context, &iv, text.as_bytes()).await?;
    Ok(sealed::text(&iv, &ciphertext))
}

/// The text in a seal; `None` where it is not of this secret and context, or not whole.
pub async fn unseal(secret: &Secret, context: &str, seal: &str) -> Result<Option<String>, Error> {
    let Some(seal) = Sealed::parse(seal) else { return Ok(None) };
    let (iv, ciphertext) = seal.parts();
    let bytes = apply("decrypt", secret, context, iv, ciphertext).await;
    Ok(bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// AES-256-GCM one way or the other, under the key of a context.
async fn apply(
    way: &str,
    secret: &Secret,
    context: &str,
    iv: &[u8],
    data: &[u8],
) -> Result<Vec<u8>, Error> {
    let failed = |_| Error::new(Code::Unsupported).detail("AES-GCM");
    let subtle = property(&global("crypto"), "subtle");
    let no = JsValue::FALSE;
    let material = match secret {
        Secret::Platform(key) => key.clone(),
        Secret::Bytes(bytes) => {
            let bytes = Uint8Array::from(bytes.as_slice());
            let usages = Array::of1(&"deriveKey".into());
            let with =
                ["raw".into(), bytes.clone().into(), "HKDF".into(), no.clone(), usages.into()];
            let imported = promise(&subtle, "importKey", &with);
            wipe(&bytes);
            JsFuture::from(imported.map_err(failed)?).await.map_err(failed)?
        }
    };
    let hkdf = object(&[
        ("name", "HKDF".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::new_with_length(0).into()),
        ("info", Uint8Array::from(context.as_bytes()).into()),
    ]);
    let aes = object(&[("name", "AES-GCM".into()), ("length", 256.into())]);
    let usages = Array::of1(&way.into());
    let key = promise(&subtle, "deriveKey", &[hkdf, material, aes, no, usages.into()]);
    let key = JsFuture::from(key.map_err(failed)?).await.map_err(failed)?;
    let gcm = object(&[("name", "AES-GCM".into()), ("iv", Uint8Array::from(iv).into())]);
    let data = Uint8Array::from(data);
    let out = promise(&subtle, way, &[gcm, key, data.clone().into()]);
    wipe(&data);
    let out = Uint8Array::new(&JsFuture::from(out.map_err(failed)?).await.map_err(failed)?);
    let bytes = out.to_vec();
    wipe(&out);
    Ok(bytes)
}

/// WebCrypto takes a copy of what it is given before it answers.
fn wipe(array: &Uint8Array) {
    array.fill(0, 0, array.length());
}
