//! One authorization server as this client knows it: its metadata and keys, each fetched once for all
//! who ask (R022, R107, R112), and the exchanges with it.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::cell::{Cell, OnceCell, RefCell};

use crate::protocol::assertion;
use crate::protocol::client_auth::{ClientAuth, Method};
use crate::protocol::dpop::wants_nonce;
use crate::protocol::error::{Code, Error};
use crate::protocol::form::Form;
use crate::protocol::http::{Request, Response};
use crate::protocol::id_token::{self, Claims, Expected, Nonce};
use crate::protocol::json::{self, Json, Object};
use crate::protocol::jwk::{self, KeySet, PublicKey};
use crate::protocol::jws::{Unverified, invalid};
use crate::protocol::metadata::{self, Metadata, missing};
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::token::{self, Binding, Reading, Tokens};
use crate::protocol::url::Endpoint;

use super::config::Config;
use super::dpop::{Dpop, To};
use super::flight::{Flights, Landed};
use super::host::{Host, Level, Work};
use super::keyring::Signs;
use super::rest::Rest;

/// A metadata document is used for a day at the most.
const METADATA_LIFE: Millis = 24 * 3600 * 1000;
/// A key set is used for ten minutes at the most.
const KEYS_LIFE: Millis = 10 * 60 * 1000;
/// An unknown key is asked for once a minute at the most.
const COOLDOWN: Millis = 60 * 1000;
/// After failures in a row: the first rest and the longest.
const REST: (Millis, Millis) = (1000, 10_000);
/// A machine's clock may be wrong by a day at the most.
const SKEW: Millis = 24 * 3600 * 1000;

/// What no metadata by hand can have: the document is asked for.
pub const EVERYTHING: &[&str] = &["*"];

/// A document and when it came.
#[derive(Clone)]
struct Fetched<T> {
    value: Rc<T>,
    document: Rc<Object>,
    at: UnixMillis,
}

struct State {
    metadata: Option<Fetched<Metadata>>,
    keys: Option<Fetched<KeySet>>,
    missed_at: Option<UnixMillis>,
    /// How long the next failure rests; the first one not at all.
    pause: Millis,
    rest: Rest,
}

struct Inner<H: Host> {
    host: H,
    config: Box<Config>,
    state: RefCell<State>,
    documents: Flights<H>,
    /// Where tokens are bound to a key.
    dpop: Option<Dpop<H>>,
    /// Where the client has keys of its own.
    signs: OnceCell<Rc<dyn Signs>>,
    /// Milliseconds that the server's clock is ahead, by the last `Date`.
    skew: Cell<Millis>,
}

/// One server. Clones share what is known.
pub struct Server<H: Host>(Rc<Inner<H>>);

impl<H: Host> Clone for Server<H> {
    fn clone(&self) -> Self {
        Server(self.0.clone())
    }
}

/// Makes a request of who the client is and how it shows it.
pub type Make<'a> = &'a dyn Fn(&ClientAuth, Method) -> Result<Request, Error>;

/// Tokens, and what the exchange tells about the clock.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The checked response.
    pub tokens: Tokens,
    /// When it came, by this machine's clock.
    pub received_at: UnixMillis,
    /// Milliseconds that the server's clock is ahead, by its `Date`.
    pub skew: Option<Millis>,
}

impl Granted {
    /// When the access token expires, by this machine's clock.
    pub fn expires_at(&self) -> Option<UnixMillis> {
        self.tokens.expires_in.map(|seconds| self.received_at + Millis::from(seconds) * 1000)
    }
}

/// What an id_token is held against, beyond what the configuration says.
#[derive(Clone, Copy, Debug)]
pub struct Want<'a> {
    /// The claim `nonce`.
    pub nonce: Nonce<'a>,
    /// Seconds.
    pub max_age: Option<u32>,
    /// Values of `acr`.
    pub essential_acr: &'a [String],
    /// For `at_hash`.
    pub access_token: Option<&'a Secret>,
    /// For `c_hash`.
    pub code: Option<&'a Secret>,
    /// For `s_hash`.
    pub state: Option<&'a str>,
    /// Milliseconds that the server's clock is ahead, where that is known.
    pub skew: Option<Millis>,
}

impl<H: Host> Server<H> {
    /// Nothing is asked yet. With a patience, work of other requests is not relied on.
    pub fn new(host: H, config: Box<Config>, patience: Option<Millis>) -> Server<H> {
        let documents = Flights::new(host.clone(), patience);
        let state =
            State { metadata: None, keys: None, missed_at: None, pause: 0, rest: Rest::default() };
        Server(Rc::new(Inner {
            dpop: config.dpop.then(Dpop::default),
            host,
            config,
            state: RefCell::new(state),
            documents,
            signs: OnceCell::new(),
            skew: Cell::new(0),
        }))
    }

    /// Takes the keys of the client; the first ones stay.
    pub fn sign_by(&self, signs: Rc<dyn Signs>) {
        let _ = self.0.signs.set(signs);
    }

    /// The keys of the client.
    pub fn signs(&self) -> Option<&Rc<dyn Signs>> {
        self.0.signs.get()
    }

    /// What tokens are bound to.
    pub fn dpop(&self) -> Option<&Dpop<H>> {
        self.0.dpop.as_ref()
    }

    /// The server's time, as far as it is known (R142).
    pub fn time(&self) -> UnixMillis {
        self.host().now().saturating_add(self.0.skew.get())
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The world.
    pub fn host(&self) -> &H {
        &self.0.host
    }

    /// The metadata, with those members in it if the server has them. Members by hand suffice where
    /// they hold all that is needed; else the document is asked for.
    pub async fn metadata(
        &self,
        needed: &[&str],
        abort: Option<&H::Abort>,
    ) -> Result<Rc<Metadata>, Error> {
        let config = self.config();
        let by_hand = needed.iter().all(|name| config.metadata.get(name).is_some());
        if by_hand || !config.discovers && config.discovery_url.is_none() {
            return self.check_metadata(&Object::new()).map(Rc::new);
        }
        let now = self.host().now();
        if let Some(known) = &self.0.state.borrow().metadata
            && fresh(known.at, now, METADATA_LIFE)
        {
            return Ok(known.value.clone());
        }
        self.rested()?;
        let server = self.clone();
        let work = move || -> Work<Result<Landed, Error>> {
            let server = server.clone();
            Box::pin(async move {
                // Somebody whose patience ended earlier may have brought it since.
                let known = server.0.state.borrow().metadata.clone();
                match known.filter(|known| fresh(known.at, server.host().now(), METADATA_LIFE)) {
                    Some(known) => Ok(known.document),
                    None => {
                        let found = server.discover().await;
                        let good = |document| server.check_metadata(&document).map(|_| document);
                        server.heard(found.and_then(good)).map(Rc::new)
                    }
                }
                .map(Landed::Document)
            })
        };
        let landed = self.0.documents.share("metadata", abort, &work);
        let document = landed.await?.document()?;
        self.keep_metadata(document, now)
    }

    fn keep_metadata(&self, document: Rc<Object>, at: UnixMillis) -> Result<Rc<Metadata>, Error> {
        let value = Rc::new(self.check_metadata(&document)?);
        let known = Fetched { value: value.clone(), document, at };
        self.0.state.borrow_mut().metadata = Some(known);
        Ok(value)
    }

    fn check_metadata(&self, discovered: &Object) -> Result<Metadata, Error> {
        let config = self.config();
        let mut document = discovered.clone();
        for (name, value) in config.metadata.iter() {
            document.set(name, value.clone());
        }
        Metadata::check(document, &config.issuer, self.host(), config.transport)
    }

    /// OpenID Connect Discovery first, then RFC 8414; or the one address that the caller gave.
    async fn discover(&self) -> Result<Object, Error> {
        let config = self.config();
        if let Some(url) = &config.discovery_url {
            return self.document(url).await;
        }
        let parse = |text: &str| Endpoint::parse(text, self.host(), config.transport);
        match self.document(&parse(&config.issuer.openid_url())?).await {
            Err(error)
                if error.code() == Code::MetadataInvalid
                    && matches!(error.http_status(), Some(400..=499)) =>
            {
                self.document(&parse(&config.issuer.oauth_url())?).await
            }
            other => other,
        }
    }

    async fn document(&self, url: &Endpoint) -> Result<Object, Error> {
        let reply = self.send("metadata", &metadata::request(url), None).await?;
        let document = metadata::response(&reply)?;
        metadata::require_issuer(&document, &self.config().issuer)?;
        Ok(document)
    }

    /// The second failure in a row rests a second, each further one twice as long: a server that is down
    /// is not asked by every caller anew (R022).
    fn heard<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        let now = self.host().now();
        let mut state = self.0.state.borrow_mut();
        match &outcome {
            Ok(_) => {
                state.rest.end();
                state.pause = 0;
            }
            Err(error) => {
                if state.pause > 0 {
                    let pause = state.pause;
                    state.rest.begin(now, pause, error.clone());
                }
                state.pause = (2 * state.pause).clamp(REST.0, REST.1);
            }
        }
        outcome
    }

    /// What failed while the machine slept or was offline says nothing any more.
    pub fn wake(&self) {
        self.0.state.borrow_mut().rest.end();
    }

    fn rested(&self) -> Result<(), Error> {
        let now = self.host().now();
        self.0.state.borrow().rest.over(now, REST.1)
    }

    /// The keys, fetched if they are not at hand or too old.
    pub async fn keys(&self, abort: Option<&H::Abort>) -> Result<Rc<KeySet>, Error> {
        let now = self.host().now();
        if let Some(known) = &self.0.state.borrow().keys
            && fresh(known.at, now, KEYS_LIFE)
        {
            return Ok(known.value.clone());
        }
        self.fetch_keys(abort).await
    }

    async fn fetch_keys(&self, abort: Option<&H::Abort>) -> Result<Rc<KeySet>, Error> {
        let held = |server: &Server<H>| {
            server.0.state.borrow().keys.as_ref().map(|known| known.document.clone())
        };
        // What will not do is what is known now: others may bring newer ones while this one waits.
        let (server, before) = (self.clone(), held(self));
        let metadata = self.metadata(&["jwks_uri"], abort).await?;
        let url = metadata.jwks_uri.clone().ok_or_else(|| missing("jwks_uri"))?;
        self.rested()?;
        let work = move || -> Work<Result<Landed, Error>> {
            let (server, url) = (server.clone(), url.clone());
            // Somebody whose patience ended earlier may have brought them since.
            let unknown =
                |set: &Rc<Object>| before.as_ref().is_none_or(|before| !Rc::ptr_eq(before, set));
            let newer = held(&server).filter(unknown);
            Box::pin(async move {
                if let Some(set) = newer {
                    return Ok(Landed::Document(set));
                }
                let reply = server.send("jwks", &jwk::request(&url), None).await;
                let set = reply.and_then(|reply| jwk::response(&reply));
                let set = set.and_then(|set| KeySet::check(&set).map(|_| set));
                server.heard(set).map(Rc::new).map(Landed::Document)
            })
        };
        let landed = self.0.documents.share("jwks", abort, &work);
        let set = landed.await?.document()?;
        self.keep_keys(set, self.host().now())
    }

    fn keep_keys(&self, document: Rc<Object>, at: UnixMillis) -> Result<Rc<KeySet>, Error> {
        let value = Rc::new(KeySet::check(&document)?);
        if value.leaked {
            self.host().log(Level::Warning, "jwks-holds-secret-keys", &[]);
        }
        let known = Fetched { value: value.clone(), document, at };
        self.0.state.borrow_mut().keys = Some(known);
        Ok(value)
    }

    /// The key for a token: at most one more fetch for a key that is unknown (R107).
    async fn key(&self, token: &Unverified, abort: Option<&H::Abort>) -> Result<PublicKey, Error> {
        if let Some(by_hand) = self.config().metadata.get("jwks") {
            let set = by_hand.as_object().ok_or(Code::JwksInvalid)?;
            return KeySet::check(set)?.find(token).cloned();
        }
        let error = match self.keys(abort).await?.find(token) {
            Ok(key) => return Ok(key.clone()),
            Err(error) => error,
        };
        let now = self.host().now();
        let missed_at = self.0.state.borrow().missed_at;
        // Whoever comes while the keys are being fetched waits for them, too.
        let under_way = self.0.documents.find("jwks").is_some();
        let cooling = missed_at.is_some_and(|at| fresh(at, now, COOLDOWN));
        if error.detail_text().is_some() || cooling && !under_way {
            return Err(error);
        }
        let keys = self.fetch_keys(abort).await?;
        if !under_way {
            self.0.state.borrow_mut().missed_at = Some(now);
        }
        keys.find(token).cloned()
    }

    /// Whether a token of the server's is what it signed.
    pub async fn proves(
        &self,
        token: &Unverified,
        abort: Option<&H::Abort>,
    ) -> Result<bool, Error> {
        let key = self.key(token, abort).await?;
        self.host().verify(token.check(&key)).await
    }

    /// One exchange with the server, which tells what time it has.
    pub async fn send(
        &self,
        purpose: &'static str,
        request: &Request,
        abort: Option<&H::Abort>,
    ) -> Result<Response, Error> {
        let reply = self.exchange(purpose, request, abort).await?;
        if let Some(time) = reply.server_time() {
            self.0.skew.set((time - self.host().now()).clamp(-SKEW, SKEW));
        }
        reply.not_redirected()
    }

    /// One exchange, with whomever. Its line in the log says which, never where to in full.
    pub async fn exchange(
        &self,
        purpose: &'static str,
        request: &Request,
        abort: Option<&H::Abort>,
    ) -> Result<Response, Error> {
        let host = self.host();
        match host.fetch(request, self.config().timeout, abort).await {
            Ok(reply) => {
                let status = json::integer_text(i64::from(reply.status));
                host.log(Level::Debug, "response", &[("endpoint", purpose), ("status", &status)]);
                Ok(reply)
            }
            Err(error) => {
                let fields = [("endpoint", purpose), ("code", error.code().as_str())];
                host.log(Level::Info, "request-failed", &fields);
                Err(error)
            }
        }
    }

    /// Where an endpoint is; with mutual TLS its alias comes first (R027).
    pub fn endpoint(&self, metadata: &Metadata, name: &'static str) -> Result<Endpoint, Error> {
        let config = self.config();
        let tls = matches!(config.auth.method, Some(Method::Tls | Method::SelfSignedTls));
        metadata.endpoint(name, tls, self.host(), config.transport)
    }

    /// Asks an endpoint as the client that we are, with a proof where tokens are bound. The request is
    /// made anew if the server wants a nonce: once (R138).
    pub async fn ask(
        &self,
        purpose: &'static str,
        metadata: &Rc<Metadata>,
        bound: bool,
        make: Make<'_>,
        abort: Option<&H::Abort>,
    ) -> Result<Response, Error> {
        let auth = &self.config().auth;
        let signs = self.signs();
        let method = auth.method_with(metadata, signs.is_some_and(|signs| signs.identifies()))?;
        let dpop = self.dpop().filter(|_| bound);
        if let Some(dpop) = dpop {
            dpop.suit(self.host(), metadata).await?;
        }
        let mut again = false;
        loop {
            let mut request = make(auth, method)?;
            if let (Method::KeyJwt | Method::SecretJwt, Some(signs)) = (method, signs) {
                let made = signs.assertion(metadata.clone(), method, self.time()).await?;
                assertion::attach(&mut request, &made);
            }
            let url = request.url.clone();
            if let Some(dpop) = dpop {
                let target = (request.method, url.as_str());
                let time = self.time();
                let proof = dpop.prove(self.host(), To::Server, target, None, time).await?;
                request.proof = Some(proof);
            }
            let reply = self.send(purpose, &request, abort).await?;
            let Some(dpop) = dpop else { return Ok(reply) };
            let nonce = reply.dpop_nonce.as_deref();
            let refused = matches!(reply.status, 400 | 401);
            if refused && reply.success(Code::TokenError).is_err_and(|error| wants_nonce(&error)) {
                dpop.renew(To::Server, url.as_str(), nonce, again)?;
                again = true;
            } else {
                dpop.note(To::Server, url.as_str(), nonce);
                return Ok(reply);
            }
        }
    }

    /// Asks the token endpoint.
    pub async fn token(&self, grant: Form, abort: Option<&H::Abort>) -> Result<Granted, Error> {
        self.token_by(grant, token::response_for, abort).await
    }

    /// The same for a grant whose answer has rules of its own.
    pub async fn token_by(
        &self,
        grant: Form,
        read: fn(&Response, Reading, Binding) -> Result<Tokens, Error>,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        let metadata = self.metadata(&["token_endpoint"], abort).await?;
        let to = self.endpoint(&metadata, "token_endpoint")?;
        let make = |auth: &ClientAuth, method| Ok(token::request(&to, auth, method, grant.clone()));
        let reply = self.ask("token", &metadata, true, &make, abort).await?;
        let received_at = self.host().now();
        let binding = if self.config().dpop { Binding::Dpop } else { Binding::Bearer };
        Ok(Granted {
            tokens: read(&reply, self.config().reading, binding)?,
            received_at,
            skew: reply.server_time().map(|time| time - received_at),
        })
    }

    /// Proves an id_token and reads its claims. How far the server's clock is ahead is taken from the
    /// answer that brought the token: its `Date`, else the signed `iat`, which is fresh where it answers
    /// a request that was made just now. A clock that is wrong, or set right, signs nobody out.
    pub async fn id_token(
        &self,
        raw: &str,
        want: Want<'_>,
        abort: Option<&H::Abort>,
    ) -> Result<Claims, Error> {
        let config = self.config();
        let token = id_token::parse(raw, &config.algorithms)?;
        let key = self.key(&token, abort).await?;
        let good = self.host().verify(token.check(&key)).await?;
        let token = token.verified(good)?;

        let hash = token.hash();
        let mut digests = [None, None, None];
        let texts = [
            ("at_hash", want.access_token.map(Secret::expose)),
            ("c_hash", want.code.map(Secret::expose)),
            ("s_hash", want.state),
        ];
        for (digest, (claim, text)) in digests.iter_mut().zip(texts) {
            if let (true, Some(text)) = (token.has(claim), text) {
                *digest = Some(self.host().digest(hash, text.as_bytes()).await?);
            }
        }
        let [access_token, code, state] = &digests;

        let now = self.host().now();
        let fresh_iat = match want.nonce {
            Nonce::Is(nonce) if token.answers(nonce) => token.issued_at(),
            Nonce::AbsentOr(_) => token.issued_at(),
            _ => None,
        };
        let skew = want.skew.or(fresh_iat.map(|iat| iat.saturating_sub(now))).unwrap_or(0);
        if skew.unsigned_abs() > SKEW.unsigned_abs() {
            return Err(invalid("clock"));
        }
        let expected = Expected {
            issuer: &config.issuer,
            client_id: &config.auth.id,
            trusted_audiences: &config.trusted_audiences,
            nonce: want.nonce,
            max_age: want.max_age,
            essential_acr: want.essential_acr,
            tolerance: config.tolerance,
            access_token_digest: access_token.as_deref(),
            code_digest: code.as_deref(),
            state_digest: state.as_deref(),
        };
        token.claims(&expected, now.saturating_add(skew))
    }

    /// What is known of the server, as text for a store: metadata and keys.
    pub fn to_text(&self) -> Option<String> {
        let state = self.0.state.borrow();
        let mut out = Object::new();
        if let Some(known) = &state.metadata {
            out.set("metadata", Json::Object((*known.document).clone()));
            out.set_integer("metadata_at", Some(known.at));
        }
        if let Some(known) = &state.keys {
            out.set("jwks", Json::Object((*known.document).clone()));
            out.set_integer("jwks_at", Some(known.at));
        }
        state.metadata.as_ref().map(|_| out.to_text())
    }

    /// Takes stored text over, by the same constructors as an answer from the network (R171).
    pub fn restore(&self, text: &str) {
        let Ok(mut stored) = json::read_object(text.as_bytes()) else {
            return;
        };
        let now = self.host().now();
        let mut part = |name: &str, at: &str, life: Millis| match stored.take(name) {
            Some(Json::Object(document)) => stored
                .get(at)
                .and_then(Json::as_integer)
                .filter(|at| fresh(*at, now, life))
                .map(|at| (Rc::new(document), at)),
            _ => None,
        };
        let metadata = part("metadata", "metadata_at", METADATA_LIFE);
        let keys = part("jwks", "jwks_at", KEYS_LIFE);
        let Some((document, at)) = metadata else {
            return;
        };
        if metadata::require_issuer(&document, &self.config().issuer).is_err()
            || self.keep_metadata(document, at).is_err()
        {
            return;
        }
        if let Some((document, at)) = keys {
            // A damaged set is as if there were none: it is fetched.
            let _ = self.keep_keys(document, at);
        }
    }
}

/// Not older than its life, and not from the future.
fn fresh(at: UnixMillis, now: UnixMillis, life: Millis) -> bool {
    (0..life).contains(&now.saturating_sub(at))
}
