//! RFC 8628, section 3.5, and CIBA Core 1.0, section 11: how often a server may be asked whether the
//! person is done, and when to stop (R151, R152, R156). Whoever asks holds the value, so that there is
//! one question at a time.

use super::error::{Code, Error, Refusal};
use super::json::Object;
use super::time::{Millis, UnixMillis};
use super::token::{Reading, invalid, seconds};

/// Seconds between two questions where the server says nothing.
pub const INTERVAL: u32 = 5;

/// By how much a server that is asked too often slows a client down.
const SLOWER: Millis = 5000;

/// Seconds that a request waits for the person: a positive number that must be there.
pub(super) fn life(response: &Object, reading: Reading) -> Result<u32, Error> {
    let life = seconds(response, "expires_in", reading)?;
    life.filter(|seconds| *seconds > 0).ok_or_else(|| invalid("expires_in"))
}

/// Seconds between two questions; 0 says as little as no number.
pub(super) fn interval(response: &Object, reading: Reading) -> Result<u32, Error> {
    let interval = seconds(response, "interval", reading)?;
    Ok(interval.filter(|seconds| *seconds > 0).unwrap_or(INTERVAL))
}

/// When the next question may be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    interval: Millis,
    /// The wait under way: the interval, or what the server asked for.
    pause: Millis,
    since: UnixMillis,
    end: UnixMillis,
}

impl Poll {
    /// What the server prescribed, in seconds, in an answer that came just now. The first question
    /// waits, too.
    pub fn new(interval: u32, expires_in: u32, now: UnixMillis) -> Poll {
        let interval = Millis::from(interval) * 1000;
        let end = now + Millis::from(expires_in) * 1000;
        Poll { interval, pause: interval, since: now, end }
    }

    /// Milliseconds until the next question. Where none is left before the end, that is said at once,
    /// and the server is not asked.
    pub fn wait(&self, now: UnixMillis) -> Result<Millis, Error> {
        let next = self.since.saturating_add(self.pause);
        if next.max(now) >= self.end {
            let refusal = Refusal { error: "expired_token".into(), ..Refusal::default() };
            return Err(Error::new(Code::TokenError).detail("expires_in").refusal(refusal));
        }
        // A clock that was set back makes no wait longer.
        Ok((next - now).clamp(0, self.pause))
    }

    /// The server said that an answer is ready (CIBA, section 10.2): there is nothing to wait for.
    pub fn notified(&mut self) {
        self.pause = 0;
    }

    /// What was answered instead of tokens: go on, or the error that ends it.
    pub fn refused(&mut self, error: Error, now: UnixMillis) -> Result<(), Error> {
        match error.server_error() {
            Some("authorization_pending") => {}
            Some("slow_down") => self.interval = self.interval.saturating_add(SLOWER),
            // A lost answer or a busy server: twice the interval (section 3.5).
            _ if error.retryable() => self.interval = self.interval.saturating_mul(2),
            _ => return Err(error),
        }
        let asked = error.retry_after_seconds().map_or(0, |seconds| Millis::from(seconds) * 1000);
        self.pause = self.interval.max(asked);
        self.since = now;
        Ok(())
    }
}
