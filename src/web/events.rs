//! Who listens to a session in Rust. A listener may subscribe, unsubscribe and call the session.

use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use crate::client::host::Event;

/// Warnings from before the first listener; not more than somebody could read.
const EARLY: usize = 20;

type Listener = Rc<dyn Fn(&Event<'_>)>;

/// The listeners of one session.
#[derive(Default)]
pub(super) struct Listeners {
    next: Cell<u32>,
    all: RefCell<Vec<(u32, Listener)>>,
    early: RefCell<Vec<(&'static str, &'static str)>>,
}

impl Listeners {
    /// Tells them all.
    pub(super) fn tell(&self, event: &Event<'_>) {
        let all = self.all.borrow().clone();
        if let (Event::Warning { code, message }, true) = (event, all.is_empty()) {
            let mut early = self.early.borrow_mut();
            if early.len() < EARLY {
                early.push((code, message));
            }
        }
        for (id, listener) in all {
            // One that heard before it may have sent it away.
            let stays = self.all.borrow().iter().any(|(known, _)| *known == id);
            if stays {
                listener(event);
            }
        }
    }

    /// Takes one in; it hears of what nobody heard.
    pub(super) fn add(self: &Rc<Self>, listener: Listener) -> Subscription {
        let id = self.next.get();
        self.next.set(id.wrapping_add(1));
        self.all.borrow_mut().push((id, listener.clone()));
        for (code, message) in self.early.take() {
            listener(&Event::Warning { code, message });
        }
        Subscription { id, listeners: Rc::downgrade(self) }
    }

    /// Nobody listens any more.
    pub(super) fn clear(&self) {
        drop(self.all.take());
    }

    fn remove(&self, id: u32) {
        let mut all = self.all.borrow_mut();
        let at = all.iter().position(|(known, _)| *known == id);
        let gone = at.map(|at| all.remove(at));
        drop(all);
        // What it holds may have listeners of its own.
        drop(gone);
    }
}

/// A listener that hears until this is dropped.
#[must_use = "the listener hears nothing once this is dropped"]
pub struct Subscription {
    id: u32,
    listeners: Weak<Listeners>,
}

impl Subscription {
    /// Lets it hear as long as the session lives.
    pub fn keep(mut self) {
        self.listeners = Weak::new();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(listeners) = self.listeners.upgrade() {
            listeners.remove(self.id);
        }
    }
}
