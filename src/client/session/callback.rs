//! RFC 6749, section 4.1.2: the way back. The address is cleaned and the record taken before the first
//! await (R057, law 15); nothing is stored or visible until every check passed (R081).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::cell::Cell;

use crate::protocol::authorize::{BESIDE, Pending};
use crate::protocol::callback::{self, Params};
use crate::protocol::error::{Code, Error};
use crate::protocol::id_token::Claims;
use crate::protocol::json::Json;
use crate::protocol::logout;
use crate::protocol::secret::Secret;
use crate::protocol::url::Url;

use super::super::flight::{Landed, Seat};
use super::super::host::{Event, Page, Work};
use super::super::login;
use super::super::record::TokenSet;
use super::super::shelf::{self, Found};
use super::tabs::CHANGED;
use super::{Session, end_of, flight_key, state_unknown};

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

/// A callback whose synchronous part is done: the address is clean and the record taken.
pub enum Begun<P: Page> {
    /// Known at once.
    Known(Result<Answer, Error>),
    /// The code is being spent.
    UnderWay(Seat<P>),
}

impl<P: Page> Session<P> {
    /// The synchronous part of a callback: reads the address, cleans it, takes the record.
    pub fn begin_callback(&self, url: Option<&str>) -> Begun<P> {
        match self.look(url) {
            Ok(begun) => begun,
            Err(error) => Begun::Known(Err(error)),
        }
    }

    pub(super) fn desk_key(&self) -> String {
        let mut key = self.config().issuer.as_str().to_owned();
        for part in [" ", &self.config().auth.id, " ", &self.0.pages.redirect_uri] {
            key.push_str(part);
        }
        key
    }

    pub(super) fn look(&self, given: Option<&str>) -> Result<Begun<P>, Error> {
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
        let is_at = |uri: Option<&str>| {
            let place = uri.and_then(|uri| self.page().parse_url(uri, None));
            place.is_some_and(|place| place.same_place(&url))
        };
        if is_at(self.0.pages.front_channel_logout_uri.as_deref()) {
            return Ok(Begun::Known(Ok(self.front_channel(&url.search))));
        }
        if is_at(self.0.pages.post_logout_redirect_uri.as_deref())
            && let Some(leaving) = shelf::take_leaving(self.page(), self.config())
        {
            let params = Params::read(&url.search, "");
            self.clean(&url, here.as_ref());
            let state = params.as_ref().ok().and_then(|params| params.get("state"));
            let returned = logout::returned(state, &leaving.state);
            if let Err(error) = &returned {
                let code = error.code();
                self.warn(code.as_str(), code.advice());
            }
            let state_matched = returned.is_ok();
            let return_to = leaving.return_to;
            return Ok(Begun::Known(Ok(Answer::SignedOut { return_to, state_matched })));
        }
        Ok(Begun::Known(Ok(Answer::None)))
    }

    pub(super) fn is_answer(&self, url: &Url) -> bool {
        let place = self.page().parse_url(&self.0.pages.redirect_uri, None);
        place.is_some_and(|place| place.same_place(url)) && Params::present(&url.search, &url.hash)
    }

    /// Takes what is ours out of the page's address, if the callback came in it (R057).
    pub(super) fn clean(&self, url: &Url, here: Option<&Url>) {
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

    pub(super) fn answer(&self, url: Url, desk_key: String) -> Result<Begun<P>, Error> {
        let params = Params::read(&url.search, &url.hash)?;
        if params.state()?.starts_with(BESIDE) {
            let state = Secret::new(params.state()?);
            let href = url.href.clone();
            let session = self.clone();
            let work = Box::pin(async move { session.relay(&state, &href).await });
            return Ok(self.under_way(url, desk_key, work));
        }
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
        shelf::arrived(self.page(), self.config());
        let (session, at) = (self.clone(), url.clone());
        let work = Box::pin(async move { session.spend(&params, pending, &at).await });
        Ok(self.under_way(url, desk_key, work))
    }

    /// What every call for this address waits for.
    fn under_way(
        &self,
        url: Url,
        desk_key: String,
        work: Work<Result<Arrived, Error>>,
    ) -> Begun<P> {
        let desk = self.0.desk.clone();
        desk.urls.borrow_mut().push((desk_key.clone(), url.href.clone()));
        let flight = flight_key(&desk_key, &url.href);
        // The code can be spent once: whoever boards first takes it along.
        let once = Cell::new(Some(work));
        let seat = desk.flights.board(&flight, &|| {
            let (desk, desk_key) = (self.0.desk.clone(), desk_key.clone());
            let (work, href) = (once.take(), url.href.clone());
            Box::pin(async move {
                let result = work.ok_or_else(|| state_unknown("used"))?.await;
                let mut urls = desk.urls.borrow_mut();
                urls.retain(|(key, known)| *key != desk_key || *known != href);
                result.map(Rc::new).map(Landed::Callback)
            })
        });
        Begun::UnderWay(seat)
    }

    pub(super) async fn spend(
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
        let departures = self.0.desk.departures.get();
        let landed = self.0.desk.flights.arrive(&seat, abort).await;
        let Some(Landed::Callback(arrived)) = landed.transpose()? else {
            return Err(Code::Aborted.into());
        };
        let arrival = match &*arrived {
            Arrived::SignedIn(arrival) => arrival,
            Arrived::Refused(answer) => return Ok(answer.clone()),
        };
        self.welcome(&arrival.set, departures).await?;
        Ok(Answer::SignedIn {
            return_to: arrival.return_to.clone(),
            app_state: arrival.app_state.clone(),
            repeated: false,
        })
    }

    /// Takes the tokens over, unless the person left meanwhile.
    pub(super) async fn welcome(&self, set: &TokenSet, departures: u32) -> Result<(), Error> {
        if self.0.desk.departures.get() != departures {
            let access = set.access.as_ref().map(|token| token.secret.clone());
            self.give_back(set.refresh_token.clone(), access).await;
            self.usable()?;
            return Err(Code::LoginRequired.into());
        }
        if self.0.closed.get() {
            // The code is spent: the session that follows finds what it brought, as it does a renewal.
            let text = set.to_text(self.config());
            let _ = self.page().save(&self.token_key(), Some((&text, end_of(set))));
            return Err(Code::Closed.into());
        }
        self.commit(set);
        self.page().saved().await;
        if self.page().shared() {
            self.tell(CHANGED);
        }
        // The other instances of this page, which need not hear of it by a message.
        for sibling in self.siblings() {
            sibling.reread(false).await;
        }
        Ok(())
    }

    /// All at once, after every check.
    pub(super) fn commit(&self, set: &TokenSet) {
        // Two callers of one session wait for the same callback.
        if self.read(|known| Some(known.same(set))) == Some(true) {
            return;
        }
        {
            let mut state = self.0.state.borrow_mut();
            state.epoch = state.epoch.wrapping_add(1);
            state.strikes = 0;
            state.copied = false;
            state.set = Some(set.clone());
        }
        if set.refresh_token.is_none() {
            self.warn("no_refresh_token", "The server gave no refresh token: a new sign-in is needed when the access token expires. Most servers want the scope offline_access.");
        }
        self.settle(true);
        let claims = set.claims.as_ref().map(Claims::members);
        self.page().emit(Event::SignedIn { claims, other_tab: false });
    }
}
