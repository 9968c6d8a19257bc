//! OpenID Connect Session Management 1.0, section 3: a frame of the server says whether the person's
//! session there is still the same (R163).

use alloc::string::String;

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
