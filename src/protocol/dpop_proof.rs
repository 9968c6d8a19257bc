//! RFC 9449, sections 4.3 and 7, at an API: a request that presents a bound token shows a proof of the
//! key that the token is bound to, made for this very request, and shown once. What fails of a proof is
//! named `dpop_…`, so that the answer can tell a bad proof from a bad token.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::base64url;
use super::error::{Code, Error};
use super::json::{self, Object};
use super::jwk::{self, Check, PublicKey};
use super::jws::{self, Algorithm, Unverified};
use super::jwt;
use super::secret::{Secret, same};
use super::time::{Millis, UnixMillis};
use super::url::{ParseUrl, Url, absolute};

/// Seconds back that a proof may have been made.
const OLDEST: i64 = 60;
/// Characters of its name at the most.
const NAME: usize = 256;

/// A proof whose signature was not checked.
pub struct Proof {
    token: Unverified,
    key: PublicKey,
}

/// Takes one apart; it brings its own key. Two headers, joined by a comma, are none.
pub fn parse(raw: &Secret, allowed: &[Algorithm]) -> Result<Proof, Error> {
    let raw = raw.expose();
    let token = jws::parse(raw, allowed, &["dpop+jwt"]).map_err(recoded)?;
    if !token.typed {
        return Err(failed("typ"));
    }
    let key = own_key(raw).filter(|key| key.fits(token.algorithm));
    Ok(Proof { key: key.ok_or_else(|| failed("jwk"))?, token })
}

/// The public key in a header, with nothing of the private one beside it.
fn own_key(raw: &str) -> Option<PublicKey> {
    let header = base64url::decode(raw.split('.').next()?)?;
    let header = json::read_object(&header).ok()?;
    let jwk = header.get("jwk")?.as_object()?;
    if jwk::holds_secret(jwk) { None } else { PublicKey::parse(jwk) }
}

/// What a proof is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The URL of the request, as the platform's parser reads it.
    pub url: &'a Url,
    /// The token that came with it.
    pub access_token: &'a Secret,
    /// The nonces that the API takes (section 9). Where there are none, it asks for none.
    pub nonces: &'a [String],
    /// Seconds by which clocks may differ.
    pub tolerance: i64,
}

/// What a good proof shows.
#[derive(Clone, Debug)]
pub struct Proven {
    /// RFC 7638: the key, as `cnf.jkt` names it.
    pub thumbprint: String,
    /// Tells this proof from every other.
    name: [u8; 16],
}

impl Proof {
    /// The check of its signature by its own key.
    pub fn check(&self) -> Check<'_> {
        self.token.check(&self.key)
    }

    /// What it shows, once the platform said whether the signature is good.
    pub fn open(
        self,
        good: bool,
        expected: &Expected<'_>,
        urls: &impl ParseUrl,
        now: UnixMillis,
    ) -> Result<Proven, Error> {
        let thumbprint = self.key.thumbprint();
        let claims = self.token.proven(good).map_err(recoded)?;
        let text = |name: &'static str| claims.text(name).ok_or_else(|| failed(name));
        if text("htm")? != expected.method {
            return Err(failed("htm"));
        }
        let target = absolute(text("htu")?, urls).map_err(|_| failed("htu"))?;
        if !same_target(&target, expected.url) {
            return Err(failed("htu"));
        }
        if !same(text("ath")?, &expected.access_token.fingerprint()) {
            return Err(failed("ath"));
        }
        let jti = text("jti")?;
        if jti.is_empty() || jti.len() > NAME {
            return Err(failed("jti"));
        }
        require_nonce(&claims, expected.nonces)?;
        let now = now.div_euclid(1000);
        jwt::issued(&claims, now, expected.tolerance, OLDEST).map_err(failed)?;
        let name = name(&thumbprint, jti);
        Ok(Proven { thumbprint, name })
    }
}

/// The scheme DPoP, and no proof.
pub fn missing() -> Error {
    failed("missing")
}

/// A key that the platform refuses, be it no point of its curve.
pub fn unusable() -> Error {
    failed("jwk")
}

/// A nonce that is missing is asked for as one that is old.
fn require_nonce(claims: &Object, nonces: &[String]) -> Result<(), Error> {
    let known = |nonce: &str| nonces.iter().any(|known| same(known, nonce));
    match nonces.is_empty() || claims.text("nonce").is_some_and(known) {
        true => Ok(()),
        false => Err(failed("nonce")),
    }
}

/// The same scheme, host, port and path, by the normal forms of RFC 3986, section 6.2.2.
fn same_target(target: &Url, url: &Url) -> bool {
    target.origin == url.origin && normal(&target.pathname) == normal(&url.pathname)
}

/// A path with its escapes in one form. What the platform's parser does not do.
fn normal(path: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                bytes = ahead;
                let escaped = high * 16 + low;
                match escaped.is_ascii_alphanumeric() || b"-._~".contains(&escaped) {
                    true => out.push(escaped),
                    // As values of digits, which no path holds otherwise.
                    false => out.extend([b'%', high, low]),
                }
            }
            _ => out.push(byte),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn name(thumbprint: &str, jti: &str) -> [u8; 16] {
    let mut whole = thumbprint.to_owned();
    whole.push_str(jti);
    let digest = base64url::decode(&Secret::new(whole).fingerprint()).unwrap_or_default();
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().zip(digest) {
        *to = from;
    }
    name
}

/// The proofs that were shown, for as long as each could be shown again (section 11.1): two lists, of
/// which the older one is forgotten when the younger one is full or has lasted that long.
#[derive(Debug, Default)]
pub struct Replays {
    young: Vec<[u8; 16]>,
    old: Vec<[u8; 16]>,
    since: UnixMillis,
}

impl Replays {
    /// Proofs in one list at the most.
    pub const SIZE: usize = 8192;

    /// Takes a proof that is good, with the token that it belongs to: once.
    pub fn take(&mut self, proof: &Proven, tolerance: i64, now: UnixMillis) -> Result<(), Error> {
        // A proof is good from before its time until after it.
        let life: Millis = (OLDEST + 2 * tolerance + 1) * 1000;
        if now.saturating_sub(self.since) >= life {
            // What was kept for twice as long, nobody can show again.
            let gone = now.saturating_sub(self.since) >= 2 * life;
            self.old = core::mem::take(&mut self.young);
            if gone {
                self.old.clear();
            }
            self.since = now;
        }
        let name = &proof.name;
        if self.old.binary_search(name).is_ok() || self.young.binary_search(name).is_ok() {
            return Err(failed("replayed"));
        }
        if self.young.len() >= Replays::SIZE {
            self.old = core::mem::take(&mut self.young);
            self.since = now;
        }
        let place = self.young.partition_point(|known| known < name);
        self.young.insert(place, *name);
        Ok(())
    }
}

fn recoded(error: Error) -> Error {
    failed(error.detail_text().unwrap_or_default())
}

fn failed(what: &str) -> Error {
    let mut detail = String::from(PREFIX);
    detail.push_str(what);
    Error::new(Code::TokenInvalid).named(detail)
}

/// How every detail of this file begins.
pub(super) const PREFIX: &str = "dpop_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9449_section_11_1_the_memory_of_proofs_is_bounded() {
        let mut seen = Replays::default();
        let taken = |seen: &mut Replays, at: usize| {
            let name = name("thumbprint", &at.to_string());
            seen.take(&Proven { thumbprint: String::new(), name }, 30, 1_800_000_000_000).is_ok()
        };
        let many = Replays::SIZE * 2;
        for at in 0..many {
            assert!(taken(&mut seen, at), "{at}");
        }
        for at in [0, 1, Replays::SIZE, many - 1] {
            assert!(!taken(&mut seen, at), "{at}");
        }
        // The oldest are forgotten, the newest never.
        assert!(taken(&mut seen, many));
        assert!(taken(&mut seen, 0));
        assert!(!taken(&mut seen, many - 1));
        assert!(!taken(&mut seen, many));
        for at in many..5 * many {
            taken(&mut seen, at);
            assert!(seen.young.len() + seen.old.len() <= many);
        }
    }
}
