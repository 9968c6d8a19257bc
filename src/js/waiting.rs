//! Law 17: a client for one call; what goes on behind its answer is handed to `waitUntil` where there is
//! one.

use alloc::rc::Rc;

use js_sys::{Function, Promise};
use web_sys::AbortSignal;

use crate::client::server::Server;
use crate::client::token_client::{Ask, TokenClient};
use crate::client::tokens::AccessToken;
use crate::protocol::authorize::Wish;
use crate::protocol::error::Error;
use crate::protocol::url::Url;
use crate::web::call::function;
use crate::web::host::WebHost;

pub struct Waiting {
    pub client: TokenClient<WebHost>,
    pub wait_until: Option<Function>,
}

impl Waiting {
    pub fn server(&self) -> &Server<WebHost> {
        self.client.server()
    }

    pub fn allow(&self, url: &Url) -> Result<Wish, Error> {
        self.client.allow(url)
    }

    pub async fn access_token(
        &self,
        ask: Ask,
        abort: Option<&AbortSignal>,
    ) -> Result<Rc<AccessToken>, Error> {
        let Some(wait_until) = &self.wait_until else {
            return self.client.access_token(ask, abort).await;
        };
        // A request that is over already cannot be held open: its work may end early.
        let hand = |work: &Promise| drop(function(wait_until, &[work.into()]));
        self.client.access_token_ahead(ask, abort, hand).await
    }
}
