//! An authorization server inside the process: it keeps to the specifications unless a test says
//! otherwise, remembers the codes and refresh tokens that it gave, and rotates the latter.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use grantkit::protocol::base64url;
use grantkit::protocol::error::Code;
use grantkit::protocol::form;
use grantkit::protocol::http::{Request, Response};
use grantkit::protocol::jws::Hash;
use grantkit::protocol::time::{Millis, UnixMillis};
use serde_json::{Value, json};

use crate::signer::{self, Signer, Token};
use crate::verifier;

/// The issuer, and where its endpoints are.
pub(crate) const ISSUER: &str = "https://as.example";

const PLACES: [(&str, &str); 8] = [
    ("metadata", "/.well-known/openid-configuration"),
    ("oauth-metadata", "/.well-known/oauth-authorization-server"),
    ("jwks", "/jwks"),
    ("token", "/connect/token"),
    ("userinfo", "/connect/userinfo"),
    ("revocation", "/connect/revocation"),
    ("introspection", "/connect/introspect"),
    ("end-session", "/connect/endsession"),
];

/// A request as the server sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// One of the names above, or the whole address if it is none of them.
    pub(crate) endpoint: String,
    pub(crate) url: String,
    pub(crate) method: &'static str,
    pub(crate) accept: &'static str,
    /// Decoded; nothing for a GET.
    pub(crate) form: Option<Vec<(String, String)>>,
    pub(crate) body: String,
    pub(crate) authorization: Option<String>,
    /// The header `DPoP`.
    pub(crate) proof: Option<String>,
    /// The body, where it is JSON.
    pub(crate) json: Option<Value>,
    pub(crate) keepalive: bool,
}

impl Seen {
    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.form.as_ref()?.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The names of the parameters, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        let form = self.form.as_deref().unwrap_or_default();
        form.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// How a request ends.
#[derive(Clone)]
pub(crate) enum Reply {
    Answer(Response),
    /// No answer: network_error, timeout and the like.
    Fail(Code),
}

/// The claims of a proof, whose signature is the caller's to look at.
pub(crate) fn proof_of(seen: &Seen) -> Value {
    let proof = seen.proof.as_deref().expect("a proof");
    let claims = base64url::decode(proof.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// The server wants a nonce, and says which.
pub(crate) fn wants_nonce(nonce: Option<&str>) -> Reply {
    Reply::Answer(Response {
        status: 400,
        content_type: Some("application/json".into()),
        body: json!({"error": "use_dpop_nonce"}).to_string().into_bytes(),
        dpop_nonce: nonce.map(Into::into),
        ..Response::default()
    })
}

/// JSON.
pub(crate) fn reply(status: u16, body: impl ToString) -> Reply {
    Reply::Answer(Response {
        status,
        content_type: Some("application/json".into()),
        body: body.to_string().into_bytes(),
        ..Response::default()
    })
}

/// One answer after the other; the last one stays.
pub(crate) fn in_turn(answers: Vec<Reply>) -> impl Fn(&Seen) -> Reply {
    let at = Cell::new(0);
    move |_| {
        let now = at.get();
        at.set((now + 1).min(answers.len() - 1));
        answers[now].clone()
    }
}

/// A web page, as proxies and captive portals answer.
pub(crate) fn page(status: u16) -> Reply {
    Reply::Answer(Response {
        status,
        content_type: Some("text/html".into()),
        body: b"<html>canary-page</html>".to_vec(),
        ..Response::default()
    })
}

/// An OAuth error.
pub(crate) fn refusal(status: u16, error: &str) -> Reply {
    reply(status, json!({"error": error, "error_description": "canary-description"}))
}

/// What a person agreed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grant {
    subject: String,
    scope: Option<String>,
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
    client_id: String,
    auth_time: i64,
}

type Answering = Rc<dyn Fn(&Seen) -> Reply>;
type Spoiling = Rc<dyn Fn(&mut Value)>;

/// The server. Its fields are what it does; tests change them.
pub(crate) struct Provider {
    pub(crate) metadata: RefCell<Value>,
    pub(crate) keys: RefCell<Vec<Value>>,
    pub(crate) signer: RefCell<&'static Signer>,
    pub(crate) algorithm: RefCell<&'static str>,
    /// Milliseconds that its clock is ahead of the page's.
    pub(crate) skew: Cell<Millis>,
    /// Whether `Date` can be read.
    pub(crate) dated: Cell<bool>,
    /// `expires_in` as it is written; `null` leaves it out.
    pub(crate) life: RefCell<Value>,
    pub(crate) gives_refresh_tokens: Cell<bool>,
    pub(crate) rotates: Cell<bool>,
    pub(crate) id_token_again: Cell<bool>,
    /// What is done to an id_token before it is signed.
    pub(crate) claims: RefCell<Rc<dyn Fn(Token) -> Token>>,
    /// What is done to a token response before it is sent.
    pub(crate) response: RefCell<Spoiling>,
    answers: RefCell<BTreeMap<String, Answering>>,
    codes: RefCell<BTreeMap<String, Grant>>,
    refresh_tokens: RefCell<BTreeMap<String, Grant>>,
    pub(crate) revoked: RefCell<Vec<String>>,
    serial: Cell<u64>,
    worlds: Cell<u64>,
}

impl Provider {
    pub(crate) fn new() -> Rc<Provider> {
        let metadata = json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/connect/authorize"),
            "token_endpoint": format!("{ISSUER}/connect/token"),
            "jwks_uri": format!("{ISSUER}/jwks"),
            "userinfo_endpoint": format!("{ISSUER}/connect/userinfo"),
            "revocation_endpoint": format!("{ISSUER}/connect/revocation"),
            "end_session_endpoint": format!("{ISSUER}/connect/endsession"),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        });
        Rc::new(Provider {
            metadata: RefCell::new(metadata),
            keys: RefCell::new(vec![signer::p256().jwk()]),
            signer: RefCell::new(signer::p256()),
            algorithm: RefCell::new("ES256"),
            skew: Cell::new(0),
            dated: Cell::new(false),
            life: RefCell::new(json!(3600)),
            gives_refresh_tokens: Cell::new(true),
            rotates: Cell::new(true),
            id_token_again: Cell::new(true),
            claims: RefCell::new(Rc::new(|token| token)),
            response: RefCell::new(Rc::new(|_| {})),
            answers: RefCell::default(),
            codes: RefCell::default(),
            refresh_tokens: RefCell::default(),
            revoked: RefCell::default(),
            serial: Cell::new(0),
            worlds: Cell::new(0),
        })
    }

    /// Each world has randomness of its own.
    pub(crate) fn seed(&self) -> u64 {
        self.worlds.set(self.worlds.get() + 1);
        0x9e37_79b9_7f4a_7c15u64.wrapping_mul(self.worlds.get())
    }

    // ── what a test changes ──────────────────────────────────────────────────────────────────────

    /// That endpoint answers so from now on.
    pub(crate) fn on(&self, endpoint: &str, answer: impl Fn(&Seen) -> Reply + 'static) {
        let answer: Answering = Rc::new(answer);
        self.answers.borrow_mut().insert(endpoint.into(), answer);
    }

    /// That endpoint answers by itself again.
    pub(crate) fn mend(&self, endpoint: &str) {
        self.answers.borrow_mut().remove(endpoint);
    }

    /// That endpoint gives that very answer.
    pub(crate) fn always(&self, endpoint: &str, answer: Reply) {
        self.on(endpoint, move |_| answer.clone());
    }

    /// Changes a member of the metadata; `null` takes it away.
    pub(crate) fn describes(&self, member: &str, value: Value) {
        let mut metadata = self.metadata.borrow_mut();
        match value {
            Value::Null => drop(metadata.as_object_mut().unwrap().remove(member)),
            value => metadata[member] = value,
        }
    }

    /// Signs by that key and publishes it alone.
    pub(crate) fn signs_by(&self, algorithm: &'static str, signer: &'static Signer) {
        *self.algorithm.borrow_mut() = algorithm;
        *self.signer.borrow_mut() = signer;
        *self.keys.borrow_mut() = vec![signer.jwk()];
    }

    pub(crate) fn spoils_claims(&self, spoil: impl Fn(Token) -> Token + 'static) {
        *self.claims.borrow_mut() = Rc::new(spoil);
    }

    pub(crate) fn spoils_response(&self, spoil: impl Fn(&mut Value) + 'static) {
        *self.response.borrow_mut() = Rc::new(spoil);
    }

    pub(crate) fn lives(&self, expires_in: Value) {
        *self.life.borrow_mut() = expires_in;
    }

    // ── what it does ─────────────────────────────────────────────────────────────────────────────

    fn next(&self, kind: &str) -> String {
        self.serial.set(self.serial.get() + 1);
        format!("canary-{kind}-{}", self.serial.get())
    }

    /// Alice signs in and agrees: the address that her browser is sent back to.
    pub(crate) fn approve(&self, url: &str, now: UnixMillis) -> String {
        self.approve_as("alice", url, now)
    }

    pub(crate) fn approve_as(&self, subject: &str, url: &str, now: UnixMillis) -> String {
        let query = parameters(url);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["code_challenge_method"], "S256");
        let code = self.next("code");
        let grant = Grant {
            subject: subject.into(),
            scope: query.get("scope").cloned(),
            nonce: query.get("nonce").cloned(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
            client_id: query["client_id"].clone(),
            auth_time: self.time(now) / 1000,
        };
        self.codes.borrow_mut().insert(code.clone(), grant);
        let issuer = self.metadata.borrow()["issuer"].as_str().unwrap().to_owned();
        let back = [("code", code.as_str()), ("iss", &issuer)];
        answer_url(url, &back)
    }

    fn time(&self, now: UnixMillis) -> UnixMillis {
        now + self.skew.get()
    }

    pub(crate) fn see(&self, request: &Request) -> Seen {
        let url = request.url.as_str().to_owned();
        let path = url.strip_prefix(ISSUER).unwrap_or_default();
        let endpoint = PLACES
            .iter()
            .find(|(_, place)| !path.is_empty() && path == *place)
            .map_or(url.clone(), |(name, _)| (*name).into());
        let body = request.form.as_ref().map(|form| form.expose().to_owned());
        Seen {
            endpoint,
            url,
            method: request.method,
            accept: request.accept,
            form: body.as_deref().map(form::parse),
            body: body.unwrap_or_default(),
            authorization: request.authorization.as_ref().map(|value| value.expose().into()),
            proof: request.proof.as_ref().map(|proof| proof.expose().into()),
            json: request.json.as_ref().map(|body| serde_json::from_str(body.expose()).unwrap()),
            keepalive: request.keepalive,
        }
    }

    pub(crate) fn answer(&self, seen: &Seen, now: UnixMillis) -> Reply {
        let by_hand = self.answers.borrow().get(&seen.endpoint).cloned();
        let mut reply = match by_hand {
            Some(answer) => answer(seen),
            None => self.own_answer(seen, now),
        };
        if let Reply::Answer(response) = &mut reply
            && self.dated.get()
            && response.date.is_none()
        {
            response.date = Some(http_date(self.time(now)));
        }
        reply
    }

    /// What it answers where no test says otherwise.
    pub(crate) fn own_answer(&self, seen: &Seen, now: UnixMillis) -> Reply {
        match seen.endpoint.as_str() {
            "metadata" => reply(200, self.metadata.borrow()),
            "oauth-metadata" => page(404),
            "jwks" => reply(200, json!({"keys": *self.keys.borrow()})),
            "token" => self.token(seen, now),
            "userinfo" => self.user_info(seen),
            "revocation" => {
                self.revoked.borrow_mut().push(seen.get("token").unwrap().into());
                reply(200, "")
            }
            _ => Reply::Fail(Code::NetworkError),
        }
    }

    fn token(&self, seen: &Seen, now: UnixMillis) -> Reply {
        let grant = match seen.get("grant_type") {
            Some("authorization_code") => {
                let code = seen.get("code").unwrap();
                let Some(grant) = self.codes.borrow_mut().remove(code) else {
                    return refusal(400, "invalid_grant");
                };
                let verifier = seen.get("code_verifier").unwrap();
                let challenge = verifier::digest(Hash::Sha256, verifier.as_bytes());
                let honest = base64url::encode(&challenge) == grant.challenge
                    && seen.get("redirect_uri") == Some(&grant.redirect_uri);
                if !honest {
                    return refusal(400, "invalid_grant");
                }
                Some(grant)
            }
            Some("refresh_token") => {
                let token = seen.get("refresh_token").unwrap();
                let known = self.refresh_tokens.borrow().get(token).cloned();
                let Some(grant) = known else {
                    return refusal(400, "invalid_grant");
                };
                if self.rotates.get() {
                    self.refresh_tokens.borrow_mut().remove(token);
                }
                Some(grant)
            }
            _ => None,
        };
        let access_token = self.next("access");
        let mut response = json!({"access_token": access_token, "token_type": "Bearer"});
        if !self.life.borrow().is_null() {
            response["expires_in"] = self.life.borrow().clone();
        }
        if let Some(grant) = &grant {
            let first = seen.get("code").is_some();
            if self.gives_refresh_tokens.get() && (first || self.rotates.get()) {
                let refresh_token = self.next("refresh");
                response["refresh_token"] = refresh_token.clone().into();
                let mut known = self.refresh_tokens.borrow_mut();
                known.insert(refresh_token, grant.clone());
            }
            let openid = grant
                .scope
                .as_ref()
                .is_some_and(|scope| scope.split(' ').any(|token| token == "openid"));
            if openid && (first || self.id_token_again.get()) {
                response["id_token"] = self.id_token(grant, &access_token, now).into();
            }
        }
        (self.response.borrow().clone())(&mut response);
        reply(200, response)
    }

    fn id_token(&self, grant: &Grant, access_token: &str, now: UnixMillis) -> String {
        let seconds = self.time(now) / 1000;
        let signer = *self.signer.borrow();
        let algorithm = *self.algorithm.borrow();
        let hash = match algorithm {
            "EdDSA" | "Ed25519" => Hash::Sha512,
            _ => Hash::Sha256,
        };
        let digest = verifier::digest(hash, access_token.as_bytes());
        let mut token = Token::new(
            json!({"alg": algorithm, "kid": signer.kid, "typ": "JWT"}),
            json!({
                "iss": ISSUER, "sub": grant.subject, "aud": grant.client_id,
                "exp": seconds + 300, "iat": seconds, "auth_time": grant.auth_time,
                "name": "canary-name",
                "at_hash": base64url::encode(&digest[..digest.len() / 2]),
            }),
        );
        if let Some(nonce) = &grant.nonce {
            token = token.claim("nonce", nonce.as_str());
        }
        let spoil = self.claims.borrow().clone();
        spoil(token).signed_by(signer)
    }

    fn user_info(&self, seen: &Seen) -> Reply {
        match &seen.authorization {
            Some(value) if value.starts_with("Bearer canary-access-") => {
                reply(200, json!({"sub": "alice", "email": "canary-email"}))
            }
            _ => reply(401, ""),
        }
    }
}

/// The parameters of an address.
pub(crate) fn parameters(url: &str) -> BTreeMap<String, String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    form::parse(query).into_iter().collect()
}

/// The callback for an authorization request: its redirect URI and state, with these parameters.
pub(crate) fn answer_url(url: &str, with: &[(&str, &str)]) -> String {
    let query = parameters(url);
    let mut form = form::Form::new();
    for (name, value) in with {
        form.push(name, value);
    }
    form.push("state", &query["state"]);
    let join = if query["redirect_uri"].contains('?') { '&' } else { '?' };
    format!("{}{join}{}", query["redirect_uri"], form.encode().expose())
}

/// RFC 9110, section 5.6.7.
pub(crate) fn http_date(at: UnixMillis) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = at.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (mut year, mut day) = (1970, days);
    let leap = |year: i64| year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    while day >= 365 + i64::from(leap(year)) {
        day -= 365 + i64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    format!(
        "{}, {:02} {} {year} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        day + 1,
        MONTHS[month],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}
