//! OpenID Connect Back-Channel Logout 1.0: the server says, behind the person's back, that a session is
//! over. Whoever posts it may be anybody; an error's status is what to answer, with
//! `Cache-Control: no-store` (R160, R161).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, Error};
use super::form;
use super::http::{ANSWER, essence};
use super::json::{Json, Object};
use super::jws::{self, Algorithm, Unverified};
use super::jwt;
use super::metadata::Issuer;
use super::secret::Secret;
use super::time::UnixMillis;

/// The event that a logout token tells of.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds back that a logout token may have been issued.
const OLDEST: i64 = 86_400;
/// Tokens that are remembered.
const SEEN: usize = 4096;

/// Section 2.5: the token in a request that somebody sent.
pub fn receive(method: &str, content_type: Option<&str>, body: &[u8]) -> Result<Secret, Error> {
    if method != "POST" {
        return Err(failed("method").status(405));
    }
    let kind = content_type.map(essence);
    if kind.as_deref() != Some("application/x-www-form-urlencoded") || body.len() > ANSWER {
        return Err(failed("malformed"));
    }
    let body = core::str::from_utf8(body).map_err(|_| failed("malformed"))?;
    let mut tokens = form::parse(body).into_iter().filter(|(name, _)| name == "logout_token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) if !token.is_empty() => Ok(Secret::new(token)),
        _ => Err(failed("logout_token")),
    }
}

/// A logout token whose signature was not checked.
pub struct Token(Unverified);

/// Takes one apart.
pub fn parse(raw: &str, allowed: &[Algorithm]) -> Result<Token, Error> {
    jws::parse(raw, allowed, &["logout+jwt"]).map(Token).map_err(recoded)
}

/// What the token is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// As configured.
    pub issuer: &'a Issuer,
    /// The audience that must be there.
    pub client_id: &'a str,
    /// Audiences that may stand beside it.
    pub trusted_audiences: &'a [String],
    /// Seconds by which clocks may differ.
    pub tolerance: i64,
}

/// Whose session is over: at least one of the two is there.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedOut {
    /// All sessions of that person, where no session is named.
    pub subject: Option<String>,
    /// That session.
    pub session: Option<String>,
    /// Names the token.
    pub jti: String,
    /// When the token is of no use any more.
    pub until: UnixMillis,
}

impl Token {
    /// Finds the key, and is what is checked with it.
    pub fn token(&self) -> &Unverified {
        &self.0
    }

    /// Section 2.6, once the platform said whether the signature is good.
    pub fn open(
        self,
        good: bool,
        expected: &Expected<'_>,
        now: UnixMillis,
    ) -> Result<LoggedOut, Error> {
        let claims = self.0.proven(good).map_err(recoded)?;
        check(&claims, expected, now).map_err(failed)
    }
}

fn check(
    claims: &Object,
    expected: &Expected<'_>,
    now: UnixMillis,
) -> Result<LoggedOut, jwt::Failed> {
    let issuer = expected.issuer.for_tenant(claims.text("tid")).ok_or("iss")?;
    if claims.text("iss") != Some(issuer.as_str()) {
        return Err("iss");
    }
    let audiences = jwt::audiences(claims)?;
    let trusted = |name: &&str| {
        *name == expected.client_id || expected.trusted_audiences.iter().any(|known| known == name)
    };
    if !audiences.contains(&expected.client_id) || !audiences.iter().all(trusted) {
        return Err("aud");
    }
    let (now, tolerance) = (now.div_euclid(1000), expected.tolerance);
    jwt::alive(claims, now, tolerance)?;
    jwt::issued(claims, now, tolerance, OLDEST)?;
    // An id_token has one: it must not do as a logout token.
    if claims.get("nonce").is_some() {
        return Err("nonce");
    }
    let event = claims.get("events").and_then(Json::as_object).and_then(|events| events.get(EVENT));
    if event.and_then(Json::as_object).is_none_or(|event| event.iter().next().is_some()) {
        return Err("events");
    }
    let text = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(Json::String(text)) if !text.is_empty() => Ok(Some(text.to_owned())),
        Some(_) => Err(name),
    };
    let (subject, session) = (text("sub")?, text("sid")?);
    if subject.is_none() && session.is_none() {
        return Err("sub");
    }
    let until = jwt::date(claims, "exp")?.unwrap_or(now) + tolerance;
    Ok(LoggedOut {
        subject,
        session,
        jti: text("jti")?.ok_or("jti")?,
        until: until.saturating_mul(1000),
    })
}

/// The tokens that came already: each is taken once (section 2.6).
#[derive(Clone, Debug, Default)]
pub struct Seen(Vec<(String, UnixMillis)>);

impl Seen {
    /// Whether it is the first time.
    pub fn first(&mut self, token: &LoggedOut, now: UnixMillis) -> Result<(), Error> {
        self.0.retain(|(_, until)| *until > now);
        if self.0.iter().any(|(jti, _)| *jti == token.jti) {
            return Err(failed("jti"));
        }
        if self.0.len() == SEEN {
            // Who signs out twice is signed out.
            self.0.remove(0);
        }
        self.0.push((token.jti.clone(), token.until));
        Ok(())
    }
}

fn failed(claim: jwt::Failed) -> Error {
    Error::new(Code::TokenInvalid).detail(claim).status(400)
}

fn recoded(error: Error) -> Error {
    error.recoded(Code::TokenInvalid).status(400)
}
