//! JWT Secured Authorization Response Mode (JARM): the answer of the authorization server, signed. None
//! of its parameters is used before its signature, issuer, audience and expiry are good (R058).

use super::callback::Params;
use super::error::{Code, Error};
use super::jws::{self, Algorithm, Unverified};
use super::jwt;
use super::metadata::Issuer;
use super::time::UnixMillis;

/// An answer that somebody signed.
pub struct Answer(Unverified);

/// Takes the value of `response` apart (section 2.1).
pub fn parse(raw: &str, allowed: &[Algorithm]) -> Result<Answer, Error> {
    jws::parse(raw, allowed, &["JWT"]).map(Answer).map_err(recoded)
}

impl Answer {
    /// Finds the key, and is what is checked with it.
    pub fn token(&self) -> &Unverified {
        &self.0
    }

    /// The parameters, if the signature is good and it is that server's answer to this client
    /// (section 2.4). `callback::accept` does the rest.
    pub fn open(
        self,
        good: bool,
        issuer: &Issuer,
        client_id: &str,
        now: UnixMillis,
        tolerance: i64,
    ) -> Result<Params, Error> {
        let claims = self.0.proven(good).map_err(recoded)?;
        if claims.text("iss") != Some(issuer.as_str()) {
            return Err(failed("iss"));
        }
        if jwt::audiences(&claims).map_err(failed)? != [client_id] {
            return Err(failed("aud"));
        }
        jwt::alive(&claims, now.div_euclid(1000), tolerance).map_err(failed)?;
        Params::signed(&claims)
    }
}

fn failed(claim: jwt::Failed) -> Error {
    Error::new(Code::JarmInvalid).detail(claim)
}

fn recoded(error: Error) -> Error {
    error.recoded(Code::JarmInvalid)
}
