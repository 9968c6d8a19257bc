//! RFC 9110, section 11.6.1: `WWW-Authenticate`, read by its whole grammar, and what an API means by
//! it (RFC 6750, section 3; RFC 9449, section 9; RFC 9470; RFC 9728, section 5.1). What is not of the
//! grammar is no challenge (R129).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, Error, Refusal};
use super::http::printable;
use super::json::Object;
use super::text;

/// Bytes of the header at the most.
const SIZE: usize = 8 * 1024;

/// One challenge. Schemes and names of parameters are in lower case.
#[derive(Clone, Debug, PartialEq)]
pub struct Challenge {
    /// `bearer`, `dpop` and the like.
    pub scheme: String,
    /// What some schemes have instead of parameters.
    pub token68: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter, its escapes resolved.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// All challenges of a header; several headers are one, joined by commas.
pub fn parse(header: &str) -> Option<Vec<Challenge>> {
    if header.len() > SIZE {
        return None;
    }
    let mut reader = Reader { rest: header };
    let mut challenges: Vec<Challenge> = Vec::new();
    reader.separators();
    while !reader.rest.is_empty() {
        challenges.push(reader.challenge()?);
    }
    if challenges.is_empty() { None } else { Some(challenges) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Takes what is of that kind off the front.
    fn take(&mut self, of: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !of(byte)).unwrap_or(self.rest.len());
        // Every kind is of ASCII alone, so that the end is a boundary.
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn space(&mut self) {
        self.take(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Empty elements of a list are nothing (section 5.6.1.2). Whether there was a comma at all.
    fn separators(&mut self) -> bool {
        self.take(|byte| matches!(byte, b' ' | b'\t' | b',')).bytes().any(|byte| byte == b',')
    }

    fn token(&mut self) -> Option<&'a str> {
        let token = self.take(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        if token.is_empty() { None } else { Some(token) }
    }

    fn eat(&mut self, text: char) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// An element of a list is over: a comma or the end.
    fn over(&mut self) -> bool {
        self.space();
        self.rest.is_empty() || self.rest.starts_with(',')
    }

    fn challenge(&mut self) -> Option<Challenge> {
        let scheme = self.token()?.to_ascii_lowercase();
        let mut challenge = Challenge { scheme, token68: None, parameters: Vec::new() };
        if self.rest.starts_with(' ') {
            self.space();
            challenge.token68 = self.token68();
            while challenge.token68.is_none() {
                let apart = self.separators();
                let Some((name, value)) = self.parameter()? else {
                    match apart || self.rest.is_empty() {
                        true => break,
                        false => return None,
                    }
                };
                // Section 11.2: a name occurs once.
                if challenge.get(&name).is_some() || !self.over() {
                    return None;
                }
                challenge.parameters.push((name, value));
            }
        } else if !self.over() {
            return None;
        }
        self.separators();
        Some(challenge)
    }

    fn token68(&mut self) -> Option<String> {
        let start = self.rest;
        let body = self.take(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b));
        let padding = self.take(|byte| byte == b'=');
        if !body.is_empty() && self.over() {
            let mut text = body.to_owned();
            text.push_str(padding);
            return Some(text);
        }
        self.rest = start;
        None
    }

    /// A parameter; nothing where the list is over or another challenge begins.
    fn parameter(&mut self) -> Option<Option<(String, String)>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        let start = self.rest;
        let name = self.token()?.to_ascii_lowercase();
        self.space();
        if !self.eat('=') {
            self.rest = start;
            return Some(None);
        }
        self.space();
        let value = match self.eat('"') {
            true => self.quoted()?,
            false => self.token()?.to_owned(),
        };
        Some(Some((name, value)))
    }

    /// Behind its first quote (section 5.6.4).
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut chars = self.rest.chars();
        loop {
            let c = match chars.next()? {
                '"' => break,
                '\\' => chars.next()?,
                c => c,
            };
            if matches!(c, '\0'..='\u{8}' | '\n'..='\u{1f}' | '\u{7f}') {
                return None;
            }
            value.push(c);
        }
        self.rest = chars.as_str();
        Some(value)
    }
}

/// What an API that refused wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// A fresh token (R130); so it is where nothing can be read.
    Token,
    /// The nonce that came with the answer (RFC 9449, section 9).
    Nonce,
    /// A new sign-in (RFC 9470, section 3).
    StepUp {
        /// One of these.
        acr_values: Option<String>,
        /// Not longer ago, seconds.
        max_age: Option<u32>,
        /// For this.
        scope: Option<String>,
    },
    /// More scope (RFC 6750, section 3.1).
    Scope(Option<String>),
    /// Nothing that a client can bring.
    Nothing,
}

/// Reads an answer's status and header. A nonce is wanted by the scheme DPoP alone (R139).
pub fn wanted(status: u16, header: Option<&str>) -> Wanted {
    if !matches!(status, 401 | 403) {
        return Wanted::Nothing;
    }
    let challenges = header.and_then(parse).unwrap_or_default();
    let ours = |challenge: &&Challenge| matches!(challenge.scheme.as_str(), "bearer" | "dpop");
    let mut reasons = challenges
        .iter()
        .filter(ours)
        .filter_map(|challenge| challenge.get("error").map(|error| (challenge, error)));
    let nonce = |(challenge, error): &(&Challenge, &str)| {
        challenge.scheme == "dpop" && *error == "use_dpop_nonce"
    };
    if status == 401 && reasons.clone().any(|reason| nonce(&reason)) {
        return Wanted::Nonce;
    }
    let Some((challenge, error)) = reasons.next() else {
        return if status == 401 { Wanted::Token } else { Wanted::Nothing };
    };
    let value = |name: &str| challenge.get(name).map(printable).filter(|text| !text.is_empty());
    match error {
        "invalid_token" if status == 401 => Wanted::Token,
        "insufficient_scope" => Wanted::Scope(value("scope")),
        "insufficient_user_authentication" => Wanted::StepUp {
            acr_values: value("acr_values"),
            max_age: challenge
                .get("max_age")
                .and_then(text::digits)
                .and_then(|seconds| u32::try_from(seconds).ok()),
            scope: value("scope"),
        },
        _ => Wanted::Nothing,
    }
}

impl Wanted {
    /// The error where only a new authorization helps (R131): its `response` holds what is wanted, its
    /// `sign_in` a request for that, and for the scope that there is already.
    pub fn error(&self, status: u16, scope: Option<&str>) -> Option<Error> {
        let mut response = Object::new();
        let mut sign_in = Object::new();
        let (code, error, wanted) = match self {
            Wanted::StepUp { acr_values, max_age, scope } => {
                let max_age = max_age.map(i64::from);
                response
                    .set_text("acr_values", acr_values.as_deref())
                    .set_integer("max_age", max_age)
                    .set_text("scope", scope.as_deref());
                sign_in.set_text("acrValues", acr_values.as_deref()).set_integer("maxAge", max_age);
                (Code::StepUpRequired, "insufficient_user_authentication", scope)
            }
            Wanted::Scope(scope) => {
                response.set_text("scope", scope.as_deref());
                (Code::InsufficientScope, "insufficient_scope", scope)
            }
            _ => return None,
        };
        if let Some(wanted) = wanted {
            sign_in.set_text("scope", Some(&joined(scope, wanted)));
        }
        let refusal = Refusal {
            error: error.into(),
            response: Some(response),
            sign_in: Some(sign_in),
            ..Refusal::default()
        };
        Some(Error::new(code).status(status).refusal(refusal))
    }
}

/// Both scopes, each token once.
fn joined(scope: Option<&str>, wanted: &str) -> String {
    let mut all = scope.unwrap_or_default().to_owned();
    for token in wanted.split(' ').filter(|token| !token.is_empty()) {
        if !all.split(' ').any(|known| known == token) {
            if !all.is_empty() {
                all.push(' ');
            }
            all.push_str(token);
        }
    }
    all
}

/// Where the API says that its metadata is (RFC 9728, section 5.1), whatever the scheme. Nothing of
/// it is believed.
pub fn resource_metadata(challenges: &[Challenge]) -> Option<&str> {
    challenges.iter().find_map(|challenge| challenge.get("resource_metadata"))
}
