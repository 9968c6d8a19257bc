//! RFC 6750, RFC 9068 and RFC 9449, section 7, for an API: whether the token of a request is good, and
//! how the request is refused if it is not. A token of RFC 9068 is proved by the server's keys; any
//! other the server is asked about (RFC 7662), where this API has a name and a secret there.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::protocol::access_token::{self, Access, Guard, Scheme, Schemes};
use crate::protocol::client_auth::ClientAuth;
use crate::protocol::dpop_proof::{self, Expected, Proven, Replays};
use crate::protocol::error::{Code, Error, Fault};
use crate::protocol::introspect;
use crate::protocol::json::Object;
use crate::protocol::jws::Algorithm;
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::url::Endpoint;

use super::config::{Config, invalid};
use super::flight::{Flights, Landed};
use super::host::{Host, Work};
use super::server::Server;

/// How long one request waits for what another asked for (law 17).
const PATIENCE: Millis = 3000;
/// A token that the server called active counts as active that long: so late is its end seen.
const ACTIVE: Millis = 60 * 1000;
/// One that it called inactive is not asked for again that soon.
const INACTIVE: Millis = 10 * 1000;
/// So many tokens of each kind are remembered.
const TOKENS: usize = 1024;

/// What an API asks of those who call it, before it is checked.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The API, as tokens name it.
    pub audience: String,
    /// How tokens may be presented.
    pub schemes: Schemes,
    /// Where the API's own metadata is.
    pub resource_metadata: Option<String>,
}

/// What a request shows.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The header `Authorization`.
    pub authorization: Option<Secret>,
    /// The header `DPoP`.
    pub proof: Option<Secret>,
    /// The method.
    pub method: String,
    /// The URL, whole, as the caller wrote it.
    pub url: String,
}

/// What one route wants.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Every token of this scope.
    pub scope: Option<String>,
    /// A proof must have one of these.
    pub nonces: Vec<String>,
}

/// A request that is refused.
#[derive(Clone, Debug)]
pub struct Denied {
    /// Why.
    pub error: Error,
    /// The status to answer with: 5xx where it is not the request's fault.
    pub status: u16,
    /// The value of `WWW-Authenticate`, where there is one.
    pub challenge: Option<String>,
}

/// What the server said of tokens, by their fingerprints.
struct Memory {
    life: Millis,
    known: Vec<(String, UnixMillis, Rc<Object>)>,
}

impl Memory {
    fn new(life: Millis) -> Memory {
        Memory { life, known: Vec::new() }
    }

    fn find(&self, key: &str, now: UnixMillis) -> Option<Rc<Object>> {
        let fresh = |at: &UnixMillis| (0..self.life).contains(&now.saturating_sub(*at));
        let mut known = self.known.iter().filter(|(one, at, _)| one == key && fresh(at));
        known.next().map(|(_, _, response)| response.clone())
    }

    fn put(&mut self, key: &str, response: Rc<Object>, now: UnixMillis) {
        self.known.retain(|(one, ..)| one != key);
        if self.known.len() >= TOKENS {
            self.known.remove(0);
        }
        self.known.push((key.into(), now, response));
    }
}

struct Inner<H: Host> {
    server: Server<H>,
    audience: String,
    schemes: Schemes,
    resource_metadata: Option<Endpoint>,
    /// Apart, so that who brings tokens without end makes nobody else's forgotten.
    active: RefCell<Memory>,
    inactive: RefCell<Memory>,
    replays: RefCell<Replays>,
    flights: Flights<H>,
}

/// Guards an API. Clones are the same guard.
pub struct TokenValidator<H: Host>(Rc<Inner<H>>);

impl<H: Host> Clone for TokenValidator<H> {
    fn clone(&self) -> Self {
        TokenValidator(self.0.clone())
    }
}

impl<H: Host> TokenValidator<H> {
    /// Does no I/O. With a secret in the configuration, the server is asked about opaque tokens.
    pub fn new(host: H, config: Box<Config>, options: Options) -> Result<TokenValidator<H>, Error> {
        if options.audience.is_empty() {
            return Err(invalid("audience"));
        }
        let resource_metadata = options.resource_metadata.as_deref().map(|text| {
            let url = Endpoint::parse(text, &host, config.transport);
            url.map_err(|error| error.detail("resourceMetadata"))
        });
        Ok(TokenValidator(Rc::new(Inner {
            audience: options.audience,
            schemes: options.schemes,
            resource_metadata: resource_metadata.transpose()?,
            active: RefCell::new(Memory::new(ACTIVE)),
            inactive: RefCell::new(Memory::new(INACTIVE)),
            replays: RefCell::default(),
            flights: Flights::new(host.clone(), Some(PATIENCE)),
            server: Server::new(host, config, Some(PATIENCE / 2)),
        })))
    }

    /// The server.
    pub fn server(&self) -> &Server<H> {
        &self.0.server
    }

    /// What the token of a request says, or how the request is refused.
    pub async fn validate(
        &self,
        shown: &Shown,
        wanted: &Wanted,
        abort: Option<&H::Abort>,
    ) -> Result<Access, Denied> {
        let config = self.server().config();
        let guard = Guard {
            issuer: &config.issuer,
            audience: &self.0.audience,
            scope: wanted.scope.as_deref(),
            resource_metadata: self.0.resource_metadata.as_ref().map(Endpoint::as_str),
            schemes: self.0.schemes,
            tolerance: config.tolerance,
        };
        self.check(&guard, shown, wanted, abort).await.map_err(|error| {
            let scheme = Scheme::of(shown.authorization.as_ref().map(Secret::expose));
            match guard.refusal(&error, scheme) {
                Some(refused) => {
                    Denied { error, status: refused.status, challenge: Some(refused.challenge) }
                }
                // Whoever asked is not to blame, and is told nothing.
                None => {
                    let status = if error.code().fault() == Fault::Caller { 500 } else { 503 };
                    Denied { error, status, challenge: None }
                }
            }
        })
    }

    async fn check(
        &self,
        guard: &Guard<'_>,
        shown: &Shown,
        wanted: &Wanted,
        abort: Option<&H::Abort>,
    ) -> Result<Access, Error> {
        let (server, host) = (self.server(), self.server().host());
        let authorization = shown.authorization.as_ref().map(Secret::expose);
        let (scheme, raw) = access_token::presented(authorization, self.0.schemes)?;
        let token = match access_token::parse(&raw, &server.config().algorithms) {
            Ok(token) => Some(token),
            Err(error) if self.asks(&error) => None,
            Err(error) => return Err(error),
        };
        let proof = match scheme {
            Scheme::Bearer => None,
            Scheme::Dpop => Some(self.prove(&raw, shown, wanted).await?),
        };
        let access = match token {
            Some(token) => {
                let good = server.proves(token.token(), abort).await?;
                token.open(good, guard, proof.as_ref(), host.now())
            }
            None => {
                let response = self.introspect(&raw, abort).await?;
                guard.introspected(&response, proof.as_ref(), host.now())
            }
        }?;
        if let Some(proof) = proof {
            // Only what was good is remembered: nobody fills the memory with proofs of his own.
            let now = host.now();
            self.0.replays.borrow_mut().take(&proof, guard.tolerance, now)?;
        }
        Ok(access)
    }

    /// Whether the server is to be asked about a token that is none of RFC 9068.
    fn asks(&self, error: &Error) -> bool {
        let opaque = matches!(error.detail_text(), Some("malformed" | "format" | "typ"));
        opaque && self.server().config().auth.secret.is_some()
    }

    async fn prove(&self, raw: &Secret, shown: &Shown, wanted: &Wanted) -> Result<Proven, Error> {
        let host = self.server().host();
        let url = host.parse_url(&shown.url, None).ok_or_else(|| invalid("request"))?;
        let proof = shown.proof.as_ref().ok_or_else(dpop_proof::missing)?;
        let proof = dpop_proof::parse(proof, &Algorithm::defaults())?;
        let good = host.verify(proof.check()).await.map_err(|error| match error.code() {
            Code::JwksKeyNotFound => dpop_proof::unusable(),
            _ => error,
        })?;
        let expected = Expected {
            method: &shown.method,
            url: &url,
            access_token: raw,
            nonces: &wanted.nonces,
            tolerance: self.server().config().tolerance,
        };
        proof.open(good, &expected, host, host.now())
    }

    /// What the server says of a token: asked once for all who bring it at once, and remembered.
    async fn introspect(
        &self,
        token: &Secret,
        abort: Option<&H::Abort>,
    ) -> Result<Rc<Object>, Error> {
        let key = token.fingerprint();
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let (validator, name, token) = (self.clone(), key.clone(), token.clone());
        let work = move || -> Work<Result<Landed, Error>> {
            let (validator, name, token) = (validator.clone(), name.clone(), token.clone());
            Box::pin(async move {
                // Somebody whose patience ended earlier may have brought it since.
                match validator.known(&name) {
                    Some(known) => Ok(known),
                    None => validator.ask(&name, &token).await,
                }
                .map(Landed::Document)
            })
        };
        self.0.flights.share(&key, abort, &work).await?.document()
    }

    fn known(&self, key: &str) -> Option<Rc<Object>> {
        let now = self.server().host().now();
        let active = self.0.active.borrow().find(key, now);
        active.or_else(|| self.0.inactive.borrow().find(key, now))
    }

    async fn ask(&self, key: &str, token: &Secret) -> Result<Rc<Object>, Error> {
        const ENDPOINT: &str = "introspection_endpoint";
        let server = self.server();
        let metadata = server.metadata(&[ENDPOINT], None).await?;
        let to = server.endpoint(&metadata, ENDPOINT)?;
        let make = |auth: &ClientAuth, method| {
            introspect::request(&to, auth, method, token, Some("access_token"), false)
        };
        let asked_at = server.host().now();
        let reply = server.ask("introspection", &metadata, false, &make, None).await?;
        let answer = introspect::response(&reply)?;
        let response = Rc::new(answer.response);
        let memory = if answer.active { &self.0.active } else { &self.0.inactive };
        memory.borrow_mut().put(key, response.clone(), asked_at);
        Ok(response)
    }
}
