//! Indexed Database API: keys that nobody can read, between two loads of a page (R141). What is kept is
//! the platform's own handle of the key, never its bytes.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::client::host::KeyPair;
use crate::protocol::error::{Code, Error};
use crate::protocol::time::Millis;

use super::call::{global, leave, object, property};
use super::crypto;
use super::timer::Stop;

/// Database and store.
const NAME: &str = "grantkit.keys";
/// It is waited for so long.
const PATIENCE: Millis = 5_000;

/// The key of that name; nothing where there is none.
pub async fn find(name: &str) -> Result<Option<KeyPair<JsValue>>, Error> {
    let found = at(false, "get", &[name.into()]).await?;
    if !found.is_object() {
        return Ok(None);
    }
    crypto::pair(&found).await.map(Some)
}

/// Keeps a key, unless one of that name is kept already.
pub async fn keep(name: &str, pair: &KeyPair<JsValue>) -> Result<(), Error> {
    let public = crypto::import(&pair.public).await?;
    let kept = object(&[("privateKey", pair.private.key.clone()), ("publicKey", public)]);
    at(true, "add", &[kept, name.into()]).await.map(|_| ())
}

/// One request, within a patience: there are browsers that never answer.
async fn at(writes: bool, what: &str, with: &[JsValue]) -> Result<JsValue, Error> {
    let mut stop = Stop::new(Some(PATIENCE), None);
    stop.race(request(writes, what, with)).await.map_err(|_| Code::StorageUnavailable)?
}

/// One request, in a transaction of its own.
async fn request(writes: bool, what: &str, with: &[JsValue]) -> Result<JsValue, Error> {
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
