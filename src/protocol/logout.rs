//! OpenID Connect RP-Initiated Logout 1.0, section 2: the person leaves the authorization server, too.

use alloc::string::String;

use super::error::Error;
use super::form::Form;
use super::metadata::{Metadata, missing};
use super::secret::Secret;

/// What a logout request says.
#[derive(Clone, Debug, Default)]
pub struct Logout {
    /// The last id_token.
    pub id_token_hint: Option<Secret>,
    /// `logout_hint`
    pub logout_hint: Option<String>,
    /// A registered address to come back to.
    pub post_logout_redirect_uri: Option<String>,
    /// Comes back with the person.
    pub state: Option<String>,
}

/// The address to go to.
pub fn url(server: &Metadata, client_id: &str, logout: &Logout) -> Result<String, Error> {
    let endpoint =
        server.end_session_endpoint.as_ref().ok_or_else(|| missing("end_session_endpoint"))?;
    let mut query = Form::new();
    query
        .push_some("id_token_hint", logout.id_token_hint.as_ref().map(Secret::expose))
        .push_some("logout_hint", logout.logout_hint.as_deref())
        .push("client_id", client_id)
        .push_some("post_logout_redirect_uri", logout.post_logout_redirect_uri.as_deref())
        .push_some("state", logout.state.as_deref());
    Ok(endpoint.with_query(query.encode().expose()))
}
