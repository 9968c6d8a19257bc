//! Timers and aborts as promises that can be called off: nothing is left behind (R008).

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

use crate::protocol::time::Millis;

use super::call::leave;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, after: f64, argument: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// A timer that is called off when dropped.
pub struct Timer(JsValue);

impl Timer {
    /// Calls a function once.
    pub fn start(callback: &Function, after: Millis) -> Timer {
        let after = after.clamp(0, i64::from(i32::MAX)) as f64;
        Timer(leave(|| set_timeout(callback, after, &JsValue::TRUE)))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.0);
    }
}

/// What stops a wait: time, or the caller.
pub struct Stop {
    promise: JsFuture,
    _timer: Option<Timer>,
    abort: Option<(AbortSignal, Function)>,
    resolve: Option<Function>,
}

/// Why a wait was stopped.
#[derive(Clone, Copy, PartialEq)]
pub enum Stopped {
    /// Time ran out.
    Late,
    /// The caller gave up.
    Aborted,
}

impl Stop {
    /// Arms both; either may be absent.
    pub fn new(after: Option<Millis>, abort: Option<&AbortSignal>) -> Stop {
        let (mut timer, mut listener, mut settle) = (None, None, None);
        let promise = Promise::new(&mut |resolve: Function, _| {
            settle = Some(resolve.clone());
            timer = after.map(|after| Timer::start(&resolve, after));
            if let Some(signal) = abort
                && signal.add_event_listener_with_callback("abort", &resolve).is_ok()
            {
                listener = Some((signal.clone(), resolve));
            }
        });
        Stop { promise: JsFuture::from(promise), _timer: timer, abort: listener, resolve: settle }
    }

    /// The work's result, or why it was stopped.
    pub async fn race<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        if self.abort.as_ref().is_some_and(|(signal, _)| signal.aborted()) {
            return Err(Stopped::Aborted);
        }
        let mut work = pin!(work);
        let mut stop = pin!(&mut self.promise);
        poll_fn(|context| {
            if let Poll::Ready(out) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(out));
            }
            match stop.as_mut().poll(context) {
                // The timer resolves with `true`, the event listener with an event.
                Poll::Ready(Ok(value)) if value == JsValue::TRUE => Poll::Ready(Err(Stopped::Late)),
                Poll::Ready(_) => Poll::Ready(Err(Stopped::Aborted)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        // A promise that never settles keeps what waits for it.
        if let Some(resolve) = &self.resolve {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
        if let Some((signal, resolve)) = &self.abort {
            let _ = signal.remove_event_listener_with_callback("abort", resolve);
        }
    }
}
