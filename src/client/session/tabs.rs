//! Several tabs of one browser (R123, R164). A renewal holds the lock of its refresh token. Where tabs
//! share a store, what is in it is read again inside. Where each has its own, a duplicated tab holds the
//! same refresh token, and the new tokens are told sealed by the old one, which only a duplicate has.
//! Messages carry no readable token; a forged one at most reads the store again, or signs out here.
//! Browsers bring storage and messages to other tabs late and in any order; locks alone are exact.

use alloc::boxed::Box;
use alloc::string::String;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use crate::protocol::error::{Code, Error};
use crate::protocol::id_token::Claims;
use crate::protocol::json::{self, Object};
use crate::protocol::secret::Secret;
use crate::protocol::time::Millis;

use super::super::host::{Event, Page, Waited};
use super::super::record::TokenSet;
use super::super::shelf;
use super::{Session, line};

/// A renewal is metadata, token and keys: a tab that hangs with the lock in its hands is not waited for
/// longer than so many requests may take.
const PATIENCE: Millis = 3;
/// How often is looked whether another tab did something.
const LOOK: Millis = 50;
/// What another tab just did is found out within so long, what it did long ago within so little.
const ANSWER: (Millis, Millis) = (500, 100);
/// Tokens that were told already are waited for so long until they are opened.
const OPENING: Millis = 10_000;
/// A clock that was set meanwhile counts for no more than that.
const MINUTE: Millis = 60_000;
/// A refresh token that was replaced stays locked for so long: a tab that does not know yet waits for the
/// news instead of spending it.
const LINGER: Millis = 1_000;
/// So many refresh tokens are known to be spent, and what the last of them brought.
const SPENT: (usize, usize) = (64, 8);

/// What the sealed tokens are sealed for.
const TOKENS: &str = "grantkit tokens";

/// The kinds of messages.
const SIGNED_OUT: &str = "signed-out";
/// The shared store holds something new.
pub(super) const CHANGED: &str = "changed";
const RENEWED: &str = "renewed";
const ASKED: &str = "asked";
/// A refresh token was refused for good, or spent for tokens that cannot be handed on.
const ENDED: &str = "ended";

/// What a tab held when it began to wait.
pub(super) struct Known {
    epoch: u32,
    set: Option<TokenSet>,
}

impl<P: Page> Session<P> {
    /// The name under which the tabs of this client hear of each other.
    pub fn channel(&self) -> String {
        shelf::name("tabs", self.config(), self.config().issuer.as_str())
    }

    pub(super) fn tell(&self, kind: &str) {
        self.tell_of(kind, None, None);
    }

    pub(super) fn tell_of(&self, kind: &str, line: Option<&str>, sealed: Option<&str>) {
        let mut message = Object::new();
        message.set_text("kind", Some(kind)).set_text("line", line).set_text("sealed", sealed);
        self.page().tell(&message.to_text());
    }

    /// Tells of the end of a session: a person's, to all; a refresh token's, to those who hold it.
    pub(super) fn tell_of_end(&self, refused: Option<&Secret>) {
        match refused {
            Some(refused) if !self.page().shared() => {
                self.tell_of(ENDED, Some(&line(refused)), None);
            }
            _ => self.tell(SIGNED_OUT),
        }
    }

    /// What is held now.
    pub(super) fn known(&self) -> Known {
        let state = self.0.state.borrow();
        Known { epoch: state.epoch, set: state.set.clone() }
    }

    /// Whether nothing happened since.
    pub(super) fn stands(&self, known: &Known) -> bool {
        let state = self.0.state.borrow();
        let same = match (&state.set, &known.set) {
            (Some(now), Some(then)) => now.same(then),
            (now, then) => now.is_none() && then.is_none(),
        };
        same && state.epoch == known.epoch && !self.0.closed.get()
    }

    /// Looks until something happened.
    async fn watch(&self, known: &Known, patience: Millis) {
        let mut passed = 0;
        while passed < patience || self.0.opening.get() > 0 && passed < OPENING {
            self.reread(self.page().shared()).await;
            if !self.stands(known) {
                return;
            }
            passed += self.moment(LOOK, None).await.unwrap_or(patience);
            // Who signed out meanwhile does not read what was there before.
            if !self.stands(known) {
                return;
            }
        }
    }

    /// Waits until no other tab spends this refresh token, or until it is known what came of that.
    pub(super) async fn turn(&self, used: &Secret, known: &Known) -> Option<P::Lock> {
        let name = shelf::name("line", self.config(), &line(used));
        let shared = self.page().shared();
        let copied = !shared && self.0.state.borrow().copied;
        if copied {
            self.tell_of(ASKED, Some(&line(used)), None);
        }
        let lock = self.page().lock(&name, PATIENCE * self.config().timeout);
        let turn = first(lock, self.watch(known, Millis::MAX)).await?;
        if turn.as_ref().is_none_or(|(_, waited)| *waited) {
            if !shared {
                self.tell_of(ASKED, Some(&line(used)), None);
            }
            self.watch(known, ANSWER.0).await;
        } else if copied {
            self.watch(known, ANSWER.1).await;
        } else {
            self.reread(shared).await;
            // What was told already may still be being opened.
            self.watch(known, 0).await;
        }
        turn.map(|(lock, _)| lock)
    }

    /// Gives the lock of a refresh token back, later if it was replaced. One that stays the same may be
    /// wanted at once, for another resource, and is no worse for being used twice.
    pub(super) fn done(&self, used: &Secret, turn: P::Lock) {
        if self.refresh_token().is_ok_and(|token| token == *used) {
            return;
        }
        let page = self.page().clone();
        self.page().spawn(Box::pin(async move {
            page.pause(LINGER, None).await;
            drop(turn);
        }));
    }

    /// Lets a moment pass, and says how long it was: in a page that nobody sees it may be a minute.
    pub(super) async fn moment(
        &self,
        length: Millis,
        abort: Option<&P::Abort>,
    ) -> Result<Millis, Error> {
        let before = self.now();
        if self.page().pause(length, abort).await == Waited::Aborted {
            return Err(Code::Aborted.into());
        }
        Ok(self.now().saturating_sub(before).clamp(length, MINUTE))
    }

    /// Tells of a renewal, before the lock is given back.
    pub(super) async fn announce(&self, used: &Secret, renewed: &TokenSet) {
        if self.page().shared() {
            self.page().saved().await;
            return self.tell(CHANGED);
        }
        let text = Secret::new(renewed.to_text(self.config()));
        let secret = used.expose().as_bytes();
        let sealed = self.page().seal(secret, TOKENS, text.expose()).await.ok();
        // Not if it was signed out meanwhile, nor, without a seal, where nothing was spent.
        let held = self.read(|set| Some(set.same(renewed))) == Some(true);
        if held && (sealed.is_some() || renewed.refresh_token.as_ref() != Some(used)) {
            self.remember(line(used), sealed);
            self.tell_of_spent(&line(used));
        }
    }

    /// Tells what a refresh token brought, if it is known here to be spent. Without WebCrypto, or long
    /// after, whoever holds it still has to sign in again.
    fn tell_of_spent(&self, line: &str) {
        let spent = self.0.spent.borrow().iter().find(|(known, _)| known == line).cloned();
        if let Some((_, sealed)) = spent {
            let kind = if sealed.is_some() { RENEWED } else { ENDED };
            self.tell_of(kind, Some(line), sealed.as_deref());
        }
    }

    fn remember(&self, line: String, sealed: Option<String>) {
        let mut spent = self.0.spent.borrow_mut();
        spent.retain(|(known, _)| *known != line);
        spent.push((line, sealed));
        let old = spent.len().saturating_sub(SPENT.1);
        for (_, sealed) in spent.iter_mut().take(old) {
            *sealed = None;
        }
        if old > SPENT.0 {
            spent.remove(0);
        }
    }

    /// A message of another tab, or of any script of this origin: nothing in it is believed.
    pub async fn heard(&self, message: &str) {
        let Ok(message) = json::read_object(message.as_bytes()) else { return };
        if self.usable().is_err() {
            return;
        }
        let (of, sealed) = (message.text("line"), message.text("sealed"));
        match (message.text("kind"), of, sealed) {
            (Some(SIGNED_OUT), ..) => self.left_elsewhere(),
            (Some(CHANGED), ..) if self.page().shared() => {
                self.watch(&self.known(), ANSWER.0).await;
            }
            (Some(RENEWED), Some(of), Some(sealed)) => self.take_over(of, sealed).await,
            (Some(ENDED), Some(of), _)
                if self.refresh_token().is_ok_and(|held| line(&held) == of) =>
            {
                self.left_elsewhere();
            }
            (Some(ASKED), Some(of), _) => self.tell_of_spent(of),
            (Some(kind), Some(of), sealed) => self.relayed(kind, of, sealed).await,
            _ => {}
        }
    }

    async fn take_over(&self, of: &str, sealed: &str) {
        let Ok(used) = self.refresh_token() else { return };
        if line(&used) != of {
            return;
        }
        let secret = used.expose().as_bytes();
        let opening = &self.0.opening;
        opening.set(opening.get().saturating_add(1));
        let opened = self.page().unseal(secret, TOKENS, sealed).await;
        opening.set(opening.get().saturating_sub(1));
        let Ok(Some(text)) = opened else { return };
        let text = Secret::new(text);
        let Ok(Some(renewed)) = self.stored(text.expose()).await else { return };
        let known = self.read(|set| Some(set.same(&renewed) || set.outdates(&renewed)));
        if known != Some(false) || self.usable().is_err() || !self.adopt(&used, &renewed) {
            return;
        }
        self.settle(true);
        // Whoever renewed may be gone when the next one asks.
        self.remember(of.into(), Some(sealed.into()));
        self.told_of_renewal();
    }

    /// Somebody signed out in another tab. A shared store is theirs to clear: a new session may be in it.
    pub(super) fn left_elsewhere(&self) {
        let set = self.forget();
        if !self.page().shared() {
            let _ = self.page().save(&self.token_key(), None);
        }
        if set.is_some() {
            self.page().emit(Event::SignedOut { reason: "other-tab", error: None });
        }
    }

    /// Takes over what others wrote into the store: other tabs where it is shared, else a frame of this
    /// page or a later page of this tab. Where the record is gone the session may be over.
    pub(super) async fn reread(&self, ends: bool) {
        let saved = self.page().saved().await;
        let epoch = self.epoch();
        // What could not be written is not gone.
        if !saved || self.0.state.borrow().unsaved {
            return;
        }
        let Ok(stored) = self.page().load(&self.token_key()).await else { return };
        if self.usable().is_err() || self.epoch() != epoch {
            return;
        }
        let Some(text) = stored else {
            if ends && self.read(|_| Some(())).is_some() {
                self.forget();
                self.page().emit(Event::SignedOut { reason: "other-tab", error: None });
            }
            return;
        };
        // What is damaged is mended by the next renewal.
        let Ok(Some(stored)) = self.stored(&text).await else { return };
        if self.usable().is_err() || self.epoch() != epoch {
            return;
        }
        let known = self.read(|set| {
            let known = set.same(&stored) || set.outdates(&stored);
            Some((known, set.same_person(&stored)))
        });
        let renewed = match known {
            Some((true, _)) => return,
            Some((false, same_person)) => same_person,
            None => false,
        };
        {
            let mut state = self.0.state.borrow_mut();
            if !renewed {
                state.epoch = state.epoch.wrapping_add(1);
            }
            state.strikes = 0;
            state.set = Some(stored);
        }
        self.settle(false);
        if renewed {
            self.told_of_renewal();
        } else if let Some(claims) = self.read(|set| Some(set.claims.clone())) {
            let claims = claims.as_ref().map(Claims::members);
            self.page().emit(Event::SignedIn { claims, other_tab: true });
        }
    }

    fn told_of_renewal(&self) {
        self.page().emit(Event::Renewed { expires_at: self.expires_at(), other_tab: true });
    }
}

/// The first of two; `None` is the second.
async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = ()>) -> Option<T> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(out) => Poll::Ready(Some(out)),
        Poll::Pending => other.as_mut().poll(context).map(|()| None),
    })
    .await
}
