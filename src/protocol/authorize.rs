//! RFC 6749, section 4.1.1, RFC 7636 and OpenID Connect Core 1.0, section 3.1.2.1: the request that a
//! person takes to the authorization server, and the record that waits for the answer.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::error::{Code, Error};
use super::fields::Fields;
use super::form::Form;
use super::json::{Json, Object};
use super::metadata::{Issuer, Metadata, missing};
use super::pkce;
use super::secret::Secret;
use super::time::UnixMillis;

/// How long a record waits for its answer (R045).
pub const LIFE: i64 = 10 * 60 * 1000;

/// The names that this client sets itself (R004).
pub const RESERVED: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "response_type",
    "response_mode",
    "redirect_uri",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "code",
    "code_verifier",
    "grant_type",
    "scope",
    "request",
    "request_uri",
    "refresh_token",
    "dpop_jkt",
];

/// The names that have an option of their own: as parameters they would be sent twice, and past the
/// option's checks (R004, R036).
const OPTIONS: &[&str] = &[
    "resource",
    "audience",
    "acr_values",
    "prompt",
    "login_hint",
    "ui_locales",
    "max_age",
    "claims",
    "authorization_details",
];

/// What a request to the authorization or token endpoint may ask for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// RFC 6749, section 3.3
    pub scope: Option<String>,
    /// RFC 8707
    pub resource: Vec<String>,
    /// For servers that name APIs so.
    pub audience: Vec<String>,
    /// OpenID Connect Core 1.0, section 3.1.2.1; IdentityServer's tenants.
    pub acr_values: Option<String>,
    /// Anything else.
    pub parameters: Vec<(String, String)>,
}

impl Wish {
    /// Checks the scope's characters and the names of the parameters.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(scope) = &self.scope {
            check_scope(scope)?;
        }
        for resource in &self.resource {
            if resource.contains('#') || !absolute(resource) {
                return Err(config("resource"));
            }
        }
        for (name, _) in &self.parameters {
            let reserved = RESERVED.contains(&name.as_str()) || OPTIONS.contains(&name.as_str());
            if reserved || name.is_empty() {
                return Err(config("parameters"));
            }
        }
        Ok(())
    }

    /// Adds what is wished for to a request.
    pub fn write(&self, form: &mut Form) {
        form.push_some("scope", self.scope.as_deref());
        for resource in &self.resource {
            form.push("resource", resource);
        }
        for audience in &self.audience {
            form.push("audience", audience);
        }
        form.push_some("acr_values", self.acr_values.as_deref());
        for (name, value) in &self.parameters {
            form.push(name, value);
        }
    }

    /// This wish over defaults: what it leaves open is as they have it.
    pub fn over(mut self, defaults: &Wish) -> Wish {
        self.scope = self.scope.or_else(|| defaults.scope.clone());
        self.acr_values = self.acr_values.or_else(|| defaults.acr_values.clone());
        if self.resource.is_empty() {
            self.resource = defaults.resource.clone();
        }
        if self.audience.is_empty() {
            self.audience = defaults.audience.clone();
        }
        for (name, value) in &defaults.parameters {
            if !self.parameters.iter().any(|(known, _)| known == name) {
                self.parameters.push((name.clone(), value.clone()));
            }
        }
        self
    }

    /// A text that two wishes share only if they are the same request.
    pub fn key(&self) -> String {
        let mut form = Form::new();
        self.write(&mut form);
        form.encode().expose().to_owned()
    }
}

/// An absolute URI begins with its scheme (RFC 3986, sections 3.1 and 4.3).
fn absolute(uri: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(legal)
            && !rest.is_empty()
    })
}

/// RFC 9396, section 2: a list of objects, each of a type.
pub(super) fn details(value: &Json) -> bool {
    let typed =
        |detail: &Json| detail.as_object().is_some_and(|detail| detail.text("type").is_some());
    value.as_array().is_some_and(|details| details.iter().all(typed))
}

/// Tokens of a scope: the characters of RFC 6749, section 3.3, none twice (R034).
pub fn check_scope(scope: &str) -> Result<(), Error> {
    let mut seen: Vec<&str> = Vec::new();
    for token in scope.split(' ') {
        let legal = token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if !legal || token.is_empty() && !scope.is_empty() || seen.contains(&token) {
            return Err(config("scope"));
        }
        seen.push(token);
    }
    Ok(())
}

/// Whether a scope holds a token.
pub fn has_scope(scope: Option<&str>, token: &str) -> bool {
    scope.is_some_and(|scope| scope.split(' ').any(|known| known == token))
}

/// What one sign-in asks for, beyond the wish.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// Scope, resource and the like.
    pub wish: Wish,
    /// `prompt`
    pub prompt: Option<String>,
    /// `login_hint`
    pub login_hint: Option<String>,
    /// `ui_locales`
    pub ui_locales: Option<String>,
    /// `max_age`, seconds.
    pub max_age: Option<u32>,
    /// `claims`, an object.
    pub claims: Option<Object>,
    /// RFC 9396: objects with a `type`.
    pub authorization_details: Option<Json>,
    /// Where the page wants to be afterwards: a path of its own origin.
    pub return_to: Option<String>,
    /// What the page wants back afterwards.
    pub app_state: Option<Json>,
    /// In a popup or frame: its page hands the answer on and keeps no record.
    pub beside: bool,
}

/// How the state of a sign-in beside the page begins; no other state has a dot.
pub const BESIDE: &str = "r.";

impl SignIn {
    /// Nobody is asked. With any other prompt there would be something for a person to do.
    pub fn silently(&mut self) -> Result<(), Error> {
        match self.prompt.replace("none".into()).is_some_and(|prompt| prompt != "none") {
            true => Err(config("prompt")),
            false => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Error> {
        self.wish.check()?;
        if let Some(prompt) = &self.prompt {
            let words: Vec<&str> = prompt.split(' ').collect();
            if words.contains(&"none") && words.len() > 1 || words.contains(&"") {
                return Err(config("prompt"));
            }
        }
        if self.authorization_details.as_ref().is_some_and(|value| !details(value)) {
            return Err(config("authorizationDetails"));
        }
        // Stored, it is one deeper; what could not be read on the way back is refused now.
        let Some(state) = &self.app_state else { return Ok(()) };
        let mut stored = Object::new();
        stored.set("app_state", state.clone());
        match super::json::read_object(stored.to_text().as_bytes()) {
            Ok(_) => Ok(()),
            Err(_) => Err(config("appState")),
        }
    }

    /// The values of an `acr` that was asked for as essential (OpenID Connect Core 1.0, section 5.5.1.1).
    /// What cannot be read is refused: the check of the answer would be dropped in silence.
    fn essential_acr(&self) -> Result<Vec<String>, Error> {
        let acr = self
            .claims
            .as_ref()
            .and_then(|claims| claims.get("id_token")?.as_object()?.get("acr")?.as_object());
        let Some(acr) = acr else { return Ok(Vec::new()) };
        match acr.get("essential").map(Json::as_bool) {
            Some(Some(true)) => {}
            None | Some(Some(false)) => return Ok(Vec::new()),
            Some(None) => return Err(config("claims")),
        }
        let many = match acr.get("values") {
            None => Vec::new(),
            Some(values) => values.as_strings().ok_or_else(|| config("claims"))?,
        };
        let one = match acr.get("value") {
            None => None,
            Some(value) => Some(value.as_str().ok_or_else(|| config("claims"))?),
        };
        Ok(many.into_iter().chain(one).map(ToOwned::to_owned).collect())
    }
}

/// The client, as this request presents it.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// `client_id`
    pub id: &'a str,
    /// The exact registered string (R035).
    pub redirect_uri: &'a str,
}

/// How the answer comes (OAuth 2.0 Multiple Response Type Encoding Practices; Form Post Response Mode;
/// JARM, section 2.3). Never in a fragment, which a server does not see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResponseMode {
    /// In the query, which is also the default.
    Query,
    /// Posted to the redirect URI.
    FormPost,
    /// Signed, in the query.
    QueryJwt,
    /// Signed and posted.
    FormPostJwt,
    /// Signed, as the server likes it: with a code in the query.
    Jwt,
}

impl ResponseMode {
    const ALL: [(&'static str, ResponseMode); 5] = [
        ("query", ResponseMode::Query),
        ("form_post", ResponseMode::FormPost),
        ("query.jwt", ResponseMode::QueryJwt),
        ("form_post.jwt", ResponseMode::FormPostJwt),
        ("jwt", ResponseMode::Jwt),
    ];

    /// By its name in requests.
    pub fn by_name(name: &str) -> Option<ResponseMode> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode)
    }

    /// As in requests.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, mode)| *mode == self).map_or("query", |(name, _)| *name)
    }

    /// The answer must be signed (JARM); a plain one is none.
    pub fn signed(self) -> bool {
        !matches!(self, ResponseMode::Query | ResponseMode::FormPost)
    }
}

/// What the client and the server make out between them, beyond what the person is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner<'a> {
    /// How the answer comes, unless as the server likes it.
    pub response_mode: Option<ResponseMode>,
    /// The thumbprint of the key that code and tokens are bound to (RFC 9449, section 10).
    pub dpop_jkt: Option<&'a str>,
}

/// Three random values; each is 32 bytes of the platform's (R028, R031, R032).
#[derive(Clone, Copy)]
pub struct Randomness {
    /// For `state`.
    pub state: [u8; 32],
    /// For `nonce`.
    pub nonce: [u8; 32],
    /// For the code verifier.
    pub verifier: [u8; 32],
}

/// The record of a request under way: all that the checks of its answer need (R045).
#[derive(Clone, PartialEq)]
pub struct Pending {
    /// The key of the record.
    pub state: String,
    /// Sent with `openid` alone.
    pub nonce: Option<String>,
    /// RFC 7636
    pub verifier: Secret,
    /// The issuer as configured.
    pub issuer: String,
    /// `client_id`
    pub client_id: String,
    /// As it was sent.
    pub redirect_uri: String,
    /// As it was sent.
    pub scope: Option<String>,
    /// As it was sent.
    pub resource: Vec<String>,
    /// As it was sent, seconds.
    pub max_age: Option<u32>,
    /// The answer's `acr` must be one of these, unless there are none.
    pub essential_acr: Vec<String>,
    /// `prompt=none` was sent: a refusal is an answer.
    pub silent: bool,
    /// Only a signed answer is one.
    pub signed_answer: bool,
    /// The thumbprint of the key that the code is bound to.
    pub dpop_jkt: Option<String>,
    /// When.
    pub created_at: UnixMillis,
    /// A path of this origin.
    pub return_to: Option<String>,
    /// The page's own.
    pub app_state: Option<Json>,
}

/// Makes the URL of the authorization request and the record that waits for its answer.
pub fn request(
    server: &Metadata,
    client: Client<'_>,
    ask: Box<SignIn>,
    random: &Randomness,
    now: UnixMillis,
) -> Result<(String, Box<Pending>), Error> {
    let (query, pending) = parameters(server, client, ask, Manner::default(), random, now)?;
    if server.pushed_requests_only {
        return Err(missing("require_pushed_authorization_requests"));
    }
    // RFC 9101, section 10.5.
    const SIGNED: &str = "require_signed_request_object";
    if server.document.get(SIGNED).and_then(Json::as_bool) == Some(true) {
        return Err(missing(SIGNED));
    }
    Ok((url(server, &query)?, pending))
}

/// The address that takes these parameters to the server.
pub fn url(server: &Metadata, query: &Form) -> Result<String, Error> {
    let endpoint =
        server.authorization_endpoint.as_ref().ok_or_else(|| missing("authorization_endpoint"))?;
    Ok(endpoint.with_query(query.encode().expose()))
}

/// The parameters of the request, however they travel: in the address, pushed (RFC 9126) or signed
/// (RFC 9101).
pub fn parameters(
    server: &Metadata,
    client: Client<'_>,
    ask: Box<SignIn>,
    manner: Manner<'_>,
    random: &Randomness,
    now: UnixMillis,
) -> Result<(Form, Box<Pending>), Error> {
    ask.check()?;
    let openid = has_scope(ask.wish.scope.as_deref(), "openid");
    let mut state = super::base64url::encode(&random.state);
    if ask.beside {
        state.insert_str(0, BESIDE);
    }
    let pending = Box::new(Pending {
        state,
        nonce: openid.then(|| super::base64url::encode(&random.nonce)),
        verifier: pkce::verifier(&random.verifier),
        issuer: server.issuer.as_str().to_owned(),
        client_id: client.id.to_owned(),
        redirect_uri: client.redirect_uri.to_owned(),
        scope: ask.wish.scope.clone(),
        resource: ask.wish.resource.clone(),
        max_age: ask.max_age,
        essential_acr: ask.essential_acr()?,
        silent: ask.prompt.as_deref() == Some("none"),
        signed_answer: manner.response_mode.is_some_and(ResponseMode::signed),
        dpop_jkt: manner.dpop_jkt.map(ToOwned::to_owned),
        created_at: now,
        return_to: ask.return_to.clone(),
        app_state: ask.app_state.clone(),
    });
    let mut query = Form::new();
    query
        .push("response_type", "code")
        .push("client_id", client.id)
        .push("redirect_uri", client.redirect_uri)
        .push("state", &pending.state)
        .push_some("nonce", pending.nonce.as_deref())
        .push("code_challenge", &pkce::challenge(&pending.verifier))
        .push("code_challenge_method", "S256")
        .push_some("response_mode", manner.response_mode.map(ResponseMode::name))
        .push_some("dpop_jkt", manner.dpop_jkt);
    ask.wish.write(&mut query);
    query
        .push_some("prompt", ask.prompt.as_deref())
        .push_some("login_hint", ask.login_hint.as_deref())
        .push_some("ui_locales", ask.ui_locales.as_deref());
    if let Some(max_age) = ask.max_age {
        query.push("max_age", &super::json::integer_text(i64::from(max_age)));
    }
    if let Some(claims) = &ask.claims {
        query.push("claims", &claims.to_text());
    }
    if let Some(details) = &ask.authorization_details {
        let mut text = String::new();
        details.write(&mut text);
        query.push("authorization_details", &text);
    }
    Ok((query, pending))
}

impl Pending {
    /// Whether the record is still waited for.
    pub fn alive(&self, now: UnixMillis) -> bool {
        // A clock that was set back makes a record look as if it came from the future.
        now.abs_diff(self.created_at) <= LIFE.unsigned_abs()
    }

    /// Whether it belongs to that issuer and client.
    pub fn belongs_to(&self, issuer: &Issuer, client_id: &str) -> bool {
        self.issuer == issuer.as_str() && self.client_id == client_id
    }

    /// The record as it is stored.
    pub fn to_json(&self) -> Object {
        let mut out = Object::new();
        let strings =
            |values: &[String]| Json::Array(values.iter().map(|v| v.as_str().into()).collect());
        out.set("state", self.state.as_str().into())
            .set_text("nonce", self.nonce.as_deref())
            .set("verifier", self.verifier.expose().into())
            .set("issuer", self.issuer.as_str().into())
            .set("client_id", self.client_id.as_str().into())
            .set("redirect_uri", self.redirect_uri.as_str().into())
            .set_text("scope", self.scope.as_deref())
            .set("resource", strings(&self.resource))
            .set_integer("max_age", self.max_age.map(i64::from))
            .set("acr", strings(&self.essential_acr))
            .set("silent", Json::Bool(self.silent))
            .set_integer("created_at", Some(self.created_at))
            .set_text("return_to", self.return_to.as_deref())
            .set_text("dpop_jkt", self.dpop_jkt.as_deref());
        if self.signed_answer {
            out.set("signed_answer", Json::Bool(true));
        }
        if let Some(state) = &self.app_state {
            out.set("app_state", state.clone());
        }
        out
    }

    /// A stored record, if every member is what it must be (R171).
    pub fn from_json(mut object: Object) -> Option<Pending> {
        /// As long as 32 random bytes are: a weaker value is none of ours.
        fn random(text: &str) -> bool {
            text.len() >= 43
        }
        let app_state = object.take("app_state");
        let fields = Fields::of(&object);
        let pending = Pending {
            state: fields.text("state"),
            nonce: fields.maybe_text("nonce"),
            verifier: Secret::new(fields.text("verifier")),
            issuer: fields.text("issuer"),
            client_id: fields.text("client_id"),
            redirect_uri: fields.text("redirect_uri"),
            scope: fields.maybe_text("scope"),
            resource: fields.texts("resource"),
            max_age: fields.maybe_seconds("max_age"),
            essential_acr: fields.texts("acr"),
            silent: fields.flag("silent"),
            signed_answer: fields.maybe_flag("signed_answer").unwrap_or_default(),
            dpop_jkt: fields.maybe_text("dpop_jkt"),
            created_at: fields.integer("created_at"),
            return_to: fields.maybe_text("return_to"),
            app_state,
        };
        let pending = fields.whole(pending)?;
        // Without a nonce an old id_token would do; without a verifier none would be sent.
        let openid = has_scope(pending.scope.as_deref(), "openid");
        let whole = random(&pending.state)
            && random(pending.verifier.expose())
            && pending.nonce.as_deref().is_none_or(random)
            && pending.nonce.is_some() == openid;
        whole.then_some(pending)
    }
}

/// State and nonce are as secret as the verifier: whose record it is is shown, and no more.
impl fmt::Debug for Pending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pending")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

fn config(option: &'static str) -> Error {
    Error::new(Code::ConfigInvalid).detail(option)
}
