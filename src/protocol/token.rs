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

/// How the token that was asked for is to be presented.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Binding {
    /// By whoever holds it (RFC 6750).
    #[default]
    Bearer,
    /// With a proof of a key (RFC 9449).
    Dpop,
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

/// Reads a token response to a request for a bearer token.
pub fn response(reply: &Response, reading: Reading) -> Result<Tokens, Error> {
    response_for(reply, reading, Binding::Bearer)
}

/// Reads a token response to a request for a token of that binding.
pub fn response_for(reply: &Response, reading: Reading, binding: Binding) -> Result<Tokens, Error> {
    read(reply, reading, binding, false)
}

/// The same, or for a token exchange, which may bring what is no access token.
pub(super) fn read(
    reply: &Response,
    reading: Reading,
    binding: Binding,
    exchanged: bool,
) -> Result<Tokens, Error> {
    let response = reply.success(Code::TokenError)?;
    let access_token = text(&response, "access_token")?.ok_or_else(|| invalid("access_token"))?;
    if !access_token.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(invalid("access_token"));
    }
    require_binding(&response, reading, binding, exchanged)?;
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
/// token exchange (RFC 8693, section 2.2.1). What was asked for bound must come bound, and the other
/// way round (RFC 9449, section 5; R073).
fn require_binding(
    response: &Object,
    reading: Reading,
    binding: Binding,
    exchanged: bool,
) -> Result<(), Error> {
    let kind = match response.get("token_type") {
        None if reading == Reading::Lenient => "bearer",
        Some(Json::String(kind)) => kind,
        _ => return Err(invalid("token_type")),
    };
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    match binding {
        _ if exchanged && is("n_a") => Ok(()),
        Binding::Bearer if is("bearer") => Ok(()),
        Binding::Dpop if is("dpop") => Ok(()),
        _ if is("bearer") || is("dpop") => Err(Code::TokenBindingDowngrade.into()),
        _ => Err(Code::TokenTypeUnsupported.into()),
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
