//! OpenID Connect Discovery 1.0, sections 3 and 4, and RFC 8414: where a server's endpoints are and
//! what it can do. Members are checked before they are used; the issuer is compared as text.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, Error};
use super::http::{Request, Response};
use super::json::{Json, Object};
use super::text;
use super::url::{Endpoint, ParseUrl, Transport, absolute, require_secure};

/// The part of an issuer template that stands for the tenant of a token (its claim `tid`).
pub const TENANT: &str = "{tenantid}";

/// The configured issuer: https (or loopback), no query, no fragment (R017), kept as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer(String);

impl Issuer {
    /// Checks the text.
    pub fn parse(text: &str, urls: &impl ParseUrl, transport: Transport) -> Result<Issuer, Error> {
        if text.contains(['?', '#']) {
            return Err(Error::new(Code::ConfigInvalid).detail("issuer"));
        }
        let readable = text::replace(text, TENANT, "tenant");
        let url = absolute(&readable, urls).map_err(|error| error.detail("issuer"))?;
        require_secure(&url, transport).map_err(|error| error.detail("issuer"))?;
        Ok(Issuer(text.to_owned()))
    }

    /// As it was configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a token of that tenant must name as its issuer.
    pub fn for_tenant(&self, tenant: Option<&str>) -> Option<String> {
        match text::contains(&self.0, TENANT) {
            // A name of one segment: a tenant cannot lead elsewhere.
            true => tenant
                .filter(|tenant| segment(tenant))
                .map(|tenant| text::replace(&self.0, TENANT, tenant)),
            false => Some(self.0.clone()),
        }
    }

    /// OpenID Connect Discovery 1.0, section 4.1: behind the path.
    pub fn openid_url(&self) -> String {
        let mut url = self.0.strip_suffix('/').unwrap_or(&self.0).to_owned();
        url.push_str("/.well-known/openid-configuration");
        url
    }

    /// RFC 8414, section 3: between host and path.
    pub fn oauth_url(&self) -> String {
        let issuer = self.0.strip_suffix('/').unwrap_or(&self.0);
        let authority = text::find(issuer, "://").map_or(0, |at| at + 3);
        let path = issuer
            .get(authority..)
            .and_then(|rest| rest.find('/'))
            .map_or(issuer.len(), |at| at + authority);
        let (host, path) = issuer.split_at_checked(path).unwrap_or((issuer, ""));
        let mut url = host.to_owned();
        url.push_str("/.well-known/oauth-authorization-server");
        url.push_str(path);
        url
    }
}

fn segment(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    !text.is_empty() && text.bytes().all(plain) && !matches!(text, "." | "..")
}

/// Asks for a metadata document.
pub fn request(url: &Endpoint) -> Request {
    Request::get(url)
}

/// The document, if the server has one (R018).
pub fn response(reply: &Response) -> Result<Object, Error> {
    match (reply.status, reply.object()) {
        (200, Ok(object)) => Ok(object),
        _ => Err(reply.failure(Code::MetadataInvalid)),
    }
}

/// A discovered document speaks of the issuer that was asked for, byte for byte (R016).
pub fn require_issuer(document: &Object, issuer: &Issuer) -> Result<(), Error> {
    match document.text("issuer") {
        Some(named) if named == issuer.as_str() => Ok(()),
        _ => Err(Error::new(Code::MetadataIssuerMismatch).detail("issuer")),
    }
}

/// What was checked of a server's metadata.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// As configured, or as given by hand.
    pub issuer: Issuer,
    /// RFC 6749, section 3.1
    pub authorization_endpoint: Option<Endpoint>,
    /// RFC 6749, section 3.2
    pub token_endpoint: Option<Endpoint>,
    /// RFC 7517, section 5
    pub jwks_uri: Option<Endpoint>,
    /// OpenID Connect Core 1.0, section 5.3
    pub userinfo_endpoint: Option<Endpoint>,
    /// RFC 7009
    pub revocation_endpoint: Option<Endpoint>,
    /// OpenID Connect RP-Initiated Logout 1.0
    pub end_session_endpoint: Option<Endpoint>,
    /// RFC 9207: callbacks name the issuer.
    pub names_itself_in_callbacks: bool,
    /// RFC 9126: nothing but pushed requests.
    pub pushed_requests_only: bool,
    /// The methods of client authentication at the token endpoint, where listed.
    pub client_authentication: Option<Vec<String>>,
    /// Everything, as it came.
    pub document: Object,
}

impl Metadata {
    /// The one constructor: for answers, for stored documents and for members given by hand (R019).
    pub fn check(
        document: Object,
        issuer: &Issuer,
        urls: &impl ParseUrl,
        transport: Transport,
    ) -> Result<Metadata, Error> {
        let endpoint = |name: &'static str| match document.get(name) {
            None => Ok(None),
            Some(value) => address(value, name, urls, transport).map(Some),
        };
        let flag = |name: &'static str| match document.get(name) {
            None => Ok(false),
            Some(value) => value.as_bool().ok_or_else(|| invalid(name)),
        };
        for name in ["response_types_supported", "grant_types_supported", "scopes_supported"] {
            set(&document, name)?;
        }
        if let Some(methods) = set(&document, "code_challenge_methods_supported")?
            && !methods.iter().any(|method| method == "S256")
        {
            return Err(
                Error::new(Code::MetadataUnsupported).detail("code_challenge_methods_supported")
            );
        }
        Ok(Metadata {
            issuer: issuer.clone(),
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            jwks_uri: endpoint("jwks_uri")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            revocation_endpoint: endpoint("revocation_endpoint")?,
            end_session_endpoint: endpoint("end_session_endpoint")?,
            names_itself_in_callbacks: flag("authorization_response_iss_parameter_supported")?,
            pushed_requests_only: flag("require_pushed_authorization_requests")?,
            client_authentication: set(&document, "token_endpoint_auth_methods_supported")?,
            document,
        })
    }

    /// An endpoint that few calls need, checked before it is used (R019). With mutual TLS its alias
    /// comes first, where the server has one for it (RFC 8705, section 5; R027).
    pub fn endpoint(
        &self,
        name: &'static str,
        mutual_tls: bool,
        urls: &impl ParseUrl,
        transport: Transport,
    ) -> Result<Endpoint, Error> {
        const ALIASES: &str = "mtls_endpoint_aliases";
        let alias = match self.document.get(ALIASES) {
            Some(aliases) if mutual_tls => {
                aliases.as_object().ok_or_else(|| invalid(ALIASES))?.get(name)
            }
            _ => None,
        };
        let value = alias.or_else(|| self.document.get(name)).ok_or_else(|| missing(name))?;
        address(value, name, urls, transport)
    }

    /// The keys that were given with the metadata by hand.
    pub fn own_keys(&self) -> Option<&Json> {
        self.document.get("jwks")
    }
}

/// An endpoint that is needed and that the server does not have.
pub fn missing(name: &'static str) -> Error {
    Error::new(Code::MetadataUnsupported).detail(name)
}

fn invalid(name: &'static str) -> Error {
    Error::new(Code::MetadataInvalid).detail(name)
}

/// A member that must be an address; its name goes with what is wrong.
fn address(
    value: &Json,
    name: &'static str,
    urls: &impl ParseUrl,
    transport: Transport,
) -> Result<Endpoint, Error> {
    let text = value.as_str().ok_or_else(|| invalid(name))?;
    Endpoint::parse(text, urls, transport).map_err(|error| match error.code() {
        Code::UrlInsecure => error.detail(name),
        _ => invalid(name),
    })
}

fn set(document: &Object, name: &'static str) -> Result<Option<Vec<String>>, Error> {
    let Some(value) = document.get(name) else {
        return Ok(None);
    };
    let strings = value.as_strings().ok_or_else(|| invalid(name))?;
    Ok(Some(strings.into_iter().map(ToOwned::to_owned).collect()))
}
