//! Law 15: requests under way are records keyed by state, with an expiry and a cap; never one slot,
//! never a lock. A record is removed before the first await that follows, and leaves a stub that says
//! that it was used.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::authorize::{LIFE, Pending};
use crate::protocol::error::{Code, Error};
use crate::protocol::json::{self, Json, Object};
use crate::protocol::time::{Millis, UnixMillis};

use super::config::Config;
use super::host::Page;

/// Records at the most; the oldest goes first (R045).
const RECORDS: usize = 20;

/// A name in the browser's storage: ours, of this version, of this client.
pub fn name(kind: &str, config: &Config, rest: &str) -> String {
    let mut out = String::from("grantkit.1.");
    for part in [kind, ".", &config.auth.id, ".", rest] {
        out.push_str(part);
    }
    out
}

/// What the shelf knows of a state.
#[derive(Debug)]
pub enum Found {
    /// A record, now removed.
    Pending(Box<Pending>),
    /// It was used, and where its page wanted to be.
    Used {
        /// A path of this origin.
        return_to: Option<String>,
    },
    /// It waited too long, and is removed.
    Expired,
    /// Nobody here sent it.
    Unknown,
}

/// Keeps a record; expired ones go, and the oldest beyond the cap.
pub fn put<P: Page>(page: &P, config: &Config, pending: &Pending) -> Result<(), Error> {
    purge(page, config, RECORDS - 1);
    let unavailable = |_| Error::from(Code::StorageUnavailable);
    page.set(&name("tx", config, &pending.state), &pending.to_json().to_text()).map_err(unavailable)
}

/// Takes the record of a state out.
pub fn take<P: Page>(page: &P, config: &Config, state: &str) -> Found {
    if state.contains('.') {
        return Found::Unknown;
    }
    let key = name("tx", config, state);
    let Ok(Some(text)) = page.get(&key) else {
        return Found::Unknown;
    };
    let Ok(object) = json::read_object(text.as_bytes()) else {
        page.remove(&key);
        return Found::Unknown;
    };
    let now = page.now();
    let used_at = object.get("used_at").and_then(Json::as_integer);
    if used_at.is_some_and(|at| now.abs_diff(at) <= LIFE.unsigned_abs()) {
        return Found::Used { return_to: object.text("return_to").map(ToOwned::to_owned) };
    }
    page.remove(&key);
    let Some(pending) = Pending::from_json(object).filter(|pending| pending.state == state) else {
        return Found::Unknown;
    };
    if !pending.alive(now) {
        return Found::Expired;
    }
    let mut stub = Object::new();
    stub.set_integer("used_at", Some(now)).set_text("return_to", pending.return_to.as_deref());
    // Without the stub a repetition is told as unknown instead of used: no harm.
    let _ = page.set(&key, &stub.to_text());
    Found::Pending(Box::new(pending))
}

/// Removes what expired or is damaged, and the oldest beyond a number.
pub fn purge<P: Page>(page: &P, config: &Config, keep: usize) {
    let now = page.now();
    let mut alive: Vec<(UnixMillis, String)> = Vec::new();
    let prefix = name("tx", config, "");
    for key in page.keys(&prefix) {
        // A state has no dot: what has one is of a client whose name only begins like this one's.
        if key.get(prefix.len()..).is_none_or(|state| state.contains('.')) {
            continue;
        }
        match page.get(&key).ok().flatten().and_then(|text| born(&text)) {
            Some(at) if now.abs_diff(at) <= LIFE.unsigned_abs() => alive.push((at, key)),
            _ => page.remove(&key),
        }
    }
    while alive.len() > keep {
        let oldest =
            alive.iter().enumerate().min_by_key(|(_, (at, _))| *at).map(|(index, _)| index);
        let (_, key) = alive.swap_remove(oldest.unwrap_or(0));
        page.remove(&key);
    }
}

fn born(text: &str) -> Option<UnixMillis> {
    let object = json::read_object(text.as_bytes()).ok()?;
    object.get("created_at").or_else(|| object.get("used_at"))?.as_integer()
}

/// So many callbacks within so long, and the next sign-in is refused: something sends the signed-in
/// person back to sign in.
const LOOP: (usize, Millis) = (5, 60_000);

fn arrivals<P: Page>(page: &P, config: &Config) -> Vec<UnixMillis> {
    let text = page.get(&name("loop", config, "")).ok().flatten().unwrap_or_default();
    let stored = json::read_object(text.as_bytes()).unwrap_or_default();
    let times = stored.get("at").and_then(Json::as_array).unwrap_or_default();
    let times = times.iter().filter_map(Json::as_integer);
    let now = page.now();
    times.filter(|at| now.abs_diff(*at) < LOOP.1.unsigned_abs()).collect()
}

/// Counts a callback that came back to its record.
pub fn arrived<P: Page>(page: &P, config: &Config) {
    let mut times = arrivals(page, config);
    times.push(page.now());
    let mut out = Object::new();
    out.set("at", Json::Array(times.into_iter().map(Json::integer).collect()));
    // Where storage refuses, no sign-in could have come back.
    let _ = page.set(&name("loop", config, ""), &out.to_text());
}

/// Whether sign-ins follow each other without end.
pub fn loops<P: Page>(page: &P, config: &Config) -> bool {
    arrivals(page, config).len() >= LOOP.0
}

/// Starts to count anew.
pub fn forget_arrivals<P: Page>(page: &P, config: &Config) {
    page.remove(&name("loop", config, ""));
}

/// A sign-out under way: where the person comes back to, and with which state.
#[derive(Debug)]
pub struct Leaving {
    /// As it was sent.
    pub state: String,
    /// A path of this origin.
    pub return_to: Option<String>,
}

/// Keeps a sign-out under way; there is one, for a person leaves once.
pub fn put_leaving<P: Page>(page: &P, config: &Config, leaving: &Leaving) {
    let mut out = Object::new();
    out.set("state", leaving.state.as_str().into())
        .set_integer("created_at", Some(page.now()))
        .set_text("return_to", leaving.return_to.as_deref());
    // Where storage refuses, the way back answers `none`: the person is signed out all the same.
    let _ = page.set(&name("out", config, ""), &out.to_text());
}

/// Takes the sign-out under way out, if there is one.
pub fn take_leaving<P: Page>(page: &P, config: &Config) -> Option<Leaving> {
    let key = name("out", config, "");
    let text = page.get(&key).ok().flatten()?;
    page.remove(&key);
    let object = json::read_object(text.as_bytes()).ok()?;
    let at = object.get("created_at").and_then(Json::as_integer)?;
    if page.now().abs_diff(at) > LIFE.unsigned_abs() {
        return None;
    }
    Some(Leaving {
        state: object.text("state")?.to_owned(),
        return_to: object.text("return_to").map(ToOwned::to_owned),
    })
}
