//! The platform's URL parser, natively: the `url` crate keeps to the same standard as browsers.

use grantkit::protocol::url::{ParseUrl, Url};

pub(crate) struct Urls;

impl ParseUrl for Urls {
    fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url> {
        let parsed = match base {
            Some(base) => url::Url::parse(base).ok()?.join(text).ok()?,
            None => url::Url::parse(text).ok()?,
        };
        // In JavaScript an empty query or fragment has an empty `search` or `hash`.
        let part = |mark: char, text: Option<&str>| match text {
            Some(text) if !text.is_empty() => format!("{mark}{text}"),
            _ => String::new(),
        };
        Some(Url {
            href: parsed.as_str().into(),
            protocol: format!("{}:", parsed.scheme()),
            hostname: parsed.host_str().unwrap_or_default().into(),
            origin: parsed.origin().ascii_serialization(),
            pathname: parsed.path().into(),
            search: part('?', parsed.query()),
            hash: part('#', parsed.fragment()),
            credentials: !parsed.username().is_empty() || parsed.password().is_some(),
        })
    }
}
