//! The third ring: the only place that touches the world, through web-sys. What Rust programs call is
//! [`session`] and [`token_client`], whose names stand at the root of the crate, too.

pub mod call;
pub mod crypto;
pub mod events;
pub mod fetch;
pub mod frame;
pub mod host;
pub mod keys;
pub mod location;
pub mod lock;
pub mod open;
pub mod options;
pub mod resource;
pub mod seal;
pub mod session;
pub mod shared;
pub mod storage;
pub mod tabs;
pub mod timer;
pub mod token_client;
pub mod url;
