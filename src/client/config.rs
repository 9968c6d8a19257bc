//! What a session or client is made with, checked once (law 3).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::authorize::{ResponseMode, Wish, has_scope};
use crate::protocol::client_auth::ClientAuth;
use crate::protocol::error::{Code, Error};
use crate::protocol::json::Object;
use crate::protocol::jws::Algorithm;
use crate::protocol::metadata::Issuer;
use crate::protocol::time::Millis;
use crate::protocol::token::Reading;
use crate::protocol::url::{Endpoint, ParseUrl, Transport};

use super::resource::Allowed;

/// Options as they came, before they are checked.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Options {
    pub issuer: Option<String>,
    pub discovery_url: Option<String>,
    pub metadata: Object,
    pub client_id: String,
    pub wish: Wish,
    pub allowed_urls: Vec<(String, Wish)>,
    pub base_url: Option<String>,
    /// Seconds; default 60.
    pub renew_before: Option<u32>,
    pub algorithms: Option<Vec<String>>,
    pub trusted_audiences: Vec<String>,
    /// Seconds; default 30.
    pub clock_tolerance: Option<u32>,
    /// Milliseconds; default 10 000.
    pub timeout: Option<u32>,
    pub retry_methods: Vec<String>,
    pub lenient: bool,
    /// User info is taken signed, or not at all (OpenID Connect Core 1.0, section 5.3.2).
    pub signed_user_info: bool,
    /// Tokens are bound to a key (RFC 9449).
    pub dpop: bool,
    /// RFC 9126; default: when the server requires it.
    pub pushed: Option<bool>,
    /// How the answer of an authorization request comes.
    pub response_mode: Option<ResponseMode>,
    pub insecure_http: bool,
}

/// What is known of a server and of this client there.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Config {
    pub issuer: Issuer,
    /// Whether a document may be asked for: there is an issuer or a discovery URL to ask.
    pub discovers: bool,
    pub discovery_url: Option<Endpoint>,
    /// Members by hand; they win.
    pub metadata: Object,
    pub auth: ClientAuth,
    pub wish: Wish,
    pub allowed: Vec<Allowed>,
    pub base_url: Option<String>,
    pub renew_before: Millis,
    pub algorithms: Vec<Algorithm>,
    pub trusted_audiences: Vec<String>,
    /// Seconds.
    pub tolerance: i64,
    pub timeout: Millis,
    pub retry_methods: Vec<String>,
    pub signed_user_info: bool,
    pub dpop: bool,
    pub pushed: Option<bool>,
    pub response_mode: Option<ResponseMode>,
    pub reading: Reading,
    pub transport: Transport,
}

impl Config {
    /// Checks the options.
    pub fn check(
        options: Box<Options>,
        auth: ClientAuth,
        urls: &impl ParseUrl,
    ) -> Result<Box<Config>, Error> {
        if options.client_id.is_empty() {
            return Err(invalid("clientId"));
        }
        let transport =
            if options.insecure_http { Transport::InsecureHttp } else { Transport::Secure };
        let discovery_url = match &options.discovery_url {
            None => None,
            Some(text) => Some(
                Endpoint::parse(text, urls, transport)
                    .map_err(|error| error.detail("discoveryUrl"))?,
            ),
        };
        let named = options.issuer.as_deref().or_else(|| options.metadata.text("issuer"));
        // Without a name for the server, its token endpoint stands for it.
        let issuer = match named.or_else(|| options.metadata.text("token_endpoint")) {
            Some(text) => Issuer::parse(text, urls, transport)?,
            None => return Err(invalid("issuer")),
        };
        options.wish.check()?;
        let algorithms = match options.algorithms {
            None => Algorithm::defaults(),
            Some(names) => names
                .iter()
                .map(|name| Algorithm::by_name(name).ok_or_else(|| invalid("idTokenAlgorithms")))
                .collect::<Result<_, _>>()?,
        };
        let mut allowed = Vec::new();
        for (text, wish) in options.allowed_urls {
            allowed.push(Allowed::parse(&text, wish, urls, transport)?);
        }
        Ok(Box::new(Config {
            discovers: named.is_some(),
            issuer,
            discovery_url,
            metadata: options.metadata,
            auth,
            wish: options.wish,
            allowed,
            base_url: options.base_url,
            renew_before: Millis::from(options.renew_before.unwrap_or(60)) * 1000,
            algorithms,
            trusted_audiences: options.trusted_audiences,
            tolerance: i64::from(options.clock_tolerance.unwrap_or(30)),
            timeout: Millis::from(options.timeout.unwrap_or(10_000)),
            retry_methods: options.retry_methods.iter().map(|m| m.to_ascii_uppercase()).collect(),
            signed_user_info: options.signed_user_info,
            dpop: options.dpop,
            pushed: options.pushed,
            response_mode: options.response_mode,
            reading: if options.lenient { Reading::Lenient } else { Reading::Strict },
            transport,
        }))
    }

    /// Whether people sign in here, by OpenID Connect.
    pub fn openid(&self) -> bool {
        has_scope(self.wish.scope.as_deref(), "openid")
    }
}

/// Options of a page as they came.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct PageOptions {
    pub redirect_uri: String,
    pub post_logout_redirect_uri: Option<String>,
    pub front_channel_logout_uri: Option<String>,
    pub background_renewal: bool,
}

/// What is particular to a page.
#[derive(Clone, Debug)]
pub struct PageConfig {
    /// The exact registered string.
    pub redirect_uri: String,
    /// Where the server sends people after a sign-out.
    pub post_logout_redirect_uri: Option<String>,
    /// Where the server's frame lands when somebody signed out elsewhere.
    pub front_channel_logout_uri: Option<String>,
    /// Renew by a timer, too.
    pub background_renewal: bool,
}

impl PageConfig {
    /// Checks the options.
    pub fn check(
        options: PageOptions,
        urls: &impl ParseUrl,
        transport: Transport,
    ) -> Result<PageConfig, Error> {
        let check = |uri: Option<String>, name| {
            uri.map(|uri| redirect_uri(&uri, name, urls, transport)).transpose()
        };
        Ok(PageConfig {
            redirect_uri: redirect_uri(&options.redirect_uri, "redirectUri", urls, transport)?,
            post_logout_redirect_uri: check(
                options.post_logout_redirect_uri,
                "postLogoutRedirectUri",
            )?,
            front_channel_logout_uri: check(
                options.front_channel_logout_uri,
                "frontChannelLogoutUri",
            )?,
            background_renewal: options.background_renewal,
        })
    }
}

/// An absolute redirect URI without a fragment (R035), kept as it was written.
pub fn redirect_uri(
    text: &str,
    name: &'static str,
    urls: &impl ParseUrl,
    transport: Transport,
) -> Result<String, Error> {
    match Endpoint::parse(text, urls, transport) {
        Ok(_) => Ok(text.into()),
        Err(error) if error.code() == Code::UrlInsecure => Err(error.detail(name)),
        Err(_) => Err(invalid(name)),
    }
}

/// An option that is missing or malformed.
pub fn invalid(option: &'static str) -> Error {
    Error::new(Code::ConfigInvalid).detail(option)
}
