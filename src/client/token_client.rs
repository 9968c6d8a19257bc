//! RFC 6749, section 4.4 and the grants beside it, for machines: tokens from a cache that one request
//! fills for all who ask at once. Failures are never cached.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use crate::protocol::authorize::{Pending, SignIn, Wish};
use crate::protocol::callback::Params;
use crate::protocol::error::{Code, Error};
use crate::protocol::exchange;
use crate::protocol::form::Form;
use crate::protocol::id_token::{Claims, Nonce};
use crate::protocol::jarm;
use crate::protocol::json::Object;
use crate::protocol::logout::{self, Logout};
use crate::protocol::logout_token::Seen;
use crate::protocol::metadata::Metadata;
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::token;
use crate::protocol::url::Url;

use super::config::{Config, invalid};
use super::flight::{Flights, Landed};
use super::host::{Edge, Host, Work};
use super::login::{self, SignedIn};
use super::resource;
use super::revocation::revoke_token;
use super::server::{EVERYTHING, Granted, Server, Want};
use super::tokens::{AccessToken, Cache, stale};
use super::user_info::user_info;
use super::vault::Vault;

/// How long one request waits for a token that another asked for, before it asks itself: on the edge
/// the other may have ended, and its work with it (law 17).
const PATIENCE: Millis = 3000;
/// Tokens of others that do not answer a caller, at the most; then it takes what there is.
const ROUNDS: usize = 3;

/// How a token from the cache is wanted.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// What it is for.
    pub wish: Wish,
    /// Milliseconds that it must live still.
    pub min_lifetime: Millis,
    /// Not from the cache.
    pub force: bool,
    /// Not this one: it was refused.
    pub refused: Option<Secret>,
}

/// Work that goes on behind an answer.
type Behind<H> = Rc<RefCell<Vec<<H as Host>::Signal>>>;

/// What one caller wants, and what it knew when it asked.
struct Wanted {
    wish: Wish,
    ask: Ask,
    known: Option<Rc<AccessToken>>,
    asked_at: UnixMillis,
    before: Millis,
    /// Whether it may be renewed behind the answer.
    ahead: bool,
}

impl Wanted {
    /// Whether a token from the store will do. Where the caller wants no token that is known, it must be
    /// newer than the one that is.
    fn takes(&self, token: &AccessToken, now: UnixMillis) -> bool {
        let newer = match &self.known {
            Some(known) => token.received_at > known.received_at,
            None => !self.ask.force,
        };
        let wants_newer = self.ask.force || self.ask.refused.is_some();
        let before = if self.ahead && self.known.is_none() { 0 } else { self.before };
        (newer || !wants_newer)
            && self.ask.refused.as_ref() != Some(&token.secret)
            && token.fresh(now, before, self.ask.min_lifetime)
    }

    /// Whether a token that will not do is better than none.
    fn may_serve(&self, token: &AccessToken) -> bool {
        self.known.is_none() && self.ask.refused.as_ref() != Some(&token.secret)
    }
}

struct Inner<H: Edge> {
    server: Server<H>,
    cache: RefCell<Cache>,
    flights: Flights<H>,
    default_key: String,
    closed: Cell<bool>,
    /// Logout tokens that came already.
    seen: RefCell<Seen>,
}

/// Asks a token endpoint for tokens. Clones are the same client.
pub struct TokenClient<H: Edge>(Rc<Inner<H>>);

impl<H: Edge> Clone for TokenClient<H> {
    fn clone(&self) -> Self {
        TokenClient(self.0.clone())
    }
}

impl<H: Edge> TokenClient<H> {
    /// Does no I/O.
    pub fn new(host: H, config: Box<Config>) -> TokenClient<H> {
        let default_key = config.wish.key();
        TokenClient(Rc::new(Inner {
            flights: Flights::new(host.clone(), Some(PATIENCE)),
            server: Server::new(host, config, Some(PATIENCE / 2)),
            cache: RefCell::default(),
            default_key,
            closed: Cell::new(false),
            seen: RefCell::default(),
        }))
    }

    /// The server.
    pub fn server(&self) -> &Server<H> {
        &self.0.server
    }

    /// Logout tokens that came already.
    pub(super) fn seen(&self) -> &RefCell<Seen> {
        &self.0.seen
    }

    /// The options.
    pub fn config(&self) -> &Config {
        self.0.server.config()
    }

    /// Every call after this one is refused.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.0.cache.borrow_mut().clear();
        self.server().host().hold(None);
    }

    /// Whether calls are answered still.
    pub(super) fn open(&self) -> Result<(), Error> {
        if self.0.closed.get() { Err(Code::Closed.into()) } else { Ok(()) }
    }

    /// An access token by client credentials: from the cache, or from the server.
    pub async fn access_token(
        &self,
        ask: Ask,
        abort: Option<&H::Abort>,
    ) -> Result<Rc<AccessToken>, Error> {
        self.obtain(ask, None, abort).await
    }

    /// The same for a request that may be kept open after its answer: it is answered as soon as there is
    /// a token that serves. What goes on behind the answer, to renew the token and to share it, is `hand`ed
    /// over (law 17).
    pub async fn access_token_ahead(
        &self,
        ask: Ask,
        abort: Option<&H::Abort>,
        hand: impl FnOnce(&H::Signal),
    ) -> Result<Rc<AccessToken>, Error> {
        let host = self.server().host();
        let serving = match self.in_hand(&ask) {
            Some((token, false)) => return Ok(token),
            Some((token, true)) => Some(token),
            None => None,
        };
        // A renewal behind the answer does not end with the call.
        let calls_off = abort.filter(|_| serving.is_none()).cloned();
        let slot = Rc::new(RefCell::new(None));
        let behind = Behind::<H>::default();
        let (client, out) = (self.clone(), slot.clone());
        let (later, first) = (behind.clone(), ask.clone());
        let asking = host.spawn(Box::pin(async move {
            let result = client.obtain(first, Some(&later), calls_off.as_ref()).await;
            *out.borrow_mut() = Some(result);
        }));
        let (client, asked, answered) = (self.clone(), asking.clone(), serving.is_none());
        hand(&host.spawn(Box::pin(async move {
            let host = client.server().host();
            host.wait(&asked, None, None).await;
            // The store may have had a token that serves and is to be renewed.
            if answered && client.in_hand(&ask).is_some_and(|(_, due)| due) {
                let _ = client.obtain(ask, Some(&behind), None).await;
            }
            for signal in behind.take() {
                host.wait(&signal, None, None).await;
            }
        })));
        if let Some(token) = serving {
            return Ok(token);
        }
        host.wait(&asking, None, None).await;
        slot.take().unwrap_or_else(|| Err(Code::Aborted.into()))
    }

    /// The token that may be handed out as it is, and whether it is time to renew it.
    fn in_hand(&self, ask: &Ask) -> Option<(Rc<AccessToken>, bool)> {
        if self.open().and(ask.wish.check()).is_err() || ask.force || ask.refused.is_some() {
            return None;
        }
        let key = ask.wish.clone().over(&self.config().wish).key();
        let now = self.server().host().now();
        let token = self.0.cache.borrow().find(&key)?;
        let due = token.renew_at(self.config().renew_before).is_some_and(|at| at <= now);
        (token.serves(now, ask.min_lifetime) && !stale(&token, now)).then_some((token, due))
    }

    async fn obtain(
        &self,
        mut ask: Ask,
        behind: Option<&Behind<H>>,
        abort: Option<&H::Abort>,
    ) -> Result<Rc<AccessToken>, Error> {
        self.open()?;
        ask.wish.check()?;
        let wish = core::mem::take(&mut ask.wish).over(&self.config().wish);
        let key = wish.key();
        let host = self.server().host();
        let asked_at = host.now();
        let known = self.0.cache.borrow().find(&key);
        if let Some(token) = &known {
            let refused = ask.refused.as_ref().is_some_and(|secret| *secret == token.secret);
            let good = token.fresh(asked_at, self.config().renew_before, ask.min_lifetime);
            if !ask.force && !refused && good && !stale(token, asked_at) {
                return Ok(token.clone());
            }
            if refused {
                self.0.cache.borrow_mut().drop_key(&key);
                if key == self.0.default_key {
                    host.hold(None);
                }
            }
        }
        let (before, behind) = (self.config().renew_before, behind.cloned());
        let ahead = behind.is_some();
        let wanted = Rc::new(Wanted { wish, ask, known, asked_at, before, ahead });
        let (client, shared, want) = (self.clone(), key.clone(), wanted.clone());
        let work = move || -> Work<Result<Landed, Error>> {
            let (client, key, want) = (client.clone(), shared.clone(), want.clone());
            let behind = behind.clone();
            // Somebody whose patience ended earlier may have filled it since.
            let now = client.0.cache.borrow().find(&key);
            let newer = now.filter(|now| {
                let same = want.known.as_ref().is_some_and(|known| Rc::ptr_eq(known, now));
                !same && client.suits(&want, now)
            });
            Box::pin(async move {
                match newer {
                    Some(token) => Ok(token),
                    None => client.fill(&key, &want, behind.as_ref()).await,
                }
                .map(Landed::Token)
            })
        };
        let mut result = Err(Code::Aborted.into());
        for _ in 0..ROUNDS {
            result = self.0.flights.share(&key, abort, &work).await.and_then(Landed::token);
            // Who asked for less may have been content with a token from the store.
            if result.as_ref().map_or(true, |token| self.suits(&wanted, token)) {
                break;
            }
        }
        let ask = &wanted.ask;
        match result {
            Err(error) if error.retryable() && !ask.force && ask.refused.is_none() => {
                // The last token serves for as long as it lives.
                let now = self.server().host().now();
                let last = self.0.cache.borrow().find(&key);
                last.filter(|token| token.expires_at.is_some_and(|at| now + ask.min_lifetime < at))
                    .ok_or(error)
            }
            other => other,
        }
    }

    /// Whether a token answers this caller, whoever brought it: the server's own answer always does.
    fn suits(&self, want: &Wanted, token: &AccessToken) -> bool {
        let host = self.server().host();
        !host.shares() || token.received_at >= want.asked_at || want.takes(token, host.now())
    }

    /// Out of the store that isolates share, or else from the server, for all of them.
    async fn fill(
        &self,
        key: &str,
        want: &Wanted,
        behind: Option<&Behind<H>>,
    ) -> Result<Rc<AccessToken>, Error> {
        let host = self.server().host();
        let bound = match self.server().dpop().filter(|_| host.shares()) {
            Some(dpop) => Some(dpop.pair(host).await?.public.thumbprint()),
            None => None,
        };
        let Some(mut vault) = Vault::new(host, self.config(), &want.wish, bound.as_deref()) else {
            return self.request(key, &want.wish).await;
        };
        let last = Cell::new(None);
        let found = vault.find(|token| {
            let takes = want.takes(token, host.now());
            if !takes && want.may_serve(token) {
                last.set(Some(token.clone()));
            }
            takes
        });
        if let Some(token) = found.await {
            self.open()?;
            return Ok(self.keep(key, token));
        }
        if let Some(token) = last.take() {
            // It answers where the server is down, and the next who may be answered ahead.
            self.keep(key, token);
        }
        let result = self.request(key, &want.wish).await;
        let waits = behind.is_none() && !vault.failed();
        let settled = vault.settle(result.as_ref().ok().cloned());
        if waits {
            settled.await;
        } else {
            let signal = host.spawn(Box::pin(settled));
            if let Some(behind) = behind {
                behind.borrow_mut().push(signal);
            }
        }
        result
    }

    async fn request(&self, key: &str, wish: &Wish) -> Result<Rc<AccessToken>, Error> {
        let mut grant = Form::new();
        grant.push("grant_type", "client_credentials");
        wish.write(&mut grant);
        let granted = self.server().token(grant, None).await?;
        self.open()?;
        Ok(self.keep(key, AccessToken::of(&granted, wish.scope.as_deref())))
    }

    fn keep(&self, key: &str, token: AccessToken) -> Rc<AccessToken> {
        let (token, host) = (Rc::new(token), self.server().host());
        let now = host.now();
        self.0.cache.borrow_mut().put(key, token.clone(), now);
        if key == self.0.default_key
            && let Some(until) = token.renew_at(self.config().renew_before)
        {
            host.hold(Some((token.secret.expose(), until)));
        }
        token
    }

    /// One request with exactly these parameters and the client's authentication; nothing is cached.
    pub async fn request_token(
        &self,
        grant_type: &str,
        parameters: &[(String, String)],
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        self.open()?;
        if grant_type.is_empty() {
            return Err(invalid("grantType"));
        }
        let mut grant = Form::new();
        grant.push("grant_type", grant_type);
        for (name, value) in parameters {
            // How the client shows who it is, is not a parameter.
            const OURS: [&str; 5] = [
                "grant_type",
                "client_id",
                "client_secret",
                "client_assertion",
                "client_assertion_type",
            ];
            if name.is_empty() || OURS.contains(&name.as_str()) {
                return Err(invalid("parameters"));
            }
            grant.push(name, value);
        }
        self.grants(grant, abort).await
    }

    /// A token exchange is answered by rules of its own (R078).
    async fn grants(&self, grant: Form, abort: Option<&H::Abort>) -> Result<Granted, Error> {
        let read = match grant.value("grant_type") {
            Some(exchange::GRANT) => exchange::response,
            _ => token::response_for,
        };
        self.server().token_by(grant, read, abort).await
    }

    /// One request of a grant, with the wish written behind the grant's own parameters. The client's
    /// default scope goes only with the grants that start something (`defaults`).
    pub async fn grant(
        &self,
        mut grant: Form,
        wish: Wish,
        defaults: bool,
        abort: Option<&H::Abort>,
    ) -> Result<Granted, Error> {
        self.open()?;
        wish.check()?;
        let wish = if defaults { wish.over(&self.config().wish) } else { wish };
        if wish.parameters.iter().any(|(name, _)| grant.has(name)) {
            return Err(invalid("parameters"));
        }
        wish.write(&mut grant);
        self.grants(grant, abort).await
    }

    /// The claims of an id_token that came with a renewal of somebody's tokens.
    pub async fn renewed_claims(
        &self,
        granted: &Granted,
        earlier: &Claims,
        abort: Option<&H::Abort>,
    ) -> Result<Option<Claims>, Error> {
        login::renewed(self.server(), granted, earlier, abort).await
    }

    /// Where `fetch` may take a token to, and what for.
    pub fn allow(&self, url: &Url) -> Result<Wish, Error> {
        self.open()?;
        resource::entry(self.config(), url).map(|allowed| allowed.wish.clone())
    }

    /// The first step of a sign-in for a server that keeps its own sessions.
    pub async fn authorization_request(
        &self,
        redirect_uri: &str,
        mut ask: Box<SignIn>,
        abort: Option<&H::Abort>,
    ) -> Result<(String, Box<Pending>), Error> {
        self.open()?;
        ask.wish = ask.wish.over(&self.config().wish);
        login::begin(self.server(), redirect_uri, ask, abort).await
    }

    /// The second step: all checks, then the exchange.
    pub async fn callback(
        &self,
        answer: &Params,
        pending: Box<Pending>,
        arrived_at: &Url,
        abort: Option<&H::Abort>,
    ) -> Result<SignedIn, Error> {
        self.open()?;
        let Some(raw) = answer.response()? else {
            return login::finish(self.server(), answer, pending, arrived_at, abort).await;
        };
        let answer = self.signed_answer(raw, abort).await?;
        login::finish(self.server(), &answer, pending, arrived_at, abort).await
    }

    /// JARM: the parameters of an answer that the server signed.
    async fn signed_answer(&self, raw: &str, abort: Option<&H::Abort>) -> Result<Params, Error> {
        let (server, config) = (self.server(), self.config());
        let answer = jarm::parse(raw, &config.algorithms)?;
        let good = server.proves(answer.token(), abort).await?;
        answer.open(good, &config.issuer, &config.auth.id, server.time(), config.tolerance)
    }

    /// Proves an id_token.
    pub async fn validate_id_token(
        &self,
        raw: &str,
        want: Want<'_>,
        abort: Option<&H::Abort>,
    ) -> Result<Claims, Error> {
        self.open()?;
        self.server().id_token(raw, want, abort).await
    }

    /// What is expected of an id_token unless the caller says more.
    pub fn want<'a>(nonce: Option<&'a str>) -> Want<'a> {
        Want {
            nonce: nonce.map_or(Nonce::Absent, Nonce::Is),
            max_age: None,
            essential_acr: &[],
            access_token: None,
            code: None,
            state: None,
            skew: Some(0),
        }
    }

    /// The server's metadata.
    pub async fn metadata(&self, abort: Option<&H::Abort>) -> Result<Rc<Metadata>, Error> {
        self.open()?;
        self.server().metadata(EVERYTHING, abort).await
    }

    /// More about a person.
    pub async fn user_info(
        &self,
        access_token: &Secret,
        subject: &str,
        abort: Option<&H::Abort>,
    ) -> Result<Object, Error> {
        self.open()?;
        user_info(self.server(), access_token, subject, abort).await
    }

    /// Gives a token back.
    pub async fn revoke(
        &self,
        token: &Secret,
        hint: Option<&str>,
        abort: Option<&H::Abort>,
    ) -> Result<(), Error> {
        self.open()?;
        revoke_token(self.server(), token, hint, abort).await
    }

    /// Where a person goes to leave the server, too.
    pub async fn end_session_url(
        &self,
        logout: &Logout,
        abort: Option<&H::Abort>,
    ) -> Result<String, Error> {
        self.open()?;
        let metadata = self.server().metadata(&["end_session_endpoint"], abort).await?;
        logout::url(&metadata, &self.config().auth.id, logout)
    }
}
