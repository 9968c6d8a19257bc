//! application/x-www-form-urlencoded as RFC 6749, appendix B, has it: what the token endpoint is sent
//! and what a callback's query holds.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::secret::Secret;

/// Parameters in the order in which they are sent. A parameter without a value is left out
/// (RFC 6749, section 3.1).
#[derive(Clone, Default)]
pub struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// An empty form.
    pub fn new() -> Form {
        Form::default()
    }

    /// Adds a parameter; an empty value is left out.
    pub fn push(&mut self, name: &str, value: &str) -> &mut Form {
        if !value.is_empty() {
            self.0.push((name.into(), Zeroizing::new(value.into())));
        }
        self
    }

    /// Adds a parameter where there is a value.
    pub fn push_some(&mut self, name: &str, value: Option<&str>) -> &mut Form {
        self.push(name, value.unwrap_or_default())
    }

    /// Whether a parameter of that name is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The first value of that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body of a request.
    pub fn encode(&self) -> Secret {
        // One allocation that is large enough: growing would leave copies behind.
        let room = self.0.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let mut out = form_urlencoded::Serializer::new(String::with_capacity(room));
        for (name, value) in &self.0 {
            out.append_pair(name, value);
        }
        Secret::new(out.finish())
    }
}

/// Names and values of a query or body; a leading `?` or `#` is the caller's to remove.
pub fn parse(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// One value, encoded (RFC 6749, section 2.3.1 wants each half of Basic so).
pub fn encode_value(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r005_the_example_of_appendix_b() {
        assert_eq!(encode_value(" %&+£€"), "+%25%26%2B%C2%A3%E2%82%AC");
    }

    #[test]
    fn r004_a_parameter_without_a_value_is_left_out() {
        let mut form = Form::new();
        form.push("scope", "").push("grant_type", "client_credentials").push_some("x", None);
        assert_eq!(form.encode().expose(), "grant_type=client_credentials");
    }

    #[test]
    fn a026_what_is_encoded_is_read_back() {
        for value in ["a&b=c+d", "\r\n\0", "\u{2028}", "🦀", "%41", "+"] {
            let mut form = Form::new();
            form.push("v", value);
            assert_eq!(parse(form.encode().expose()), [("v".into(), value.into())]);
        }
    }
}
