//! Indexed Database API: keys that nobody can read, between two loads of a page (R141). What is kept is
//! the platform's own handle of the key, never its bytes.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::client::host::KeyPair;
use crate::protocol::error::{Code, Error};

use super::call::{global, leave, object, property};
use super::crypto;

/// Database and store.
const NAME: &str = "grantkit.keys";

/// The key of that name; nothing where there is none, or none that is whole.
pub async fn find(name: &str) -> Result<Option<KeyPair<JsValue>>, Error> {
    let found = at(false, "get", &[name.into()]).await?;
    if !found.is_object() {
        return Ok(None);
    }
    // The public half is kept as it is exported: it is all that is read of it.
    Ok(crypto::pair(&found).await.ok())
}

/// Keeps a key, or removes the one that is kept.
pub async fn keep(name: &str, pair: Option<&KeyPair<JsValue>>) -> Result<(), Error> {
    let key: JsValue = name.into();
    match pair {
        None => at(true, "delete", &[key]).await,
        Some(pair) => {
            let public = crypto::import(&pair.public).await?;
            let kept = object(&[("privateKey", pair.private.key.clone()), ("publicKey", public)]);
            at(true, "add", &[kept, key]).await
        }
    }
    .map(|_| ())
}

/// One request, in a transaction of its own.
async fn at(writes: bool, what: &str, with: &[JsValue]) -> Result<JsValue, Error> {
    let failed = |_| Error::from(Code::StorageUnavailable);
    let opening = method(&global("indexedDB"), "open", &[NAME.into()]).map_err(failed)?;
    let made = opening.clone();
    let upgrade = Closure::once_into_js(move || {
        let _ = method(&property(&made, "result"), "createObjectStore", &[NAME.into()]);
    });
    let _ = Reflect::set(&opening, &"onupgradeneeded".into(), &upgrade);
    let database = done(&opening, "onsuccess").await.map_err(failed)?;
    let mode = if writes { "readwrite" } else { "readonly" };
    let outcome = async {
        let transaction = method(&database, "transaction", &[NAME.into(), mode.into()])?;
        let store = method(&transaction, "objectStore", &[NAME.into()])?;
        let request = method(&store, what, with)?;
        let answer = done(&request, "onsuccess").await?;
        if writes {
            done(&transaction, "oncomplete").await?;
        }
        Ok(answer)
    }
    .await;
    let _ = method(&database, "close", &[]);
    outcome.map_err(failed)
}

/// What a request or transaction comes to.
async fn done(of: &JsValue, event: &str) -> Result<JsValue, JsValue> {
    let promise = Promise::new(&mut |resolve: Function, reject: Function| {
        let _ = Reflect::set(of, &event.into(), &resolve);
        for event in ["onerror", "onabort", "onblocked"] {
            let _ = Reflect::set(of, &event.into(), &reject);
        }
    });
    JsFuture::from(promise).await?;
    Ok(property(of, "result"))
}

fn method(of: &JsValue, name: &str, with: &[JsValue]) -> Result<JsValue, JsValue> {
    let method: Function = property(of, name).dyn_into()?;
    let arguments: js_sys::Array = with.iter().collect();
    leave(|| method.apply(of, &arguments))
}
