//! One exchange as values, and the rules that every answer meets before its members are read
//! (RFC 6749, sections 5.1 and 5.2; RFC 8414, section 3.2). No redirect is ever followed (R006).

use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, Error, Refusal};
use super::json::{self, Object};
use super::secret::Secret;
use super::text;
use super::time::{self, UnixMillis};
use super::url::Endpoint;

/// Bytes of a metadata document, a key set or user info, after decompression.
pub const DOCUMENT: usize = 256 * 1024;
/// Bytes of a token response and any other answer.
pub const ANSWER: usize = 128 * 1024;

/// RFC 8259, section 11.
pub const JSON: &str = "application/json";

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where to.
    pub url: Endpoint,
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// A form, or nothing.
    pub form: Option<Secret>,
    /// A JSON object, where there is no form.
    pub json: Option<Secret>,
    /// The value of `Authorization`.
    pub authorization: Option<Secret>,
    /// The value of `DPoP`.
    pub proof: Option<Secret>,
    /// The media type that is asked for.
    pub accept: &'static str,
    /// How many bytes of body are read at the most.
    pub cap: usize,
    /// May outlive the page that sends it.
    pub keepalive: bool,
}

impl Request {
    /// A GET of a document.
    pub fn get(url: &Endpoint) -> Request {
        Request {
            url: url.clone(),
            method: "GET",
            form: None,
            json: None,
            authorization: None,
            proof: None,
            accept: JSON,
            cap: DOCUMENT,
            keepalive: false,
        }
    }

    /// A POST of a form.
    pub fn post(url: &Endpoint, form: Secret) -> Request {
        Request { method: "POST", form: Some(form), cap: ANSWER, ..Request::get(url) }
    }
}

/// An answer. Headers that a browser's CORS rules hide are absent.
#[derive(Clone, Default)]
pub struct Response {
    /// The status; an opaque redirect counts as 302.
    pub status: u16,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Date`
    pub date: Option<String>,
    /// `Age`: seconds that a cache had it.
    pub age: Option<String>,
    /// `Retry-After`
    pub retry_after: Option<String>,
    /// `DPoP-Nonce`
    pub dpop_nonce: Option<String>,
    /// `WWW-Authenticate`
    pub challenge: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Response {
    /// When the server says it is. What comes out of a cache is dated when it was made (RFC 9111,
    /// section 4.2.3).
    pub fn server_time(&self) -> Option<UnixMillis> {
        let age = self.age.as_deref().map_or(Some(0), text::digits)?;
        Some(time::http_date(self.date.as_deref()?)?.saturating_add(age.saturating_mul(1000)))
    }

    /// Seconds to wait: the header's number, or the distance between its date and the answer's own.
    /// A day at the most.
    pub fn wait_seconds(&self) -> Option<u32> {
        const DAY: i64 = 86_400;
        let text = self.retry_after.as_deref()?.trim();
        let seconds = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            text::digits(text).unwrap_or(DAY)
        } else {
            (time::http_date(text)? - self.server_time()?) / 1000
        };
        u32::try_from(seconds.clamp(0, DAY)).ok()
    }

    /// No answer of a server's back channel may be a redirect.
    pub fn not_redirected(self) -> Result<Response, Error> {
        match self.status {
            300..=399 => Err(Error::new(Code::RedirectRefused).status(self.status)),
            _ => Ok(self),
        }
    }

    /// The object of a JSON answer, whatever the status.
    pub fn object(&self) -> Result<Object, Error> {
        if self.content_type.as_deref().is_some_and(|value| !json_type(value)) {
            return Err(self.failure(Code::ResponseContentType));
        }
        json::read_object(&self.body).map_err(|_| self.failure(Code::ResponseNotJson))
    }

    /// The object of an answer that must be 200 (R012), or the refusal that it holds (RFC 6749,
    /// section 5.2).
    pub fn success(&self, code: Code) -> Result<Object, Error> {
        self.answered(200, code)
    }

    /// The same for an answer of another status that means success.
    pub fn answered(&self, success: u16, code: Code) -> Result<Object, Error> {
        let object = match self.object() {
            Ok(object) => object,
            Err(error) if self.status == success => return Err(error),
            // Servers that are down answer with pages; that they are down is what matters.
            Err(_) if self.status >= 500 || matches!(self.status, 201..=299 | 429) => {
                return Err(self.failure(Code::ResponseStatus));
            }
            Err(_) => return Err(self.failure(Code::ResponseNotJson)),
        };
        match (self.status, object.get("error")) {
            (status, None) if status == success => Ok(object),
            (_, Some(error)) => match error.as_str().map(printable) {
                Some(error) if !error.is_empty() => {
                    let refusal = Refusal {
                        error,
                        description: object.text("error_description").map(printable),
                        uri: object.text("error_uri").and_then(web_address),
                        response: Some(object.clone()),
                        sign_in: None,
                    };
                    Err(self.failure(code).refusal(refusal))
                }
                _ => Err(self.failure(Code::ResponseNotJson)),
            },
            _ => Err(self.failure(Code::ResponseStatus)),
        }
    }

    /// The text of an answer that must be 200 and of that media type, as signed answers are.
    pub fn text_of(&self, media_type: &str, code: Code) -> Result<&str, Error> {
        if self.status != 200 {
            return Err(self.success(code).err().unwrap_or_else(|| code.into()));
        }
        match self.content_type.as_deref().map(essence) {
            Some(kind) if kind == media_type => {}
            _ => return Err(self.failure(Code::ResponseContentType)),
        }
        core::str::from_utf8(&self.body).map_err(|_| self.failure(Code::ResponseNotJson))
    }

    /// An error of that code with what the answer's head says.
    pub fn failure(&self, code: Code) -> Error {
        Error::new(code).status(self.status).retry_after(self.wait_seconds())
    }
}

/// A media type without its parameters.
pub fn essence(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// `application/json` or `application/*+json`, whatever its parameters (R010).
fn json_type(value: &str) -> bool {
    match essence(value).strip_prefix("application/") {
        Some(subtype) => subtype == "json" || subtype.ends_with("+json"),
        None => false,
    }
}

/// A server's text with what RFC 6749, appendix A.7 and A.8, allows, 512 characters at the most (R053).
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && *c != '"' && *c != '\\').take(512).collect()
}

/// A web address that may be shown as a link; anything else is dropped (R053).
pub fn web_address(text: &str) -> Option<String> {
    let plain = text.len() <= 2048
        && text.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b'"' && b != b'\\');
    let web = text.starts_with("https://") || text.starts_with("http://");
    if plain && web { Some(text.into()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: Option<&str>, body: &str) -> Response {
        Response {
            status,
            content_type: content_type.map(Into::into),
            body: body.as_bytes().to_vec(),
            ..Response::default()
        }
    }

    fn code(status: u16, content_type: Option<&str>, body: &str) -> Option<Code> {
        answer(status, content_type, body).success(Code::TokenError).err().map(|e| e.code())
    }

    #[test]
    fn r006_no_redirect_is_followed() {
        for status in [300, 301, 302, 303, 304, 307, 308] {
            let error = answer(status, None, "").not_redirected().err().unwrap();
            assert_eq!((error.code(), error.http_status()), (Code::RedirectRefused, Some(status)));
        }
        assert!(answer(200, None, "").not_redirected().is_ok());
    }

    #[test]
    fn r010_json_says_that_it_is_json() {
        for kind in [
            Some("application/json"),
            Some("application/json; charset=utf-8"),
            Some("Application/JSON"),
            Some("application/jwk-set+json"),
            None,
        ] {
            assert_eq!(code(200, kind, "{}"), None, "{kind:?}");
        }
        for kind in
            ["text/html", "application/json-seq", "text/json", "application/jsonp", "", "json"]
        {
            assert_eq!(code(200, Some(kind), "{}"), Some(Code::ResponseContentType), "{kind}");
        }
        assert_eq!(code(200, None, "<html>"), Some(Code::ResponseNotJson));
    }

    #[test]
    fn r012_only_200_without_error_is_success() {
        let json = Some("application/json");
        assert_eq!(code(200, json, "{\"error\":\"invalid_grant\"}"), Some(Code::TokenError));
        for status in [201, 202, 204, 400, 401, 403] {
            assert_eq!(
                code(status, json, "{\"access_token\":\"x\"}"),
                Some(Code::ResponseStatus),
                "{status}"
            );
        }
        for body in ["", "[]", "null", "\"x\""] {
            assert_eq!(code(200, json, body), Some(Code::ResponseNotJson), "{body}");
        }
    }

    #[test]
    fn r076_a_refusal_is_read_and_a_page_is_not() {
        let json = Some("application/json");
        let error = answer(
            401,
            json,
            "{\"error\":\"invalid_client\",\"error_description\":\"no\",\"more\":1}",
        )
        .success(Code::TokenError)
        .err()
        .unwrap();
        assert_eq!((error.code(), error.http_status()), (Code::TokenError, Some(401)));
        let refusal = error.server().unwrap();
        assert_eq!(
            (refusal.error.as_str(), refusal.description.as_deref()),
            ("invalid_client", Some("no"))
        );
        assert_eq!(refusal.response.as_ref().unwrap().get("more").unwrap().as_integer(), Some(1));
        for body in ["{\"error\":7}", "{\"error\":{}}", "{\"error\":\"\"}"] {
            assert_eq!(code(400, json, body), Some(Code::ResponseNotJson), "{body}");
        }
        let page =
            answer(400, Some("text/html"), "<html>").success(Code::TokenError).err().unwrap();
        assert_eq!((page.code(), page.http_status()), (Code::ResponseNotJson, Some(400)));
        assert_eq!(code(400, None, "<html>"), Some(Code::ResponseNotJson));
        assert_eq!(code(400, None, ""), Some(Code::ResponseNotJson));
        assert_eq!(code(503, Some("text/html"), "<html>"), Some(Code::ResponseStatus));
        assert_eq!(code(429, None, ""), Some(Code::ResponseStatus));
    }

    #[test]
    fn r053_a_servers_text_is_filtered_and_capped() {
        assert_eq!(printable("a\u{202e}b\0c\"\\<img>"), "abc<img>");
        assert_eq!(printable(&"x".repeat(10_000)).len(), 512);
        assert_eq!(web_address("javascript:alert(1)"), None);
        assert_eq!(
            web_address("https://as.example/help").as_deref(),
            Some("https://as.example/help")
        );
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let mut busy = answer(503, None, "");
        assert_eq!(busy.wait_seconds(), None);
        busy.retry_after = Some("7".into());
        assert_eq!(busy.wait_seconds(), Some(7));
        busy.retry_after = Some("99999999999999999999".into());
        assert_eq!(busy.wait_seconds(), Some(86_400));
        busy.retry_after = Some("Sun, 06 Nov 1994 08:49:47 GMT".into());
        assert_eq!(busy.wait_seconds(), None);
        busy.date = Some("Sun, 06 Nov 1994 08:49:37 GMT".into());
        assert_eq!(busy.wait_seconds(), Some(10));
    }
}
