//! Ten thousand token lifetimes under a fast clock with random faults: lost requests, lost answers, half
//! bodies, 503, 429, tabs that die, reloads, clocks that jump, storage that is wiped. At the end nothing is
//! stuck. A refresh token whose answer arrived is never used again; after a lost answer there is at most
//! one more answer, and if that is a refusal the session ends with that reason.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use grantkit::client::session::Session;
use grantkit::client::token_client::Ask;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::http::Response;
use serde_json::json;

use crate::acts::{Setup, signed_in, token};
use crate::generator::Generator;
use crate::provider::{Provider, Reply, page, refusal};
use crate::world::{Call, World};

const LIFE: i64 = 600_000;
const LIFETIMES: usize = 10_000;

/// What became of a refresh token that was used.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// The new tokens came back: it is spent.
    Arrived,
    /// The server spent it, and its answer was lost.
    Lost,
    /// The server said that it is spent.
    Refused,
}

/// A token endpoint on a bad line, and what it saw.
#[derive(Default)]
struct Line {
    dice: RefCell<Option<Generator>>,
    fates: RefCell<BTreeMap<String, Fate>>,
    calm: Cell<bool>,
    renewals: Cell<usize>,
    lost: Cell<usize>,
    refused: Cell<usize>,
}

impl Line {
    fn roll(&self, sides: u64) -> u64 {
        let mut dice = self.dice.borrow_mut();
        let bytes = dice.get_or_insert_with(|| Generator::new(4711)).bytes();
        u64::from_le_bytes(bytes[..8].try_into().unwrap()) % sides
    }

    fn answer(&self, provider: &Provider, seen: &crate::provider::Seen, now: i64) -> Reply {
        let Some(used) = seen.get("refresh_token") else { return provider.own_answer(seen, now) };
        let fate = self.fates.borrow().get(used).copied();
        assert!(
            !matches!(fate, Some(Fate::Arrived | Fate::Refused)),
            "{used} was used again: {fate:?}"
        );
        let roll = if self.calm.get() { 0 } else { self.roll(100) };
        let tell = |fate: Fate| {
            self.fates.borrow_mut().insert(used.into(), fate);
        };
        match roll {
            // It never came here.
            90..94 => return Reply::Fail(Code::NetworkError),
            94 => return Reply::Fail(Code::Timeout),
            95 => return page(503),
            96 => {
                let Reply::Answer(busy) = page(429) else { panic!("an answer") };
                return Reply::Answer(Response { retry_after: Some("7".into()), ..busy });
            }
            97 => return refusal(401, "invalid_client"),
            _ => {}
        }
        let reply = provider.own_answer(seen, now);
        let Reply::Answer(response) = reply else { panic!("an answer") };
        if response.status != 200 {
            tell(Fate::Refused);
            self.refused.set(self.refused.get() + 1);
            return Reply::Answer(response);
        }
        match roll {
            98 => {
                tell(Fate::Lost);
                self.lost.set(self.lost.get() + 1);
                Reply::Fail(Code::NetworkError)
            }
            99 => {
                tell(Fate::Lost);
                self.lost.set(self.lost.get() + 1);
                let half = response.body[..response.body.len() / 2].to_vec();
                Reply::Answer(Response { body: half, ..response })
            }
            _ => {
                tell(Fate::Arrived);
                self.renewals.set(self.renewals.get() + 1);
                Reply::Answer(response)
            }
        }
    }
}

fn setup() -> Setup {
    let mut setup = Setup::plain();
    setup.options.wish.scope = Some("api offline_access".into());
    setup
}

struct Tab {
    world: World,
    session: Session<World>,
    calls: Vec<Call<Result<(), Error>>>,
}

impl Tab {
    fn asks(&mut self) {
        let session = self.session.clone();
        let call = self
            .world
            .request(async move { session.access_token(Ask::default(), None).await.map(|_| ()) });
        self.calls.push(call);
    }

    fn dies(&mut self) {
        for call in self.calls.drain(..) {
            self.world.end(&call);
        }
        self.world.kill();
    }
}

fn soak(first: World, lifetimes: usize) {
    let line = Rc::new(Line::default());
    let provider = first.provider().clone();
    provider.lives(json!(LIFE / 1000));
    let here: Weak<Provider> = Rc::downgrade(&provider);
    let at_work = line.clone();
    let clock = first.clone();
    provider.on("token", move |seen| {
        let provider = here.upgrade().unwrap();
        at_work.answer(&provider, seen, crate::acts::now(&clock))
    });
    let session = signed_in(&first, &setup());
    let mut tabs = vec![Tab { world: first.clone(), session, calls: Vec::new() }];
    let (mut ended, mut sign_ins) = (0, 1);
    for _ in 0..lifetimes {
        // The people and their machine.
        match line.roll(60) {
            0 if tabs.len() < 4 => {
                let world = tabs[0].world.duplicate();
                let session = setup().load(&world);
                tabs.push(Tab { world, session, calls: Vec::new() });
            }
            1 if tabs.len() > 1 => {
                let mut tab = tabs.pop().unwrap();
                tab.asks();
                tab.dies();
            }
            2 => first.set_clock((line.roll(7_200) as i64 - 3_600) * 1000),
            3 => {
                let at = line.roll(tabs.len() as u64) as usize;
                tabs[at].session.close();
                tabs[at].calls.clear();
                tabs[at].session = setup().load(&tabs[at].world);
            }
            4 => {
                let at = line.roll(tabs.len() as u64) as usize;
                tabs[at].world.tokens().map.borrow_mut().clear();
            }
            _ => {}
        }
        for tab in &mut tabs {
            tab.asks();
        }
        first.pass(LIFE);
        for tab in &mut tabs {
            tab.calls.retain(|call| {
                if call.open() {
                    return true;
                }
                if let Err(error) = call.result() {
                    let fine = error.retryable()
                        || error.login_required()
                        || error.server_error() == Some("invalid_client")
                        || error.code() == Code::ResponseNotJson;
                    assert!(fine, "{error:?}");
                }
                false
            });
            assert!(tab.calls.len() < 4, "calls that hang");
        }
        for tab in tabs.iter_mut().filter(|tab| !tab.session.signed_in()) {
            ended += 1;
            sign_ins += 1;
            line.calm.set(true);
            tab.session = signed_in(&tab.world, &setup());
            line.calm.set(false);
        }
        for tab in &tabs {
            tab.world.forget_the_past();
        }
    }
    // The line is good again: everyone has a token, and nothing waits any more.
    line.calm.set(true);
    first.pass(2 * LIFE);
    for tab in &mut tabs {
        assert!(tab.calls.iter().all(|call| !call.open()), "a call that hangs");
        if !tab.session.signed_in() {
            tab.session = signed_in(&tab.world, &setup());
        }
        token(&tab.world, &tab.session).unwrap();
    }
    assert_eq!(first.locks_held(), 0);
    assert!(first.timers_open() < 8, "{} timers", first.timers_open());
    // The faults were there, and were survived: sessions end by lost answers, wiped stores and dead tabs.
    assert!(line.renewals.get() > lifetimes / 2, "{} renewals", line.renewals.get());
    assert!(line.lost.get() > lifetimes / 200, "{} lost answers", line.lost.get());
    assert!(line.refused.get() > 0 && ended > 0);
    assert!(line.refused.get() <= 4 * line.lost.get() + 4 * sign_ins);
}

#[test]
fn a_soak_of_ten_thousand_lifetimes_in_tabs_that_share_a_store() {
    soak(World::local(), LIFETIMES);
}

#[test]
fn a_soak_of_ten_thousand_lifetimes_in_duplicated_tabs() {
    soak(World::new(), LIFETIMES);
}
