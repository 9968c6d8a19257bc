//! RFC 8628: a device asks for a sign-in that happens on another one, and waits for it.

use crate::protocol::authorize::Wish;
use crate::protocol::client_auth::{ClientAuth, Method};
use crate::protocol::device::{self, Device};
use crate::protocol::error::Error;
use crate::protocol::time::UnixMillis;

use super::host::Edge;
use super::poll::Polled;
use super::token_client::TokenClient;

impl<H: Edge> TokenClient<H> {
    /// What the device shows, and when that came.
    pub async fn device_authorization(
        &self,
        wish: Wish,
        abort: Option<&H::Abort>,
    ) -> Result<(Device, UnixMillis), Error> {
        const ENDPOINT: &str = "device_authorization_endpoint";
        self.open()?;
        wish.check()?;
        let (server, config) = (self.server(), self.config());
        let wish = wish.over(&config.wish);
        let metadata = server.metadata(&[ENDPOINT], abort).await?;
        let to = server.endpoint(&metadata, ENDPOINT)?;
        let make =
            |auth: &ClientAuth, method: Method| Ok(device::request(&to, auth, method, &wish));
        let reply = server.ask("device-authorization", &metadata, false, &make, abort).await?;
        let came = server.host().now();
        let device = device::response(&reply, config.reading, server.host(), config.transport)?;
        Ok((device, came))
    }

    /// Waits for the person, for a request whose answer came at that time.
    pub async fn poll_device(
        &self,
        device: &Device,
        came: UnixMillis,
        abort: Option<&H::Abort>,
    ) -> Result<Polled, Error> {
        self.poll(device::grant(&device.device_code), device.poll(came), abort).await
    }
}
