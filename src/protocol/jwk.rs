//! RFC 7517 and RFC 7518, section 6: the keys of a server, and which single one fits a token. Keys
//! that cannot be used are skipped; private and symmetric ones are skipped with a warning (R105 to R111).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::base64url;
use super::error::{Code, Error};
use super::http::{Request, Response};
use super::json::{Json, Object};
use super::jws::{Algorithm, Hash, Scheme, Unverified, invalid};
use super::secret::Secret;
use super::url::Endpoint;

/// Keys in a set at the most.
pub const KEYS: usize = 100;

/// A public key that passed every check which needs no arithmetic; the platform does the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum PublicKey {
    /// Modulus and exponent, base64url.
    Rsa {
        /// 2048 to 8192 bits.
        n: String,
        /// Odd, more than one.
        e: String,
    },
    /// A point on a curve, base64url; an Edwards curve has no `y`.
    Curve {
        /// As in the registry.
        crv: String,
        /// The first coordinate.
        x: String,
        /// The second coordinate.
        y: Option<String>,
    },
}

impl PublicKey {
    /// Of a JWK whose parameters are whole (R111). Whether private members stand beside them or not:
    /// they are not kept.
    pub fn parse(jwk: &Object) -> Option<PublicKey> {
        Some(match jwk.text("kty")? {
            "RSA" => rsa(jwk.text("n")?, jwk.text("e")?)?,
            "EC" => {
                let crv = jwk.text("crv")?;
                let size = [Hash::Sha256, Hash::Sha384, Hash::Sha512]
                    .iter()
                    .filter_map(|hash| {
                        Algorithm { name: "", scheme: Scheme::Ecdsa, hash: *hash }.curve()
                    })
                    .find(|(name, _)| *name == crv)?
                    .1;
                PublicKey::Curve {
                    crv: crv.to_owned(),
                    x: coordinate(jwk.text("x")?, size)?,
                    y: Some(coordinate(jwk.text("y")?, size)?),
                }
            }
            "OKP" if jwk.text("crv")? == "Ed25519" => {
                PublicKey::Curve { crv: "Ed25519".to_owned(), x: edwards(jwk.text("x")?)?, y: None }
            }
            _ => return None,
        })
    }

    /// The required members, in the order of RFC 7638, section 3.3.
    pub fn to_json(&self) -> Object {
        let mut out = Object::new();
        match self {
            PublicKey::Rsa { n, e } => {
                out.set("e", e.as_str().into()).set("kty", "RSA".into()).set("n", n.as_str().into())
            }
            PublicKey::Curve { crv, x, y } => {
                let kind = if y.is_some() { "EC" } else { "OKP" };
                out.set("crv", crv.as_str().into())
                    .set("kty", kind.into())
                    .set("x", x.as_str().into())
                    .set_text("y", y.as_deref())
            }
        };
        out
    }

    /// RFC 7638, by SHA-256 (R144).
    pub fn thumbprint(&self) -> String {
        Secret::new(self.to_json().to_text()).fingerprint()
    }

    /// Whether it is a key for that algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        match (self, algorithm.curve()) {
            (PublicKey::Rsa { .. }, None) => true,
            (PublicKey::Curve { crv, .. }, Some((name, _))) => crv == name,
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Key {
    kid: Option<String>,
    alg: Option<String>,
    key: PublicKey,
}

/// The usable keys of a set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeySet {
    keys: Vec<Key>,
    /// The set holds private or symmetric keys: the server published a secret.
    pub leaked: bool,
}

/// Asks for a key set.
pub fn request(url: &Endpoint) -> Request {
    Request::get(url)
}

/// Reads the answer (section 5).
pub fn response(reply: &Response) -> Result<Object, Error> {
    if reply.status != 200 {
        return Err(reply.failure(Code::ResponseStatus));
    }
    reply.object().map_err(|error| match error.code() {
        Code::ResponseNotJson => reply.failure(Code::JwksInvalid),
        _ => error,
    })
}

impl KeySet {
    /// The one constructor: for answers and for stored sets.
    pub fn check(set: &Object) -> Result<KeySet, Error> {
        let keys = set.get("keys").and_then(Json::as_array).ok_or(Code::JwksInvalid)?;
        if keys.len() > KEYS {
            return Err(Error::new(Code::JwksInvalid).detail("keys"));
        }
        let mut out = KeySet::default();
        for key in keys.iter().filter_map(Json::as_object) {
            if holds_secret(key) {
                out.leaked = true;
            } else if let Some(key) = usable(key) {
                out.keys.push(key);
            }
        }
        Ok(out)
    }

    /// The single key that fits a token: none, or more than one, is no key (R106 to R109).
    pub fn find(&self, token: &Unverified) -> Result<&PublicKey, Error> {
        let fitting = self.keys.iter().filter(|key| {
            let named = token.kid.is_none() || key.kid == token.kid;
            named
                && key.key.fits(token.algorithm)
                && key.alg.as_deref().is_none_or(|alg| alg_fits(alg, token.algorithm))
        });
        let mut fitting = fitting.map(|key| &key.key);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(Error::new(Code::JwksKeyNotFound).detail("ambiguous")),
            _ => Err(Code::JwksKeyNotFound.into()),
        }
    }
}

/// The two names of Ed25519 are one algorithm (RFC 9864, section 2.2).
fn alg_fits(alg: &str, algorithm: Algorithm) -> bool {
    alg == algorithm.name
        || algorithm.scheme == Scheme::Ed25519
            && Algorithm::by_name(alg).is_some_and(|known| known.scheme == Scheme::Ed25519)
}

/// Whether a JWK has private members, or is symmetric (R110).
pub fn holds_secret(jwk: &Object) -> bool {
    const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    SECRET.iter().any(|name| jwk.get(name).is_some())
}

/// The key, if it is for signatures (R106).
fn usable(key: &Object) -> Option<Key> {
    let text = |name: &str| match key.get(name) {
        None => Some(None),
        Some(value) => value.as_str().map(|text| Some(text.to_owned())),
    };
    if text("use")?.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    if let Some(operations) = key.get("key_ops")
        && !operations.as_strings()?.contains(&"verify")
    {
        return None;
    }
    Some(Key { kid: text("kid")?, alg: text("alg")?, key: PublicKey::parse(key)? })
}

/// A modulus of 2048 to 8192 bits without leading zeros, an odd exponent above one (R104).
fn rsa(n: &str, e: &str) -> Option<PublicKey> {
    let modulus = base64url::decode(n)?;
    let exponent = base64url::decode(e)?;
    let high = *modulus.first()?;
    let bits = 8 * modulus.len() - high.leading_zeros() as usize;
    let strong = (2048..=8192).contains(&bits) && high != 0;
    let top = *exponent.first()?;
    let odd = exponent.last()? % 2 == 1 && exponent.len() <= 8 && top != 0 && exponent != [1];
    if strong && odd { Some(PublicKey::Rsa { n: n.to_owned(), e: e.to_owned() }) } else { None }
}

fn coordinate(text: &str, size: usize) -> Option<String> {
    (base64url::decode(text)?.len() == size).then(|| text.to_owned())
}

/// A point of Ed25519, unless its order is small: anybody can sign for such a key, and platforms take
/// that (R104). Those have a `y` of 0, 1, -1, or the two of order eight, y and -y; a `y` that is not below
/// the prime (RFC 8032, section 5.1.3) looks like -1. Sixteen bytes in the middle tell, whatever the sign
/// of `x`; those of an honest key are such by a chance of 1 in 2^126.
fn edwards(text: &str) -> Option<String> {
    const EIGHT: i128 = 0x3933c6d3_05acdfd5_f098eff2_89f4c345;
    let y = base64url::decode(text)?;
    let middle = i128::from_le_bytes(*y.get(8..)?.first_chunk()?);
    // The bytes of -y are the complement of those of y.
    let small = matches!(middle ^ middle >> 127, 0 | EIGHT);
    (y.len() == 32 && !small).then(|| text.to_owned())
}

/// A signature to be checked, as data: the platform's cryptography answers it.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// The one key that fits.
    pub key: &'a PublicKey,
    /// The algorithm of the token, one of those allowed.
    pub algorithm: Algorithm,
    /// What was signed.
    pub input: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

impl Unverified {
    /// The check that proves this token with that key.
    pub fn check<'a>(&'a self, key: &'a PublicKey) -> Check<'a> {
        Check { key, algorithm: self.algorithm, input: &self.input, signature: &self.signature }
    }

    /// The token's members, once the platform said that the signature is good (R090).
    pub fn verified(self, good: bool) -> Result<super::id_token::Verified, Error> {
        match good {
            true => Ok(super::id_token::Verified::new(self)),
            false => Err(invalid("signature")),
        }
    }
}
