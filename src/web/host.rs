//! The host made of the runtime's own parts.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell, RefCell};

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::AbortSignal;
use zeroize::Zeroizing;

use crate::client::host::{Event, Host, KeyPair, Level, Page, Sight, UNSAVED, Waited, Work};
use crate::protocol::error::{Code, Error};
use crate::protocol::http::{Request, Response};
use crate::protocol::jwk::Check;
use crate::protocol::jws::{Algorithm, Hash};
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::url::{ParseUrl, Url};

use super::call::{Inside, function, global, method};
use super::frame::Frame;
use super::lock::{self, Lock};
use super::shared::Shared;
use super::storage::{self, TokenStore, WebStorage};
use super::tabs::{Channel, Wake};
use super::timer::{Stop, Stopped, Timer};
use super::{crypto, fetch, keys, location, seal, url};

/// What the owner of a session or client wants to hear of. Each may be called while this crate is at
/// work, and may call back in.
#[allow(missing_docs, clippy::type_complexity)]
pub struct Hooks {
    pub hold: Box<dyn Fn(Option<(&str, UnixMillis)>)>,
    pub log: Box<dyn Fn(Level, &str, &[(&str, &str)])>,
    pub emit: Box<dyn Fn(Event<'_>)>,
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks { hold: Box::new(|_| {}), log: Box::new(|_, _, _| {}), emit: Box::new(|_| {}) }
    }
}

/// What a host is made with.
pub struct Parts {
    /// Looked up when a session or client is made, so that mocks and tracers work (R183).
    pub fetch: Function,
    /// Milliseconds since the epoch.
    pub now: Option<Function>,
    /// Where tokens live.
    pub tokens: TokenStore,
    /// Who listens.
    pub hooks: Hooks,
}

struct Inner {
    parts: Parts,
    transactions: WebStorage,
    in_page: bool,
    timer: RefCell<Option<Timer>>,
    tick: RefCell<Option<Wake>>,
    channel: RefCell<Option<Rc<Channel>>>,
    /// Until the last write is done.
    saving: RefCell<Option<Promise>>,
    writes: Cell<u32>,
    unsaved: Cell<bool>,
    shared: OnceCell<Shared>,
    /// A pair of keys of the caller's.
    pair: OnceCell<JsValue>,
    closed: Cell<bool>,
}

/// A browser's page, a worker, an edge isolate or Node.
#[derive(Clone)]
pub struct WebHost(Rc<Inner>);

impl WebHost {
    /// Reaches for storage only where there is a page.
    pub fn new(parts: Parts) -> WebHost {
        WebHost(Rc::new(Inner {
            parts,
            transactions: WebStorage::session(),
            in_page: location::window().is_some(),
            timer: RefCell::default(),
            tick: RefCell::default(),
            channel: RefCell::default(),
            saving: RefCell::default(),
            writes: Cell::new(0),
            unsaved: Cell::new(false),
            shared: OnceCell::new(),
            pair: OnceCell::new(),
            closed: Cell::new(false),
        }))
    }

    /// The runtime's fetch.
    pub fn global_fetch() -> Option<Function> {
        global("fetch").dyn_into().ok()
    }

    /// What the timer calls, and a page that is looked at again or comes out of the back/forward cache.
    pub fn on_tick(&self, tick: impl FnMut(bool) + 'static) {
        *self.0.tick.borrow_mut() = Some(Wake::new(tick));
    }

    /// What hears the other tabs.
    pub fn on_message(&self, channel: &str, hear: impl FnMut(String) + 'static) {
        *self.0.channel.borrow_mut() = Channel::open(channel, hear).map(Rc::new);
    }

    /// Takes a pair of keys of the caller's in place of one to be made; the first one stays.
    pub fn prove_by(&self, pair: JsValue) {
        let _ = self.0.pair.set(pair);
    }

    /// Takes a store that others have, too; the first one stays.
    pub fn share(&self, shared: Shared) {
        let _ = self.0.shared.set(shared);
    }

    /// The store that others have, too.
    pub(super) fn shared(&self) -> Option<&Shared> {
        self.0.shared.get()
    }

    /// The timer and whatever it holds go.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.0.timer.take();
        self.0.tick.take();
        self.0.channel.take();
    }
}

impl ParseUrl for WebHost {
    fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url> {
        url::parse(text, base)
    }
}

impl Host for WebHost {
    type Abort = AbortSignal;
    type Signal = Promise;
    type Key = JsValue;

    async fn fetch(
        &self,
        request: &Request,
        timeout: Millis,
        abort: Option<&AbortSignal>,
    ) -> Result<Response, Error> {
        fetch::exchange(&self.0.parts.fetch, self.0.in_page, request, timeout, abort).await
    }

    async fn verify(&self, check: Check<'_>) -> Result<bool, Error> {
        crypto::verify(check).await
    }

    async fn sign(
        &self,
        key: &JsValue,
        algorithm: Algorithm,
        data: &[u8],
    ) -> Result<Vec<u8>, Error> {
        crypto::sign(key, algorithm, data).await
    }

    async fn make_key(&self) -> Result<KeyPair<JsValue>, Error> {
        match self.0.pair.get() {
            Some(pair) => crypto::pair(pair).await,
            None => crypto::make().await,
        }
    }

    async fn digest(&self, hash: Hash, data: &[u8]) -> Result<Vec<u8>, Error> {
        crypto::digest(hash, data).await
    }

    async fn seal(&self, secret: &[u8], context: &str, text: &str) -> Result<String, Error> {
        seal::seal(&bytes(secret), context, text).await
    }

    async fn unseal(
        &self,
        secret: &[u8],
        context: &str,
        seal: &str,
    ) -> Result<Option<String>, Error> {
        seal::unseal(&bytes(secret), context, seal).await
    }

    fn now(&self) -> UnixMillis {
        let now = match &self.0.parts.now {
            Some(now) => function(now, &[]).ok().and_then(|now| now.as_f64()),
            None => None,
        };
        now.filter(|now| now.is_finite()).unwrap_or_else(js_sys::Date::now) as UnixMillis
    }

    fn random(&self) -> Result<[u8; 32], Error> {
        crypto::random()
    }

    fn spawn(&self, work: Work<()>) -> Promise {
        future_to_promise(Inside(Box::pin(async move {
            work.await;
            Ok(JsValue::UNDEFINED)
        })))
    }

    fn aborted(&self, abort: &AbortSignal) -> bool {
        abort.aborted()
    }

    async fn wait(
        &self,
        signal: &Promise,
        patience: Option<Millis>,
        abort: Option<&AbortSignal>,
    ) -> Waited {
        let mut stop = Stop::new(patience, abort);
        match stop.race(JsFuture::from(signal.clone())).await {
            Ok(_) => Waited::Done,
            Err(Stopped::Late) => Waited::Late,
            Err(Stopped::Aborted) => Waited::Aborted,
        }
    }

    async fn pause(&self, length: Millis, abort: Option<&AbortSignal>) -> Waited {
        match Stop::new(Some(length), abort).race(core::future::pending::<()>()).await {
            Err(Stopped::Aborted) => Waited::Aborted,
            _ => Waited::Late,
        }
    }

    fn hold(&self, token: Option<(&str, UnixMillis)>) {
        (self.0.parts.hooks.hold)(token);
    }

    fn log(&self, level: Level, kind: &str, fields: &[(&str, &str)]) {
        (self.0.parts.hooks.log)(level, kind, fields);
    }
}

impl Page for WebHost {
    type Lock = Lock;
    type Frame = Frame;

    async fn kept_key(&self, name: &str) -> Result<Option<KeyPair<JsValue>>, Error> {
        match self.0.pair.get() {
            Some(pair) => crypto::pair(pair).await.map(Some),
            None => keys::find(name).await,
        }
    }

    async fn keep_key(&self, name: &str, key: &KeyPair<JsValue>) -> Result<(), Error> {
        // The caller keeps its own.
        match self.0.pair.get() {
            Some(_) => Ok(()),
            None => keys::keep(name, key).await,
        }
    }

    fn shared(&self) -> bool {
        self.0.parts.tokens.shared()
    }

    async fn lock(&self, name: &str, patience: Millis) -> Option<(Lock, bool)> {
        lock::acquire(name, patience).await
    }

    fn tell(&self, message: &str) {
        let channel = self.0.channel.borrow().clone();
        if let Some(channel) = channel {
            channel.tell(message);
        }
    }

    fn open_frame(&self, popup: bool) -> Result<Frame, Error> {
        Frame::open(popup)
    }

    fn steer(&self, frame: &Frame, url: &str) {
        frame.steer(url);
    }

    fn sight(&self, frame: &Frame) -> Sight {
        frame.sight()
    }

    fn close_window(&self) {
        if let Some(window) = location::window() {
            let _ = method(&window, "close");
        }
    }

    fn get(&self, key: &str) -> Result<Option<String>, Error> {
        self.0.transactions.get(key)
    }

    fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        self.0.transactions.set(key, value)
    }

    fn remove(&self, key: &str) {
        let _ = self.0.transactions.remove(key);
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.0.transactions.keys(prefix)
    }

    async fn load(&self, key: &str) -> Result<Option<String>, Error> {
        self.0.parts.tokens.get(key).await
    }

    fn save(&self, key: &str, value: Option<(&str, Option<UnixMillis>)>) -> Result<(), Error> {
        let tokens = &self.0.parts.tokens;
        let earlier = self.0.saving.borrow().clone();
        let first = match earlier {
            None => tokens.save(key, value)?,
            // One after the other: what is old must not come to lie on what is new.
            Some(_) => None,
        };
        if earlier.is_none() && first.is_none() {
            return Ok(());
        }
        let write = self.0.writes.get().wrapping_add(1);
        self.0.writes.set(write);
        let (host, key) = (self.clone(), String::from(key));
        let value = value.map(|(text, until)| (Secret::new(text), until));
        let saving = self.spawn(Box::pin(async move {
            let tokens = &host.0.parts.tokens;
            let answer = match earlier {
                None => first,
                Some(earlier) => {
                    host.wait(&earlier, None, None).await;
                    let value = value.as_ref().map(|(text, until)| (text.expose(), *until));
                    tokens.save(&key, value).ok().flatten()
                }
            };
            let saved = matches!(storage::answer(answer).await, Some(Ok(_)));
            if host.0.writes.get() != write {
                return;
            }
            host.0.saving.take();
            host.0.unsaved.set(!saved);
            if !saved {
                if value.is_some() {
                    // What is there is older: its refresh token may be used up.
                    storage::answer(tokens.save(&key, None).ok().flatten()).await;
                }
                host.emit(UNSAVED);
            }
        }));
        *self.0.saving.borrow_mut() = Some(saving);
        Ok(())
    }

    async fn saved(&self) -> bool {
        let saving = self.0.saving.borrow().clone();
        if let Some(saving) = saving {
            self.wait(&saving, None, None).await;
        }
        !self.0.unsaved.get()
    }

    fn address(&self) -> Option<String> {
        location::address()
    }

    fn replace_address(&self, url: &str) {
        location::replace(url);
    }

    async fn leave(&self, url: &str) -> Error {
        location::leave(url).await
    }

    fn schedule(&self, after: Option<Millis>) {
        self.0.timer.take();
        // A timer would keep a server's process alive.
        if !self.0.in_page || self.0.closed.get() {
            return;
        }
        let tick = self.0.tick.borrow().as_ref().map(|tick| tick.function().clone());
        if let (Some(after), Some(tick)) = (after, tick) {
            self.0.timer.replace(Some(Timer::start(&tick, after)));
        }
    }

    fn emit(&self, event: Event<'_>) {
        (self.0.parts.hooks.emit)(event);
    }
}

fn bytes(secret: &[u8]) -> seal::Secret {
    seal::Secret::Bytes(Zeroizing::new(secret.to_vec()))
}

/// A runtime without fetch needs one by option.
pub fn no_fetch() -> Error {
    Error::new(Code::ConfigInvalid).detail("fetch")
}
