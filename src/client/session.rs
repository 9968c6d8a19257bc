//! Signs a person in from a page, keeps the tokens and renews them. Nothing is stored or visible until
//! every check passed (R081); only a final answer ends a session (law 16).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use crate::protocol::authorize::{Pending, SignIn, Wish, has_scope};
use crate::protocol::base64url;
use crate::protocol::callback::{self, Params};
use crate::protocol::error::{Code, Error};
use crate::protocol::id_token::{Claims, Nonce};
use crate::protocol::json::{Json, Object};
use crate::protocol::logout::{self, Logout};
use crate::protocol::secret::{Secret, same};
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::url::{Url, same_origin_path};

use super::config::{Config, PageConfig, invalid};
use super::flight::{Flights, Landed, Seat};
use super::host::{Event, Level, Page, UNSAVED, Work};
use super::login::{self, refresh_grant};
use super::record::TokenSet;
use super::resource;
use super::server::{Granted, Server, Want};
use super::shelf::{self, Found, Leaving};
use super::token_client::{Ask, revoke_token, user_info};
use super::tokens::{AccessToken, stale};

/// After a failed renewal the timer tries again: first after five seconds, then twice as long each
/// time, five minutes at the most.
const RETRY: (Millis, Millis) = (5_000, 300_000);

/// What one callback brought, for every instance that asked.
pub enum Arrived {
    /// Tokens to take over.
    SignedIn(Arrival),
    /// `prompt=none` was refused.
    Refused(Answer),
}

/// Tokens, and what the page kept for afterwards.
pub struct Arrival {
    set: TokenSet,
    return_to: Option<String>,
    app_state: Option<Json>,
}

/// What a callback turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// This page is no callback.
    None,
    /// Signed in.
    SignedIn {
        /// A path of this origin.
        return_to: Option<String>,
        /// The page's own.
        app_state: Option<Json>,
        /// This callback had been handled before.
        repeated: bool,
    },
    /// `prompt=none` was refused.
    LoginRequired {
        /// A path of this origin.
        return_to: Option<String>,
        /// The page's own.
        app_state: Option<Json>,
        /// The server's word.
        error: String,
    },
    /// Back from the server's logout.
    SignedOut {
        /// A path of this origin.
        return_to: Option<String>,
        /// Whether the state that came back is the one that was sent.
        state_matched: bool,
    },
}

/// Callbacks under way in this page: instances of equal issuer, client and redirect URI share them.
pub struct Desk<P: Page> {
    flights: Flights<P>,
    urls: RefCell<Vec<(String, String)>>,
    /// By refresh token: it is spent once, whichever instance asks.
    renewals: Flights<P>,
    sessions: RefCell<Vec<WeakSession<P>>>,
}

impl<P: Page> Desk<P> {
    /// One for a page.
    pub fn new(page: P) -> Desk<P> {
        Desk {
            flights: Flights::new(page.clone(), None),
            urls: RefCell::default(),
            renewals: Flights::new(page, None),
            sessions: RefCell::default(),
        }
    }
}

/// A callback whose synchronous part is done: the address is clean and the record taken.
pub enum Begun<P: Page> {
    /// Known at once.
    Known(Result<Answer, Error>),
    /// The code is being spent.
    UnderWay(Seat<P>),
}

struct State {
    set: Option<TokenSet>,
    /// Grows with every sign-in and sign-out, so that a renewal knows that its session is gone.
    epoch: u32,
    /// Grows with every sign-out, so that a callback knows that its person has left.
    departures: u32,
    /// 4xx answers in a row that held no OAuth error.
    strikes: u8,
    /// The distance to the timer's next try after a failure.
    retry: Millis,
    told_of_storage: bool,
}

struct Inner<P: Page> {
    page: P,
    pages: PageConfig,
    server: Server<P>,
    desk: Rc<Desk<P>>,
    state: RefCell<State>,
    closed: Cell<bool>,
}

/// A session. Clones are the same session.
pub struct Session<P: Page>(Rc<Inner<P>>);

/// A session that a timer may wake, and does not keep alive.
pub struct WeakSession<P: Page>(Weak<Inner<P>>);

impl<P: Page> WeakSession<P> {
    /// The session, if somebody still has it.
    pub fn upgrade(&self) -> Option<Session<P>> {
        self.0.upgrade().map(Session)
    }
}

impl<P: Page> Clone for Session<P> {
    fn clone(&self) -> Self {
        Session(self.0.clone())
    }
}

impl<P: Page> Session<P> {
    /// Makes a session and takes over what the stores hold of it.
    pub async fn open(
        page: P,
        config: Box<Config>,
        pages: PageConfig,
        desk: Rc<Desk<P>>,
    ) -> Result<Session<P>, Error> {
        let server = Server::new(page.clone(), config, None);
        let state = State {
            set: None,
            epoch: 0,
            departures: 0,
            strikes: 0,
            retry: RETRY.0,
            told_of_storage: false,
        };
        let session = Session(Rc::new(Inner {
            page,
            pages,
            server,
            desk,
            state: RefCell::new(state),
            closed: Cell::new(false),
        }));
        let config = session.config();
        let here = session.page().address().and_then(|here| session.page().parse_url(&here, None));
        // What a callback finds expired it says so, and removes it itself.
        if !here.is_some_and(|here| session.is_answer(&here)) {
            shelf::purge(session.page(), config, usize::MAX);
        }
        if let Ok(Some(text)) = session.page().get(&session.server_key()) {
            session.server().restore(&text);
        }
        session.reload().await;
        let mut sessions = session.0.desk.sessions.borrow_mut();
        sessions.retain(|known| known.0.strong_count() > 0);
        sessions.push(session.weak());
        drop(sessions);
        Ok(session)
    }

    /// The server.
    pub fn server(&self) -> &Server<P> {
        &self.0.server
    }

    /// The options.
    pub fn config(&self) -> &Config {
        self.0.server.config()
    }

    /// For a timer.
    pub fn weak(&self) -> WeakSession<P> {
        WeakSession(Rc::downgrade(&self.0))
    }

    /// The world.
    pub fn page(&self) -> &P {
        &self.0.page
    }

    fn now(&self) -> UnixMillis {
        self.page().now()
    }

    fn token_key(&self) -> String {
        shelf::name("tokens", self.config(), self.config().issuer.as_str())
    }

    fn server_key(&self) -> String {
        shelf::name("server", self.config(), self.config().issuer.as_str())
    }

    fn usable(&self) -> Result<(), Error> {
        if self.0.closed.get() { Err(Code::Closed.into()) } else { Ok(()) }
    }

    /// Takes the stored record over; a damaged one is removed (R171).
    async fn reload(&self) {
        let key = self.token_key();
        match self.page().load(&key).await {
            Ok(None) => {}
            Ok(Some(text)) => match TokenSet::from_text(&text, self.config()) {
                Some(set) => {
                    self.0.state.borrow_mut().set = Some(set);
                    self.settle(false);
                }
                None => {
                    let _ = self.page().save(&key, None);
                    self.warn(
                        "storage_corrupt",
                        "A stored session was damaged or not ours and was removed.",
                    );
                }
            },
            Err(_) => self.storage_failed(),
        }
    }

    // ── what is known ────────────────────────────────────────────────────────────────────────────

    /// An unexpired access token, or a refresh token, is held.
    pub fn signed_in(&self) -> bool {
        let now = self.now();
        self.read(|set| {
            let renewable =
                set.refresh_token.is_some() && set.session_expires_at.is_none_or(|at| now < at);
            (renewable || set.access.as_ref().is_some_and(|token| token.alive(now))).then_some(())
        })
        .is_some()
    }

    /// The claims of the id_token.
    pub fn claims(&self) -> Option<Claims> {
        self.read(|set| set.claims.clone())
    }

    /// The last id_token.
    pub fn id_token(&self) -> Option<Secret> {
        self.read(|set| set.id_token.clone())
    }

    /// When the access token expires.
    pub fn expires_at(&self) -> Option<UnixMillis> {
        self.read(|set| set.access.as_ref()?.expires_at)
    }

    /// When the refresh token expires, where the server said so.
    pub fn session_expires_at(&self) -> Option<UnixMillis> {
        self.read(|set| set.session_expires_at)
    }

    /// The scope as granted.
    pub fn scope(&self) -> Option<String> {
        self.read(|set| match &set.access {
            Some(token) => token.scope.clone(),
            None => set.scope.clone(),
        })
    }

    fn read<T>(&self, look: impl FnOnce(&TokenSet) -> Option<T>) -> Option<T> {
        self.0.state.borrow().set.as_ref().and_then(look)
    }

    // ── signing in ───────────────────────────────────────────────────────────────────────────────

    /// Leaves for the authorization server; comes back only if that fails.
    pub async fn sign_in(
        &self,
        mut ask: Box<SignIn>,
        abort: Option<&P::Abort>,
    ) -> Result<(), Error> {
        self.usable()?;
        let address = self.page().address().ok_or_else(|| unsupported("page"))?;
        ask.wish = ask.wish.over(&self.config().wish);
        ask.return_to = self.path_of(ask.return_to.as_deref().unwrap_or(&address));
        let began = login::begin(self.server(), &self.0.pages.redirect_uri, ask, abort).await;
        let (url, pending) = began?;
        self.usable()?;
        shelf::put(self.page(), self.config(), &pending)?;
        // The page that is left may live on in the back/forward cache.
        drop(pending);
        if let Some(text) = self.server().to_text() {
            // Only saves a round trip on the way back.
            let _ = self.page().set(&self.server_key(), &text);
        }
        Err(self.page().leave(&url).await)
    }

    /// A path of this page's origin, out of a path or this page's address.
    fn path_of(&self, text: &str) -> Option<String> {
        let here = self.page().parse_url(&self.page().address()?, None)?;
        let path = text.strip_prefix(here.origin.as_str()).unwrap_or(text);
        same_origin_path(path, &here.origin, self.page())
    }

    /// The synchronous part of a callback: reads the address, cleans it, takes the record.
    pub fn begin_callback(&self, url: Option<&str>) -> Begun<P> {
        match self.look(url) {
            Ok(begun) => begun,
            Err(error) => Begun::Known(Err(error)),
        }
    }

    fn desk_key(&self) -> String {
        let mut key = self.config().issuer.as_str().to_owned();
        for part in [" ", &self.config().auth.id, " ", &self.0.pages.redirect_uri] {
            key.push_str(part);
        }
        key
    }

    fn look(&self, given: Option<&str>) -> Result<Begun<P>, Error> {
        self.usable()?;
        let address = self.page().address();
        let Some(text) = given.or(address.as_deref()) else {
            return Ok(Begun::Known(Ok(Answer::None)));
        };
        let here = match address.as_deref() {
            Some(address) => self.page().parse_url(address, None),
            None => None,
        };
        let base = here.as_ref().map(|here| here.href.as_str());
        let url = self.page().parse_url(text, base).ok_or(Code::UrlInvalid)?;

        // The address is clean by the time of a second call: it means the callback that is under way.
        let desk_key = self.desk_key();
        let under_way = {
            let urls = self.0.desk.urls.borrow();
            let mut open = urls.iter().filter(|(key, _)| *key == desk_key);
            open.find(|(_, known)| given.is_none() && !self.is_answer(&url) || *known == url.href)
                .and_then(|(key, known)| self.0.desk.flights.find(&flight_key(key, known)))
        };
        if let Some(seat) = under_way {
            self.clean(&url, here.as_ref());
            return Ok(Begun::UnderWay(seat));
        }
        if self.is_answer(&url) {
            self.clean(&url, here.as_ref());
            return self.answer(url, desk_key);
        }
        let back = self.0.pages.post_logout_redirect_uri.as_deref();
        let back = back.and_then(|uri| self.page().parse_url(uri, None));
        if back.is_some_and(|back| back.same_place(&url))
            && let Some(leaving) = shelf::take_leaving(self.page(), self.config())
        {
            let params = Params::read(&url.search, "");
            self.clean(&url, here.as_ref());
            let state_matched = params.is_ok_and(|params| {
                params.get("state").is_some_and(|state| same(state, &leaving.state))
            });
            let return_to = leaving.return_to;
            return Ok(Begun::Known(Ok(Answer::SignedOut { return_to, state_matched })));
        }
        Ok(Begun::Known(Ok(Answer::None)))
    }

    fn is_answer(&self, url: &Url) -> bool {
        let place = self.page().parse_url(&self.0.pages.redirect_uri, None);
        place.is_some_and(|place| place.same_place(url)) && Params::present(&url.search, &url.hash)
    }

    /// Takes what is ours out of the page's address, if the callback came in it (R057).
    fn clean(&self, url: &Url, here: Option<&Url>) {
        if here.is_none_or(|here| here.href != url.href) {
            return;
        }
        // With the origin: a path that begins with two slashes would lead elsewhere.
        let mut path = url.origin.clone();
        path.push_str(&url.pathname);
        path.push_str(&callback::without_ours(&url.search));
        if !Params::strays(&url.hash) {
            path.push_str(&url.hash);
        }
        self.page().replace_address(&path);
    }

    fn answer(&self, url: Url, desk_key: String) -> Result<Begun<P>, Error> {
        let params = Params::read(&url.search, &url.hash)?;
        let pending = match shelf::take(self.page(), self.config(), params.state()?) {
            Found::Pending(pending) => pending,
            Found::Used { return_to } if self.signed_in() => {
                let answer = Answer::SignedIn { return_to, app_state: None, repeated: true };
                return Ok(Begun::Known(Ok(answer)));
            }
            Found::Used { .. } => return Err(state_unknown("used")),
            Found::Expired => return Err(state_unknown("expired")),
            Found::Unknown => return Err(state_unknown("unknown")),
        };
        let desk = self.0.desk.clone();
        desk.urls.borrow_mut().push((desk_key.clone(), url.href.clone()));
        let flight = flight_key(&desk_key, &url.href);
        // The code can be spent once: whoever boards first takes it along.
        let once = Cell::new(Some((params, pending, url)));
        let seat = desk.flights.board(&flight, &|| {
            let (session, desk_key, taken) = (self.clone(), desk_key.clone(), once.take());
            Box::pin(async move {
                let (params, pending, url) = taken.ok_or_else(|| state_unknown("used"))?;
                let result = session.spend(&params, pending, &url).await;
                let mut urls = session.0.desk.urls.borrow_mut();
                urls.retain(|(key, known)| *key != desk_key || *known != url.href);
                result.map(Rc::new).map(Landed::Callback)
            })
        });
        Ok(Begun::UnderWay(seat))
    }

    async fn spend(
        &self,
        params: &Params,
        pending: Box<Pending>,
        url: &Url,
    ) -> Result<Arrived, Error> {
        let (return_to, app_state) = (pending.return_to.clone(), pending.app_state.clone());
        let silent = pending.silent;
        match login::finish(self.server(), params, pending, url, None).await {
            Ok(signed_in) => {
                let set = TokenSet::of(signed_in);
                Ok(Arrived::SignedIn(Arrival { set, return_to, app_state }))
            }
            Err(error)
                if silent
                    && error.code() == Code::AuthorizationError
                    && callback::asks_for_login(&error) =>
            {
                let error = error.server_error().unwrap_or_default().to_owned();
                Ok(Arrived::Refused(Answer::LoginRequired { return_to, app_state, error }))
            }
            Err(error) => Err(error),
        }
    }

    /// The rest of a callback.
    pub async fn finish_callback(
        &self,
        begun: Begun<P>,
        abort: Option<&P::Abort>,
    ) -> Result<Answer, Error> {
        let seat = match begun {
            Begun::Known(answer) => return answer,
            Begun::UnderWay(seat) => seat,
        };
        let departures = self.0.state.borrow().departures;
        let landed = self.0.desk.flights.arrive(&seat, abort).await;
        let Some(Landed::Callback(arrived)) = landed.transpose()? else {
            return Err(Code::Aborted.into());
        };
        let arrival = match &*arrived {
            Arrived::SignedIn(arrival) => arrival,
            Arrived::Refused(answer) => return Ok(answer.clone()),
        };
        self.usable()?;
        if self.0.state.borrow().departures != departures {
            let access = arrival.set.access.as_ref().map(|token| token.secret.clone());
            self.give_back(arrival.set.refresh_token.clone(), access).await;
            return Err(Code::LoginRequired.into());
        }
        self.commit(&arrival.set);
        self.page().saved().await;
        Ok(Answer::SignedIn {
            return_to: arrival.return_to.clone(),
            app_state: arrival.app_state.clone(),
            repeated: false,
        })
    }

    /// All at once, after every check.
    fn commit(&self, set: &TokenSet) {
        // Two callers of one session wait for the same callback.
        let known = self.read(|known| known.access.clone());
        if known.zip(set.access.clone()).is_some_and(|(known, new)| Rc::ptr_eq(&known, &new)) {
            return;
        }
        {
            let mut state = self.0.state.borrow_mut();
            state.epoch = state.epoch.wrapping_add(1);
            state.strikes = 0;
            state.set = Some(set.clone());
        }
        if set.refresh_token.is_none() {
            self.warn("no_refresh_token", "The server gave no refresh token: a new sign-in is needed when the access token expires. Most servers want the scope offline_access.");
        }
        self.settle(true);
        let claims = set.claims.as_ref().map(Claims::members);
        self.page().emit(Event::SignedIn { claims });
    }

    // ── keeping ──────────────────────────────────────────────────────────────────────────────────

    /// Drops what expired, and makes the held token, the timer and the store fit what is known now.
    fn settle(&self, changed: bool) {
        let now = self.now();
        let (expired, changed, text) = {
            let mut state = self.0.state.borrow_mut();
            let (went, live) = state.set.as_mut().map_or((false, false), |set| set.expire(now));
            let expired = !live && state.set.is_some();
            if !live {
                state.set = None;
            }
            let text = state.set.as_ref().map(|set| (set.to_text(self.config()), end_of(set)));
            (expired, changed || went || expired, text)
        };
        self.hold();
        self.reschedule();
        if !changed {
            return;
        }
        let key = self.token_key();
        let text = text.as_ref().map(|(text, end)| (text.as_str(), *end));
        if self.page().save(&key, text).is_err() {
            // What is there is older: its refresh token may be used up.
            let _ = self.page().save(&key, None);
            self.storage_failed();
        }
        if expired {
            self.page().emit(Event::Expired);
        }
    }

    fn hold(&self) {
        let before = self.config().renew_before;
        let held = self.read(|set| {
            let token = set.access.clone()?;
            let until = match set.refresh_token {
                Some(_) => token.renew_at(before)?,
                None => token.expires_at?,
            };
            Some((token, until))
        });
        let held = held.as_ref().map(|(token, until)| (token.secret.expose(), *until));
        self.page().hold(held);
    }

    /// The timer wakes the session when its token is to be renewed, or dies.
    fn reschedule(&self) {
        let now = self.now();
        let before = self.config().renew_before;
        let due = self.read(|set| {
            let token = set.access.as_ref()?;
            match set.refresh_token {
                // A token that lives shorter than this is renewed when it is used.
                Some(_) if self.0.pages.background_renewal => {
                    token.renew_at(before).map(|at| at.max(token.received_at + RETRY.0))
                }
                _ => token.expires_at,
            }
        });
        self.page().schedule(due.map(|due| (due - now).clamp(0, i64::from(i32::MAX))));
    }

    /// Starts the timer, once there is somebody for it to call.
    pub fn wake(&self) {
        self.reschedule();
    }

    /// What the timer calls.
    pub async fn tick(&self) {
        if self.0.closed.get() {
            return;
        }
        let before = self.config().renew_before;
        let now = self.now();
        let (renew, dead) = {
            let state = self.0.state.borrow();
            let access = state.set.as_ref().and_then(|set| set.access.as_ref());
            let renewable = state.set.as_ref().is_some_and(|set| set.refresh_token.is_some());
            let due = access.is_some_and(|token| !token.fresh(now, before, 0));
            (
                renewable && due && self.0.pages.background_renewal,
                access.is_some_and(|t| !t.alive(now)),
            )
        };
        if renew {
            if let Err(error) = self.access_token(Ask { force: true, ..Ask::default() }, None).await
            {
                self.retry_later(&error);
            }
        } else if dead {
            self.settle(false);
        } else {
            self.reschedule();
        }
    }

    fn retry_later(&self, error: &Error) {
        if self.0.closed.get() || !self.signed_in() {
            return;
        }
        let mut state = self.0.state.borrow_mut();
        let after = state.retry;
        state.retry = (after * 2).min(RETRY.1);
        drop(state);
        let asked = Millis::from(error.retry_after_seconds().unwrap_or(0)) * 1000;
        self.page().schedule(Some(after.max(asked)));
    }

    fn warn(&self, code: &'static str, message: &'static str) {
        self.page().log(Level::Warning, code, &[]);
        self.page().emit(Event::Warning { code, message });
    }

    /// Says so once.
    fn storage_failed(&self) {
        let told = core::mem::replace(&mut self.0.state.borrow_mut().told_of_storage, true);
        if !told {
            self.page().emit(UNSAVED);
        }
    }

    // ── tokens ───────────────────────────────────────────────────────────────────────────────────

    /// A token for a wish: held, or renewed by the refresh token.
    pub async fn access_token(
        &self,
        ask: Ask,
        abort: Option<&P::Abort>,
    ) -> Result<Rc<AccessToken>, Error> {
        let key = self.key_of(&ask.wish)?;
        let before = self.config().renew_before;
        // Another key's renewal uses the same refresh token: they go one after the other.
        for _ in 0..32 {
            self.usable()?;
            let now = self.now();
            let (token, renewable, line) = {
                let state = self.0.state.borrow();
                let set = state.set.as_ref().ok_or(Code::LoginRequired)?;
                let renewable =
                    set.refresh_token.is_some() && set.session_expires_at.is_none_or(|at| now < at);
                (set.token(&key), renewable, set.refresh_token.as_ref().map(line))
            };
            if let Some(token) = &token {
                let refused = ask.refused.as_ref().is_some_and(|secret| *secret == token.secret);
                let good = match renewable {
                    true => token.fresh(now, before, ask.min_lifetime) && !stale(token, now),
                    false => token.expires_at.is_none_or(|at| now + ask.min_lifetime < at),
                };
                if good && !refused && !ask.force {
                    return Ok(token.clone());
                }
            }
            if !renewable {
                if token.is_none_or(|token| !token.alive(now)) {
                    self.settle(false);
                }
                return Err(Code::LoginRequired.into());
            }
            let line = line.ok_or(Code::LoginRequired)?;
            let renewals = &self.0.desk.renewals;
            let other = match renewals.find(&flight_key(&line, &key)) {
                Some(_) => None,
                None => renewals.any(&line),
            };
            if let Some(seat) = other {
                if let Some(Err(error)) = renewals.arrive(&seat, abort).await
                    && error.code() == Code::Aborted
                {
                    return Err(error);
                }
                continue;
            }
            return match self.renew(&line, &key, &ask.wish, abort).await {
                // The last token serves for as long as it lives.
                Err(error) if error.retryable() && !ask.force && ask.refused.is_none() => {
                    let now = self.now();
                    let last = self.read(|set| set.token(&key));
                    last.filter(|token| {
                        token.expires_at.is_some_and(|at| now + ask.min_lifetime < at)
                    })
                    .ok_or(error)
                }
                other => other,
            };
        }
        Err(Error::new(Code::Timeout).detail("renewal"))
    }

    /// The empty key for the default token; a subset of what was granted for others (R068).
    fn key_of(&self, wish: &Wish) -> Result<String, Error> {
        wish.check()?;
        let defaults = &self.config().wish;
        let over = wish.clone().over(defaults).key();
        if over == defaults.key() {
            return Ok(String::new());
        }
        if let Some(asked) = &wish.scope {
            let granted = self.read(|set| set.scope.clone());
            if granted.is_some()
                && !asked.split(' ').all(|token| has_scope(granted.as_deref(), token))
            {
                return Err(invalid("scope"));
            }
        }
        Ok(over)
    }

    async fn renew(
        &self,
        line: &str,
        key: &str,
        wish: &Wish,
        abort: Option<&P::Abort>,
    ) -> Result<Rc<AccessToken>, Error> {
        let (session, shared, wish) = (self.clone(), key.to_owned(), wish.clone());
        let work = move || -> Work<Result<Landed, Error>> {
            let (session, key, wish) = (session.clone(), shared.clone(), wish.clone());
            Box::pin(async move { session.renewal(&key, &wish).await.map(Landed::Token) })
        };
        let flight = flight_key(line, key);
        let landed = self.0.desk.renewals.share(&flight, abort, &work);
        landed.await?.token()
    }

    /// One request, whoever waits for it.
    async fn renewal(&self, key: &str, wish: &Wish) -> Result<Rc<AccessToken>, Error> {
        let mut tried = self.try_renewal(key, wish).await;
        // Law 16: another tab may have renewed meanwhile.
        if let Err((Some(used), error, _)) = &tried
            && error.server_error() == Some("invalid_grant")
            && self.catch_up(used).await
        {
            tried = self.try_renewal(key, wish).await;
        }
        tried.map_err(|(used, error, strike)| match used {
            Some(used) => self.renewal_failed(&used, error, strike),
            None => error,
        })
    }

    /// Takes over what another tab wrote down, if it is of the same person and another refresh token.
    async fn catch_up(&self, used: &Secret) -> bool {
        let Ok(Some(text)) = self.page().load(&self.token_key()).await else { return false };
        let Some(stored) = TokenSet::from_text(&text, self.config()) else { return false };
        let subject = |set: &TokenSet| set.claims.as_ref().map(|c| c.subject().to_owned());
        let news = stored.refresh_token.as_ref().is_some_and(|token| token != used)
            && self.read(|set| Some(subject(set) == subject(&stored))) == Some(true);
        news && self.adopt(used, &stored)
    }

    /// Takes over what somebody else renewed with the refresh token that is held here.
    fn adopt(&self, used: &Secret, renewed: &TokenSet) -> bool {
        {
            let mut state = self.0.state.borrow_mut();
            match &mut state.set {
                Some(set) if set.refresh_token.as_ref() == Some(used) => *set = renewed.clone(),
                _ => return false,
            }
        }
        self.hold();
        self.reschedule();
        true
    }

    /// The other instances of this page.
    fn siblings(&self) -> Vec<Session<P>> {
        let sessions = self.0.desk.sessions.borrow();
        let others = sessions.iter().filter_map(WeakSession::upgrade);
        others.filter(|other| !Rc::ptr_eq(&other.0, &self.0)).collect()
    }

    /// The error says which refresh token was spent for it, unless the session is gone already, and
    /// whether it is a strike.
    async fn try_renewal(
        &self,
        key: &str,
        wish: &Wish,
    ) -> Result<Rc<AccessToken>, (Option<Secret>, Error, bool)> {
        let gone = |error: Error| (None, error, false);
        let (epoch, mut renewed) = {
            let state = self.0.state.borrow();
            (state.epoch, state.set.clone().ok_or(gone(Code::LoginRequired.into()))?)
        };
        let refresh_token =
            renewed.refresh_token.clone().ok_or(gone(Code::LoginRequired.into()))?;
        let mut grant = refresh_grant(refresh_token.expose());
        if !key.is_empty() {
            wish.write(&mut grant);
        } else {
            for resource in &self.config().wish.resource {
                grant.push("resource", resource);
            }
        }
        let asked = self.server().token(grant, None).await;
        // A strike is an answer of the token endpoint, not of the way there.
        let strike = asked
            .as_ref()
            .is_err_and(|error| error.code() != Code::MetadataInvalid && unreadable(error));
        let result = match asked {
            Ok(granted) => match self.renewed_claims(&granted).await {
                Ok(claims) => Ok((granted, claims)),
                Err(error) => Err((error, Some(granted))),
            },
            Err(error) => Err((error, None)),
        };
        // Signed out or signed in anew meanwhile: these tokens belong to nobody.
        if self.0.state.borrow().epoch != epoch {
            if let Ok((granted, _)) | Err((_, Some(granted))) = result {
                let access = Some(granted.tokens.access_token);
                self.give_back(granted.tokens.refresh_token, access).await;
            }
            self.usable().map_err(gone)?;
            return Err(gone(Code::LoginRequired.into()));
        }
        let (granted, claims) = match result {
            Ok(renewed) => renewed,
            Err((error, granted)) => {
                // The server may have rotated: the new refresh token is the only one that is good still,
                // even where the id_token beside it cannot be proved now.
                if let Some(granted) = granted
                    && error.code() != Code::IdTokenInvalid
                {
                    renewed.rotate(&granted);
                    self.keep(&refresh_token, &renewed);
                }
                self.usable().map_err(gone)?;
                return Err((Some(refresh_token), error, strike));
            }
        };
        let asked = if key.is_empty() { renewed.scope.clone() } else { wish.scope.clone() };
        let token = Rc::new(AccessToken::of(&granted, asked.as_deref()));
        renewed.rotate(&granted);
        renewed.put(key, token.clone());
        if let Some(claims) = claims {
            renewed.claims = Some(claims);
            renewed.id_token = granted.tokens.id_token.clone();
        }
        {
            let mut state = self.0.state.borrow_mut();
            state.strikes = 0;
            state.retry = RETRY.0;
        }
        self.keep(&refresh_token, &renewed);
        self.usable().map_err(gone)?;
        self.page().emit(Event::Renewed { expires_at: token.expires_at });
        Ok(token)
    }

    /// Keeps what was renewed, here and in the other instances of this page. One that was closed
    /// meanwhile writes it down all the same: the next page finds it.
    fn keep(&self, used: &Secret, renewed: &TokenSet) {
        for sibling in self.siblings() {
            sibling.adopt(used, renewed);
        }
        if self.0.closed.get() {
            let text = renewed.to_text(self.config());
            let _ = self.page().save(&self.token_key(), Some((&text, end_of(renewed))));
            return;
        }
        self.0.state.borrow_mut().set = Some(renewed.clone());
        self.settle(true);
    }

    /// OpenID Connect Core 1.0, section 12.2.
    async fn renewed_claims(&self, granted: &Granted) -> Result<Option<Claims>, Error> {
        let Some(raw) = &granted.tokens.id_token else {
            return Ok(None);
        };
        let Some(earlier) = self.read(|set| set.claims.clone()) else {
            return Ok(None);
        };
        let want = Want {
            nonce: Nonce::AbsentOr(earlier.members().text("nonce")),
            max_age: None,
            essential_acr: &[],
            access_token: Some(&granted.tokens.access_token),
            code: None,
            state: None,
            skew: granted.skew,
        };
        let claims = self.server().id_token(raw.expose(), want, None).await?;
        claims.continues(&earlier)?;
        Ok(Some(claims))
    }

    fn renewal_failed(&self, used: &Secret, error: Error, strike: bool) -> Error {
        let strikes = {
            let mut state = self.0.state.borrow_mut();
            state.strikes = if strike { state.strikes.saturating_add(1) } else { 0 };
            state.strikes
        };
        let refused = matches!(
            error.server_error(),
            Some("invalid_grant" | "unauthorized_client" | "unsupported_grant_type")
        );
        if refused || strikes >= 2 || error.code() == Code::IdTokenInvalid {
            for sibling in self.siblings() {
                if sibling.read(|set| set.refresh_token.clone()).as_ref() == Some(used) {
                    sibling.end("final-error", Some(&error));
                }
            }
            self.end("final-error", Some(&error));
            if error.code() == Code::IdTokenInvalid {
                return error;
            }
            let mut told = Error::new(Code::LoginRequired);
            if let Some(status) = error.http_status() {
                told = told.status(status);
            }
            return match error.server() {
                Some(refusal) => told.refusal(refusal.clone()),
                None => told,
            };
        }
        self.page().emit(Event::RenewalFailed { error: &error });
        error
    }

    /// Where `fetch` may take a token to, and what for.
    pub fn allow(&self, url: &Url) -> Result<Wish, Error> {
        self.usable()?;
        resource::entry(self.config(), url).map(|allowed| allowed.wish.clone())
    }

    /// More about the person (R114 to R118).
    pub async fn user_info(&self, abort: Option<&P::Abort>) -> Result<Object, Error> {
        self.usable()?;
        let subject = match self.claims() {
            Some(claims) => claims.subject().to_owned(),
            None if self.signed_in() => return Err(unsupported("openid")),
            None => return Err(Code::LoginRequired.into()),
        };
        let mut ask = Ask::default();
        loop {
            let token = self.access_token(ask.clone(), abort).await?;
            match user_info(self.server(), &token.secret, &subject, abort).await {
                Err(error) if error.http_status() == Some(401) && ask.refused.is_none() => {
                    ask.refused = Some(token.secret.clone());
                }
                other => return other,
            }
        }
    }

    // ── signing out ──────────────────────────────────────────────────────────────────────────────

    /// Forgets everything here and now.
    fn end(&self, reason: &'static str, error: Option<&Error>) -> Option<TokenSet> {
        let set = {
            let mut state = self.0.state.borrow_mut();
            state.epoch = state.epoch.wrapping_add(1);
            state.strikes = 0;
            state.set.take()
        };
        self.hold();
        self.reschedule();
        if self.page().save(&self.token_key(), None).is_err() {
            self.storage_failed();
        }
        if set.is_some() {
            self.page().emit(Event::SignedOut { reason, error });
        }
        set
    }

    /// Clears this browser's state, gives the tokens back, leaves for the server's logout.
    pub async fn sign_out(&self, local: bool, return_to: Option<&str>) -> Result<(), Error> {
        self.usable()?;
        {
            let mut state = self.0.state.borrow_mut();
            state.departures = state.departures.wrapping_add(1);
        }
        let set = self.end("sign-out", None);
        let id_token = set.as_ref().and_then(|set| set.id_token.clone());
        if let Some(set) = set {
            let access = set.access.map(|token| token.secret.clone());
            self.give_back(set.refresh_token, access).await;
        }
        if local || self.page().address().is_none() {
            return Ok(());
        }
        let Ok(metadata) = self.server().metadata(&["end_session_endpoint"], None).await else {
            return Ok(());
        };
        if metadata.end_session_endpoint.is_none() {
            return Ok(());
        }
        let state = base64url::encode(&self.page().random()?);
        let back = self.0.pages.post_logout_redirect_uri.clone();
        let logout = Logout {
            id_token_hint: id_token,
            logout_hint: None,
            state: back.is_some().then(|| state.clone()),
            post_logout_redirect_uri: back,
        };
        let url = logout::url(&metadata, &self.config().auth.id, &logout)?;
        let return_to = return_to.and_then(|path| self.path_of(path));
        shelf::put_leaving(self.page(), self.config(), &Leaving { state, return_to });
        Err(self.page().leave(&url).await)
    }

    /// Refresh token first, then the access token; as well as it can be done in two seconds (R148).
    async fn give_back(&self, refresh: Option<Secret>, access: Option<Secret>) {
        const PATIENCE: Millis = 2000;
        let session = self.clone();
        let signal = self.page().spawn(Box::pin(async move {
            for (token, hint) in [(refresh, "refresh_token"), (access, "access_token")] {
                if let Some(token) = token {
                    // What cannot be given back dies by itself.
                    let _ = revoke_token(session.server(), &token, Some(hint), None).await;
                }
            }
        }));
        self.page().wait(&signal, Some(PATIENCE), None).await;
    }

    /// Every call after this one is refused; the timer is called off.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.page().schedule(None);
        self.page().hold(None);
        self.0.state.borrow_mut().set = None;
    }
}

/// A 4xx without a readable OAuth error.
fn unreadable(error: &Error) -> bool {
    matches!(error.http_status(), Some(400..=499))
        && !matches!(error.http_status(), Some(408 | 429))
        && error.server_error().is_none()
}

/// When the stored record is of no more use, where that is known.
fn end_of(set: &TokenSet) -> Option<UnixMillis> {
    match set.refresh_token {
        Some(_) => set.session_expires_at,
        None => set.access.as_ref().and_then(|token| token.expires_at),
    }
}

/// One callback of one client, one wish of one refresh token: each has a flight of its own.
fn flight_key(line: &str, of: &str) -> String {
    let mut key = line.to_owned();
    key.push(' ');
    key.push_str(of);
    key
}

/// What renewals with one refresh token have in common, without the token itself.
fn line(refresh_token: &Secret) -> String {
    refresh_token.fingerprint()
}

fn state_unknown(detail: &'static str) -> Error {
    Error::new(Code::StateUnknown).detail(detail)
}

fn unsupported(what: &'static str) -> Error {
    Error::new(Code::Unsupported).detail(what)
}
