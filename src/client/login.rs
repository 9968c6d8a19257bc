//! The code flow in two steps (RFC 6749, section 4.1; OpenID Connect Core 1.0, section 3.1), for pages
//! and for servers that keep their own sessions. All checks stand between the answer and its tokens.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;

use crate::protocol::authorize::{self, Client, Manner, Pending, Randomness, SignIn, has_scope};
use crate::protocol::callback::{self, Params};
use crate::protocol::client_auth::{ClientAuth, Method};
use crate::protocol::error::{Code, Error};
use crate::protocol::form::Form;
use crate::protocol::id_token::{Claims, Nonce};
use crate::protocol::json::Json;
use crate::protocol::metadata::{Metadata, missing};
use crate::protocol::url::Url;
use crate::protocol::{jar, par};

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
    let thumbprint = match server.dpop() {
        Some(dpop) => {
            dpop.suit(host, &metadata).await?;
            dpop.thumbprint()
        }
        None => None,
    };
    let manner = Manner { response_mode: config.response_mode, dpop_jkt: thumbprint.as_deref() };
    let (form, pending) =
        authorize::parameters(&metadata, client, ask, manner, &random, host.now())?;
    Ok((url(server, &metadata, form, abort).await?, pending))
}

/// The address that takes a request to the server: with its parameters in it, signed (RFC 9101), or as
/// a reference to what was pushed (RFC 9126).
async fn url<H: Host>(
    server: &Server<H>,
    metadata: &Rc<Metadata>,
    form: Form,
    abort: Option<&H::Abort>,
) -> Result<String, Error> {
    // RFC 9101, section 10.5.
    const SIGNED: &str = "require_signed_request_object";
    let (config, time) = (server.config(), server.time());
    let pushes = metadata.pushed_requests_only || config.pushed == Some(true);
    let (query, body) = match server.signs().filter(|signs| signs.signs_requests()) {
        Some(signs) => {
            let made = signs.request_object(metadata.clone(), form.clone(), false, time).await?;
            (jar::query(&form, &config.auth.id, &made), jar::body(&made))
        }
        None if metadata.document.get(SIGNED).and_then(Json::as_bool) == Some(true) => {
            return Err(missing(SIGNED));
        }
        None => (form.clone(), form),
    };
    match pushes {
        true => push(server, metadata, body, abort).await?.url(
            metadata,
            &config.auth.id,
            server.host().now(),
        ),
        false => authorize::url(metadata, &query),
    }
}

/// RFC 9126. There is no way back to the plain request (R040).
pub async fn push<H: Host>(
    server: &Server<H>,
    metadata: &Rc<Metadata>,
    body: Form,
    abort: Option<&H::Abort>,
) -> Result<par::Pushed, Error> {
    let to = server.endpoint(metadata, "pushed_authorization_request_endpoint")?;
    let make = |auth: &ClientAuth, method: Method| par::request(&to, auth, method, body.clone());
    let reply = server.ask("pushed-authorization", metadata, true, &make, abort).await?;
    par::response(&reply, server.config().reading, server.host().now())
}

/// What a sign-in brought.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The tokens.
    pub granted: Granted,
    /// Of the id_token, where `openid` was asked for.
    pub claims: Option<Claims>,
    /// The thumbprint of the key that the tokens are bound to.
    pub bound: Option<String>,
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
    // A code is bound to the key that its request named (RFC 9449, section 10).
    let thumbprint = server.dpop().and_then(|dpop| dpop.thumbprint());
    if thumbprint != pending.dpop_jkt {
        return Err(Error::new(Code::StateUnknown).detail("dpop"));
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
        return Ok(SignedIn { granted, claims: None, bound: thumbprint });
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
    Ok(SignedIn { granted, claims: Some(claims), bound: thumbprint })
}

/// The grant of RFC 6749, section 6.
pub fn refresh_grant(refresh_token: &str) -> Form {
    let mut grant = Form::new();
    grant.push("grant_type", "refresh_token").push("refresh_token", refresh_token);
    grant
}

/// The claims of an id_token that came with a renewal: it speaks of the same sign-in (OpenID Connect Core
/// 1.0, section 12.2).
pub async fn renewed<H: Host>(
    server: &Server<H>,
    granted: &Granted,
    earlier: &Claims,
    abort: Option<&H::Abort>,
) -> Result<Option<Claims>, Error> {
    let Some(raw) = &granted.tokens.id_token else { return Ok(None) };
    let want = Want {
        nonce: Nonce::AbsentOr(earlier.members().text("nonce")),
        max_age: None,
        essential_acr: &[],
        access_token: Some(&granted.tokens.access_token),
        code: None,
        state: None,
        skew: granted.skew,
    };
    let claims = server.id_token(raw.expose(), want, abort).await?;
    claims.continues(earlier)?;
    Ok(Some(claims))
}
