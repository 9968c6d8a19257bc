//! A host out of options, with the caller's functions as its hooks.

use alloc::boxed::Box;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::client::host::{Event, Level};
use crate::protocol::error::Error;
use crate::protocol::time::UnixMillis;
use crate::web::call::{function, leave, object};
use crate::web::host::{Hooks, Parts, WebHost, no_fetch};
use crate::web::storage::TokenStore;

use super::options::View;
use super::{error, value};

/// The host, and the fetch that it uses.
pub fn make(
    view: &View,
    tokens: TokenStore,
    hold: Function,
    emit: Option<Function>,
) -> Result<(WebHost, Function), Error> {
    let fetch = match view.function("fetch") {
        Some(fetch) => fetch,
        None => WebHost::global_fetch().ok_or_else(no_fetch)?,
    };
    let logger = view.function("logger");
    let hooks = Hooks {
        hold: Box::new(move |token| held(&hold, token)),
        log: Box::new(move |level, kind, fields| {
            if let Some(logger) = &logger {
                log(logger, level, kind, fields);
            }
        }),
        emit: Box::new(move |event| {
            if let Some(emit) = &emit {
                let (kind, payload) = event_fields(&event);
                // Listeners are called behind a net: js/session.js.
                let _ = function(emit, &[kind.into(), payload]);
            }
        }),
    };
    let now = view.function("now");
    let parts = Parts { fetch: fetch.clone(), now, tokens, hooks };
    Ok((WebHost::new(parts), fetch))
}

fn held(hold: &Function, token: Option<(&str, UnixMillis)>) {
    let (token, until) = match token {
        Some((token, until)) => (JsValue::from_str(token), until as f64),
        None => (JsValue::UNDEFINED, 0.0),
    };
    let _ = leave(|| hold.call2(&JsValue::UNDEFINED, &token, &until.into()));
}

fn log(logger: &Function, level: Level, kind: &str, fields: &[(&str, &str)]) {
    let level = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warning",
    };
    let line = object(&[("level", level.into()), ("type", kind.into())]);
    for (name, value) in fields {
        let value = match *name {
            "status" => js_sys::parse_float(value).into(),
            _ => JsValue::from_str(value),
        };
        let _ = js_sys::Reflect::set(&line, &(*name).into(), &value);
    }
    // A logger that throws changes nothing.
    let _ = function(logger, &[line]);
}

fn event_fields(event: &Event<'_>) -> (&'static str, JsValue) {
    let time = |at: Option<UnixMillis>| at.map_or(JsValue::NULL, |at| (at as f64).into());
    let tab = |other: &bool| ("otherTab", JsValue::from(*other));
    match event {
        Event::SignedIn { claims, other_tab } => {
            let claims = claims.map_or(JsValue::NULL, |claims| value::object(claims, &[]));
            ("signed-in", object(&[("claims", claims), tab(other_tab)]))
        }
        Event::Renewed { expires_at, other_tab } => {
            ("renewed", object(&[("expiresAt", time(*expires_at)), tab(other_tab)]))
        }
        Event::RenewalFailed { error } => {
            ("renewal-failed", object(&[("error", error::fields(error))]))
        }
        Event::Expired => ("expired", object(&[])),
        Event::SignedOut { reason, error } => {
            let reason = ("reason", JsValue::from_str(reason));
            match error {
                Some(error) => ("signed-out", object(&[reason, ("error", error::fields(error))])),
                None => ("signed-out", object(&[reason])),
            }
        }
        Event::Warning { code, message } => {
            ("warning", object(&[("code", (*code).into()), ("message", (*message).into())]))
        }
    }
}
