//! RFC 7662 and RFC 9701: what the server knows of a token.

use crate::protocol::client_auth::{ClientAuth, Method};
use crate::protocol::error::Error;
use crate::protocol::http::essence;
use crate::protocol::introspect::{self, Introspection};
use crate::protocol::secret::Secret;

use super::host::Edge;
use super::token_client::TokenClient;

impl<H: Edge> TokenClient<H> {
    /// Asks. With `signed` nothing but a signed answer is taken; who registered for signed answers gets
    /// them anyway, and they are checked.
    pub async fn introspect(
        &self,
        token: &Secret,
        hint: Option<&str>,
        signed: bool,
        abort: Option<&H::Abort>,
    ) -> Result<Introspection, Error> {
        const ENDPOINT: &str = "introspection_endpoint";
        self.open()?;
        let (server, config) = (self.server(), self.config());
        let metadata = server.metadata(&[ENDPOINT], abort).await?;
        let to = server.endpoint(&metadata, ENDPOINT)?;
        let make = |auth: &ClientAuth, method: Method| {
            introspect::request(&to, auth, method, token, hint, signed)
        };
        let reply = server.ask("introspection", &metadata, false, &make, abort).await?;
        let declared =
            reply.content_type.as_deref().is_some_and(|kind| essence(kind) == introspect::JWT);
        if !signed && !declared {
            return introspect::response(&reply);
        }
        let answer = introspect::signed_response(&reply, &config.algorithms)?;
        let good = server.proves(answer.token(), abort).await?;
        let (issuer, id) = (config.issuer.as_str(), &config.auth.id);
        answer.open(good, issuer, id, server.time(), config.tolerance)
    }
}
