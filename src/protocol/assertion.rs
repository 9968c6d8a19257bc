//! RFC 7521 and RFC 7523: a signed statement instead of a person's consent.

use super::error::{Code, Error};
use super::form::Form;
use super::secret::Secret;

/// RFC 7523, section 2.1.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// An assertion as a grant (RFC 7523, section 2.1).
pub fn grant(assertion: &Secret) -> Result<Form, Error> {
    if assertion.expose().is_empty() {
        return Err(Error::new(Code::ConfigInvalid).detail("assertion"));
    }
    let mut grant = Form::new();
    grant.push("grant_type", GRANT).push("assertion", assertion.expose());
    Ok(grant)
}
