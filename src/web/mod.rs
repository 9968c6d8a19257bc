//! The third ring: the only place that touches the world, through web-sys.

pub mod call;
pub mod crypto;
pub mod fetch;
pub mod frame;
pub mod host;
pub mod keys;
pub mod location;
pub mod lock;
pub mod open;
pub mod resource;
pub mod seal;
pub mod shared;
pub mod storage;
pub mod tabs;
pub mod timer;
pub mod url;
