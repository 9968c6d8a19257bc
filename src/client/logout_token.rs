//! OpenID Connect Back-Channel Logout 1.0: the server says that a session is over. An error's status is
//! what to answer (R160, R161); without one the server is not to blame, and may say it again.

use crate::protocol::error::{Error, Fault};
use crate::protocol::logout_token::{self, Expected, LoggedOut};
use crate::protocol::secret::Secret;

use super::host::Edge;
use super::token_client::TokenClient;

impl<H: Edge> TokenClient<H> {
    /// Proves a logout token; each is taken once.
    pub async fn validate_logout_token(
        &self,
        raw: &Secret,
        abort: Option<&H::Abort>,
    ) -> Result<LoggedOut, Error> {
        self.open()?;
        let (server, config) = (self.server(), self.config());
        let token = logout_token::parse(raw.expose(), &config.algorithms)?;
        let good = server.proves(token.token(), abort).await.map_err(|error| {
            let forged = error.code().fault() == Fault::Response && error.http_status().is_none();
            if forged { error.status(400) } else { error }
        })?;
        let expected = Expected {
            issuer: &config.issuer,
            client_id: &config.auth.id,
            trusted_audiences: &config.trusted_audiences,
            tolerance: config.tolerance,
        };
        let token = token.open(good, &expected, server.time())?;
        self.seen().borrow_mut().first(&token, server.time())?;
        Ok(token)
    }
}
