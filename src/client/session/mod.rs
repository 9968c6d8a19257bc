//! Signs a person in from a page, keeps the tokens and renews them. Nothing is stored or visible until
//! every check passed (R081); only a final answer ends a session (law 16).

mod beside;
mod bound;
mod callback;
mod keep;
mod renewal;
mod sign_in;
mod sign_out;
mod tabs;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use crate::protocol::authorize::Wish;
use crate::protocol::error::{Code, Error};
use crate::protocol::id_token::Claims;
use crate::protocol::json::Object;
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::url::Url;

use super::config::{Config, PageConfig};
use super::flight::Flights;
use super::host::Page;
use super::record::TokenSet;
use super::resource;
use super::rest::Rest;
use super::server::Server;
use super::shelf;
use super::token_client::Ask;
use super::user_info::user_info;

use beside::Relay;

pub use callback::{Answer, Arrived, Begun};
pub use sign_out::SignOut;

/// After a failed renewal the timer tries again: first after five seconds, then twice as long each
/// time, five minutes at the most.
const RETRY: (Millis, Millis) = (5_000, 300_000);

/// Callbacks under way in this page: instances of equal issuer, client and redirect URI share them.
pub struct Desk<P: Page> {
    flights: Flights<P>,
    urls: RefCell<Vec<(String, String)>>,
    /// By refresh token: it is spent once, whichever instance asks.
    renewals: Flights<P>,
    sessions: RefCell<Vec<WeakSession<P>>>,
    /// Grows with every sign-out, so that a callback knows that its person has left.
    departures: Cell<u32>,
}

impl<P: Page> Desk<P> {
    /// One for a page.
    pub fn new(page: P) -> Desk<P> {
        Desk {
            flights: Flights::new(page.clone(), None),
            urls: RefCell::default(),
            renewals: Flights::new(page, None),
            sessions: RefCell::default(),
            departures: Cell::new(0),
        }
    }
}
struct State {
    set: Option<TokenSet>,
    /// Grows with every sign-in and sign-out, so that a renewal knows that its session is gone.
    epoch: u32,
    /// 4xx answers in a row that held no OAuth error.
    strikes: u8,
    /// The distance to the timer's next try after a failure.
    retry: Millis,
    told_of_storage: bool,
    /// The refresh token was in a store that may be a copy, or was held where no message came.
    copied: bool,
    /// The last write failed: memory knows more than the store.
    unsaved: bool,
    /// The server asked to be left alone until then, with that answer.
    rest: Rest,
}

struct Inner<P: Page> {
    page: P,
    pages: PageConfig,
    server: Server<P>,
    desk: Rc<Desk<P>>,
    state: RefCell<State>,
    closed: Cell<bool>,
    relays: RefCell<Vec<Relay>>,
    /// Sealed tokens that another tab told, while they are opened.
    opening: Cell<u32>,
    /// Refresh tokens that are spent, for tabs that ask: whose they were, and what they brought, sealed.
    spent: RefCell<Vec<(String, Option<String>)>>,
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
            strikes: 0,
            retry: RETRY.0,
            told_of_storage: false,
            copied: false,
            unsaved: false,
            rest: Rest::default(),
        };
        let session = Session(Rc::new(Inner {
            page,
            pages,
            server,
            desk,
            state: RefCell::new(state),
            closed: Cell::new(false),
            relays: RefCell::default(),
            opening: Cell::new(0),
            spent: RefCell::default(),
        }));
        let config = session.config();
        let here = session.page().address().and_then(|here| session.page().parse_url(&here, None));
        let answer = here.filter(|here| session.is_answer(here));
        // What a callback finds expired it says so, and removes it itself.
        if answer.is_none() {
            shelf::purge(session.page(), config, usize::MAX);
        }
        if let Ok(Some(text)) = session.page().get(&session.server_key()) {
            session.server().restore(&text);
        }
        // What cannot be read now is looked for again when it is needed.
        let _ = session.find_key().await;
        // A window that only hands an answer on is about to close: a renewal would be lost with it.
        if !answer.is_some_and(|answer| beside::is_relay(&answer)) {
            session.reload().await;
        }
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

    fn epoch(&self) -> u32 {
        self.0.state.borrow().epoch
    }

    fn usable(&self) -> Result<(), Error> {
        if self.0.closed.get() { Err(Code::Closed.into()) } else { Ok(()) }
    }

    /// Takes the stored record over; a damaged one is removed (R171).
    async fn reload(&self) {
        let key = self.token_key();
        match self.page().load(&key).await {
            _ if self.usable().is_err() => {}
            Ok(None) => {}
            Ok(Some(text)) => match self.stored(&text).await {
                _ if self.usable().is_err() => {}
                Ok(Some(set)) => {
                    let mut state = self.0.state.borrow_mut();
                    state.set = Some(set);
                    state.copied = true;
                    drop(state);
                    self.settle(false);
                }
                Ok(None) => {
                    let _ = self.page().save(&key, None);
                    self.warn(
                        "storage_corrupt",
                        "A stored session was damaged or not ours and was removed.",
                    );
                }
                Err(_) => self.storage_failed(),
            },
            Err(_) => self.storage_failed(),
        }
    }

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

/// Only a new sign-in helps, for the reason that the server gave.
fn login_required(error: &Error) -> Error {
    let mut told = Error::new(Code::LoginRequired);
    if let Some(status) = error.http_status() {
        told = told.status(status);
    }
    match error.server() {
        Some(refusal) => told.refusal(refusal.clone()),
        None => told,
    }
}

fn state_unknown(detail: &'static str) -> Error {
    Error::new(Code::StateUnknown).detail(detail)
}

fn unsupported(what: &'static str) -> Error {
    Error::new(Code::Unsupported).detail(what)
}
