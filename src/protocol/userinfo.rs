//! OpenID Connect Core 1.0, section 5.3: more about the person. Nothing of an answer about somebody
//! else is used (R114 to R117); endpoints of distributed claims are never called.

use alloc::string::String;

use super::error::{Code, Error};
use super::http::{Request, Response};
use super::json::Object;
use super::secret::Secret;
use super::url::Endpoint;

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
    let (scheme, token) = authorization?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    let whole = !body.is_empty() && body.bytes().all(legal);
    (whole && scheme.eq_ignore_ascii_case("bearer")).then(|| Secret::new(token))
}

/// The members, if they are about the person that the id_token names.
pub fn response(reply: &Response, subject: &str) -> Result<Object, Error> {
    if reply.status != 200 {
        return Err(reply.failure(Code::ResponseStatus));
    }
    let object = reply.object()?;
    match object.text("sub") {
        Some(sub) if sub == subject && !sub.is_empty() => Ok(object),
        _ => Err(Error::new(Code::UserinfoInvalid).detail("sub")),
    }
}
