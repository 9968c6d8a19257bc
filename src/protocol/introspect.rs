//! RFC 7662 and RFC 9701: what the server knows of a token. Of a token that is not active nothing else
//! is told, whatever the server adds (R149).

use super::client_auth::{ClientAuth, Method};
use super::error::{Code, Error};
use super::form::Form;
use super::http::{Request, Response};
use super::json::{Json, Object};
use super::jws::{self, Algorithm, Unverified};
use super::jwt;
use super::secret::Secret;
use super::time::UnixMillis;
use super::token::invalid;
use super::url::Endpoint;

/// RFC 9701, section 4.
pub const JWT: &str = "application/token-introspection+jwt";

/// Seconds back that a signed answer may have been made: it answers a question of just now.
const OLDEST: i64 = 300;

/// RFC 7662, section 2.1, for clients that show who they are; `signed` asks for RFC 9701.
pub fn request(
    to: &Endpoint,
    auth: &ClientAuth,
    method: Method,
    token: &Secret,
    hint: Option<&str>,
    signed: bool,
) -> Result<Request, Error> {
    if method == Method::None {
        return Err(Error::new(Code::ConfigInvalid).detail("clientAuthentication"));
    }
    let mut form = Form::new();
    form.push("token", token.expose()).push_some("token_type_hint", hint);
    let request = auth.post(to, form, method);
    Ok(if signed { Request { accept: JWT, ..request } } else { request })
}

/// What is known of a token.
#[derive(Clone, Debug)]
pub struct Introspection {
    /// Whether it may be used.
    pub active: bool,
    /// The members as they came; of a token that is not active, `active` alone.
    pub response: Object,
}

/// RFC 7662, section 2.2.
pub fn response(reply: &Response) -> Result<Introspection, Error> {
    check(reply.success(Code::TokenError)?)
}

/// RFC 9701, section 5: an answer whose signature was not checked. A plain one is no such answer.
pub fn signed_response(reply: &Response, allowed: &[Algorithm]) -> Result<Signed, Error> {
    let raw = reply.text_of(JWT, Code::TokenError)?;
    let token = jws::parse(raw.trim(), allowed, &["token-introspection+jwt"]);
    match token.map_err(recoded)? {
        token if token.typed => Ok(Signed(token)),
        _ => Err(failed("typ")),
    }
}

/// An answer that somebody signed.
pub struct Signed(Unverified);

impl Signed {
    /// Finds the key, and is what is checked with it.
    pub fn token(&self) -> &Unverified {
        &self.0
    }

    /// What it says, if the signature is good and it is that server's answer to this client.
    pub fn open(
        self,
        good: bool,
        issuer: &str,
        client_id: &str,
        now: UnixMillis,
        tolerance: i64,
    ) -> Result<Introspection, Error> {
        let mut claims = self.0.proven(good).map_err(recoded)?;
        if claims.text("iss") != Some(issuer) {
            return Err(failed("iss"));
        }
        if !jwt::audiences(&claims).map_err(failed)?.contains(&client_id) {
            return Err(failed("aud"));
        }
        let now = now.div_euclid(1000);
        jwt::issued(&claims, now, tolerance, OLDEST).map_err(failed)?;
        match claims.take("token_introspection") {
            Some(Json::Object(response)) => check(response),
            _ => Err(failed("token_introspection")),
        }
    }
}

fn check(response: Object) -> Result<Introspection, Error> {
    const TEXTS: [&str; 7] = ["scope", "client_id", "username", "token_type", "sub", "iss", "jti"];
    let active = response.get("active").and_then(Json::as_bool).ok_or_else(|| invalid("active"))?;
    if !active {
        let mut bare = Object::new();
        bare.set("active", Json::Bool(false));
        return Ok(Introspection { active, response: bare });
    }
    for name in TEXTS {
        if response.get(name).is_some_and(|value| value.as_str().is_none()) {
            return Err(invalid(name));
        }
    }
    for name in ["exp", "iat", "nbf"] {
        jwt::date(&response, name).map_err(invalid)?;
    }
    if response.get("aud").is_some() {
        jwt::audiences(&response).map_err(invalid)?;
    }
    Ok(Introspection { active, response })
}

fn failed(claim: jwt::Failed) -> Error {
    Error::new(Code::TokenInvalid).detail(claim)
}

fn recoded(error: Error) -> Error {
    error.recoded(Code::TokenInvalid)
}
