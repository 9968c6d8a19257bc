//! RFC 6749, section 2.3: how a client shows who it is. One method in a request, never in a URL (R063).

use alloc::string::String;

use super::base64url;
use super::error::{Code, Error};
use super::form::{Form, encode_value};
use super::http::Request;
use super::metadata::Metadata;
use super::secret::Secret;
use super::url::Endpoint;

/// The methods of the registry that this client has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// A public client: its name, nothing more.
    None,
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
    /// `client_secret_jwt`: the form holds an assertion already.
    SecretJwt,
    /// `private_key_jwt`: the form holds an assertion already.
    KeyJwt,
    /// `tls_client_auth`: by the connection.
    Tls,
    /// `self_signed_tls_client_auth`: by the connection.
    SelfSignedTls,
}

impl Method {
    /// By its name in the registry.
    pub fn by_name(name: &str) -> Option<Method> {
        const ALL: [Method; 7] = [
            Method::None,
            Method::Basic,
            Method::Post,
            Method::SecretJwt,
            Method::KeyJwt,
            Method::Tls,
            Method::SelfSignedTls,
        ];
        ALL.into_iter().find(|method| method.name() == name)
    }

    /// As in the registry of RFC 7591, section 4.2.
    pub fn name(self) -> &'static str {
        match self {
            Method::None => "none",
            Method::Basic => "client_secret_basic",
            Method::Post => "client_secret_post",
            Method::SecretJwt => "client_secret_jwt",
            Method::KeyJwt => "private_key_jwt",
            Method::Tls => "tls_client_auth",
            Method::SelfSignedTls => "self_signed_tls_client_auth",
        }
    }
}

/// Who the client is and how it shows it.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    /// `client_id`
    pub id: String,
    /// The secret of a confidential client.
    pub secret: Option<Secret>,
    /// A method that the caller insists on.
    pub method: Option<Method>,
}

impl ClientAuth {
    /// The method for a server: the caller's choice; without a secret none; else what the server
    /// lists, basic first, which is also the default of RFC 8414, section 2.
    pub fn method_for(&self, server: &Metadata) -> Result<Method, Error> {
        let Some(_) = self.secret else {
            return Ok(Method::None);
        };
        if let Some(method) = self.method {
            return Ok(method);
        }
        let Some(listed) = &server.client_authentication else {
            return Ok(Method::Basic);
        };
        let lists = |name: &str| listed.iter().any(|method| method == name);
        match (lists("client_secret_basic"), lists("client_secret_post")) {
            (true, _) => Ok(Method::Basic),
            (false, true) => Ok(Method::Post),
            _ => Err(Error::new(Code::MetadataUnsupported)
                .detail("token_endpoint_auth_methods_supported")),
        }
    }

    /// The same for a client that may hold a key: what the caller insists on, then the key, then the
    /// secret, which signs where the server takes it in no other way.
    pub fn method_with(&self, server: &Metadata, key: bool) -> Result<Method, Error> {
        let signs = |listed: &Vec<String>| listed.iter().any(|name| name == "client_secret_jwt");
        match self.method {
            Some(method) => Ok(method),
            None if key => Ok(Method::KeyJwt),
            None => match self.method_for(server) {
                Err(_) if server.client_authentication.as_ref().is_some_and(signs) => {
                    Ok(Method::SecretJwt)
                }
                method => method,
            },
        }
    }

    /// The POST of a form, authenticated.
    pub fn post(&self, to: &Endpoint, mut form: Form, method: Method) -> Request {
        let basic = match (method, &self.secret) {
            (Method::Basic, Some(secret)) => Some(self.basic(secret)),
            (method, secret) => {
                // A pushed authorization request says it by itself (RFC 9126, section 2.1).
                if !form.has("client_id") {
                    form.push("client_id", &self.id);
                }
                if let (Method::Post, Some(secret)) = (method, secret) {
                    form.push("client_secret", secret.expose());
                }
                None
            }
        };
        Request { authorization: basic, ..Request::post(to, form.encode()) }
    }

    /// Each half form-encoded, then joined (RFC 6749, section 2.3.1).
    fn basic(&self, secret: &Secret) -> Secret {
        let mut pair = encode_value(&self.id);
        pair.push(':');
        pair.push_str(&encode_value(secret.expose()));
        let pair = Secret::new(pair);
        let mut value = String::from("Basic ");
        value.push_str(&base64url::encode_basic(pair.expose().as_bytes()));
        Secret::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::Urls;
    use crate::protocol::url::Transport;

    fn sent(id: &str, secret: Option<&str>, method: Method) -> (Option<String>, String) {
        let auth = ClientAuth { id: id.into(), secret: secret.map(Secret::new), method: None };
        let to = Endpoint::parse("https://as.example/token", &Urls, Transport::Secure).unwrap();
        let mut form = Form::new();
        form.push("grant_type", "client_credentials");
        let request = auth.post(&to, form, method);
        let header = request.authorization.map(|value| value.expose().to_owned());
        (header, request.form.unwrap().expose().to_owned())
    }

    #[test]
    fn r064_the_examples_of_rfc_6749() {
        let (header, body) = sent("s6BhdRkqt3", Some("7Fjfp0ZBr1KtDRbnfVdmIw"), Method::Basic);
        assert_eq!(header.as_deref(), Some("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"));
        assert_eq!(body, "grant_type=client_credentials");
    }

    #[test]
    fn r064_a044_both_halves_are_form_encoded() {
        let (header, _) = sent(" %&+£€", Some(" %&+£€"), Method::Basic);
        let expected = "Basic KyUyNSUyNiUyQiVDMiVBMyVFMiU4MiVBQzorJTI1JTI2JTJCJUMyJUEzJUUyJTgyJUFD";
        assert_eq!(header.as_deref(), Some(expected));
    }

    #[test]
    fn r063_one_method_in_a_request() {
        let (header, body) = sent("a", Some("s"), Method::Post);
        assert_eq!(
            (header, body.as_str()),
            (None, "grant_type=client_credentials&client_id=a&client_secret=s")
        );
        let (header, body) = sent("a", None, Method::None);
        assert_eq!((header, body.as_str()), (None, "grant_type=client_credentials&client_id=a"));
        let (_, body) = sent("a:b", Some("p%+ é"), Method::Basic);
        assert!(!body.contains("client_id") && !body.contains("client_secret"));
    }
}
