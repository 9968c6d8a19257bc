//! Law 17: one request however many ask at once. What is shared is the host's signal and a slot for the
//! result; each waiter keeps its own patience, and when that ends, drops the shared entry and asks
//! itself, for on the edge the work of a request dies with it.

use alloc::borrow::ToOwned;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::Future;

use crate::protocol::error::{Code, Error};
use crate::protocol::time::Millis;

use super::host::{Host, Waited};

type Slot<T> = Rc<RefCell<Option<Result<T, Error>>>>;

struct Flight<H: Host, T> {
    key: String,
    id: u32,
    signal: H::Signal,
    slot: Slot<T>,
}

/// Work under way, by key.
pub struct Flights<H: Host, T> {
    host: H,
    patience: Option<Millis>,
    next: Cell<u32>,
    open: Rc<RefCell<Vec<Flight<H, T>>>>,
}

/// A place in a flight.
pub struct Seat<H: Host, T> {
    id: u32,
    leads: bool,
    signal: H::Signal,
    slot: Slot<T>,
}

impl<H: Host, T> Seat<H, T> {
    /// What the host wakes the waiters with.
    pub fn signal(&self) -> &H::Signal {
        &self.signal
    }
}

impl<H: Host, T: Clone + 'static> Flights<H, T> {
    /// With a patience, waiters do not trust that the work of another goes on.
    pub fn new(host: H, patience: Option<Millis>) -> Flights<H, T> {
        Flights {
            host,
            patience,
            next: Cell::new(0),
            open: Rc::default(),
        }
    }

    /// The flight of that key, or else a new one with that work. The work begins now.
    pub fn board<F>(&self, key: &str, work: impl FnOnce() -> F) -> Seat<H, T>
    where
        F: Future<Output = Result<T, Error>> + 'static,
    {
        if let Some(seat) = self.find(key) {
            return seat;
        }
        let id = self.next.get();
        self.next.set(id.wrapping_add(1));
        let slot: Slot<T> = Rc::default();
        let (open, result, work) = (self.open.clone(), slot.clone(), work());
        let signal = self.host.spawn(async move {
            let outcome = work.await;
            // Closed before it is told, so that nobody boards a flight that has landed.
            open.borrow_mut().retain(|flight| flight.id != id);
            *result.borrow_mut() = Some(outcome);
        });
        let flight = Flight {
            key: key.to_owned(),
            id,
            signal: signal.clone(),
            slot: slot.clone(),
        };
        self.open.borrow_mut().push(flight);
        Seat {
            id,
            leads: true,
            signal,
            slot,
        }
    }

    /// The flight of that key, if there is one.
    pub fn find(&self, key: &str) -> Option<Seat<H, T>> {
        let open = self.open.borrow();
        let flight = open.iter().find(|flight| flight.key == key)?;
        Some(Seat {
            id: flight.id,
            leads: false,
            signal: flight.signal.clone(),
            slot: flight.slot.clone(),
        })
    }

    /// Any flight.
    pub fn any(&self) -> Option<Seat<H, T>> {
        let key = self
            .open
            .borrow()
            .first()
            .map(|flight| flight.key.clone())?;
        self.find(&key)
    }

    /// Waits for a flight: its result, or `None` where this waiter lost patience.
    pub async fn arrive(
        &self,
        seat: &Seat<H, T>,
        abort: Option<&H::Abort>,
    ) -> Option<Result<T, Error>> {
        // The work has deadlines of its own: whoever leads can rely on them.
        let patience = if seat.leads { None } else { self.patience };
        let waited = self.host.wait(&seat.signal, patience, abort).await;
        if waited == Waited::Aborted {
            return Some(Err(Code::Aborted.into()));
        }
        let landed = seat.slot.borrow().clone();
        if landed.is_none() {
            self.open.borrow_mut().retain(|flight| flight.id != seat.id);
        }
        landed
    }

    /// One result for all who ask at once.
    pub async fn share<F>(
        &self,
        key: &str,
        abort: Option<&H::Abort>,
        work: impl Fn() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + 'static,
    {
        for _ in 0..2 {
            let seat = self.board(key, &work);
            if let Some(result) = self.arrive(&seat, abort).await {
                return result;
            }
        }
        work().await
    }
}
