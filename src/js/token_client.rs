//! What js/grantkit.js holds behind the public class `TokenClient`.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use js_sys::{Function, Promise};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::client::config::{Config, redirect_uri};
use crate::client::server::Want;
use crate::client::token_client::TokenClient;
use crate::protocol::authorize::Pending;
use crate::protocol::callback::Params;
use crate::protocol::client_auth::{ClientAuth, Method};
use crate::protocol::error::Error;
use crate::protocol::form::Form;
use crate::protocol::id_token::Nonce;
use crate::protocol::logout::Logout;
use crate::protocol::secret::Secret;
use crate::web::call::enter;
use crate::web::host::WebHost;
use crate::web::storage::TokenStore;
use crate::web::{location, url};

use super::options::{View, invalid, text};
use super::resource::{Call, Source};
use super::{fields_of, host, promise, refuse, value};

/// A client behind its public class.
#[wasm_bindgen]
pub struct ClientHandle {
    client: TokenClient<WebHost>,
    fetch: Function,
    redirect_uri: Option<String>,
    post_logout_redirect_uri: Option<String>,
}

/// Makes a client; no I/O, no randomness, no timer (law 17).
#[wasm_bindgen(js_name = openClient)]
pub fn open_client(options: JsValue, hold: Function) -> Result<ClientHandle, JsValue> {
    enter(|| open(&options, hold)).map_err(|error| fields_of(&error))
}

fn open(options: &JsValue, hold: Function) -> Result<ClientHandle, Error> {
    let view = View::of(options, "options")?;
    let tokens = TokenStore::Memory(RefCell::default());
    let (host, fetch) = host::make(&view, tokens, hold, Function::default())?;
    let server = view.server()?;
    let secret = view.text("clientSecret")?;
    let accepted = view.flag("insecureClientSecret")?.unwrap_or(false);
    let method = match view.text("clientAuthentication")?.as_deref() {
        None => None,
        Some("none") => Some(Method::None),
        Some("client_secret_basic") => Some(Method::Basic),
        Some("client_secret_post") => Some(Method::Post),
        Some(_) => return Err(invalid("clientAuthentication")),
    };
    let redirect = view.text("redirectUri")?;
    let post_logout = view.text("postLogoutRedirectUri")?;
    view.finish()?;
    // A secret in a page is no secret (R065).
    if secret.is_some() && location::window().is_some() && !accepted {
        return Err(invalid("clientSecret"));
    }
    let needs_secret = matches!(method, Some(Method::Basic | Method::Post));
    let has_secret = secret.as_ref().is_some_and(|secret| !secret.is_empty());
    if secret.is_some() != has_secret
        || needs_secret && !has_secret
        || method == Some(Method::None) && has_secret
    {
        return Err(invalid("clientSecret"));
    }
    let auth = ClientAuth {
        id: server.client_id.clone(),
        secret: secret.map(Secret::new),
        method,
    };
    let config = Config::check(server, auth, &host)?;
    let check = |uri: Option<String>, name| {
        uri.map(|uri| redirect_uri(&uri, name, &host, config.transport))
            .transpose()
    };
    Ok(ClientHandle {
        redirect_uri: check(redirect, "redirectUri")?,
        post_logout_redirect_uri: check(post_logout, "postLogoutRedirectUri")?,
        client: TokenClient::new(host, config),
        fetch,
    })
}

/// A grant's own parameters: the option, the parameter, and whether it must be there.
type Parameters = &'static [(&'static str, &'static str, bool)];

/// The grants of the named calls: grant type, own parameters, and whether the client's own scope goes
/// with them.
fn grant_of(name: &str) -> Option<(&'static str, Parameters, bool)> {
    Some(match name {
        "clientCredentials" => ("client_credentials", &[], true),
        "authorizationCode" => (
            "authorization_code",
            &[
                ("code", "code", true),
                ("redirectUri", "redirect_uri", false),
                ("codeVerifier", "code_verifier", false),
            ],
            false,
        ),
        "refreshToken" => (
            "refresh_token",
            &[("refreshToken", "refresh_token", true)],
            false,
        ),
        "deviceCode" => (
            "urn:ietf:params:oauth:grant-type:device_code",
            &[("deviceCode", "device_code", true)],
            false,
        ),
        "backchannel" => (
            "urn:openid:params:grant-type:ciba",
            &[("authReqId", "auth_req_id", true)],
            false,
        ),
        "tokenExchange" => (
            "urn:ietf:params:oauth:grant-type:token-exchange",
            &[
                ("subjectToken", "subject_token", true),
                ("subjectTokenType", "subject_token_type", true),
                ("actorToken", "actor_token", false),
                ("actorTokenType", "actor_token_type", false),
                ("requestedTokenType", "requested_token_type", false),
            ],
            true,
        ),
        "jwtBearer" => (
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            &[("assertion", "assertion", true)],
            true,
        ),
        "password" => (
            "password",
            &[
                ("username", "username", true),
                ("password", "password", true),
            ],
            true,
        ),
        _ => return None,
    })
}

/// The record of a sign-in under way, as a server keeps it with its own session.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationRequest {
    url: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    code_verifier: String,
    issuer: String,
    client_id: String,
    redirect_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr_values: Option<String>,
    essential_acr: Vec<String>,
    created_at: f64,
    #[serde(
        skip_serializing_if = "JsValue::is_undefined",
        with = "serde_wasm_bindgen::preserve"
    )]
    app_state: JsValue,
}

fn record(value: &JsValue) -> Result<Pending, Error> {
    let view = View::of(value, "request")?;
    let created_at = view.get("createdAt")?.and_then(|at| at.as_f64());
    let pending = Pending {
        state: view.required("state")?,
        nonce: view.text("nonce")?,
        verifier: Secret::new(view.required("codeVerifier")?),
        issuer: view.required("issuer")?,
        client_id: view.required("clientId")?,
        redirect_uri: view.required("redirectUri")?,
        scope: view.text("scope")?,
        resource: view.strings("resource")?,
        max_age: view.number("maxAge")?,
        essential_acr: view.strings("essentialAcr")?,
        silent: false,
        created_at: created_at.ok_or_else(|| invalid("createdAt"))? as i64,
        return_to: None,
        app_state: None,
    };
    Ok(pending)
}

fn abort_alone(options: &JsValue) -> Result<Option<web_sys::AbortSignal>, Error> {
    let view = View::of(options, "options")?;
    let signal = view.signal()?;
    view.finish()?;
    Ok(signal)
}

#[wasm_bindgen]
#[allow(missing_docs)]
impl ClientHandle {
    #[wasm_bindgen(js_name = getAccessToken)]
    pub fn access_token(&self, options: JsValue) -> Promise {
        let source = Source::Client(self.client.clone());
        promise(async move {
            let view = View::of(&options, "options")?;
            let (ask, signal) = (view.ask()?, view.signal()?);
            let wait_until = view.function("waitUntil")?;
            view.finish()?;
            let token = source
                .token(ask, signal.as_ref(), wait_until.as_ref())
                .await?;
            Ok(token.secret.expose().into())
        })
    }

    pub fn fetch(&self, input: JsValue, init: JsValue, options: JsValue) -> Promise {
        let (source, fetch) = (Source::Client(self.client.clone()), self.fetch.clone());
        match enter(|| Call::read(&source, input, init, &options)) {
            Ok(call) => promise(call.run(source, fetch)),
            Err(error) => refuse(error),
        }
    }

    #[wasm_bindgen(js_name = requestToken)]
    pub fn request_token(&self, request: JsValue) -> Promise {
        let client = self.client.clone();
        promise(async move {
            let view = View::of(&request, "request")?;
            let grant_type = view.required("grantType")?;
            let (parameters, signal) = (view.parameters("parameters")?, view.signal()?);
            view.finish()?;
            let granted = client
                .request_token(&grant_type, &parameters, signal.as_ref())
                .await?;
            Ok(value::tokens(&granted, None))
        })
    }

    /// The named calls, by their public names.
    pub fn grant(&self, name: String, request: JsValue) -> Promise {
        let client = self.client.clone();
        let redirect_uri = self.redirect_uri.clone();
        promise(async move {
            let (grant_type, parameters, defaults) =
                grant_of(&name).ok_or_else(|| invalid("grantType"))?;
            let view = View::of(&request, "request")?;
            let mut form = Form::new();
            form.push("grant_type", grant_type);
            for (option, parameter, required) in parameters {
                let given = if *required {
                    Some(view.required(option)?)
                } else {
                    view.text(option)?
                };
                let value = match *option {
                    "redirectUri" => given.or_else(|| redirect_uri.clone()),
                    _ => given,
                };
                form.push_some(parameter, value.as_deref());
            }
            // RFC 8693, section 2.1: the type goes with the token, and only with it.
            if form.has("actor_token") != form.has("actor_token_type") {
                return Err(invalid("actorTokenType"));
            }
            let (wish, signal) = (view.wish()?, view.signal()?);
            view.finish()?;
            let granted = client.grant(form, wish, defaults, signal.as_ref()).await?;
            Ok(value::tokens(&granted, None))
        })
    }

    #[wasm_bindgen(js_name = authorizationRequest)]
    pub fn authorization_request(&self, request: JsValue) -> Promise {
        let client = self.client.clone();
        let redirect_uri = self.redirect_uri.clone();
        promise(async move {
            let view = View::of(&request, "request")?;
            let (mut ask, signal) = (view.sign_in()?, view.signal()?);
            view.finish()?;
            // A server decides by itself where a person goes next.
            ask.return_to = None;
            let acr_values = ask
                .wish
                .acr_values
                .clone()
                .or_else(|| client.config().wish.acr_values.clone());
            let redirect_uri = redirect_uri.ok_or_else(|| invalid("redirectUri"))?;
            let (url, pending) = client
                .authorization_request(&redirect_uri, ask, signal.as_ref())
                .await?;
            let record = AuthorizationRequest {
                url,
                code_verifier: pending.verifier.expose().into(),
                state: pending.state,
                nonce: pending.nonce,
                issuer: pending.issuer,
                client_id: pending.client_id,
                redirect_uri: pending.redirect_uri,
                scope: pending.scope,
                resource: pending.resource,
                max_age: pending.max_age,
                acr_values,
                essential_acr: pending.essential_acr,
                created_at: pending.created_at as f64,
                app_state: pending
                    .app_state
                    .as_ref()
                    .map_or(JsValue::UNDEFINED, value::json),
            };
            let out = record.serialize(&serde_wasm_bindgen::Serializer::json_compatible());
            out.map_err(|_| invalid("request"))
        })
    }

    pub fn callback(&self, answer: JsValue, request: JsValue, options: JsValue) -> Promise {
        let client = self.client.clone();
        promise(async move {
            let signal = abort_alone(&options)?;
            let pending = record(&request)?;
            let (params, arrived_at) = match answer.as_string() {
                Some(text) => {
                    let base = Some(pending.redirect_uri.as_str());
                    let url = url::parse(&text, base).ok_or_else(|| invalid("answer"))?;
                    (Params::read(&url.search, &url.hash)?, Some(url))
                }
                // A form that was posted to the redirect URI.
                None => {
                    let form: Option<js_sys::JsString> = answer
                        .is_object()
                        .then(|| js_sys::Object::from(answer.clone()).to_string());
                    let form = form.ok_or_else(|| invalid("answer"))?;
                    (
                        Params::read(&String::from(form), "")?,
                        url::parse(&pending.redirect_uri, None),
                    )
                }
            };
            let arrived_at = arrived_at.ok_or_else(|| invalid("redirectUri"))?;
            let signed_in = client
                .callback(&params, pending, &arrived_at, signal.as_ref())
                .await?;
            Ok(value::tokens(&signed_in.granted, signed_in.claims.as_ref()))
        })
    }

    #[wasm_bindgen(js_name = validateIdToken)]
    pub fn validate_id_token(&self, id_token: JsValue, expected: JsValue) -> Promise {
        let client = self.client.clone();
        promise(async move {
            let raw = Secret::new(text(&id_token, "idToken")?);
            let view = View::of(&expected, "expected")?;
            let nonce = view.text("nonce")?;
            let access_token = view.text("accessToken")?.map(Secret::new);
            let code = view.text("code")?.map(Secret::new);
            let want = Want {
                nonce: nonce.as_deref().map_or(Nonce::Absent, Nonce::Is),
                max_age: view.number("maxAge")?,
                essential_acr: &[],
                access_token: access_token.as_ref(),
                code: code.as_ref(),
                skew: Some(0),
            };
            view.finish()?;
            let claims = client.validate_id_token(raw.expose(), want, None).await?;
            Ok(value::object(claims.members(), &[]))
        })
    }

    #[wasm_bindgen(js_name = endSessionUrl)]
    pub fn end_session_url(&self, request: JsValue) -> Promise {
        let client = self.client.clone();
        let registered = self.post_logout_redirect_uri.clone();
        promise(async move {
            let view = View::of(&request, "request")?;
            let logout = Logout {
                id_token_hint: view.text("idTokenHint")?.map(Secret::new),
                logout_hint: view.text("logoutHint")?,
                post_logout_redirect_uri: view.text("postLogoutRedirectUri")?.or(registered),
                state: view.text("state")?,
            };
            view.finish()?;
            client
                .end_session_url(&logout, None)
                .await
                .map(JsValue::from)
        })
    }

    pub fn metadata(&self, options: JsValue) -> Promise {
        let client = self.client.clone();
        promise(async move {
            let signal = abort_alone(&options)?;
            let metadata = client.metadata(signal.as_ref()).await?;
            Ok(value::object(&metadata.document, &[]))
        })
    }

    #[wasm_bindgen(js_name = userInfo)]
    pub fn user_info(&self, access_token: JsValue, subject: JsValue, options: JsValue) -> Promise {
        let client = self.client.clone();
        promise(async move {
            let signal = abort_alone(&options)?;
            let token = Secret::new(text(&access_token, "accessToken")?);
            let subject = text(&subject, "expectedSubject")?;
            let members = client.user_info(&token, &subject, signal.as_ref()).await?;
            Ok(value::object(&members, &[]))
        })
    }

    pub fn revoke(&self, token: JsValue, options: JsValue) -> Promise {
        let client = self.client.clone();
        promise(async move {
            let token = Secret::new(text(&token, "token")?);
            let view = View::of(&options, "options")?;
            let (hint, signal) = (view.text("tokenTypeHint")?, view.signal()?);
            view.finish()?;
            client
                .revoke(&token, hint.as_deref(), signal.as_ref())
                .await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    pub fn close(&self) {
        enter(|| self.client.close());
    }
}
