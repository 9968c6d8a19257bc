//! Searching text the plain way. The library's general searcher is fast on long texts; ours are short,
//! and it would be two kilobytes of the wasm.

use alloc::string::String;

/// Where a text stands in another; the empty text stands nowhere.
pub fn find(text: &str, part: &str) -> Option<usize> {
    if part.is_empty() {
        // Windows of no size are a panic.
        return None;
    }
    text.as_bytes().windows(part.len()).position(|window| window == part.as_bytes())
}

/// Whether a text stands in another.
pub fn contains(text: &str, part: &str) -> bool {
    find(text, part).is_some()
}

/// Every occurrence replaced.
pub fn replace(text: &str, part: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, part) {
        out.push_str(rest.get(..at).unwrap_or_default());
        out.push_str(by);
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Decimal digits alone, as far as an `i64` goes.
pub fn digits(text: &str) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0i64, |value, byte| {
        let digit = if byte.is_ascii_digit() { i64::from(byte - b'0') } else { return None };
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occurrences_are_found_and_replaced() {
        assert_eq!(find("https://as", "://"), Some(5));
        assert_eq!(find("a", "ab"), None);
        assert_eq!(replace("a%2fb%2fc", "%2f", "/"), "a/b/c");
        assert_eq!(replace("é{t}é", "{t}", "x"), "éxé");
    }

    #[test]
    fn only_digits_are_a_number() {
        assert_eq!(digits("0042"), Some(42));
        for text in ["", "-1", "+1", "1.0", "9223372036854775808", "x"] {
            assert_eq!(digits(text), None, "{text}");
        }
    }
}
