//! RFC 9728: what an API says of itself, and which of the servers that it names is used: one that the
//! caller knows or agrees to, and never another one (R025, R132).

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::challenge;
use crate::protocol::error::{Code, Error};
use crate::protocol::metadata::{Issuer, missing};
use crate::protocol::resource_metadata::{self, Resource};

use super::config::invalid;
use super::host::{Edge, Work};
use super::token_client::TokenClient;

/// How a resource became known.
#[derive(Clone, Debug)]
pub enum Lead {
    /// By its identifier.
    Resource(String),
    /// By its answer to a request: the URL that was asked, and the header `WWW-Authenticate`.
    #[allow(missing_docs)]
    Challenge { url: String, header: String },
}

/// Whether the caller agrees to a server.
pub type Consent = Rc<dyn Fn(&str) -> Work<Result<bool, Error>>>;

/// Whom the caller trusts to issue tokens for a resource.
#[derive(Clone)]
pub enum Trust {
    /// These, the first that the resource names; without a list the client's own issuer.
    Known(Option<Vec<String>>),
    /// Whoever the caller agrees to, asked one after the other.
    Asked(Consent),
}

impl<H: Edge> TokenClient<H> {
    /// What the resource says of itself, and the server to ask for its tokens.
    pub async fn discover_resource(
        &self,
        lead: &Lead,
        trust: &Trust,
        abort: Option<&H::Abort>,
    ) -> Result<(Resource, Issuer), Error> {
        const NAME: &str = "resource_metadata";
        self.open()?;
        let (server, host) = (self.server(), self.server().host());
        let transport = self.config().transport;
        let known = match trust {
            Trust::Known(issuers) => self.known(issuers.as_deref())?,
            Trust::Asked(_) => Vec::new(),
        };
        let (resource, url) = match lead {
            Lead::Resource(resource) => {
                (resource, resource_metadata::url(resource, host, transport)?)
            }
            Lead::Challenge { url, header } => {
                let asked = host.parse_url(url, None).ok_or_else(|| invalid("resource"))?;
                let challenges = challenge::parse(header).unwrap_or_default();
                let text = challenge::resource_metadata(&challenges);
                let text = text.ok_or_else(|| missing(NAME))?;
                (url, resource_metadata::discovered(text, &asked, host, transport)?)
            }
        };
        let request = resource_metadata::request(&url);
        let reply = server.exchange("resource-metadata", &request, abort).await?;
        let reply = reply.not_redirected()?;
        let resource = resource_metadata::response(&reply, resource, host, transport)?;
        let issuer = match trust {
            Trust::Known(_) => resource.trusted(&known).cloned(),
            Trust::Asked(consent) => agreed(&resource, consent).await?,
        };
        // Somebody else than the caller trusts.
        let foreign = || Error::new(Code::MetadataIssuerMismatch).detail("authorization_servers");
        let issuer = issuer.ok_or_else(foreign)?;
        Ok((resource, issuer))
    }
}

async fn agreed(resource: &Resource, consent: &Consent) -> Result<Option<Issuer>, Error> {
    for issuer in &resource.authorization_servers {
        if consent(issuer.as_str()).await? {
            return Ok(Some(issuer.clone()));
        }
    }
    Ok(None)
}
