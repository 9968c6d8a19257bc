//! RFC 9449 in a page: tokens are of use to this browser alone. The key is kept where the next load finds
//! it and no script can read it (R141). All tabs have one and the same, and it stays when somebody signs
//! out: a sign-in that is under way in another tab is bound to it.

use alloc::string::String;

use crate::protocol::error::{Code, Error};

use super::super::host::Page;
use super::super::record::TokenSet;
use super::super::shelf;
use super::Session;

impl<P: Page> Session<P> {
    fn key_name(&self) -> String {
        shelf::name("key", self.config(), self.config().issuer.as_str())
    }

    fn thumbprint(&self) -> Option<String> {
        self.server().dpop().and_then(|dpop| dpop.thumbprint())
    }

    /// Takes over the key that this browser keeps.
    pub(super) async fn find_key(&self) -> Result<(), Error> {
        if let Some(dpop) = self.server().dpop() {
            dpop.kept();
            if let Some(pair) = self.page().kept_key(&self.key_name()).await? {
                dpop.set(pair);
            }
        }
        Ok(())
    }

    /// Sees to it that there is a key for the way back, the same for all tabs: whoever keeps one first, does
    /// it for all.
    pub(super) async fn ready_key(&self) -> Result<(), Error> {
        let Some(dpop) = self.server().dpop() else { return Ok(()) };
        let name = self.key_name();
        let mut kept = self.page().kept_key(&name).await?;
        if kept.is_none() {
            let pair = match dpop.held() {
                Some(pair) => pair,
                None => self.page().make_key().await?,
            };
            // Another tab may just have kept one.
            let _ = self.page().keep_key(&name, &pair).await;
            kept = self.page().kept_key(&name).await?;
        }
        dpop.set(kept.ok_or(Code::StorageUnavailable)?);
        Ok(())
    }

    /// A stored record, if its tokens are of use here: bound to the key of this browser, or to none where
    /// none are. Another tab may have kept the key since, and one that cannot be read now is not gone.
    pub(super) async fn stored(&self, text: &str) -> Result<Option<TokenSet>, Error> {
        let fits = |set: &TokenSet| set.bound.is_some() == self.config().dpop;
        let Some(set) = TokenSet::from_text(text, self.config()).filter(fits) else {
            return Ok(None);
        };
        if set.bound != self.thumbprint() {
            self.find_key().await?;
        }
        Ok(Some(set).filter(|set| set.bound == self.thumbprint()))
    }
}
