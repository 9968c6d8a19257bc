//! RFC 9449 on the way: the key of a client and the nonces that servers told it. A proof is made anew
//! for each request (R134), with the newest nonce of where it goes (R137).

use alloc::string::String;
use core::cell::{Cell, RefCell};

use crate::protocol::dpop::{self, Nonces, Proof};
use crate::protocol::error::{Code, Error};
use crate::protocol::jws::Algorithm;
use crate::protocol::metadata::Metadata;
use crate::protocol::secret::Secret;
use crate::protocol::time::UnixMillis;

use super::host::{Host, KeyPair};

/// The key, and the nonces of either side.
pub struct Dpop<H: Host> {
    pair: RefCell<Option<KeyPair<H::Key>>>,
    /// Keys are kept by somebody else, who makes them, too.
    kept: Cell<bool>,
    /// As the server's metadata wants it.
    algorithm: Cell<Option<Algorithm>>,
    server: RefCell<Nonces>,
    apis: RefCell<Nonces>,
}

impl<H: Host> Default for Dpop<H> {
    fn default() -> Dpop<H> {
        Dpop {
            pair: RefCell::default(),
            kept: Cell::default(),
            algorithm: Cell::default(),
            server: RefCell::default(),
            apis: RefCell::default(),
        }
    }
}

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum To {
    /// The authorization server.
    Server,
    /// An API.
    Api,
}

impl<H: Host> Dpop<H> {
    /// Takes a key that is kept elsewhere.
    pub fn set(&self, pair: KeyPair<H::Key>) {
        *self.pair.borrow_mut() = Some(pair);
    }

    /// No key is made here: what it signs would be of no use to the tokens that there are.
    pub fn kept(&self) {
        self.kept.set(true);
    }

    /// The key that is held.
    pub fn held(&self) -> Option<KeyPair<H::Key>> {
        self.pair.borrow().clone()
    }

    /// The key; where there is none yet, one is made, unless keys are kept elsewhere.
    pub async fn pair(&self, host: &H) -> Result<KeyPair<H::Key>, Error> {
        if let Some(pair) = self.held() {
            return Ok(pair);
        }
        if self.kept.get() {
            return Err(Code::StorageUnavailable.into());
        }
        let made = host.make_key().await?;
        // Whoever was first has it: tokens may be bound to that one already.
        Ok(self.pair.borrow_mut().get_or_insert(made).clone())
    }

    /// RFC 7638: what code and tokens are bound to.
    pub fn thumbprint(&self) -> Option<String> {
        self.pair.borrow().as_ref().map(|pair| pair.public.thumbprint())
    }

    /// Refuses a server whose metadata has no algorithm that the key can do.
    pub async fn suit(&self, host: &H, server: &Metadata) -> Result<(), Error> {
        let pair = self.pair(host).await?;
        let algorithm = dpop::algorithm(server, |known| pair.private.can.contains(&known))?;
        self.algorithm.set(Some(algorithm));
        Ok(())
    }

    /// The header `DPoP` of one request.
    pub async fn prove(
        &self,
        host: &H,
        to: To,
        (method, url): (&str, &str),
        access_token: Option<&Secret>,
        now: UnixMillis,
    ) -> Result<Secret, Error> {
        let pair = self.pair(host).await?;
        let first = pair.private.can.first().copied();
        let algorithm =
            self.algorithm.get().or(first).ok_or_else(|| super::config::invalid("dpop"))?;
        let nonce = self.nonces(to).borrow().of(url).map(String::from);
        let proof = Proof { method, url, access_token, nonce: nonce.as_deref() };
        let draft = dpop::draft(&pair.public, algorithm, &proof, &host.random()?, now)?;
        let signature = host.sign(&pair.private.key, algorithm, draft.input()).await?;
        Ok(draft.signed(&signature))
    }

    /// Takes the nonce of any answer.
    pub fn note(&self, to: To, url: &str, header: Option<&str>) {
        self.nonces(to).borrow_mut().note(url, header);
    }

    /// An answer asked for a nonce: an error unless the request may be sent again.
    pub fn renew(&self, to: To, url: &str, header: Option<&str>, again: bool) -> Result<(), Error> {
        self.nonces(to).borrow_mut().renew(url, header, again)
    }

    fn nonces(&self, to: To) -> &RefCell<Nonces> {
        match to {
            To::Server => &self.server,
            To::Api => &self.apis,
        }
    }
}
