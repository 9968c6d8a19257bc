//! RFC 9101: the request as a signed object, so that nobody on the way can change it (R038).

use alloc::vec::Vec;

use super::authorize::has_scope;
use super::base64url;
use super::error::{Code, Error};
use super::form::Form;
use super::json::{self, Json, Object};
use super::jws::{Draft, Signer};
use super::metadata::Issuer;
use super::secret::Secret;
use super::text;
use super::time::UnixMillis;

/// Section 10.8: never taken for another kind of token.
const TYPE: &str = "oauth-authz-req+jwt";

/// Seconds that a request object is good for: the person is on the way already.
const LIFE: i64 = 300;

/// The claims of who signs for whom, and when: of every request that a client signs. `jti` is random.
pub(super) fn frame(
    client_id: &str,
    issuer: &str,
    jti: &[u8; 32],
    life: i64,
    now: UnixMillis,
) -> Object {
    let now = now.div_euclid(1000);
    let mut claims = Object::new();
    claims
        .set("iss", client_id.into())
        .set("aud", issuer.into())
        .set("jti", base64url::encode(jti).as_str().into())
        .set_integer("iat", Some(now))
        .set_integer("exp", Some(now + life));
    claims
}

/// The request object of those parameters, to be signed (section 4).
pub fn draft(
    parameters: &Form,
    client_id: &str,
    issuer: &Issuer,
    signer: Signer<'_>,
    jti: &[u8; 32],
    now: UnixMillis,
) -> Result<Draft, Error> {
    let claims = claims(parameters, client_id, issuer, jti, now)?;
    Ok(Draft::new(signer, Some(TYPE), &claims))
}

/// The same claims for CIBA (section 7.1.1 there), whose signed requests have no type.
pub fn backchannel_draft(
    parameters: &Form,
    client_id: &str,
    issuer: &Issuer,
    signer: Signer<'_>,
    jti: &[u8; 32],
    now: UnixMillis,
) -> Result<Draft, Error> {
    Ok(Draft::new(signer, None, &claims(parameters, client_id, issuer, jti, now)?))
}

fn claims(
    parameters: &Form,
    client_id: &str,
    issuer: &Issuer,
    jti: &[u8; 32],
    now: UnixMillis,
) -> Result<Object, Error> {
    // What is a token about somebody else (RFC 9101, section 10.8), and what is ours to say.
    const OURS: [&str; 9] =
        ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "request", "request_uri"];
    let mut claims = frame(client_id, issuer.as_str(), jti, LIFE, now);
    claims.set_integer("nbf", Some(now.div_euclid(1000)));
    for (name, value) in parameters.iter() {
        if OURS.contains(&name) {
            return Err(Error::new(Code::ConfigInvalid).detail("parameters"));
        }
        let value = match name {
            // These are JSON already.
            "claims" | "authorization_details" => json::read(value.as_bytes())
                .map_err(|_| Error::new(Code::ConfigInvalid).detail("parameters"))?,
            "max_age" | "requested_expiry" => {
                text::digits(value).map_or_else(|| value.into(), Json::integer)
            }
            _ => value.into(),
        };
        // A parameter that stands several times is an array.
        let value = match claims.take(name) {
            None => value,
            Some(Json::Array(mut values)) => {
                values.push(value);
                Json::Array(values)
            }
            Some(first) => Json::Array(Vec::from([first, value])),
        };
        claims.set(name, value);
    }
    Ok(claims)
}

/// What still stands in the address (section 5): who asks, and the object. OpenID Connect Core 1.0,
/// section 6.1, wants two more.
pub fn query(parameters: &Form, client_id: &str, object: &Secret) -> Form {
    let mut query = Form::new();
    query.push("client_id", client_id);
    let scope = parameters.value("scope");
    if has_scope(scope, "openid") {
        query.push_some("response_type", parameters.value("response_type"));
        query.push_some("scope", scope);
    }
    query.push("request", object.expose());
    query
}

/// What is pushed, or posted on the back channel: the object, and how the client shows who it is
/// (RFC 9126, section 3).
pub fn body(object: &Secret) -> Form {
    let mut body = Form::new();
    body.push("request", object.expose());
    body
}
