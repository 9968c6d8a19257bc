//! RFC 6749, section 4.1.2, RFC 9207 and RFC 9700, section 4: what comes back in the address. Nothing
//! but `accept` can make a `Code`, and it takes the pending record by value, so that a record answers
//! one callback (R046 to R056).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::authorize::Pending;
use super::error::{Code as ErrorCode, Error, Refusal};
use super::form;
use super::http::{printable, web_address};
use super::json::Object;
use super::metadata::Metadata;
use super::secret::Secret;
use super::url::{ParseUrl, Url};

/// Bytes of a callback's query at the most.
pub const QUERY: usize = 32 * 1024;
/// Bytes of one parameter at the most.
pub const PARAMETER: usize = 8 * 1024;

/// The parameters that are ours: read here, and taken out of the address.
pub const OURS: &[&str] = &[
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "response",
    "session_state",
    "access_token",
    "id_token",
    "refresh_token",
    "token_type",
    "expires_in",
];

/// The parameters of a callback, each known one at most once.
#[derive(Clone)]
pub struct Params {
    values: Vec<(String, Secret)>,
    /// They came out of an answer whose signature was checked.
    signed: bool,
}

impl Params {
    /// Reads the query of the callback; the fragment is read by nobody, but a response in it is
    /// refused (R055).
    pub fn read(query: &str, fragment: &str) -> Result<Params, Error> {
        if query.len() > QUERY {
            return Err(malformed("query"));
        }
        let query = query.strip_prefix('?').unwrap_or(query);
        let mut values: Vec<(String, Secret)> = Vec::new();
        for (name, value) in form::parse(query) {
            let Some(ours) = OURS.iter().find(|ours| **ours == name) else {
                continue;
            };
            if values.iter().any(|(known, _)| *known == name) {
                return Err(Error::new(ErrorCode::CallbackDuplicateParam).detail(ours));
            }
            if value.len() > PARAMETER {
                return Err(malformed(ours));
            }
            values.push((name, Secret::new(value)));
        }
        let params = Params { values, signed: false };
        let stray = Params::fragment(fragment);
        for name in ["access_token", "id_token", "refresh_token"] {
            if params.get(name).is_some() || stray.iter().any(|known| known == name) {
                return Err(Error::new(ErrorCode::CallbackUnexpectedToken).detail(name));
            }
        }
        if stray.iter().any(|name| matches!(name.as_str(), "code" | "state" | "error" | "iss")) {
            return Err(malformed("fragment"));
        }
        Ok(params)
    }

    /// The parameters in the claims of a signed answer, by the same rules.
    pub(super) fn signed(claims: &Object) -> Result<Params, Error> {
        let mut values = Vec::new();
        for ours in OURS {
            let Some(value) = claims.get(ours) else { continue };
            if matches!(*ours, "access_token" | "id_token" | "refresh_token") {
                return Err(Error::new(ErrorCode::CallbackUnexpectedToken).detail(ours));
            }
            // `expires_in` of a response that has no token says nothing.
            let Some(value) = value.as_str() else { continue };
            if value.len() > PARAMETER {
                return Err(malformed(ours));
            }
            values.push(((*ours).into(), Secret::new(value)));
        }
        Ok(Params { values, signed: true })
    }

    /// The signed answer (JARM), which stands alone: beside it nothing is believed (R058).
    pub fn response(&self) -> Result<Option<&str>, Error> {
        match self.get("response") {
            Some(_) if self.values.len() > 1 => Err(malformed("response")),
            response => Ok(response),
        }
    }

    fn fragment(fragment: &str) -> Vec<String> {
        let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
        form::parse(fragment.get(..QUERY).unwrap_or(fragment))
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.expose())
    }

    /// The state, which finds the record.
    pub fn state(&self) -> Result<&str, Error> {
        match self.get("state") {
            Some(state) if !state.is_empty() => Ok(state),
            _ => Err(ErrorCode::StateMissing.into()),
        }
    }

    /// Whether an address holds an answer at all. A fragment is one only with a state: `#error=…` alone
    /// may be the page's own.
    pub fn present(query: &str, fragment: &str) -> bool {
        const ANSWERS: [&str; 5] = ["code", "error", "response", "access_token", "id_token"];
        let query = query.strip_prefix('?').unwrap_or(query);
        // However long: `read` says that it is too long.
        let names: Vec<String> = form::parse(query).into_iter().map(|(name, _)| name).collect();
        let stray = Params::fragment(fragment);
        let answers = |name: &String| ANSWERS.contains(&name.as_str());
        let state = |name: &String| name == "state";
        names.iter().any(answers)
            || stray.iter().any(answers) && names.iter().chain(&stray).any(state)
    }

    /// Whether a fragment holds parameters of an answer: `read` refuses it, and it is not left behind.
    pub fn strays(fragment: &str) -> bool {
        Params::fragment(fragment).iter().any(|name| OURS.contains(&name.as_str()))
    }
}

/// A query without our parameters; foreign ones keep their order and their exact text (R057).
pub fn without_ours(query: &str) -> String {
    let query = query.strip_prefix('?').unwrap_or(query);
    let mut kept = String::new();
    for pair in query.split('&') {
        let ours = form::parse(pair).first().is_some_and(|(name, _)| OURS.contains(&name.as_str()));
        if ours || pair.is_empty() {
            continue;
        }
        kept.push(if kept.is_empty() { '?' } else { '&' });
        kept.push_str(pair);
    }
    kept
}

/// An authorization code that belongs to a request of ours, and the record of that request.
#[derive(Debug)]
pub struct Code {
    code: Secret,
    pending: Box<Pending>,
}

impl Code {
    /// The code itself.
    pub fn secret(&self) -> &Secret {
        &self.code
    }

    /// The request that it answers.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }
}

/// Pairs an answer with its record. The place that it arrived at is that of the redirect URI: same
/// origin, same path (R056).
pub fn accept(
    answer: &Params,
    pending: Box<Pending>,
    arrived_at: &Url,
    server: &Metadata,
    urls: &impl ParseUrl,
) -> Result<Code, Error> {
    if !super::secret::same(answer.state()?, &pending.state) {
        return Err(Error::new(ErrorCode::StateUnknown).detail("unknown"));
    }
    // A plain answer in the place of a signed one is anybody's.
    if pending.signed_answer != answer.signed {
        return Err(malformed("response"));
    }
    if pending.issuer != server.issuer.as_str() {
        return Err(ErrorCode::IssuerMismatch.into());
    }
    let sent_to = urls.parse_url(&pending.redirect_uri, None);
    if !sent_to.is_some_and(|url| url.same_place(arrived_at)) {
        return Err(ErrorCode::RedirectUriMismatch.into());
    }
    // RFC 9207, section 2.4: before the error is believed, too.
    match answer.get("iss") {
        Some(iss) if iss != server.issuer.as_str() => return Err(ErrorCode::IssuerMismatch.into()),
        None if server.names_itself_in_callbacks => return Err(ErrorCode::IssuerMissing.into()),
        _ => {}
    }
    match (answer.get("code"), answer.get("error")) {
        (Some(code), None) if !code.is_empty() => Ok(Code { code: Secret::new(code), pending }),
        (None, Some(error)) if !printable(error).is_empty() => {
            Err(Error::new(ErrorCode::AuthorizationError).refusal(Refusal {
                error: printable(error),
                description: answer.get("error_description").map(printable),
                uri: answer.get("error_uri").and_then(web_address),
                ..Refusal::default()
            }))
        }
        (Some(_), Some(_)) => Err(malformed("error")),
        _ => Err(malformed("code")),
    }
}

/// Refusals of `prompt=none` that mean: ask the person (OpenID Connect Core 1.0, section 3.1.2.6).
pub fn asks_for_login(error: &Error) -> bool {
    matches!(
        error.server_error(),
        Some(
            "login_required"
                | "consent_required"
                | "interaction_required"
                | "account_selection_required"
        )
    )
}

fn malformed(detail: &'static str) -> Error {
    Error::new(ErrorCode::CallbackMalformed).detail(detail)
}
