//! RFC 7515: a signed token in its compact form, one to be signed, and which signatures this client can
//! check (RFC 7518, section 3; RFC 8037; RFC 9864). A token never chooses its own algorithm (RFC 8725,
//! section 3.1).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::base64url;
use super::error::{Code, Error};
use super::json::{self, Json, Object};
use super::secret::Secret;

/// Bytes of a token at the most.
pub const SIZE: usize = 64 * 1024;

/// The hash of an algorithm, for `at_hash` and `c_hash`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// As WebCrypto calls it.
    pub fn name(self) -> &'static str {
        match self {
            Hash::Sha256 => "SHA-256",
            Hash::Sha384 => "SHA-384",
            Hash::Sha512 => "SHA-512",
        }
    }
}

/// The kind of signature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5
    Rsa,
    /// RSASSA-PSS with a salt as long as the hash
    Pss,
    /// ECDSA on P-256, P-384 or P-521 by the hash
    Ecdsa,
    /// Ed25519
    Ed25519,
}

/// An algorithm of the registry: asymmetric ones only (R084 to R086).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Algorithm {
    /// As in the header.
    pub name: &'static str,
    /// The kind of signature.
    pub scheme: Scheme,
    /// The hash that goes with it.
    pub hash: Hash,
}

const ALGORITHMS: &[Algorithm] = &[
    Algorithm { name: "RS256", scheme: Scheme::Rsa, hash: Hash::Sha256 },
    Algorithm { name: "PS256", scheme: Scheme::Pss, hash: Hash::Sha256 },
    Algorithm { name: "ES256", scheme: Scheme::Ecdsa, hash: Hash::Sha256 },
    Algorithm { name: "EdDSA", scheme: Scheme::Ed25519, hash: Hash::Sha512 },
    Algorithm { name: "Ed25519", scheme: Scheme::Ed25519, hash: Hash::Sha512 },
    Algorithm { name: "RS384", scheme: Scheme::Rsa, hash: Hash::Sha384 },
    Algorithm { name: "RS512", scheme: Scheme::Rsa, hash: Hash::Sha512 },
    Algorithm { name: "PS384", scheme: Scheme::Pss, hash: Hash::Sha384 },
    Algorithm { name: "PS512", scheme: Scheme::Pss, hash: Hash::Sha512 },
    Algorithm { name: "ES384", scheme: Scheme::Ecdsa, hash: Hash::Sha384 },
    Algorithm { name: "ES512", scheme: Scheme::Ecdsa, hash: Hash::Sha512 },
];

impl Algorithm {
    /// By the exact name.
    pub fn by_name(name: &str) -> Option<Algorithm> {
        ALGORITHMS.iter().find(|known| known.name == name).copied()
    }

    /// What is accepted unless the caller says otherwise.
    pub fn defaults() -> Vec<Algorithm> {
        ALGORITHMS.iter().take(5).copied().collect()
    }

    /// Bytes of a signature, where the algorithm fixes them (RFC 7518, section 3.4; RFC 8037).
    pub fn signature_size(self) -> Option<usize> {
        match (self.scheme, self.hash) {
            (Scheme::Ecdsa, Hash::Sha256) | (Scheme::Ed25519, _) => Some(64),
            (Scheme::Ecdsa, Hash::Sha384) => Some(96),
            (Scheme::Ecdsa, Hash::Sha512) => Some(132),
            _ => None,
        }
    }

    /// The curve of its keys, and the bytes of a coordinate.
    pub fn curve(self) -> Option<(&'static str, usize)> {
        match (self.scheme, self.hash) {
            (Scheme::Ecdsa, Hash::Sha256) => Some(("P-256", 32)),
            (Scheme::Ecdsa, Hash::Sha384) => Some(("P-384", 48)),
            (Scheme::Ecdsa, Hash::Sha512) => Some(("P-521", 66)),
            (Scheme::Ed25519, _) => Some(("Ed25519", 32)),
            _ => None,
        }
    }
}

/// A token whose form was checked and whose signature was not.
pub struct Unverified {
    /// The algorithm, one of those allowed.
    pub algorithm: Algorithm,
    /// The header says what kind of token it is; where it does not, the accepted kinds are a guess.
    pub typed: bool,
    /// Names the key.
    pub kid: Option<String>,
    /// What was signed: header and payload as they came.
    pub input: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    payload: Object,
}

impl Unverified {
    /// The members, once the platform said that the signature is good (R090).
    pub(super) fn proven(self, good: bool) -> Result<Object, Error> {
        match good {
            true => Ok(self.payload),
            false => Err(invalid("signature")),
        }
    }

    /// The members, for a caller who holds a proof.
    pub(super) fn into_payload(self) -> Object {
        self.payload
    }
}

/// Takes a compact token apart (R082 to R089). `types` are the accepted values of `typ`.
pub fn parse(raw: &str, allowed: &[Algorithm], types: &[&str]) -> Result<Unverified, Error> {
    if raw.len() > SIZE {
        return Err(invalid("too_large"));
    }
    let mut parts = raw.splitn(6, '.');
    let parts =
        [parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
    let [Some(header), Some(payload), Some(signature), None, ..] = parts else {
        let encrypted = matches!(parts, [.., Some(_), None]);
        return Err(invalid(if encrypted { "format" } else { "malformed" }));
    };
    let decode = |part: &str| base64url::decode(part).ok_or_else(|| invalid("malformed"));
    let object = |part: &str| json::read_object(&decode(part)?).map_err(|_| invalid("malformed"));
    let head = object(header)?;

    let name = head.text("alg").ok_or_else(|| invalid("alg"))?;
    let algorithm = allowed.iter().find(|known| known.name == name).copied();
    let algorithm = algorithm.ok_or_else(|| invalid("alg"))?;
    if head.get("crit").is_some() || head.get("b64").is_some() {
        return Err(invalid("crit"));
    }
    match head.get("typ") {
        None => {}
        Some(Json::String(typ)) if types.iter().any(|known| known.eq_ignore_ascii_case(typ)) => {}
        Some(_) => return Err(invalid("typ")),
    }
    let kid = match head.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().ok_or_else(|| invalid("kid"))?.to_owned()),
    };
    let payload_object = object(payload)?;
    let signature = decode(signature)?;
    if signature.is_empty()
        || algorithm.signature_size().is_some_and(|size| size != signature.len())
    {
        return Err(invalid("signature"));
    }
    let mut input = header.as_bytes().to_vec();
    input.push(b'.');
    input.extend_from_slice(payload.as_bytes());
    let typed = head.get("typ").is_some();
    Ok(Unverified { algorithm, typed, kid, input, signature, payload: payload_object })
}

/// The algorithm to sign by for a server: one that its metadata lists under that name, if it lists any,
/// and that the key can do. The best first.
pub fn signs(
    metadata: &Object,
    name: &'static str,
    can: impl Fn(Algorithm) -> bool,
) -> Result<Algorithm, Error> {
    const BEST: [&str; 7] = ["ES256", "EdDSA", "Ed25519", "PS256", "RS256", "ES384", "ES512"];
    let listed = match metadata.get(name).map(Json::as_strings) {
        None => None,
        Some(Some(listed)) => Some(listed),
        Some(None) => return Err(Error::new(Code::MetadataInvalid).detail(name)),
    };
    BEST.iter()
        // What every server can is RS256; who can more lists it.
        .filter(|name| match &listed {
            Some(listed) => listed.contains(name),
            None => **name != "PS256",
        })
        .filter_map(|name| Algorithm::by_name(name))
        .find(|algorithm| can(*algorithm))
        .ok_or_else(|| Error::new(Code::MetadataUnsupported).detail(name))
}

/// A key that the platform signs with, as the header of a token names it.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// One that the key can do.
    pub algorithm: Algorithm,
    /// How the server finds the public key.
    pub kid: Option<&'a str>,
}

/// A token to be signed, as data (RFC 7515, section 5.1): the platform's cryptography signs `input`.
#[derive(Clone, Debug)]
pub struct Draft(Secret);

impl Draft {
    /// Of that kind, with those claims, by that key.
    pub fn new(signer: Signer<'_>, typ: Option<&str>, claims: &Object) -> Draft {
        let mut header = Object::new();
        header.set("alg", signer.algorithm.name.into());
        header.set_text("typ", typ).set_text("kid", signer.kid);
        Draft::of(&header, claims)
    }

    /// With that very header.
    pub(super) fn of(header: &Object, claims: &Object) -> Draft {
        let claims = Secret::new(claims.to_text());
        let mut input = base64url::encode(header.to_text().as_bytes());
        input.push('.');
        input.push_str(&base64url::encode(claims.expose().as_bytes()));
        Draft(Secret::new(input))
    }

    /// What is to be signed.
    pub fn input(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }

    /// The token, by the signature of that input.
    pub fn signed(&self, signature: &[u8]) -> Secret {
        let signature = base64url::encode(signature);
        let mut token = String::with_capacity(self.input().len() + 1 + signature.len());
        token.push_str(self.0.expose());
        token.push('.');
        token.push_str(&signature);
        Secret::new(token)
    }
}

/// An id_token that failed a check.
pub fn invalid(detail: &'static str) -> Error {
    Error::new(Code::IdTokenInvalid).detail(detail)
}
