//! What the tests start from: one server, one client, one request under way, one good token.

use grantkit::protocol::authorize::{Client, Pending, Randomness, SignIn, Wish, request};
use grantkit::protocol::base64url;
use grantkit::protocol::callback::{Code as AuthorizationCode, Params, accept};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::Response;
use grantkit::protocol::id_token::{self, Claims, Expected, Nonce, Verified};
use grantkit::protocol::json::{self, Json, Object};
use grantkit::protocol::jwk::KeySet;
use grantkit::protocol::jws::{Algorithm, Draft, Signer};
use grantkit::protocol::metadata::{Issuer, Metadata};
use grantkit::protocol::time::UnixMillis;
use grantkit::protocol::url::{Endpoint, ParseUrl, Transport};
use serde_json::{Value, json};

use crate::signer::{Token, ed25519, p256, p384, rsa, signer_for};
use crate::urls::Urls;
use crate::verifier::{digest, verify};

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const CLIENT: &str = "spa";
pub(crate) const REDIRECT: &str = "https://app.example/callback";
pub(crate) const NONCE: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
pub(crate) const STATE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
/// Milliseconds.
pub(crate) const NOW: UnixMillis = 1_800_000_000_000;
/// Seconds.
pub(crate) const THEN: i64 = NOW / 1000;

pub(crate) fn issuer(text: &str) -> Issuer {
    Issuer::parse(text, &Urls, Transport::Secure).unwrap()
}

pub(crate) fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text, &Urls, Transport::Secure).unwrap()
}

/// A value as this crate reads it.
pub(crate) fn read(value: &Value) -> Json {
    json::read(value.to_string().as_bytes()).unwrap()
}

/// An object as this crate reads it.
pub(crate) fn object(value: &Value) -> Object {
    json::read_object(value.to_string().as_bytes()).unwrap()
}

/// An object as serde_json reads it.
pub(crate) fn value(object: &Object) -> Value {
    serde_json::from_str(&object.to_text()).unwrap()
}

/// A whole metadata document.
pub(crate) fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "jwks_uri": "https://as.example/jwks",
        "userinfo_endpoint": "https://as.example/userinfo",
        "revocation_endpoint": "https://as.example/revoke",
        "end_session_endpoint": "https://as.example/logout",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
    })
}

/// The document with one member as given; `null` takes it out.
pub(crate) fn document_with(name: &str, member: Value) -> Value {
    let mut document = document();
    match member {
        Value::Null => drop(document.as_object_mut().unwrap().remove(name)),
        member => document[name] = member,
    }
    document
}

pub(crate) fn check(document: &Value) -> Result<Metadata, Error> {
    Metadata::check(object(document), &issuer(ISSUER), &Urls, Transport::Secure)
}

pub(crate) fn server() -> Metadata {
    check(&document()).unwrap()
}

/// An answer that says it is JSON.
pub(crate) fn reply(status: u16, body: impl AsRef<[u8]>) -> Response {
    answer(status, Some("application/json"), body)
}

pub(crate) fn answer(status: u16, kind: Option<&str>, body: impl AsRef<[u8]>) -> Response {
    Response {
        status,
        content_type: kind.map(Into::into),
        body: body.as_ref().to_vec(),
        ..Response::default()
    }
}

/// The code and the detail of a refusal.
#[track_caller]
pub(crate) fn refusal<T>(result: Result<T, Error>) -> (Code, String) {
    match result {
        Ok(_) => panic!("was accepted"),
        Err(error) => (error.code(), error.detail_text().unwrap_or("").into()),
    }
}

/// A result must be that refusal; `what` says of which input.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Error>, code: Code, detail: &str, what: &str) {
    match result {
        Ok(_) => panic!("was accepted: {what}"),
        Err(error) => {
            let seen = (error.code(), error.detail_text().unwrap_or(""));
            assert_eq!(seen, (code, detail), "{what}");
        }
    }
}

pub(crate) fn random() -> Randomness {
    Randomness { state: [1; 32], nonce: [2; 32], verifier: [3; 32] }
}

pub(crate) fn client() -> Client<'static> {
    Client { id: CLIENT, redirect_uri: REDIRECT }
}

/// A sign-in with that scope.
pub(crate) fn sign_in(scope: &str) -> SignIn {
    SignIn { wish: Wish { scope: Some(scope.into()), ..Wish::default() }, ..SignIn::default() }
}

/// The request of a sign-in: its address and its record.
pub(crate) fn begin(ask: SignIn) -> Result<(String, Pending), Error> {
    ask_of(&server(), client(), ask, &random())
}

/// The request of a sign-in at that server.
pub(crate) fn ask_of(
    server: &Metadata,
    client: Client<'_>,
    ask: SignIn,
    random: &Randomness,
) -> Result<(String, Pending), Error> {
    let (address, pending) = request(server, client, ask.into(), random, NOW)?;
    Ok((address, *pending))
}

/// The parameters of an address, as a server reads them.
pub(crate) fn parameters(address: &str) -> Vec<(String, String)> {
    let address = url::Url::parse(address).unwrap();
    address.query_pairs().into_owned().collect()
}

/// All values of a parameter.
pub(crate) fn values(parameters: &[(String, String)], name: &str) -> Vec<String> {
    let named = parameters.iter().filter(|(known, _)| known == name);
    named.map(|(_, value)| value.clone()).collect()
}

/// A record of a request under way.
pub(crate) fn pending() -> Pending {
    begin(sign_in("openid")).unwrap().1
}

/// The callback at that address, for that record.
pub(crate) fn arrive(
    address: &str,
    pending: Pending,
    server: &Metadata,
) -> Result<AuthorizationCode, Error> {
    let url = Urls.parse_url(address, None).unwrap();
    let answer = Params::read(&url.search, &url.hash)?;
    accept(&answer, pending.into(), &url, server, &Urls)
}

/// The callback with that query, for the usual record at the usual server.
pub(crate) fn callback(query: &str) -> Result<AuthorizationCode, Error> {
    arrive(&format!("{REDIRECT}?{query}"), pending(), &server())
}

/// A good token by that algorithm.
pub(crate) fn token(algorithm: &str) -> Token {
    Token::new(
        json!({"alg": algorithm, "typ": "JWT"}),
        json!({
            "iss": ISSUER,
            "sub": "248289761001",
            "aud": CLIENT,
            "exp": THEN + 300,
            "iat": THEN - 10,
            "nonce": NONCE,
        }),
    )
}

/// What a token is held against.
#[derive(Clone)]
pub(crate) struct Judge {
    pub(crate) keys: Vec<Value>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) issuer: String,
    pub(crate) client: String,
    pub(crate) trusted: Vec<String>,
    pub(crate) nonce: Nonce<'static>,
    pub(crate) max_age: Option<u32>,
    pub(crate) acr: Vec<String>,
    pub(crate) access_token: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) tolerance: i64,
    pub(crate) now: UnixMillis,
}

impl Default for Judge {
    fn default() -> Judge {
        Judge {
            keys: vec![rsa().jwk(), p256().jwk(), p384().jwk(), ed25519().jwk()],
            algorithms: Algorithm::defaults(),
            issuer: ISSUER.into(),
            client: CLIENT.into(),
            trusted: Vec::new(),
            nonce: Nonce::Is(NONCE),
            max_age: None,
            acr: Vec::new(),
            access_token: None,
            code: None,
            state: None,
            tolerance: 30,
            now: NOW,
        }
    }
}

impl Judge {
    pub(crate) fn with_algorithms(names: &[&str]) -> Judge {
        let by_name = |name: &&str| Algorithm::by_name(name).unwrap();
        Judge { algorithms: names.iter().map(by_name).collect(), ..Judge::default() }
    }

    pub(crate) fn with_keys(keys: &[Value]) -> Judge {
        Judge { keys: keys.to_vec(), ..Judge::default() }
    }

    /// Form, key and signature.
    pub(crate) fn verified(&self, raw: &str) -> Result<Verified, Error> {
        let token = id_token::parse(raw, &self.algorithms)?;
        let keys = KeySet::check(&object(&json!({"keys": self.keys})))?;
        let good = verify(&token.check(keys.find(&token)?));
        token.verified(good)
    }

    /// Everything.
    pub(crate) fn claims(&self, raw: &str) -> Result<Claims, Error> {
        let token = self.verified(raw)?;
        let half =
            |text: &Option<String>| text.as_ref().map(|text| digest(token.hash(), text.as_bytes()));
        let (access_token, code) = (half(&self.access_token), half(&self.code));
        let state = half(&self.state);
        let issuer = issuer(&self.issuer);
        let expected = Expected {
            issuer: &issuer,
            client_id: &self.client,
            trusted_audiences: &self.trusted,
            nonce: self.nonce,
            max_age: self.max_age,
            essential_acr: &self.acr,
            tolerance: self.tolerance,
            access_token_digest: access_token.as_deref(),
            code_digest: code.as_deref(),
            state_digest: state.as_deref(),
        };
        token.claims(&expected, self.now)
    }

    /// The token must be refused for that.
    #[track_caller]
    pub(crate) fn refuses(&self, raw: &str, detail: &str, what: &str) {
        refused(self.claims(raw), Code::IdTokenInvalid, detail, what);
    }

    /// The token must be accepted.
    #[track_caller]
    pub(crate) fn accepts(&self, raw: &str, what: &str) -> Claims {
        match self.claims(raw) {
            Ok(claims) => claims,
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

/// A draft, signed by the key that goes with the algorithm: the token, its header and its claims.
pub(crate) fn made(draft: &Draft, algorithm: &str) -> (String, Value, Value) {
    let signature = signer_for(algorithm).sign(algorithm, draft.input());
    let token = draft.signed(&signature).expose().to_owned();
    let mut parts = token.split('.');
    let mut part = || -> Value {
        let bytes = base64url::decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let (header, claims) = (part(), part());
    (token, header, claims)
}

/// How a token names the key that signs by that algorithm.
pub(crate) fn signs(algorithm: &str) -> Signer<'static> {
    let kid = Some(signer_for(algorithm).kid);
    Signer { algorithm: Algorithm::by_name(algorithm).unwrap(), kid }
}
