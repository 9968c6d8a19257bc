//! `TokenClient` for Rust: as in JavaScript, in snake_case.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use core::cell::RefCell;
use core::fmt;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, RequestInit, Response};

use crate::client::config::invalid;
use crate::client::grants::Exchange;
use crate::client::login::SignedIn;
use crate::client::server::{Granted, Server, Want};
use crate::client::token_client::{self, Ask};
use crate::client::tokens::AccessToken;
use crate::protocol::authorize::{Pending, SignIn, Wish};
use crate::protocol::error::Error;
use crate::protocol::id_token::Claims;
use crate::protocol::json::Object;
use crate::protocol::logout::Logout;
use crate::protocol::metadata::Metadata;
use crate::protocol::secret::Secret;
use crate::protocol::url::Url;

use super::crypto;
use super::host::WebHost;
use super::open::{self, Client, ClientOptions};
use super::options::TokenClientOptions;
use super::resource::{self, Source};
use super::storage::TokenStore;

/// Asks a token endpoint for tokens. Clones are the same client. Whoever gives up drops the future; work
/// that others wait for, too, goes on. Futures are `!Send`.
///
/// ```no_run
/// # async fn worker(secret: String) -> Result<(), grantkit::Error> {
/// use grantkit::{Secret, TokenClient, TokenClientOptions};
///
/// let client = TokenClient::new(TokenClientOptions {
///     client_secret: Some(Secret::new(secret)),
///     scope: Some("api".into()),
///     allowed_urls: vec!["https://api.example/".into()],
///     ..TokenClientOptions::new("https://id.example", "worker")
/// })?;
/// let orders = client.fetch("https://api.example/orders").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TokenClient {
    client: Client,
    fetch: Function,
}

impl TokenClient {
    /// Makes a client; no I/O, no randomness, no timer.
    pub fn new(options: TokenClientOptions) -> Result<TokenClient, Error> {
        let tokens = TokenStore::Memory(RefCell::default());
        let (host, fetch) = options.host(tokens, |_| {})?;
        let mut server = options.server();
        server.response_mode = options.response_mode;
        let signing = |key: Option<JsValue>, name| match key {
            None => Ok(None),
            Some(key) => crypto::signing(&key).map(Some).ok_or_else(|| invalid(name)),
        };
        let own = ClientOptions {
            key: signing(options.private_key, "privateKey")?,
            elsewhere: options.client_assertion,
            objects: signing(options.request_object_key, "requestObjectKey")?,
            pair: options.key_pair,
            secret: options.client_secret,
            method: options.client_authentication,
            insecure_client_secret: options.insecure_client_secret,
            redirect_uri: options.redirect_uri,
            post_logout_redirect_uri: options.post_logout_redirect_uri,
            cache: options.cache,
            cache_key: options.cache_key,
        };
        Ok(TokenClient { client: open::client(host, server, own)?, fetch })
    }

    /// The client of the second ring, whose calls take an `AbortSignal`.
    pub fn inner(&self) -> &token_client::TokenClient<WebHost> {
        &self.client.client
    }

    /// An access token by client credentials: from the cache until shortly before it expires; one request
    /// for all who ask at once. Failures are never cached.
    pub async fn get_access_token(&self, ask: Ask) -> Result<Secret, Error> {
        Ok(self.inner().access_token(ask, None).await?.secret.clone())
    }

    /// Sends a `Request`, or gets an address, with a token if it is under `allowed_urls`; anywhere else it
    /// is refused. After a 401, once more with a fresh token.
    pub async fn fetch(&self, input: impl Into<JsValue>) -> Result<Response, Error> {
        self.fetch_with(input, &RequestInit::new(), Wish::default()).await
    }

    /// The same with what `fetch` takes besides, and for another token than the default one.
    pub async fn fetch_with(
        &self,
        input: impl Into<JsValue>,
        init: &RequestInit,
        wish: Wish,
    ) -> Result<Response, Error> {
        let source = self.inner().clone();
        resource::fetch(source, self.fetch.clone(), input.into(), init, wish).await
    }

    /// This client for one request that may be kept open after its answer, as by a Worker's `waitUntil`:
    /// a token that is to be renewed is answered at once while it lives, and renewed behind the answer.
    ///
    /// ```no_run
    /// # use grantkit::{Ask, Error, TokenClient};
    /// # struct Context;
    /// # impl Context { fn wait_until(&self, _: impl Future<Output = ()> + 'static) {} }
    /// # async fn answer(client: TokenClient, context: Context) -> Result<(), Error> {
    /// use wasm_bindgen_futures::JsFuture;
    ///
    /// let behind = |work| context.wait_until(async { drop(JsFuture::from(work).await) });
    /// let token = client.waiting(&behind).get_access_token(Ask::default()).await?;
    /// # Ok(()) }
    /// ```
    pub fn waiting<'a>(&'a self, wait_until: &'a dyn Fn(Promise)) -> Waiting<'a> {
        Waiting { client: self, wait_until }
    }

    /// One request with exactly these parameters and the client's authentication; nothing is cached.
    pub async fn request_token(
        &self,
        grant_type: &str,
        parameters: &[(String, String)],
    ) -> Result<Granted, Error> {
        self.inner().request_token(grant_type, parameters, None).await
    }

    /// A token by client credentials that nobody shares.
    pub async fn client_credentials(&self, wish: Wish) -> Result<Granted, Error> {
        self.inner().client_credentials(wish, None).await
    }

    /// Spends a code that came to another program's callback. [`TokenClient::callback`] checks the answer
    /// that it came in, too.
    pub async fn authorization_code(
        &self,
        code: &Secret,
        redirect_uri: Option<&str>,
        code_verifier: Option<&Secret>,
        wish: Wish,
    ) -> Result<Granted, Error> {
        let redirect_uri = redirect_uri.or(self.client.redirect_uri.as_deref());
        self.inner().authorization_code(code, redirect_uri, code_verifier, wish, None).await
    }

    /// New tokens for a refresh token.
    pub async fn refresh_token(
        &self,
        refresh_token: &Secret,
        wish: Wish,
    ) -> Result<Granted, Error> {
        self.inner().refresh_token(refresh_token, wish, None).await
    }

    /// Asks once for the tokens of a device; `authorization_pending` is retryable.
    pub async fn device_code(&self, device_code: &Secret, wish: Wish) -> Result<Granted, Error> {
        self.inner().device_code(device_code, wish, None).await
    }

    /// The same for a sign-in that was asked for on another device (CIBA).
    pub async fn backchannel(&self, auth_req_id: &Secret, wish: Wish) -> Result<Granted, Error> {
        self.inner().backchannel(auth_req_id, wish, None).await
    }

    /// Exchanges a token for another (RFC 8693).
    pub async fn token_exchange(&self, exchange: &Exchange, wish: Wish) -> Result<Granted, Error> {
        self.inner().token_exchange(exchange, wish, None).await
    }

    /// A token for an assertion of somebody whom the server trusts (RFC 7523).
    pub async fn jwt_bearer(&self, assertion: &Secret, wish: Wish) -> Result<Granted, Error> {
        self.inner().jwt_bearer(assertion, wish, None).await
    }

    /// A token for a person's password. OAuth 2.1 drops it; it is here because token servers have it.
    pub async fn password(
        &self,
        username: &str,
        password: &Secret,
        wish: Wish,
    ) -> Result<Granted, Error> {
        self.inner().password(username, password, wish, None).await
    }

    /// The first step of a sign-in for a server that keeps its own sessions: where the person goes, and
    /// the record to keep with their session until the callback.
    pub async fn authorization_request(
        &self,
        ask: SignIn,
    ) -> Result<(String, Box<Pending>), Error> {
        let redirect_uri =
            self.client.redirect_uri.as_deref().ok_or_else(|| invalid("redirectUri"))?;
        let ask = Box::new(SignIn { return_to: None, beside: false, ..ask });
        self.inner().authorization_request(redirect_uri, ask, None).await
    }

    /// The second step, with the callback's address: all checks, then the exchange.
    pub async fn callback(&self, url: &str, pending: Box<Pending>) -> Result<SignedIn, Error> {
        let (params, arrived_at) = open::answer(url, false, &pending)?;
        self.inner().callback(&params, pending, &arrived_at, None).await
    }

    /// The same with a form that was posted to the callback, undecoded.
    pub async fn callback_form(
        &self,
        form: &str,
        pending: Box<Pending>,
    ) -> Result<SignedIn, Error> {
        let (params, arrived_at) = open::answer(form, true, &pending)?;
        self.inner().callback(&params, pending, &arrived_at, None).await
    }

    /// Proves an id_token: `want` begins as
    /// [`want`](crate::client::token_client::TokenClient::want) of [`TokenClient::inner`].
    pub async fn validate_id_token(
        &self,
        id_token: &Secret,
        want: Want<'_>,
    ) -> Result<Claims, Error> {
        self.inner().validate_id_token(id_token.expose(), want, None).await
    }

    /// Where a person goes to leave the server, too.
    pub async fn end_session_url(&self, logout: Logout) -> Result<String, Error> {
        let registered = self.client.post_logout_redirect_uri.clone();
        let back = logout.post_logout_redirect_uri.or(registered);
        let logout = Logout { post_logout_redirect_uri: back, ..logout };
        self.inner().end_session_url(&logout, None).await
    }

    /// The server's metadata.
    pub async fn metadata(&self) -> Result<Rc<Metadata>, Error> {
        self.inner().metadata(None).await
    }

    /// More about a person.
    pub async fn user_info(
        &self,
        access_token: &Secret,
        expected_subject: &str,
    ) -> Result<Object, Error> {
        self.inner().user_info(access_token, expected_subject, None).await
    }

    /// Gives a token back (RFC 7009).
    pub async fn revoke(&self, token: &Secret, hint: Option<&str>) -> Result<(), Error> {
        self.inner().revoke(token, hint, None).await
    }

    /// Every call after this one is refused.
    pub fn close(&self) {
        self.inner().close();
    }
}

impl fmt::Debug for TokenClient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TokenClient [redacted]")
    }
}

/// A [`TokenClient`] for one request, with what keeps that request open (law 17).
#[derive(Clone, Copy)]
pub struct Waiting<'a> {
    client: &'a TokenClient,
    wait_until: &'a dyn Fn(Promise),
}

impl Waiting<'_> {
    /// As [`TokenClient::get_access_token`].
    pub async fn get_access_token(&self, ask: Ask) -> Result<Secret, Error> {
        Ok(self.access_token(ask, None).await?.secret.clone())
    }

    /// As [`TokenClient::fetch`].
    pub async fn fetch(&self, input: impl Into<JsValue>) -> Result<Response, Error> {
        self.fetch_with(input, &RequestInit::new(), Wish::default()).await
    }

    /// As [`TokenClient::fetch_with`].
    pub async fn fetch_with(
        &self,
        input: impl Into<JsValue>,
        init: &RequestInit,
        wish: Wish,
    ) -> Result<Response, Error> {
        let fetch = self.client.fetch.clone();
        resource::fetch(*self, fetch, input.into(), init, wish).await
    }
}

impl Source for Waiting<'_> {
    fn server(&self) -> &Server<WebHost> {
        self.client.inner().server()
    }

    fn allow(&self, url: &Url) -> Result<Wish, Error> {
        self.client.inner().allow(url)
    }

    async fn access_token(
        &self,
        ask: Ask,
        abort: Option<&AbortSignal>,
    ) -> Result<Rc<AccessToken>, Error> {
        let hand = |work: &Promise| (self.wait_until)(work.clone());
        self.client.inner().access_token_ahead(ask, abort, hand).await
    }
}
