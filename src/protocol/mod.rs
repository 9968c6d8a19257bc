//! The first ring: values and pure functions that could be printed in an RFC. No clock, randomness,
//! network, storage or JavaScript; each exchange is a pair of `request` and `response` (law 1).

pub mod access_token;
pub mod assertion;
pub mod authorize;
pub mod base64url;
pub mod callback;
pub mod challenge;
pub mod check_session;
pub mod ciba;
pub mod client_auth;
pub mod device;
pub mod dpop;
pub mod dpop_proof;
pub mod error;
pub mod exchange;
pub mod fields;
pub mod form;
pub mod http;
pub mod id_token;
pub mod initiate;
pub mod introspect;
pub mod jar;
pub mod jarm;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod jwt;
pub mod logout;
pub mod logout_token;
pub mod metadata;
pub mod par;
pub mod pkce;
pub mod poll;
pub mod register;
pub mod resource_metadata;
pub mod revoke;
pub mod sealed;
pub mod secret;
pub mod text;
pub mod time;
pub mod token;
pub mod url;
pub mod userinfo;

#[cfg(test)]
pub(crate) mod testing;
