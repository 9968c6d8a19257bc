//! Web Locks API: one tab at a time. Where it is missing (plain http beyond loopback, old browsers), a
//! lease in localStorage, which ends by itself when its tab dies.

use alloc::string::{String, ToString};

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use crate::protocol::base64url;
use crate::protocol::time::Millis;

use super::call::{global, object, property};
use super::crypto;
use super::storage::WebStorage;
use super::timer::Stop;

/// How often a tab without Web Locks looks again.
const LOOK: Millis = 50;
/// By then a write has reached the other tabs, whose processes have copies of their own.
const SETTLED: Millis = 250;

#[wasm_bindgen]
extern "C" {
    type Locks;
    #[wasm_bindgen(method, catch)]
    fn request(
        this: &Locks,
        name: &str,
        options: &JsValue,
        callback: &JsValue,
    ) -> Result<Promise, JsValue>;
}

/// A lock in this tab's hands; given back when dropped.
pub enum Lock {
    /// Of the Web Locks API: given back when this function is called.
    Held(Function),
    /// A name in localStorage, and whose it is.
    Leased(WebStorage, String, String),
}

impl Drop for Lock {
    fn drop(&mut self) {
        match self {
            Lock::Held(release) => {
                let _ = release.call0(&JsValue::UNDEFINED);
            }
            Lock::Leased(storage, name, owner) => {
                if holder(storage, name).is_some_and(|(known, _)| known == *owner) {
                    let _ = storage.remove(name);
                }
            }
        }
    }
}

/// A lock, and whether it had to be waited for; `None` where patience ran out.
pub async fn acquire(name: &str, patience: Millis) -> Option<(Lock, bool)> {
    let locks = property(&global("navigator"), "locks");
    let mut stop = Stop::new(Some(patience), None);
    if !locks.is_object() {
        // Timers of a page that nobody sees are late: looks are not counted.
        return stop.race(lease(name, patience)).await.ok().flatten();
    }
    stop.race(queue(&locks.unchecked_into(), name)).await.ok().flatten()
}

async fn queue(locks: &Locks, name: &str) -> Option<(Lock, bool)> {
    let at_once = object(&[("ifAvailable", JsValue::TRUE)]);
    if let Some(lock) = request(locks, name, &at_once).await {
        return Some((lock, false));
    }
    let queued = Queued(AbortController::new().ok()?);
    let options = object(&[("signal", queued.0.signal().into())]);
    request(locks, name, &options).await.map(|lock| (lock, true))
}

/// A place in the queue, left when dropped; a lock that was granted is not touched by it.
struct Queued(AbortController);

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn request(locks: &Locks, name: &str, options: &JsValue) -> Option<Lock> {
    // Whoever stops to wait drops this, and a lock that comes all the same is given back at once.
    let mut release = None;
    let held = Promise::new(&mut |resolve: Function, _| release = Some(Lock::Held(resolve)));
    let lock = release?;
    let answer = Promise::new(&mut |resolve: Function, _| {
        let (granted, held) = (resolve.clone(), held.clone());
        let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            let _ = granted.call1(&JsValue::UNDEFINED, &lock);
            if lock.is_object() { held.into() } else { JsValue::UNDEFINED }
        });
        // Granted or refused: the promise of the request tells of both, after the callback.
        match locks.request(name, options, &callback) {
            Ok(over) => settle(&over, &resolve),
            Err(_) => {
                let _ = resolve.call0(&JsValue::UNDEFINED);
            }
        }
    });
    let answer = JsFuture::from(answer).await.ok()?;
    property(&answer, "mode").is_string().then_some(lock)
}

/// Calls back when a promise is done, however it ends.
fn settle(promise: &Promise, done: &Function) {
    if let Ok(then) =
        Reflect::get(promise, &"then".into()).and_then(|then| then.dyn_into::<Function>())
    {
        let _ = then.call2(promise, done, done);
    }
}

/// Whoever wrote last, and is still there after a moment, has it. It ends by itself when others lose
/// patience, whatever became of its tab.
async fn lease(name: &str, patience: Millis) -> Option<(Lock, bool)> {
    let (storage, length) = (WebStorage::local(), patience as f64);
    let owner = base64url::encode(&crypto::random().ok()?);
    let mut name = String::from(name);
    name.push_str(".lease");
    // Given back, too, if nobody waits for it any more.
    let lock = Lock::Leased(storage.clone(), name.clone(), owner.clone());
    let mut waited = false;
    loop {
        let now = js_sys::Date::now();
        // A clock that was set back makes a lease look longer than any is.
        let taken =
            holder(&storage, &name).is_some_and(|(_, until)| now < until && until <= now + length);
        waited |= taken;
        if !taken {
            let mut text = owner.clone();
            text.push(' ');
            text.push_str(&integer(now + length));
            // Without storage there is nothing that tabs could share.
            if storage.set(&name, &text).is_err() {
                return Some((lock, false));
            }
        }
        let moment = if taken { LOOK } else { SETTLED };
        let _ = Stop::new(Some(moment), None).race(core::future::pending::<()>()).await;
        let now = js_sys::Date::now();
        // A moment that took long may have outlived it.
        if holder(&storage, &name).is_some_and(|(known, until)| known == owner && now < until) {
            return Some((lock, waited));
        }
    }
}

fn holder(storage: &WebStorage, name: &str) -> Option<(String, f64)> {
    let text = storage.get(name).ok().flatten()?;
    let (owner, until) = text.split_once(' ')?;
    Some((owner.to_string(), js_sys::parse_float(until)))
}

fn integer(value: f64) -> String {
    crate::protocol::json::integer_text(value as i64)
}
