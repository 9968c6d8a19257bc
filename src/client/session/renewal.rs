//! RFC 6749, section 6: renewal by refresh token. One request however many ask; only a final answer ends
//! the session (law 16).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::authorize::{Wish, has_scope};
use crate::protocol::error::{Code, Error};
use crate::protocol::id_token::Claims;
use crate::protocol::secret::Secret;
use crate::protocol::time::Millis;

use super::super::config::invalid;
use super::super::flight::Landed;
use super::super::host::{Event, Page, Work};
use super::super::login::{self, refresh_grant};
use super::super::record::TokenSet;
use super::super::server::Granted;
use super::super::token_client::Ask;
use super::super::tokens::{AccessToken, stale};
use super::{RETRY, Session, WeakSession, end_of, flight_key, line, login_required, unreadable};

impl<P: Page> Session<P> {
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
                    self.expire().await;
                    // Another tab may have signed in meanwhile.
                    let news = self.read(|set| set.token(&key)).filter(|token| token.alive(now));
                    if let Some(token) = news {
                        return Ok(token);
                    }
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
                // The instance that led was closed, not this one.
                Err(error) if error.code() == Code::Closed && self.usable().is_ok() => continue,
                other => other,
            };
        }
        Err(Error::new(Code::Timeout).detail("renewal"))
    }

    /// The empty key for the default token; a subset of what was granted for others (R068).
    pub(super) fn key_of(&self, wish: &Wish) -> Result<String, Error> {
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

    pub(super) async fn renew(
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
    pub(super) async fn renewal(&self, key: &str, wish: &Wish) -> Result<Rc<AccessToken>, Error> {
        let held = self.read(|set| set.token(key));
        let mut again = true;
        loop {
            self.rested()?;
            let known = self.known();
            let used = self.refresh_token()?;
            let turn = self.turn(&used, &known).await;
            self.usable()?;
            let (now, before) = (self.now(), self.config().renew_before);
            let token = self.read(|set| set.token(key)).filter(|t| t.fresh(now, before, 0));
            if let Some(token) = token
                && held.as_ref().is_none_or(|held| held.secret != token.secret)
            {
                return Ok(token);
            }
            // With another refresh token comes another turn.
            if !self.stands(&known) {
                continue;
            }
            let tried = self.try_renewal(key, wish).await;
            if let Some(turn) = turn {
                self.done(&used, turn);
            }
            let (used, error, strike) = match tried {
                Ok(token) => return Ok(token),
                Err((None, error, _)) => return Err(error),
                Err((Some(used), error, strike)) => (used, error, strike),
            };
            // Law 16: another tab may have renewed meanwhile.
            let replaced = self.refresh_token().is_ok_and(|held| held != used);
            if !(replaced && again && error.server_error() == Some("invalid_grant")) {
                return Err(self.renewal_failed(&used, error, strike));
            }
            again = false;
        }
    }

    pub(super) fn refresh_token(&self) -> Result<Secret, Error> {
        self.read(|set| set.refresh_token.clone()).ok_or_else(|| Code::LoginRequired.into())
    }

    /// A server that said when to come back is not asked before.
    fn rested(&self) -> Result<(), Error> {
        let now = self.now();
        self.0.state.borrow().rest.over(now, RETRY.1)
    }

    /// Takes over what somebody else renewed with the refresh token that is held here.
    pub(super) fn adopt(&self, used: &Secret, renewed: &TokenSet) -> bool {
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
    pub(super) fn siblings(&self) -> Vec<Session<P>> {
        let sessions = self.0.desk.sessions.borrow();
        let others = sessions.iter().filter_map(WeakSession::upgrade);
        others.filter(|other| !Rc::ptr_eq(&other.0, &self.0)).collect()
    }

    /// The error says which refresh token was spent for it, unless the session is gone already, and
    /// whether it is a strike.
    pub(super) async fn try_renewal(
        &self,
        key: &str,
        wish: &Wish,
    ) -> Result<Rc<AccessToken>, (Option<Secret>, Error, bool)> {
        let gone = |error: Error| (None, error, false);
        let epoch = self.epoch();
        let held = self.read(|set| Some(set.clone()));
        let mut renewed = held.ok_or(gone(Code::LoginRequired.into()))?;
        let refresh_token = self.refresh_token().map_err(gone)?;
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
        let ours = self.uses(&refresh_token).await;
        // Signed out or signed in anew meanwhile: these tokens belong to nobody.
        if self.epoch() != epoch || self.0.closed.get() && !ours {
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
                    && ours
                {
                    renewed.rotate(&granted);
                    self.keep(&refresh_token, &renewed);
                    self.announce(&refresh_token, &renewed).await;
                }
                self.usable().map_err(gone)?;
                return Err((Some(refresh_token), error, strike));
            }
        };
        let asked = if key.is_empty() { renewed.scope.clone() } else { wish.scope.clone() };
        let token = Rc::new(AccessToken::of(&granted, asked.as_deref()));
        if !ours {
            // Good, but there is something newer.
            return Ok(token);
        }
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
        self.announce(&refresh_token, &renewed).await;
        self.usable().map_err(gone)?;
        if self.epoch() != epoch {
            return Err(gone(Code::LoginRequired.into()));
        }
        self.page().emit(Event::Renewed { expires_at: token.expires_at, other_tab: false });
        Ok(token)
    }

    /// Whether this refresh token is the session's still, by what others wrote meanwhile. One that was
    /// closed has it in its store, or in another instance of this page.
    async fn uses(&self, used: &Secret) -> bool {
        let known = |set: &TokenSet| Some(set.refresh_token.as_ref() == Some(used));
        if !self.0.closed.get() {
            self.reread(self.page().shared()).await;
            return self.read(known) != Some(false);
        }
        if self.siblings().iter().any(|sibling| sibling.read(known) == Some(true)) {
            return true;
        }
        let stored = self.page().load(&self.token_key()).await.ok().flatten();
        let Some(text) = stored else { return false };
        let stored = self.stored(&text).await.ok().flatten();
        stored.as_ref().and_then(known) == Some(true)
    }

    /// Keeps what was renewed, here and in the other instances of this page. One that was closed
    /// meanwhile writes it down all the same: the next page finds it.
    pub(super) fn keep(&self, used: &Secret, renewed: &TokenSet) {
        for sibling in self.siblings() {
            sibling.adopt(used, renewed);
        }
        if self.0.closed.get() {
            let text = renewed.to_text(self.config());
            let _ = self.page().save(&self.token_key(), Some((&text, end_of(renewed))));
            return;
        }
        {
            let mut state = self.0.state.borrow_mut();
            state.copied = false;
            state.set = Some(renewed.clone());
        }
        self.settle(true);
    }

    /// OpenID Connect Core 1.0, section 12.2.
    pub(super) async fn renewed_claims(&self, granted: &Granted) -> Result<Option<Claims>, Error> {
        let Some(earlier) = self.read(|set| set.claims.clone()) else {
            return Ok(None);
        };
        login::renewed(self.server(), granted, &earlier, None).await
    }

    pub(super) fn renewal_failed(&self, used: &Secret, error: Error, strike: bool) -> Error {
        let now = self.now();
        let strikes = {
            let mut state = self.0.state.borrow_mut();
            state.strikes = if strike { state.strikes.saturating_add(1) } else { 0 };
            match error.retry_after_seconds() {
                Some(seconds) => {
                    let length = (Millis::from(seconds) * 1000).min(RETRY.1);
                    state.rest.begin(now, length, error.clone());
                }
                None => state.rest.end(),
            }
            state.strikes
        };
        let refused = matches!(
            error.server_error(),
            Some("invalid_grant" | "unauthorized_client" | "unsupported_grant_type")
        );
        let ours = self.refresh_token().as_ref() == Ok(used);
        if ours && (refused || strikes >= 2 || error.code() == Code::IdTokenInvalid) {
            for sibling in self.siblings() {
                if sibling.read(|set| set.refresh_token.clone()).as_ref() == Some(used) {
                    sibling.end("final-error", Some(&error));
                }
            }
            self.end("final-error", Some(&error));
            if error.code() == Code::IdTokenInvalid {
                return error;
            }
            return login_required(&error);
        }
        self.page().emit(Event::RenewalFailed { error: &error });
        error
    }
}
