//! Law 11: options are read through a view of own properties, and a name that nobody reads is an error,
//! so that a mistyped security option is never ignored.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use js_sys::{Array, Function, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::client::config::{self, invalid};
use crate::client::token_client::Ask;
use crate::protocol::authorize::{SignIn, Wish};
use crate::protocol::error::{Code, Error};
use crate::protocol::json::{Json, Object as Members};
use crate::protocol::time::Millis;
use crate::web::call::{leave, property, text};
use crate::web::crypto;

use super::value::read_json;

// A proxy or a getter of the caller may throw: nothing may fly through this crate.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Object)]
    fn keys(object: &JsValue) -> Result<Array, JsValue>;
    #[wasm_bindgen(catch, js_namespace = Object)]
    fn entries(object: &JsValue) -> Result<Array, JsValue>;
}

/// Own properties of an object, and which of them were asked for. The first thing that is wrong is
/// kept until `finish`, so that reading is a list of names and nothing else.
pub struct View {
    object: JsValue,
    names: RefCell<Vec<String>>,
    wrong: RefCell<Option<Error>>,
}

impl View {
    /// `undefined` is an empty view.
    pub fn of(value: &JsValue) -> View {
        let names = match value.is_object() {
            true => leave(|| keys(value)).ok(),
            false => None,
        };
        let readable = names.is_some() || value.is_undefined();
        let names = names.unwrap_or_default().iter().filter_map(|key| key.as_string()).collect();
        let view =
            View { object: value.clone(), names: RefCell::new(names), wrong: RefCell::default() };
        if !readable {
            view.refuse("options");
        }
        view
    }

    /// Something is wrong with that name.
    #[cold]
    #[inline(never)]
    pub fn refuse(&self, name: &'static str) {
        self.wrong.borrow_mut().get_or_insert_with(|| invalid(name));
    }

    /// Everything was asked for, and was in order.
    pub fn finish(&self) -> Result<(), Error> {
        if let Some(error) = self.wrong.take() {
            return Err(error);
        }
        match self.names.borrow_mut().pop() {
            None => Ok(()),
            Some(name) => Err(Error::new(Code::ConfigInvalid).named(name)),
        }
    }

    /// The value of a name; `undefined` counts as absent.
    #[inline(never)]
    pub fn get(&self, name: &'static str) -> Option<JsValue> {
        {
            let mut names = self.names.borrow_mut();
            let at = names.iter().position(|known| known == name)?;
            names.swap_remove(at);
        }
        match leave(|| Reflect::get(&self.object, &name.into())) {
            Ok(value) if value.is_undefined() => None,
            Ok(value) => Some(value),
            Err(_) => {
                self.refuse(name);
                None
            }
        }
    }

    /// The value of a name, if it is what it must be.
    fn read<T>(&self, name: &'static str, how: impl FnOnce(&JsValue) -> Option<T>) -> Option<T> {
        let value = self.get(name)?;
        let read = how(&value);
        if read.is_none() {
            self.refuse(name);
        }
        read
    }

    /// A string.
    #[inline(never)]
    pub fn text(&self, name: &'static str) -> Option<String> {
        self.read(name, text)
    }

    /// One of the words that there are for something.
    #[cfg(feature = "client")]
    pub fn named<T>(&self, name: &'static str, by_name: fn(&str) -> Option<T>) -> Option<T> {
        self.read(name, |value| text(value).and_then(|text| by_name(&text)))
    }

    /// A string with something in it, that must be there.
    #[inline(never)]
    pub fn required(&self, name: &'static str) -> String {
        let text = self.text(name).unwrap_or_default();
        if text.is_empty() {
            self.refuse(name);
        }
        text
    }

    /// A boolean; absent is `otherwise`.
    #[inline(never)]
    pub fn flag(&self, name: &'static str, otherwise: bool) -> bool {
        self.read(name, JsValue::as_bool).unwrap_or(otherwise)
    }

    /// A whole number from 0 to 2^31 - 1.
    #[inline(never)]
    pub fn number(&self, name: &'static str) -> Option<u32> {
        self.read(name, |value| {
            let number = value.as_f64()?;
            let whole = number as u32;
            (f64::from(whole) == number && whole <= i32::MAX as u32).then_some(whole)
        })
    }

    /// A string, or an array of strings.
    #[inline(never)]
    pub fn strings(&self, name: &'static str) -> Vec<String> {
        self.read(name, strings).unwrap_or_default()
    }

    /// A function.
    #[inline(never)]
    pub fn function(&self, name: &'static str) -> Option<Function> {
        self.read(name, |value| value.dyn_ref::<Function>().cloned())
    }

    /// Anything that JSON holds.
    #[inline(never)]
    pub fn json(&self, name: &'static str) -> Option<Json> {
        self.read(name, |value| leave(|| read_json(value)))
    }

    /// A JSON object.
    #[inline(never)]
    pub fn members(&self, name: &'static str) -> Option<Members> {
        match self.json(name)? {
            Json::Object(members) => Some(members),
            _ => {
                self.refuse(name);
                None
            }
        }
    }

    /// The same where none at all and an empty list mean different things.
    #[cfg(feature = "client")]
    pub fn list(&self, name: &'static str) -> Option<Vec<String>> {
        self.read(name, strings)
    }

    /// Names with one value or several.
    #[inline(never)]
    pub fn parameters(&self, name: &'static str) -> Vec<(String, String)> {
        self.read(name, parameters).unwrap_or_default()
    }

    /// An AbortSignal.
    #[inline(never)]
    pub fn signal(&self) -> Option<AbortSignal> {
        self.read("signal", |value| {
            let signal = property(value, "addEventListener").is_function();
            signal.then(|| value.clone().unchecked_into())
        })
    }

    /// What a request may ask for.
    #[inline(never)]
    pub fn wish(&self) -> Wish {
        Wish {
            scope: self.text("scope").filter(|scope| !scope.is_empty()),
            resource: self.strings("resource"),
            audience: self.strings("audience"),
            acr_values: self.text("acrValues").filter(|values| !values.is_empty()),
            parameters: self.parameters("parameters"),
        }
    }

    /// The options of `fetch`.
    pub fn fetch(&self) -> Result<(Wish, Option<AbortSignal>), Error> {
        let options = (self.wish(), self.signal());
        self.finish()?;
        Ok(options)
    }

    /// How a token is wanted.
    #[inline(never)]
    pub fn ask(&self) -> Ask {
        Ask {
            wish: self.wish(),
            min_lifetime: Millis::from(self.number("minLifetime").unwrap_or(0)) * 1000,
            force: self.flag("forceRenewal", false),
            refused: None,
        }
    }

    /// What a sign-in asks for.
    #[inline(never)]
    pub fn sign_in(&self) -> Box<SignIn> {
        Box::new(SignIn {
            wish: self.wish(),
            prompt: self.text("prompt"),
            login_hint: self.text("loginHint"),
            ui_locales: self.text("uiLocales"),
            max_age: self.number("maxAge"),
            claims: self.members("claims"),
            authorization_details: self.json("authorizationDetails"),
            return_to: self.text("returnTo"),
            app_state: self.json("appState"),
            beside: false,
        })
    }

    /// What sessions and clients have in common.
    #[inline(never)]
    pub fn server(&self) -> Box<config::Options> {
        Box::new(config::Options {
            issuer: self.text("issuer"),
            discovery_url: self.text("discoveryUrl"),
            metadata: self.members("metadata").unwrap_or_default(),
            client_id: self.required("clientId"),
            wish: self.wish(),
            allowed_urls: self.allowed_urls(),
            base_url: self.text("baseUrl"),
            renew_before: self.number("renewBefore"),
            algorithms: self.read("idTokenAlgorithms", strings),
            trusted_audiences: self.strings("trustedAudiences"),
            clock_tolerance: self.number("clockTolerance"),
            timeout: self.number("timeout"),
            retry_methods: self.strings("retryMethods"),
            signed_user_info: self.flag("signedUserInfo", false),
            lenient: self.flag("lenient", false),
            dpop: false,
            pushed: self.read("pushedAuthorization", JsValue::as_bool),
            response_mode: None,
            insecure_http: self.flag("insecureHttp", false),
        })
    }

    /// Whether tokens are bound to a key, and to which, where the caller brings one.
    pub fn dpop(&self) -> (bool, Option<JsValue>) {
        let Some(given) = self.get("dpop") else { return (false, None) };
        if let Some(bound) = given.as_bool() {
            return (bound, None);
        }
        let inner = View::of(&given);
        let pair = inner.get("keyPair").filter(|pair| {
            let private = crypto::signing(&property(pair, "privateKey"));
            private.is_some() && property(pair, "publicKey").is_object()
        });
        if pair.is_none() || inner.finish().is_err() {
            self.refuse("dpop");
        }
        (true, pair)
    }

    fn allowed_urls(&self) -> Vec<(String, Wish)> {
        let Some(list) = self.get("allowedUrls") else { return Vec::new() };
        if !Array::is_array(&list) {
            self.refuse("allowedUrls");
        }
        let list = Array::from(&list);
        let entries = list.iter().map(|entry| {
            if let Some(url) = entry.as_string() {
                return (url, Wish::default());
            }
            let entry = View::of(&entry);
            let url = entry.required("url");
            let wish = Wish {
                scope: entry.text("scope"),
                resource: entry.strings("resource"),
                audience: entry.strings("audience"),
                ..Wish::default()
            };
            if entry.finish().is_err() {
                self.refuse("allowedUrls");
            }
            (url, wish)
        });
        entries.collect()
    }

    /// What is particular to a page.
    #[cfg(feature = "session")]
    pub fn page(&self) -> config::PageOptions {
        config::PageOptions {
            redirect_uri: self.required("redirectUri"),
            post_logout_redirect_uri: self.text("postLogoutRedirectUri"),
            front_channel_logout_uri: self.text("frontChannelLogoutUri"),
            background_renewal: self.flag("backgroundRenewal", true),
        }
    }
}

/// Names with one value or several.
pub fn parameters(value: &JsValue) -> Option<Vec<(String, String)>> {
    if !value.is_object() || Array::is_array(value) {
        return None;
    }
    let mut out = Vec::new();
    for entry in leave(|| entries(value)).ok()?.iter() {
        let entry: Array = entry.unchecked_into();
        let (key, value) = (text(&entry.get(0))?, entry.get(1));
        if !value.is_undefined() {
            out.extend(strings(&value)?.into_iter().map(|value| (key.clone(), value)));
        }
    }
    Some(out)
}

fn strings(value: &JsValue) -> Option<Vec<String>> {
    if Array::is_array(value) {
        return Array::from(value).iter().map(|item| text(&item)).collect();
    }
    Some(Vec::from([text(value)?]))
}
