//! A server that wants to be left alone, or fails time and again, is: until then the error that said so
//! is answered, and nothing sent.

use crate::protocol::error::Error;
use crate::protocol::time::{Millis, UnixMillis};

/// Until when, and with what answer.
#[derive(Default)]
pub struct Rest(Option<(UnixMillis, Error)>);

impl Rest {
    /// Rests for so long from now on.
    pub fn begin(&mut self, now: UnixMillis, length: Millis, error: Error) {
        self.0 = Some((now.saturating_add(length), error));
    }

    /// There is nothing to wait for any more.
    pub fn end(&mut self) {
        self.0 = None;
    }

    /// The error, as long as the rest lasts. `longest` is as long as any rest may be.
    pub fn over(&self, now: UnixMillis, longest: Millis) -> Result<(), Error> {
        match &self.0 {
            // A clock that was set back makes the rest look longer.
            Some((until, error)) if (1..=longest).contains(&until.saturating_sub(now)) => {
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }
}
