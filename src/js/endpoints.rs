//! The other endpoints of a server, for the public class `TokenClient`. Arguments are read before anything
//! is asked.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

use crate::client::config::invalid;
use crate::client::discovery::{Consent, Lead, Trust};
use crate::client::host::Host;
use crate::client::poll::Polled;
use crate::client::token_client::TokenClient;
use crate::protocol::ciba::{self, Ask};
use crate::protocol::error::{Code, Error};
use crate::protocol::http::ANSWER;
use crate::protocol::json::{Json, Object as Members};
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::{device, logout_token};
use crate::web::call::{function, leave, property, text, written};
use crate::web::host::WebHost;
use crate::web::url;

use super::Answering;
use super::incoming::{Incoming, has_headers, header};
use super::options::{View, parameters};
use super::value;

type Client = TokenClient<WebHost>;

/// The method of that name, unless it is another file's.
pub fn start(
    client: &Client,
    redirect_uri: Option<&str>,
    name: &str,
    [first, second, third]: [&JsValue; 3],
) -> Result<Option<Answering>, Error> {
    let client = client.clone();
    Ok(Some(match name {
        "deviceAuthorization" => device_authorization(client, &View::of(first))?,
        "pollDevice" => poll_device(client, first, second)?,
        "backchannelAuthentication" => backchannel_authentication(client, &View::of(first))?,
        "pollBackchannel" => poll_backchannel(client, first, second)?,
        "validateBackchannelNotification" => notification(client, first, second)?,
        "pushAuthorization" => {
            let signal = only_signal(second)?;
            let form = parameters(first).ok_or_else(|| invalid("parameters"))?;
            Box::pin(async move {
                let pushed = client.push_authorization(&form, signal.as_ref()).await?;
                Ok(value::object(&pushed.response, &[]))
            })
        }
        "introspect" => introspect(client, first, second)?,
        "register" => {
            let view = View::of(second);
            let (initial, signal) = (secret(&view, "initialAccessToken"), view.signal());
            view.finish()?;
            let metadata = members(first, "metadata")?;
            Box::pin(async move {
                let made = client.register(&metadata, initial.as_ref(), signal.as_ref()).await?;
                Ok(value::object(&made.response, &[]))
            })
        }
        "updateRegistration" => {
            let signal = only_signal(third)?;
            let (known, metadata) = (members(first, "registration")?, members(second, "metadata")?);
            Box::pin(async move {
                let changed =
                    client.update_registration(&known, &metadata, signal.as_ref()).await?;
                Ok(value::object(&changed.response, &[]))
            })
        }
        "deleteRegistration" => {
            let signal = only_signal(second)?;
            let known = members(first, "registration")?;
            Box::pin(async move {
                client.delete_registration(&known, signal.as_ref()).await?;
                Ok(JsValue::UNDEFINED)
            })
        }
        "validateLogoutToken" => validate_logout_token(client, first, second)?,
        "acceptThirdPartyLogin" => third_party(client, redirect_uri, first, second)?,
        "discoverResource" => discover(client, first, second)?,
        _ => return Ok(None),
    }))
}

fn only_signal(options: &JsValue) -> Result<Option<AbortSignal>, Error> {
    let view = View::of(options);
    let signal = view.signal();
    view.finish()?;
    Ok(signal)
}

fn secret(view: &View, name: &'static str) -> Option<Secret> {
    view.text(name).map(Secret::new)
}

/// An object that JSON holds.
fn members(given: &JsValue, name: &'static str) -> Result<Members, Error> {
    match leave(|| value::read_json(given)) {
        Some(Json::Object(members)) => Ok(members),
        _ => Err(invalid(name)),
    }
}

// ── a request that waits for a person ────────────────────────────────────────────────────────────

/// Ours among the members of the answer: milliseconds.
const UNTIL: &str = "expiresAt";

fn life(expires_in: u32) -> Millis {
    Millis::from(expires_in) * 1000
}

fn waiting(mut response: Members, expires_in: u32, came: UnixMillis) -> JsValue {
    // A server's member of that name would look like ours.
    response.take(UNTIL);
    value::object(&response, &[(UNTIL, ((came + life(expires_in)) as f64).into())])
}

/// The answer as the caller kept it, and when the request ends.
fn kept(given: &JsValue) -> Result<(Members, Option<UnixMillis>), Error> {
    let mut response = members(given, "response")?;
    let until = match response.take(UNTIL) {
        None => None,
        Some(until) => Some(until.as_integer().ok_or_else(|| invalid(UNTIL))?),
    };
    Ok((response, until))
}

/// What is wrong with an answer that was kept is the caller's to mend.
fn mistaken(error: Error) -> Error {
    error.recoded(Code::ConfigInvalid)
}

fn came(client: &Client, until: Option<UnixMillis>, expires_in: u32) -> UnixMillis {
    until.map_or_else(|| client.server().host().now(), |until| until - life(expires_in))
}

fn polled((granted, claims): Polled) -> JsValue {
    value::tokens(&granted, claims.as_ref())
}

fn device_authorization(client: Client, view: &View) -> Result<Answering, Error> {
    let (wish, signal) = (view.wish(), view.signal());
    view.finish()?;
    Ok(Box::pin(async move {
        let (device, came) = client.device_authorization(wish, signal.as_ref()).await?;
        Ok(waiting(device.response, device.expires_in, came))
    }))
}

fn poll_device(client: Client, response: &JsValue, options: &JsValue) -> Result<Answering, Error> {
    let signal = only_signal(options)?;
    let (response, until) = kept(response)?;
    let config = client.config();
    let host = client.server().host();
    let device = device::read(response, config.reading, host, config.transport);
    let device = device.map_err(mistaken)?;
    let came = came(&client, until, device.expires_in);
    Ok(Box::pin(
        async move { client.poll_device(&device, came, signal.as_ref()).await.map(polled) },
    ))
}

fn backchannel_authentication(client: Client, view: &View) -> Result<Answering, Error> {
    let ask = Ask {
        wish: view.wish(),
        login_hint: view.text("loginHint"),
        login_hint_token: secret(view, "loginHintToken"),
        id_token_hint: secret(view, "idTokenHint"),
        binding_message: view.text("bindingMessage"),
        user_code: secret(view, "userCode"),
        requested_expiry: view.number("requestedExpiry"),
        notification_token: secret(view, "clientNotificationToken"),
    };
    let signal = view.signal();
    view.finish()?;
    Ok(Box::pin(async move {
        let (request, came) = client.backchannel_authentication(ask, signal.as_ref()).await?;
        Ok(waiting(request.response, request.expires_in, came))
    }))
}

fn poll_backchannel(
    client: Client,
    response: &JsValue,
    options: &JsValue,
) -> Result<Answering, Error> {
    let signal = only_signal(options)?;
    let (response, until) = kept(response)?;
    let request = ciba::read(response, client.config().reading).map_err(mistaken)?;
    let came = came(&client, until, request.expires_in);
    Ok(Box::pin(async move {
        client.poll_backchannel(&request, came, signal.as_ref()).await.map(polled)
    }))
}

// ── what others send ─────────────────────────────────────────────────────────────────────────────

fn notification(client: Client, given: &JsValue, expected: &JsValue) -> Result<Answering, Error> {
    let view = View::of(expected);
    let id = Secret::new(view.required("authReqId"));
    let token = Secret::new(view.required("clientNotificationToken"));
    view.finish()?;
    if !has_headers(given) {
        let view = View::of(given);
        let (authorization, body) = (view.text("authorization"), view.text("body"));
        view.finish()?;
        let body = body.unwrap_or_default();
        return Ok(Box::pin(async move {
            let posted = ("POST", authorization.as_deref(), body.as_bytes());
            client.validate_notification(posted, &id, &token)?;
            Ok(JsValue::UNDEFINED)
        }));
    }
    let incoming = Incoming::of(given)?;
    Ok(Box::pin(async move {
        let body = incoming.body(ANSWER).await?;
        let authorization = incoming.header("authorization");
        let posted = (incoming.method.as_str(), authorization.as_deref(), body.as_slice());
        client.validate_notification(posted, &id, &token)?;
        Ok(JsValue::UNDEFINED)
    }))
}

fn validate_logout_token(
    client: Client,
    given: &JsValue,
    options: &JsValue,
) -> Result<Answering, Error> {
    let signal = only_signal(options)?;
    let given = match text(given) {
        Some(token) => Ok(Secret::new(token)),
        None => Err(Incoming::of(given)?),
    };
    Ok(Box::pin(async move {
        let token = match given {
            Ok(token) => token,
            Err(incoming) => {
                let body = incoming.body(ANSWER).await?;
                let kind = incoming.header("content-type");
                logout_token::receive(&incoming.method, kind.as_deref(), &body)?
            }
        };
        let over = client.validate_logout_token(&token, signal.as_ref()).await?;
        let mut out = Members::new();
        out.set_text("sub", over.subject.as_deref())
            .set_text("sid", over.session.as_deref())
            .set_text("jti", Some(&over.jti));
        Ok(value::object(&out, &[]))
    }))
}

fn third_party(
    client: Client,
    redirect_uri: Option<&str>,
    given: &JsValue,
    options: &JsValue,
) -> Result<Answering, Error> {
    let view = View::of(options);
    let issuers = view.list("issuers");
    view.finish()?;
    let home = redirect_uri.map(String::from).ok_or_else(|| invalid("redirectUri"))?;
    let query = match text(given) {
        Some(address) => url::parse(&address, Some(&home)).map(|url| url.search),
        // A form that was posted tells its parameters as text.
        None if given.is_object() => text(&written(given)),
        None => None,
    };
    let query = query.ok_or_else(|| invalid("request"))?;
    Ok(Box::pin(async move {
        let login = client.accept_third_party_login(&query, issuers.as_deref(), &home)?;
        Ok(value::object(&login, &[]))
    }))
}

// ── what the caller asks about ───────────────────────────────────────────────────────────────────

fn introspect(client: Client, token: &JsValue, options: &JsValue) -> Result<Answering, Error> {
    let view = View::of(options);
    let (hint, signal) = (view.text("tokenTypeHint"), view.signal());
    let signed = view.flag("signed", false);
    view.finish()?;
    let token = text(token).filter(|token| !token.is_empty()).map(Secret::new);
    let token = token.ok_or_else(|| invalid("token"))?;
    Ok(Box::pin(async move {
        let known = client.introspect(&token, hint.as_deref(), signed, signal.as_ref()).await?;
        Ok(value::object(&known.response, &[]))
    }))
}

fn discover(client: Client, resource: &JsValue, options: &JsValue) -> Result<Answering, Error> {
    let view = View::of(options);
    let (issuers, accept, signal) = (view.list("issuers"), view.function("accept"), view.signal());
    view.finish()?;
    let trust = match accept {
        None => Trust::Known(issuers),
        Some(_) if issuers.is_some() => return Err(invalid("accept")),
        Some(accept) => Trust::Asked(consent(accept)),
    };
    let lead = match text(resource) {
        Some(resource) => Lead::Resource(resource),
        None if has_headers(resource) => Lead::Challenge {
            url: text(&property(resource, "url")).ok_or_else(|| invalid("resource"))?,
            header: header(resource, "www-authenticate").unwrap_or_default(),
        },
        None => return Err(invalid("resource")),
    };
    Ok(Box::pin(async move {
        let found = client.discover_resource(&lead, &trust, signal.as_ref()).await?;
        let (resource, issuer) = found;
        Ok(value::object(&resource.document, &[("issuer", issuer.as_str().into())]))
    }))
}

/// The caller agrees by `true`, and by nothing else.
fn consent(accept: Function) -> Consent {
    Rc::new(move |issuer| {
        let (accept, issuer) = (accept.clone(), JsValue::from_str(issuer));
        Box::pin(async move {
            let failed = |_| invalid("accept");
            let answer = function(&accept, &[issuer]).map_err(failed)?;
            // An answer may have a `then` of the caller's.
            let answer = leave(|| Promise::resolve(&answer));
            Ok(JsFuture::from(answer).await.map_err(failed)? == JsValue::TRUE)
        })
    })
}
