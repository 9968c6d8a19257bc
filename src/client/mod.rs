//! The second ring: the order of things. Async, generic over [`host::Host`], tested natively with a
//! fake host and a hand-moved clock.

pub mod ciba;
pub mod config;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod flight;
pub mod grants;
pub mod guard;
pub mod host;
pub mod introspection;
pub mod keyring;
pub mod login;
pub mod logout_token;
pub mod machine;
pub mod poll;
pub mod pushed;
pub mod record;
pub mod registration;
pub mod resource;
pub mod rest;
pub mod revocation;
pub mod server;
pub mod session;
pub mod shelf;
pub mod third_party;
pub mod token_client;
pub mod tokens;
pub mod user_info;
pub mod vault;
