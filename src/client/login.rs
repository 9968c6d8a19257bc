//! The code flow in two steps (RFC 6749, section 4.1; OpenID Connect Core 1.0, section 3.1), for pages
//! and for servers that keep their own sessions. All checks stand between the answer and its tokens.

use alloc::boxed::Box;
use alloc::string::String;

use crate::protocol::authorize::{self, Client, Pending, Randomness, SignIn, has_scope};
use crate::protocol::callback::{self, Params};
use crate::protocol::error::{Code, Error};
use crate::protocol::form::Form;
use crate::protocol::id_token::{Claims, Nonce};
use crate::protocol::url::Url;

use super::host::Host;
use super::server::{Granted, Server, Want};

/// Makes the address to go to and the record to keep. The keys are fetched now, so that the way back
/// takes one round trip.
pub async fn begin<H: Host>(
    server: &Server<H>,
    redirect_uri: &str,
    ask: Box<SignIn>,
    abort: Option<&H::Abort>,
) -> Result<(String, Box<Pending>), Error> {
    let config = server.config();
    let metadata = server.metadata(&["authorization_endpoint", "token_endpoint"], abort).await?;
    if has_scope(ask.wish.scope.as_deref(), "openid") && metadata.own_keys().is_none() {
        server.keys(abort).await?;
    }
    let host = server.host();
    let random =
        Randomness { state: host.random()?, nonce: host.random()?, verifier: host.random()? };
    let client = Client { id: &config.auth.id, redirect_uri };
    authorize::request(&metadata, client, ask, &random, host.now())
}

/// What a sign-in brought.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The tokens.
    pub granted: Granted,
    /// Of the id_token, where `openid` was asked for.
    pub claims: Option<Claims>,
}

/// Spends the answer: checks it against its record, exchanges the code once (R061), proves the id_token.
pub async fn finish<H: Host>(
    server: &Server<H>,
    answer: &Params,
    pending: Box<Pending>,
    arrived_at: &Url,
    abort: Option<&H::Abort>,
) -> Result<SignedIn, Error> {
    let config = server.config();
    if !pending.belongs_to(&config.issuer, &config.auth.id) {
        return Err(Error::new(Code::StateUnknown).detail("unknown"));
    }
    if !pending.alive(server.host().now()) {
        return Err(Error::new(Code::StateUnknown).detail("expired"));
    }
    let metadata = server.metadata(&["authorization_endpoint", "token_endpoint"], abort).await?;
    let code = callback::accept(answer, pending, arrived_at, &metadata, server.host())?;
    let pending = code.pending();

    let mut grant = Form::new();
    grant
        .push("grant_type", "authorization_code")
        .push("code", code.secret().expose())
        .push("redirect_uri", &pending.redirect_uri)
        .push("code_verifier", pending.verifier.expose());
    for resource in &pending.resource {
        grant.push("resource", resource);
    }
    let mut granted = server.token(grant, abort).await?;
    granted.tokens.scope = granted.tokens.scope.or_else(|| pending.scope.clone());

    // Without `openid` this is plain OAuth, whatever else the server sends.
    let Some(nonce) = pending.nonce.as_deref() else {
        return Ok(SignedIn { granted, claims: None });
    };
    let raw = granted.tokens.id_token.clone().ok_or(Code::IdTokenMissing)?;
    let want = Want {
        nonce: Nonce::Is(nonce),
        max_age: pending.max_age,
        essential_acr: &pending.essential_acr,
        access_token: Some(&granted.tokens.access_token),
        code: Some(code.secret()),
        state: Some(&pending.state),
        skew: granted.skew,
    };
    let claims = server.id_token(raw.expose(), want, abort).await?;
    Ok(SignedIn { granted, claims: Some(claims) })
}

/// The grant of RFC 6749, section 6.
pub fn refresh_grant(refresh_token: &str) -> Form {
    let mut grant = Form::new();
    grant.push("grant_type", "refresh_token").push("refresh_token", refresh_token);
    grant
}
