//! Law 6: secrets are typed. Redacted in `Debug`, no `Display`, compared in constant time, wiped when
//! dropped; `expose` is the only way out, and greppable.

use alloc::string::String;
use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::base64url;

/// A token, code, verifier, password or client secret.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over; it is wiped when the secret is dropped.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text itself. Every call is a place for a reviewer to look at.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Secret {
    /// SHA-256, base64url: tells secrets apart without showing them, and is a PKCE challenge.
    pub fn fingerprint(&self) -> String {
        let out = base64url::encode(&sha256(self.expose().as_bytes()));
        // The hash copies what it reads to the stack: the same frames once more, with nothing in them.
        core::hint::black_box(sha256(&[0; 128]));
        out
    }
}

#[inline(never)]
fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        same(self.expose(), other.expose())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// Equality in a time that depends on the lengths alone.
pub fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("canary")), "[redacted]");
    }

    #[test]
    fn equality_is_by_content() {
        assert_eq!(Secret::new("a"), Secret::new("a"));
        assert_ne!(Secret::new("a"), Secret::new("ab"));
    }
}
