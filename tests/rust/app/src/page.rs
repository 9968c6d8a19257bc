use grantkit::{Error, Mode, Session, SessionOptions, SignIn};

/// A page's session, in which somebody is signed in.
pub async fn open(issuer: &str, redirect_uri: &str, api: &str) -> Result<Session, Error> {
    let session = Session::new(SessionOptions {
        scope: Some("openid profile api offline_access".into()),
        allowed_urls: vec![api.into()],
        ..SessionOptions::new(issuer, "spa", redirect_uri)
    })
    .await?;
    session.handle_callback(None).await?; // on every page; most answer `Answer::None`
    if !session.signed_in() {
        session.sign_in(SignIn::default(), Mode::Redirect).await?; // leaves the page
    }
    Ok(session)
}
