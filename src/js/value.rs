//! Law 10, the way out: a server's members become frozen objects without a prototype, in which
//! `__proto__` is a name like any other (R013, R103).

use alloc::string::String;

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::protocol::json::{self, Json, Object as Members};

/// Any value.
pub fn json(value: &Json) -> JsValue {
    match value {
        Json::Null => JsValue::NULL,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => js_sys::parse_float(number.as_text()).into(),
        Json::String(text) => text.into(),
        Json::Array(items) => {
            let items: Array = items.iter().map(json).collect();
            Object::freeze(&items).into()
        }
        Json::Object(members) => object(members, &[]),
    }
}

/// An object with members of ours behind the server's.
pub fn object(members: &Members, ours: &[(&str, JsValue)]) -> JsValue {
    let out: Object = Object::create(JsValue::NULL.unchecked_ref::<Object>());
    let set = |name: &str, value: &JsValue| {
        // On a fresh object without a prototype this cannot fail.
        let _ = Reflect::set(&out, &name.into(), value);
    };
    for (name, value) in members.iter() {
        set(name, &json(value));
    }
    for (name, value) in ours {
        set(name, value);
    }
    Object::freeze(&out).into()
}

/// What the caller may hold in JSON; absent is `None`.
pub fn read_json(value: &JsValue) -> Option<Json> {
    let text: String = js_sys::JSON::stringify(value).ok()?.as_string()?;
    json::read(text.as_bytes()).ok()
}

/// The token response as the server sent it, checked, with what we add.
#[cfg(feature = "client")]
pub fn tokens(
    granted: &crate::client::server::Granted,
    claims: Option<&crate::protocol::id_token::Claims>,
) -> JsValue {
    let mut ours = alloc::vec::Vec::new();
    // A server's member of that name would look like ours.
    let mut members = granted.tokens.response.clone();
    for name in ["expiresAt", "claims"] {
        members.take(name);
    }
    if let Some(at) = granted.expires_at() {
        ours.push(("expiresAt", (at as f64).into()));
    }
    if let Some(claims) = claims {
        ours.push(("claims", object(claims.members(), &[])));
    }
    object(&members, &ours)
}
