//! RFC 5869 and NIST SP 800-38D in text: what was sealed by AES-256-GCM under a key of HKDF-SHA256, as
//! `v1.` and base64url of the IV before the ciphertext and its tag. A text of any other form is no seal.

use alloc::string::String;
use alloc::vec::Vec;

use super::base64url;

/// Bytes of the IV (SP 800-38D, section 8.2.2: random, and never twice under one key).
pub const IV: usize = 12;
const TAG: usize = 16;
const VERSION: &str = "v1.";
/// Characters of a seal at the most: a store that lies may be endless.
pub const CAP: usize = 1 << 20;

/// A seal, taken apart and not yet broken.
#[derive(Debug, PartialEq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Reads a text.
    pub fn parse(text: &str) -> Option<Sealed> {
        if text.len() > CAP {
            return None;
        }
        let bytes = base64url::decode(text.strip_prefix(VERSION)?)?;
        (bytes.len() >= IV + TAG).then_some(Sealed(bytes))
    }

    /// The IV, and the ciphertext with its tag.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        self.0.split_at_checked(IV).unwrap_or_default()
    }
}

/// Writes a text.
pub fn text(iv: &[u8; IV], ciphertext: &[u8]) -> String {
    let mut out = String::from(VERSION);
    out.push_str(&base64url::encode(&[iv, ciphertext].concat()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let sealed = Sealed::parse(&text(&[7; IV], &[9; 20])).unwrap();
        assert_eq!(sealed.parts(), (&[7; IV][..], &[9; 20][..]));
    }

    #[test]
    fn other_texts_are_no_seal() {
        let short = text(&[7; IV], &[9; TAG - 1]);
        let good = text(&[7; IV], &[9; TAG]);
        assert!(Sealed::parse(&good).is_some());
        let body = good.strip_prefix("v1.").unwrap();
        let long = text(&[7; IV], &vec![9; CAP]);
        for refused in [
            "",
            "v1.",
            body,
            &short,
            &long,
            &format!("v2.{body}"),
            &format!("V1.{body}"),
            &format!(" {good}"),
            &format!("{good}="),
            &format!("{good}\n"),
        ] {
            assert_eq!(Sealed::parse(refused), None, "{refused:.40}");
        }
    }
}
