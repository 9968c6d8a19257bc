//! The platform's own URL parser (R002): what it makes of a text is what is fetched.

use crate::protocol::url::Url;

/// Parses an absolute URL, or one relative to a base.
pub fn parse(text: &str, base: Option<&str>) -> Option<Url> {
    let url = match base {
        Some(base) => web_sys::Url::new_with_base(text, base),
        None => web_sys::Url::new(text),
    };
    let url = url.ok()?;
    Some(Url {
        href: url.href(),
        protocol: url.protocol(),
        hostname: url.hostname(),
        origin: url.origin(),
        pathname: url.pathname(),
        search: url.search(),
        hash: url.hash(),
        credentials: !url.username().is_empty() || !url.password().is_empty(),
    })
}
