//! What tests/rust calls of the crate as a Rust program has it. Answers are text; errors are their code
//! and detail.

mod page;
mod worker;

use std::cell::RefCell;
use std::rc::Rc;

use grantkit::client::server::Granted;
use grantkit::protocol::client_auth::Method;
use grantkit::{
    Answer, Ask, Error, Event, Exchange, Mode, Secret, Session, SessionOptions, SignIn, SignOut,
    Storage, Subscription, TokenClient, TokenClientOptions, Wish,
};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit};

/// Two of them do not link: the crate has none.
#[global_allocator]
static ALLOCATOR: std::alloc::System = std::alloc::System;

type Told<T> = Result<T, JsValue>;

fn told(error: Error) -> JsValue {
    let detail = error.detail_text().unwrap_or_default();
    format!("{} {detail}", error.code().as_str()).trim().into()
}

fn shown<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => "fine".into(),
        Err(error) => told(error).as_string().unwrap_or_default(),
    }
}

// ── a page ─────────────────────────────────────────────────────────────────────────────────────────

/// A session that a test holds.
#[wasm_bindgen]
pub struct Page {
    session: Session,
    events: Rc<RefCell<Vec<String>>>,
}

fn named(event: &Event<'_>) -> String {
    match event {
        Event::SignedIn { other_tab, .. } => format!("signed-in {other_tab}"),
        Event::SignedOut { reason, .. } => format!("signed-out {reason}"),
        Event::Renewed { other_tab, .. } => format!("renewed {other_tab}"),
        Event::Warning { code, .. } => format!("warning {code}"),
        event => format!("{event:?}"),
    }
}

fn heard(session: Session) -> Page {
    let events = Rc::<RefCell<Vec<String>>>::default();
    let ear = events.clone();
    let listen = move |event: &Event<'_>| ear.borrow_mut().push(named(event));
    session.on(listen).keep();
    Page { session, events }
}

/// As the README has it.
#[wasm_bindgen(js_name = openPage)]
pub async fn open_page(issuer: String, redirect_uri: String, api: String) -> Told<Page> {
    page::open(&issuer, &redirect_uri, &api).await.map(heard).map_err(told)
}

/// On a server there is no page.
#[wasm_bindgen(js_name = openOnServer)]
pub async fn open_on_server(issuer: String) -> Told<Page> {
    let options = SessionOptions::new(issuer, "spa", "https://app.example/callback");
    let options = SessionOptions { storage: Storage::Memory, ..options };
    Session::new(options).await.map(heard).map_err(told)
}

/// What options are told that will not do.
#[wasm_bindgen(js_name = wrongSessions)]
pub async fn wrong_sessions() -> Vec<String> {
    let good = || SessionOptions::new("https://id.example", "spa", "https://app.example/callback");
    let mut out = Vec::new();
    for options in [
        good(),
        SessionOptions::default(),
        SessionOptions { client_id: String::new(), ..good() },
        SessionOptions { redirect_uri: String::new(), ..good() },
        SessionOptions { issuer: Some("http://id.example".into()), ..good() },
        SessionOptions { storage: Storage::Custom(JsValue::NULL), ..good() },
        SessionOptions { scope: Some("a a".into()), ..good() },
        SessionOptions { allowed_urls: vec!["https://api.example/?x".into()], ..good() },
        SessionOptions { parameters: vec![("state".into(), "x".into())], ..good() },
    ] {
        out.push(shown(Session::new(options).await));
    }
    out
}

#[wasm_bindgen]
impl Page {
    #[wasm_bindgen(getter, js_name = signedIn)]
    pub fn signed_in(&self) -> bool {
        self.session.signed_in()
    }

    #[wasm_bindgen(getter)]
    pub fn subject(&self) -> Option<String> {
        self.session.claims().map(|claims| claims.subject().into())
    }

    /// What was told since the last time.
    pub fn events(&self) -> Vec<String> {
        self.events.take()
    }

    #[wasm_bindgen(js_name = handleCallback)]
    pub async fn handle_callback(&self) -> Told<String> {
        let handling = self.session.handle_callback(None);
        Ok(match handling.await.map_err(told)? {
            Answer::None => "none".into(),
            answer => format!("{answer:?}"),
        })
    }

    #[wasm_bindgen(js_name = signIn)]
    pub async fn sign_in(&self, mode: String, prompt: Option<String>) -> Told<()> {
        let mode = match mode.as_str() {
            "popup" => Mode::Popup,
            "silent" => Mode::Silent,
            _ => Mode::Redirect,
        };
        let signing_in = self.session.sign_in(SignIn { prompt, ..SignIn::default() }, mode);
        signing_in.await.map(drop).map_err(told)
    }

    pub async fn renew(&self) -> Told<String> {
        let ask = Ask { force: true, ..Ask::default() };
        let token = self.session.get_access_token(ask).await.map_err(told)?;
        Ok(token.expose().into())
    }

    /// The status, and the whole answer.
    pub async fn fetch(&self, url: String) -> Told<String> {
        let answer = self.session.fetch(url).await.map_err(told)?;
        let text = JsFuture::from(answer.text()?).await?.as_string().unwrap_or_default();
        Ok(format!("{} {text}", answer.status()))
    }

    /// What listeners hear of two renewals who come and go while the first is told.
    pub async fn hearing(&self) -> Told<Vec<String>> {
        let heard = Rc::<RefCell<Vec<&'static str>>>::default();
        let ear = |name| {
            let heard = heard.clone();
            move |_: &Event<'_>| heard.borrow_mut().push(name)
        };
        let gone = Rc::<RefCell<Option<Subscription>>>::default();
        let (going, session) = (gone.clone(), self.session.clone());
        let coming = RefCell::new(Some(ear("coming")));
        let stays = self.session.on(ear("stays"));
        let changes = self.session.on(move |_| {
            drop(going.take());
            if let Some(coming) = coming.take() {
                session.on(coming).keep();
            }
        });
        *gone.borrow_mut() = Some(self.session.on(ear("gone")));
        for _ in 0..2 {
            heard.borrow_mut().push("renewal");
            self.renew().await?;
        }
        drop((stays, changes));
        Ok(heard.take().into_iter().map(Into::into).collect())
    }

    #[wasm_bindgen(js_name = userInfo)]
    pub async fn user_info(&self) -> Told<String> {
        let members = self.session.user_info().await.map_err(told)?;
        Ok(members.text("sub").unwrap_or_default().into())
    }

    #[wasm_bindgen(js_name = signOut)]
    pub async fn sign_out(&self) -> Told<()> {
        let how = SignOut { local: true, ..SignOut::default() };
        self.session.sign_out(how).await.map_err(told)
    }

    pub fn close(&self) {
        self.session.close();
    }
}

/// What nobody heard waits for the first listener, and for it alone.
#[wasm_bindgen]
pub async fn early() -> Told<Vec<String>> {
    let refuses = js_sys::eval("({ get() { throw 1 }, set() { throw 1 }, delete() { throw 1 } })")?;
    let options = SessionOptions::new("https://id.example", "spa", "https://app.example/callback");
    let options = SessionOptions { storage: Storage::Custom(refuses), ..options };
    let session = Session::new(options).await.map_err(told)?;
    let heard = Rc::<RefCell<Vec<String>>>::default();
    for name in ["first", "second"] {
        let ear = heard.clone();
        session.on(move |event| ear.borrow_mut().push(format!("{name} {}", named(event)))).keep();
    }
    Ok(heard.take())
}

// ── a Worker ───────────────────────────────────────────────────────────────────────────────────────

fn token(granted: Result<Granted, Error>) -> String {
    match granted {
        Ok(granted) => granted.tokens.response.to_text(),
        Err(error) => told(error).as_string().unwrap_or_default(),
    }
}

/// As the README has it; answers what many calls at once and a call of the API bring.
#[wasm_bindgen]
pub async fn work(issuer: String, secret: String, api: String) -> Told<Vec<String>> {
    let client = worker::open(&issuer, &secret, &api).map_err(told)?;
    let ask = || client.get_access_token(Ask::default());
    let (first, second) = futures_join(ask(), ask()).await;
    let mut out = vec![first.map_err(told)?.expose().into(), second.map_err(told)?.expose().into()];
    let answer = client.fetch(format!("{api}?by=address")).await.map_err(told)?;
    out.push(answer.status().to_string());
    let init = RequestInit::new();
    init.set_method("PUT");
    init.set_body(&"a body".into());
    let request = Request::new_with_str_and_init(&format!("{api}?by=request"), &init)?;
    out.push(client.fetch(request).await.map_err(told)?.status().to_string());
    let with = client.fetch_with(format!("{api}?by=init"), &init, Wish::default()).await;
    out.push(with.map_err(told)?.status().to_string());
    out.push(shown(client.fetch("https://elsewhere.example/").await));
    client.close();
    out.push(shown(client.get_access_token(Ask::default()).await));
    Ok(out)
}

async fn futures_join<T>(
    first: impl Future<Output = T>,
    second: impl Future<Output = T>,
) -> (T, T) {
    use std::pin::pin;
    use std::task::Poll;
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut other) = (None, None);
    std::future::poll_fn(|context| {
        if one.is_none()
            && let Poll::Ready(out) = first.as_mut().poll(context)
        {
            one = Some(out);
        }
        if other.is_none()
            && let Poll::Ready(out) = second.as_mut().poll(context)
        {
            other = Some(out);
        }
        match (one.take(), other.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (left, right) => {
                (one, other) = (left, right);
                Poll::Pending
            }
        }
    })
    .await
}

/// What each grant sends, to an endpoint that tells.
#[wasm_bindgen]
pub async fn grants(issuer: String) -> Told<Vec<String>> {
    let endpoint = format!(r#"{{ "token_endpoint": "{issuer}/token" }}"#);
    let client = TokenClient::new(TokenClientOptions {
        metadata: grantkit::protocol::json::read_object(endpoint.as_bytes())
            .map_err(|_| JsValue::from("malformed"))?,
        client_secret: Some(Secret::new("s")),
        client_authentication: Some(Method::Basic),
        redirect_uri: Some("https://app.example/callback".into()),
        scope: Some("own".into()),
        ..TokenClientOptions::new(issuer, "app")
    });
    let client = client.map_err(told)?;
    let (it, wish) = (Secret::new("it"), Wish::default);
    let exchange = Exchange {
        subject_token: it.clone(),
        subject_token_type: "kind".into(),
        actor: Some((Secret::new("actor"), "actor kind".into())),
        requested_token_type: Some("wanted".into()),
    };
    let more = [("x".to_owned(), "y".to_owned())];
    let empty = Secret::new("");
    Ok(vec![
        token(client.request_token("custom", &more).await),
        token(client.client_credentials(wish()).await),
        token(client.authorization_code(&it, None, Some(&Secret::new("v")), wish()).await),
        token(client.refresh_token(&it, Wish { scope: Some("less".into()), ..wish() }).await),
        token(client.device_code(&it, wish()).await),
        token(client.backchannel(&it, wish()).await),
        token(client.token_exchange(&exchange, wish()).await),
        token(client.jwt_bearer(&it, wish()).await),
        token(client.password("who", &it, wish()).await),
        token(client.refresh_token(&empty, wish()).await),
    ])
}

/// A token that is renewed behind the answer: what was handed over, and what came.
#[wasm_bindgen]
pub async fn behind(issuer: String) -> Told<Vec<String>> {
    let endpoint = format!(r#"{{ "token_endpoint": "{issuer}/token" }}"#);
    let client = TokenClient::new(TokenClientOptions {
        metadata: grantkit::protocol::json::read_object(endpoint.as_bytes())
            .map_err(|_| JsValue::from("malformed"))?,
        client_secret: Some(Secret::new("s")),
        allowed_urls: vec![format!("{issuer}/api").as_str().into()],
        ..TokenClientOptions::new(issuer.clone(), "app")
    });
    let client = client.map_err(told)?;
    let handed = RefCell::new(Vec::<Promise>::new());
    let keep = |work| handed.borrow_mut().push(work);
    let token = client.waiting(&keep).get_access_token(Ask::default()).await.map_err(told)?;
    let answer = client.waiting(&keep).fetch(format!("{issuer}/api")).await.map_err(told)?;
    let count = handed.borrow().len().to_string();
    for work in handed.take() {
        JsFuture::from(work).await?;
    }
    Ok(vec![token.expose().into(), answer.status().to_string(), count])
}

/// The sign-in in two steps: the address, and what keeps the record. The answer goes to `next`, which
/// answers with the callback's address.
#[wasm_bindgen(js_name = twoSteps)]
pub async fn two_steps(
    issuer: String,
    secret: String,
    next: js_sys::Function,
) -> Told<Vec<String>> {
    let client = TokenClient::new(TokenClientOptions {
        client_secret: Some(Secret::new(secret)),
        scope: Some("openid".into()),
        redirect_uri: Some("https://app.example/callback".into()),
        ..TokenClientOptions::new(issuer, "worker")
    });
    let client = client.map_err(told)?;
    let (url, pending) = client.authorization_request(SignIn::default()).await.map_err(told)?;
    let back = JsFuture::from(Promise::from(next.call1(&JsValue::NULL, &url.into())?)).await?;
    let back = back.as_string().unwrap_or_default();
    let signed_in = client.callback(&back, pending).await.map_err(told)?;
    let access = &signed_in.granted.tokens.access_token;
    let subject = signed_in.claims.as_ref().map(|claims| claims.subject().to_owned());
    let subject = subject.unwrap_or_default();
    let info = client.user_info(access, &subject).await.map_err(told)?;
    let logout = client.end_session_url(Default::default()).await.map_err(told)?;
    let metadata = client.metadata().await.map_err(told)?;
    let stranger = shown(client.user_info(access, "somebody else").await);
    client.revoke(access, None).await.map_err(told)?;
    Ok(vec![
        subject.clone(),
        info.text("sub").unwrap_or_default().into(),
        logout,
        metadata.document.text("issuer").unwrap_or_default().into(),
        stranger,
        shown(client.user_info(access, &subject).await),
    ])
}

/// What options are told that will not do.
#[wasm_bindgen(js_name = wrongClients)]
pub fn wrong_clients() -> Vec<String> {
    let good = || TokenClientOptions::new("https://id.example", "worker");
    let secret = |text: &str| Some(Secret::new(text));
    let store = || js_sys::eval("({ get() {}, set() {}, delete() {} })").ok();
    let key = |bytes: &[u8]| Some(JsValue::from(Uint8Array::from(bytes)));
    let random: Vec<u8> = (0..32).collect();
    let shared = TokenClientOptions { client_secret: secret("s"), cache: store(), ..good() };
    let all = [
        good(),
        TokenClientOptions { client_secret: secret("s"), ..good() },
        TokenClientOptions::default(),
        TokenClientOptions { client_secret: secret(""), ..good() },
        TokenClientOptions { client_authentication: Some(Method::Post), ..good() },
        TokenClientOptions { issuer: None, ..good() },
        TokenClientOptions { discovery_url: Some("http://id.example/".into()), ..good() },
        TokenClientOptions { redirect_uri: Some("/callback".into()), ..good() },
        TokenClientOptions { id_token_algorithms: Some(vec!["none".into()]), ..good() },
        shared.clone(),
        TokenClientOptions { cache_key: key(&[0; 32]), ..shared.clone() },
        TokenClientOptions { cache: Some(JsValue::NULL), ..shared.clone() },
        TokenClientOptions { cache_key: key(&random), ..shared },
    ];
    all.into_iter().map(|options| shown(TokenClient::new(options))).collect()
}
