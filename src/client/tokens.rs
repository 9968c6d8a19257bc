//! Access tokens in hand, and how long they may be handed out (R124). Expiry counts from when the token
//! came, by this machine's clock; how that clock differs from the server's does not matter.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::fields::Fields;
use crate::protocol::json::Object;
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};

use super::server::Granted;

/// A token whose life is unknown is used again for five minutes at the most.
const UNKNOWN_LIFE: Millis = 5 * 60 * 1000;
/// So many tokens are kept at the most; the oldest goes first.
const TOKENS: usize = 256;

/// An access token.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessToken {
    /// Opaque.
    pub secret: Secret,
    /// When it came, by this machine's clock.
    pub received_at: UnixMillis,
    /// When it expires, where the server said so.
    pub expires_at: Option<UnixMillis>,
    /// As granted.
    pub scope: Option<String>,
}

impl AccessToken {
    /// Out of a checked response.
    pub fn of(granted: &Granted, asked_scope: Option<&str>) -> AccessToken {
        AccessToken {
            secret: granted.tokens.access_token.clone(),
            received_at: granted.received_at,
            expires_at: granted.expires_at(),
            scope: granted.tokens.scope.clone().or_else(|| asked_scope.map(String::from)),
        }
    }

    /// Whether it lives still.
    pub fn alive(&self, now: UnixMillis) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    /// When to renew it: some time before its end, but never in the first four fifths of its life, so
    /// that a short life makes no storm (R124).
    pub fn renew_at(&self, before: Millis) -> Option<UnixMillis> {
        let expires_at = self.expires_at?;
        let fifth = expires_at.saturating_sub(self.received_at) / 5;
        Some(expires_at.saturating_sub(before.min(fifth)))
    }

    /// Whether it may be handed out, be it time to renew it or not.
    pub fn serves(&self, now: UnixMillis, min_lifetime: Millis) -> bool {
        // A clock that was set back makes a token look as if it came from the future.
        let back = now < self.received_at.saturating_sub(UNKNOWN_LIFE);
        self.expires_at.is_none_or(|at| now.saturating_add(min_lifetime) < at && !back)
    }

    /// Whether it may be handed out without renewing it.
    pub fn fresh(&self, now: UnixMillis, before: Millis, min_lifetime: Millis) -> bool {
        self.renew_at(before).is_none_or(|at| now < at) && self.serves(now, min_lifetime)
    }

    /// For a store.
    pub fn to_json(&self) -> Object {
        let mut out = Object::new();
        out.set_text("token", Some(self.secret.expose()))
            .set_integer("received_at", Some(self.received_at))
            .set_integer("expires_at", self.expires_at)
            .set_text("scope", self.scope.as_deref());
        out
    }

    /// Out of a store; what does not fit spoils it whole.
    pub fn from_json(object: &Object) -> Option<AccessToken> {
        let fields = Fields::of(object);
        fields.whole(AccessToken {
            secret: Secret::new(fields.text("token")),
            received_at: fields.integer("received_at"),
            expires_at: fields.maybe_integer("expires_at"),
            scope: fields.maybe_text("scope"),
        })
    }
}

/// Tokens by the request that they answer.
#[derive(Default)]
pub struct Cache(Vec<(String, Rc<AccessToken>)>);

impl Cache {
    /// The token of a key.
    pub fn find(&self, key: &str) -> Option<Rc<AccessToken>> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, token)| token.clone())
    }

    /// Keeps a token; dead ones go.
    pub fn put(&mut self, key: &str, token: Rc<AccessToken>, now: UnixMillis) {
        self.0.retain(|(known, token)| known != key && token.alive(now));
        if self.0.len() >= TOKENS {
            self.0.remove(0);
        }
        self.0.push((key.into(), token));
    }

    /// Forgets a token.
    pub fn drop_key(&mut self, key: &str) {
        self.0.retain(|(known, _)| known != key);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A token of unknown life counts as old after a while.
pub fn stale(token: &AccessToken, now: UnixMillis) -> bool {
    token.expires_at.is_none()
        && !(0..UNKNOWN_LIFE).contains(&now.saturating_sub(token.received_at))
}
