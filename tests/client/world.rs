//! A world for the second ring: a clock moved by hand, an authorization server inside the process,
//! storage that can refuse, an address bar, and a list of everything that was done, in order.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::executor::{LocalPool, LocalSpawner};
use futures::future::{AbortHandle, abortable};
use futures::task::LocalSpawnExt;
use grantkit::client::host::{
    self, Edge, Event, Host, KeyPair, Level, Page, Sight, Signing, UNSAVED, Waited, Work,
};
use grantkit::client::session::Session;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::{Request, Response};
use grantkit::protocol::json;
use grantkit::protocol::jwk::{Check, PublicKey};
use grantkit::protocol::jws::{Algorithm, Hash};
use grantkit::protocol::secret::Secret;
use grantkit::protocol::time::{Millis, UnixMillis};
use grantkit::protocol::url::{ParseUrl, Url};
use ring::hmac;

use crate::commons::{Commons, Fate};
use crate::generator::Generator;
use crate::provider::{Provider, Reply, Seen};
use crate::signer::{self, Signer};
use crate::urls::Urls;
use crate::{sealer, verifier};

/// A key in the platform's hands.
pub(crate) fn key_pair(key: &'static Signer) -> KeyPair<&'static Signer> {
    let public = json::read_object(key.jwk().to_string().as_bytes()).unwrap();
    KeyPair { private: signing(key, "ES256"), public: PublicKey::parse(&public).unwrap() }
}

/// The same for one algorithm, under the name that its JWK has.
pub(crate) fn signing(key: &'static Signer, algorithm: &str) -> Signing<&'static Signer> {
    let can = vec![Algorithm::by_name(algorithm).unwrap()];
    Signing { key, can, kid: Some(key.kid.into()) }
}

/// 2027-01-15T08:00:00Z, whole seconds.
pub(crate) const START: UnixMillis = 1_800_000_000_000;

/// Rings once, for any number of listeners, now and later.
#[derive(Clone, Default)]
pub(crate) struct Bell(Rc<(Cell<bool>, RefCell<Vec<Waker>>)>);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.0.set(true);
        for waker in self.0.1.take() {
            waker.wake();
        }
    }

    pub(crate) fn rung(&self) -> bool {
        self.0.0.get()
    }

    fn heard(&self, context: &Context<'_>) -> bool {
        if !self.rung() {
            self.0.1.borrow_mut().push(context.waker().clone());
        }
        self.rung()
    }
}

/// Which of several bells rings first; the earlier in the list wins.
async fn first_of(bells: &[Option<&Bell>]) -> usize {
    poll_fn(|context| {
        // Each is asked, so that each can wake.
        let heard: Vec<bool> =
            bells.iter().map(|bell| bell.is_some_and(|bell| bell.heard(context))).collect();
        match heard.iter().position(|heard| *heard) {
            Some(at) => Poll::Ready(at),
            None => Poll::Pending,
        }
    })
    .await
}

/// Lets all others go first.
async fn breath() {
    let mut taken = false;
    poll_fn(|context| match std::mem::replace(&mut taken, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// What was done to the world, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// A request, by the name of the endpoint.
    Request(String),
    /// The address bar changed.
    Address(String),
    /// The page was left.
    Leave,
    /// Web Storage was written.
    Set(String),
    /// Something was removed from Web Storage.
    Remove(String),
    /// The tokens' store was written.
    Save,
    /// The tokens' store was cleared.
    Forget,
    /// A token was put where calls find it, or taken away.
    Hold(bool),
    /// Listeners were told.
    Told(String),
}

/// How a storage behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Works,
    /// Reads, but writes fail: the quota is used up.
    Full,
    /// Everything fails: the user forbids it.
    Throws,
}

/// Web Storage, or a store of tokens.
#[derive(Default)]
pub(crate) struct Drawer {
    pub(crate) map: RefCell<BTreeMap<String, String>>,
    pub(crate) mood: Cell<Mood>,
}

impl Drawer {
    fn get(&self, key: &str) -> Result<Option<String>, Error> {
        match self.mood.get() {
            Mood::Throws => Err(Code::StorageUnavailable.into()),
            _ => Ok(self.map.borrow().get(key).cloned()),
        }
    }

    fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        match self.mood.get() {
            Mood::Works => {
                self.map.borrow_mut().insert(key.into(), value.into());
                Ok(())
            }
            _ => Err(Code::StorageUnavailable.into()),
        }
    }

    fn remove(&self, key: &str) -> Result<(), Error> {
        match self.mood.get() {
            Mood::Throws => Err(Code::StorageUnavailable.into()),
            _ => {
                self.map.borrow_mut().remove(key);
                Ok(())
            }
        }
    }

    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        match self.mood.get() {
            Mood::Throws => Vec::new(),
            _ => {
                let map = self.map.borrow();
                map.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
            }
        }
    }

    /// The one text under a prefix.
    pub(crate) fn only(&self, prefix: &str) -> String {
        let keys = self.keys(prefix);
        assert_eq!(keys.len(), 1, "{prefix}: {keys:?}");
        self.map.borrow()[&keys[0]].clone()
    }
}

struct Timer {
    due: Millis,
    bell: Bell,
}

/// Work that somebody started, and the request that it belongs to.
struct Task {
    owner: u32,
    handle: AbortHandle,
}

/// What the tabs of one browser have in common.
struct Browser {
    wall: Cell<UnixMillis>,
    steady: Cell<Millis>,
    timers: RefCell<Vec<Timer>>,
    pool: RefCell<LocalPool>,
    spawner: LocalSpawner,
    owner: Cell<u32>,
    owners: Cell<u32>,
    tasks: RefCell<Vec<Task>>,
    /// Who waits for a lock; the first has it.
    locks: RefCell<BTreeMap<String, Vec<Bell>>>,
    tabs: RefCell<Vec<Weak<Inner>>>,
    /// Keys that this browser keeps.
    keys: Drawer,
}

struct Inner {
    browser: Rc<Browser>,
    random: RefCell<Generator>,
    no_random: Cell<bool>,
    no_seals: Cell<bool>,
    throttled: Cell<Millis>,

    provider: Rc<Provider>,
    seen: RefCell<Vec<Seen>>,
    held: RefCell<BTreeMap<String, Vec<Bell>>>,
    holding: RefCell<BTreeSet<String>>,

    web: Drawer,
    tokens: Rc<Drawer>,
    local: bool,
    /// A store that answers later: after how long, and what waits to be written.
    slow: Cell<Option<Millis>>,
    writing: RefCell<Option<Bell>>,
    unwritten: Cell<bool>,
    messages: RefCell<Vec<String>>,
    loses: Cell<bool>,
    late_locks: Cell<bool>,
    frames: RefCell<Vec<String>>,
    frames_open: Cell<usize>,
    blocks_popups: Cell<bool>,
    sight: Cell<Sight>,
    window_closed: Cell<bool>,
    shared: RefCell<Option<(Rc<Commons>, Vec<u8>)>>,
    saved_until: RefCell<Vec<Option<UnixMillis>>>,
    address: RefCell<Option<String>>,
    left: RefCell<Vec<String>>,
    back: RefCell<Bell>,
    on_hold: RefCell<Option<(String, UnixMillis)>>,
    tick_due: Cell<Option<Millis>>,
    scheduled: RefCell<Vec<Option<Millis>>>,
    tick: RefCell<Option<Session<World>>>,
    effects: RefCell<Vec<Effect>>,
    lines: RefCell<Vec<String>>,
    told: RefCell<Vec<String>>,
}

/// One page, or one process on a server.
#[derive(Clone)]
pub(crate) struct World(Rc<Inner>);

impl World {
    pub(crate) fn new() -> World {
        World::beside(Provider::new())
    }

    /// Another page, tab or process that knows the same authorization server.
    pub(crate) fn beside(provider: Rc<Provider>) -> World {
        let pool = LocalPool::new();
        let browser = Browser {
            wall: Cell::new(START),
            steady: Cell::new(0),
            timers: RefCell::default(),
            spawner: pool.spawner(),
            pool: RefCell::new(pool),
            owner: Cell::new(0),
            owners: Cell::new(0),
            tasks: RefCell::default(),
            locks: RefCell::default(),
            tabs: RefCell::default(),
            keys: Drawer::default(),
        };
        World::in_browser(Rc::new(browser), provider, Rc::default(), false)
    }

    /// A page whose tokens live in a store that its tabs share.
    pub(crate) fn local() -> World {
        let world = World::new();
        World::in_browser(world.0.browser.clone(), world.0.provider.clone(), Rc::default(), true)
    }

    /// Another tab of this browser, empty but for a store that is shared.
    pub(crate) fn tab(&self) -> World {
        let tokens = if self.0.local { self.0.tokens.clone() } else { Rc::default() };
        let (browser, provider) = (self.0.browser.clone(), self.0.provider.clone());
        World::in_browser(browser, provider, tokens, self.0.local)
    }

    /// Another tab, to which the browser brings late what is written elsewhere: the test does it.
    pub(crate) fn distant_tab(&self) -> World {
        let tokens = Rc::new(Drawer::default());
        *tokens.map.borrow_mut() = self.0.tokens.map.borrow().clone();
        let (browser, provider) = (self.0.browser.clone(), self.0.provider.clone());
        World::in_browser(browser, provider, tokens, self.0.local)
    }

    /// The tab is duplicated: what is in sessionStorage is copied.
    pub(crate) fn duplicate(&self) -> World {
        let twin = self.tab();
        *twin.0.web.map.borrow_mut() = self.0.web.map.borrow().clone();
        if !self.0.local {
            *twin.0.tokens.map.borrow_mut() = self.0.tokens.map.borrow().clone();
        }
        twin
    }

    /// A frame of this page, of the same origin: its sessionStorage is the page's.
    pub(crate) fn frame(&self) -> World {
        let (browser, provider) = (self.0.browser.clone(), self.0.provider.clone());
        World::in_browser(browser, provider, self.0.tokens.clone(), self.0.local)
    }

    /// The tab is closed or crashes: its work stops where it is, and its locks are free.
    pub(crate) fn kill(&self) {
        self.0.tick.borrow_mut().take();
        self.0.browser.tabs.borrow_mut().retain(|tab| !std::ptr::eq(tab.as_ptr(), &*self.0));
    }

    /// It was not closed but out of sight, and hears again.
    pub(crate) fn revive(&self, session: &Session<World>) {
        self.wakes(session);
        self.0.browser.tabs.borrow_mut().push(Rc::downgrade(&self.0));
    }

    fn in_browser(
        browser: Rc<Browser>,
        provider: Rc<Provider>,
        tokens: Rc<Drawer>,
        local: bool,
    ) -> World {
        let world = World(Rc::new(Inner {
            browser,
            random: RefCell::new(Generator::new(provider.seed())),
            no_random: Cell::new(false),
            no_seals: Cell::new(false),
            throttled: Cell::new(0),
            provider,
            seen: RefCell::default(),
            held: RefCell::default(),
            holding: RefCell::default(),
            web: Drawer::default(),
            tokens,
            local,
            slow: Cell::new(None),
            writing: RefCell::default(),
            unwritten: Cell::new(false),
            messages: RefCell::default(),
            loses: Cell::new(false),
            late_locks: Cell::new(false),
            frames: RefCell::default(),
            frames_open: Cell::new(0),
            blocks_popups: Cell::new(false),
            sight: Cell::new(Sight::Near),
            window_closed: Cell::new(false),
            shared: RefCell::default(),
            saved_until: RefCell::default(),
            address: RefCell::new(Some("https://app.example/".into())),
            left: RefCell::default(),
            back: RefCell::default(),
            on_hold: RefCell::default(),
            tick_due: Cell::new(None),
            scheduled: RefCell::default(),
            tick: RefCell::default(),
            effects: RefCell::default(),
            lines: RefCell::default(),
            told: RefCell::default(),
        }));
        world.0.browser.tabs.borrow_mut().push(Rc::downgrade(&world.0));
        world
    }

    pub(crate) fn provider(&self) -> &Rc<Provider> {
        &self.0.provider
    }

    // ── running ──────────────────────────────────────────────────────────────────────────────────

    /// Runs everything that can run.
    pub(crate) fn turn(&self) {
        self.0.browser.pool.borrow_mut().run_until_stalled();
    }

    /// Runs until this is done; all else that can run runs too. It may let a moment pass.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        struct Flag(AtomicBool);
        impl Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let mut work = pin!(work);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut steps = 0;
        let patience = self.0.browser.steady.get() + 1_000;
        loop {
            steps += 1;
            assert!(steps < 100_000, "it never rests");
            while !flag.0.swap(false, Ordering::Relaxed) {
                let due = self.0.browser.timers.borrow().iter().map(|timer| timer.due).min();
                let due = due.filter(|due| *due <= patience).expect("it waits for ever");
                self.pass(due - self.0.browser.steady.get());
            }
            match work.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(out) => return out,
                Poll::Pending => self.turn(),
            }
        }
    }

    /// Starts something that is looked at later; it runs as far as it can.
    pub(crate) fn start<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> Call<T> {
        let call = self.begin(0, work);
        self.turn();
        call
    }

    /// The same as a request of its own: what it starts ends with it (law 17). It takes no step yet.
    pub(crate) fn request<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> Call<T> {
        self.0.browser.owners.set(self.0.browser.owners.get() + 1);
        self.begin(self.0.browser.owners.get(), work)
    }

    fn begin<T: 'static>(&self, owner: u32, work: impl Future<Output = T> + 'static) -> Call<T> {
        let out = Rc::new(RefCell::new(None));
        let slot = out.clone();
        self.launch(owner, async move {
            let result = work.await;
            *slot.borrow_mut() = Some(result);
        });
        Call { owner, out }
    }

    fn launch(&self, owner: u32, work: impl Future<Output = ()> + 'static) {
        let (work, handle) = abortable(Owned { world: self.clone(), owner, work: Box::pin(work) });
        if owner > 0 {
            self.0.browser.tasks.borrow_mut().push(Task { owner, handle });
        }
        let task = async move {
            let _ = work.await;
        };
        self.0.browser.spawner.spawn_local(task).unwrap();
    }

    /// The request ends: whatever it started stops where it is, and tells nobody.
    pub(crate) fn end<T>(&self, call: &Call<T>) {
        assert!(call.owner > 0);
        for task in self.0.browser.tasks.borrow().iter() {
            if task.owner == call.owner {
                task.handle.abort();
            }
        }
        self.0.browser.tasks.borrow_mut().retain(|task| task.owner != call.owner);
        self.turn();
    }

    // ── time ─────────────────────────────────────────────────────────────────────────────────────

    fn timer(&self, after: Millis) -> Bell {
        let bell = Bell::default();
        self.0
            .browser
            .timers
            .borrow_mut()
            .push(Timer { due: self.0.browser.steady.get() + after, bell: bell.clone() });
        bell
    }

    /// Time passes; timers go off on their way, the session's own included.
    pub(crate) fn pass(&self, millis: Millis) {
        let end = self.0.browser.steady.get() + millis;
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 100_000, "a timer that never rests");
            self.turn();
            let timers = self.0.browser.timers.borrow();
            let tabs = self.tabs();
            let due = timers.iter().map(|timer| timer.due);
            let next = due.chain(tabs.iter().filter_map(|tab| tab.0.tick_due.get())).min();
            drop(timers);
            let Some(due) = next.filter(|due| *due <= end) else {
                break;
            };
            self.to(due);
            let mut ringing = Vec::new();
            self.0.browser.timers.borrow_mut().retain(|timer| {
                if timer.due <= due {
                    ringing.push(timer.bell.clone());
                }
                timer.due > due
            });
            for bell in ringing {
                bell.ring();
            }
            for tab in tabs {
                if tab.0.tick_due.get().is_some_and(|at| at <= due) {
                    tab.0.tick_due.set(None);
                    if let Some(session) = tab.0.tick.borrow().clone() {
                        tab.launch(0, async move { session.tick().await });
                    }
                }
            }
        }
        self.to(end);
        self.turn();
    }

    fn to(&self, steady: Millis) {
        let step = (steady - self.0.browser.steady.get()).max(0);
        self.0.browser.steady.set(self.0.browser.steady.get() + step);
        self.0.browser.wall.set(self.0.browser.wall.get() + step);
    }

    /// Somebody sets the clock; no time passes.
    pub(crate) fn set_clock(&self, by: Millis) {
        self.0.browser.wall.set(self.0.browser.wall.get() + by);
    }

    fn tabs(&self) -> Vec<World> {
        self.0.browser.tabs.borrow().iter().filter_map(Weak::upgrade).map(World).collect()
    }

    /// What this tab told the others, as text.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.0.messages.borrow().clone()
    }

    /// Some script of this origin says that to every tab but this one.
    pub(crate) fn say(&self, message: &str) {
        for tab in self.tabs() {
            if !Rc::ptr_eq(&tab.0, &self.0)
                && let Some(session) = tab.0.tick.borrow().clone()
            {
                let message = message.to_owned();
                tab.launch(0, async move { session.heard(&message).await });
            }
        }
    }

    /// The next message of this tab reaches nobody.
    pub(crate) fn lose_a_message(&self) {
        self.0.loses.set(true);
    }

    /// All requests are answered again.
    pub(crate) fn mend_all(&self) {
        self.0.holding.borrow_mut().clear();
    }

    /// A lock that is free again is known to this tab only after what it was told meanwhile.
    pub(crate) fn hears_of_locks_late(&self) {
        self.0.late_locks.set(true);
    }

    /// The locks are taken away, as from a tab that froze with them in its hands.
    pub(crate) fn break_locks(&self) {
        self.0.browser.locks.borrow_mut().clear();
    }

    /// How many locks are held or waited for.
    pub(crate) fn locks_held(&self) -> usize {
        self.0.browser.locks.borrow().values().map(Vec::len).sum()
    }

    /// How many timers are set.
    pub(crate) fn timers_open(&self) -> usize {
        self.0.browser.timers.borrow().len()
    }

    /// Where frames and popups were sent.
    pub(crate) fn frames(&self) -> Vec<String> {
        self.0.frames.borrow().clone()
    }

    /// How many of them are open.
    pub(crate) fn frames_open(&self) -> usize {
        self.0.frames_open.get()
    }

    /// Popups are blocked from now on.
    pub(crate) fn block_popups(&self) {
        self.0.blocks_popups.set(true);
    }

    /// What can be seen of them from now on.
    pub(crate) fn set_sight(&self, sight: Sight) {
        self.0.sight.set(sight);
    }

    /// Whether this page closed its own window.
    pub(crate) fn window_closed(&self) -> bool {
        self.0.window_closed.get()
    }

    // ── the network ──────────────────────────────────────────────────────────────────────────────

    /// Requests to that endpoint stay open from now on.
    pub(crate) fn hold(&self, endpoint: &str) {
        self.0.holding.borrow_mut().insert(endpoint.into());
    }

    /// Requests to that endpoint are answered again, those that are open first.
    pub(crate) fn release(&self, endpoint: &str) {
        self.0.holding.borrow_mut().remove(endpoint);
        for bell in self.0.held.borrow_mut().remove(endpoint).unwrap_or_default() {
            bell.ring();
        }
        self.turn();
    }

    /// One open request is answered: the one at that place in the order in which they came.
    pub(crate) fn release_one(&self, endpoint: &str, at: usize) {
        let bell = self.0.held.borrow_mut().get_mut(endpoint).unwrap().remove(at);
        bell.ring();
        self.turn();
    }

    /// What a request to that endpoint waits for.
    fn gate(&self, endpoint: &str) -> Bell {
        let gate = Bell::default();
        match self.0.holding.borrow().contains(endpoint) {
            true => {
                let mut held = self.0.held.borrow_mut();
                held.entry(endpoint.into()).or_default().push(gate.clone());
            }
            false => gate.ring(),
        }
        gate
    }

    /// How many requests to that endpoint are open.
    pub(crate) fn open(&self, endpoint: &str) -> usize {
        self.0.held.borrow().get(endpoint).map_or(0, Vec::len)
    }

    /// All requests, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.seen.borrow().clone()
    }

    /// The requests to one endpoint.
    pub(crate) fn seen_at(&self, endpoint: &str) -> Vec<Seen> {
        let seen = self.seen();
        seen.into_iter().filter(|seen| seen.endpoint == endpoint).collect()
    }

    /// How many requests went to an endpoint.
    pub(crate) fn count(&self, endpoint: &str) -> usize {
        self.seen_at(endpoint).len()
    }

    /// The last request to an endpoint.
    pub(crate) fn last(&self, endpoint: &str) -> Seen {
        self.seen_at(endpoint).pop().expect(endpoint)
    }

    // ── what can be seen of the page ─────────────────────────────────────────────────────────────

    pub(crate) fn web(&self) -> &Drawer {
        &self.0.web
    }

    pub(crate) fn tokens(&self) -> &Drawer {
        &self.0.tokens
    }

    /// With what expiry the tokens were written last.
    pub(crate) fn saved_until(&self) -> Option<UnixMillis> {
        *self.0.saved_until.borrow().last().unwrap()
    }

    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.0.effects.borrow().clone()
    }

    /// What was told to listeners.
    pub(crate) fn told(&self) -> Vec<String> {
        let effects = self.effects();
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Told(what) => Some(what),
                _ => None,
            })
            .collect()
    }

    /// From here on the lists of effects, requests and addresses begin anew.
    pub(crate) fn forget_the_past(&self) {
        self.0.effects.borrow_mut().clear();
        self.0.seen.borrow_mut().clear();
        self.0.left.borrow_mut().clear();
        self.0.scheduled.borrow_mut().clear();
    }

    /// Names of the keys that this browser keeps.
    pub(crate) fn kept_keys(&self) -> Vec<String> {
        self.0.browser.keys.map.borrow().keys().cloned().collect()
    }

    /// The person clears what is kept, or the browser does.
    pub(crate) fn lose_keys(&self) {
        self.0.browser.keys.map.borrow_mut().clear();
    }

    pub(crate) fn keys_mood(&self, mood: Mood) {
        self.0.browser.keys.mood.set(mood);
    }

    /// Log lines, and events as `Debug` shows them.
    pub(crate) fn lines(&self) -> Vec<String> {
        [self.0.lines.borrow().clone(), self.0.told.borrow().clone()].concat()
    }

    pub(crate) fn log_lines(&self) -> Vec<String> {
        self.0.lines.borrow().clone()
    }

    /// The token that the next call would find, and until when.
    pub(crate) fn on_hold(&self) -> Option<(String, UnixMillis)> {
        self.0.on_hold.borrow().clone()
    }

    /// The distance to the timer's next try.
    pub(crate) fn due_in(&self) -> Option<Millis> {
        Some(self.0.tick_due.get()? - self.0.browser.steady.get())
    }

    /// The timer calls this session from now on.
    pub(crate) fn wakes(&self, session: &Session<World>) {
        *self.0.tick.borrow_mut() = Some(session.clone());
    }

    pub(crate) fn set_address(&self, address: &str) {
        *self.0.address.borrow_mut() = Some(address.into());
    }

    /// What the address bar shows.
    pub(crate) fn shown(&self) -> String {
        self.0.address.borrow().clone().unwrap()
    }

    /// As on a server.
    pub(crate) fn no_page(&self) {
        *self.0.address.borrow_mut() = None;
    }

    /// Where the page was left for, last.
    pub(crate) fn left(&self) -> Option<String> {
        self.0.left.borrow().last().cloned()
    }

    /// The page comes back from the back/forward cache.
    pub(crate) fn come_back(&self) {
        self.0.back.take().ring();
        self.turn();
    }

    /// This isolate and others have that store, sealed with that key.
    pub(crate) fn shares(&self, commons: &Rc<Commons>, key: &[u8]) {
        *self.0.shared.borrow_mut() = Some((commons.clone(), key.to_vec()));
    }

    fn commons(&self) -> Rc<Commons> {
        self.0.shared.borrow().as_ref().unwrap().0.clone()
    }

    fn cache_key(&self) -> Vec<u8> {
        self.0.shared.borrow().as_ref().unwrap().1.clone()
    }

    /// The store of this tab is one that is written so much later.
    pub(crate) fn writes_late(&self, delay: Millis) {
        self.0.slow.set(Some(delay));
    }

    /// Nobody sees the page for long: its timers go off once a minute.
    pub(crate) fn throttle(&self) {
        self.0.throttled.set(60_000);
    }

    /// As over plain http: nothing can be sealed.
    pub(crate) fn without_webcrypto(&self) {
        self.0.no_seals.set(true);
    }

    pub(crate) fn without_randomness(&self) {
        self.0.no_random.set(true);
    }

    fn write(&self, key: &str, text: Option<&str>) -> Result<(), Error> {
        match text {
            Some(text) => self.0.tokens.set(key, text),
            None => self.0.tokens.remove(key),
        }
    }

    fn did(&self, effect: Effect) {
        self.0.effects.borrow_mut().push(effect);
    }
}

/// Polls work as a part of a request.
struct Owned {
    world: World,
    owner: u32,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

impl Future for Owned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let before = self.world.0.browser.owner.replace(self.owner);
        let polled = self.work.as_mut().poll(context);
        self.world.0.browser.owner.set(before);
        polled
    }
}

/// A call that was started.
pub(crate) struct Call<T> {
    owner: u32,
    out: Rc<RefCell<Option<T>>>,
}

impl<T> Call<T> {
    /// Whether it goes on still.
    pub(crate) fn open(&self) -> bool {
        self.out.borrow().is_none()
    }

    /// Its result.
    pub(crate) fn result(&self) -> T {
        self.out.borrow_mut().take().expect("the call is open still")
    }
}

impl ParseUrl for World {
    fn parse_url(&self, text: &str, base: Option<&str>) -> Option<Url> {
        Urls.parse_url(text, base)
    }
}

impl Host for World {
    type Abort = Bell;
    type Signal = Bell;
    type Key = &'static Signer;

    async fn fetch(
        &self,
        request: &Request,
        timeout: Millis,
        abort: Option<&Bell>,
    ) -> Result<Response, Error> {
        let seen = self.0.provider.see(request);
        self.did(Effect::Request(seen.endpoint.clone()));
        self.0.seen.borrow_mut().push(seen.clone());
        if abort.is_some_and(Bell::rung) {
            return Err(Code::Aborted.into());
        }
        let gate = self.gate(&seen.endpoint);
        let late = self.timer(timeout);
        let stopped = first_of(&[Some(&gate), Some(&late), abort]).await;
        self.0.browser.timers.borrow_mut().retain(|timer| !Rc::ptr_eq(&timer.bell.0, &late.0));
        match stopped {
            0 => breath().await,
            1 => return Err(Code::Timeout.into()),
            _ => return Err(Code::Aborted.into()),
        }
        match self.0.provider.answer(&seen, self.now()) {
            Reply::Fail(code) => Err(code.into()),
            Reply::Answer(reply) if reply.body.len() > request.cap => {
                Err(Code::ResponseTooLarge.into())
            }
            Reply::Answer(reply) => Ok(reply),
        }
    }

    async fn verify(&self, check: Check<'_>) -> Result<bool, Error> {
        breath().await;
        Ok(verifier::verify(&check))
    }

    async fn sign(
        &self,
        key: &&'static Signer,
        algorithm: Algorithm,
        data: &[u8],
    ) -> Result<Vec<u8>, Error> {
        breath().await;
        Ok(key.sign(algorithm.name, data))
    }

    async fn make_key(&self) -> Result<KeyPair<&'static Signer>, Error> {
        breath().await;
        Ok(key_pair(signer::p256()))
    }

    async fn digest(&self, hash: Hash, data: &[u8]) -> Result<Vec<u8>, Error> {
        breath().await;
        Ok(verifier::digest(hash, data))
    }

    async fn seal(&self, secret: &[u8], context: &str, text: &str) -> Result<String, Error> {
        breath().await;
        first_of(&[Some(&self.gate("seal"))]).await;
        let random = self.random()?;
        if self.0.no_seals.get() {
            return Err(Error::new(Code::Unsupported).detail("crypto.subtle"));
        }
        Ok(sealer::seal(secret, context, core::array::from_fn(|at| random[at]), text))
    }

    async fn unseal(
        &self,
        secret: &[u8],
        context: &str,
        seal: &str,
    ) -> Result<Option<String>, Error> {
        breath().await;
        if self.0.no_seals.get() {
            return Err(Error::new(Code::Unsupported).detail("crypto.subtle"));
        }
        Ok(sealer::unseal(secret, context, seal))
    }

    fn now(&self) -> UnixMillis {
        self.0.browser.wall.get()
    }

    fn random(&self) -> Result<[u8; 32], Error> {
        match self.0.no_random.get() {
            true => Err(Error::new(Code::Unsupported).detail("crypto")),
            false => Ok(self.0.random.borrow_mut().bytes()),
        }
    }

    fn spawn(&self, work: Work<()>) -> Bell {
        let bell = Bell::default();
        let done = bell.clone();
        self.launch(self.0.browser.owner.get(), async move {
            work.await;
            done.ring();
        });
        bell
    }

    fn aborted(&self, abort: &Bell) -> bool {
        abort.rung()
    }

    async fn wait(&self, signal: &Bell, patience: Option<Millis>, abort: Option<&Bell>) -> Waited {
        let late = patience.map(|patience| self.timer(patience));
        match first_of(&[abort, Some(signal), late.as_ref()]).await {
            0 => Waited::Aborted,
            1 => Waited::Done,
            _ => Waited::Late,
        }
    }

    async fn pause(&self, length: Millis, abort: Option<&Bell>) -> Waited {
        let late = self.timer(length.max(self.0.throttled.get()));
        match first_of(&[abort, Some(&late)]).await {
            0 => Waited::Aborted,
            _ => Waited::Late,
        }
    }

    fn hold(&self, token: Option<(&str, UnixMillis)>) {
        let token = token.map(|(token, until)| (token.to_owned(), until));
        self.did(Effect::Hold(token.is_some()));
        *self.0.on_hold.borrow_mut() = token;
    }

    fn log(&self, level: Level, kind: &str, fields: &[(&str, &str)]) {
        let line = format!("{level:?} {kind} {fields:?}");
        self.0.lines.borrow_mut().push(line);
    }
}

/// A lock in a tab's hands.
pub(crate) struct Lock(World, String, Bell);

impl Drop for Lock {
    fn drop(&mut self) {
        let mut locks = self.0.0.browser.locks.borrow_mut();
        let Some(queue) = locks.get_mut(&self.1) else { return };
        queue.retain(|bell| !Rc::ptr_eq(&bell.0, &self.2.0));
        if let Some(next) = queue.first() {
            next.ring();
        }
    }
}

/// A popup or frame.
pub(crate) struct Frame(World);

impl Drop for Frame {
    fn drop(&mut self) {
        self.0.0.frames_open.set(self.0.0.frames_open.get() - 1);
    }
}

impl Edge for World {
    fn shares(&self) -> bool {
        self.0.shared.borrow().is_some()
    }

    async fn lock(&self, context: &str, text: &str) -> Result<String, Error> {
        self.seal(&self.cache_key(), context, text).await
    }

    async fn unlock(&self, context: &str, seal: &str) -> Result<Option<String>, Error> {
        self.unseal(&self.cache_key(), context, seal).await
    }

    async fn mac(&self, secret: &Secret, data: &[u8]) -> Result<Vec<u8>, Error> {
        breath().await;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        Ok(hmac::sign(&key, data).as_ref().to_vec())
    }

    async fn store(
        &self,
        call: host::Call<'_>,
        name: &str,
        patience: Millis,
    ) -> Result<Option<String>, Error> {
        breath().await;
        let (commons, late) = (self.commons(), self.timer(patience));
        match commons.called(call.method()) {
            Fate::Works => {}
            Fate::Fails => return Err(Code::StorageUnavailable.into()),
            Fate::Lies => return Err(Code::StorageCorrupt.into()),
            Fate::Hangs => {
                first_of(&[Some(&late)]).await;
                return Err(Code::Timeout.into());
            }
        }
        loop {
            let news = match commons.answer(call, name) {
                Ok(answer) => return Ok(answer),
                Err(news) => news,
            };
            if first_of(&[Some(&news), Some(&late)]).await == 1 {
                return Err(Code::Timeout.into());
            }
        }
    }
}

impl Page for World {
    type Lock = Lock;
    type Frame = Frame;

    async fn kept_key(&self, _: &str) -> Result<Option<KeyPair<&'static Signer>>, Error> {
        breath().await;
        let kept = self.0.browser.keys.get("key")?;
        Ok(kept.map(|_| key_pair(signer::p256())))
    }

    async fn keep_key(&self, _: &str, _: &KeyPair<&'static Signer>) -> Result<(), Error> {
        breath().await;
        self.0.browser.keys.set("key", "kept")
    }

    fn shared(&self) -> bool {
        self.0.local
    }

    async fn lock(&self, name: &str, patience: Millis) -> Option<(Lock, bool)> {
        let bell = Bell::default();
        {
            let mut locks = self.0.browser.locks.borrow_mut();
            let queue = locks.entry(name.into()).or_default();
            queue.push(bell.clone());
            if queue.len() == 1 {
                bell.ring();
            }
        }
        let lock = Lock(self.clone(), name.into(), bell.clone());
        let waited = !bell.rung();
        breath().await;
        let late = self.timer(patience);
        let stopped = first_of(&[Some(&bell), Some(&late)]).await;
        self.0.browser.timers.borrow_mut().retain(|timer| !Rc::ptr_eq(&timer.bell.0, &late.0));
        if waited && self.0.late_locks.get() {
            for _ in 0..20 {
                breath().await;
            }
        }
        (stopped == 0).then_some((lock, waited))
    }

    fn tell(&self, message: &str) {
        self.0.messages.borrow_mut().push(message.into());
        if !self.0.loses.replace(false) {
            self.say(message);
        }
    }

    fn open_frame(&self, popup: bool) -> Result<Frame, Error> {
        if popup && self.0.blocks_popups.get() {
            return Err(Code::PopupBlocked.into());
        }
        self.0.frames_open.set(self.0.frames_open.get() + 1);
        Ok(Frame(self.clone()))
    }

    fn steer(&self, _: &Frame, url: &str) {
        self.0.frames.borrow_mut().push(url.into());
    }

    fn sight(&self, _: &Frame) -> Sight {
        self.0.sight.get()
    }

    fn close_window(&self) {
        self.0.window_closed.set(true);
    }

    fn get(&self, key: &str) -> Result<Option<String>, Error> {
        self.0.web.get(key)
    }

    fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        self.did(Effect::Set(key.into()));
        self.0.web.set(key, value)
    }

    fn remove(&self, key: &str) {
        self.did(Effect::Remove(key.into()));
        let _ = self.0.web.remove(key);
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.0.web.keys(prefix)
    }

    async fn load(&self, key: &str) -> Result<Option<String>, Error> {
        breath().await;
        // What is read is as it was when it was asked for.
        let text = self.0.tokens.get(key);
        first_of(&[Some(&self.gate("load"))]).await;
        text
    }

    fn save(&self, key: &str, value: Option<(&str, Option<UnixMillis>)>) -> Result<(), Error> {
        self.did(if value.is_some() { Effect::Save } else { Effect::Forget });
        if let Some((_, expires_at)) = value {
            self.0.saved_until.borrow_mut().push(expires_at);
        }
        let text = value.map(|(text, _)| text.to_owned());
        let Some(delay) = self.0.slow.get() else { return self.write(key, text.as_deref()) };
        let (world, key, written) = (self.clone(), key.to_owned(), Bell::default());
        let earlier = self.0.writing.borrow_mut().replace(written.clone());
        self.launch(0, async move {
            if let Some(earlier) = earlier {
                first_of(&[Some(&earlier)]).await;
            }
            first_of(&[Some(&world.timer(delay))]).await;
            let failed = world.write(&key, text.as_deref()).is_err();
            world.0.unwritten.set(failed);
            if failed {
                world.emit(UNSAVED);
            }
            written.ring();
        });
        Ok(())
    }

    async fn saved(&self) -> bool {
        breath().await;
        let writing = self.0.writing.borrow().clone();
        if let Some(writing) = writing {
            first_of(&[Some(&writing)]).await;
        }
        !self.0.unwritten.get()
    }

    fn address(&self) -> Option<String> {
        self.0.address.borrow().clone()
    }

    fn replace_address(&self, url: &str) {
        self.did(Effect::Address(url.into()));
        let here = self.0.address.borrow().clone();
        let there = self.parse_url(url, here.as_deref()).unwrap();
        *self.0.address.borrow_mut() = Some(there.href);
    }

    async fn leave(&self, url: &str) -> Error {
        self.did(Effect::Leave);
        self.0.left.borrow_mut().push(url.into());
        let back = self.0.back.borrow().clone();
        first_of(&[Some(&back)]).await;
        Code::Aborted.into()
    }

    fn schedule(&self, after: Option<Millis>) {
        self.0.scheduled.borrow_mut().push(after);
        self.0.tick_due.set(after.map(|after| self.0.browser.steady.get() + after));
    }

    fn emit(&self, event: Event<'_>) {
        self.0.told.borrow_mut().push(format!("{event:?}"));
        self.did(Effect::Told(match event {
            Event::SignedIn { .. } => "signed-in".into(),
            Event::Renewed { .. } => "renewed".into(),
            Event::RenewalFailed { error } => format!("renewal-failed {}", error.code().as_str()),
            Event::Expired => "expired".into(),
            Event::SignedOut { reason, .. } => format!("signed-out {reason}"),
            Event::Warning { code, .. } => format!("warning {code}"),
        }));
    }
}
