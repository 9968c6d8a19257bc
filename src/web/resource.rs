//! The fetch wrapper: a token goes to `allowedUrls` only, the URL is parsed once and that value fetched,
//! and a 401 is answered with one fresh token (R126 to R130).

use alloc::rc::Rc;
use alloc::string::String;
use core::future::Future;

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, Response};

use crate::client::config::{Config, invalid};
use crate::client::dpop::To;
use crate::client::resource::repeatable;
use crate::client::server::Server;
use crate::client::session::Session;
use crate::client::token_client::{Ask, TokenClient};
use crate::client::tokens::AccessToken;
use crate::protocol::authorize::Wish;
use crate::protocol::challenge::{Wanted, wanted};
use crate::protocol::dpop::authorization;
use crate::protocol::error::{Code, Error};
use crate::protocol::secret::Secret;
use crate::protocol::url::Url;
use crate::protocol::userinfo::bearer;

use super::call::{self, function, global, leave, method, object, property, written};
use super::host::WebHost;
use super::{location, url};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Object)]
    fn assign(target: &Object, first: &JsValue, second: &JsValue) -> Result<JsValue, JsValue>;
}

/// Who has the token.
pub trait Source {
    /// The options.
    fn config(&self) -> &Config {
        self.server().config()
    }

    /// The server that the token is of.
    fn server(&self) -> &Server<WebHost>;

    /// Where `fetch` may take a token to, and what for.
    fn allow(&self, url: &Url) -> Result<Wish, Error>;

    /// An access token.
    fn access_token(
        &self,
        ask: Ask,
        abort: Option<&AbortSignal>,
    ) -> impl Future<Output = Result<Rc<AccessToken>, Error>>;
}

impl Source for Session<WebHost> {
    fn server(&self) -> &Server<WebHost> {
        self.server()
    }

    fn allow(&self, url: &Url) -> Result<Wish, Error> {
        self.allow(url)
    }

    async fn access_token(
        &self,
        ask: Ask,
        abort: Option<&AbortSignal>,
    ) -> Result<Rc<AccessToken>, Error> {
        self.access_token(ask, abort).await
    }
}

impl Source for TokenClient<WebHost> {
    fn server(&self) -> &Server<WebHost> {
        self.server()
    }

    fn allow(&self, url: &Url) -> Result<Wish, Error> {
        self.allow(url)
    }

    async fn access_token(
        &self,
        ask: Ask,
        abort: Option<&AbortSignal>,
    ) -> Result<Rc<AccessToken>, Error> {
        self.access_token(ask, abort).await
    }
}

/// One call of the wrapper by Rust.
pub async fn fetch(
    source: impl Source,
    fetch: Function,
    input: JsValue,
    init: &RequestInit,
    wish: Wish,
) -> Result<Response, Error> {
    let call = Call::read(&source, input, init.into(), || Ok((wish, None)))?;
    call.answer(source, fetch).await.map(JsCast::unchecked_into)
}

/// One call of the wrapper, taken apart.
pub struct Call {
    input: JsValue,
    is_request: bool,
    init: JsValue,
    url: Url,
    method: String,
    headers: Headers,
    ask: Ask,
    abort: Option<AbortSignal>,
}

impl Call {
    /// Reads the arguments, the options last; nothing is sent before all of it is in order.
    pub fn read(
        source: &impl Source,
        mut input: JsValue,
        mut init: JsValue,
        options: impl FnOnce() -> Result<(Wish, Option<AbortSignal>), Error>,
    ) -> Result<Call, Error> {
        let request =
            |of: &JsValue| property(of, "url").is_string() && property(of, "clone").is_function();
        let mut is_request = request(&input);
        // Read once: an object may answer differently the second time (A074).
        let text = match is_request {
            true => property(&input, "url"),
            false => written(&input),
        };
        let text = call::text(&text).ok_or_else(|| invalid("input"))?;
        let page = location::address();
        let base = source.config().base_url.as_deref().or(page.as_deref());
        let url = url::parse(&text, base).ok_or(Code::UrlInvalid)?;
        let allowed = source.allow(&url)?;

        let (wish, signal) = options()?;
        let wish = wish.over(&allowed);

        // A Worker passes on what came in as init: it goes under the new address.
        if request(&init) {
            let first = if is_request { input } else { url.href.as_str().into() };
            input = built(&first, &init).map_err(|_| invalid("init"))?;
            (init, is_request) = (JsValue::UNDEFINED, true);
        }
        let given = |name: &str| match property(&init, name) {
            value if value.is_undefined() && is_request => property(&input, name),
            value => value,
        };
        let headers = headers(&given("headers"))?;
        for name in ["authorization", "dpop"] {
            if headers.has(name).unwrap_or(true) {
                return Err(invalid(name));
            }
        }
        if property(&init, "redirect") == "follow" {
            return Err(invalid("redirect"));
        }
        // The signal of the call stands above the one that every Request has.
        let abort = match (signal, given("signal")) {
            (Some(signal), _) => Some(signal),
            (None, given) if given.is_object() => Some(given.unchecked_into()),
            _ => None,
        };
        let method = normal(given("method").as_string().unwrap_or_else(|| "GET".into()));
        let ask = Ask { wish, ..Ask::default() };
        Ok(Call { input, is_request, init, url, method, headers, ask, abort })
    }

    /// Whether the body can be sent a second time: a stream is gone after the first.
    fn readable_again(&self) -> bool {
        let body = property(&self.init, "body");
        let iterated = Reflect::get(&body, &js_sys::Symbol::async_iterator());
        let read_once = property(&body, "getReader").is_function()
            || iterated.is_ok_and(|iterator| iterator.is_function());
        !read_once
    }

    async fn send(
        &self,
        source: &impl Source,
        fetch: &Function,
        token: &AccessToken,
        keep: bool,
    ) -> Result<Response, Error> {
        let failed = |_| match self.abort.as_ref().is_some_and(AbortSignal::aborted) {
            true => Error::from(Code::Aborted),
            false => Error::from(Code::NetworkError),
        };
        let headers = Headers::new_with_headers(&self.headers).map_err(failed)?;
        let (value, proof) = present(source, token, &self.method, &self.url.href).await?;
        headers.set("authorization", value.expose()).map_err(failed)?;
        if let Some(proof) = proof {
            headers.set("dpop", proof.expose()).map_err(failed)?;
        }
        let mut ours = alloc::vec![("headers", headers.into()), ("redirect", "manual".into())];
        ours.extend(self.abort.as_ref().map(|signal| ("signal", signal.into())));
        let ours = object(&ours);
        let init = leave(|| assign(&Object::new(), &self.init, &ours));
        let init = init.map_err(|_| invalid("init"))?;
        let target: JsValue = if self.is_request {
            // A clone keeps the body for a second time.
            let request = if keep {
                method(&self.input, "clone").map_err(failed)?
            } else {
                self.input.clone()
            };
            let built = built(&request, &init).map_err(failed)?;
            // An input may lie about its address; what was built here does not.
            let there = property(&built, "url").as_string();
            let there = there.and_then(|text| url::parse(&text, None));
            if there.is_none_or(|there| there.href != self.url.href) {
                return Err(Code::UrlNotAllowed.into());
            }
            built
        } else {
            JsValue::from_str(&self.url.href)
        };
        let answer = match self.is_request {
            true => function(fetch, &[target]),
            false => function(fetch, &[target, init]),
        };
        let answer = answer.map_err(failed)?;
        // An answer may have a `then` of the caller's.
        let answer = leave(|| Promise::resolve(&answer));
        let answer = JsFuture::from(answer).await.map_err(failed)?;
        // A mock may answer with nothing at all.
        if !property(&answer, "headers").is_object() {
            return Err(Code::NetworkError.into());
        }
        let answer: Response = answer.unchecked_into();
        let redirected = property(&answer, "type") == "opaqueredirect"
            || property(&answer, "redirected") == JsValue::TRUE
            || matches!(answer.status(), 301 | 302 | 303 | 307 | 308);
        if redirected {
            return Err(Error::new(Code::RedirectRefused).status(answer.status()));
        }
        Ok(answer)
    }

    /// The answer; a final 401 is an answer, too.
    pub async fn answer(mut self, source: impl Source, fetch: Function) -> Result<JsValue, Error> {
        let again = self.readable_again();
        let repeatable = again && repeatable(source.config(), &self.method);
        // An API that wants a nonce did nothing yet, whatever the method (RFC 9449, section 9).
        let proves = source.server().dpop().is_some();
        let keep = repeatable || again && proves;
        let mut last: Option<Response> = None;
        // Once for a nonce, and once for a token.
        let mut proved = false;
        loop {
            let ask = self.ask.clone();
            let token = match source.access_token(ask, self.abort.as_ref()).await {
                Ok(token) => token,
                // Without a fresh token the 401 is the answer.
                Err(error) => return last.map(Into::into).ok_or(error),
            };
            if let Some(body) = last.as_ref().and_then(Response::body) {
                let _ = body.cancel();
            }
            let answer = self.send(&source, &fetch, &token, keep).await?;
            let header = |name: &str| answer.headers().get(name).ok().flatten();
            let (status, nonce) = (answer.status(), header("dpop-nonce"));
            let wants = wanted(status, header("www-authenticate").as_deref());
            if let Some(dpop) = source.server().dpop() {
                match wants {
                    Wanted::Nonce if again => {
                        dpop.renew(To::Api, &self.url.href, nonce.as_deref(), proved)?;
                        proved = true;
                        last = Some(answer);
                        continue;
                    }
                    _ => dpop.note(To::Api, &self.url.href, nonce.as_deref()),
                }
            }
            let scope = source.config().wish.scope.as_deref();
            if let Some(error) = wants.error(status, scope) {
                return Err(error);
            }
            // A challenge that names another reason is not mended by a fresh token (RFC 6750, section 3.1).
            if wants != Wanted::Token || !repeatable || self.ask.refused.is_some() {
                return Ok(answer.into());
            }
            self.ask.refused = Some(token.secret.clone());
            last = Some(answer);
        }
    }
}

/// A method as it is sent. Which names have one spelling, whatever the caller's, each runtime has its own
/// mind about (Fetch, section 4.6, has six).
fn normal(method: String) -> String {
    if !method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return method;
    }
    let init = object(&[("method", method.as_str().into())]);
    let seen = built(&"https://localhost/".into(), &init).ok();
    seen.and_then(|request| property(&request, "method").as_string()).unwrap_or(method)
}

/// The headers that present a token (RFC 6750, section 2.1; RFC 9449, section 7.1).
async fn present(
    source: &impl Source,
    token: &AccessToken,
    method: &str,
    url: &str,
) -> Result<(Secret, Option<Secret>), Error> {
    let server = source.server();
    let Some(dpop) = server.dpop() else { return Ok((bearer(&token.secret), None)) };
    let (target, secret) = ((method, url), Some(&token.secret));
    let proof = dpop.prove(server.host(), To::Api, target, secret, server.time()).await?;
    Ok((authorization(&token.secret), Some(proof)))
}

fn built(first: &JsValue, second: &JsValue) -> Result<JsValue, JsValue> {
    let class: Function = global("Request").dyn_into()?;
    let arguments = js_sys::Array::of2(first, second);
    leave(|| Reflect::construct(&class, &arguments))
}

fn headers(given: &JsValue) -> Result<Headers, Error> {
    let class: Function = global("Headers").dyn_into().map_err(|_| invalid("headers"))?;
    let arguments = match given.is_object() {
        true => js_sys::Array::of1(given),
        false => js_sys::Array::new(),
    };
    let made = leave(|| Reflect::construct(&class, &arguments)).map_err(|_| invalid("headers"))?;
    Ok(made.unchecked_into())
}
