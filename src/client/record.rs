//! R171: what a page keeps between two loads, as text with a version. What does not fit is as if it
//! were not there; nothing in it can change what was configured.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::fields::Fields;
use crate::protocol::id_token::Claims;
use crate::protocol::json::{self, Json, Object};
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};

use super::config::Config;
use super::login::SignedIn;
use super::server::Granted;
use super::tokens::AccessToken;

const VERSION: i64 = 1;

/// Everything that one sign-in brought and renewals changed.
#[derive(Clone, Debug)]
pub struct TokenSet {
    /// The default access token; absent once it expired.
    pub access: Option<Rc<AccessToken>>,
    /// Access tokens for other resources, by key.
    pub others: Vec<(String, Rc<AccessToken>)>,
    /// Never leaves this crate but to the token endpoint (R125).
    pub refresh_token: Option<Secret>,
    /// When the refresh token expires, where the server said so.
    pub session_expires_at: Option<UnixMillis>,
    /// The last id_token.
    pub id_token: Option<Secret>,
    /// Its claims.
    pub claims: Option<Claims>,
    /// As granted at sign-in: what a renewal may ask for at the most (R068).
    pub scope: Option<String>,
    /// When the person signed in, by this machine's clock, and how many renewals followed: which of two
    /// tabs knows more. The clock alone does not tell: it may be set back in between.
    pub age: (UnixMillis, i64),
    /// The thumbprint of the key that the tokens are bound to (RFC 9449).
    pub bound: Option<String>,
}

impl TokenSet {
    /// What a sign-in brought.
    pub fn of(signed_in: SignedIn) -> TokenSet {
        let granted = signed_in.granted;
        let access = AccessToken::of(&granted, None);
        TokenSet {
            scope: access.scope.clone(),
            access: Some(Rc::new(access)),
            others: Vec::new(),
            session_expires_at: session_end(&granted),
            refresh_token: granted.tokens.refresh_token,
            id_token: signed_in.claims.is_some().then_some(granted.tokens.id_token).flatten(),
            claims: signed_in.claims,
            age: (granted.received_at, 0),
            bound: signed_in.bound,
        }
    }

    /// Whether both hold the same tokens, except those that only one of them knows to be expired.
    pub fn same(&self, other: &TokenSet) -> bool {
        let access = self.access.as_ref().zip(other.access.as_ref());
        self.age == other.age
            && self.refresh_token == other.refresh_token
            && access.is_none_or(|(one, other)| one.secret == other.secret)
    }

    /// Whether the other is older: of the same sign-in, with fewer renewals.
    pub fn outdates(&self, other: &TokenSet) -> bool {
        self.age.0 == other.age.0 && self.age.1 > other.age.1
    }

    /// Whether both are of the same person, as far as that is known.
    pub fn same_person(&self, other: &TokenSet) -> bool {
        let subject = |set: &TokenSet| set.claims.as_ref().map(|c| c.subject().to_owned());
        subject(self) == subject(other)
    }

    /// The token for a key; the empty key is the default.
    pub fn token(&self, key: &str) -> Option<Rc<AccessToken>> {
        match key {
            "" => self.access.clone(),
            _ => self.others.iter().find(|(known, _)| known == key).map(|(_, token)| token.clone()),
        }
    }

    /// Keeps a token under a key.
    pub fn put(&mut self, key: &str, token: Rc<AccessToken>) {
        if key.is_empty() {
            self.access = Some(token);
        } else {
            self.others.retain(|(known, _)| known != key);
            self.others.push((key.to_owned(), token));
        }
    }

    /// Takes a renewal's refresh token over; without a new one the old one stays (R119).
    pub fn rotate(&mut self, granted: &Granted) {
        self.age.1 = self.age.1.saturating_add(1);
        if let Some(refresh_token) = &granted.tokens.refresh_token {
            self.refresh_token = Some(refresh_token.clone());
            self.session_expires_at = session_end(granted);
        }
    }

    /// Drops what expired. Says whether anything went, and whether anything of use is left.
    pub fn expire(&mut self, now: UnixMillis) -> (bool, bool) {
        let had = (self.access.is_some(), self.others.len(), self.refresh_token.is_some());
        self.access = self.access.take().filter(|token| token.alive(now));
        self.others.retain(|(_, token)| token.alive(now));
        if self.session_expires_at.is_some_and(|at| now >= at) {
            self.refresh_token = None;
        }
        let has = (self.access.is_some(), self.others.len(), self.refresh_token.is_some());
        (had != has, has.0 || has.2)
    }

    /// The text for a store.
    pub fn to_text(&self, config: &Config) -> String {
        let mut out = Object::new();
        out.set_integer("v", Some(VERSION))
            .set_text("issuer", Some(config.issuer.as_str()))
            .set_text("client_id", Some(&config.auth.id))
            .set_text("refresh_token", self.refresh_token.as_ref().map(Secret::expose))
            .set_integer("session_expires_at", self.session_expires_at)
            .set_integer("signed_in_at", Some(self.age.0))
            .set_integer("renewals", Some(self.age.1))
            .set_text("id_token", self.id_token.as_ref().map(Secret::expose))
            .set_text("scope", self.scope.as_deref())
            .set_text("bound", self.bound.as_deref());
        if let Some(claims) = &self.claims {
            out.set("claims", Json::Object(claims.members().clone()));
        }
        if let Some(token) = &self.access {
            out.set("access", Json::Object(token_json(token, None)));
        }
        let others =
            self.others.iter().map(|(key, token)| Json::Object(token_json(token, Some(key))));
        out.set("others", Json::Array(others.collect()));
        out.to_text()
    }

    /// A stored text, if it is of this version, issuer and client, and whole.
    pub fn from_text(text: &str, config: &Config) -> Option<TokenSet> {
        let mut object = json::read_object(text.as_bytes()).ok()?;
        let ours = object.get("v").and_then(Json::as_integer) == Some(VERSION)
            && object.text("issuer") == Some(config.issuer.as_str())
            && object.text("client_id") == Some(&config.auth.id);
        if !ours {
            return None;
        }
        let claims = match object.take("claims") {
            None => None,
            Some(Json::Object(claims)) => Some(Claims::restored(claims)?),
            Some(_) => return None,
        };
        let access = match object.get("access") {
            None => None,
            Some(token) => Some(Rc::new(token_of(token)?)),
        };
        let mut others = Vec::new();
        for token in object.get("others")?.as_array()? {
            let key = token.as_object()?.text("key")?.to_owned();
            others.push((key, Rc::new(token_of(token)?)));
        }
        let fields = Fields::of(&object);
        fields.whole(TokenSet {
            access,
            others,
            refresh_token: fields.maybe_text("refresh_token").map(Secret::new),
            session_expires_at: fields.maybe_integer("session_expires_at"),
            id_token: fields.maybe_text("id_token").map(Secret::new),
            claims,
            scope: fields.maybe_text("scope"),
            bound: fields.maybe_text("bound"),
            age: (fields.integer("signed_in_at"), fields.integer("renewals")),
        })
    }
}

fn session_end(granted: &Granted) -> Option<UnixMillis> {
    let seconds = granted.tokens.refresh_expires_in?;
    Some(granted.received_at + Millis::from(seconds) * 1000)
}

fn token_json(token: &AccessToken, key: Option<&str>) -> Object {
    let mut out = token.to_json();
    out.set_text("key", key);
    out
}

fn token_of(value: &Json) -> Option<AccessToken> {
    AccessToken::from_json(value.as_object()?)
}
