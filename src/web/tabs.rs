//! HTML: BroadcastChannel, and the events that tell that a page is looked at again. Nothing is opened
//! where there is no page: a channel would keep a server's process alive.

use alloc::string::String;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::EventTarget;

use super::call::{global, leave, property};
use super::location::window;

#[wasm_bindgen]
extern "C" {
    type BroadcastChannel;
    #[wasm_bindgen(constructor, catch)]
    fn new(name: &str) -> Result<BroadcastChannel, JsValue>;
    #[wasm_bindgen(method, catch, js_name = postMessage)]
    fn post_message(this: &BroadcastChannel, message: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter)]
    fn set_onmessage(this: &BroadcastChannel, listener: &Function);
    #[wasm_bindgen(method)]
    fn close(this: &BroadcastChannel);
}

/// The other tabs of this client; closed when dropped.
pub struct Channel {
    channel: BroadcastChannel,
    _hear: Closure<dyn FnMut(JsValue)>,
}

impl Channel {
    /// Hears every text that another tab tells.
    pub fn open(name: &str, mut hear: impl FnMut(String) + 'static) -> Option<Channel> {
        if window().is_none() || !global("BroadcastChannel").is_function() {
            return None;
        }
        let channel = BroadcastChannel::new(name).ok()?;
        let hear = Closure::new(move |event: JsValue| {
            if let Some(text) = property(&event, "data").as_string() {
                hear(text);
            }
        });
        channel.set_onmessage(hear.as_ref().unchecked_ref());
        Some(Channel { channel, _hear: hear })
    }

    /// Tells all other tabs.
    pub fn tell(&self, message: &str) {
        let _ = leave(|| self.channel.post_message(message));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.close();
    }
}

/// Where a listener is told that the page is looked at again or reaches the network again.
const WAKING: [(&str, &str); 3] =
    [("document", "visibilitychange"), ("window", "pageshow"), ("window", "online")];

/// A listener for the page's return; taken off when dropped.
pub struct Wake(Closure<dyn FnMut(JsValue)>);

impl Wake {
    /// Listens, where there is a page, and says whether that comes out of the back/forward cache.
    pub fn new(mut listener: impl FnMut(bool) + 'static) -> Wake {
        let wake = Wake(Closure::new(move |event: JsValue| {
            listener(property(&event, "persisted") == JsValue::TRUE);
        }));
        wake.each(|target, event, listener| {
            let _ = target.add_event_listener_with_callback(event, listener);
        });
        wake
    }

    /// The listener itself, for a timer.
    pub fn function(&self) -> &Function {
        self.0.as_ref().unchecked_ref()
    }

    fn each(&self, act: impl Fn(&EventTarget, &str, &Function)) {
        if window().is_none() {
            return;
        }
        for (target, event) in WAKING {
            let target: EventTarget = global(target).unchecked_into();
            leave(|| act(&target, event, self.function()));
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.each(|target, event, listener| {
            let _ = target.remove_event_listener_with_callback(event, listener);
        });
    }
}
