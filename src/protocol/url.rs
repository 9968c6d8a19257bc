//! Which addresses may be used (OAuth 2.1, section 1.5; RFC 9700, section 4.9.1). The platform's own
//! parser reads them, and what was parsed is what is fetched; nothing is compared after parsing
//! except origins and paths of resources (law 4).

use alloc::string::String;

use super::error::{Code, Error};
use super::text;

/// What the platform's URL parser made of a text (WHATWG URL).
#[derive(Clone, Debug, PartialEq)]
pub struct Url {
    /// The serialised URL: what is fetched.
    pub href: String,
    /// With its colon, for example `https:`.
    pub protocol: String,
    /// The serialised host without the port.
    pub hostname: String,
    /// Scheme, host and port, serialised.
    pub origin: String,
    /// The path, always with a leading slash.
    pub pathname: String,
    /// The query with its question mark, or nothing.
    pub search: String,
    /// The fragment with its hash, or nothing.
    pub hash: String,
    /// Whether a user name or password stands in it.
    pub credentials: bool,
}

impl Url {
    /// Out of what a parser that keeps to the WHATWG's standard serialised, such as the `url` crate; not
    /// for text that nobody parsed.
    pub fn serialized(href: &str) -> Option<Url> {
        let (rest, hash) = href.split_at(href.find('#').unwrap_or(href.len()));
        let (rest, search) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (scheme, rest) = rest.split_once(':')?;
        let (authority, pathname) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        let (user_info, host) = match authority.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info), host),
            None => (None, authority),
        };
        // An IPv6 address has colons, and a bracket behind them.
        let hostname = match host.rsplit_once(':') {
            Some((hostname, port)) if !port.contains(']') => hostname,
            _ => host,
        };
        let mut origin = String::from(scheme);
        match scheme {
            "http" | "https" | "ws" | "wss" | "ftp" => origin.extend(["://", host]),
            _ => origin = "null".into(),
        }
        let mut protocol = String::from(scheme);
        protocol.push(':');
        // As in JavaScript: an empty query or fragment is none.
        let part = |text: &str| if text.len() > 1 { text.into() } else { String::new() };
        Some(Url {
            href: href.into(),
            protocol,
            hostname: hostname.into(),
            origin,
            pathname: pathname.into(),
            search: part(search),
            hash: part(hash),
            credentials: user_info.is_some(),
        })
    }

    /// Same origin and path, whatever query and fragment say.
    pub fn same_place(&self, other: &Url) -> bool {
        self.origin == other.origin && self.pathname == other.pathname
    }
}

/// The platform's URL parser.
pub trait ParseUrl {
    /// Parses an absolute URL, or one relative to `base`.
    fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url>;
}

/// Whether plain http is tolerated beyond loopback.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Transport {
    /// https, and http to this very machine.
    #[default]
    Secure,
    /// The caller said `insecureHttp`.
    InsecureHttp,
}

/// An address that a request may be sent to: https (or loopback), no user info, no fragment (R001 to R003).
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint(String);

impl Endpoint {
    /// Checks the text and keeps what the platform made of it.
    pub fn parse(
        text: &str,
        urls: &impl ParseUrl,
        transport: Transport,
    ) -> Result<Endpoint, Error> {
        let url = absolute(text, urls)?;
        if text.contains('#') {
            return Err(Error::new(Code::UrlInvalid).detail("fragment"));
        }
        require_secure(&url, transport)?;
        Ok(Endpoint(url.href))
    }

    /// The serialised URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL with parameters behind its own query (RFC 6749, section 3.1).
    pub fn with_query(&self, query: &str) -> String {
        let mut url = self.0.clone();
        match url.find('?') {
            None => url.push('?'),
            Some(_) if !url.ends_with(['?', '&']) => url.push('&'),
            Some(_) => {}
        }
        url.push_str(query);
        url
    }
}

/// Parses an absolute http(s) URL and refuses what has two readings: user info, backslashes, white
/// space and control characters.
pub fn absolute(text: &str, urls: &impl ParseUrl) -> Result<Url, Error> {
    if text.bytes().any(|byte| byte <= b' ' || byte == b'\\' || byte == 0x7f) {
        return Err(Error::new(Code::UrlInvalid));
    }
    let url = urls.parse_url(text, None).ok_or(Code::UrlInvalid)?;
    // The text must say its authority itself: `https:host` and `https:///host` are somebody's trick.
    let rest = text.get(url.protocol.len()..).unwrap_or_default();
    // The parser drops an empty user info; the text still has two readings.
    let end = |byte: &u8| !matches!(byte, b'/' | b'?' | b'#');
    let user_info = rest.bytes().skip(2).take_while(end).any(|byte| byte == b'@');
    if url.credentials || user_info || !rest.starts_with("//") || rest.starts_with("///") {
        return Err(Error::new(Code::UrlInvalid));
    }
    Ok(url)
}

/// https, or http to loopback, or http where the caller accepted the danger.
pub fn require_secure(url: &Url, transport: Transport) -> Result<(), Error> {
    match url.protocol.as_str() {
        "https:" => Ok(()),
        "http:" if transport == Transport::InsecureHttp || loopback(&url.hostname) => Ok(()),
        "http:" => Err(Error::new(Code::UrlInsecure)),
        _ => Err(Error::new(Code::UrlInvalid).detail("scheme")),
    }
}

/// This very machine, by the host as the URL parser serialises it.
fn loopback(host: &str) -> bool {
    let v4 = host.starts_with("127.") && host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    v4 || host == "localhost" || host == "[::1]"
}

/// Whether a host, as the URL parser serialises it, may be one of the internet: not this machine, not
/// its own network, and not what answers inside clouds (RFC 9728, section 7.7). What a name leads to is
/// not seen here.
pub fn public(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if let Some(v6) = host.strip_prefix('[') {
        // Global unicast, without the prefixes that carry an address of the old internet.
        let group = v6.split(':').next().unwrap_or_default();
        return group.len() == 4
            && matches!(group.as_bytes(), [b'2' | b'3', ..])
            && group != "2002";
    }
    let mut parts = host.split('.').map(text::digits);
    let v4 = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
    if let [Some(Some(a)), Some(Some(b)), Some(Some(c)), Some(Some(_)), None] = v4 {
        let reserved = matches!((a, b, c), (0 | 10 | 127 | 224.., ..) | (192, 0, 0 | 2));
        let inner = matches!(
            (a, b),
            (100, 64..=127) | (169, 254) | (172, 16..=31) | (192, 168) | (198, 18 | 19)
        );
        return !reserved && !inner;
    }
    let inner = ["localhost", "local", "internal", "home.arpa"];
    let under = |name: &&str| {
        host.strip_suffix(*name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    host.contains('.') && !inner.iter().any(under)
}

/// A path of this origin to return to, or nothing (R043). What decides is where the platform's parser
/// says that it leads.
pub fn same_origin_path(text: &str, origin: &str, urls: &impl ParseUrl) -> Option<String> {
    if text.bytes().any(|byte| byte < b' ' || byte == b'\\') {
        return None;
    }
    if !text.starts_with('/') || text.starts_with("//") {
        return None;
    }
    let url = urls.parse_url(text, Some(origin))?;
    if url.origin != origin {
        return None;
    }
    // A slash or control right behind the first slash, encoded or not, is somebody's trick. Dots may
    // have stood before it, so the path is looked at as it was parsed.
    let lowered = url.pathname.to_ascii_lowercase();
    if ["//", "/%2f", "/%5c", "/%0", "/%1"].iter().any(|trick| lowered.starts_with(trick)) {
        return None;
    }
    let mut path = url.pathname;
    path.push_str(&url.search);
    path.push_str(&url.hash);
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::Urls;

    fn code(text: &str, transport: Transport) -> Result<String, Code> {
        Endpoint::parse(text, &Urls, transport).map(|e| e.0).map_err(|e| e.code())
    }

    #[test]
    fn r001_plain_http_is_for_loopback_only() {
        for text in [
            "http://localhost:8080/t",
            "http://127.0.0.1/t",
            "http://127.1.2.3/t",
            "http://[::1]:1/t",
        ] {
            assert!(code(text, Transport::Secure).is_ok(), "{text}");
        }
        for text in [
            "http://as.example/token",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://127.evil.example/",
            "http://10.0.0.1/",
            "http://[::2]/",
        ] {
            assert_eq!(code(text, Transport::Secure), Err(Code::UrlInsecure), "{text}");
            assert!(code(text, Transport::InsecureHttp).is_ok(), "{text}");
        }
    }

    #[test]
    fn r002_urls_with_two_readings_are_refused() {
        for text in [
            "https://as.example@evil.example/",
            "https://as.example\\@evil",
            "https://as.example:99999/",
            "https://a b/",
            "https://",
            "as.example",
            "https:as.example",
            "https:///as.example/",
            "\thttps://as.example/",
            "https://as.example/\n",
            "javascript:alert(1)",
            "data:text/plain,x",
            "file:///etc/passwd",
            "ftp://as.example/",
            "//as.example/",
        ] {
            assert_eq!(code(text, Transport::InsecureHttp), Err(Code::UrlInvalid), "{text:?}");
        }
    }

    #[test]
    fn r003_a_query_is_kept_and_a_fragment_refused() {
        let endpoint = Endpoint::parse("https://as/a?tenant=x", &Urls, Transport::Secure).unwrap();
        assert_eq!(
            endpoint.with_query("response_type=code"),
            "https://as/a?tenant=x&response_type=code"
        );
        let plain = Endpoint::parse("https://as/a", &Urls, Transport::Secure).unwrap();
        assert_eq!(plain.with_query("a=b"), "https://as/a?a=b");
        assert_eq!(code("https://as/a#f", Transport::Secure), Err(Code::UrlInvalid));
        assert_eq!(code("https://as/a#", Transport::Secure), Err(Code::UrlInvalid));
    }

    #[test]
    fn r025_hosts_that_are_not_of_the_internet() {
        for host in [
            "as.example",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.66.2",
            "[2a00:1450::1]",
            "a.b.",
        ] {
            assert!(public(host), "{host}");
        }
        for host in [
            "localhost",
            "app.localhost",
            "printer.local",
            "metadata.google.internal",
            "router.home.arpa",
            "localhost.",
            "intranet",
            "",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.1.2.3",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a00:1]",
            "[fd00::1]",
            "[fe80::1]",
            "[2002:a00:1::]",
        ] {
            assert!(!public(host), "{host}");
        }
    }

    #[test]
    fn r043_only_a_path_of_this_origin_is_returned_to() {
        let path = |text: &str| same_origin_path(text, "https://app.example", &Urls);
        assert_eq!(path("/orders?x=1#top").as_deref(), Some("/orders?x=1#top"));
        assert_eq!(path("/").as_deref(), Some("/"));
        for text in [
            "//evil",
            "https://evil",
            "javascript:alert(1)",
            "/\\evil",
            "\t//evil",
            "/\t/evil",
            "/%0d//evil",
            "/%5cevil",
            "/%2fevil",
            "data:x",
            "https:evil",
            "",
            "orders",
            "https://app.example@evil",
            "/..//evil",
            "/.//evil",
        ] {
            assert_eq!(path(text), None, "{text:?}");
        }
    }
}
