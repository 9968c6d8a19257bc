//! OpenID Connect Session Management 1.0, section 3: a frame of the server says whether the person's
//! session there is still the same (R163).

use alloc::string::String;

use super::time::{Millis, UnixMillis};

/// What the frame is asked (section 3.1).
pub fn question(client_id: &str, session_state: &str) -> String {
    let mut question = String::from(client_id);
    question.push(' ');
    question.push_str(session_state);
    question
}

/// What it said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The session is as it was.
    Unchanged,
    /// It is another one, or none: `prompt=none` tells, once.
    Changed,
    /// It does not know; nobody asks on.
    Unknown,
}

/// A message, if it is the frame's: from that very origin, and one of three words.
pub fn verdict(from: &str, frame_origin: &str, message: &str) -> Option<Verdict> {
    if from != frame_origin || from == "null" {
        return None;
    }
    match message {
        "unchanged" => Some(Verdict::Unchanged),
        "changed" => Some(Verdict::Changed),
        "error" => Some(Verdict::Unknown),
        _ => None,
    }
}

/// When the frame is asked, and what follows from its words: at most one silent sign-in in an interval,
/// however often it says so, and none when it does not know (section 3.1; A087).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    asked: Option<UnixMillis>,
    over: bool,
}

impl Watch {
    /// Whether a silent sign-in is to tell what changed.
    pub fn heard(&mut self, verdict: Verdict, interval: Millis, now: UnixMillis) -> bool {
        self.over |= verdict == Verdict::Unknown;
        let lately = self.asked.is_some_and(|at| now.abs_diff(at) < interval.unsigned_abs());
        let ask = verdict == Verdict::Changed && !self.over && !lately;
        if ask {
            self.asked = Some(now);
        }
        ask
    }

    /// Whether nobody asks any more.
    pub fn over(&self) -> bool {
        self.over
    }
}
