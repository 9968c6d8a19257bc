//! What is known is kept: in the store, where the next call finds it, and by a timer that looks after it.
//! A timer is an extra: whether a token is good is decided when it is used (R124).

use crate::protocol::error::Error;
use crate::protocol::time::Millis;

use super::super::host::{Event, Level, Page, UNSAVED};
use super::super::token_client::Ask;
use super::{RETRY, Session, end_of};

impl<P: Page> Session<P> {
    /// Drops what expired, and makes the held token, the timer and the store fit what is known now.
    pub(super) fn settle(&self, changed: bool) {
        let now = self.now();
        let (expired, changed, text) = {
            let mut state = self.0.state.borrow_mut();
            let (went, live) = state.set.as_mut().map_or((false, false), |set| set.expire(now));
            let expired = !live && state.set.is_some();
            if !live {
                state.set = None;
            }
            let text = state.set.as_ref().map(|set| (set.to_text(self.config()), end_of(set)));
            // A shared store may hold more than this tab knows: what only expired is not written there.
            let stale = went && !self.page().shared();
            (expired, changed || stale || expired, text)
        };
        self.hold();
        self.reschedule();
        if !changed {
            return;
        }
        let key = self.token_key();
        let text = text.as_ref().map(|(text, end)| (text.as_str(), *end));
        let saved = self.page().save(&key, text).is_ok();
        self.0.state.borrow_mut().unsaved = !saved;
        if !saved {
            // What is there is older: its refresh token may be used up.
            let _ = self.page().save(&key, None);
            self.storage_failed();
        }
        if expired {
            self.page().emit(Event::Expired);
        }
    }

    pub(super) fn hold(&self) {
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
    pub(super) fn reschedule(&self) {
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
        self.server().wake();
        let before = self.config().renew_before;
        let now = self.now();
        let (renew, dead) = {
            let state = self.0.state.borrow();
            let access = state.set.as_ref().and_then(|set| set.access.as_ref());
            let renewable = state.set.as_ref().is_some_and(|set| set.refresh_token.is_some());
            let due = access.is_none_or(|token| !token.fresh(now, before, 0));
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
            self.expire().await;
        } else {
            self.reschedule();
        }
    }

    /// The page was in the back/forward cache, where no message reached it.
    pub async fn came_back(&self) {
        self.0.state.borrow_mut().copied = true;
        self.reread(true).await;
    }

    /// Lets go of what expired, unless another tab knows better.
    pub(super) async fn expire(&self) {
        if self.page().shared() {
            self.reread(true).await;
        }
        self.settle(false);
    }

    pub(super) fn retry_later(&self, error: &Error) {
        if self.0.closed.get() || !self.signed_in() {
            return;
        }
        let mut state = self.0.state.borrow_mut();
        let after = state.retry;
        state.retry = (after * 2).min(RETRY.1);
        drop(state);
        let asked = Millis::from(error.retry_after_seconds().unwrap_or(0)) * 1000;
        // Up to a quarter more: tabs and people that failed together do not come back together.
        let chance = self.page().random().map_or(0, |bytes| Millis::from(bytes[0]));
        let jitter = after / 4 * chance / 255;
        self.page().schedule(Some(after.max(asked.min(RETRY.1)) + jitter));
    }

    pub(super) fn warn(&self, code: &'static str, message: &'static str) {
        self.page().log(Level::Warning, code, &[]);
        self.page().emit(Event::Warning { code, message });
    }

    /// Says so once.
    pub(super) fn storage_failed(&self) {
        let told = core::mem::replace(&mut self.0.state.borrow_mut().told_of_storage, true);
        if !told {
            self.page().emit(UNSAVED);
        }
    }
}
