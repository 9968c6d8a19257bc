//! RFC 8693: one token for another, perhaps on somebody's behalf.

use super::error::{Code, Error};
use super::form::Form;
use super::http::Response;
use super::secret::Secret;
use super::token::{self, Binding, Reading, Tokens};

/// Section 2.1.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What is given and what is wanted; scope, resource and audience are the wish's.
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    /// Whom the new token is about.
    pub subject_token: Option<&'a Secret>,
    /// What kind of token that is.
    pub subject_token_type: Option<&'a str>,
    /// Who acts.
    pub actor_token: Option<&'a Secret>,
    /// There if and only if there is an actor.
    pub actor_token_type: Option<&'a str>,
    /// What kind is wanted.
    pub requested_token_type: Option<&'a str>,
}

/// The grant and its parameters (R069).
pub fn grant(ask: &Ask<'_>) -> Result<Form, Error> {
    let subject = filled(ask.subject_token.map(Secret::expose), "subjectToken")?;
    let kind = filled(ask.subject_token_type, "subjectTokenType")?;
    let mut grant = Form::new();
    grant
        .push("grant_type", GRANT)
        .push("subject_token", subject)
        .push("subject_token_type", kind)
        .push_some("requested_token_type", ask.requested_token_type);
    if ask.actor_token.is_some() || ask.actor_token_type.is_some() {
        let actor = filled(ask.actor_token.map(Secret::expose), "actorToken")?;
        let kind = filled(ask.actor_token_type, "actorTokenType")?;
        grant.push("actor_token", actor).push("actor_token_type", kind);
    }
    Ok(grant)
}

/// Section 2.2.1: a token response that says what kind of token it brings (R078).
pub fn response(reply: &Response, reading: Reading, binding: Binding) -> Result<Tokens, Error> {
    let tokens = token::read(reply, reading, binding, true)?;
    match token::text(&tokens.response, "issued_token_type")? {
        Some(_) => Ok(tokens),
        None => Err(token::invalid("issued_token_type")),
    }
}

fn filled<'a>(value: Option<&'a str>, option: &'static str) -> Result<&'a str, Error> {
    match value {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Error::new(Code::ConfigInvalid).detail(option)),
    }
}
