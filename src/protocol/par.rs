//! RFC 9126: the request is pushed to the server first, and the person takes a reference to it. There
//! is no way back to the plain request (R040).

use alloc::string::String;

use super::authorize;
use super::client_auth::{ClientAuth, Method};
use super::error::{Code, Error, Refusal};
use super::form::Form;
use super::http::{Request, Response};
use super::json::Object;
use super::metadata::Metadata;
use super::poll;
use super::time::{Millis, UnixMillis};
use super::token::{Reading, invalid, text};
use super::url::Endpoint;

/// Section 2.1: the parameters of an authorization request, or a signed one (section 3).
pub fn request(
    to: &Endpoint,
    auth: &ClientAuth,
    method: Method,
    mut parameters: Form,
) -> Result<Request, Error> {
    if parameters.has("request_uri") {
        return Err(Error::new(Code::ConfigInvalid).detail("request_uri"));
    }
    // Also where the header or a signed request says it (sections 2.1 and 3).
    if !parameters.has("client_id") {
        parameters.push("client_id", &auth.id);
    }
    Ok(auth.post(to, parameters, method))
}

/// A reference to a request that was pushed. It is good for one use, and is used up by it.
#[derive(Debug)]
pub struct Pushed {
    /// Opaque.
    pub request_uri: String,
    /// Seconds.
    pub expires_in: u32,
    /// Everything, as it came.
    pub response: Object,
    at: UnixMillis,
}

/// Section 2.2, for an answer that came just now: 201, nothing else (R039).
pub fn response(reply: &Response, reading: Reading, now: UnixMillis) -> Result<Pushed, Error> {
    let response = reply.answered(201, Code::TokenError)?;
    Ok(Pushed {
        request_uri: text(&response, "request_uri")?.ok_or_else(|| invalid("request_uri"))?,
        expires_in: poll::life(&response, reading)?,
        response,
        at: now,
    })
}

impl Pushed {
    /// Where the person goes: `client_id` and the reference, nothing more (section 4).
    pub fn url(self, server: &Metadata, client_id: &str, now: UnixMillis) -> Result<String, Error> {
        if now - self.at >= Millis::from(self.expires_in) * 1000 {
            let refusal = Refusal { error: "invalid_request_uri".into(), ..Refusal::default() };
            let late = Error::new(Code::AuthorizationError).detail("expires_in");
            return Err(late.refusal(refusal));
        }
        let mut query = Form::new();
        query.push("client_id", client_id).push("request_uri", &self.request_uri);
        authorize::url(server, &query)
    }
}
