//! Errors as plain fields; js/error.js makes the one class of them.

use wasm_bindgen::prelude::*;

use crate::protocol::error::{Error, Fault};
use crate::protocol::json::Object;
use crate::web::call::object;

use super::value;

/// The fields of a `GrantError`.
pub fn fields(error: &Error) -> JsValue {
    let text = |text: Option<&str>| text.map_or(JsValue::UNDEFINED, JsValue::from_str);
    let number = |number: Option<u32>| number.map_or(JsValue::UNDEFINED, JsValue::from);
    let refusal = error.server();
    let members = |members: Option<&Object>| {
        members.map_or(JsValue::UNDEFINED, |members| value::object(members, &[]))
    };
    let fault = match error.code().fault() {
        Fault::Caller => "caller",
        Fault::Server => "server",
        Fault::Response => "response",
        Fault::Network => "network",
        Fault::Internal => "internal",
    };
    object(&[
        ("code", error.code().as_str().into()),
        ("fault", fault.into()),
        ("advice", error.code().advice().into()),
        ("retryable", error.retryable().into()),
        ("retryAfter", number(error.retry_after_seconds())),
        ("loginRequired", error.login_required().into()),
        ("status", number(error.http_status().map(u32::from))),
        ("detail", text(error.detail_text())),
        ("error", text(refusal.map(|refusal| refusal.error.as_str()))),
        ("error_description", text(refusal.and_then(|refusal| refusal.description.as_deref()))),
        ("error_uri", text(refusal.and_then(|refusal| refusal.uri.as_deref()))),
        ("response", members(refusal.and_then(|refusal| refusal.response.as_ref()))),
        ("signIn", members(refusal.and_then(|refusal| refusal.sign_in.as_ref()))),
    ])
}
