//! HTML: a popup, opened in the click itself, or a hidden frame (R044). Closed, or taken out of the
//! document, when dropped.

use core::cell::RefCell;

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::*;

use crate::client::host::Sight;
use crate::protocol::error::{Code, Error};

use super::call::{global, leave, method, property};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = open)]
    fn open_window(url: &str, target: &str, features: &str) -> Result<JsValue, JsValue>;

    type Document;
    #[wasm_bindgen(method, catch, js_name = createElement)]
    fn create_element(this: &Document, name: &str) -> Result<JsValue, JsValue>;
}

/// A window beside the page.
pub enum Frame {
    /// Of its own.
    Popup(JsValue),
    /// In the document, from when it has an address.
    Hidden(RefCell<Option<JsValue>>),
}

impl Frame {
    /// Opens an empty popup, or makes ready a frame.
    pub fn open(popup: bool) -> Result<Frame, Error> {
        // The answer comes by it.
        for (name, there) in [
            ("page", global("document").is_object()),
            ("BroadcastChannel", global("BroadcastChannel").is_function()),
        ] {
            if !there {
                return Err(Error::new(Code::Unsupported).detail(name));
            }
        }
        if !popup {
            return Ok(Frame::Hidden(RefCell::default()));
        }
        match leave(|| open_window("", "_blank", "popup,width=500,height=680")) {
            Ok(window) if window.is_object() => Ok(Frame::Popup(window)),
            _ => Err(Code::PopupBlocked.into()),
        }
    }

    /// Goes to an address.
    pub fn steer(&self, url: &str) {
        match self {
            Frame::Popup(window) => {
                let location = property(window, "location");
                let replace = property(&location, "replace");
                if let Some(replace) = replace.dyn_ref::<Function>() {
                    let _ = replace.call1(&location, &url.into());
                }
            }
            Frame::Hidden(frame) => *frame.borrow_mut() = hidden(url),
        }
    }

    /// Where it is.
    pub fn sight(&self) -> Sight {
        match self {
            Frame::Hidden(_) => Sight::Near,
            Frame::Popup(window) if property(window, "closed") == JsValue::TRUE => Sight::Gone,
            // Of another origin nothing can be read.
            Frame::Popup(window) => {
                match property(&property(window, "location"), "href").is_string() {
                    true => Sight::Near,
                    false => Sight::Away,
                }
            }
        }
    }
}

fn hidden(url: &str) -> Option<JsValue> {
    let document: Document = global("document").unchecked_into();
    let frame = document.create_element("iframe").ok()?;
    for (name, value) in [
        ("hidden", JsValue::TRUE),
        ("title", "sign-in".into()),
        // No forms, no popups, no navigation of the page: there is nothing for a person to do.
        ("sandbox", "allow-scripts allow-same-origin".into()),
        ("src", url.into()),
    ] {
        Reflect::set(&frame, &name.into(), &value).ok()?;
    }
    let body = property(&document, "body");
    let append: Function = property(&body, "appendChild").dyn_into().ok()?;
    leave(|| append.call1(&body, &frame)).ok()?;
    Some(frame)
}

impl Drop for Frame {
    fn drop(&mut self) {
        match self {
            Frame::Popup(window) => {
                let _ = method(window, "close");
            }
            Frame::Hidden(frame) => {
                if let Some(frame) = frame.take() {
                    let _ = method(&frame, "remove");
                }
            }
        }
    }
}
