//! The third ring: the only place that touches the world, through web-sys.

pub mod call;
pub mod crypto;
pub mod fetch;
pub mod host;
pub mod location;
pub mod seal;
pub mod storage;
pub mod timer;
pub mod url;
