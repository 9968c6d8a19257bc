//! A store of the caller's that isolates share: `get`, `set` and `delete`, and where it keeps turns
//! `acquire` and `release`. Whatever it does, it does within a patience or not at all.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::{ArrayBuffer, JsString, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use crate::client::config::invalid;
use crate::client::host::{Call, Edge};
use crate::client::vault;
use crate::protocol::error::{Code, Error};
use crate::protocol::sealed::CAP;
use crate::protocol::secret;
use crate::protocol::time::Millis;

use super::call::{object, property};
use super::crypto;
use super::host::WebHost;
use super::seal::{self, Secret};
use super::storage::{self, unavailable};
use super::timer::Stop;

/// The store, and what seals it.
pub struct Shared {
    /// The caller's object.
    pub store: JsValue,
    /// The key.
    pub secret: Secret,
}

impl Shared {
    /// Sealed by the key that was given, or else by the client's secret.
    pub fn new(
        store: JsValue,
        key: Option<JsValue>,
        client_secret: Option<&secret::Secret>,
    ) -> Result<Shared, Error> {
        if !storage::is_store(&store) {
            return Err(invalid("cache"));
        }
        let secret = match key {
            Some(key) if derives(&key) => Secret::Platform(key),
            Some(key) => {
                // What only inherits from an array of bytes holds none.
                let bytes = key.dyn_ref::<Uint8Array>().filter(|key| ArrayBuffer::is_view(key));
                let bytes = bytes.map(|bytes| Zeroizing::new(bytes.to_vec()));
                Secret::Bytes(vault::key(Some(bytes.unwrap_or_default()), None)?)
            }
            None => Secret::Bytes(vault::key(None, client_secret)?),
        };
        Ok(Shared { store, secret })
    }
}

/// A `CryptoKey` that keys can be derived from.
fn derives(key: &JsValue) -> bool {
    let usages = property(key, "usages");
    // There are two for HKDF.
    property(&property(key, "algorithm"), "name") == "HKDF"
        && ["0", "1"].iter().any(|at| property(&usages, at) == "deriveKey")
}

impl Edge for WebHost {
    fn shares(&self) -> bool {
        self.shared().is_some()
    }

    async fn lock(&self, context: &str, text: &str) -> Result<String, Error> {
        let shared = self.shared().ok_or(Code::StorageUnavailable)?;
        seal::seal(&shared.secret, context, text).await
    }

    async fn unlock(&self, context: &str, seal: &str) -> Result<Option<String>, Error> {
        let shared = self.shared().ok_or(Code::StorageUnavailable)?;
        seal::unseal(&shared.secret, context, seal).await
    }

    async fn mac(&self, secret: &secret::Secret, data: &[u8]) -> Result<Vec<u8>, Error> {
        crypto::mac(secret.expose().as_bytes(), data).await
    }

    async fn store(
        &self,
        call: Call<'_>,
        name: &str,
        patience: Millis,
    ) -> Result<Option<String>, Error> {
        let store = &self.shared().ok_or(Code::StorageUnavailable)?.store;
        let turns = matches!(call, Call::Acquire(_) | Call::Release);
        if turns && !property(store, call.method()).is_function() {
            return Ok(None);
        }
        let mut arguments = alloc::vec![JsValue::from_str(name)];
        match call {
            Call::Set(value, until) => {
                let options = object(&[("expiresAt", (until as f64).into())]);
                arguments.extend([value.into(), options]);
            }
            Call::Acquire(Some(seen)) => arguments.push(seen.into()),
            _ => {}
        }
        let answer = storage::call(store, call.method(), &arguments)?;
        let answer = Stop::new(Some(patience), None).race(JsFuture::from(answer)).await;
        let answer = answer.map_err(|_| Code::Timeout)?.map_err(unavailable)?;
        match call {
            Call::Get | Call::Acquire(_) => text(answer),
            _ => Ok(None),
        }
    }
}

/// A string, or nothing; a store that answers with anything else lies.
fn text(value: JsValue) -> Result<Option<String>, Error> {
    if value.is_null() || value.is_undefined() {
        return Ok(None);
    }
    let text = value.dyn_ref::<JsString>().filter(|text| text.length() as usize <= CAP);
    text.map(|text| Some(text.into())).ok_or_else(|| Code::StorageCorrupt.into())
}
