//! Law 2: what the core needs of the world, as one trait. The web ring has it made of fetch and
//! WebCrypto; tests have it made of a hand-moved clock and answers by hand.

use core::future::Future;
use core::pin::Pin;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::error::Error;
use crate::protocol::http::{Request, Response};
use crate::protocol::json::Object;
use crate::protocol::jwk::{Check, PublicKey};
use crate::protocol::jws::{Algorithm, Hash};
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::url::ParseUrl;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Waited {
    /// The work is done.
    Done,
    /// Patience ran out.
    Late,
    /// The caller gave up.
    Aborted,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warning,
}

/// Work on the heap: one kind of it for all, for each kind would be another copy in the wasm.
pub type Work<T> = Pin<Box<dyn Future<Output = T>>>;

/// A private key in the platform's hands, and what it can do.
#[derive(Clone, Debug)]
pub struct Signing<K> {
    /// The key, which nobody may be able to read.
    pub key: K,
    /// The algorithms that it is for.
    pub can: Vec<Algorithm>,
    /// How a server finds the public key.
    pub kid: Option<String>,
}

/// A key whose public half is known.
#[derive(Clone, Debug)]
pub struct KeyPair<K> {
    /// The private half.
    pub private: Signing<K>,
    /// The public half.
    pub public: PublicKey,
}

/// The world: one host for a binary, so generics and not `dyn`.
///
/// A native program writes no host but a [`Machine`](super::machine::Machine), which is a host as
/// [`Local`](super::machine::Local). Here is one whose server answers in the process; an HTTP client, a
/// timer and a clock stand in its place (with tokio: reqwest, `tokio::time::sleep`, and `spawn_local` in a
/// `LocalSet`).
///
/// ```
/// # use futures::{executor::{LocalPool, LocalSpawner}, task::LocalSpawnExt};
/// # use grantkit::{Ask, Error, Secret};
/// # use grantkit::client::{config::{Config, Options}, host::Work, token_client::TokenClient};
/// # use grantkit::protocol::{client_auth::ClientAuth, http::{Request, Response}, json};
/// # use grantkit::protocol::url::{ParseUrl, Url};
/// use grantkit::client::machine::{Local, Machine};
///
/// struct Native(LocalSpawner);
///
/// impl ParseUrl for Native {
///     fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url> {
///         let base = base.map(url::Url::parse).transpose().ok()?;
///         Url::serialized(url::Url::options().base_url(base.as_ref()).parse(text).ok()?.as_str())
///     }
/// }
///
/// impl Machine for Native {
///     async fn fetch(&self, request: &Request) -> Result<Response, Error> {
///         assert_eq!(request.url.as_str(), "https://id.example/token");
///         assert_eq!(request.form.as_ref().unwrap().expose(), "grant_type=client_credentials&scope=api");
///         let body = br#"{ "access_token": "a token", "token_type": "Bearer", "expires_in": 300 }"#;
///         Ok(Response { status: 200, body: body.to_vec(), ..Response::default() })
///     }
///     fn now(&self) -> i64 {
///         std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64
///     }
///     async fn sleep(&self, _milliseconds: i64) {
///         std::future::pending().await // nothing here is ever late
///     }
///     fn spawn(&self, work: Work<()>) {
///         self.0.spawn_local(work).unwrap();
///     }
/// }
///
/// let mut pool = LocalPool::new();
/// let host = Local::new(Native(pool.spawner()));
/// let mut options = Options { client_id: "worker".into(), ..Options::default() };
/// options.metadata = json::read_object(br#"{ "token_endpoint": "https://id.example/token" }"#).unwrap();
/// options.wish.scope = Some("api".into());
/// let secret = Some(Secret::new("a secret"));
/// let auth = ClientAuth { id: "worker".into(), secret, method: None };
/// let client = TokenClient::new(host.clone(), Config::check(Box::new(options), auth, &host)?);
/// let token = pool.run_until(client.access_token(Ask::default(), None))?;
/// assert_eq!(token.secret.expose(), "a token");
/// # Ok::<(), Error>(())
/// ```
pub trait Host: ParseUrl + Clone + 'static {
    /// Tells that a caller gave up; `AbortSignal` in JavaScript.
    type Abort: Clone + 'static;
    /// Tells that shared work is done, to any number of waiters. Never a Rust waker: each waiter must
    /// be woken by its own request (law 17).
    type Signal: Clone + 'static;
    /// A private key.
    type Key: Clone + 'static;

    /// One exchange, its body included, within `timeout` milliseconds. Redirects are not followed;
    /// credentials are not sent; nothing is cached; no more than `request.cap` bytes are kept.
    fn fetch(
        &self,
        request: &Request,
        timeout: Millis,
        abort: Option<&Self::Abort>,
    ) -> impl Future<Output = Result<Response, Error>>;

    /// Whether a signature is good.
    fn verify(&self, check: Check<'_>) -> impl Future<Output = Result<bool, Error>>;

    /// Signs by a private key.
    fn sign(
        &self,
        key: &Self::Key,
        algorithm: Algorithm,
        data: &[u8],
    ) -> impl Future<Output = Result<Vec<u8>, Error>>;

    /// Makes a key for ES256 that nobody can read.
    fn make_key(&self) -> impl Future<Output = Result<KeyPair<Self::Key>, Error>>;

    /// A digest.
    fn digest(&self, hash: Hash, data: &[u8]) -> impl Future<Output = Result<Vec<u8>, Error>>;

    /// Seals a text under a key of its own for each context: HKDF-SHA256 of the secret, AES-256-GCM,
    /// in the form of `protocol::sealed`.
    fn seal(
        &self,
        secret: &[u8],
        context: &str,
        text: &str,
    ) -> impl Future<Output = Result<String, Error>>;

    /// The text in such a seal; `None` where it is not of this secret and context, or not whole.
    fn unseal(
        &self,
        secret: &[u8],
        context: &str,
        seal: &str,
    ) -> impl Future<Output = Result<Option<String>, Error>>;

    /// The clock of this machine, right or wrong.
    fn now(&self) -> UnixMillis;

    /// 32 bytes of the platform's randomness, or an error; never anything weaker (R028).
    fn random(&self) -> Result<[u8; 32], Error>;

    /// Starts work that many may wait for. It takes its first step after this call returned.
    fn spawn(&self, work: Work<()>) -> Self::Signal;

    /// Whether a caller gave up already.
    fn aborted(&self, abort: &Self::Abort) -> bool;

    /// Waits for such work.
    fn wait(
        &self,
        signal: &Self::Signal,
        patience: Option<Millis>,
        abort: Option<&Self::Abort>,
    ) -> impl Future<Output = Waited>;

    /// Lets that many milliseconds pass, unless the caller gives up.
    fn pause(&self, length: Millis, abort: Option<&Self::Abort>) -> impl Future<Output = Waited>;

    /// Keeps the default access token where the next call finds it without asking this crate.
    fn hold(&self, token: Option<(&str, UnixMillis)>);

    /// One line for whoever watches. Never a secret.
    fn log(&self, level: Level, kind: &str, fields: &[(&str, &str)]);
}

/// What can be seen of a popup or frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sight {
    /// At an address of this origin, or not yet anywhere.
    Near,
    /// At somebody else's.
    Away,
    /// Closed, or cut off by its page's Cross-Origin-Opener-Policy: that looks the same.
    Gone,
}

/// A page: a host with an address, storage, and somebody who listens.
pub trait Page: Host {
    /// A lock that is held; given back when dropped, and when its tab dies.
    type Lock;
    /// A popup or a frame; closed when dropped.
    type Frame;

    /// Reads from Web Storage, where records of requests under way live.
    fn get(&self, key: &str) -> Result<Option<String>, Error>;
    /// Writes to Web Storage.
    fn set(&self, key: &str, value: &str) -> Result<(), Error>;
    /// Removes from Web Storage.
    fn remove(&self, key: &str);
    /// The keys there that start so.
    fn keys(&self, prefix: &str) -> Vec<String>;

    /// Reads the tokens' store.
    fn load(&self, key: &str) -> impl Future<Output = Result<Option<String>, Error>>;
    /// Writes the tokens' store, or removes what is there. A store that answers later is not waited
    /// for, but gets one write after the other; where it fails, the host tells [`UNSAVED`].
    fn save(&self, key: &str, value: Option<(&str, Option<UnixMillis>)>) -> Result<(), Error>;
    /// Waits until everything is written, for a while, and says whether it was.
    fn saved(&self) -> impl Future<Output = bool>;

    /// The key of that name, which a page keeps for its next load.
    fn kept_key(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<KeyPair<Self::Key>>, Error>>;
    /// Keeps a key, unless one of that name is kept already.
    fn keep_key(
        &self,
        name: &str,
        key: &KeyPair<Self::Key>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Whether other tabs read and write what `save` keeps.
    fn shared(&self) -> bool;
    /// A lock among the tabs of this origin, and whether it had to be waited for. `None` where patience
    /// ran out.
    fn lock(
        &self,
        name: &str,
        patience: Millis,
    ) -> impl Future<Output = Option<(Self::Lock, bool)>>;
    /// Tells the other tabs, who hear it by `Session::heard`.
    fn tell(&self, message: &str);

    /// Opens a popup, empty as yet, or makes ready a hidden frame.
    fn open_frame(&self, popup: bool) -> Result<Self::Frame, Error>;
    /// Sends it to an address.
    fn steer(&self, frame: &Self::Frame, url: &str);
    /// Where it is.
    fn sight(&self, frame: &Self::Frame) -> Sight;
    /// Closes this page's own window, if it is a popup.
    fn close_window(&self);

    /// The page's address; `None` where there is no page, as on a server.
    fn address(&self) -> Option<String>;
    /// Replaces the address without loading; the history's state is kept.
    fn replace_address(&self, url: &str);
    /// Leaves for that address. Comes back only if that failed, or if the page was taken from the
    /// back/forward cache.
    fn leave(&self, url: &str) -> impl Future<Output = Error>;
    /// Calls `Session::tick` after that many milliseconds; `None` calls it off.
    fn schedule(&self, after: Option<Millis>);
    /// Tells the listeners.
    fn emit(&self, event: Event<'_>);
}

/// An isolate or process among others: a host that may have a store that all of them share, and the key
/// that seals it, which may be one that nobody can read. What is not done within a patience is
/// [`Code::Timeout`](crate::protocol::error::Code::Timeout).
pub trait Edge: Host {
    /// Whether there is such a store.
    fn shares(&self) -> bool;

    /// [`Host::seal`] under the store's key.
    fn lock(&self, context: &str, text: &str) -> impl Future<Output = Result<String, Error>>;
    /// [`Host::unseal`] under the store's key.
    fn unlock(
        &self,
        context: &str,
        seal: &str,
    ) -> impl Future<Output = Result<Option<String>, Error>>;

    /// HMAC-SHA-256 under a secret.
    fn mac(&self, secret: &Secret, data: &[u8]) -> impl Future<Output = Result<Vec<u8>, Error>>;

    /// Calls the store: what it answers to [`Call::Get`] and [`Call::Acquire`], else nothing.
    fn store(
        &self,
        call: Call<'_>,
        name: &str,
        patience: Millis,
    ) -> impl Future<Output = Result<Option<String>, Error>>;
}

/// A call to a store that others have, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call<'a> {
    /// What is there.
    Get,
    /// Puts a value there until it expires.
    Set(&'a str, UnixMillis),
    /// Removes what is there.
    Delete,
    /// Waits for a turn: another value than the one that was seen, once somebody put it, or nothing when
    /// it is the caller's to make one. In a store that keeps no turns it is always the caller's.
    Acquire(Option<&'a str>),
    /// Gives a turn up: there will be no value.
    Release,
}

impl Call<'_> {
    /// As the store's method is named.
    pub fn method(self) -> &'static str {
        match self {
            Call::Get => "get",
            Call::Set(..) => "set",
            Call::Delete => "delete",
            Call::Acquire(_) => "acquire",
            Call::Release => "release",
        }
    }
}

/// What a session tells.
#[derive(Debug)]
pub enum Event<'a> {
    /// Somebody signed in.
    SignedIn {
        /// Of the id_token.
        claims: Option<&'a Object>,
        /// In another tab.
        other_tab: bool,
    },
    /// The access token was renewed.
    Renewed {
        /// When it expires.
        expires_at: Option<UnixMillis>,
        /// By another tab.
        other_tab: bool,
    },
    /// A renewal failed and may succeed later.
    RenewalFailed {
        /// Why.
        error: &'a Error,
    },
    /// The access token expired and cannot be renewed.
    Expired,
    /// The session is over.
    SignedOut {
        /// `sign-out`, `other-tab` or `final-error`.
        reason: &'static str,
        /// The final error.
        error: Option<&'a Error>,
    },
    /// Something to know about that is no failure of the call.
    Warning {
        /// A stable word.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
}

/// Storage refused: nothing else changes.
pub const UNSAVED: Event<'static> = Event::Warning {
    code: "storage_unavailable",
    message: "The browser's storage refused: the tokens stay in memory and are gone after a reload.",
};
