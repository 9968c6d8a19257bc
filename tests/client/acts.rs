//! What a person and a program do: options, sign-ins, callbacks, and their usual outcomes.

use std::rc::Rc;

use grantkit::client::config::{Config, Options, PageConfig, PageOptions};
use grantkit::client::session::{Answer, Desk, Session};
use grantkit::client::token_client::{Ask, TokenClient};
use grantkit::protocol::authorize::{SignIn, Wish};
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::json::{self, Object};
use grantkit::protocol::secret::Secret;
use serde_json::Value;

use crate::provider::ISSUER;
use crate::world::World;

pub(crate) const CLIENT: &str = "shop";
pub(crate) const REDIRECT: &str = "https://app.example/callback";
pub(crate) const GOODBYE: &str = "https://app.example/goodbye";

/// What a page or a program is set up with.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) pages: PageOptions,
    pub(crate) secret: Option<&'static str>,
    pub(crate) method: Option<Method>,
}

impl Setup {
    /// A page that signs people in.
    pub(crate) fn page() -> Setup {
        Setup {
            options: Options {
                issuer: Some(ISSUER.into()),
                client_id: CLIENT.into(),
                wish: Wish {
                    scope: Some("openid profile api offline_access".into()),
                    ..Wish::default()
                },
                ..Options::default()
            },
            pages: PageOptions {
                redirect_uri: REDIRECT.into(),
                post_logout_redirect_uri: Some(GOODBYE.into()),
                front_channel_logout_uri: None,
                background_renewal: true,
            },
            secret: None,
            method: None,
        }
    }

    /// A page without OpenID Connect.
    pub(crate) fn plain() -> Setup {
        let mut setup = Setup::page();
        setup.options.wish.scope = Some("api".into());
        setup
    }

    /// A program on a server.
    pub(crate) fn machine() -> Setup {
        let mut setup = Setup::page();
        setup.options.wish.scope = Some("api".into());
        setup.secret = Some("canary-client-secret");
        setup
    }

    pub(crate) fn config(&self, world: &World) -> Result<Box<Config>, Error> {
        let auth = ClientAuth {
            id: self.options.client_id.clone(),
            secret: self.secret.map(Secret::new),
            method: self.method,
        };
        Config::check(Box::new(self.options.clone()), auth, world)
    }

    /// A page is loaded: a new desk, and what the stores hold.
    pub(crate) fn load(&self, world: &World) -> Session<World> {
        self.load_at(world, Rc::new(Desk::new(world.clone())))
    }

    /// One more instance in the same page.
    pub(crate) fn load_at(&self, world: &World, desk: Rc<Desk<World>>) -> Session<World> {
        let config = self.config(world).unwrap();
        let pages = PageConfig::check(self.pages.clone(), world, config.transport).unwrap();
        let session = world.run(Session::open(world.clone(), config, pages, desk));
        let session = session.unwrap();
        world.wakes(&session);
        session
    }

    pub(crate) fn client(&self, world: &World) -> TokenClient<World> {
        TokenClient::new(world.clone(), self.config(world).unwrap())
    }
}

/// The session leaves for the login page; the address that it leaves for.
pub(crate) fn leave(world: &World, session: &Session<World>, ask: SignIn) -> String {
    let session = session.clone();
    let call = world.start(async move { session.sign_in(Box::new(ask), None).await });
    assert!(call.open(), "{:?}", call.result());
    world.left().unwrap()
}

/// The login page is left again: the browser shows that address, a new page is loaded there.
pub(crate) fn arrive(world: &World, setup: &Setup, address: &str) -> Session<World> {
    world.set_address(address);
    setup.load(world)
}

/// The callback of the page that is shown, both parts.
pub(crate) fn handle(world: &World, session: &Session<World>) -> Result<Answer, Error> {
    handle_url(world, session, None)
}

pub(crate) fn handle_url(
    world: &World,
    session: &Session<World>,
    url: Option<&str>,
) -> Result<Answer, Error> {
    let begun = session.begin_callback(url);
    world.run(session.finish_callback(begun, None))
}

/// Leaves, signs in and comes back: the page at its callback, not yet handled.
pub(crate) fn at_callback(world: &World, setup: &Setup) -> Session<World> {
    let session = setup.load(world);
    let url = leave(world, &session, SignIn::default());
    let back = world.provider().approve(&url, now(world));
    arrive(world, setup, &back)
}

/// A person who is signed in.
pub(crate) fn signed_in(world: &World, setup: &Setup) -> Session<World> {
    let session = at_callback(world, setup);
    let answer = handle(world, &session);
    assert!(matches!(answer, Ok(Answer::SignedIn { .. })), "{answer:?}");
    session
}

pub(crate) fn now(world: &World) -> i64 {
    use grantkit::client::host::Host;
    world.now()
}

/// The session's default token.
pub(crate) fn token(world: &World, session: &Session<World>) -> Result<String, Error> {
    token_for(world, session, Ask::default())
}

pub(crate) fn token_for(
    world: &World,
    session: &Session<World>,
    ask: Ask,
) -> Result<String, Error> {
    let token = world.run(session.access_token(ask, None))?;
    Ok(token.secret.expose().to_owned())
}

/// A token of a client.
pub(crate) fn machine_token(
    world: &World,
    client: &TokenClient<World>,
    ask: Ask,
) -> Result<String, Error> {
    let token = world.run(client.access_token(ask, None))?;
    Ok(token.secret.expose().to_owned())
}

/// Renew whatever is held.
pub(crate) fn forced() -> Ask {
    Ask { force: true, ..Ask::default() }
}

/// A token for something else than the default.
pub(crate) fn resource(uri: &str) -> Ask {
    Ask { wish: Wish { resource: vec![uri.into()], ..Wish::default() }, ..Ask::default() }
}

/// The code of an error and its detail.
pub(crate) fn told<T: std::fmt::Debug>(result: Result<T, Error>) -> (Code, Option<String>) {
    let error = result.expect_err("an error");
    (error.code(), error.detail_text().map(str::to_owned))
}

pub(crate) fn code_of<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    told(result).0
}

/// An object as options hold it.
pub(crate) fn object(value: &Value) -> Object {
    json::read_object(value.to_string().as_bytes()).unwrap()
}
