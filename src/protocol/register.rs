//! RFC 7591 and RFC 7592: a client makes itself known to a server, and changes or ends that.

use alloc::string::String;

use super::error::{Code, Error};
use super::http::{ANSWER, Request, Response};
use super::json::{Json, Object};
use super::secret::Secret;
use super::token::{invalid, text};
use super::url::{Endpoint, ParseUrl, Transport};
use super::userinfo::bearer;

/// RFC 7591, section 3.1; `initial` is a token that some servers want.
pub fn request(to: &Endpoint, metadata: &Object, initial: Option<&Secret>) -> Request {
    send("POST", to, Some(metadata), initial)
}

/// What a server knows a client by.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The client's name there.
    pub client_id: String,
    /// The secret of a confidential client.
    pub client_secret: Option<Secret>,
    /// Where the registration is read, changed and ended, if the server lets that be done.
    pub management: Option<Management>,
    /// Everything, as it came.
    pub response: Object,
}

/// RFC 7592, section 3: an address and the token for it.
#[derive(Clone, Debug)]
pub struct Management {
    /// `registration_client_uri`
    pub url: Endpoint,
    /// `registration_access_token`
    pub token: Secret,
}

/// RFC 7591, section 3.2.1: 201. A server that says 200 has made the client all the same, and to refuse
/// it would leave one behind that nobody knows.
pub fn response(
    reply: &Response,
    urls: &impl ParseUrl,
    transport: Transport,
) -> Result<Registered, Error> {
    let success = if reply.status == 200 { 200 } else { 201 };
    check(reply.answered(success, Code::TokenError)?, None, urls, transport)
}

impl Management {
    /// RFC 7592, section 2.1.
    pub fn read(&self) -> Request {
        send("GET", &self.url, None, Some(&self.token))
    }

    /// Section 2.2: the whole metadata anew. What the server alone may say is left out.
    pub fn update(&self, client_id: &str, metadata: &Object) -> Result<Request, Error> {
        const SERVERS: [&str; 4] = [
            "registration_access_token",
            "registration_client_uri",
            "client_secret_expires_at",
            "client_id_issued_at",
        ];
        let mut body = metadata.clone();
        for name in SERVERS {
            body.take(name);
        }
        match body.get("client_id").map(Json::as_str) {
            None => body.set("client_id", client_id.into()),
            Some(Some(given)) if given == client_id => &mut body,
            Some(_) => return Err(Error::new(Code::ConfigInvalid).detail("client_id")),
        };
        Ok(send("PUT", &self.url, Some(&body), Some(&self.token)))
    }

    /// Section 2.3.
    pub fn delete(&self) -> Request {
        send("DELETE", &self.url, None, Some(&self.token))
    }

    /// The answer to `read` and `update` (section 3): of that client, with a new token perhaps.
    pub fn response(
        &self,
        reply: &Response,
        client_id: &str,
        urls: &impl ParseUrl,
        transport: Transport,
    ) -> Result<Registered, Error> {
        let response = reply.success(Code::TokenError)?;
        match check(response, Some(self), urls, transport)? {
            registered if registered.client_id == client_id => Ok(registered),
            _ => Err(invalid("client_id")),
        }
    }

    /// The answer to `delete`: 204.
    pub fn deleted(reply: &Response) -> Result<(), Error> {
        match reply.status {
            204 => Ok(()),
            _ => match reply.success(Code::TokenError) {
                Err(error) if error.code() == Code::TokenError => Err(error),
                _ => Err(reply.failure(Code::ResponseStatus)),
            },
        }
    }
}

fn check(
    response: Object,
    known: Option<&Management>,
    urls: &impl ParseUrl,
    transport: Transport,
) -> Result<Registered, Error> {
    const URL: &str = "registration_client_uri";
    const TOKEN: &str = "registration_access_token";
    let client_secret = text(&response, "client_secret")?.map(Secret::new);
    // A secret says how long it lives; 0 is for ever.
    match response.get("client_secret_expires_at").map(Json::as_integer) {
        None if client_secret.is_none() => {}
        Some(Some(0..)) => {}
        _ => return Err(invalid("client_secret_expires_at")),
    }
    let url = match text(&response, URL)? {
        None => known.map(|known| known.url.clone()),
        Some(url) => Some(Endpoint::parse(&url, urls, transport).map_err(|_| invalid(URL))?),
    };
    let token = text(&response, TOKEN)?.map(Secret::new);
    // Both or none (OpenID Connect Dynamic Client Registration 1.0, section 3.2).
    let management = match (url, token.or_else(|| known.map(|known| known.token.clone()))) {
        (Some(url), Some(token)) => Some(Management { url, token }),
        (None, None) => None,
        (None, Some(_)) => return Err(invalid(URL)),
        (Some(_), None) => return Err(invalid(TOKEN)),
    };
    Ok(Registered {
        client_id: text(&response, "client_id")?.ok_or_else(|| invalid("client_id"))?,
        client_secret,
        management,
        response,
    })
}

fn send(
    method: &'static str,
    to: &Endpoint,
    body: Option<&Object>,
    token: Option<&Secret>,
) -> Request {
    Request {
        method,
        json: body.map(|body| Secret::new(body.to_text())),
        authorization: token.map(bearer),
        cap: ANSWER,
        ..Request::get(to)
    }
}
