//! RFC 6749, section 4.1.1: leaving for the authorization server.

use alloc::boxed::Box;
use alloc::string::String;

use crate::protocol::authorize::SignIn;
use crate::protocol::error::{Code, Error};
use crate::protocol::url::same_origin_path;

use super::super::host::Page;
use super::super::{login, shelf};
use super::{Session, unsupported};

impl<P: Page> Session<P> {
    /// Leaves for the authorization server; comes back only if that fails.
    pub async fn sign_in(
        &self,
        mut ask: Box<SignIn>,
        abort: Option<&P::Abort>,
    ) -> Result<(), Error> {
        self.usable()?;
        if shelf::loops(self.page(), self.config()) {
            return Err(Code::LoginLoop.into());
        }
        let address = self.page().address().ok_or_else(|| unsupported("page"))?;
        ask.wish = ask.wish.over(&self.config().wish);
        ask.return_to = self.path_of(ask.return_to.as_deref().unwrap_or(&address));
        self.ready_key().await?;
        let began = login::begin(self.server(), &self.0.pages.redirect_uri, ask, abort).await;
        let (url, pending) = began?;
        self.usable()?;
        shelf::put(self.page(), self.config(), &pending)?;
        // The page that is left may live on in the back/forward cache.
        drop(pending);
        if let Some(text) = self.server().to_text() {
            // Only saves a round trip on the way back.
            let _ = self.page().set(&self.server_key(), &text);
        }
        Err(self.page().leave(&url).await)
    }

    /// A path of this page's origin, out of a path or this page's address.
    pub(super) fn path_of(&self, text: &str) -> Option<String> {
        let here = self.page().parse_url(&self.page().address()?, None)?;
        let path = text.strip_prefix(here.origin.as_str()).unwrap_or(text);
        same_origin_path(path, &here.origin, self.page())
    }
}
