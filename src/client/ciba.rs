//! OpenID Connect CIBA Core 1.0: the server asks the person, on a device of their own. Poll and ping.

use crate::protocol::ciba::{self, Ask, Backchannel, Ping};
use crate::protocol::client_auth::{ClientAuth, Method};
use crate::protocol::error::{Code, Error};
use crate::protocol::jar;
use crate::protocol::secret::Secret;
use crate::protocol::time::UnixMillis;

use super::host::Edge;
use super::poll::Polled;
use super::token_client::TokenClient;

impl<H: Edge> TokenClient<H> {
    /// A request that waits for the person, and when it began. A client that signs its requests signs
    /// this one, too (section 7.1.1).
    pub async fn backchannel_authentication(
        &self,
        mut ask: Ask,
        abort: Option<&H::Abort>,
    ) -> Result<(Backchannel, UnixMillis), Error> {
        const ENDPOINT: &str = "backchannel_authentication_endpoint";
        self.open()?;
        let (server, config) = (self.server(), self.config());
        ask.wish = ask.wish.over(&config.wish);
        let mut form = ask.parameters()?;
        let metadata = server.metadata(&[ENDPOINT], abort).await?;
        let to = server.endpoint(&metadata, ENDPOINT)?;
        if let Some(signs) = server.signs().filter(|signs| signs.signs_requests()) {
            let made = signs.request_object(metadata.clone(), form, true, server.time());
            form = jar::body(&made.await?);
        }
        let make =
            |auth: &ClientAuth, method: Method| ciba::request(&to, auth, method, form.clone());
        let reply =
            server.ask("backchannel-authentication", &metadata, false, &make, abort).await?;
        let came = server.host().now();
        Ok((ciba::response(&reply, config.reading)?, came))
    }

    /// Waits for the person, for a request whose answer came at that time.
    pub async fn poll_backchannel(
        &self,
        request: &Backchannel,
        came: UnixMillis,
        abort: Option<&H::Abort>,
    ) -> Result<Polled, Error> {
        let polled =
            self.poll(ciba::grant(&request.auth_req_id), request.poll(came), abort).await?;
        // Section 10.1.1: there always is one.
        match polled {
            (_, None) => Err(Code::IdTokenMissing.into()),
            polled => Ok(polled),
        }
    }

    /// Whether a notification that somebody posted is for that request (section 10.2).
    pub fn validate_notification(
        &self,
        (method, authorization, body): (&str, Option<&str>, &[u8]),
        auth_req_id: &Secret,
        token: &Secret,
    ) -> Result<(), Error> {
        self.open()?;
        if method != "POST" {
            return Err(Error::new(Code::TokenInvalid).detail("method").status(405));
        }
        Ping::read(authorization, body)?.accept(auth_req_id, token)
    }
}
