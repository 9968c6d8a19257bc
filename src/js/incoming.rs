//! Fetch standard: a request that somebody sent to the caller, or an answer that the caller got. Who sent
//! it may be anybody: no more of it is read than it may be long.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::protocol::error::{Code, Error};
use crate::web::call::{leave, method, promise, property};

use crate::client::config::invalid;

/// A header of a `Request` or `Response`.
pub fn header(of: &JsValue, name: &str) -> Option<String> {
    let headers = property(of, "headers");
    let get: Function = property(&headers, "get").dyn_into().ok()?;
    leave(|| get.call1(&headers, &name.into())).ok()?.as_string()
}

/// Whether it has headers to look at, as `Request` and `Response` have.
pub fn has_headers(of: &JsValue) -> bool {
    property(&property(of, "headers"), "get").is_function()
}

/// A `Request`.
pub struct Incoming {
    request: JsValue,
    /// As it was sent.
    pub method: String,
}

impl Incoming {
    /// Something else is none, and so is one whose body somebody read already.
    pub fn of(request: &JsValue) -> Result<Incoming, Error> {
        let method = property(request, "method").as_string();
        let fresh = property(request, "bodyUsed") != JsValue::TRUE;
        match method.filter(|_| fresh && has_headers(request)) {
            Some(method) => Ok(Incoming { request: request.clone(), method }),
            None => Err(invalid("request")),
        }
    }

    /// One of its headers.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.request, name)
    }

    /// Its body, or the beginning of one that is longer than it may be.
    pub async fn body(&self, most: usize) -> Result<Vec<u8>, Error> {
        let stream = property(&self.request, "body");
        match stream.is_object() {
            true => read(&stream, most).await.map_err(|_| Code::NetworkError.into()),
            false => Ok(Vec::new()),
        }
    }
}

async fn read(stream: &JsValue, most: usize) -> Result<Vec<u8>, JsValue> {
    let reader = method(stream, "getReader")?;
    let mut out = Vec::new();
    while out.len() <= most {
        let chunk = JsFuture::from(promise(&reader, "read", &[])?).await?;
        if property(&chunk, "done") == JsValue::TRUE {
            return Ok(out);
        }
        let part: Uint8Array = property(&chunk, "value").dyn_into()?;
        out.extend(part.to_vec());
    }
    let _ = promise(&reader, "cancel", &[]);
    Ok(out)
}
