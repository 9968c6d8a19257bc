//! RFC 9126, by hand: parameters of the caller's own are pushed.

use alloc::string::String;

use crate::protocol::error::Error;
use crate::protocol::form::Form;
use crate::protocol::jar;
use crate::protocol::par::Pushed;

use super::config::invalid;
use super::host::Edge;
use super::login;
use super::token_client::TokenClient;

impl<H: Edge> TokenClient<H> {
    /// Pushes those parameters as this client, signed where it signs its requests.
    pub async fn push_authorization(
        &self,
        parameters: &[(String, String)],
        abort: Option<&H::Abort>,
    ) -> Result<Pushed, Error> {
        // How the client shows who it is, is not a parameter.
        const OURS: [&str; 5] = [
            "client_id",
            "client_secret",
            "client_assertion",
            "client_assertion_type",
            "request_uri",
        ];
        self.open()?;
        let (server, config) = (self.server(), self.config());
        let mut form = Form::new();
        form.push("client_id", &config.auth.id);
        for (name, value) in parameters {
            if name.is_empty() || OURS.contains(&name.as_str()) {
                return Err(invalid("parameters"));
            }
            form.push(name, value);
        }
        let needed = "pushed_authorization_request_endpoint";
        let metadata = server.metadata(&[needed], abort).await?;
        let signs = server.signs().filter(|signs| signs.signs_requests());
        if let (Some(signs), false) = (signs, form.has("request")) {
            let made = signs.request_object(metadata.clone(), form, false, server.time());
            form = jar::body(&made.await?);
        }
        login::push(server, &metadata, form, abort).await
    }
}
