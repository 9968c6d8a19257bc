//! RFC 7009: a token is given back. The request may outlive the page that sends it.

use crate::protocol::client_auth::ClientAuth;
use crate::protocol::error::Error;
use crate::protocol::http::Request;
use crate::protocol::revoke;
use crate::protocol::secret::Secret;

use super::host::Host;
use super::server::Server;

/// Gives a token back.
pub async fn revoke_token<H: Host>(
    server: &Server<H>,
    token: &Secret,
    hint: Option<&str>,
    abort: Option<&H::Abort>,
) -> Result<(), Error> {
    let metadata = server.metadata(&["revocation_endpoint"], abort).await?;
    let url = &server.endpoint(&metadata, "revocation_endpoint")?;
    let make = |auth: &ClientAuth, method| {
        let request = revoke::request(url, auth, method, token, hint);
        Ok(Request { keepalive: true, ..request })
    };
    revoke::response(&server.ask("revocation", &metadata, false, &make, abort).await?)
}
