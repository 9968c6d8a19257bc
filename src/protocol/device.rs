//! RFC 8628: a device without a browser lets the person sign in on another one. Nothing is opened by
//! itself: the address and the code are shown (section 3.3).

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::authorize::Wish;
use super::client_auth::{ClientAuth, Method};
use super::error::{Code, Error};
use super::form::Form;
use super::http::{Request, Response};
use super::json::Object;
use super::poll::{self, Poll};
use super::secret::Secret;
use super::time::UnixMillis;
use super::token::{Reading, invalid, text};
use super::url::{Endpoint, ParseUrl, Transport, absolute, require_secure};

/// Section 3.4.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Section 3.1.
pub fn request(to: &Endpoint, auth: &ClientAuth, method: Method, wish: &Wish) -> Request {
    let mut form = Form::new();
    wish.write(&mut form);
    auth.post(to, form, method)
}

/// What the device shows and what it asks with.
#[derive(Clone, Debug)]
pub struct Device {
    /// Goes to the token endpoint alone.
    pub device_code: Secret,
    /// To be shown always, also beside a QR code (section 3.3.1).
    pub user_code: String,
    /// To be shown as text; https, or loopback.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: Option<String>,
    /// Seconds.
    pub expires_in: u32,
    /// Seconds between two questions.
    pub interval: u32,
    /// Everything, as it came.
    pub response: Object,
}

/// Section 3.2. An `interval` of 0 says as little as none (R150).
pub fn response(
    reply: &Response,
    reading: Reading,
    urls: &impl ParseUrl,
    transport: Transport,
) -> Result<Device, Error> {
    read(reply.success(Code::TokenError)?, reading, urls, transport)
}

/// The same for an answer that was kept.
pub fn read(
    response: Object,
    reading: Reading,
    urls: &impl ParseUrl,
    transport: Transport,
) -> Result<Device, Error> {
    let required = |name: &'static str| text(&response, name)?.ok_or_else(|| invalid(name));
    let page = |name: &'static str| -> Result<Option<String>, Error> {
        let Some(value) = response.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| invalid(name))?;
        absolute(text, urls)
            .and_then(|url| require_secure(&url, transport))
            .map_err(|_| invalid(name))?;
        Ok(Some(text.to_owned()))
    };
    let user_code = required("user_code")?;
    // It is shown on terminals.
    if !user_code.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(invalid("user_code"));
    }
    Ok(Device {
        device_code: required("device_code").map(Secret::new)?,
        user_code,
        verification_uri: page("verification_uri")?.ok_or_else(|| invalid("verification_uri"))?,
        verification_uri_complete: page("verification_uri_complete")?,
        expires_in: poll::life(&response, reading)?,
        interval: poll::interval(&response, reading)?,
        response,
    })
}

impl Device {
    /// When to ask, for an answer that came at that time.
    pub fn poll(&self, came: UnixMillis) -> Poll {
        Poll::new(self.interval, self.expires_in, came)
    }
}

/// The question (section 3.4).
pub fn grant(device_code: &Secret) -> Form {
    let mut grant = Form::new();
    grant.push("grant_type", GRANT).push("device_code", device_code.expose());
    grant
}
