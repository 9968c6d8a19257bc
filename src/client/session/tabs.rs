//! Several tabs of one browser (R123, R164). Where they share a store, a renewal holds the lock of its
//! record, and what is in the store is read again inside. Where each has its own, a duplicated tab holds
//! the same refresh token: the lock is that token's, and the new tokens are told sealed by the old one,
//! which only a duplicate has. Messages carry no readable token; a forged one at most reads the store
//! again, or signs out here.

use alloc::string::String;

use crate::protocol::id_token::Claims;
use crate::protocol::json::{self, Object};
use crate::protocol::secret::Secret;
use crate::protocol::time::Millis;

use super::super::host::{Event, Page};
use super::super::record::TokenSet;
use super::super::shelf;
use super::{Session, line};

/// A tab that hangs with the lock in its hands is not waited for longer.
const PATIENCE: Millis = 30_000;
/// A renewal of another tab that just ended is told within so many looks, so far apart.
const LOOKS: (u32, Millis) = (10, 50);
/// So many renewals are remembered for tabs that ask.
const ANNOUNCED: usize = 4;

/// What the sealed tokens are sealed for.
const TOKENS: &str = "grantkit tokens";

/// The kinds of messages.
const SIGNED_OUT: &str = "signed-out";
/// The shared store holds something new.
pub(super) const CHANGED: &str = "changed";
const RENEWED: &str = "renewed";
const ASKED: &str = "asked";
/// A refresh token was refused for good.
const ENDED: &str = "ended";

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

    /// Waits until no other tab spends this refresh token.
    pub(super) async fn turn(&self, used: &Secret) -> Option<(P::Lock, bool)> {
        let name = match self.page().shared() {
            true => self.token_key(),
            false => shelf::name("line", self.config(), &line(used)),
        };
        self.page().lock(&name, PATIENCE).await
    }

    /// Whether another tab renewed; its tokens are taken over.
    pub(super) async fn renewed_elsewhere(&self, waited: bool) -> bool {
        let held = self.read(|set| Some(set.clone()));
        let same = |session: &Session<P>| {
            session.read(|set| Some(held.as_ref().is_some_and(|held| held.same(set)))) == Some(true)
        };
        if self.page().shared() {
            self.reread().await;
        } else if waited && let Ok(used) = self.refresh_token() {
            self.tell_of(ASKED, Some(&line(&used)), None);
            for _ in 0..LOOKS.0 {
                if !same(self) {
                    break;
                }
                self.page().pause(LOOKS.1, None).await;
            }
        }
        !same(self)
    }

    /// Tells of a renewal, before the lock is given back.
    pub(super) async fn announce(&self, used: &Secret, renewed: &TokenSet) {
        if self.page().shared() {
            return self.tell(CHANGED);
        }
        let text = Secret::new(renewed.to_text(self.config()));
        let secret = used.expose().as_bytes();
        // Without WebCrypto a duplicate has to sign in again.
        let Ok(sealed) = self.page().seal(secret, TOKENS, text.expose()).await else { return };
        let line = line(used);
        self.tell_of(RENEWED, Some(&line), Some(&sealed));
        let mut announced = self.0.announced.borrow_mut();
        if announced.len() >= ANNOUNCED {
            announced.remove(0);
        }
        announced.push((line, sealed));
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
            (Some(CHANGED), ..) if self.page().shared() => self.reread().await,
            (Some(RENEWED), Some(of), Some(sealed)) => self.take_over(of, sealed).await,
            (Some(ENDED), Some(of), _)
                if self.refresh_token().is_ok_and(|held| line(&held) == of) =>
            {
                self.left_elsewhere();
            }
            (Some(ASKED), Some(of), _) => {
                let announced = self.0.announced.borrow();
                if let Some((_, sealed)) = announced.iter().find(|(known, _)| known == of) {
                    self.tell_of(RENEWED, Some(of), Some(sealed));
                }
            }
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
        let Ok(Some(text)) = self.page().unseal(secret, TOKENS, sealed).await else { return };
        let text = Secret::new(text);
        let Some(renewed) = TokenSet::from_text(text.expose(), self.config()) else { return };
        let same = self.read(|set| Some(set.same(&renewed))) != Some(false);
        if same || self.usable().is_err() || !self.adopt(&used, &renewed) {
            return;
        }
        self.settle(true);
        self.told_of_renewal();
    }

    /// Somebody signed out in another tab. A shared store is theirs to clear: a new session may be in it.
    fn left_elsewhere(&self) {
        let set = self.forget();
        if !self.page().shared() {
            let _ = self.page().save(&self.token_key(), None);
        }
        if set.is_some() {
            self.page().emit(Event::SignedOut { reason: "other-tab", error: None });
        }
    }

    /// Takes over what other tabs wrote into the shared store.
    pub(super) async fn reread(&self) {
        self.page().saved().await;
        // What could not be written is not gone.
        if self.0.state.borrow().unsaved {
            return;
        }
        let Ok(stored) = self.page().load(&self.token_key()).await else { return };
        if self.usable().is_err() {
            return;
        }
        let Some(text) = stored else {
            if self.forget().is_some() {
                self.page().emit(Event::SignedOut { reason: "other-tab", error: None });
            }
            return;
        };
        // What is damaged is mended by the next renewal.
        let Some(stored) = TokenSet::from_text(&text, self.config()) else { return };
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
