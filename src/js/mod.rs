//! The fourth ring: the only place that JavaScript sees. Async exports take `&self`, clone what they
//! need, and return a promise (law 9); js/grantkit.js holds their handles for the public classes.

mod allocator;
#[cfg(feature = "client")]
mod endpoints;
mod error;
#[cfg(feature = "client")]
mod guard;
mod host;
#[cfg(feature = "client")]
mod incoming;
#[cfg(feature = "client")]
mod keys;
mod options;
#[cfg(feature = "session")]
mod session;
mod source;
#[cfg(feature = "client")]
mod token_client;
mod value;
#[cfg(feature = "client")]
mod waiting;

use alloc::boxed::Box;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::client::host::Work;
use crate::protocol::error::Error;
use crate::web::call::{self, Inside};

/// Work that a public call waits for.
type Answering = Work<Result<JsValue, Error>>;

/// A promise of work; it rejects with the fields of an error.
fn promise(work: Answering) -> Promise {
    future_to_promise(Inside(Box::pin(
        async move { work.await.map_err(|error| error::fields(&error)) },
    )))
}

/// A promise that is refused already.
fn refuse(error: Error) -> Promise {
    Promise::reject(&error::fields(&error))
}

#[cfg(feature = "client")]
fn fields_of(error: &Error) -> JsValue {
    error::fields(error)
}

/// Whether this instance is at work. Asked while nothing of it runs: whether it trapped.
#[wasm_bindgen]
pub fn busy() -> bool {
    call::inside()
}

/// The next call gets a fresh instance.
#[wasm_bindgen]
pub fn reset() {
    wasm_bindgen::handler::schedule_reinit();
}
