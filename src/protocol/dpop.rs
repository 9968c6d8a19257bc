//! RFC 9449: a token is bound to a key, and each request proves that its sender holds the key. A proof
//! is made anew for each request, also for one that is sent again (R133 to R140).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::base64url;
use super::error::{Code, Error};
use super::json::{Json, Object};
use super::jwk::PublicKey;
use super::jws::{self, Algorithm, Draft};
use super::metadata::Metadata;
use super::secret::Secret;
use super::text;
use super::time::UnixMillis;

/// Characters of a nonce at the most.
const NONCE: usize = 256;
/// Origins whose nonce is kept.
const ORIGINS: usize = 32;

/// The algorithm of proofs for a server (section 5.1), of those that the key can do.
pub fn algorithm(server: &Metadata, can: impl Fn(Algorithm) -> bool) -> Result<Algorithm, Error> {
    jws::signs(&server.document, "dpop_signing_alg_values_supported", can)
}

/// What one request proves.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The method as it is sent.
    pub method: &'a str,
    /// The URL as it is sent: serialised by the platform's parser (R135).
    pub url: &'a str,
    /// The token that goes with it.
    pub access_token: Option<&'a Secret>,
    /// The newest of that origin.
    pub nonce: Option<&'a str>,
}

/// The proof to be signed (section 4.2). `now` is the server's time, as far as it is known; `jti` is
/// random.
pub fn draft(
    key: &PublicKey,
    algorithm: Algorithm,
    proof: &Proof<'_>,
    jti: &[u8; 32],
    now: UnixMillis,
) -> Result<Draft, Error> {
    if !key.fits(algorithm) {
        return Err(Error::new(Code::ConfigInvalid).detail("dpop"));
    }
    let mut header = Object::new();
    header
        .set("typ", "dpop+jwt".into())
        .set("alg", algorithm.name.into())
        .set("jwk", Json::Object(key.to_json()));
    let mut claims = Object::new();
    claims
        .set("jti", base64url::encode(jti).as_str().into())
        .set("htm", proof.method.into())
        .set("htu", target(proof.url).into())
        .set_integer("iat", Some(now.div_euclid(1000)))
        .set_text("ath", proof.access_token.map(Secret::fingerprint).as_deref())
        .set_text("nonce", proof.nonce);
    Ok(Draft::of(&header, &claims))
}

/// A URL without its query and fragment.
fn target(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// How a bound token is presented (section 7.1).
pub fn authorization(access_token: &Secret) -> Secret {
    let mut value = String::with_capacity(5 + access_token.expose().len());
    value.push_str("DPoP ");
    value.push_str(access_token.expose());
    Secret::new(value)
}

/// The newest nonce of each origin (sections 8.2 and 9). One value is for the authorization server, and
/// another for the APIs: a nonce of one is never shown to the other, even where they share an origin.
#[derive(Clone, Debug, Default)]
pub struct Nonces(Vec<(String, String)>);

impl Nonces {
    /// Takes the header `DPoP-Nonce` of any answer of that URL, good or bad. Whether it had a nonce.
    pub fn note(&mut self, url: &str, header: Option<&str>) -> bool {
        let Some(nonce) = header.filter(|text| legal(text)) else {
            return false;
        };
        let origin = origin(url);
        self.0.retain(|(known, _)| known != origin);
        if self.0.len() == ORIGINS {
            self.0.remove(0);
        }
        self.0.push((origin.to_owned(), nonce.to_owned()));
        true
    }

    /// The nonce for a request to that URL.
    pub fn of(&self, url: &str) -> Option<&str> {
        let origin = origin(url);
        self.0.iter().find(|(known, _)| known == origin).map(|(_, nonce)| nonce.as_str())
    }

    /// The answer asked for a nonce: whether the request is sent again. Once, and only with a nonce of
    /// that very answer (R138, R139, R143).
    pub fn renew(&mut self, url: &str, header: Option<&str>, again: bool) -> Result<(), Error> {
        let noted = self.note(url, header);
        match (again, noted) {
            (false, true) => Ok(()),
            (_, false) => Err(Error::new(Code::DpopNonceRejected).detail("missing")),
            (true, true) => Err(Error::new(Code::DpopNonceRejected).detail("repeated")),
        }
    }
}

/// Whether an authorization server asks for a nonce (section 8).
pub fn wants_nonce(error: &Error) -> bool {
    error.server_error() == Some("use_dpop_nonce")
}

/// `1*NQCHAR` (section 8.1), of a length that a header can have (R140).
fn legal(nonce: &str) -> bool {
    let plain = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !nonce.is_empty() && nonce.len() <= NONCE && nonce.bytes().all(plain)
}

/// The origin of a serialised URL.
fn origin(url: &str) -> &str {
    let authority = text::find(url, "://").map_or(0, |at| at + 3);
    let host = url.get(authority..).unwrap_or_default();
    let end = host.find(['/', '?', '#']).map_or(url.len(), |at| at + authority);
    url.get(..end).unwrap_or(url)
}
