//! RFC 6749, sections 4 to 6: the token endpoint. A server's refusal is an answer of its own kind;
//! a success is taken apart once, and what does not fit is refused whole (R071 to R080).

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::authorize;
use super::client_auth::{ClientAuth, Method};
use super::error::{Code, Error};
use super::form::Form;
use super::http::{Request, Response};
use super::json::{Json, Object};
use super::secret::Secret;
use super::text;
use super::url::Endpoint;

/// What the caller tolerates of servers that do not keep to RFC 6749, section 5.1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Reading {
    /// By the letter.
    #[default]
    Strict,
    /// A missing `token_type` counts as Bearer, digits in a string count for `expires_in`.
    Lenient,
}

/// A request for tokens: `grant` holds `grant_type` and its parameters.
pub fn request(to: &Endpoint, auth: &ClientAuth, method: Method, grant: Form) -> Request {
    auth.post(to, grant, method)
}

/// A token response that passed every check of RFC 6749, section 5.1.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Opaque (R080): its characters are safe in a header, more is not known of it.
    pub access_token: Secret,
    /// Seconds, if the server said so. Without it the life is unknown, not endless.
    pub expires_in: Option<u32>,
    /// Scope as granted; absent where it is as requested.
    pub scope: Option<String>,
    /// RFC 6749, section 1.5
    pub refresh_token: Option<Secret>,
    /// Seconds that the refresh token lives, where the server says it.
    pub refresh_expires_in: Option<u32>,
    /// OpenID Connect Core 1.0, section 3.1.3.3
    pub id_token: Option<Secret>,
    /// Everything, as it came.
    pub response: Object,
}

/// Reads a token response.
pub fn response(reply: &Response, reading: Reading) -> Result<Tokens, Error> {
    let response = reply.success(Code::TokenError)?;
    let access_token = text(&response, "access_token")?.ok_or_else(|| invalid("access_token"))?;
    if !access_token.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(invalid("access_token"));
    }
    require_bearer(&response, reading)?;
    require_details(&response)?;
    Ok(Tokens {
        expires_in: seconds(&response, "expires_in", reading)?,
        scope: match response.get("scope") {
            None => None,
            Some(value) => Some(value.as_str().ok_or_else(|| invalid("scope"))?.to_owned()),
        },
        refresh_token: text(&response, "refresh_token")?.map(Secret::new),
        // Not of any specification: what does not fit is as if it were absent.
        refresh_expires_in: ["refresh_expires_in", "refresh_token_expires_in"]
            .iter()
            .find_map(|name| seconds(&response, name, reading).ok().flatten())
            .filter(|seconds| *seconds > 0),
        id_token: text(&response, "id_token")?.map(Secret::new),
        access_token: Secret::new(access_token),
        response,
    })
}

/// A token of another type cannot be presented as it would have to be (section 7.1); `N_A` belongs to
/// token exchange (RFC 8693, section 2.2.1), and DPoP was not asked for (R073).
fn require_bearer(response: &Object, reading: Reading) -> Result<(), Error> {
    match response.get("token_type") {
        None if reading == Reading::Lenient => Ok(()),
        None => Err(invalid("token_type")),
        Some(Json::String(kind)) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
        Some(Json::String(kind))
            if kind.eq_ignore_ascii_case("n_a") && response.get("issued_token_type").is_some() =>
        {
            Ok(())
        }
        Some(Json::String(kind)) if kind.eq_ignore_ascii_case("dpop") => {
            Err(Code::TokenBindingDowngrade.into())
        }
        Some(Json::String(_)) => Err(Code::TokenTypeUnsupported.into()),
        Some(_) => Err(invalid("token_type")),
    }
}

/// RFC 9396, section 7: what was granted is a list of objects with a type (R077).
fn require_details(response: &Object) -> Result<(), Error> {
    const NAME: &str = "authorization_details";
    match response.get(NAME) {
        Some(details) if !authorize::details(details) => Err(invalid(NAME)),
        _ => Ok(()),
    }
}

/// A member that is a string with something in it, or absent.
pub(super) fn text(response: &Object, name: &'static str) -> Result<Option<String>, Error> {
    match response.get(name) {
        None => Ok(None),
        Some(Json::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(invalid(name)),
    }
}

/// A whole number of seconds up to 2^31 - 1 (R074): beyond it, timers fire at once.
pub(super) fn seconds(
    response: &Object,
    name: &'static str,
    reading: Reading,
) -> Result<Option<u32>, Error> {
    let value = match response.get(name) {
        None => return Ok(None),
        Some(Json::String(digits)) if reading == Reading::Lenient => text::digits(digits),
        Some(value) => value.as_integer(),
    };
    match value {
        Some(value @ 0..=0x7fff_ffff) => Ok(u32::try_from(value).ok()),
        _ => Err(invalid(name)),
    }
}

/// An answer without that member, or with another thing in its place.
pub(super) fn invalid(member: &'static str) -> Error {
    Error::new(Code::TokenResponseInvalid).detail(member)
}
