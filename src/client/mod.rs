//! The second ring: the order of things. Async, generic over [`host::Host`], tested natively with a
//! fake host and a hand-moved clock.

pub mod config;
pub mod dpop;
pub mod flight;
pub mod grants;
pub mod guard;
pub mod host;
pub mod keyring;
pub mod login;
pub mod machine;
pub mod record;
pub mod resource;
pub mod revocation;
pub mod server;
pub mod session;
pub mod shelf;
pub mod token_client;
pub mod tokens;
pub mod user_info;
pub mod vault;
