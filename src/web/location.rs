//! The address bar (R057). `history.state` is the page's own and is kept.

use alloc::string::String;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Window;

use crate::protocol::error::{Code, Error};

use super::call::{leave as outside, property};

/// The page's window, unless this is a server or a worker.
pub fn window() -> Option<Window> {
    let global: JsValue = js_sys::global().into();
    let page =
        property(&global, "document").is_object() && property(&global, "location").is_object();
    page.then(|| global.unchecked_into())
}

/// The page's address.
pub fn address() -> Option<String> {
    property(&window()?.location(), "href").as_string()
}

/// Replaces the address without loading.
pub fn replace(url: &str) {
    let Some(history) = window().and_then(|window| window.history().ok()) else {
        return;
    };
    let state = property(&history, "state");
    // A sandboxed document may refuse; the callback is handled all the same.
    // Listeners of the page hear of it before this returns.
    let _ = outside(|| history.replace_state_with_url(&state, "", Some(url)));
}

/// Leaves the page. Comes back if the browser refuses, or if the page returns from the back/forward
/// cache.
pub async fn leave(url: &str) -> Error {
    let Some(window) = window() else {
        return Error::new(Code::Unsupported).detail("page");
    };
    if outside(|| window.location().assign(url)).is_err() {
        return Error::new(Code::UrlInvalid).detail("navigation");
    }
    loop {
        let mut listener = None;
        let shown = Promise::new(&mut |resolve: Function, _| {
            let _ = window.add_event_listener_with_callback("pageshow", &resolve);
            listener = Some(resolve);
        });
        let shown = JsFuture::from(shown).await;
        if let Some(listener) = listener {
            let _ = window.remove_event_listener_with_callback("pageshow", &listener);
        }
        match shown {
            Ok(event) if property(&event, "persisted") == JsValue::TRUE => {
                return Code::Aborted.into();
            }
            _ => {}
        }
    }
}
