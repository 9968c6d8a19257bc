//! OpenID Connect RP-Initiated Logout 1.0 and RFC 7009: this browser's state goes first.

use alloc::boxed::Box;
use alloc::string::String;

use crate::protocol::base64url;
use crate::protocol::error::Error;
use crate::protocol::logout::{self, Logout};
use crate::protocol::secret::Secret;
use crate::protocol::time::Millis;

use super::super::host::{Event, Page};
use super::super::record::TokenSet;
use super::super::revocation::revoke_token;
use super::super::shelf::{self, Leaving};
use super::{Answer, Session};

/// How a person is signed out.
#[derive(Clone, Debug, Default)]
pub struct SignOut {
    /// Here alone; the server is not visited.
    pub local: bool,
    /// A path of this page's origin to come back to.
    pub return_to: Option<String>,
    /// Tells the server who leaves, beside the last id_token.
    pub logout_hint: Option<String>,
    /// Languages that the person reads, best first.
    pub ui_locales: Option<String>,
}

impl SignOut {
    /// Here alone.
    pub fn local() -> SignOut {
        SignOut { local: true, ..SignOut::default() }
    }
}

impl<P: Page> Session<P> {
    /// Forgets everything here and now.
    pub(super) fn end(&self, reason: &'static str, error: Option<&Error>) -> Option<TokenSet> {
        let set = self.forget();
        if self.page().save(&self.token_key(), None).is_err() {
            self.storage_failed();
        }
        let refused = set.as_ref().and_then(|set| set.refresh_token.as_ref());
        self.tell_of_end(error.and(refused));
        if set.is_some() {
            self.page().emit(Event::SignedOut { reason, error });
        }
        set
    }

    /// Memory alone.
    pub(super) fn forget(&self) -> Option<TokenSet> {
        let set = {
            let mut state = self.0.state.borrow_mut();
            state.epoch = state.epoch.wrapping_add(1);
            state.strikes = 0;
            state.rest.end();
            state.set.take()
        };
        self.0.spent.borrow_mut().clear();
        self.hold();
        self.reschedule();
        set
    }

    /// Clears this browser's state, gives the tokens back, leaves for the server's logout.
    pub async fn sign_out(&self, how: SignOut) -> Result<(), Error> {
        self.usable()?;
        let departures = &self.0.desk.departures;
        departures.set(departures.get().wrapping_add(1));
        // A person who leaves does not loop.
        shelf::forget_arrivals(self.page(), self.config());
        let set = self.end("sign-out", None);
        // The other instances of this page need no message: not every browser has them. Those of a server
        // are other people's.
        if self.page().address().is_some() {
            for sibling in self.siblings() {
                if sibling.token_key() == self.token_key() {
                    sibling.left_elsewhere();
                }
            }
        }
        let id_token = set.as_ref().and_then(|set| set.id_token.clone());
        if let Some(set) = set {
            let access = set.access.map(|token| token.secret.clone());
            self.give_back(set.refresh_token, access).await;
        }
        self.page().saved().await;
        if how.local || self.page().address().is_none() {
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
            logout_hint: how.logout_hint,
            ui_locales: how.ui_locales,
            state: back.is_some().then(|| state.clone()),
            post_logout_redirect_uri: back,
        };
        let url = logout::url(&metadata, &self.config().auth.id, &logout)?;
        let return_to = how.return_to.and_then(|path| self.path_of(&path));
        shelf::put_leaving(self.page(), self.config(), &Leaving { state, return_to });
        Err(self.page().leave(&url).await)
    }

    /// OpenID Connect Front-Channel Logout 1.0, section 2: somebody signed out at the server, whose frame says
    /// so here. Anybody can make such a frame: it must name this session (R162).
    pub(super) fn front_channel(&self, query: &str) -> Answer {
        let claims = self.claims();
        let session = claims.as_ref().and_then(|claims| claims.members().text("sid"));
        match logout::front_channel(query, self.config().issuer.as_str(), session) {
            true => {
                self.end("sign-out", None);
                Answer::SignedOut { return_to: None, state_matched: true }
            }
            false => Answer::None,
        }
    }

    /// Refresh token first, then the access token; as well as it can be done in two seconds (R148).
    pub(super) async fn give_back(&self, refresh: Option<Secret>, access: Option<Secret>) {
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
