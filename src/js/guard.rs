//! What js/guard.js holds behind the public class `TokenValidator`. A refusal says how to answer: its
//! status, and the value of `WWW-Authenticate` (RFC 6750, section 3).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::AbortSignal;

use crate::client::config::{self, Config, invalid};
use crate::client::guard::{Denied, Options, Shown, TokenValidator, Wanted};
use crate::protocol::access_token::Schemes;
use crate::protocol::authorize::check_scope;
use crate::protocol::client_auth::ClientAuth;
use crate::protocol::error::Error;
use crate::protocol::jws::Algorithm;
use crate::protocol::secret::Secret;
use crate::web::call::{Inside, enter, leave, property, text};
use crate::web::host::WebHost;
use crate::web::location;
use crate::web::storage::TokenStore;

use super::options::View;
use super::{error, host, value};

/// A guard behind its public class.
#[wasm_bindgen]
pub struct ValidatorHandle {
    validator: TokenValidator<WebHost>,
}

/// Makes a guard; no I/O, no randomness, no timer (law 17).
#[wasm_bindgen(js_name = openValidator)]
pub fn open_validator(options: JsValue, hold: Function) -> Result<ValidatorHandle, JsValue> {
    enter(|| open(&options, hold)).map_err(|error| error::fields(&error))
}

fn open(options: &JsValue, hold: Function) -> Result<ValidatorHandle, Error> {
    let view = View::of(options);
    let tokens = TokenStore::Memory(RefCell::default());
    let (host, _) = host::make(&view, tokens, hold, None)?;
    let audience = view.required("audience");
    let (id, secret) = (view.text("clientId"), view.text("clientSecret"));
    // A secret in a page is no secret (R065), and a name without one is told nothing (R149).
    let in_page = secret.is_some() && location::window().is_some();
    let empty = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
    if in_page || id.is_some() != secret.is_some() || empty(&id) || empty(&secret) {
        view.refuse("clientSecret");
    }
    let schemes = match view.get("dpop") {
        None => Schemes::Both,
        Some(taken) if taken == JsValue::TRUE => Schemes::Both,
        Some(taken) if taken == JsValue::FALSE => Schemes::Bearer,
        Some(taken) if taken == "required" => Schemes::Dpop,
        Some(_) => {
            view.refuse("dpop");
            Schemes::Both
        }
    };
    let options = Options {
        audience: audience.clone(),
        schemes,
        resource_metadata: view.text("resourceMetadata"),
    };
    let server = Box::new(config::Options {
        issuer: view.text("issuer"),
        discovery_url: view.text("discoveryUrl"),
        metadata: view.members("metadata").unwrap_or_default(),
        // An API that asks nobody has no other name.
        client_id: id.unwrap_or(audience),
        algorithms: algorithms(&view),
        clock_tolerance: view.number("clockTolerance"),
        timeout: view.number("timeout"),
        insecure_http: view.flag("insecureHttp", false),
        ..config::Options::default()
    });
    view.finish()?;
    let secret = secret.map(Secret::new);
    let auth = ClientAuth { id: server.client_id.clone(), secret, method: None };
    let config = Config::check(server, auth, &host)?;
    Ok(ValidatorHandle { validator: TokenValidator::new(host, config, options)? })
}

fn algorithms(view: &View) -> Option<Vec<String>> {
    const NAME: &str = "algorithms";
    let list = view.json(NAME)?;
    let names = list.as_strings().unwrap_or_default();
    if names.is_empty() || names.iter().any(|name| Algorithm::by_name(name).is_none()) {
        view.refuse(NAME);
    }
    Some(names.into_iter().map(String::from).collect())
}

#[wasm_bindgen]
#[allow(missing_docs)]
impl ValidatorHandle {
    /// `validate`, the one call. Arguments are read before this returns.
    pub fn call(&self, _name: &str, request: JsValue, options: JsValue) -> Promise {
        match enter(|| read(&request, &options)) {
            Ok((shown, wanted, signal)) => {
                let validator = self.validator.clone();
                future_to_promise(Inside(Box::pin(async move {
                    let access = validator.validate(&shown, &wanted, signal.as_ref()).await;
                    match access {
                        Ok(access) => Ok(value::object(access.members(), &[])),
                        Err(denied) => Err(refusal(&denied)),
                    }
                })))
            }
            Err(error) => {
                Promise::reject(&refusal(&Denied { error, status: 500, challenge: None }))
            }
        }
    }

    /// Nothing is left to be done: what is under way has its own share.
    pub fn close(&self) {}
}

fn read(
    request: &JsValue,
    options: &JsValue,
) -> Result<(Shown, Wanted, Option<AbortSignal>), Error> {
    let view = View::of(options);
    let (scope, nonces) = (view.text("scope"), view.list("dpopNonce"));
    // What is given and empty was meant to be something: nobody is let in by mistake.
    if scope.as_deref() == Some("") {
        view.refuse("scope");
    }
    if nonces.as_ref().is_some_and(|all| all.is_empty() || all.iter().any(String::is_empty)) {
        view.refuse("dpopNonce");
    }
    let wanted = Wanted { scope, nonces: nonces.unwrap_or_default() };
    let signal = view.signal();
    view.finish()?;
    check_scope(wanted.scope.as_deref().unwrap_or_default())?;

    let headers = property(request, "headers");
    let part = |name: &str| text(&property(request, name)).ok_or_else(|| invalid("request"));
    let (method, url) = (part("method")?, part("url")?);
    if !headers.is_object() {
        return Err(invalid("request"));
    }
    let header = |name: &str| header(&headers, name).map(Secret::new);
    let shown =
        Shown { authorization: header("authorization"), proof: header("dpop"), method, url };
    Ok((shown, wanted, signal))
}

/// Of a `Headers`, or of an object with names in lower case, as Node has them.
fn header(headers: &JsValue, name: &str) -> Option<String> {
    let value = match property(headers, "get").dyn_into::<Function>() {
        Ok(get) => leave(|| get.call1(headers, &name.into())).unwrap_or_default(),
        Err(_) => property(headers, name),
    };
    text(&value)
}

fn refusal(denied: &Denied) -> JsValue {
    let fields = error::fields(&denied.error);
    let challenge = denied.challenge.as_deref().map_or(JsValue::UNDEFINED, JsValue::from_str);
    for (name, value) in [("status", denied.status.into()), ("wwwAuthenticate", challenge)] {
        // On a fresh plain object this cannot fail.
        let _ = Reflect::set(&fields, &name.into(), &value);
    }
    fields
}
