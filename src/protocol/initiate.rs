//! OpenID Connect Core 1.0, section 4: somebody else asks that the person sign in. Anybody can, so the
//! issuer is one that the caller knows, and the way afterwards stays in this origin (R042).

use alloc::string::String;

use super::callback::{PARAMETER, QUERY};
use super::error::{Code, Error};
use super::form;
use super::metadata::Issuer;
use super::url::{ParseUrl, same_origin_path};

/// A sign-in that somebody asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Initiated<'a> {
    /// One of those that the caller knows.
    pub issuer: &'a Issuer,
    /// Whom it may be about: a hint to the server, and no more.
    pub login_hint: Option<String>,
    /// A path of this origin to return to; any other address is dropped.
    pub return_to: Option<String>,
}

/// Reads the query, or the form where it was posted.
pub fn accept<'a>(
    query: &str,
    known: &'a [Issuer],
    origin: &str,
    urls: &impl ParseUrl,
) -> Result<Initiated<'a>, Error> {
    if query.len() > QUERY {
        return Err(Error::new(Code::CallbackMalformed).detail("query"));
    }
    let parameters = form::parse(query.strip_prefix('?').unwrap_or(query));
    let only = |name: &'static str| {
        let mut values = parameters.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Error::new(Code::CallbackDuplicateParam).detail(name)),
            (Some((_, value)), _) if value.len() > PARAMETER => {
                Err(Error::new(Code::CallbackMalformed).detail(name))
            }
            (value, None) => Ok(value.map(|(_, value)| value.as_str())),
        }
    };
    let malformed = || Error::new(Code::CallbackMalformed).detail("iss");
    let issuer = only("iss")?.ok_or_else(malformed)?;
    let issuer = known.iter().find(|known| known.as_str() == issuer).ok_or(Code::IssuerMismatch)?;
    let path = |target: &str| {
        let url = urls.parse_url(target, None).filter(|url| url.origin == origin)?;
        let mut path = url.pathname;
        path.push_str(&url.search);
        path.push_str(&url.hash);
        same_origin_path(&path, origin, urls)
    };
    Ok(Initiated {
        issuer,
        login_hint: only("login_hint")?.filter(|hint| !hint.is_empty()).map(Into::into),
        return_to: only("target_link_uri")?.and_then(path),
    })
}
