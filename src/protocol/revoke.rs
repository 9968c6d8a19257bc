//! RFC 7009: a token is given back.

use super::client_auth::{ClientAuth, Method};
use super::error::{Code, Error};
use super::form::Form;
use super::http::{Request, Response};
use super::secret::Secret;
use super::url::Endpoint;

/// Section 2.1.
pub fn request(
    to: &Endpoint,
    auth: &ClientAuth,
    method: Method,
    token: &Secret,
    hint: Option<&str>,
) -> Request {
    let mut form = Form::new();
    form.push("token", token.expose()).push_some("token_type_hint", hint);
    auth.post(to, form, method)
}

/// Section 2.2: 200 is success whatever the body; 503 means that the token is still alive.
pub fn response(reply: &Response) -> Result<(), Error> {
    match reply.status {
        200 => Ok(()),
        _ => match reply.success(Code::TokenError) {
            Err(error) if error.code() == Code::TokenError => Err(error),
            _ => Err(reply.failure(Code::ResponseStatus)),
        },
    }
}
