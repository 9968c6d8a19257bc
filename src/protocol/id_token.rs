//! OpenID Connect Core 1.0, section 3.1.3.7: what an id_token must say before anybody may read it.
//! Claims come only out of a token whose signature was checked (R091 to R102).

use alloc::string::String;

use super::base64url;
use super::error::Error;
use super::json::{Json, Object};
use super::jws::{self, Algorithm, Unverified, invalid};
use super::jwt;
use super::metadata::Issuer;
use super::secret::same;
use super::time::UnixMillis;

/// Seconds back that an id_token may have been issued.
const OLDEST: i64 = 86_400;

/// Takes an id_token apart.
pub fn parse(raw: &str, allowed: &[Algorithm]) -> Result<Unverified, Error> {
    jws::parse(raw, allowed, &["JWT"])
}

/// An id_token with a good signature.
pub struct Verified {
    algorithm: Algorithm,
    claims: Object,
}

/// What the token is held against.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// As configured.
    pub issuer: &'a Issuer,
    /// The audience that must be there.
    pub client_id: &'a str,
    /// Audiences that may stand beside it.
    pub trusted_audiences: &'a [String],
    /// What was sent; nothing sent, nothing may come (R097).
    pub nonce: Nonce<'a>,
    /// As it was sent, seconds.
    pub max_age: Option<u32>,
    /// Values of which `acr` must be one, unless there are none.
    pub essential_acr: &'a [String],
    /// Seconds by which clocks may differ.
    pub tolerance: i64,
    /// The digest of the access token by the token's own hash, if there is an access token.
    pub access_token_digest: Option<&'a [u8]>,
    /// The digest of the code.
    pub code_digest: Option<&'a [u8]>,
    /// The digest of the state.
    pub state_digest: Option<&'a [u8]>,
}

/// What the claim `nonce` must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonce<'a> {
    /// Exactly this.
    Is(&'a str),
    /// Absent, for none was sent.
    Absent,
    /// Absent or this: a renewed id_token need not repeat it (section 12.2).
    AbsentOr(Option<&'a str>),
}

/// Claims that passed every check. The person is (`iss`, `sub`), never an e-mail address (R103).
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Object);

impl Claims {
    /// The person at this issuer.
    pub fn subject(&self) -> &str {
        self.0.text("sub").unwrap_or_default()
    }

    /// All members.
    pub fn members(&self) -> &Object {
        &self.0
    }

    /// Claims that were verified before they were stored.
    pub(crate) fn restored(members: Object) -> Option<Claims> {
        let whole = members.text("iss").is_some() && members.text("sub").is_some();
        whole.then_some(Claims(members))
    }

    /// A renewed token speaks of the same sign-in (section 12.2; R120).
    pub fn continues(&self, earlier: &Claims) -> Result<(), Error> {
        for name in ["iss", "sub"] {
            if self.0.text(name) != earlier.0.text(name) {
                return Err(invalid(if name == "iss" { "iss" } else { "sub" }));
            }
        }
        for name in ["auth_time", "azp"] {
            let (new, old) = (self.0.get(name), earlier.0.get(name));
            if new.is_some() && old.is_some() && new != old {
                return Err(invalid(if name == "azp" { "azp" } else { "auth_time" }));
            }
        }
        Ok(())
    }
}

impl Verified {
    pub(super) fn new(token: Unverified) -> Verified {
        Verified { algorithm: token.algorithm, claims: token.into_payload() }
    }

    /// The hash that `at_hash` and `c_hash` of this token use.
    pub fn hash(&self) -> jws::Hash {
        self.algorithm.hash
    }

    /// Whether a digest of the access token is wanted.
    pub fn has(&self, claim: &str) -> bool {
        self.claims.get(claim).is_some()
    }

    /// When the server says that it issued the token: a clock reading that is signed.
    pub fn issued_at(&self) -> Option<UnixMillis> {
        jwt::date(&self.claims, "iat").ok().flatten().map(|iat| iat * 1000)
    }

    /// Whether the nonce is the one that was sent: then `issued_at` is fresh.
    pub fn answers(&self, nonce: &str) -> bool {
        self.claims.text("nonce").is_some_and(|value| same(value, nonce))
    }

    /// Every check of the claims. `now` is this machine's clock plus the skew that is known.
    pub fn claims(self, expected: &Expected<'_>, now: UnixMillis) -> Result<Claims, Error> {
        let claims = &self.claims;
        self.who(expected)?;
        self.when(expected, now)?;
        match (claims.get("nonce").map(Json::as_str), expected.nonce) {
            (None, Nonce::Absent | Nonce::AbsentOr(_)) => {}
            (Some(Some(value)), Nonce::Is(sent) | Nonce::AbsentOr(Some(sent)))
                if same(value, sent) => {}
            _ => return Err(invalid("nonce")),
        }
        self.half_hash("at_hash", expected.access_token_digest)?;
        self.half_hash("c_hash", expected.code_digest)?;
        self.half_hash("s_hash", expected.state_digest)?;
        if !expected.essential_acr.is_empty() {
            let acr = claims.text("acr").ok_or_else(|| invalid("acr"))?;
            if !expected.essential_acr.iter().any(|known| known == acr) {
                return Err(invalid("acr"));
            }
        }
        Ok(Claims(self.claims))
    }

    fn who(&self, expected: &Expected<'_>) -> Result<(), Error> {
        let claims = &self.claims;
        let issuer =
            expected.issuer.for_tenant(claims.text("tid")).ok_or_else(|| invalid("iss"))?;
        if claims.text("iss") != Some(issuer.as_str()) {
            return Err(invalid("iss"));
        }
        let audiences = jwt::audiences(claims).map_err(invalid)?;
        let trusted = |name: &&str| {
            *name == expected.client_id
                || expected.trusted_audiences.iter().any(|known| known == name)
        };
        if !audiences.contains(&expected.client_id) || !audiences.iter().all(trusted) {
            return Err(invalid("aud"));
        }
        match claims.get("azp") {
            None if audiences.len() > 1 => return Err(invalid("azp")),
            None => {}
            Some(azp) if azp.as_str() == Some(expected.client_id) => {}
            Some(_) => return Err(invalid("azp")),
        }
        match claims.text("sub") {
            Some(sub) if !sub.is_empty() && sub.len() <= 255 && sub.is_ascii() => Ok(()),
            _ => Err(invalid("sub")),
        }
    }

    fn when(&self, expected: &Expected<'_>, now: UnixMillis) -> Result<(), Error> {
        let (claims, now, tolerance) = (&self.claims, now.div_euclid(1000), expected.tolerance);
        jwt::alive(claims, now, tolerance).map_err(invalid)?;
        jwt::issued(claims, now, tolerance, OLDEST).map_err(invalid)?;
        let auth_time = jwt::date(claims, "auth_time").map_err(invalid)?;
        if let Some(max_age) = expected.max_age {
            let auth_time = auth_time.ok_or_else(|| invalid("auth_time"))?;
            let age = now - auth_time;
            if age > i64::from(max_age) + tolerance || age < -tolerance {
                return Err(invalid("auth_time"));
            }
        }
        Ok(())
    }

    /// Section 3.1.3.8: the left half of a digest.
    fn half_hash(&self, name: &'static str, digest: Option<&[u8]>) -> Result<(), Error> {
        let Some(claim) = self.claims.get(name) else {
            return Ok(());
        };
        let Some(digest) = digest else { return Ok(()) };
        let half = digest.get(..digest.len() / 2).unwrap_or_default();
        match claim.as_str() {
            Some(text) if same(text, &base64url::encode(half)) => Ok(()),
            _ => Err(invalid(name)),
        }
    }
}
