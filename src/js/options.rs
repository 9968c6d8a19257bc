//! Law 11: options are read through a view of own properties, and a name that nobody reads is an error,
//! so that a mistyped security option is never ignored.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use js_sys::{Array, Function, JsString, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::client::config::{Options, PageOptions};
use crate::client::token_client::Ask;
use crate::protocol::authorize::{SignIn, Wish};
use crate::protocol::error::{Code, Error};
use crate::protocol::json::{Json, Object as Members};
use crate::protocol::time::Millis;
use crate::web::call::{leave, property};

use super::value::read_json;

/// Own properties of an object, and which of them were asked for.
pub struct View {
    object: JsValue,
    names: RefCell<Vec<String>>,
}

impl View {
    /// `undefined` is an empty view.
    pub fn of(value: &JsValue, name: &'static str) -> Result<View, Error> {
        let names = match value {
            value if value.is_undefined() => Vec::new(),
            value if value.is_object() => Object::keys(value.unchecked_ref::<Object>())
                .iter()
                .filter_map(|key| key.as_string())
                .collect(),
            _ => return Err(invalid(name)),
        };
        Ok(View {
            object: value.clone(),
            names: RefCell::new(names),
        })
    }

    /// The value of a name; `undefined` counts as absent.
    pub fn get(&self, name: &'static str) -> Result<Option<JsValue>, Error> {
        let known = {
            let mut names = self.names.borrow_mut();
            let at = names.iter().position(|known| known == name);
            at.map(|at| names.swap_remove(at)).is_some()
        };
        if !known {
            return Ok(None);
        }
        let value =
            leave(|| Reflect::get(&self.object, &name.into())).map_err(|_| invalid(name))?;
        Ok(if value.is_undefined() {
            None
        } else {
            Some(value)
        })
    }

    /// Everything was asked for.
    pub fn finish(&self) -> Result<(), Error> {
        match self.names.borrow().first() {
            None => Ok(()),
            Some(name) => Err(Error::new(Code::ConfigInvalid).detail(name.clone())),
        }
    }

    /// A string.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        self.get(name)?.map(|value| text(&value, name)).transpose()
    }

    /// A string that must be there.
    pub fn required(&self, name: &'static str) -> Result<String, Error> {
        match self.text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(invalid(name)),
        }
    }

    /// A boolean; absent is false.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, Error> {
        self.get(name)?
            .map(|value| value.as_bool().ok_or_else(|| invalid(name)))
            .transpose()
    }

    /// A whole number from 0 to 2^31 - 1.
    pub fn number(&self, name: &'static str) -> Result<Option<u32>, Error> {
        let Some(value) = self.get(name)? else {
            return Ok(None);
        };
        let number = value.as_f64().ok_or_else(|| invalid(name))?;
        let whole = number as u32;
        if f64::from(whole) == number && whole <= i32::MAX as u32 {
            Ok(Some(whole))
        } else {
            Err(invalid(name))
        }
    }

    /// A string, or an array of strings.
    pub fn strings(&self, name: &'static str) -> Result<Vec<String>, Error> {
        self.get(name)?
            .map_or(Ok(Vec::new()), |value| strings(&value, name))
    }

    /// A function.
    pub fn function(&self, name: &'static str) -> Result<Option<Function>, Error> {
        self.get(name)?
            .map(|value| value.dyn_into().map_err(|_| invalid(name)))
            .transpose()
    }

    /// Anything that JSON holds.
    pub fn json(&self, name: &'static str) -> Result<Option<Json>, Error> {
        self.get(name)?
            .map(|value| leave(|| read_json(&value)).ok_or_else(|| invalid(name)))
            .transpose()
    }

    /// A JSON object.
    pub fn members(&self, name: &'static str) -> Result<Option<Members>, Error> {
        match self.json(name)? {
            None => Ok(None),
            Some(Json::Object(members)) => Ok(Some(members)),
            Some(_) => Err(invalid(name)),
        }
    }

    /// Names with one value or several.
    pub fn parameters(&self, name: &'static str) -> Result<Vec<(String, String)>, Error> {
        let Some(value) = self.get(name)? else {
            return Ok(Vec::new());
        };
        if !value.is_object() || Array::is_array(&value) {
            return Err(invalid(name));
        }
        let mut out = Vec::new();
        for entry in Object::entries(value.unchecked_ref::<Object>()).iter() {
            let entry: Array = entry.unchecked_into();
            let key = text(&entry.get(0), name)?;
            if entry.get(1).is_undefined() {
                continue;
            }
            for value in strings(&entry.get(1), name)? {
                out.push((key.clone(), value));
            }
        }
        Ok(out)
    }

    /// An AbortSignal.
    pub fn signal(&self) -> Result<Option<AbortSignal>, Error> {
        let Some(value) = self.get("signal")? else {
            return Ok(None);
        };
        if property(&value, "addEventListener").is_function() {
            Ok(Some(value.unchecked_into()))
        } else {
            Err(invalid("signal"))
        }
    }

    /// What a request may ask for.
    pub fn wish(&self) -> Result<Wish, Error> {
        Ok(Wish {
            scope: self.text("scope")?.filter(|scope| !scope.is_empty()),
            resource: self.strings("resource")?,
            audience: self.strings("audience")?,
            acr_values: self.text("acrValues")?.filter(|values| !values.is_empty()),
            parameters: self.parameters("parameters")?,
        })
    }

    /// How a token is wanted.
    pub fn ask(&self) -> Result<Ask, Error> {
        Ok(Ask {
            wish: self.wish()?,
            min_lifetime: Millis::from(self.number("minLifetime")?.unwrap_or(0)) * 1000,
            force: self.flag("forceRenewal")?.unwrap_or(false),
            refused: None,
        })
    }

    /// What a sign-in asks for.
    pub fn sign_in(&self) -> Result<SignIn, Error> {
        Ok(SignIn {
            wish: self.wish()?,
            prompt: self.text("prompt")?,
            login_hint: self.text("loginHint")?,
            ui_locales: self.text("uiLocales")?,
            max_age: self.number("maxAge")?,
            claims: self.members("claims")?,
            authorization_details: self.json("authorizationDetails")?,
            return_to: self.text("returnTo")?,
            app_state: self.json("appState")?,
        })
    }

    /// What sessions and clients have in common.
    pub fn server(&self) -> Result<Options, Error> {
        let mut allowed_urls = Vec::new();
        if let Some(list) = self.get("allowedUrls")? {
            if !Array::is_array(&list) {
                return Err(invalid("allowedUrls"));
            }
            for entry in Array::from(&list).iter() {
                if let Some(url) = entry.as_string() {
                    allowed_urls.push((url, Wish::default()));
                    continue;
                }
                let entry = View::of(&entry, "allowedUrls")?;
                let url = entry.required("url")?;
                let wish = Wish {
                    scope: entry.text("scope")?,
                    resource: entry.strings("resource")?,
                    audience: entry.strings("audience")?,
                    ..Wish::default()
                };
                entry.finish()?;
                allowed_urls.push((url, wish));
            }
        }
        let algorithms = match self.get("idTokenAlgorithms")? {
            None => None,
            Some(value) => Some(strings(&value, "idTokenAlgorithms")?),
        };
        Ok(Options {
            issuer: self.text("issuer")?,
            discovery_url: self.text("discoveryUrl")?,
            metadata: self.members("metadata")?.unwrap_or_default(),
            client_id: self.required("clientId")?,
            wish: self.wish()?,
            allowed_urls,
            base_url: self.text("baseUrl")?,
            renew_before: self.number("renewBefore")?,
            algorithms,
            trusted_audiences: self.strings("trustedAudiences")?,
            clock_tolerance: self.number("clockTolerance")?,
            timeout: self.number("timeout")?,
            retry_methods: self.strings("retryMethods")?,
            lenient: self.flag("lenient")?.unwrap_or(false),
            insecure_http: self.flag("insecureHttp")?.unwrap_or(false),
        })
    }

    /// What is particular to a page.
    pub fn page(&self) -> Result<PageOptions, Error> {
        Ok(PageOptions {
            redirect_uri: self.required("redirectUri")?,
            post_logout_redirect_uri: self.text("postLogoutRedirectUri")?,
            background_renewal: self.flag("backgroundRenewal")?.unwrap_or(true),
        })
    }
}

/// A string that can be sent: lone surrogates have no encoding (A026).
pub fn text(value: &JsValue, name: &'static str) -> Result<String, Error> {
    match value.dyn_ref::<JsString>() {
        Some(text) if text.is_valid_utf16() => Ok(text.into()),
        _ => Err(invalid(name)),
    }
}

fn strings(value: &JsValue, name: &'static str) -> Result<Vec<String>, Error> {
    if Array::is_array(value) {
        return Array::from(value)
            .iter()
            .map(|item| text(&item, name))
            .collect();
    }
    Ok(Vec::from([text(value, name)?]))
}

/// An option that is missing or malformed.
pub fn invalid(name: &'static str) -> Error {
    Error::new(Code::ConfigInvalid).detail(name)
}
