//! The platform's URL parser, for native tests: the `url` crate keeps to the same standard.

use super::url::{ParseUrl, Url};

pub(crate) struct Urls;

impl ParseUrl for Urls {
    fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url> {
        let parsed = match base {
            Some(base) => url::Url::parse(base).ok()?.join(text).ok()?,
            None => url::Url::parse(text).ok()?,
        };
        Some(Url {
            href: parsed.as_str().into(),
            protocol: format!("{}:", parsed.scheme()),
            hostname: parsed.host_str().unwrap_or_default().into(),
            origin: parsed.origin().ascii_serialization(),
            pathname: parsed.path().into(),
            search: parsed.query().map(|q| format!("?{q}")).unwrap_or_default(),
            hash: parsed.fragment().map(|f| format!("#{f}")).unwrap_or_default(),
            credentials: !parsed.username().is_empty() || parsed.password().is_some(),
        })
    }
}
