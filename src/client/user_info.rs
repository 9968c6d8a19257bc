//! OpenID Connect Core 1.0, section 5.3: more about a person, plain or signed, with a proof of the key
//! where tokens are bound to one.

use crate::protocol::challenge::{Wanted, wanted};
use crate::protocol::dpop::authorization;
use crate::protocol::error::Error;
use crate::protocol::http::{Request, Response, essence};
use crate::protocol::json::Object;
use crate::protocol::secret::Secret;
use crate::protocol::url::Endpoint;
use crate::protocol::userinfo;

use super::dpop::To;
use super::host::Host;
use super::server::Server;

/// Asks, and takes an answer about that person alone.
pub async fn user_info<H: Host>(
    server: &Server<H>,
    access_token: &Secret,
    subject: &str,
    abort: Option<&H::Abort>,
) -> Result<Object, Error> {
    let metadata = server.metadata(&["userinfo_endpoint"], abort).await?;
    let url = &server.endpoint(&metadata, "userinfo_endpoint")?;
    let reply = present(server, url, access_token, abort).await?;
    // Who registered for signed user info gets it so, and takes no other (R116).
    let config = server.config();
    let signed = reply.content_type.as_deref().is_some_and(|kind| essence(kind) == userinfo::JWT);
    if !signed && !config.signed_user_info {
        return userinfo::response(&reply, subject);
    }
    let signed = userinfo::signed_response(&reply, &config.algorithms)?;
    let good = server.proves(signed.token(), abort).await?;
    signed.open(good, &config.issuer, &config.auth.id, subject)
}

/// Shows an access token to the server itself.
async fn present<H: Host>(
    server: &Server<H>,
    url: &Endpoint,
    access_token: &Secret,
    abort: Option<&H::Abort>,
) -> Result<Response, Error> {
    let request = match server.config().signed_user_info {
        true => userinfo::signed_request(url, access_token),
        false => userinfo::request(url, access_token),
    };
    let Some(dpop) = server.dpop() else {
        return server.send("userinfo", &request, abort).await;
    };
    let mut again = false;
    loop {
        let (host, target) = (server.host(), (request.method, url.as_str()));
        let token = Some(access_token);
        let proof = dpop.prove(host, To::Server, target, token, server.time()).await?;
        let request = Request {
            authorization: Some(authorization(access_token)),
            proof: Some(proof),
            ..request.clone()
        };
        let reply = server.send("userinfo", &request, abort).await?;
        let nonce = reply.dpop_nonce.as_deref();
        if wanted(reply.status, reply.challenge.as_deref()) != Wanted::Nonce {
            dpop.note(To::Server, url.as_str(), nonce);
            return Ok(reply);
        }
        dpop.renew(To::Server, url.as_str(), nonce, again)?;
        again = true;
    }
}
