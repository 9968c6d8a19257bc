//! RFC 7591 and RFC 7592: a client is made known to the server, changed there and forgotten again.

use crate::protocol::error::Error;
use crate::protocol::json::{Json, Object};
use crate::protocol::register::{self, Management, Registered};
use crate::protocol::secret::Secret;
use crate::protocol::url::Endpoint;

use super::config::invalid;
use super::host::Edge;
use super::token_client::TokenClient;

impl<H: Edge> TokenClient<H> {
    /// Makes a client known. The configured client asks for another one: it does not show who it is.
    pub async fn register(
        &self,
        metadata: &Object,
        initial: Option<&Secret>,
        abort: Option<&H::Abort>,
    ) -> Result<Registered, Error> {
        const ENDPOINT: &str = "registration_endpoint";
        self.open()?;
        let (server, config) = (self.server(), self.config());
        let known = server.metadata(&[ENDPOINT], abort).await?;
        let request = register::request(&server.endpoint(&known, ENDPOINT)?, metadata, initial);
        let reply = server.send("registration", &request, abort).await?;
        register::response(&reply, server.host(), config.transport)
    }

    /// The whole metadata anew. The answer can be given to the next call, also where the server left out
    /// what did not change.
    pub async fn update_registration(
        &self,
        registration: &Object,
        metadata: &Object,
        abort: Option<&H::Abort>,
    ) -> Result<Registered, Error> {
        let (client_id, known) = self.management(registration)?;
        let (server, config) = (self.server(), self.config());
        let request = known.update(client_id, metadata)?;
        let reply = server.send("registration", &request, abort).await?;
        let mut registered = known.response(&reply, client_id, server.host(), config.transport)?;
        for name in [URL, TOKEN] {
            if let (None, Some(value)) = (registered.response.get(name), registration.get(name)) {
                registered.response.set(name, value.clone());
            }
        }
        Ok(registered)
    }

    /// The client is no more.
    pub async fn delete_registration(
        &self,
        registration: &Object,
        abort: Option<&H::Abort>,
    ) -> Result<(), Error> {
        let (_, known) = self.management(registration)?;
        Management::deleted(&self.server().send("registration", &known.delete(), abort).await?)
    }

    fn management<'a>(&self, registration: &'a Object) -> Result<(&'a str, Management), Error> {
        self.open()?;
        let text = |name: &'static str| {
            let text = registration.get(name).and_then(Json::as_str);
            text.filter(|text| !text.is_empty()).ok_or_else(|| invalid(name))
        };
        let (host, transport) = (self.server().host(), self.config().transport);
        let url =
            Endpoint::parse(text(URL)?, host, transport).map_err(|error| error.detail(URL))?;
        Ok((text("client_id")?, Management { url, token: Secret::new(text(TOKEN)?) }))
    }
}

const URL: &str = "registration_client_uri";
const TOKEN: &str = "registration_access_token";
