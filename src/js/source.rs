//! Who has the token that the fetch wrapper sends: one type for both, so that there is one copy of the
//! wrapper in the wasm.

use alloc::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::client::server::Server;
use crate::client::token_client::Ask;
use crate::client::tokens::AccessToken;
use crate::protocol::authorize::Wish;
use crate::protocol::error::Error;
use crate::protocol::url::Url;
use crate::web::host::WebHost;
use crate::web::resource::{self, Call};

use super::options::View;

#[allow(missing_docs)]
pub enum Source {
    #[cfg(feature = "session")]
    Session(crate::client::session::Session<WebHost>),
    #[cfg(feature = "client")]
    Client(super::waiting::Waiting),
}

/// The same call of whoever has the token.
macro_rules! whoever {
    ($source:expr, $has:ident => $call:expr) => {
        match $source {
            #[cfg(feature = "session")]
            Source::Session($has) => $call,
            #[cfg(feature = "client")]
            Source::Client($has) => $call,
        }
    };
}

impl Source {
    /// Reads the arguments of `fetch`: one copy, too.
    pub fn read(&self, input: JsValue, init: JsValue, view: &View) -> Result<Call, Error> {
        Call::read(self, input, init, || view.fetch())
    }
}

impl resource::Source for Source {
    fn server(&self) -> &Server<WebHost> {
        whoever!(self, has => has.server())
    }

    fn allow(&self, url: &Url) -> Result<Wish, Error> {
        whoever!(self, has => has.allow(url))
    }

    async fn access_token(
        &self,
        ask: Ask,
        abort: Option<&AbortSignal>,
    ) -> Result<Rc<AccessToken>, Error> {
        whoever!(self, has => has.access_token(ask, abort).await)
    }
}
