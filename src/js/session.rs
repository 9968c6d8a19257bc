//! What js/session.js holds behind the public class `Session`.

use alloc::boxed::Box;
use core::cell::RefCell;

use js_sys::{Function, Promise};
use serde::ser::{Serialize, SerializeMap, Serializer};
use wasm_bindgen::prelude::*;

use crate::client::config::{Config, PageConfig, invalid};
use crate::client::host::Page;
use crate::client::session::{Answer, Session, SignOut};
use crate::protocol::error::Error;
use crate::protocol::secret::Secret;
use crate::web::call::{enter, object, text};
use crate::web::host::WebHost;
use crate::web::open;
use crate::web::storage::{TokenStore, WebStorage, is_store};

use super::options::View;
use super::source::Source;
use super::{Answering, host, promise, refuse, value};

/// A session behind its public class.
#[wasm_bindgen]
pub struct SessionHandle {
    session: Session<WebHost>,
    fetch: Function,
}

/// Makes a session.
#[wasm_bindgen(js_name = openSession)]
pub fn open_session(options: JsValue, hold: Function, emit: Function) -> Promise {
    match enter(|| read(&options, hold, emit)) {
        Ok((host, fetch, config, pages)) => promise(Box::pin(async move {
            let desk = open::desk(&host);
            let session = Session::open(host, config, pages, desk).await?;
            open::wake(&session);
            Ok(SessionHandle { session, fetch }.into())
        })),
        Err(error) => refuse(error),
    }
}

type Read = (WebHost, Function, Box<Config>, PageConfig);

fn read(options: &JsValue, hold: Function, emit: Function) -> Result<Read, Error> {
    let view = View::of(options);
    let tokens = token_store(&view);
    let (host, fetch) = host::make(&view, tokens, hold, Some(emit))?;
    let (mut server, page) = (view.server(), view.page());
    let (bound, pair) = view.dpop();
    server.dpop = bound;
    view.finish()?;
    if let Some(pair) = pair {
        host.prove_by(pair);
    }
    let (config, pages) = open::check(server, page, &host)?;
    Ok((host, fetch, config, pages))
}

fn token_store(view: &View) -> TokenStore {
    let Some(storage) = view.get("storage") else {
        return TokenStore::Web(WebStorage::session());
    };
    match storage.as_string().as_deref() {
        Some("session") => return TokenStore::Web(WebStorage::session()),
        Some("local") => return TokenStore::Web(WebStorage::local()),
        Some("memory") => {}
        None if is_store(&storage) => return TokenStore::Custom(storage),
        _ => view.refuse("storage"),
    }
    TokenStore::Memory(RefCell::default())
}

/// The fixed shape of a callback's answer.
impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        let return_to = match self {
            Answer::None => {
                out.serialize_entry("kind", "none")?;
                &None
            }
            Answer::SignedIn { return_to, repeated, .. } => {
                out.serialize_entry("kind", "signed-in")?;
                out.serialize_entry("repeated", repeated)?;
                return_to
            }
            Answer::LoginRequired { return_to, error, .. } => {
                out.serialize_entry("kind", "login-required")?;
                out.serialize_entry("error", error)?;
                return_to
            }
            Answer::SignedOut { return_to, state_matched } => {
                out.serialize_entry("kind", "signed-out")?;
                out.serialize_entry("stateMatched", state_matched)?;
                return_to
            }
        };
        if let Some(return_to) = return_to {
            out.serialize_entry("returnTo", return_to)?;
        }
        out.end()
    }
}

fn result(answer: Answer) -> JsValue {
    let out = answer
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .unwrap_or(JsValue::UNDEFINED);
    if let Answer::SignedIn { app_state: Some(state), .. }
    | Answer::LoginRequired { app_state: Some(state), .. } = &answer
    {
        let _ = js_sys::Reflect::set(&out, &"appState".into(), &value::json(state));
    }
    out
}

#[wasm_bindgen]
#[allow(missing_docs)]
impl SessionHandle {
    /// A property of the public class, by its name.
    pub fn look(&self, name: &str) -> JsValue {
        enter(|| {
            let session = &self.session;
            let text = |secret: Secret| JsValue::from_str(secret.expose());
            let time = |at: i64| JsValue::from_f64(at as f64);
            let found = match name {
                "signedIn" => Some(session.signed_in().into()),
                "claims" => session.claims().map(|claims| value::object(claims.members(), &[])),
                "expiresAt" => session.expires_at().map(time),
                "sessionExpiresAt" => session.session_expires_at().map(time),
                "idToken" => session.id_token().map(text),
                _ => session.scope().map(JsValue::from),
            };
            found.unwrap_or(JsValue::NULL)
        })
    }

    /// A method of the public class, by its name. Arguments are read before this returns; so are, in
    /// `handleCallback`, the address and the record.
    pub fn call(&self, name: &str, first: JsValue, second: JsValue, third: JsValue) -> Promise {
        match enter(|| self.start(name, first, second, third)) {
            Ok(work) => promise(work),
            Err(error) => refuse(error),
        }
    }

    pub fn close(&self) {
        enter(|| {
            self.session.close();
            self.session.page().close();
        });
    }
}

impl SessionHandle {
    fn start(
        &self,
        name: &str,
        first: JsValue,
        second: JsValue,
        third: JsValue,
    ) -> Result<Answering, Error> {
        let session = self.session.clone();
        if name == "fetch" {
            let (source, view) = (Source::Session(session), View::of(&third));
            let call = source.read(first, second, &view)?;
            return Ok(Box::pin(call.answer(source, self.fetch.clone())));
        }
        let view = View::of(if name == "handleCallback" { &second } else { &first });
        let signal = view.signal();
        Ok(match name {
            "signIn" => {
                let mut ask = view.sign_in();
                let mode = view.text("mode");
                let popup = match mode.as_deref() {
                    None | Some("redirect") => None,
                    Some("popup") => Some(true),
                    Some("silent") => {
                        if ask.silently().is_err() {
                            view.refuse("prompt");
                        }
                        Some(false)
                    }
                    Some(_) => {
                        view.refuse("mode");
                        None
                    }
                };
                view.finish()?;
                let Some(popup) = popup else {
                    return Ok(Box::pin(async move {
                        session.sign_in(ask, signal.as_ref()).await.map(|()| JsValue::UNDEFINED)
                    }));
                };
                // In the click itself.
                let frame = session.page().open_frame(popup)?;
                Box::pin(async move {
                    let state = session.sign_in_beside(ask, frame, signal.as_ref()).await?;
                    let out = object(&[("kind", "signed-in".into())]);
                    if let Some(state) = &state {
                        let _ = js_sys::Reflect::set(&out, &"appState".into(), &value::json(state));
                    }
                    Ok(out)
                })
            }
            "handleCallback" => {
                let url = match first.is_undefined() {
                    true => None,
                    false => Some(text(&first).ok_or_else(|| invalid("url"))?),
                };
                view.finish()?;
                let begun = session.begin_callback(url.as_deref());
                Box::pin(async move {
                    session.finish_callback(begun, signal.as_ref()).await.map(result)
                })
            }
            "getAccessToken" => {
                let ask = view.ask();
                view.finish()?;
                Box::pin(async move {
                    let token = session.access_token(ask, signal.as_ref()).await?;
                    Ok(token.secret.expose().into())
                })
            }
            "userInfo" => {
                view.finish()?;
                Box::pin(async move {
                    let members = session.user_info(signal.as_ref()).await?;
                    Ok(value::object(&members, &[]))
                })
            }
            _ => {
                let how = SignOut {
                    local: view.flag("local", false),
                    return_to: view.text("returnTo"),
                    logout_hint: view.text("logoutHint"),
                    ui_locales: view.text("uiLocales"),
                };
                view.finish()?;
                Box::pin(async move { session.sign_out(how).await.map(|()| JsValue::UNDEFINED) })
            }
        })
    }
}
