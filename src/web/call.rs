//! Law 8 and law 9 at the border: everything that may run the caller's own code goes through here, so
//! that the JavaScript side can tell a call that comes back in from an instance that trapped.

use alloc::string::String;
use core::cell::Cell;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use js_sys::{JsString, Promise};
use wasm_bindgen::prelude::*;

use crate::client::host::Work;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this instance is at work. Seen from outside while nothing of it runs, it trapped.
pub fn inside() -> bool {
    INSIDE.get()
}

/// Runs work of this crate.
pub fn enter<T>(work: impl FnOnce() -> T) -> T {
    let before = INSIDE.replace(true);
    let out = work();
    INSIDE.set(before);
    out
}

/// Runs code of the caller.
pub fn leave<T>(work: impl FnOnce() -> T) -> T {
    let before = INSIDE.replace(false);
    let out = work();
    INSIDE.set(before);
    out
}

/// A future whose every step is work of this crate.
pub struct Inside<T>(pub Work<T>);

impl<T> Future for Inside<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        enter(|| self.0.as_mut().poll(context))
    }
}

/// Calls a function of the caller.
pub fn function(f: &js_sys::Function, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    leave(|| match arguments {
        [] => f.call0(&JsValue::UNDEFINED),
        [one] => f.call1(&JsValue::UNDEFINED, one),
        [one, two, ..] => f.call2(&JsValue::UNDEFINED, one, two),
    })
}

/// An own or inherited property; `undefined` where reading it throws.
pub fn property(of: &JsValue, name: &str) -> JsValue {
    // It may be a getter of the caller's.
    leave(|| js_sys::Reflect::get(of, &JsValue::from_str(name))).unwrap_or(JsValue::UNDEFINED)
}

/// A method of an object that may be the caller's.
pub fn method(object: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    let method: js_sys::Function = property(object, name).dyn_into()?;
    leave(|| method.call0(object))
}

/// The same with arguments, and its answer as a promise.
pub fn promise(object: &JsValue, name: &str, with: &[JsValue]) -> Result<Promise, JsValue> {
    let method: js_sys::Function = property(object, name).dyn_into()?;
    let arguments: js_sys::Array = with.iter().collect();
    // An answer may have a `then` of the caller's.
    leave(|| method.apply(object, &arguments).map(|answer| Promise::resolve(&answer)))
}

/// A plain object.
pub fn object(members: &[(&str, JsValue)]) -> JsValue {
    let out: JsValue = js_sys::Object::new().into();
    for (name, value) in members {
        // On a fresh plain object this cannot fail.
        let _ = js_sys::Reflect::set(&out, &JsValue::from_str(name), value);
    }
    out
}

/// A global of the runtime.
pub fn global(name: &str) -> JsValue {
    property(&js_sys::global(), name)
}

/// What `String` makes of a value of the caller's; `undefined` where that throws.
pub fn written(value: &JsValue) -> JsValue {
    let class = global("String").dyn_into::<js_sys::Function>();
    class
        .ok()
        .and_then(|string| function(&string, core::slice::from_ref(value)).ok())
        .unwrap_or_default()
}

/// A string that can be sent: lone surrogates have no encoding (A026).
#[inline(never)]
pub fn text(value: &JsValue) -> Option<String> {
    value.dyn_ref::<JsString>().filter(|text| text.is_valid_utf16()).map(String::from)
}
