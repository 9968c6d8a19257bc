//! OpenID Connect Core 1.0, section 5.3: more about the person. Nothing of an answer about somebody
//! else is used (R114 to R117); endpoints of distributed claims are never called.

use alloc::string::String;

use super::error::{Code, Error};
use super::http::{Request, Response};
use super::json::Object;
use super::jws::{self, Algorithm, Unverified};
use super::jwt;
use super::metadata::Issuer;
use super::secret::Secret;
use super::url::Endpoint;

/// RFC 7519, section 10.3.1.
pub const JWT: &str = "application/jwt";

/// GET with the token in the header, the only place for it.
pub fn request(url: &Endpoint, access_token: &Secret) -> Request {
    Request { authorization: Some(bearer(access_token)), ..Request::get(url) }
}

/// RFC 6750, section 2.1.
pub fn bearer(access_token: &Secret) -> Secret {
    let mut value = String::with_capacity(7 + access_token.expose().len());
    value.push_str("Bearer ");
    value.push_str(access_token.expose());
    Secret::new(value)
}

/// The token that a header presents (section 2.1): the scheme in any case, then a token of the
/// characters of `b64token`. Anything else presents none.
pub fn presented(authorization: Option<&str>) -> Option<Secret> {
    credentials(authorization, "bearer")
}

/// The same under another scheme (RFC 9449, section 7.1).
pub fn credentials(authorization: Option<&str>, named: &str) -> Option<Secret> {
    let (scheme, token) = authorization?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    let whole = !body.is_empty() && body.bytes().all(legal);
    (whole && scheme.eq_ignore_ascii_case(named)).then(|| Secret::new(token))
}

/// The members, if they are about the person that the id_token names.
pub fn response(reply: &Response, subject: &str) -> Result<Object, Error> {
    if reply.status != 200 {
        return Err(reply.failure(Code::ResponseStatus));
    }
    about(reply.object()?, subject)
}

/// Asks for the same, signed by the server.
pub fn signed_request(url: &Endpoint, access_token: &Secret) -> Request {
    Request { accept: JWT, ..request(url, access_token) }
}

/// A signed answer (section 5.3.2). Whoever registered for that takes no plain one (R116).
pub fn signed_response(reply: &Response, allowed: &[Algorithm]) -> Result<Signed, Error> {
    if reply.status != 200 {
        return Err(reply.failure(Code::ResponseStatus));
    }
    let raw = reply.text_of(JWT, Code::ResponseStatus)?;
    jws::parse(raw.trim(), allowed, &["JWT"]).map(Signed).map_err(recoded)
}

/// User info that somebody signed.
pub struct Signed(Unverified);

impl Signed {
    /// Finds the key, and is what is checked with it.
    pub fn token(&self) -> &Unverified {
        &self.0
    }

    /// The members, if the signature is good, and `iss` and `aud`, where they are there, name that
    /// server and this client.
    pub fn open(
        self,
        good: bool,
        issuer: &Issuer,
        client_id: &str,
        subject: &str,
    ) -> Result<Object, Error> {
        let claims = self.0.proven(good).map_err(recoded)?;
        if claims.get("iss").is_some() && claims.text("iss") != Some(issuer.as_str()) {
            return Err(failed("iss"));
        }
        if claims.get("aud").is_some()
            && !jwt::audiences(&claims).map_err(failed)?.contains(&client_id)
        {
            return Err(failed("aud"));
        }
        about(claims, subject)
    }
}

fn about(members: Object, subject: &str) -> Result<Object, Error> {
    match members.text("sub") {
        Some(sub) if sub == subject && !sub.is_empty() => Ok(members),
        _ => Err(failed("sub")),
    }
}

fn failed(claim: jwt::Failed) -> Error {
    Error::new(Code::UserinfoInvalid).detail(claim)
}

fn recoded(error: Error) -> Error {
    error.recoded(Code::UserinfoInvalid)
}
