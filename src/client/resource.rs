//! RFC 6750, section 5.3, and RFC 9700, section 4.9: where a token may be sent, and when a request may
//! be sent once more (R126 to R130).

use alloc::string::String;

use crate::protocol::authorize::Wish;
use crate::protocol::error::{Code, Error};
use crate::protocol::text;
use crate::protocol::url::{ParseUrl, Transport, Url, absolute, require_secure};

use super::config::{Config, invalid};

/// An origin and a path prefix, and which token belongs there.
#[derive(Clone, Debug)]
pub struct Allowed {
    origin: String,
    path: String,
    /// What the token there must be for.
    pub wish: Wish,
}

impl Allowed {
    /// Checks an entry of `allowedUrls`.
    pub fn parse(
        text: &str,
        wish: Wish,
        urls: &impl ParseUrl,
        transport: Transport,
    ) -> Result<Allowed, Error> {
        wish.check()?;
        let url = absolute(text, urls).map_err(|_| invalid("allowedUrls"))?;
        require_secure(&url, transport).map_err(|error| error.detail("allowedUrls"))?;
        if !url.search.is_empty() || !url.hash.is_empty() || text.contains(['?', '#']) {
            return Err(invalid("allowedUrls"));
        }
        Ok(Allowed { origin: url.origin, path: url.pathname, wish })
    }

    /// Same scheme, host and port, and a path under the prefix, which ends at a segment.
    fn covers(&self, url: &Url) -> bool {
        let Some(rest) = url.pathname.strip_prefix(&self.path) else {
            return false;
        };
        let whole = rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/');
        url.origin == self.origin && whole && !climbs(&url.pathname)
    }
}

/// Whether a path holds dot segments that only a server would see: behind encoded slashes.
fn climbs(path: &str) -> bool {
    let mut seen = path.to_ascii_lowercase();
    for (encoded, plain) in [("%2f", "/"), ("%5c", "/"), ("%2e", ".")] {
        seen = text::replace(&seen, encoded, plain);
    }
    seen.split(['/', '\\']).any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

/// The entry for an address, or url_not_allowed: then nothing is sent.
pub fn entry<'a>(config: &'a Config, url: &Url) -> Result<&'a Allowed, Error> {
    let refused = || Error::new(Code::UrlNotAllowed);
    if url.credentials || require_secure(url, config.transport).is_err() {
        return Err(refused());
    }
    // The most specific entry wins, whatever the order.
    let entries = config.allowed.iter().filter(|allowed| allowed.covers(url));
    entries.max_by_key(|allowed| allowed.path.len()).ok_or_else(refused)
}

/// Whether a request with that method may be sent a second time (RFC 9110, section 9.2.2).
pub fn repeatable(config: &Config, method: &str) -> bool {
    const IDEMPOTENT: [&str; 5] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];
    let method = method.to_ascii_uppercase();
    IDEMPOTENT.contains(&method.as_str()) || config.retry_methods.contains(&method)
}
