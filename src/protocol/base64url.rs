//! RFC 4648, section 5, without padding, as RFC 7515 (section 2) uses it: one text for each value.
//! White space, padding, other alphabets and non-zero trailing bits are refused (R082).

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};

/// Encodes without padding.
pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Decodes strictly.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

/// The padded standard alphabet, for the Basic scheme (RFC 7617, section 2).
pub fn encode_basic(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r082_only_the_canonical_form_is_read() {
        assert_eq!(decode("AQAB"), Some(vec![1, 0, 1]));
        assert_eq!(decode(""), Some(vec![]));
        for refused in ["AQAB=", "AQ==", "AQA\n", " AQAB", "AQ+/", "AR", "A", "AQABA"] {
            assert_eq!(decode(refused), None, "{refused:?}");
        }
    }
}
