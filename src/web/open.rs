//! Law 3 at the door: how checked options become a session or client, the same for Rust and JavaScript.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::cell::RefCell;

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::client::config::{Config, Options, PageConfig, PageOptions, invalid, redirect_uri};
use crate::client::host::Signing;
use crate::client::keyring::{Elsewhere, Keyring};
use crate::client::session::{Desk, Session};
use crate::client::token_client::TokenClient;
use crate::protocol::authorize::Pending;
use crate::protocol::callback::Params;
use crate::protocol::client_auth::{ClientAuth, Method};
use crate::protocol::error::{Code, Error};
use crate::protocol::secret::Secret;
use crate::protocol::url::Url;

use super::call::{Inside, property};
use super::host::WebHost;
use super::shared::Shared;
use super::{crypto, location, url};

thread_local! {
    /// Callbacks under way in this page; on a server there are none.
    static DESK: RefCell<Option<Rc<Desk<WebHost>>>> = const { RefCell::new(None) };
}

/// Checks the options of a session.
pub fn check(
    server: Box<Options>,
    page: PageOptions,
    host: &WebHost,
) -> Result<(Box<Config>, PageConfig), Error> {
    let auth = ClientAuth { id: server.client_id.clone(), secret: None, method: None };
    let config = Config::check(server, auth, host)?;
    let pages = PageConfig::check(page, host, config.transport)?;
    // Nobody leaves the page for a sign-in that cannot be finished here (R034).
    if config.openid() && !crypto::available() {
        return Err(Error::new(Code::Unsupported).detail("crypto.subtle"));
    }
    Ok((config, pages))
}

/// What the sessions of this page have in common.
pub fn desk(host: &WebHost) -> Rc<Desk<WebHost>> {
    DESK.with_borrow_mut(|desk| {
        desk.get_or_insert_with(|| Rc::new(Desk::new(host.clone()))).clone()
    })
}

/// Lets timers and other tabs wake a session that was opened.
pub fn wake(session: &Session<WebHost>) {
    let weak = session.weak();
    session.page().on_tick(move |back| {
        if let Some(session) = weak.upgrade() {
            spawn_local(Inside(Box::pin(async move {
                if back {
                    session.came_back().await;
                }
                session.tick().await;
            })));
        }
    });
    let weak = session.weak();
    session.page().on_message(&session.channel(), move |message| {
        if let Some(session) = weak.upgrade() {
            spawn_local(Inside(Box::pin(async move { session.heard(&message).await })));
        }
    });
    session.wake();
}

/// Options of a client beyond those that sessions have, too, as they came.
#[derive(Default)]
#[allow(missing_docs)]
pub struct ClientOptions {
    pub secret: Option<Secret>,
    pub method: Option<Method>,
    pub key: Option<Signing<JsValue>>,
    pub elsewhere: Option<Elsewhere>,
    pub objects: Option<Signing<JsValue>>,
    /// For proofs, in place of a pair to be made.
    pub pair: Option<JsValue>,
    pub insecure_client_secret: bool,
    pub redirect_uri: Option<String>,
    pub post_logout_redirect_uri: Option<String>,
    pub cache: Option<JsValue>,
    pub cache_key: Option<JsValue>,
}

/// A client, and where its server sends people.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct Client {
    pub client: TokenClient<WebHost>,
    pub redirect_uri: Option<String>,
    pub post_logout_redirect_uri: Option<String>,
}

/// Makes a client; no I/O, no randomness, no timer (law 17).
pub fn client(host: WebHost, server: Box<Options>, own: ClientOptions) -> Result<Client, Error> {
    let ClientOptions { secret, method, key, elsewhere, objects, .. } = own;
    // A secret in a page is no secret (R065); one that is empty, missing or left over is a mistake.
    let in_page = location::window().is_some() && !own.insecure_client_secret;
    let empty = secret.as_ref().is_some_and(|secret| secret.expose().is_empty());
    let by_secret = |method| matches!(method, Method::Basic | Method::Post | Method::SecretJwt);
    let unfit = method.is_some_and(|method| by_secret(method) != secret.is_some());
    if in_page && secret.is_some() || empty || unfit {
        return Err(invalid("clientSecret"));
    }
    // Nor is a key there that can be read: a JWK has no `extractable` at all.
    let readable = |key: &Option<Signing<JsValue>>| {
        key.as_ref().is_some_and(|key| {
            property(&key.key, "extractable") != JsValue::FALSE
                || property(&key.key, "kty").is_string()
        })
    };
    for (name, key) in [("privateKey", &key), ("requestObjectKey", &objects)] {
        if in_page && readable(key) {
            return Err(invalid(name));
        }
    }
    // One way to show who it is, and what that way needs.
    let keyed = key.is_some() || elsewhere.is_some();
    let fits = match method {
        None => !(keyed && secret.is_some()),
        Some(method) => (method == Method::KeyJwt) == keyed,
    };
    if !fits || key.is_some() && elsewhere.is_some() {
        return Err(invalid(if elsewhere.is_some() { "clientAssertion" } else { "privateKey" }));
    }
    if let Some(store) = own.cache {
        // A token that is bound to a key of this isolate alone is of no use to the others.
        if server.dpop && own.pair.is_none() {
            return Err(invalid("dpop"));
        }
        host.share(Shared::new(store, own.cache_key, secret.as_ref())?);
    }
    if let Some(pair) = own.pair {
        host.prove_by(pair);
    }
    let id = server.client_id.clone();
    let keyring =
        Keyring { host: host.clone(), id, client: key, elsewhere, secret: secret.clone(), objects };
    let auth = ClientAuth { id: server.client_id.clone(), secret, method };
    let config = Config::check(server, auth, &host)?;
    let check = |uri: Option<String>, name| {
        uri.map(|uri| redirect_uri(&uri, name, &host, config.transport)).transpose()
    };
    let redirect_uri = check(own.redirect_uri, "redirectUri")?;
    let post_logout_redirect_uri = check(own.post_logout_redirect_uri, "postLogoutRedirectUri")?;
    let client = TokenClient::new(host, config);
    client.server().sign_by(Rc::new(keyring));
    Ok(Client { client, redirect_uri, post_logout_redirect_uri })
}

/// The parameters of an answer and the address that they came to: what was posted to the redirect URI, or
/// an address.
pub fn answer(text: &str, posted: bool, pending: &Pending) -> Result<(Params, Url), Error> {
    let place = url::parse(&pending.redirect_uri, None).ok_or_else(|| invalid("redirectUri"))?;
    if posted {
        return Ok((Params::read(text, "")?, place));
    }
    let url = url::parse(text, Some(&place.href)).ok_or_else(|| invalid("answer"))?;
    Ok((Params::read(&url.search, &url.hash)?, url))
}
