//! Web Storage behind a probe, memory, or a store of the caller's (R170). gloo-storage gives the raw
//! object; its own `get` and `set` would bring a second JSON reader (DESIGN.md, Costs).

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use gloo_storage::{LocalStorage, SessionStorage, Storage as _};
use js_sys::{Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::protocol::error::{Code, Error};
use crate::protocol::time::{Millis, UnixMillis};

use super::call::{leave, object, promise, property};
use super::timer::Stop;

/// A store of the caller's is waited for so long.
const PATIENCE: Millis = 5_000;

/// One of the browser's two storages, or nothing where it cannot be reached.
#[derive(Clone)]
pub struct WebStorage {
    storage: Option<web_sys::Storage>,
    shared: bool,
}

impl WebStorage {
    /// Of this tab.
    pub fn session() -> WebStorage {
        let storage = probe("sessionStorage").then(SessionStorage::raw);
        WebStorage { storage, shared: false }
    }

    /// Of this origin.
    pub fn local() -> WebStorage {
        let storage = probe("localStorage").then(LocalStorage::raw);
        WebStorage { storage, shared: true }
    }

    /// Reads.
    pub fn get(&self, key: &str) -> Result<Option<String>, Error> {
        let storage = self.storage.as_ref().ok_or(Code::StorageUnavailable)?;
        leave(|| storage.get_item(key)).map_err(unavailable)
    }

    /// Writes.
    pub fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        let storage = self.storage.as_ref().ok_or(Code::StorageUnavailable)?;
        // A page may have its own function there, which tells listeners before it returns.
        leave(|| storage.set_item(key, value)).map_err(unavailable)
    }

    /// Removes; where there is no storage there is nothing to remove.
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        let storage = self.storage.as_ref().ok_or(Code::StorageUnavailable)?;
        leave(|| storage.remove_item(key)).map_err(unavailable)
    }

    /// The keys that start so.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let Some(storage) = &self.storage else {
            return Vec::new();
        };
        let keys =
            (0..storage.length().unwrap_or(0)).filter_map(|at| storage.key(at).ok().flatten());
        keys.filter(|key| key.starts_with(prefix)).collect()
    }
}

/// Reading the property alone throws where the user forbids storage. A simulated document has storage
/// and no `Window`, without which gloo-storage throws.
fn probe(name: &str) -> bool {
    web_sys::window().is_some()
        && Reflect::get(&js_sys::global(), &name.into()).is_ok_and(|storage| storage.is_object())
}

pub(super) fn unavailable<T>(_: T) -> Error {
    Code::StorageUnavailable.into()
}

/// Where tokens are to live.
#[derive(Clone, Debug, Default)]
pub enum Storage {
    /// In this tab's sessionStorage.
    #[default]
    Session,
    /// In localStorage: all tabs share one session.
    Local,
    /// In memory alone: a reload is a new sign-in.
    Memory,
    /// In an object of the caller's with `get`, `set` and `delete`, whose answers may be promises.
    Custom(JsValue),
}

impl Storage {
    /// Nothing where the caller's object is no store.
    pub fn open(self) -> Option<TokenStore> {
        Some(match self {
            Storage::Session => TokenStore::Web(WebStorage::session()),
            Storage::Local => TokenStore::Web(WebStorage::local()),
            Storage::Memory => TokenStore::Memory(RefCell::default()),
            Storage::Custom(store) if is_store(&store) => TokenStore::Custom(store),
            Storage::Custom(_) => return None,
        })
    }
}

/// Where tokens live.
pub enum TokenStore {
    /// Web Storage.
    Web(WebStorage),
    /// This instance alone.
    Memory(RefCell<Vec<(String, String)>>),
    /// `get`, `set` and `delete` of the caller's; answers may be promises.
    Custom(JsValue),
}

/// Whether a value of the caller's is a store.
pub fn is_store(value: &JsValue) -> bool {
    ["get", "set", "delete"].iter().all(|name| property(value, name).is_function())
}

impl TokenStore {
    /// Whether other tabs may read and write it.
    pub fn shared(&self) -> bool {
        match self {
            TokenStore::Web(storage) => storage.shared,
            TokenStore::Memory(_) => false,
            TokenStore::Custom(_) => true,
        }
    }

    /// Reads.
    pub async fn get(&self, key: &str) -> Result<Option<String>, Error> {
        match self {
            TokenStore::Web(storage) => storage.get(key),
            TokenStore::Memory(map) => {
                let map = map.borrow();
                Ok(map.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone()))
            }
            TokenStore::Custom(store) => {
                let value = answer(Some(call(store, "get", &[key.into()])?)).await;
                let value = value.ok_or(Code::StorageUnavailable)?.map_err(unavailable)?;
                match value.as_string() {
                    // Neither a text nor nothing: what is kept is not known.
                    None if !value.is_null() && !value.is_undefined() => Err(unavailable(value)),
                    text => Ok(text),
                }
            }
        }
    }

    /// Writes, or removes; a store of the caller's answers with a promise of when it is done.
    pub fn save(
        &self,
        key: &str,
        value: Option<(&str, Option<UnixMillis>)>,
    ) -> Result<Option<Promise>, Error> {
        match (self, value) {
            (TokenStore::Web(storage), Some((value, _))) => storage.set(key, value)?,
            (TokenStore::Web(storage), None) => storage.remove(key)?,
            (TokenStore::Memory(map), value) => {
                let mut map = map.borrow_mut();
                map.retain(|(known, _)| known != key);
                map.extend(value.map(|(value, _)| (key.into(), value.into())));
            }
            (TokenStore::Custom(store), Some((value, expires_at))) => {
                let until = expires_at.map_or(JsValue::UNDEFINED, |at| (at as f64).into());
                let options = object(&[("expiresAt", until)]);
                return call(store, "set", &[key.into(), value.into(), options]).map(Some);
            }
            (TokenStore::Custom(store), None) => {
                return call(store, "delete", &[key.into()]).map(Some);
            }
        }
        Ok(None)
    }
}

/// What a store of the caller's answers; nothing where it never does.
pub async fn answer(promise: Option<Promise>) -> Option<Result<JsValue, JsValue>> {
    let answer = JsFuture::from(promise?);
    Stop::new(Some(PATIENCE), None).race(answer).await.ok()
}

pub(super) fn call(store: &JsValue, method: &str, arguments: &[JsValue]) -> Result<Promise, Error> {
    promise(store, method, arguments).map_err(unavailable)
}
