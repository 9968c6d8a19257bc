//! What js/client.js holds behind the public class `TokenClient`.

use alloc::boxed::Box;
use alloc::string::String;
use core::cell::RefCell;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::client::config::invalid;
use crate::client::grants::GRANTS;
use crate::client::server::Want;
use crate::protocol::authorize::{Pending, ResponseMode};
use crate::protocol::client_auth::Method;
use crate::protocol::error::Error;
use crate::protocol::id_token::{Claims, Nonce};
use crate::protocol::json::{Json, Object as Members};
use crate::protocol::logout::Logout;
use crate::protocol::secret::Secret;
use crate::web::call::{enter, text, written};
use crate::web::open::{self, Client, ClientOptions};
use crate::web::storage::TokenStore;

use super::endpoints;
use super::keys;
use super::options::View;
use super::source::Source;
use super::waiting::Waiting;
use super::{Answering, fields_of, host, promise, refuse, value};

/// A client behind its public class.
#[wasm_bindgen]
pub struct ClientHandle {
    client: Client,
    fetch: Function,
}

/// Makes a client; no I/O, no randomness, no timer (law 17).
#[wasm_bindgen(js_name = openClient)]
pub fn open_client(options: JsValue, hold: Function) -> Result<ClientHandle, JsValue> {
    enter(|| open(&options, hold)).map_err(|error| fields_of(&error))
}

fn open(options: &JsValue, hold: Function) -> Result<ClientHandle, Error> {
    let view = View::of(options);
    let tokens = TokenStore::Memory(RefCell::default());
    let (host, fetch) = host::make(&view, tokens, hold, None)?;
    let mut server = view.server();
    let (bound, pair) = view.dpop();
    server.dpop = bound;
    server.response_mode = view.named("responseMode", ResponseMode::by_name);
    let own = ClientOptions {
        secret: view.text("clientSecret").map(Secret::new),
        insecure_client_secret: view.flag("insecureClientSecret", false),
        method: view.named("clientAuthentication", Method::by_name),
        key: keys::signing(&view, "privateKey"),
        elsewhere: keys::elsewhere(&view),
        objects: keys::signing(&view, "requestObjectKey"),
        pair,
        redirect_uri: view.text("redirectUri"),
        post_logout_redirect_uri: view.text("postLogoutRedirectUri"),
        cache: view.get("cache"),
        cache_key: view.get("cacheKey"),
    };
    view.finish()?;
    Ok(ClientHandle { client: open::client(host, server, own)?, fetch })
}

/// The record of a sign-in under way, as a server keeps it with its own session: the pending record
/// under public names.
const RECORD: &[(&str, &str)] = &[
    ("state", "state"),
    ("nonce", "nonce"),
    ("verifier", "codeVerifier"),
    ("issuer", "issuer"),
    ("client_id", "clientId"),
    ("redirect_uri", "redirectUri"),
    ("scope", "scope"),
    ("resource", "resource"),
    ("max_age", "maxAge"),
    ("acr", "essentialAcr"),
    ("silent", "silent"),
    ("signed_answer", "signedAnswer"),
    ("dpop_jkt", "dpopJkt"),
    ("created_at", "createdAt"),
    ("app_state", "appState"),
];

fn write_record(url: &str, acr_values: Option<&str>, pending: &Pending) -> JsValue {
    let mut stored = pending.to_json();
    let mut out = Members::new();
    out.set("url", url.into()).set_text("acrValues", acr_values);
    for (name, public) in RECORD {
        if let Some(value) = stored.take(name) {
            out.set(public, value);
        }
    }
    value::object(&out, &[])
}

fn read_record(record: &JsValue) -> Result<Box<Pending>, Error> {
    let Some(Json::Object(mut given)) = value::read_json(record) else {
        return Err(invalid("request"));
    };
    let mut stored = Members::new();
    for (name, public) in RECORD {
        if let Some(value) = given.take(public) {
            stored.set(name, value);
        }
    }
    Pending::from_json(stored).map(Box::new).ok_or_else(|| invalid("request"))
}

#[wasm_bindgen]
#[allow(missing_docs)]
impl ClientHandle {
    /// A method of the public class, by its name. Arguments are read before this returns.
    pub fn call(&self, name: &str, first: JsValue, second: JsValue, third: JsValue) -> Promise {
        match enter(|| self.start(name, first, second, third)) {
            Ok(work) => promise(work),
            Err(error) => refuse(error),
        }
    }

    pub fn close(&self) {
        enter(|| self.client.client.close());
    }
}

impl ClientHandle {
    fn start(
        &self,
        name: &str,
        first: JsValue,
        second: JsValue,
        third: JsValue,
    ) -> Result<Answering, Error> {
        let client = self.client.client.clone();
        match name {
            "fetch" => {
                let view = View::of(&third);
                let wait_until = view.function("waitUntil");
                let source = Source::Client(Waiting { client, wait_until });
                let call = source.read(first, second, &view)?;
                return Ok(Box::pin(call.answer(source, self.fetch.clone())));
            }
            "callback" => return self.callback(first, &second, &third),
            "validateIdToken" => return self.validate(&first, &second),
            "userInfo" => {
                let view = View::of(&third);
                let signal = view.signal();
                view.finish()?;
                let fits = |token: &String| token.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                let token = text(&first).filter(fits).map(Secret::new);
                let token = token.ok_or_else(|| invalid("accessToken"))?;
                let subject = text(&second).ok_or_else(|| invalid("expectedSubject"))?;
                return Ok(Box::pin(async move {
                    let members = client.user_info(&token, &subject, signal.as_ref()).await?;
                    Ok(value::object(&members, &[]))
                }));
            }
            "revoke" => {
                let view = View::of(&second);
                let (hint, signal) = (view.text("tokenTypeHint"), view.signal());
                view.finish()?;
                let token = text(&first).map(Secret::new).ok_or_else(|| invalid("token"))?;
                return Ok(Box::pin(async move {
                    client.revoke(&token, hint.as_deref(), signal.as_ref()).await?;
                    Ok(JsValue::UNDEFINED)
                }));
            }
            _ => {}
        }
        let redirect_uri = self.client.redirect_uri.as_deref();
        let with = [&first, &second, &third];
        if let Some(work) = endpoints::start(&client, redirect_uri, name, with)? {
            return Ok(work);
        }
        let view = View::of(&first);
        let signal = view.signal();
        Ok(match name {
            "getAccessToken" => {
                let (ask, wait_until) = (view.ask(), view.function("waitUntil"));
                view.finish()?;
                let waiting = Waiting { client, wait_until };
                Box::pin(async move {
                    let token = waiting.access_token(ask, signal.as_ref()).await?;
                    Ok(token.secret.expose().into())
                })
            }
            "authorizationRequest" => self.authorization_request(&view, signal)?,
            "endSessionUrl" => self.end_session_url(&view, signal)?,
            "metadata" => {
                view.finish()?;
                Box::pin(async move {
                    let metadata = client.metadata(signal.as_ref()).await?;
                    Ok(value::object(&metadata.document, &[]))
                })
            }
            _ => self.grant(name, &view, signal)?,
        })
    }

    /// `requestToken` and the named calls.
    fn grant(
        &self,
        name: &str,
        view: &View,
        signal: Option<AbortSignal>,
    ) -> Result<Answering, Error> {
        let client = self.client.client.clone();
        let Some(grant) = GRANTS.iter().find(|grant| grant.name == name) else {
            let grant_type = view.required("grantType");
            let parameters = view.parameters("parameters");
            view.finish()?;
            return Ok(Box::pin(async move {
                let granted =
                    client.request_token(&grant_type, &parameters, signal.as_ref()).await?;
                Ok(value::tokens(&granted, None))
            }));
        };
        let form = grant.form(&|option| {
            let default = || self.client.redirect_uri.clone().filter(|_| option == "redirectUri");
            view.text(option).or_else(default).map(Secret::new)
        });
        let earlier = match name {
            "refreshToken" => view.members("claims").map(Claims::restored),
            _ => None,
        };
        if matches!(earlier, Some(None)) {
            view.refuse("claims");
        }
        let wish = view.wish();
        view.finish()?;
        let form = form?;
        Ok(Box::pin(async move {
            let signal = signal.as_ref();
            let granted = client.grant(form, wish, grant.defaults, signal).await?;
            let claims = match earlier.flatten() {
                Some(earlier) => client.renewed_claims(&granted, &earlier, signal).await?,
                None => None,
            };
            Ok(value::tokens(&granted, claims.as_ref()))
        }))
    }

    fn authorization_request(
        &self,
        view: &View,
        signal: Option<AbortSignal>,
    ) -> Result<Answering, Error> {
        let client = self.client.client.clone();
        let mut ask = view.sign_in();
        view.finish()?;
        let redirect_uri =
            self.client.redirect_uri.clone().ok_or_else(|| invalid("redirectUri"))?;
        // A server decides by itself where a person goes next.
        ask.return_to = None;
        let defaults = &client.config().wish;
        let acr_values = ask.wish.acr_values.clone().or_else(|| defaults.acr_values.clone());
        Ok(Box::pin(async move {
            let begun = client.authorization_request(&redirect_uri, ask, signal.as_ref()).await;
            let (url, pending) = begun?;
            Ok(write_record(&url, acr_values.as_deref(), &pending))
        }))
    }

    fn callback(
        &self,
        answer: JsValue,
        request: &JsValue,
        options: &JsValue,
    ) -> Result<Answering, Error> {
        let client = self.client.client.clone();
        let view = View::of(options);
        let signal = view.signal();
        view.finish()?;
        let pending = read_record(request)?;
        let posted = !answer.is_string();
        // A form that was posted to the redirect URI tells its parameters as text.
        let answer = match posted && answer.is_object() {
            true => text(&written(&answer)),
            false => text(&answer),
        };
        let answer = answer.ok_or_else(|| invalid("answer"))?;
        let (params, arrived_at) = open::answer(&answer, posted, &pending)?;
        Ok(Box::pin(async move {
            let signed_in = client.callback(&params, pending, &arrived_at, signal.as_ref()).await?;
            Ok(value::tokens(&signed_in.granted, signed_in.claims.as_ref()))
        }))
    }

    fn validate(&self, id_token: &JsValue, expected: &JsValue) -> Result<Answering, Error> {
        let client = self.client.client.clone();
        let raw = text(id_token).map(Secret::new).ok_or_else(|| invalid("idToken"))?;
        let view = View::of(expected);
        let (nonce, max_age) = (view.text("nonce"), view.number("maxAge"));
        let access_token = view.text("accessToken").map(Secret::new);
        let code = view.text("code").map(Secret::new);
        view.finish()?;
        Ok(Box::pin(async move {
            let want = Want {
                nonce: nonce.as_deref().map_or(Nonce::Absent, Nonce::Is),
                max_age,
                essential_acr: &[],
                access_token: access_token.as_ref(),
                code: code.as_ref(),
                state: None,
                skew: Some(0),
            };
            let claims = client.validate_id_token(raw.expose(), want, None).await?;
            Ok(value::object(claims.members(), &[]))
        }))
    }

    fn end_session_url(
        &self,
        view: &View,
        signal: Option<AbortSignal>,
    ) -> Result<Answering, Error> {
        let client = self.client.client.clone();
        let registered = self.client.post_logout_redirect_uri.clone();
        let logout = Logout {
            id_token_hint: view.text("idTokenHint").map(Secret::new),
            logout_hint: view.text("logoutHint"),
            post_logout_redirect_uri: view.text("postLogoutRedirectUri").or(registered),
            state: view.text("state"),
            ui_locales: view.text("uiLocales"),
        };
        view.finish()?;
        Ok(Box::pin(async move {
            client.end_session_url(&logout, signal.as_ref()).await.map(JsValue::from)
        }))
    }
}
