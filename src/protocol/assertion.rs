//! RFC 7521 and RFC 7523: a signed statement, as a grant or as a client's way to show who it is. For
//! the latter the audience is the issuer, as one string and nothing else: a server that misleads a client
//! gets no assertion that another server takes (R066, A045).

use alloc::string::String;

use super::error::{Code, Error};
use super::form::Form;
use super::http::Request;
use super::jar;
use super::json::Object;
use super::jws::{Draft, Signer};
use super::metadata::Issuer;
use super::secret::Secret;
use super::time::UnixMillis;

/// RFC 7523, section 2.1.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// RFC 7523, section 2.2.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Seconds that an assertion is good for: it is sent at once.
const LIFE: i64 = 60;
/// Bytes of a secret that HS256 is as strong as (RFC 7518, section 3.2; R067).
const STRENGTH: usize = 32;

/// An assertion as a grant (RFC 7523, section 2.1).
pub fn grant(assertion: &Secret) -> Result<Form, Error> {
    if assertion.expose().is_empty() {
        return Err(config("assertion"));
    }
    let mut grant = Form::new();
    grant.push("grant_type", GRANT).push("assertion", assertion.expose());
    Ok(grant)
}

/// `private_key_jwt` (OpenID Connect Core 1.0, section 9): to be signed by that key. `jti` is random.
pub fn draft(
    client_id: &str,
    issuer: &Issuer,
    signer: Signer<'_>,
    jti: &[u8; 32],
    now: UnixMillis,
) -> Draft {
    Draft::new(signer, None, &claims(client_id, issuer, jti, now))
}

/// `client_secret_jwt`: to be signed by HMAC-SHA-256 under the secret.
pub fn draft_by_secret(
    client_id: &str,
    issuer: &Issuer,
    secret: &Secret,
    jti: &[u8; 32],
    now: UnixMillis,
) -> Result<Draft, Error> {
    if secret.expose().len() < STRENGTH {
        return Err(config("clientSecret"));
    }
    let mut header = Object::new();
    header.set("alg", "HS256".into());
    Ok(Draft::of(&header, &claims(client_id, issuer, jti, now)))
}

fn claims(client_id: &str, issuer: &Issuer, jti: &[u8; 32], now: UnixMillis) -> Object {
    let mut claims = jar::frame(client_id, issuer.as_str(), jti, LIFE, now);
    claims.set("sub", client_id.into());
    claims
}

/// Puts an assertion into a form, made here or elsewhere; `ClientAuth::post` sends it by a method
/// that has no secret.
pub fn present(form: &mut Form, assertion: &Secret) {
    form.push("client_assertion_type", TYPE).push("client_assertion", assertion.expose());
}

/// The same for a request whose form is written already.
pub fn attach(request: &mut Request, assertion: &Secret) {
    let mut form = Form::new();
    present(&mut form, assertion);
    let form = form.encode();
    request.form = Some(match &request.form {
        Some(before) => {
            let mut all = String::with_capacity(before.expose().len() + 1 + form.expose().len());
            all.push_str(before.expose());
            all.push('&');
            all.push_str(form.expose());
            Secret::new(all)
        }
        None => form,
    });
}

fn config(option: &'static str) -> Error {
    Error::new(Code::ConfigInvalid).detail(option)
}
