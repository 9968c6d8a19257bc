//! Law 2 for programs outside a browser: a [`Host`] out of what one program has and another has not. How
//! work is waited for, called off and given up is the same in all of them, and is here.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::{Future, pending, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};

use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::protocol::error::{Code, Error};
use crate::protocol::http::{Request, Response};
use crate::protocol::jwk::Check;
use crate::protocol::jws::{Algorithm, Hash};
use crate::protocol::secret::Secret;
use crate::protocol::time::{Millis, UnixMillis};
use crate::protocol::url::{ParseUrl, Url};

use super::host::{Call, Edge, Host, KeyPair, Level, Waited, Work};

/// What a program outside a browser has of its own: an HTTP client, a clock, a timer, an executor of one
/// thread. What only sign-ins need is refused unless it is there. The example is at [`Host`].
pub trait Machine: ParseUrl + 'static {
    /// One exchange, its body included: `request.method`, with `request.form` as
    /// `application/x-www-form-urlencoded` or `request.json` as `application/json` where there is one, with
    /// `request.accept` as `Accept`, `request.authorization` as `Authorization` and `request.proof` as
    /// `DPoP`. Redirects are not followed; no cookie is sent; nothing is cached; no more than
    /// `request.cap` bytes of body are read, and more is
    /// [`ResponseTooLarge`](Code::ResponseTooLarge). It may be dropped before it is done.
    fn fetch(&self, request: &Request) -> impl Future<Output = Result<Response, Error>>;

    /// The clock, milliseconds since the epoch.
    fn now(&self) -> UnixMillis;

    /// Lets time pass.
    fn sleep(&self, length: Millis) -> impl Future<Output = ()>;

    /// Runs work to its end, beginning after this call returned, whether or not somebody waits for it.
    fn spawn(&self, work: Work<()>);

    /// 32 bytes of the system's randomness, for sign-ins; never anything weaker.
    fn random(&self) -> Result<[u8; 32], Error> {
        Err(unsupported("random"))
    }

    /// Whether a signature is good, for id_tokens.
    fn verify(&self, check: Check<'_>) -> Result<bool, Error> {
        let _ = check;
        Err(unsupported("verify"))
    }

    /// Signs by the key of that name, which the program knows.
    fn sign(&self, key: &str, algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, Error> {
        let _ = (key, algorithm, data);
        Err(unsupported("sign"))
    }

    /// HMAC-SHA-256, for `client_secret_jwt`.
    fn mac(&self, secret: &Secret, data: &[u8]) -> Result<Vec<u8>, Error> {
        let _ = (secret, data);
        Err(unsupported("mac"))
    }

    /// One line for whoever watches. Never a secret.
    fn log(&self, level: Level, kind: &str, fields: &[(&str, &str)]) {
        let _ = (level, kind, fields);
    }
}

/// A [`Machine`] as a host. Clones are the same; one thread has them all.
pub struct Local<M>(Rc<M>);

impl<M> Local<M> {
    /// Takes the machine over.
    pub fn new(machine: M) -> Local<M> {
        Local(Rc::new(machine))
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.0
    }
}

impl<M> Clone for Local<M> {
    fn clone(&self) -> Local<M> {
        Local(self.0.clone())
    }
}

#[derive(Default)]
struct Tower {
    rung: Cell<bool>,
    wakers: RefCell<Vec<Waker>>,
}

/// Rings once, for any number of listeners, now and later: tells that work is done, or that a caller gave
/// up. Clones are the same bell.
#[derive(Clone, Default)]
pub struct Bell(Rc<Tower>);

impl Bell {
    /// Rings.
    pub fn ring(&self) {
        self.0.rung.set(true);
        for waker in self.0.wakers.take() {
            waker.wake();
        }
    }

    /// Whether it has rung.
    pub fn rung(&self) -> bool {
        self.0.rung.get()
    }

    /// Waits until it has.
    pub async fn heard(&self) {
        poll_fn(|context| {
            if self.rung() {
                return Poll::Ready(());
            }
            let mut wakers = self.0.wakers.borrow_mut();
            if !wakers.iter().any(|known| known.will_wake(context.waker())) {
                wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

/// What work brings, unless time runs out or the caller gives up before.
async fn race<T>(
    work: impl Future<Output = T>,
    time: impl Future<Output = ()>,
    abort: Option<&Bell>,
) -> Result<T, Waited> {
    let given_up = async {
        match abort {
            Some(abort) => abort.heard().await,
            None => pending().await,
        }
    };
    let (mut work, mut time, mut given_up) = (pin!(work), pin!(time), pin!(given_up));
    poll_fn(|context| {
        if given_up.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Waited::Aborted));
        }
        if let Poll::Ready(out) = work.as_mut().poll(context) {
            return Poll::Ready(Ok(out));
        }
        time.as_mut().poll(context).map(|()| Err(Waited::Late))
    })
    .await
}

impl<M: Machine> ParseUrl for Local<M> {
    fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url> {
        self.0.parse_url(text, base)
    }
}

impl<M: Machine> Host for Local<M> {
    type Abort = Bell;
    type Signal = Bell;
    /// The name by which the program knows it.
    type Key = String;

    async fn fetch(
        &self,
        request: &Request,
        timeout: Millis,
        abort: Option<&Bell>,
    ) -> Result<Response, Error> {
        match race(self.0.fetch(request), self.0.sleep(timeout), abort).await {
            Ok(result) => result,
            Err(Waited::Aborted) => Err(Code::Aborted.into()),
            Err(_) => Err(Code::Timeout.into()),
        }
    }

    async fn verify(&self, check: Check<'_>) -> Result<bool, Error> {
        self.0.verify(check)
    }

    async fn sign(
        &self,
        key: &String,
        algorithm: Algorithm,
        data: &[u8],
    ) -> Result<Vec<u8>, Error> {
        self.0.sign(key, algorithm, data)
    }

    async fn make_key(&self) -> Result<KeyPair<String>, Error> {
        Err(unsupported("make_key"))
    }

    async fn digest(&self, hash: Hash, data: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(match hash {
            Hash::Sha256 => Sha256::digest(data).to_vec(),
            Hash::Sha384 => Sha384::digest(data).to_vec(),
            Hash::Sha512 => Sha512::digest(data).to_vec(),
        })
    }

    async fn seal(&self, _: &[u8], _: &str, _: &str) -> Result<String, Error> {
        Err(unsupported("seal"))
    }

    async fn unseal(&self, _: &[u8], _: &str, _: &str) -> Result<Option<String>, Error> {
        Err(unsupported("unseal"))
    }

    fn now(&self) -> UnixMillis {
        self.0.now()
    }

    fn random(&self) -> Result<[u8; 32], Error> {
        self.0.random()
    }

    fn spawn(&self, work: Work<()>) -> Bell {
        let bell = Bell::default();
        let done = bell.clone();
        self.0.spawn(Box::pin(async move {
            work.await;
            done.ring();
        }));
        bell
    }

    fn aborted(&self, abort: &Bell) -> bool {
        abort.rung()
    }

    async fn wait(&self, signal: &Bell, patience: Option<Millis>, abort: Option<&Bell>) -> Waited {
        let time = async {
            match patience {
                Some(patience) => self.0.sleep(patience).await,
                None => pending().await,
            }
        };
        match race(signal.heard(), time, abort).await {
            Ok(()) => Waited::Done,
            Err(waited) => waited,
        }
    }

    async fn pause(&self, length: Millis, abort: Option<&Bell>) -> Waited {
        match race(pending::<()>(), self.0.sleep(length), abort).await {
            Err(Waited::Aborted) => Waited::Aborted,
            _ => Waited::Late,
        }
    }

    fn hold(&self, _: Option<(&str, UnixMillis)>) {}

    fn log(&self, level: Level, kind: &str, fields: &[(&str, &str)]) {
        self.0.log(level, kind, fields);
    }
}

/// One process: nobody to share with.
impl<M: Machine> Edge for Local<M> {
    fn shares(&self) -> bool {
        false
    }

    async fn lock(&self, _: &str, _: &str) -> Result<String, Error> {
        Err(Code::StorageUnavailable.into())
    }

    async fn unlock(&self, _: &str, _: &str) -> Result<Option<String>, Error> {
        Err(Code::StorageUnavailable.into())
    }

    async fn mac(&self, secret: &Secret, data: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.mac(secret, data)
    }

    async fn store(&self, _: Call<'_>, _: &str, _: Millis) -> Result<Option<String>, Error> {
        Err(Code::StorageUnavailable.into())
    }
}

fn unsupported(what: &'static str) -> Error {
    Error::new(Code::Unsupported).detail(what)
}
