//! Hosts of native programs: what a machine of four parts waits for, calls off and refuses. Timers and
//! answers are let go by hand.

use std::cell::RefCell;
use std::rc::Rc;

use futures::executor::{LocalPool, LocalSpawner};
use futures::task::LocalSpawnExt;
use grantkit::client::config::{Config, Options};
use grantkit::client::host::{Host, Work};
use grantkit::client::machine::{Bell, Local, Machine};
use grantkit::client::token_client::{Ask, TokenClient};
use grantkit::client::tokens::AccessToken;
use grantkit::protocol::authorize::{SignIn, Wish};
use grantkit::protocol::callback::Params;
use grantkit::protocol::client_auth::ClientAuth;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::{Request, Response};
use grantkit::protocol::json;
use grantkit::protocol::jws::Hash;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::time::{Millis, UnixMillis};
use grantkit::protocol::url::{ParseUrl, Url};

use crate::urls::Urls;
use crate::verifier;
use crate::world::START;

struct Hand {
    spawner: LocalSpawner,
    /// Forms that were sent, and what lets their answers go.
    sent: RefCell<Vec<(String, Bell)>>,
    asleep: RefCell<Vec<(Millis, Bell)>>,
    random: Option<u8>,
}

impl ParseUrl for Hand {
    fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url> {
        Urls.parse_url(text, base)
    }
}

impl Machine for Hand {
    async fn fetch(&self, request: &Request) -> Result<Response, Error> {
        let form = request.form.as_ref().map(|form| form.expose().to_owned());
        let answer = Bell::default();
        let count = {
            let mut sent = self.sent.borrow_mut();
            sent.push((form.unwrap_or_default(), answer.clone()));
            sent.len()
        };
        answer.heard().await;
        let body = format!(
            r#"{{ "access_token": "token {count}", "token_type": "Bearer", "expires_in": 600 }}"#
        );
        Ok(Response { status: 200, body: body.into_bytes(), ..Response::default() })
    }

    fn now(&self) -> UnixMillis {
        START
    }

    async fn sleep(&self, length: Millis) {
        let bell = Bell::default();
        self.asleep.borrow_mut().push((length, bell.clone()));
        bell.heard().await;
    }

    fn spawn(&self, work: Work<()>) {
        self.spawner.spawn_local(work).unwrap();
    }

    fn random(&self) -> Result<[u8; 32], Error> {
        match self.random {
            Some(byte) => Ok([byte; 32]),
            None => Err(Code::Unsupported.into()),
        }
    }
}

/// What has only the four parts that every machine must have.
struct Bare;

impl ParseUrl for Bare {
    fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url> {
        Urls.parse_url(text, base)
    }
}

impl Machine for Bare {
    async fn fetch(&self, _: &Request) -> Result<Response, Error> {
        Err(Code::NetworkError.into())
    }

    fn now(&self) -> UnixMillis {
        START
    }

    async fn sleep(&self, _: Millis) {
        std::future::pending().await
    }

    fn spawn(&self, _: Work<()>) {}
}

struct Stage {
    pool: LocalPool,
    host: Local<Hand>,
    client: TokenClient<Local<Hand>>,
}

type Slot = Rc<RefCell<Option<Result<Rc<AccessToken>, Error>>>>;

impl Stage {
    fn new() -> Stage {
        let pool = LocalPool::new();
        let hand = Hand {
            spawner: pool.spawner(),
            sent: RefCell::default(),
            asleep: RefCell::default(),
            random: Some(7),
        };
        let host = Local::new(hand);
        let client = client(&host);
        Stage { pool, host, client }
    }

    fn ask(&mut self, abort: Option<&Bell>) -> Slot {
        let slot = Slot::default();
        let (client, out, abort) = (self.client.clone(), slot.clone(), abort.cloned());
        let asking = async move {
            *out.borrow_mut() = Some(client.access_token(Ask::default(), abort.as_ref()).await);
        };
        self.pool.spawner().spawn_local(asking).unwrap();
        self.pool.run_until_stalled();
        slot
    }

    /// The server answers a request.
    fn answer(&mut self, request: usize) {
        self.host.machine().sent.borrow()[request].1.ring();
        self.pool.run_until_stalled();
    }

    /// All that waits for so long has waited.
    fn pass(&mut self, length: Millis) {
        let asleep = self.host.machine().asleep.borrow().clone();
        for (_, bell) in asleep.iter().filter(|(known, _)| *known == length) {
            bell.ring();
        }
        self.pool.run_until_stalled();
    }

    fn sent(&self) -> usize {
        self.host.machine().sent.borrow().len()
    }
}

fn client<M: Machine>(host: &Local<M>) -> TokenClient<Local<M>> {
    let metadata = br#"{
        "issuer": "https://as.example",
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token"
    }"#;
    let options = Options {
        client_id: "worker".into(),
        metadata: json::read_object(metadata).unwrap(),
        ..Options::default()
    };
    let auth = ClientAuth { id: "worker".into(), secret: Some(Secret::new("s")), method: None };
    TokenClient::new(host.clone(), Config::check(Box::new(options), auth, host).unwrap())
}

fn outcome(slot: &Slot) -> Option<Result<String, Code>> {
    slot.borrow().as_ref().map(|result| match result {
        Ok(token) => Ok(token.secret.expose().to_owned()),
        Err(error) => Err(error.code()),
    })
}

#[test]
fn a_machine_sends_one_request_for_all_who_ask_at_once() {
    let mut stage = Stage::new();
    let slots: Vec<Slot> = (0..50).map(|_| stage.ask(None)).collect();
    assert_eq!(stage.sent(), 1);
    assert!(slots.iter().all(|slot| outcome(slot).is_none()));
    stage.answer(0);
    assert!(slots.iter().all(|slot| outcome(slot) == Some(Ok("token 1".into()))));
    let later = stage.ask(None);
    assert_eq!((outcome(&later), stage.sent()), (Some(Ok("token 1".into())), 1));
}

#[test]
fn a_machine_whose_server_is_silent_ends_in_timeout_and_asks_anew() {
    let mut stage = Stage::new();
    let slot = stage.ask(None);
    stage.pass(9_999);
    assert_eq!(outcome(&slot), None);
    stage.pass(10_000);
    assert_eq!(outcome(&slot), Some(Err(Code::Timeout)));
    let again = stage.ask(None);
    stage.answer(1);
    assert_eq!(outcome(&again), Some(Ok("token 2".into())));
}

#[test]
fn a_caller_who_gives_up_takes_nobody_along() {
    let mut stage = Stage::new();
    let (gives_up, gave_up) = (Bell::default(), Bell::default());
    gave_up.ring();
    let first = stage.ask(Some(&gives_up));
    let second = stage.ask(None);
    let third = stage.ask(Some(&gave_up));
    assert_eq!(outcome(&third), Some(Err(Code::Aborted)));
    gives_up.ring();
    stage.pool.run_until_stalled();
    assert_eq!(outcome(&first), Some(Err(Code::Aborted)));
    assert_eq!(outcome(&second), None);
    stage.answer(0);
    assert_eq!((outcome(&second), stage.sent()), (Some(Ok("token 1".into())), 1));
}

#[test]
fn a_caller_who_loses_patience_asks_itself() {
    let mut stage = Stage::new();
    let (first, second) = (stage.ask(None), stage.ask(None));
    stage.pass(3_000);
    assert_eq!(stage.sent(), 2);
    stage.answer(1);
    assert_eq!((outcome(&first), outcome(&second)), (None, Some(Ok("token 2".into()))));
    stage.answer(0);
    assert_eq!(outcome(&first), Some(Ok("token 1".into())));
}

#[test]
fn a_machine_with_randomness_signs_in_in_two_steps() {
    let mut stage = Stage::new();
    let (client, back) = (stage.client.clone(), "https://app.example/callback");
    let begun = client.authorization_request(back, Box::new(SignIn::default()), None);
    let (url, pending) = stage.pool.run_until(begun).unwrap();
    assert!(url.starts_with("https://as.example/authorize?"), "{url}");
    let here = format!("{back}?code=c&state={}", pending.state);
    let here = Urls.parse_url(&here, None).unwrap();
    let params = Params::read(&here.search, "").unwrap();
    let machine = stage.host.clone();
    let answers = async move {
        while machine.machine().sent.borrow().is_empty() {
            machine.spawn(Box::pin(std::future::ready(()))).heard().await;
        }
        machine.machine().sent.borrow()[0].1.ring();
    };
    let finished = client.callback(&params, pending, &here, None);
    let (signed_in, ()) = stage.pool.run_until(futures::future::join(finished, answers));
    assert_eq!(signed_in.unwrap().granted.tokens.access_token.expose(), "token 1");
    let form = stage.host.machine().sent.borrow()[0].0.clone();
    assert!(form.starts_with("grant_type=authorization_code&code=c&redirect_uri="), "{form}");
}

#[test]
fn what_a_machine_has_not_is_refused_and_nothing_weaker_taken() {
    let mut pool = LocalPool::new();
    let host = Local::new(Bare);
    let begun = client(&host);
    let begun = begun.authorization_request(
        "https://app.example/callback",
        Box::new(SignIn { wish: Wish::default(), ..SignIn::default() }),
        None,
    );
    let error = pool.run_until(begun).err().unwrap();
    assert_eq!((error.code(), error.detail_text()), (Code::Unsupported, Some("random")));
    let sealed = pool.run_until(host.seal(b"secret", "context", "text"));
    assert_eq!(sealed.map_err(|error| error.code()), Err(Code::Unsupported));
    let opened = pool.run_until(host.unseal(b"secret", "context", "text"));
    assert_eq!(opened.map_err(|error| error.code()), Err(Code::Unsupported));
}

#[test]
fn a_machine_digests_as_the_platform_does() {
    let host = Local::new(Bare);
    for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        for data in [&b""[..], b"abc", &[0xff; 300]] {
            let digest = LocalPool::new().run_until(host.digest(hash, data)).unwrap();
            assert_eq!(digest, verifier::digest(hash, data));
        }
    }
}
