use grantkit::{Error, Secret, TokenClient, TokenClientOptions};

/// A Worker's client; `client.fetch(api)` brings a token along.
pub fn open(issuer: &str, secret: &str, api: &str) -> Result<TokenClient, Error> {
    TokenClient::new(TokenClientOptions {
        client_secret: Some(Secret::new(secret)),
        scope: Some("api".into()),
        allowed_urls: vec![api.into()],
        ..TokenClientOptions::new(issuer, "worker")
    })
}
