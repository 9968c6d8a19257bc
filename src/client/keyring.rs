//! RFC 7523, section 2.2, and RFC 9101: what a client signs with keys of its own, or by its secret.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;

use crate::protocol::client_auth::Method;
use crate::protocol::error::Error;
use crate::protocol::form::Form;
use crate::protocol::jws::{self, Draft, Signer};
use crate::protocol::metadata::Metadata;
use crate::protocol::secret::Secret;
use crate::protocol::time::UnixMillis;
use crate::protocol::{assertion, jar};

use super::config::invalid;
use super::host::{Edge, Signing, Work};

/// What a server is shown. Behind a pointer, so that a page, which has no keys of its own, loads none of it.
pub trait Signs {
    /// Whether there is a key for client authentication, or somebody who makes assertions.
    fn identifies(&self) -> bool;

    /// Says who the client is, for one request.
    fn assertion(
        &self,
        server: Rc<Metadata>,
        method: Method,
        now: UnixMillis,
    ) -> Work<Result<Secret, Error>>;

    /// Whether authorization requests are signed.
    fn signs_requests(&self) -> bool;

    /// An authorization request, or one of the back channel, as a signed object.
    fn request_object(
        &self,
        server: Rc<Metadata>,
        parameters: Form,
        backchannel: bool,
        now: UnixMillis,
    ) -> Work<Result<Secret, Error>>;
}

/// Makes assertions elsewhere: workload identity.
pub type Elsewhere = Rc<dyn Fn() -> Work<Result<Secret, Error>>>;

/// The keys of one client.
pub struct Keyring<H: Edge> {
    /// The platform that signs.
    pub host: H,
    /// `client_id`
    pub id: String,
    /// For client authentication.
    pub client: Option<Signing<H::Key>>,
    /// In its place.
    pub elsewhere: Option<Elsewhere>,
    /// For `client_secret_jwt`.
    pub secret: Option<Secret>,
    /// For request objects.
    pub objects: Option<Signing<H::Key>>,
}

async fn sign<H: Edge>(
    host: &H,
    key: &Signing<H::Key>,
    server: &Metadata,
    listed: &'static str,
    draft: impl FnOnce(Signer<'_>, &[u8; 32]) -> Result<Draft, Error>,
) -> Result<Secret, Error> {
    let algorithm = jws::signs(&server.document, listed, |known| key.can.contains(&known))?;
    let draft = draft(Signer { algorithm, kid: key.kid.as_deref() }, &host.random()?)?;
    let signature = host.sign(&key.key, algorithm, draft.input()).await?;
    Ok(draft.signed(&signature))
}

impl<H: Edge> Signs for Keyring<H> {
    fn identifies(&self) -> bool {
        self.client.is_some() || self.elsewhere.is_some()
    }

    fn assertion(
        &self,
        server: Rc<Metadata>,
        method: Method,
        now: UnixMillis,
    ) -> Work<Result<Secret, Error>> {
        let (host, id) = (self.host.clone(), self.id.clone());
        if method == Method::SecretJwt {
            let Some(secret) = self.secret.clone() else {
                return Box::pin(async { Err(invalid("clientSecret")) });
            };
            return Box::pin(async move {
                let jti = host.random()?;
                let draft = assertion::draft_by_secret(&id, &server.issuer, &secret, &jti, now)?;
                let mac = host.mac(&secret, draft.input()).await?;
                Ok(draft.signed(&mac))
            });
        }
        if let Some(elsewhere) = &self.elsewhere {
            return elsewhere();
        }
        let Some(key) = self.client.clone() else {
            return Box::pin(async { Err(invalid("privateKey")) });
        };
        Box::pin(async move {
            const LISTED: &str = "token_endpoint_auth_signing_alg_values_supported";
            let draft = |signer: Signer<'_>, jti: &[u8; 32]| {
                Ok(assertion::draft(&id, &server.issuer, signer, jti, now))
            };
            sign(&host, &key, &server, LISTED, draft).await
        })
    }

    fn signs_requests(&self) -> bool {
        self.objects.is_some()
    }

    fn request_object(
        &self,
        server: Rc<Metadata>,
        parameters: Form,
        backchannel: bool,
        now: UnixMillis,
    ) -> Work<Result<Secret, Error>> {
        let (host, id) = (self.host.clone(), self.id.clone());
        let Some(key) = self.objects.clone() else {
            return Box::pin(async { Err(invalid("requestObjectKey")) });
        };
        Box::pin(async move {
            let listed = match backchannel {
                true => "backchannel_authentication_request_signing_alg_values_supported",
                false => "request_object_signing_alg_values_supported",
            };
            let make = match backchannel {
                true => jar::backchannel_draft,
                false => jar::draft,
            };
            let draft = |signer: Signer<'_>, jti: &[u8; 32]| {
                make(&parameters, &id, &server.issuer, signer, jti, now)
            };
            sign(&host, &key, &server, listed, draft).await
        })
    }
}
