//! OpenID Connect Core 1.0, section 4: somebody else asks that a person sign in (R042).

use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::error::Error;
use crate::protocol::initiate;
use crate::protocol::json::Object;
use crate::protocol::metadata::Issuer;

use super::config::invalid;
use super::host::Edge;
use super::token_client::TokenClient;

impl<H: Edge> TokenClient<H> {
    /// The issuers that a caller named; without any, the client's own.
    pub(super) fn known(&self, issuers: Option<&[String]>) -> Result<Vec<Issuer>, Error> {
        let config = self.config();
        let Some(issuers) = issuers else { return Ok(Vec::from([config.issuer.clone()])) };
        let host = self.server().host();
        let parse = |text: &String| Issuer::parse(text, host, config.transport);
        issuers.iter().map(parse).collect()
    }

    /// Reads such a request: its `issuer`, one of those that are known, `loginHint`, and `returnTo`, a
    /// path where `redirect_uri` is.
    pub fn accept_third_party_login(
        &self,
        query: &str,
        issuers: Option<&[String]>,
        redirect_uri: &str,
    ) -> Result<Object, Error> {
        self.open()?;
        let known = self.known(issuers)?;
        let host = self.server().host();
        let home = host.parse_url(redirect_uri, None).ok_or_else(|| invalid("redirectUri"))?;
        let initiated = initiate::accept(query, &known, &home.origin, host)?;
        let mut out = Object::new();
        out.set_text("issuer", Some(initiated.issuer.as_str()))
            .set_text("loginHint", initiated.login_hint.as_deref())
            .set_text("returnTo", initiated.return_to.as_deref());
        Ok(out)
    }
}
