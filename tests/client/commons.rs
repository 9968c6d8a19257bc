//! A store that isolates share: it may keep turns, and each of its calls may work, fail, or never answer.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use grantkit::client::host::Call;
use grantkit::protocol::time::UnixMillis;

use crate::world::Bell;

/// How a call to the store ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Fate {
    #[default]
    Works,
    Fails,
    /// No answer, ever.
    Hangs,
    /// Something that is neither a text nor nothing.
    Lies,
}

#[derive(Default)]
pub(crate) struct Commons {
    pub(crate) map: RefCell<BTreeMap<String, String>>,
    /// With what expiry each value was put.
    pub(crate) until: RefCell<Vec<UnixMillis>>,
    /// `get`, `set` and so on, in order.
    pub(crate) calls: RefCell<Vec<&'static str>>,
    keeps_turns: Cell<bool>,
    turns: RefCell<BTreeSet<String>>,
    fates: RefCell<BTreeMap<&'static str, Fate>>,
    news: RefCell<Bell>,
}

impl Commons {
    pub(crate) fn new() -> Rc<Commons> {
        Rc::default()
    }

    /// As the Durable Object does.
    pub(crate) fn with_turns() -> Rc<Commons> {
        let commons = Commons::new();
        commons.keeps_turns.set(true);
        commons
    }

    pub(crate) fn fated(&self, call: &'static str, fate: Fate) {
        self.fates.borrow_mut().insert(call, fate);
    }

    pub(crate) fn calls(&self, call: &str) -> usize {
        self.calls.borrow().iter().filter(|known| **known == call).count()
    }

    /// The one value that is there, and its name.
    pub(crate) fn only(&self) -> (String, String) {
        let map = self.map.borrow();
        assert_eq!(map.len(), 1, "{:?}", map.keys());
        let (name, value) = map.iter().next().unwrap();
        (name.clone(), value.clone())
    }

    /// Somebody writes what he wants.
    pub(crate) fn forge(&self, name: &str, value: &str) {
        self.map.borrow_mut().insert(name.into(), value.into());
    }

    // ── what a world does with it ────────────────────────────────────────────────────────────────

    pub(crate) fn called(&self, call: &'static str) -> Fate {
        self.calls.borrow_mut().push(call);
        self.fates.borrow().get(call).copied().unwrap_or_default()
    }

    /// What a call brings, or what to wait for.
    pub(crate) fn answer(&self, call: Call<'_>, name: &str) -> Result<Option<String>, Bell> {
        let value = self.map.borrow().get(name).cloned();
        match call {
            Call::Get => return Ok(value),
            Call::Set(value, until) => {
                self.until.borrow_mut().push(until);
                self.forge(name, value);
                self.end_turn(name);
            }
            Call::Delete => drop(self.map.borrow_mut().remove(name)),
            Call::Acquire(seen) if self.keeps_turns.get() => {
                if value.as_deref() != seen && value.is_some() {
                    return Ok(value);
                }
                if !self.turns.borrow_mut().insert(name.into()) {
                    return Err(self.news.borrow().clone());
                }
            }
            Call::Acquire(_) => {}
            Call::Release => self.end_turn(name),
        }
        Ok(None)
    }

    /// Also what happens to a turn that was not used in time.
    pub(crate) fn end_turn(&self, name: &str) {
        self.turns.borrow_mut().remove(name);
        self.news.take().ring();
    }

    /// The name of the one turn that somebody has.
    pub(crate) fn held(&self) -> Option<String> {
        self.turns.borrow().first().cloned()
    }
}
