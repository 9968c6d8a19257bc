//! RFC 9068: an API reads the access token that it was sent, and RFC 6750, section 3: how it refuses
//! one. The client never does this: to it the token is opaque (R080).

use alloc::string::String;

use super::authorize::has_scope;
use super::error::{Code, Error};
use super::http::printable;
use super::json::{Json, Object};
use super::jws::{self, Algorithm, Unverified};
use super::jwt;
use super::metadata::Issuer;
use super::secret::Secret;
use super::time::UnixMillis;
use super::userinfo;

/// What an API wants of a token.
#[derive(Clone, Copy, Debug)]
pub struct Guard<'a> {
    /// Who issues them.
    pub issuer: &'a Issuer,
    /// The API, as tokens name it.
    pub audience: &'a str,
    /// Every token of this scope must be granted.
    pub scope: Option<&'a str>,
    /// Where the API's own metadata is (RFC 9728, section 5.1).
    pub resource_metadata: Option<&'a str>,
    /// Seconds by which clocks may differ.
    pub tolerance: i64,
}

/// The token that a request presents, by its header alone (RFC 6750, section 2.1).
pub fn presented(authorization: Option<&str>) -> Result<Secret, Error> {
    let bearer = |header: &&str| {
        let scheme = header.split(' ').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer")
    };
    match authorization.filter(bearer) {
        None => Err(failed("missing")),
        header => userinfo::presented(header).ok_or_else(|| failed("authorization")),
    }
}

/// An access token whose signature was not checked.
pub struct Token(Unverified);

/// Takes one apart: of its own type, so that no id_token serves as one (RFC 9068, section 4).
pub fn parse(raw: &Secret, allowed: &[Algorithm]) -> Result<Token, Error> {
    let token = jws::parse(raw.expose(), allowed, &["at+jwt", "application/at+jwt"]);
    match token.map_err(recoded)? {
        token if token.typed => Ok(Token(token)),
        _ => Err(failed("typ")),
    }
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Access(Object);

impl Access {
    /// Who it is about; for a client's own token the client.
    pub fn subject(&self) -> &str {
        self.0.text("sub").unwrap_or_default()
    }

    /// Who uses it.
    pub fn client_id(&self) -> &str {
        self.0.text("client_id").unwrap_or_default()
    }

    /// Whether it is for that.
    pub fn allows(&self, scope: &str) -> bool {
        scope.split(' ').all(|token| has_scope(self.0.text("scope"), token))
    }

    /// All members.
    pub fn members(&self) -> &Object {
        &self.0
    }
}

impl Token {
    /// Finds the key, and is what is checked with it.
    pub fn token(&self) -> &Unverified {
        &self.0
    }

    /// What it says, once the platform said whether the signature is good.
    pub fn open(self, good: bool, guard: &Guard<'_>, now: UnixMillis) -> Result<Access, Error> {
        let claims = self.0.proven(good).map_err(recoded)?;
        guard.check(&claims, now.div_euclid(1000)).map_err(failed)?;
        let access = Access(claims);
        match guard.scope {
            Some(scope) if !access.allows(scope) => Err(Code::InsufficientScope.into()),
            _ => Ok(access),
        }
    }
}

/// How a request is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The value of `WWW-Authenticate`.
    pub challenge: String,
}

impl Guard<'_> {
    fn check(&self, claims: &Object, now: i64) -> Result<(), jwt::Failed> {
        let issuer = self.issuer.for_tenant(claims.text("tid")).ok_or("iss")?;
        if claims.text("iss") != Some(issuer.as_str()) {
            return Err("iss");
        }
        if !jwt::audiences(claims)?.contains(&self.audience) {
            return Err("aud");
        }
        jwt::alive(claims, now, self.tolerance)?;
        // However long ago: how long it lives, `exp` says.
        jwt::issued(claims, now, self.tolerance, now)?;
        // Section 2.2: what every such token has.
        for name in ["sub", "client_id", "jti"] {
            if claims.text(name).is_none_or(str::is_empty) {
                return Err(name);
            }
        }
        if claims.get("scope").is_some_and(|scope| !matches!(scope, Json::String(_))) {
            return Err("scope");
        }
        // Bound to a key that a bearer does not show (RFC 7800; RFC 9449, section 7.1).
        if claims.get("cnf").is_some() {
            return Err("cnf");
        }
        Ok(())
    }

    /// What a failure is answered with; `None` where it is not the request's fault.
    pub fn refusal(&self, error: &Error) -> Option<Refused> {
        // Section 3.1: who shows nothing is told nothing.
        let (status, reason) = match (error.code(), error.detail_text()) {
            (Code::InsufficientScope, _) => (403, Some("insufficient_scope")),
            (Code::TokenInvalid, Some("missing")) => (401, None),
            (Code::TokenInvalid, Some("authorization")) => (400, Some("invalid_request")),
            (Code::TokenInvalid | Code::JwksKeyNotFound, _) => (401, Some("invalid_token")),
            _ => return None,
        };
        let mut challenge = String::from("Bearer");
        let mut comma = " ";
        for (name, value) in [
            ("realm", Some(self.audience)),
            ("error", reason),
            ("scope", self.scope.filter(|_| status == 403 || reason.is_none())),
            ("resource_metadata", self.resource_metadata),
        ] {
            let Some(value) = value else { continue };
            challenge.push_str(comma);
            challenge.push_str(name);
            challenge.push_str("=\"");
            // No quotes and no escapes are left in it.
            challenge.push_str(&printable(value));
            challenge.push('"');
            comma = ", ";
        }
        Some(Refused { status, challenge })
    }
}

fn failed(claim: jwt::Failed) -> Error {
    Error::new(Code::TokenInvalid).detail(claim)
}

fn recoded(error: Error) -> Error {
    error.recoded(Code::TokenInvalid)
}
