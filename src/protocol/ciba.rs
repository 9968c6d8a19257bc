//! OpenID Connect Client-Initiated Backchannel Authentication (CIBA) Core 1.0: the person signs in on a
//! device of their own, asked by the server. Poll and ping; push is refused, for it would bring tokens
//! past the token endpoint.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::authorize::{Wish, has_scope};
use super::base64url;
use super::client_auth::{ClientAuth, Method};
use super::error::{Code, Error};
use super::form::Form;
use super::http::{Request, Response};
use super::json::{self, Object};
use super::poll::{self, Poll};
use super::secret::{Secret, same};
use super::time::UnixMillis;
use super::token::{Reading, invalid, text};
use super::url::Endpoint;
use super::userinfo::presented;

/// Section 4.
pub const GRANT: &str = "urn:openid:params:grant-type:ciba";

/// Bytes of a notification at the most.
const NOTIFICATION: usize = 8 * 1024;

/// Who is asked, and what for (section 7.1).
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The scope holds `openid`.
    pub wish: Wish,
    /// One of the three hints says who.
    pub login_hint: Option<String>,
    /// A token about the person.
    pub login_hint_token: Option<Secret>,
    /// An id_token of an earlier sign-in.
    pub id_token_hint: Option<Secret>,
    /// Shown on both devices.
    pub binding_message: Option<String>,
    /// A code that only the person knows.
    pub user_code: Option<Secret>,
    /// Seconds that the request should wait.
    pub requested_expiry: Option<u32>,
    /// Comes back with the notification; for ping alone.
    pub notification_token: Option<Secret>,
}

/// A token for `notification_token`: 256 random bits.
pub fn notification_token(random: &[u8; 32]) -> Secret {
    Secret::new(base64url::encode(random))
}

impl Ask {
    /// The parameters, if exactly one hint is among them (R154).
    pub fn parameters(&self) -> Result<Form, Error> {
        self.wish.check()?;
        if !has_scope(self.wish.scope.as_deref(), "openid") {
            return Err(config("scope"));
        }
        if self.requested_expiry == Some(0) {
            return Err(config("requestedExpiry"));
        }
        if self.notification_token.as_ref().is_some_and(|token| !strong(token.expose())) {
            return Err(config("clientNotificationToken"));
        }
        let expiry = self.requested_expiry.map(|seconds| json::integer_text(seconds.into()));
        fn exposed(secret: &Option<Secret>) -> Option<&str> {
            secret.as_ref().map(Secret::expose)
        }
        let ours = [
            ("login_hint", self.login_hint.as_deref()),
            ("login_hint_token", exposed(&self.login_hint_token)),
            ("id_token_hint", exposed(&self.id_token_hint)),
            ("binding_message", self.binding_message.as_deref()),
            ("user_code", exposed(&self.user_code)),
            ("requested_expiry", expiry.as_deref()),
            ("client_notification_token", exposed(&self.notification_token)),
        ];
        let mut hints = ours.iter().take(3).filter_map(|(_, hint)| *hint);
        match (hints.next(), hints.next()) {
            (Some(hint), None) if !hint.is_empty() => {}
            _ => return Err(config("loginHint")),
        }
        let mut form = Form::new();
        self.wish.write(&mut form);
        for (name, value) in ours {
            // As a parameter it would pass the checks by.
            if form.has(name) {
                return Err(config("parameters"));
            }
            form.push_some(name, value);
        }
        Ok(form)
    }
}

/// A bearer token of RFC 6750, section 2.1, that may hold 128 random bits (section 7.1).
fn strong(token: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    (22..=1024).contains(&token.len()) && token.trim_end_matches('=').bytes().all(plain)
}

/// Section 7.1: only a client that shows who it is may ask.
pub fn request(
    to: &Endpoint,
    auth: &ClientAuth,
    method: Method,
    parameters: Form,
) -> Result<Request, Error> {
    match method {
        Method::None => Err(config("clientAuthentication")),
        _ => Ok(auth.post(to, parameters, method)),
    }
}

/// A request that waits for the person.
#[derive(Clone, Debug)]
pub struct Backchannel {
    /// Names the request at the token endpoint.
    pub auth_req_id: Secret,
    /// Seconds.
    pub expires_in: u32,
    /// Seconds between two questions.
    pub interval: u32,
    /// Everything, as it came.
    pub response: Object,
}

/// Section 7.3.
pub fn response(reply: &Response, reading: Reading) -> Result<Backchannel, Error> {
    read(reply.success(Code::TokenError)?, reading)
}

/// The same for an answer that was kept.
pub fn read(response: Object, reading: Reading) -> Result<Backchannel, Error> {
    let auth_req_id = text(&response, "auth_req_id")?.ok_or_else(|| invalid("auth_req_id"))?;
    Ok(Backchannel {
        auth_req_id: Secret::new(auth_req_id),
        expires_in: poll::life(&response, reading)?,
        interval: poll::interval(&response, reading)?,
        response,
    })
}

impl Backchannel {
    /// When to ask, for an answer that came at that time.
    pub fn poll(&self, came: UnixMillis) -> Poll {
        Poll::new(self.interval, self.expires_in, came)
    }
}

/// The question (section 10.1).
pub fn grant(auth_req_id: &Secret) -> Form {
    let mut grant = Form::new();
    grant.push("grant_type", GRANT).push("auth_req_id", auth_req_id.expose());
    grant
}

/// A notification that somebody posted (section 10.2). Nothing of it is believed before `accept`.
#[derive(Debug)]
pub struct Ping {
    token: Secret,
    auth_req_id: String,
}

impl Ping {
    /// Reads header and body. An error's status is what to answer (R157); a good one is answered 204.
    pub fn read(authorization: Option<&str>, body: &[u8]) -> Result<Ping, Error> {
        let token = presented(authorization).ok_or_else(|| refused("authorization", 401))?;
        if body.len() > NOTIFICATION {
            return Err(refused("too_large", 400));
        }
        let body = json::read_object(body).map_err(|_| refused("malformed", 400))?;
        if ["access_token", "id_token", "error"].iter().any(|name| body.get(name).is_some()) {
            return Err(refused("push", 400));
        }
        match body.text("auth_req_id") {
            Some(id) if !id.is_empty() => Ok(Ping { token, auth_req_id: id.to_owned() }),
            _ => Err(refused("auth_req_id", 400)),
        }
    }

    /// Finds the request that may wait for it.
    pub fn auth_req_id(&self) -> &str {
        &self.auth_req_id
    }

    /// Whether it is for that request, by the token that went with it.
    pub fn accept(self, auth_req_id: &Secret, token: &Secret) -> Result<(), Error> {
        if self.token != *token {
            return Err(refused("authorization", 401));
        }
        match same(&self.auth_req_id, auth_req_id.expose()) {
            true => Ok(()),
            false => Err(refused("auth_req_id", 400)),
        }
    }
}

fn refused(detail: &'static str, status: u16) -> Error {
    Error::new(Code::TokenInvalid).detail(detail).status(status)
}

fn config(option: &'static str) -> Error {
    Error::new(Code::ConfigInvalid).detail(option)
}
