//! Signing in beside the page: in a popup, or in a hidden frame with `prompt=none` (R044, R060). The page
//! that the answer comes to hands it on over the tabs' channel, sealed by its state, which only the two
//! ends know; no window is listened to, so that none can be taken for another.

use alloc::boxed::Box;
use alloc::string::String;

use crate::protocol::authorize::{BESIDE, SignIn};
use crate::protocol::callback::{self, Params};
use crate::protocol::error::{Code, Error};
use crate::protocol::json::Json;
use crate::protocol::secret::Secret;
use crate::protocol::time::Millis;
use crate::protocol::url::Url;

use super::super::host::{Page, Sight};
use super::super::login;
use super::super::record::TokenSet;
use super::callback::Arrived;
use super::{Session, login_required, state_unknown};

/// How often is looked after a popup or frame.
const LOOK: Millis = 100;
/// A person takes so long at the most: as long as the record of a redirect would wait.
const PERSON: Millis = 10 * 60 * 1000;
/// A popup that a Cross-Origin-Opener-Policy cut off looks as if it were closed, at its first page.
const CUT_OFF: Millis = 5 * 60 * 1000;
/// On the way to being cut off it may look for a moment as if it were somewhere.
const STEADY: Millis = 2_000;
/// The answer of a popup that closed itself may still be on its way.
const LAST_WORD: Millis = 1_000;
/// The page that waits takes an answer at once, or is gone.
const TAKEN: Millis = 2_000;

/// What the answer is sealed for.
const ANSWER: &str = "grantkit answer";
const ANSWERED: &str = "answered";
const TOOK: &str = "took";

/// An answer under way between two pages.
pub(super) struct Relay {
    line: String,
    /// This page waits for it; the other hands it on.
    waits: bool,
    state: Secret,
    /// The address that the answer came to.
    url: Option<Secret>,
    taken: bool,
}

/// Whether an answer is for a page that waits beside this one.
pub(super) fn is_relay(answer: &Url) -> bool {
    let params = Params::read(&answer.search, &answer.hash);
    params.is_ok_and(|params| params.state().is_ok_and(|state| state.starts_with(BESIDE)))
}

impl<P: Page> Session<P> {
    /// Signs in beside the page. The frame was opened in the click itself, or browsers block it.
    pub async fn sign_in_beside(
        &self,
        mut ask: Box<SignIn>,
        frame: P::Frame,
        abort: Option<&P::Abort>,
    ) -> Result<Option<Json>, Error> {
        self.usable()?;
        let silent = ask.prompt.as_deref() == Some("none");
        ask.wish = ask.wish.over(&self.config().wish);
        ask.beside = true;
        let departures = self.0.desk.departures.get();
        self.ready_key().await?;
        let began = login::begin(self.server(), &self.0.pages.redirect_uri, ask, abort).await;
        let (url, pending) = began?;
        // Where no answer can be sealed none will come.
        self.page().seal(pending.state.as_bytes(), ANSWER, "").await?;
        self.usable()?;
        // Here it was empty still: nobody cut it off.
        if self.page().sight(&frame) == Sight::Gone {
            return Err(Code::PopupClosed.into());
        }
        let line = self.stand_by(Secret::new(pending.state.as_str()), true);
        self.page().steer(&frame, &url);
        let answer = self.answered(&line, &frame, silent, abort).await;
        self.leave_off(&line, true);
        drop(frame);
        let answer = answer?;
        let url = self.page().parse_url(answer.expose(), None).ok_or(Code::CallbackMalformed)?;
        let app_state = pending.app_state.clone();
        let params = Params::read(&url.search, &url.hash)?;
        let signed_in = login::finish(self.server(), &params, pending, &url, abort).await;
        let signed_in = signed_in.map_err(|error| match callback::asks_for_login(&error) {
            true if silent => login_required(&error),
            _ => error,
        })?;
        self.welcome(&TokenSet::of(signed_in), departures).await?;
        Ok(app_state)
    }

    fn stand_by(&self, state: Secret, waits: bool) -> String {
        let line = state.fingerprint();
        let relay = Relay { line: line.clone(), waits, state, url: None, taken: false };
        self.0.relays.borrow_mut().push(relay);
        line
    }

    fn leave_off(&self, line: &str, waits: bool) {
        self.0.relays.borrow_mut().retain(|relay| relay.line != line || relay.waits != waits);
    }

    fn relays<T>(
        &self,
        line: &str,
        waits: bool,
        look: impl FnOnce(&mut Relay) -> Option<T>,
    ) -> Option<T> {
        let mut relays = self.0.relays.borrow_mut();
        relays.iter_mut().find(|relay| relay.line == line && relay.waits == waits).and_then(look)
    }

    async fn answered(
        &self,
        line: &str,
        frame: &P::Frame,
        silent: bool,
        abort: Option<&P::Abort>,
    ) -> Result<Secret, Error> {
        let (mut passed, mut away, mut gone) = (0, None, None);
        loop {
            self.usable()?;
            if let Some(url) = self.relays(line, true, |relay| relay.url.take()) {
                return Ok(url);
            }
            match self.page().sight(frame) {
                Sight::Near => gone = None,
                Sight::Away => {
                    away.get_or_insert(passed);
                    gone = None;
                }
                Sight::Gone => {
                    gone.get_or_insert(passed);
                }
            }
            if let Some(gone) = gone {
                let steady = away.is_some_and(|away| gone - away > STEADY);
                if passed - gone > if steady { LAST_WORD } else { CUT_OFF } {
                    return Err(Code::PopupClosed.into());
                }
            }
            if passed > if silent { self.config().timeout } else { PERSON } {
                return Err(Code::Timeout.into());
            }
            passed += self.moment(LOOK, abort).await?;
        }
    }

    /// Hands an answer on and closes this window. Comes back only if nobody waits for the answer.
    pub(super) async fn relay(&self, state: &Secret, url: &str) -> Result<Arrived, Error> {
        let sealed = self.page().seal(state.expose().as_bytes(), ANSWER, url).await?;
        let line = self.stand_by(state.clone(), false);
        self.tell_of(ANSWERED, Some(&line), Some(&sealed));
        let mut passed = 0;
        while self.relays(&line, false, |relay| relay.taken.then_some(())).is_none() {
            if passed > TAKEN {
                self.leave_off(&line, false);
                // This is a page like any other.
                self.reload().await;
                return Err(state_unknown("unknown"));
            }
            passed += self.moment(LOOK, None).await?;
        }
        self.page().close_window();
        core::future::pending().await
    }

    /// A message about an answer.
    pub(super) async fn relayed(&self, kind: &str, line: &str, sealed: Option<&str>) {
        match (kind, sealed) {
            (TOOK, _) => {
                self.relays(line, false, |relay| {
                    relay.taken = true;
                    Some(())
                });
            }
            (ANSWERED, Some(sealed)) => {
                let Some(state) = self.relays(line, true, |relay| Some(relay.state.clone())) else {
                    return;
                };
                let opened = self.page().unseal(state.expose().as_bytes(), ANSWER, sealed);
                let Ok(Some(url)) = opened.await else { return };
                let kept = self.relays(line, true, |relay| {
                    relay.url = Some(Secret::new(url));
                    Some(())
                });
                if kept.is_some() {
                    self.tell_of(TOOK, Some(line), None);
                }
            }
            _ => {}
        }
    }
}
