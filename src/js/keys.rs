//! Keys of the caller's, as options: a `CryptoKey`, a private JWK, or either with its name.

use alloc::boxed::Box;
use alloc::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::client::host::Signing;
use crate::client::keyring::Elsewhere;
use crate::protocol::error::{Code, Error};
use crate::protocol::secret::Secret;
use crate::protocol::time::Millis;
use crate::web::call::{function, leave, property, text};
use crate::web::crypto;
use crate::web::timer::Stop;

/// Somebody who makes assertions is waited for so long.
const PATIENCE: Millis = 10_000;

use super::options::View;

/// A private key under that name.
pub fn signing(view: &View, name: &'static str) -> Option<Signing<JsValue>> {
    let given = view.get(name)?;
    let named = property(&given, "key").is_object();
    let found = if named { with_name(&given) } else { crypto::signing(&given) };
    if found.is_none() {
        view.refuse(name);
    }
    found
}

/// `{ key, kid, alg }`.
fn with_name(given: &JsValue) -> Option<Signing<JsValue>> {
    let inner = View::of(given);
    let mut key = crypto::signing(&inner.get("key")?)?;
    if let Some(kid) = inner.text("kid") {
        key.kid = Some(kid);
    }
    if let Some(alg) = inner.text("alg") {
        key.can.retain(|known| known.name == alg);
    }
    (inner.finish().is_ok() && !key.can.is_empty()).then_some(key)
}

/// Somebody who makes assertions in our place.
pub fn elsewhere(view: &View) -> Option<Elsewhere> {
    let given = view.function("clientAssertion")?;
    Some(Rc::new(move || {
        let given = given.clone();
        Box::pin(async move {
            let failed = || Error::new(Code::ConfigInvalid).detail("clientAssertion");
            let answer = function(&given, &[]).map_err(|_| failed())?;
            let answer = leave(|| Promise::resolve(&answer));
            let mut stop = Stop::new(Some(PATIENCE), None);
            let answer = stop.race(JsFuture::from(answer)).await.map_err(|_| Code::Timeout)?;
            let answer = answer.map_err(|_| failed())?;
            text(&answer).filter(|text| !text.is_empty()).map(Secret::new).ok_or_else(failed)
        })
    }))
}
