//! RFC 9449 in a page: tokens are of use to this browser alone. The key is kept where the next load finds
//! it and no script can read it (R141); it lives as long as the session.

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

    /// Takes over the key that this browser keeps.
    pub(super) async fn find_key(&self) {
        if let Some(dpop) = self.server().dpop()
            && let Ok(Some(pair)) = self.page().kept_key(&self.key_name()).await
        {
            dpop.set(Some(pair));
        }
    }

    /// Sees to it that there is a key for the way back. All tabs have one and the same: whoever keeps one
    /// first, for all.
    pub(super) async fn ready_key(&self) -> Result<(), Error> {
        let Some(dpop) = self.server().dpop() else { return Ok(()) };
        let name = self.key_name();
        if self.page().kept_key(&name).await?.is_none() {
            let pair = dpop.pair(self.page()).await?;
            // Another tab may just have kept one.
            let _ = self.page().keep_key(&name, Some(&pair)).await;
        }
        let kept = self.page().kept_key(&name).await?;
        dpop.set(Some(kept.ok_or(Code::StorageUnavailable)?));
        Ok(())
    }

    /// Forgets the key: the next person gets another one.
    pub(super) async fn drop_key(&self) {
        if let Some(dpop) = self.server().dpop() {
            dpop.set(None);
            let _ = self.page().keep_key(&self.key_name(), None).await;
        }
    }

    /// A stored record, if its tokens are of use here: bound to this key, or to none where none are.
    pub(super) fn stored(&self, text: &str) -> Option<TokenSet> {
        let thumbprint = self.server().dpop().and_then(|dpop| dpop.thumbprint());
        let fits = |set: &TokenSet| set.bound.is_some() == self.config().dpop;
        TokenSet::from_text(text, self.config()).filter(|set| fits(set) && set.bound == thumbprint)
    }
}
