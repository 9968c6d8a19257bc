//! Fetch standard: one exchange, its body included. No redirect is followed, no cookie sent, nothing
//! cached, no header that would need a preflight beyond what the protocol asks for (R006 to R009).

use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, AbortSignal, ReadableStreamDefaultReader, Response as WebResponse};

use crate::protocol::error::{Code, Error};
use crate::protocol::http::{JSON, Request, Response};
use crate::protocol::time::Millis;

use super::call::{function, leave, method, object, property};
use super::timer::{Stop, Stopped};

/// RFC 6749, appendix B.
const FORM: &str = "application/x-www-form-urlencoded";

/// Sends a request and reads its answer to the end, or to the cap.
pub async fn exchange(
    fetch: &Function,
    in_page: bool,
    request: &Request,
    timeout: Millis,
    abort: Option<&AbortSignal>,
) -> Result<Response, Error> {
    let controller = AbortController::new().map_err(|_| unsupported())?;
    let mut stop = Stop::new(Some(timeout), abort);
    let init = init(request, in_page, &controller.signal());
    let outcome = stop.race(send(fetch, request, &init)).await;
    match outcome {
        Ok(result) => result,
        Err(stopped) => {
            controller.abort();
            Err(match stopped {
                Stopped::Late => Code::Timeout.into(),
                Stopped::Aborted => Code::Aborted.into(),
            })
        }
    }
}

fn init(request: &Request, in_page: bool, signal: &AbortSignal) -> JsValue {
    let text = JsValue::from_str;
    let headers = object(&[("accept", text(request.accept))]);
    let set = |name: &str, value: &str| {
        let _ = js_sys::Reflect::set(&headers, &text(name), &text(value));
    };
    if let Some(authorization) = &request.authorization {
        set("authorization", authorization.expose());
    }
    if let Some(proof) = &request.proof {
        set("dpop", proof.expose());
    }
    let kinds = [(&request.form, FORM), (&request.json, JSON)];
    let body = kinds.iter().find_map(|(body, kind)| body.as_ref().map(|body| (body, *kind)));
    if let Some((_, kind)) = body {
        set("content-type", kind);
    }
    let mut members = alloc::vec![
        ("method", text(request.method)),
        ("headers", headers.clone()),
        ("redirect", text("manual")),
        ("signal", signal.into()),
    ];
    members.extend(body.map(|(body, _)| ("body", text(body.expose()))));
    if in_page {
        // Edge runtimes throw at some of these, and have no cookies to leave at home.
        members.extend([
            ("mode", text("cors")),
            ("credentials", text("omit")),
            ("cache", text("no-store")),
            ("referrerPolicy", text("no-referrer")),
            ("keepalive", request.keepalive.into()),
        ]);
    }
    object(&members)
}

async fn send(fetch: &Function, request: &Request, init: &JsValue) -> Result<Response, Error> {
    let failed = |_| Error::from(Code::NetworkError);
    let url = JsValue::from_str(request.url.as_str());
    let answer = function(fetch, &[url, init.clone()]).map_err(failed)?;
    // An answer may have a `then` of the caller's.
    let answer = leave(|| js_sys::Promise::resolve(&answer));
    let answer = JsFuture::from(answer).await.map_err(failed)?;
    // A mock may answer with nothing at all.
    if !property(&answer, "headers").is_object() {
        return Err(Code::NetworkError.into());
    }
    let answer: WebResponse = answer.unchecked_into();
    let header = |name: &str| answer.headers().get(name).ok().flatten();
    let opaque = property(&answer, "type") == "opaqueredirect";
    // A fetch of the caller's that follows redirects is found out by what it says of itself.
    let redirected = opaque || property(&answer, "redirected") == JsValue::TRUE;
    let mut response = Response {
        status: if redirected { 302 } else { answer.status() },
        content_type: header("content-type"),
        date: header("date"),
        age: header("age"),
        retry_after: header("retry-after"),
        dpop_nonce: header("dpop-nonce"),
        challenge: header("www-authenticate"),
        body: alloc::vec::Vec::new(),
    };
    if redirected {
        return Ok(response);
    }
    let stream = property(&answer, "body");
    if stream.is_object() {
        // A mock may answer with a body that somebody reads already.
        let reader = method(&stream, "getReader").map_err(failed)?;
        let reader: ReadableStreamDefaultReader = reader.unchecked_into();
        loop {
            let chunk = JsFuture::from(reader.read()).await.map_err(failed)?;
            if property(&chunk, "done") == JsValue::TRUE {
                break;
            }
            let chunk: Uint8Array = property(&chunk, "value").dyn_into().map_err(failed)?;
            if response.body.len() + chunk.length() as usize > request.cap {
                let _ = reader.cancel();
                return Err(Error::new(Code::ResponseTooLarge).status(response.status));
            }
            response.body.extend(chunk.to_vec());
        }
    }
    Ok(response)
}

fn unsupported() -> Error {
    Error::new(Code::Unsupported).detail("AbortController")
}
