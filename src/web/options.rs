//! Options for Rust. They are checked where JavaScript's are: in `client::config` and `web::open`.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::client::config::Options;
use crate::client::host::{Event, Level};
use crate::client::keyring::Elsewhere;
use crate::protocol::authorize::{ResponseMode, Wish};
use crate::protocol::client_auth::Method;
use crate::protocol::error::Error;
use crate::protocol::json::Object;
use crate::protocol::secret::Secret;

use super::host::{Hooks, Parts, WebHost, no_fetch};
use super::storage::{Storage, TokenStore};

/// Where `fetch` may send a token: an origin and a path prefix, which ends at a segment.
#[derive(Clone, Debug, Default)]
pub struct AllowedUrl {
    /// For example `https://api.example/orders`.
    pub url: String,
    /// What the token there must be for, where that is not as the options have it.
    pub wish: Wish,
}

impl From<&str> for AllowedUrl {
    fn from(url: &str) -> AllowedUrl {
        AllowedUrl { url: url.into(), wish: Wish::default() }
    }
}

/// Hears of what happens: a level, a kind, and fields. Never a secret.
pub type Logger = Rc<dyn Fn(Level, &str, &[(&str, &str)])>;

macro_rules! options {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$doc:meta])* $own:ident: $kind:ty = $default:expr,)* }
    ) => {
        $(#[$about])*
        #[derive(Clone)]
        pub struct $name {
            /// What metadata, callbacks and id_tokens must name, byte for byte; `{tenantid}` stands for
            /// the token's `tid`. Needed, unless `metadata` has it.
            pub issuer: Option<String>,
            /// Where the metadata is, if not under the issuer.
            pub discovery_url: Option<String>,
            /// Endpoints (and `jwks`) by hand; they win over discovered ones.
            pub metadata: Object,
            /// The name of this client.
            pub client_id: String,
            /// What to ask for (RFC 6749, section 3.3).
            pub scope: Option<String>,
            /// The same (RFC 8707).
            pub resource: Vec<String>,
            /// The same, for servers that name APIs so.
            pub audience: Vec<String>,
            /// The same: `acr_values`.
            pub acr_values: Option<String>,
            /// The same: anything else.
            pub parameters: Vec<(String, String)>,
            /// Where `fetch` may send the token. Default: nowhere.
            pub allowed_urls: Vec<AllowedUrl>,
            /// What relative input of `fetch` is resolved against. Default: the page.
            pub base_url: Option<String>,
            /// Seconds before expiry at which a token is renewed, a fifth of its life at the most.
            /// Default: 60.
            pub renew_before: Option<u32>,
            /// Signatures that an id_token may have. Default: RS256, PS256, ES256, EdDSA, Ed25519.
            pub id_token_algorithms: Option<Vec<String>>,
            /// Audiences that may stand beside this client in an id_token.
            pub trusted_audiences: Vec<String>,
            /// Seconds by which clocks may differ. Default: 30.
            pub clock_tolerance: Option<u32>,
            /// Milliseconds for one HTTP exchange. Default: 10 000.
            pub timeout: Option<u32>,
            /// Methods that `fetch` may send again after a 401, beyond GET, HEAD, OPTIONS, PUT and
            /// DELETE.
            pub retry_methods: Vec<String>,
            /// A fetch of your own. Default: the runtime's.
            pub fetch: Option<Function>,
            /// A clock of your own, milliseconds since the epoch. Default: `Date.now`.
            pub now: Option<Function>,
            /// Who watches.
            pub logger: Option<Logger>,
            /// Binds tokens to a key (RFC 9449).
            pub dpop: bool,
            /// A `CryptoKeyPair` for that; with one they are bound. Default: one that nobody can read is made.
            pub key_pair: Option<JsValue>,
            /// Pushes authorization requests (RFC 9126). Default: when the server requires it.
            pub pushed_authorization: Option<bool>,
            /// Takes user info signed by the server, or none (OpenID Connect Core 1.0, section 5.3.2).
            pub signed_user_info: bool,
            /// Tolerates a missing `token_type` and digits in a string in `expires_in`.
            pub lenient: bool,
            /// Plain http beyond loopback.
            pub insecure_http: bool,
            $($(#[$doc])* pub $own: $kind,)*
        }

        impl Default for $name {
            fn default() -> $name {
                $name {
                    issuer: None,
                    discovery_url: None,
                    metadata: Object::new(),
                    client_id: String::new(),
                    scope: None,
                    resource: Vec::new(),
                    audience: Vec::new(),
                    acr_values: None,
                    parameters: Vec::new(),
                    allowed_urls: Vec::new(),
                    base_url: None,
                    renew_before: None,
                    id_token_algorithms: None,
                    trusted_audiences: Vec::new(),
                    clock_tolerance: None,
                    timeout: None,
                    retry_methods: Vec::new(),
                    fetch: None,
                    now: None,
                    logger: None,
                    dpop: false,
                    key_pair: None,
                    pushed_authorization: None,
                    signed_user_info: false,
                    lenient: false,
                    insecure_http: false,
                    $($own: $default,)*
                }
            }
        }

        impl $name {
            /// What the configuration is checked from.
            pub(super) fn server(&self) -> Box<Options> {
                let allowed = self.allowed_urls.iter();
                Box::new(Options {
                    issuer: self.issuer.clone(),
                    discovery_url: self.discovery_url.clone(),
                    metadata: self.metadata.clone(),
                    client_id: self.client_id.clone(),
                    wish: Wish {
                        scope: self.scope.clone().filter(|scope| !scope.is_empty()),
                        resource: self.resource.clone(),
                        audience: self.audience.clone(),
                        acr_values: self.acr_values.clone().filter(|values| !values.is_empty()),
                        parameters: self.parameters.clone(),
                    },
                    allowed_urls: allowed.map(|to| (to.url.clone(), to.wish.clone())).collect(),
                    base_url: self.base_url.clone(),
                    renew_before: self.renew_before,
                    algorithms: self.id_token_algorithms.clone(),
                    trusted_audiences: self.trusted_audiences.clone(),
                    clock_tolerance: self.clock_tolerance,
                    timeout: self.timeout,
                    retry_methods: self.retry_methods.clone(),
                    dpop: self.dpop || self.key_pair.is_some(),
                    pushed: self.pushed_authorization,
                    response_mode: None,
                    signed_user_info: self.signed_user_info,
                    lenient: self.lenient,
                    insecure_http: self.insecure_http,
                })
            }

            /// The host, and the fetch that it uses.
            pub(super) fn host(
                &self,
                tokens: TokenStore,
                emit: impl Fn(Event<'_>) + 'static,
            ) -> Result<(WebHost, Function), Error> {
                let fetch = self.fetch.clone().or_else(WebHost::global_fetch);
                let fetch = fetch.ok_or_else(no_fetch)?;
                let mut hooks = Hooks { emit: Box::new(emit), ..Hooks::default() };
                if let Some(logger) = self.logger.clone() {
                    hooks.log = Box::new(move |level, kind, fields| logger(level, kind, fields));
                }
                let now = self.now.clone();
                let host = WebHost::new(Parts { fetch: fetch.clone(), now, tokens, hooks });
                if let Some(pair) = self.key_pair.clone() {
                    host.prove_by(pair);
                }
                Ok((host, fetch))
            }
        }
    };
}

options! {
    /// What a [`Session`](super::session::Session) is made with.
    SessionOptions {
        /// Where the server sends people back to: the exact registered string.
        redirect_uri: String = String::new(),
        /// Where the server sends people after a sign-out.
        post_logout_redirect_uri: Option<String> = None,
        /// Where the server loads a frame when somebody signed out elsewhere.
        front_channel_logout_uri: Option<String> = None,
        /// Where tokens live. Default: in this tab.
        storage: Storage = Storage::default(),
        /// Renew by a timer, too. Default: true.
        background_renewal: bool = true,
    }
}

impl SessionOptions {
    /// What every session needs.
    pub fn new(
        issuer: impl Into<String>,
        client_id: impl Into<String>,
        redirect_uri: impl Into<String>,
    ) -> SessionOptions {
        SessionOptions {
            issuer: Some(issuer.into()),
            client_id: client_id.into(),
            redirect_uri: redirect_uri.into(),
            ..SessionOptions::default()
        }
    }
}

options! {
    /// What a [`TokenClient`](super::token_client::TokenClient) is made with.
    TokenClientOptions {
        /// The secret of a confidential client.
        client_secret: Option<Secret> = None,
        /// How the client shows it. Default: what the server lists, basic first.
        client_authentication: Option<Method> = None,
        /// A private `CryptoKey` or JWK that signs who the client is (RFC 7523).
        private_key: Option<JsValue> = None,
        /// Makes assertions elsewhere (workload identity).
        client_assertion: Option<Elsewhere> = None,
        /// A private `CryptoKey` or JWK that signs authorization requests (RFC 9101).
        request_object_key: Option<JsValue> = None,
        /// How the answer of an authorization request comes. Default: as the server likes it.
        response_mode: Option<ResponseMode> = None,
        /// A store that isolates share: an object with `get`, `set` and `delete`.
        cache: Option<JsValue> = None,
        /// What seals it: a `Uint8Array` of 32 random bytes, or a `CryptoKey` for HKDF with the usage
        /// `deriveKey`. Default: the client secret, if it has 32 characters or more.
        cache_key: Option<JsValue> = None,
        /// For servers that sign people in and keep their own sessions.
        redirect_uri: Option<String> = None,
        /// The same.
        post_logout_redirect_uri: Option<String> = None,
        /// A secret in a page, or a private key that can be read there: neither is one.
        insecure_client_secret: bool = false,
    }
}

impl TokenClientOptions {
    /// What every client needs.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> TokenClientOptions {
        TokenClientOptions {
            issuer: Some(issuer.into()),
            client_id: client_id.into(),
            ..TokenClientOptions::default()
        }
    }
}
