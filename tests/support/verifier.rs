//! What WebCrypto does in a browser, done by ring: signatures and digests for native tests.

use grantkit::protocol::base64url;
use grantkit::protocol::jwk::{Check, PublicKey};
use grantkit::protocol::jws::{Hash, Scheme};
use ring::{digest, signature};

/// Whether a signature is good. ring has no P-521: nothing is good there.
pub(crate) fn verify(check: &Check<'_>) -> bool {
    let (input, signed) = (check.input, check.signature);
    match check.key {
        PublicKey::Rsa { n, e } => {
            let parameters = match (check.algorithm.scheme, check.algorithm.hash) {
                (Scheme::Rsa, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
                (Scheme::Rsa, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
                (Scheme::Rsa, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
                (Scheme::Pss, Hash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
                (Scheme::Pss, Hash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
                (Scheme::Pss, Hash::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
                _ => return false,
            };
            let (n, e) = (bytes(n), bytes(e));
            signature::RsaPublicKeyComponents { n: &n, e: &e }
                .verify(parameters, input, signed)
                .is_ok()
        }
        PublicKey::Curve { crv, x, y } => {
            let x = bytes(x);
            let (algorithm, point): (&dyn signature::VerificationAlgorithm, Vec<u8>) =
                match (crv.as_str(), y) {
                    ("P-256", Some(y)) => {
                        (&signature::ECDSA_P256_SHA256_FIXED, [vec![4], x, bytes(y)].concat())
                    }
                    ("P-384", Some(y)) => {
                        (&signature::ECDSA_P384_SHA384_FIXED, [vec![4], x, bytes(y)].concat())
                    }
                    ("Ed25519", None) => (&signature::ED25519, x),
                    _ => return false,
                };
            signature::UnparsedPublicKey::new(algorithm, point).verify(input, signed).is_ok()
        }
    }
}

/// A digest.
pub(crate) fn digest(hash: Hash, data: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, data).as_ref().to_vec()
}

fn bytes(text: &str) -> Vec<u8> {
    base64url::decode(text).unwrap()
}
