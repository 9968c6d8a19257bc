//! Law 17: a client for one call, whose work is handed to `waitUntil` where there is one.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::AbortSignal;

use crate::client::config::Config;
use crate::client::token_client::{Ask, TokenClient};
use crate::client::tokens::AccessToken;
use crate::protocol::authorize::Wish;
use crate::protocol::error::{Code, Error};
use crate::protocol::url::Url;
use crate::web::call::{Inside, function};
use crate::web::host::WebHost;

#[derive(Clone)]
pub struct Waiting {
    pub client: TokenClient<WebHost>,
    pub wait_until: Option<Function>,
}

impl Waiting {
    pub fn config(&self) -> &Config {
        self.client.config()
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
        let slot = Rc::new(RefCell::new(None));
        let (client, abort, out) = (self.client.clone(), abort.cloned(), slot.clone());
        let promise = future_to_promise(Inside(Box::pin(async move {
            let result = client.access_token(ask, abort.as_ref()).await;
            *out.borrow_mut() = Some(result);
            Ok(JsValue::UNDEFINED)
        })));
        // A request that is over already cannot be held open: its work may end early.
        let _ = function(wait_until, &[promise.clone().into()]);
        let _ = JsFuture::from(promise).await;
        slot.take().unwrap_or_else(|| Err(Code::Aborted.into()))
    }
}
