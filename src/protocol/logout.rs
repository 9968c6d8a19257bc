//! OpenID Connect RP-Initiated Logout 1.0: the person leaves the authorization server, too; and
//! Front-Channel Logout 1.0: the server says in a frame that the person left. (What it says on the back
//! channel is in `logout_token`.)

use alloc::string::String;

use super::error::{Code, Error};
use super::form::{self, Form};
use super::metadata::{Metadata, missing};
use super::secret::{Secret, same};

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
    /// `ui_locales`: languages that the person reads, best first.
    pub ui_locales: Option<String>,
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
        .push_some("state", logout.state.as_deref())
        .push_some("ui_locales", logout.ui_locales.as_deref());
    Ok(endpoint.with_query(query.encode().expose()))
}

/// The way back (section 3): whether it is the one that was asked for. The session is over either way
/// (R159).
pub fn returned(state: Option<&str>, sent: &str) -> Result<(), Error> {
    match state {
        Some(state) if same(state, sent) => Ok(()),
        _ => Err(Code::LogoutStateMismatch.into()),
    }
}

/// Front-Channel Logout 1.0, section 2: whether a query that a frame was opened with ends the session of
/// that `sid`. Anybody can open a frame, so that a query which names no session ends none (R162, A088).
pub fn front_channel(query: &str, issuer: &str, session: Option<&str>) -> bool {
    let parameters = form::parse(query.strip_prefix('?').unwrap_or(query));
    let only = |name: &str| {
        let mut values = parameters.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.as_str()),
            _ => None,
        }
    };
    match (only("iss"), only("sid"), session) {
        (Some(iss), Some(sid), Some(session)) => iss == issuer && same(sid, session),
        _ => false,
    }
}
