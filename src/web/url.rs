//! The platform's own URL parser (R002): what it makes of a text is what is fetched.

use alloc::string::String;
use wasm_bindgen::JsValue;

use crate::protocol::url::Url;

use super::call::property;

/// Parses an absolute URL, or one relative to a base.
pub fn parse(text: &str, base: Option<&str>) -> Option<Url> {
    let url = match base {
        Some(base) => web_sys::Url::new_with_base(text, base),
        None => web_sys::Url::new(text),
    };
    let url: JsValue = url.ok()?.into();
    let part = |name: &str| -> String { property(&url, name).as_string().unwrap_or_default() };
    Some(Url {
        href: part("href"),
        protocol: part("protocol"),
        hostname: part("hostname"),
        origin: part("origin"),
        pathname: part("pathname"),
        search: part("search"),
        hash: part("hash"),
        credentials: ["username", "password"].iter().any(|name| !part(name).is_empty()),
    })
}
