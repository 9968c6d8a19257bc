//! `Session` for Rust: as in JavaScript, in snake_case.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;
use core::future::Future;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{RequestInit, Response};

use crate::client::config::{PageOptions, invalid};
use crate::client::host::{Event, Page};
use crate::client::session::{self, Answer, SignOut};
use crate::client::token_client::Ask;
use crate::protocol::authorize::{SignIn, Wish};
use crate::protocol::error::Error;
use crate::protocol::id_token::Claims;
use crate::protocol::json::{Json, Object};
use crate::protocol::secret::Secret;
use crate::protocol::time::UnixMillis;

use super::events::{Listeners, Subscription};
use super::host::WebHost;
use super::open;
use super::options::SessionOptions;
use super::resource;

/// Signs a person in, keeps and renews the tokens, calls APIs. On a server it is signed out, makes no
/// request and keeps no process alive.
///
/// Clones are the same session, and equal; when the last is dropped, its timer and its ear for other tabs
/// go. Whoever gives up drops the future; work that others wait for, too, goes on. Futures are `!Send`.
///
/// ```no_run
/// # async fn page() -> Result<(), grantkit::Error> {
/// use grantkit::{Ask, Mode, Session, SessionOptions, SignIn};
///
/// let session = Session::new(SessionOptions {
///     scope: Some("openid profile api offline_access".into()),
///     allowed_urls: vec!["https://api.example/".into()],
///     ..SessionOptions::new("https://id.example", "spa", "https://app.example/callback")
/// })
/// .await?;
/// session.handle_callback(None).await?; // on every page; most answer `Answer::None`
/// if !session.signed_in() {
///     session.sign_in(SignIn::default(), Mode::Redirect).await?; // leaves the page
/// }
/// let orders = session.fetch("https://api.example/orders").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session(Rc<Inner>);

struct Inner {
    session: session::Session<WebHost>,
    fetch: Function,
    listeners: Rc<Listeners>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.listeners.clear();
        self.session.page().close();
    }
}

/// Where a person signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// In this page, which is left.
    #[default]
    Redirect,
    /// In a window. Call it in a click, or browsers block it.
    Popup,
    /// Nowhere: in a hidden frame, with `prompt=none`.
    Silent,
}

impl Session {
    /// Makes a session and takes over what is stored of it.
    pub async fn new(options: SessionOptions) -> Result<Session, Error> {
        let listeners = Rc::<Listeners>::default();
        let tokens = options.storage.clone().open().ok_or_else(|| invalid("storage"))?;
        let ears = listeners.clone();
        let (host, fetch) = options.host(tokens, move |event| ears.tell(&event))?;
        let page = PageOptions {
            redirect_uri: options.redirect_uri.clone(),
            post_logout_redirect_uri: options.post_logout_redirect_uri.clone(),
            front_channel_logout_uri: options.front_channel_logout_uri.clone(),
            background_renewal: options.background_renewal,
        };
        let (config, pages) = open::check(options.server(), page, &host)?;
        let desk = open::desk(&host);
        let session = session::Session::open(host, config, pages, desk).await?;
        open::wake(&session);
        Ok(Session(Rc::new(Inner { session, fetch, listeners })))
    }

    /// The session of the second ring, whose calls take an `AbortSignal`.
    pub fn inner(&self) -> &session::Session<WebHost> {
        &self.0.session
    }

    /// Whether an unexpired access token, or a refresh token, is held.
    pub fn signed_in(&self) -> bool {
        self.inner().signed_in()
    }

    /// Who signed in; nothing without `openid`.
    pub fn claims(&self) -> Option<Claims> {
        self.inner().claims()
    }

    /// When the access token expires.
    pub fn expires_at(&self) -> Option<UnixMillis> {
        self.inner().expires_at()
    }

    /// When the refresh token expires, where the server said so.
    pub fn session_expires_at(&self) -> Option<UnixMillis> {
        self.inner().session_expires_at()
    }

    /// The last id_token.
    pub fn id_token(&self) -> Option<Secret> {
        self.inner().id_token()
    }

    /// The scope as granted.
    pub fn scope(&self) -> Option<String> {
        self.inner().scope()
    }

    /// Signs in. A redirect comes back only if it fails; the other modes bring the `app_state`. A popup is
    /// opened by the call itself, before the future is awaited.
    pub fn sign_in(
        &self,
        ask: SignIn,
        mode: Mode,
    ) -> impl Future<Output = Result<Option<Json>, Error>> + use<> {
        let session = self.inner().clone();
        let mut ask = Box::new(SignIn { beside: false, ..ask });
        let ready = match mode {
            Mode::Redirect => Ok(None),
            Mode::Popup => session.page().open_frame(true).map(Some),
            Mode::Silent => {
                ask.silently().and_then(|()| session.page().open_frame(false)).map(Some)
            }
        };
        async move {
            match ready? {
                None => session.sign_in(ask, None).await.map(|()| None),
                Some(frame) => session.sign_in_beside(ask, frame, None).await,
            }
        }
    }

    /// Handles the way back, of this page's address or of another one; it may be called on every page. The
    /// address is clean before the future is awaited.
    pub fn handle_callback(
        &self,
        url: Option<&str>,
    ) -> impl Future<Output = Result<Answer, Error>> + use<> {
        let session = self.inner().clone();
        let begun = session.begin_callback(url);
        async move { session.finish_callback(begun, None).await }
    }

    /// An access token, renewed where that is due.
    pub async fn get_access_token(&self, ask: Ask) -> Result<Secret, Error> {
        Ok(self.inner().access_token(ask, None).await?.secret.clone())
    }

    /// Sends a `Request`, or gets an address, with a token if it is under `allowed_urls`; anywhere else it
    /// is refused. A final 401 is an answer.
    pub async fn fetch(&self, input: impl Into<JsValue>) -> Result<Response, Error> {
        self.fetch_with(input, &RequestInit::new(), Wish::default()).await
    }

    /// The same with what `fetch` takes besides, and for another token than the default one.
    pub async fn fetch_with(
        &self,
        input: impl Into<JsValue>,
        init: &RequestInit,
        wish: Wish,
    ) -> Result<Response, Error> {
        let source = self.inner().clone();
        resource::fetch(source, self.0.fetch.clone(), input.into(), init, wish).await
    }

    /// More about the person.
    pub async fn user_info(&self) -> Result<Object, Error> {
        self.inner().user_info(None).await
    }

    /// Clears this browser's state first, gives the tokens back, then leaves for the server's logout.
    pub async fn sign_out(&self, how: SignOut) -> Result<(), Error> {
        self.inner().sign_out(how).await
    }

    /// Listens, until the subscription is dropped. Warnings from before the first listener are kept for it.
    pub fn on(&self, listener: impl Fn(&Event<'_>) + 'static) -> Subscription {
        self.0.listeners.add(Rc::new(listener))
    }

    /// Every call after this one is refused. The person stays signed in.
    pub fn close(&self) {
        self.0.listeners.clear();
        self.inner().close();
        self.inner().page().close();
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Session) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Session [redacted]")
    }
}
