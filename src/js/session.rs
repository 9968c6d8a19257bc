//! What js/grantkit.js holds behind the public class `Session`.

use alloc::rc::Rc;
use alloc::string::String;
use core::cell::RefCell;

use js_sys::{Function, Promise};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::client::config::{Config, PageConfig};
use crate::client::session::{Answer, Desk, Session};
use crate::protocol::client_auth::ClientAuth;
use crate::protocol::error::{Code, Error};
use crate::protocol::secret::Secret;
use crate::web::call::{Inside, enter, property};
use crate::web::crypto;
use crate::web::host::WebHost;
use crate::web::storage::{TokenStore, WebStorage};

use super::options::{View, invalid};
use super::resource::{Call, Source};
use super::{host, promise, refuse, value};

thread_local! {
    /// Callbacks under way in this page; on a server there are none.
    static DESK: RefCell<Option<Rc<Desk<WebHost>>>> = const { RefCell::new(None) };
}

fn desk(host: &WebHost) -> Rc<Desk<WebHost>> {
    DESK.with_borrow_mut(|desk| {
        desk.get_or_insert_with(|| Rc::new(Desk::new(host.clone())))
            .clone()
    })
}

/// A session behind its public class.
#[wasm_bindgen]
pub struct SessionHandle {
    session: Session<WebHost>,
    fetch: Function,
}

/// Makes a session.
#[wasm_bindgen(js_name = openSession)]
pub fn open_session(options: JsValue, hold: Function, emit: Function) -> Promise {
    promise(async move {
        let view = View::of(&options, "options")?;
        let tokens = token_store(&view)?;
        let (host, fetch) = host::make(&view, tokens, hold, emit)?;
        let (server, page) = (view.server()?, view.page()?);
        view.finish()?;
        let auth = ClientAuth {
            id: server.client_id.clone(),
            secret: None,
            method: None,
        };
        let config = Config::check(server, auth, &host)?;
        let pages = PageConfig::check(page, &host, config.transport)?;
        // Nobody leaves the page for a sign-in that cannot be finished here (R034).
        if config.openid() && !crypto::available() {
            return Err(Error::new(Code::Unsupported).detail("crypto.subtle"));
        }
        let desk = desk(&host);
        let session = Session::open(host, config, pages, desk).await?;
        let weak = session.weak();
        session.page().on_tick(move || {
            if let Some(session) = weak.upgrade() {
                spawn_local(Inside(alloc::boxed::Box::pin(async move {
                    session.tick().await
                })));
            }
        });
        session.wake();
        Ok(SessionHandle { session, fetch }.into())
    })
}

fn token_store(view: &View) -> Result<TokenStore, Error> {
    let Some(storage) = view.get("storage")? else {
        return Ok(TokenStore::Web(WebStorage::session()));
    };
    match storage.as_string().as_deref() {
        Some("session") => Ok(TokenStore::Web(WebStorage::session())),
        Some("local") => Ok(TokenStore::Web(WebStorage::local())),
        Some("memory") => Ok(TokenStore::Memory(RefCell::default())),
        Some(_) => Err(invalid("storage")),
        None => {
            let whole = ["get", "set", "delete"]
                .iter()
                .all(|name| property(&storage, name).is_function());
            if whole {
                Ok(TokenStore::Custom(storage))
            } else {
                Err(invalid("storage"))
            }
        }
    }
}

/// The fixed shape of a callback's answer.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct CallbackResult {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_matched: Option<bool>,
    #[serde(
        skip_serializing_if = "JsValue::is_undefined",
        with = "serde_wasm_bindgen::preserve"
    )]
    app_state: JsValue,
}

fn result(answer: Answer) -> JsValue {
    let state = |state: Option<crate::protocol::json::Json>| {
        state.as_ref().map_or(JsValue::UNDEFINED, value::json)
    };
    let result = match answer {
        Answer::None => CallbackResult {
            kind: "none",
            ..CallbackResult::default()
        },
        Answer::SignedIn {
            return_to,
            app_state,
            repeated,
        } => CallbackResult {
            kind: "signed-in",
            return_to,
            repeated: Some(repeated),
            app_state: state(app_state),
            ..CallbackResult::default()
        },
        Answer::LoginRequired {
            return_to,
            app_state,
            error,
        } => CallbackResult {
            kind: "login-required",
            return_to,
            error: Some(error),
            app_state: state(app_state),
            ..CallbackResult::default()
        },
        Answer::SignedOut {
            return_to,
            state_matched,
        } => CallbackResult {
            kind: "signed-out",
            return_to,
            state_matched: Some(state_matched),
            ..CallbackResult::default()
        },
    };
    result
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .unwrap_or(JsValue::UNDEFINED)
}

#[wasm_bindgen]
#[allow(missing_docs)]
impl SessionHandle {
    #[wasm_bindgen(getter, js_name = signedIn)]
    pub fn signed_in(&self) -> bool {
        enter(|| self.session.signed_in())
    }

    #[wasm_bindgen(getter)]
    pub fn claims(&self) -> JsValue {
        enter(|| match self.session.claims() {
            Some(claims) => value::object(claims.members(), &[]),
            None => JsValue::NULL,
        })
    }

    #[wasm_bindgen(getter, js_name = expiresAt)]
    pub fn expires_at(&self) -> JsValue {
        enter(|| {
            self.session
                .expires_at()
                .map_or(JsValue::NULL, |at| (at as f64).into())
        })
    }

    #[wasm_bindgen(getter, js_name = sessionExpiresAt)]
    pub fn session_expires_at(&self) -> JsValue {
        enter(|| {
            self.session
                .session_expires_at()
                .map_or(JsValue::NULL, |at| (at as f64).into())
        })
    }

    #[wasm_bindgen(getter, js_name = idToken)]
    pub fn id_token(&self) -> JsValue {
        let token = enter(|| self.session.id_token());
        token
            .as_ref()
            .map(Secret::expose)
            .map_or(JsValue::NULL, JsValue::from_str)
    }

    #[wasm_bindgen(getter)]
    pub fn scope(&self) -> JsValue {
        enter(|| self.session.scope()).map_or(JsValue::NULL, JsValue::from)
    }

    #[wasm_bindgen(js_name = signIn)]
    pub fn sign_in(&self, options: JsValue) -> Promise {
        let session = self.session.clone();
        promise(async move {
            let view = View::of(&options, "options")?;
            let (ask, signal) = (view.sign_in()?, view.signal()?);
            match view.text("mode")?.as_deref() {
                None | Some("redirect") => {}
                _ => return Err(invalid("mode")),
            }
            view.finish()?;
            session
                .sign_in(ask, signal.as_ref())
                .await
                .map(|()| JsValue::UNDEFINED)
        })
    }

    /// The address is read and cleaned, and the record taken, before this returns.
    #[wasm_bindgen(js_name = handleCallback)]
    pub fn handle_callback(&self, url: JsValue, options: JsValue) -> Promise {
        let begun = enter(|| {
            let url = match url.is_undefined() {
                true => None,
                false => Some(super::options::text(&url, "url")?),
            };
            let view = View::of(&options, "options")?;
            let signal = view.signal()?;
            view.finish()?;
            Ok((self.session.begin_callback(url.as_deref()), signal))
        });
        let session = self.session.clone();
        match begun {
            Ok((begun, signal)) => promise(async move {
                session
                    .finish_callback(begun, signal.as_ref())
                    .await
                    .map(result)
            }),
            Err(error) => refuse(error),
        }
    }

    #[wasm_bindgen(js_name = getAccessToken)]
    pub fn access_token(&self, options: JsValue) -> Promise {
        let session = self.session.clone();
        promise(async move {
            let view = View::of(&options, "options")?;
            let (ask, signal) = (view.ask()?, view.signal()?);
            view.finish()?;
            let token = session.access_token(ask, signal.as_ref()).await?;
            Ok(token.secret.expose().into())
        })
    }

    pub fn fetch(&self, input: JsValue, init: JsValue, options: JsValue) -> Promise {
        let (source, fetch) = (Source::Session(self.session.clone()), self.fetch.clone());
        match enter(|| Call::read(&source, input, init, &options)) {
            Ok(call) => promise(call.run(source, fetch)),
            Err(error) => refuse(error),
        }
    }

    #[wasm_bindgen(js_name = userInfo)]
    pub fn user_info(&self, options: JsValue) -> Promise {
        let session = self.session.clone();
        promise(async move {
            let view = View::of(&options, "options")?;
            let signal = view.signal()?;
            view.finish()?;
            let members = session.user_info(signal.as_ref()).await?;
            Ok(value::object(&members, &[]))
        })
    }

    #[wasm_bindgen(js_name = signOut)]
    pub fn sign_out(&self, options: JsValue) -> Promise {
        let session = self.session.clone();
        promise(async move {
            let view = View::of(&options, "options")?;
            let local = view.flag("local")?.unwrap_or(false);
            let return_to = view.text("returnTo")?;
            view.finish()?;
            session
                .sign_out(local, return_to.as_deref())
                .await
                .map(|()| JsValue::UNDEFINED)
        })
    }

    pub fn close(&self) {
        enter(|| {
            self.session.close();
            self.session.page().close();
        });
    }
}
