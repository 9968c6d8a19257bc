//! RFC 9068: an API reads the access token that it was sent, and RFC 6750, section 3, and RFC 9449,
//! section 7: how it refuses one. The client never does this: to it the token is opaque (R080).

use alloc::string::String;

use super::authorize::has_scope;
use super::dpop_proof::{self, Proven};
use super::error::{Code, Error};
use super::http::printable;
use super::json::{Json, Object};
use super::jws::{self, Algorithm, Unverified};
use super::jwt;
use super::metadata::Issuer;
use super::secret::{Secret, same};
use super::time::UnixMillis;
use super::userinfo;

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// RFC 6750
    Bearer,
    /// RFC 9449
    Dpop,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Scheme::Bearer => "Bearer",
            Scheme::Dpop => "DPoP",
        }
    }

    /// Of a header.
    pub fn of(authorization: Option<&str>) -> Option<Scheme> {
        let named = authorization?.split(' ').next()?;
        let is = |scheme: &Scheme| named.eq_ignore_ascii_case(scheme.name());
        [Scheme::Bearer, Scheme::Dpop].into_iter().find(is)
    }
}

/// Which schemes an API takes. A token that is bound to a key is never taken as that of a bearer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Schemes {
    /// Bearers alone: bound tokens are refused.
    Bearer,
    /// Each token as it is meant.
    #[default]
    Both,
    /// Bound tokens alone.
    Dpop,
}

impl Schemes {
    fn take(self, scheme: Scheme) -> bool {
        match self {
            Schemes::Bearer => scheme == Scheme::Bearer,
            Schemes::Both => true,
            Schemes::Dpop => scheme == Scheme::Dpop,
        }
    }
}

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
    /// How a token may be presented.
    pub schemes: Schemes,
    /// Seconds by which clocks may differ.
    pub tolerance: i64,
}

/// The algorithms that a proof may be signed by, as a challenge lists them (RFC 9449, section 7.1).
pub const PROOFS: &str = "ES256 PS256 RS256 EdDSA Ed25519";

/// The token that a request presents, by its header alone (RFC 6750, section 2.1; RFC 9449, section
/// 7.1), and how.
pub fn presented(authorization: Option<&str>, schemes: Schemes) -> Result<(Scheme, Secret), Error> {
    let scheme = match Scheme::of(authorization) {
        Some(Scheme::Bearer) if schemes == Schemes::Dpop => return Err(failed("scheme")),
        Some(scheme) if schemes.take(scheme) => scheme,
        _ => return Err(failed("missing")),
    };
    match userinfo::credentials(authorization, scheme.name()) {
        Some(token) => Ok((scheme, token)),
        None => Err(failed("authorization")),
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

    /// What it says, once the platform said whether the signature is good. The proof is what came with
    /// the scheme DPoP.
    pub fn open(
        self,
        good: bool,
        guard: &Guard<'_>,
        proof: Option<&Proven>,
        now: UnixMillis,
    ) -> Result<Access, Error> {
        let claims = self.0.proven(good).map_err(recoded)?;
        guard.check(&claims, now.div_euclid(1000)).map_err(failed)?;
        guard.admit(claims, proof)
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
        self.check_issuer(claims)?;
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
        Ok(())
    }

    fn check_issuer(&self, claims: &Object) -> Result<(), jwt::Failed> {
        let issuer = self.issuer.for_tenant(claims.text("tid")).ok_or("iss")?;
        if claims.text("iss") == Some(issuer.as_str()) { Ok(()) } else { Err("iss") }
    }

    /// What the server says of an opaque token (RFC 7662, section 2.2), by an answer that was checked. Of
    /// a token for nobody in particular it is not known that it is for this API.
    pub fn introspected(
        &self,
        response: &Object,
        proof: Option<&Proven>,
        now: UnixMillis,
    ) -> Result<Access, Error> {
        self.check_introspected(response, now.div_euclid(1000)).map_err(failed)?;
        self.admit(response.clone(), proof)
    }

    fn check_introspected(&self, response: &Object, now: i64) -> Result<(), jwt::Failed> {
        if response.get("active") != Some(&Json::Bool(true)) {
            return Err("active");
        }
        if response.get("iss").is_some() {
            self.check_issuer(response)?;
        }
        if !jwt::audiences(response)?.contains(&self.audience) {
            return Err("aud");
        }
        // A refresh token is no access token, however active it is.
        let usual =
            |kind: &str| ["bearer", "dpop"].iter().any(|one| kind.eq_ignore_ascii_case(one));
        if response.text("token_type").is_some_and(|kind| !usual(kind)) {
            return Err("token_type");
        }
        match response.get("exp") {
            Some(_) => jwt::alive(response, now, self.tolerance),
            None => Ok(()),
        }
    }

    /// What every token must be, however it was read: presented as it is bound, and of that scope.
    fn admit(&self, claims: Object, proof: Option<&Proven>) -> Result<Access, Error> {
        self.check_binding(&claims, proof).map_err(failed)?;
        let access = Access(claims);
        match self.scope {
            Some(scope) if !access.allows(scope) => Err(Code::InsufficientScope.into()),
            _ => Ok(access),
        }
    }

    /// RFC 7800, section 3.1, and RFC 9449, section 7.1. A confirmation of another kind, such as a
    /// certificate (RFC 8705), cannot be held against anything here.
    fn check_binding(&self, claims: &Object, proof: Option<&Proven>) -> Result<(), jwt::Failed> {
        let key = match claims.get("cnf") {
            None if proof.is_none() => return Ok(()),
            Some(Json::Object(cnf)) if cnf.iter().count() == 1 => cnf.text("jkt"),
            _ => None,
        };
        match (key, proof) {
            (Some(key), Some(proof)) if same(key, &proof.thumbprint) => Ok(()),
            (Some(_), None) if self.schemes.take(Scheme::Dpop) => Err("scheme"),
            _ => Err("cnf"),
        }
    }

    /// What a failure is answered with, by the scheme of the request; `None` where it is not the
    /// request's fault.
    pub fn refusal(&self, error: &Error, shown: Option<Scheme>) -> Option<Refused> {
        let detail = error.detail_text().unwrap_or_default();
        // Section 3.1: who shows nothing is told nothing.
        let (status, reason) = match (error.code(), detail) {
            (Code::InsufficientScope, _) => (403, Some("insufficient_scope")),
            (Code::TokenInvalid, "missing") => (401, None),
            (Code::TokenInvalid, "authorization") => (400, Some("invalid_request")),
            (Code::TokenInvalid, "dpop_nonce") => (401, Some("use_dpop_nonce")),
            (Code::TokenInvalid, detail) if detail.starts_with(dpop_proof::PREFIX) => {
                (401, Some("invalid_dpop_proof"))
            }
            (Code::TokenInvalid | Code::JwksKeyNotFound, _) => (401, Some("invalid_token")),
            _ => return None,
        };
        let fits = match shown {
            _ if detail == "scheme" => Scheme::Dpop,
            Some(scheme) if self.schemes.take(scheme) => scheme,
            _ if self.schemes == Schemes::Dpop => Scheme::Dpop,
            _ => Scheme::Bearer,
        };
        let mut challenge = String::new();
        for scheme in [Scheme::Bearer, Scheme::Dpop] {
            // A reason is that of one scheme; without one, all are offered.
            let named = match reason {
                Some(_) => scheme == fits,
                None => self.schemes.take(scheme),
            };
            if !named {
                continue;
            }
            if !challenge.is_empty() {
                challenge.push_str(", ");
            }
            challenge.push_str(scheme.name());
            let mut comma = " ";
            for (name, value) in [
                ("realm", Some(self.audience)),
                ("error", reason),
                ("scope", self.scope.filter(|_| status == 403 || reason.is_none())),
                ("algs", Some(PROOFS).filter(|_| scheme == Scheme::Dpop)),
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
