//! RFC 9728: what an API says of itself, and which authorization servers it names. It speaks for the
//! very resource that was asked for, or not at all; `signed_metadata` is not read (R023 to R025).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, Error};
use super::http::{Request, Response};
use super::json::{Json, Object};
use super::metadata::Issuer;
use super::text;
use super::url::{Endpoint, ParseUrl, Transport, Url, absolute, public, require_secure};

/// Where the document of a resource is (section 3.1): between host and path.
pub fn url(resource: &str, urls: &impl ParseUrl, transport: Transport) -> Result<Endpoint, Error> {
    let invalid = |error: Error| error.detail("resource");
    let parsed = absolute(resource, urls).map_err(invalid)?;
    require_secure(&parsed, transport).map_err(invalid)?;
    if resource.contains('#') {
        return Err(Error::new(Code::UrlInvalid).detail("resource"));
    }
    let authority = text::find(resource, "://").map_or(0, |at| at + 3);
    let host = resource.get(authority..).and_then(|rest| rest.find(['/', '?']));
    let host = host.map_or(resource.len(), |at| at + authority);
    let (host, rest) = resource.split_at_checked(host).unwrap_or((resource, ""));
    // A slash right behind the host goes where nothing or a query follows it.
    let rest = match rest.strip_prefix('/') {
        Some(bare) if bare.is_empty() || bare.starts_with('?') => bare,
        _ => rest,
    };
    let mut url = host.to_owned();
    url.push_str("/.well-known/oauth-protected-resource");
    url.push_str(rest);
    Endpoint::parse(&url, urls, transport)
}

/// An address that came in a challenge to a request for `asked` (section 5.1). It leads to the same
/// origin, or by https to a host of the internet (section 7.7).
pub fn discovered(
    text: &str,
    asked: &Url,
    urls: &impl ParseUrl,
    transport: Transport,
) -> Result<Endpoint, Error> {
    const NAME: &str = "resource_metadata";
    let endpoint = Endpoint::parse(text, urls, transport).map_err(|error| error.detail(NAME))?;
    match urls.parse_url(endpoint.as_str(), None) {
        Some(url) if url.origin == asked.origin => Ok(endpoint),
        Some(url) if url.protocol == "https:" && public(&url.hostname) => Ok(endpoint),
        _ => Err(Error::new(Code::UrlInsecure).detail(NAME)),
    }
}

/// Asks for the document.
pub fn request(url: &Endpoint) -> Request {
    Request::get(url)
}

/// What a resource says of itself.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The servers that issue tokens for it, as it says: none of them is trusted for that.
    pub authorization_servers: Vec<Issuer>,
    /// Scopes that are of use there, where listed.
    pub scopes: Option<Vec<String>>,
    /// Tokens must be bound by DPoP.
    pub dpop_only: bool,
    /// Everything, as it came.
    pub document: Object,
}

/// Section 3.3: `resource` is the exact text of the identifier that the address was made from, or
/// of the URL that was challenged.
pub fn response(
    reply: &Response,
    resource: &str,
    urls: &impl ParseUrl,
    transport: Transport,
) -> Result<Resource, Error> {
    let document = match (reply.status, reply.object()) {
        (200, Ok(document)) => document,
        _ => return Err(reply.failure(Code::MetadataInvalid)),
    };
    if document.text("resource") != Some(resource) {
        return Err(Error::new(Code::MetadataIssuerMismatch).detail("resource"));
    }
    let set = |name: &'static str| match document.get(name) {
        None => Ok(None),
        Some(value) => value.as_strings().map(Some).ok_or_else(|| invalid(name)),
    };
    set("bearer_methods_supported")?;
    let servers = set("authorization_servers")?.unwrap_or_default();
    let servers = servers.into_iter().map(|text| Issuer::parse(text, urls, transport));
    let servers: Result<Vec<Issuer>, Error> = servers.collect();
    let scopes = set("scopes_supported")?;
    Ok(Resource {
        authorization_servers: servers.map_err(|_| invalid("authorization_servers"))?,
        scopes: scopes.map(|scopes| scopes.into_iter().map(ToOwned::to_owned).collect()),
        dpop_only: match document.get("dpop_bound_access_tokens_required") {
            None => false,
            Some(Json::Bool(value)) => *value,
            Some(_) => return Err(invalid("dpop_bound_access_tokens_required")),
        },
        document,
    })
}

impl Resource {
    /// Of the servers that the caller trusts, the first that the resource takes tokens of. There is no
    /// way to another one (R132).
    pub fn trusted<'a>(&self, known: &'a [Issuer]) -> Option<&'a Issuer> {
        known.iter().find(|issuer| self.authorization_servers.contains(issuer))
    }
}

fn invalid(member: &'static str) -> Error {
    Error::new(Code::MetadataInvalid).detail(member)
}
