//! Law 17: one request however many ask at once. What is shared is the host's signal and a slot for the
//! result; each waiter keeps its own patience, and when that ends, drops the shared entry and asks
//! itself, for on the edge the work of a request dies with it.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use crate::protocol::error::{Code, Error};
use crate::protocol::json::Object;
use crate::protocol::time::Millis;

use super::host::{Host, Waited, Work};
use super::session::Arrived;
use super::tokens::AccessToken;

/// What a flight brings: one type for all, so that there is one copy of this file in the wasm.
#[derive(Clone)]
#[allow(missing_docs)]
pub enum Landed {
    Document(Rc<Object>),
    Token(Rc<AccessToken>),
    Callback(Rc<Arrived>),
}

type Slot = Rc<RefCell<Option<Result<Landed, Error>>>>;

struct Flight<H: Host> {
    key: String,
    id: u32,
    signal: H::Signal,
    slot: Slot,
}

/// Work under way, by key.
pub struct Flights<H: Host> {
    host: H,
    patience: Option<Millis>,
    next: Cell<u32>,
    open: Rc<RefCell<Vec<Flight<H>>>>,
}

/// A place in a flight.
pub struct Seat<H: Host> {
    id: u32,
    leads: bool,
    signal: H::Signal,
    slot: Slot,
}

impl<H: Host> Flights<H> {
    /// With a patience, waiters do not trust that the work of another goes on.
    pub fn new(host: H, patience: Option<Millis>) -> Flights<H> {
        Flights { host, patience, next: Cell::new(0), open: Rc::default() }
    }

    /// The flight of that key, or else a new one with that work. The work begins when this returned.
    pub fn board(&self, key: &str, work: &dyn Fn() -> Work<Result<Landed, Error>>) -> Seat<H> {
        if let Some(seat) = self.find(key) {
            return seat;
        }
        let id = self.next.get();
        self.next.set(id.wrapping_add(1));
        let slot: Slot = Rc::default();
        let (open, result, work) = (self.open.clone(), slot.clone(), work());
        let signal = self.host.spawn(Box::pin(async move {
            let outcome = work.await;
            // Closed before it is told, so that nobody boards a flight that has landed.
            open.borrow_mut().retain(|flight| flight.id != id);
            *result.borrow_mut() = Some(outcome);
        }));
        let flight = Flight { key: key.to_owned(), id, signal: signal.clone(), slot: slot.clone() };
        self.open.borrow_mut().push(flight);
        Seat { id, leads: true, signal, slot }
    }

    /// The flight of that key, if there is one.
    pub fn find(&self, key: &str) -> Option<Seat<H>> {
        self.open.borrow().iter().find(|flight| flight.key == key).map(seat)
    }

    /// Any flight whose key starts so.
    pub fn any(&self, line: &str) -> Option<Seat<H>> {
        self.open.borrow().iter().find(|flight| flight.key.starts_with(line)).map(seat)
    }

    /// Waits for a flight: its result, or `None` where this waiter lost patience.
    pub async fn arrive(
        &self,
        seat: &Seat<H>,
        abort: Option<&H::Abort>,
    ) -> Option<Result<Landed, Error>> {
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
    pub async fn share(
        &self,
        key: &str,
        abort: Option<&H::Abort>,
        work: &dyn Fn() -> Work<Result<Landed, Error>>,
    ) -> Result<Landed, Error> {
        // Each round has one leader among those who wait: nobody hangs, and the server sees one request
        // for each patience, however many wait.
        let mut missed: Vec<Slot> = Vec::new();
        loop {
            if abort.is_some_and(|abort| self.host.aborted(abort)) {
                return Err(Code::Aborted.into());
            }
            let seat = self.board(key, work);
            if let Some(result) = self.arrive(&seat, abort).await {
                return result;
            }
            missed.push(seat.slot);
            // A flight that was given up may have landed all the same.
            if let Some(result) = missed.iter().find_map(|slot| slot.borrow().clone()) {
                return result;
            }
        }
    }
}

fn seat<H: Host>(flight: &Flight<H>) -> Seat<H> {
    let (signal, slot) = (flight.signal.clone(), flight.slot.clone());
    Seat { id: flight.id, leads: false, signal, slot }
}

impl Landed {
    /// A document.
    pub fn document(self) -> Result<Rc<Object>, Error> {
        match self {
            Landed::Document(document) => Ok(document),
            _ => Err(Code::InstancePoisoned.into()),
        }
    }

    /// A token.
    pub fn token(self) -> Result<Rc<AccessToken>, Error> {
        match self {
            Landed::Token(token) => Ok(token),
            _ => Err(Code::InstancePoisoned.into()),
        }
    }
}
