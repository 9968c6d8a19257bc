//! RFC 7519, section 4.1: the registered claims that every kind of signed token has. What fails is
//! named by its claim; the kind of token says under which code.

use alloc::vec::Vec;

use super::json::{Json, Object};

/// The largest whole number that JavaScript's Date and Number keep exactly.
const EXACT: i64 = 1 << 53;

/// The claim that failed.
pub type Failed = &'static str;

/// A NumericDate in whole seconds, or absent.
pub fn date(claims: &Object, name: &'static str) -> Result<Option<i64>, Failed> {
    match claims.get(name).map(Json::as_floor) {
        None => Ok(None),
        Some(Some(seconds)) if (0..EXACT).contains(&seconds) => Ok(Some(seconds)),
        Some(_) => Err(name),
    }
}

/// `aud`: one or many.
pub fn audiences(claims: &Object) -> Result<Vec<&str>, Failed> {
    match claims.get("aud") {
        Some(Json::String(one)) => Ok([one.as_str()].into()),
        Some(many) => many.as_strings().ok_or("aud"),
        None => Err("aud"),
    }
}

/// `exp` must be there and ahead; `nbf`, if it is there, must not be. All in seconds.
pub fn alive(claims: &Object, now: i64, tolerance: i64) -> Result<(), Failed> {
    let exp = date(claims, "exp")?.ok_or("exp")?;
    if now - tolerance >= exp {
        return Err("exp");
    }
    if claims.get("nbf").is_some_and(|nbf| !matches!(nbf, Json::Number(_))) {
        return Err("malformed");
    }
    match date(claims, "nbf")? {
        Some(nbf) if nbf > now + tolerance => Err("nbf"),
        _ => Ok(()),
    }
}

/// `iat` must be there, not ahead and not older than that. All in seconds.
pub fn issued(claims: &Object, now: i64, tolerance: i64, oldest: i64) -> Result<(), Failed> {
    let iat = date(claims, "iat")?.ok_or("iat")?;
    let young = (now - oldest - tolerance..=now + tolerance).contains(&iat);
    if young { Ok(()) } else { Err("iat") }
}
