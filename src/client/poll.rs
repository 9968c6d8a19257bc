//! RFC 8628, section 3.5, and CIBA Core 1.0, section 11: asks until the person is done. One question
//! at a time, none before its time and none after the end (R151, R152, R156).

use crate::protocol::error::{Code, Error};
use crate::protocol::form::Form;
use crate::protocol::id_token::{Claims, Nonce};
use crate::protocol::poll::Poll;

use super::host::{Edge, Waited};
use super::server::{Granted, Want};
use super::token_client::TokenClient;

/// Tokens, and the claims of an id_token that came with them.
pub type Polled = (Granted, Option<Claims>);

impl<H: Edge> TokenClient<H> {
    /// Asks with that grant as often as it takes.
    pub(super) async fn poll(
        &self,
        grant: Form,
        mut poll: Poll,
        abort: Option<&H::Abort>,
    ) -> Result<Polled, Error> {
        let (server, host) = (self.server(), self.server().host());
        let granted = loop {
            self.rest(&poll, abort).await?;
            match server.token(grant.clone(), abort).await {
                Ok(granted) => break granted,
                Err(error) => poll.refused(error, host.now())?,
            }
        };
        let Some(raw) = &granted.tokens.id_token else { return Ok((granted, None)) };
        let want = Want {
            nonce: Nonce::Absent,
            max_age: None,
            essential_acr: &[],
            access_token: Some(&granted.tokens.access_token),
            code: None,
            state: None,
            skew: granted.skew,
        };
        loop {
            match server.id_token(raw.expose(), want, abort).await {
                Ok(claims) => return Ok((granted, Some(claims))),
                // Tokens are given once: keys that cannot be had now are asked for again.
                Err(error) => poll.refused(error, host.now())?,
            }
            self.rest(&poll, abort).await?;
        }
    }

    /// Waits until the next question may be asked.
    async fn rest(&self, poll: &Poll, abort: Option<&H::Abort>) -> Result<(), Error> {
        let host = self.server().host();
        self.open()?;
        if host.pause(poll.wait(host.now())?, abort).await == Waited::Aborted {
            return Err(Code::Aborted.into());
        }
        self.open()?;
        // Timers may be late: nobody is asked after the end.
        poll.wait(host.now()).map(drop)
    }
}
