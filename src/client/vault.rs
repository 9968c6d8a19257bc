//! Tokens in a store that isolates share, behind the memory of each. A value is sealed, so that a reader
//! of the store gets no token, and sealed for its name, so that none passes for another. The store is a
//! convenience: one that fails, is slow or lies costs a moment and a line in the log, and the server is
//! asked.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::pin::Pin;

use zeroize::Zeroizing;

use crate::protocol::authorize::Wish;
use crate::protocol::error::{Code, Error};
use crate::protocol::form::Form;
use crate::protocol::json;
use crate::protocol::secret::Secret;
use crate::protocol::time::Millis;

use super::config::{Config, invalid};
use super::host::{Call, Edge, Level};
use super::tokens::AccessToken;

/// How long a store may take for anything but a turn.
const PATIENCE: Millis = 1000;
/// How long another isolate may take for the token that all wait for.
const TURN: Millis = 8000;
/// A store that answers with one useless value after another is asked no more.
const ROUNDS: usize = 3;
/// Bytes of a key, or characters of a secret that stands for one.
const STRONG: usize = 32;

/// What seals the store: the key that was given, or else the client's secret. One that can be guessed
/// seals nothing.
pub fn key(
    given: Option<Zeroizing<Vec<u8>>>,
    secret: Option<&Secret>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let long = |secret: &&Secret| secret.expose().chars().count() >= STRONG;
    let key = given.or_else(|| {
        secret.filter(long).map(|secret| Zeroizing::new(secret.expose().as_bytes().to_vec()))
    });
    // An array that nobody filled is all zeros.
    let strong = |key: &Zeroizing<Vec<u8>>| {
        key.len() >= STRONG && key.iter().any(|byte| Some(byte) != key.first())
    };
    key.filter(strong).ok_or_else(|| invalid("cacheKey"))
}

/// One place in the store.
pub struct Vault<H: Edge> {
    host: H,
    name: String,
    seen: Option<String>,
    leads: bool,
    failed: bool,
}

impl<H: Edge> Vault<H> {
    /// The place for what a wish answers, where there is a store. Its name tells nothing.
    /// A token that is bound to a key is of use to who has that key.
    pub fn new(host: &H, config: &Config, wish: &Wish, bound: Option<&str>) -> Option<Vault<H>> {
        if !host.shares() {
            return None;
        }
        let mut parts = Form::new();
        parts.push("issuer", config.issuer.as_str());
        parts.push("client_id", &config.auth.id);
        wish.write(&mut parts);
        parts.push_some("jkt", bound);
        let mut name = String::from("grantkit.1.");
        name.push_str(&parts.encode().fingerprint());
        Some(Vault { host: host.clone(), name, seen: None, leads: false, failed: false })
    }

    /// The token that is there, or that another isolate puts there within its turn. With `None` it is
    /// the caller's to ask the server.
    pub async fn find(&mut self, takes: impl Fn(&AccessToken) -> bool) -> Option<AccessToken> {
        self.seen = match self.store(Call::Get, PATIENCE).await {
            Some(value) => value,
            None => {
                self.failed = true;
                return None;
            }
        };
        let until = self.host.now().saturating_add(TURN);
        for _ in 0..ROUNDS {
            if let Some(token) = self.open().await.filter(&takes) {
                return Some(token);
            }
            let patience = until.saturating_sub(self.host.now()).clamp(0, TURN);
            match self.store(Call::Acquire(self.seen.as_deref()), patience).await {
                Some(Some(value)) => self.seen = Some(value),
                answer => {
                    self.leads = answer.is_some();
                    break;
                }
            }
        }
        None
    }

    /// What was seen, if it is whole and lives.
    async fn open(&self) -> Option<AccessToken> {
        let text = self.host.unlock(&self.name, self.seen.as_deref()?).await;
        let code = match text.map(|text| text.map(Zeroizing::new)) {
            Err(error) => error.code().as_str(),
            Ok(text) => {
                let object = text.and_then(|text| json::read_object(text.as_bytes()).ok());
                let token = object.and_then(|object| AccessToken::from_json(&object));
                // One of unknown life is not put there.
                match token.filter(|token| token.expires_at.is_some()) {
                    None => Code::StorageCorrupt.as_str(),
                    Some(token) if token.alive(self.host.now()) => return Some(token),
                    Some(_) => "expired",
                }
            }
        };
        self.tell(Call::Get, code);
        None
    }

    /// Whether the store was of no use, and is not to be waited for again.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Puts a token there for all. Without one, or where nobody knows how long it lives, the next
    /// isolate gets its turn.
    pub async fn settle(self, token: Option<Rc<AccessToken>>) {
        let now = self.host.now();
        let mut ended = false;
        if let Some(token) = &token {
            let until = token.expires_at.filter(|at| now < *at);
            if let Some(until) = until {
                let text = Zeroizing::new(token.to_json().to_text());
                match self.host.lock(&self.name, &text).await {
                    Ok(seal) => {
                        ended = self.store(Call::Set(&seal, until), PATIENCE).await.is_some();
                    }
                    Err(error) => self.tell(Call::Set("", until), error.code().as_str()),
                }
            } else if self.seen.is_some() {
                // What is there was of no use, and nothing takes its place.
                self.store(Call::Delete, PATIENCE).await;
            }
        }
        if self.leads && !ended {
            self.store(Call::Release, PATIENCE).await;
        }
    }

    /// Calls the store; `None` where it failed. On the heap, so that there is one copy in the wasm.
    fn store<'a>(
        &'a self,
        call: Call<'a>,
        patience: Millis,
    ) -> Pin<Box<dyn Future<Output = Option<Option<String>>> + 'a>> {
        Box::pin(async move {
            let answer = self.host.store(call, &self.name, patience).await;
            answer.map_err(|error| self.tell(call, error.code().as_str())).ok()
        })
    }

    fn tell(&self, call: Call<'_>, code: &str) {
        let fields = [("call", call.method()), ("code", code)];
        self.host.log(Level::Warning, "cache-failed", &fields);
    }
}
