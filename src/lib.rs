//! # grantkit
//!
//! An OAuth 2.0 and OpenID Connect client for browsers and the edge. This page is the architecture.
//!
//! ## Four rings
//!
//! | ring | what is in it | what it may name |
//! |---|---|---|
//! | [`protocol`] | values and pure functions that could be printed in an RFC | nothing of the world: no clock, randomness, network, storage, JavaScript |
//! | [`client`] | the order of things: async, generic over [`client::host::Host`] | `protocol` |
//! | `web` | the only place that touches the world, through web-sys | `client`, `protocol` |
//! | `js` | the only place that JavaScript sees | all of the above |
//!
//! Around them stand the hand-written files in `js/`: the public objects, a private handle each, and how
//! each runtime finds the bytes. `web` and `js` exist on wasm32 alone, so that a native `cargo test`
//! proves that the first two rings are pure. `js` has two halves, each behind a feature: a page loads
//! `session` alone, so that it never grows by what only servers use.
//!
//! ## Laws
//!
//! 1. A pair for each exchange: `request(..)` and `response(..)`; the I/O happens between them.
//! 2. Effects are arguments: time and random bytes come in.
//! 3. Parse, don't validate: what was checked is a type. [`protocol::callback::Code`] comes only out of
//!    [`protocol::callback::accept`], [`protocol::id_token::Claims`] only out of a verified token.
//! 4. Compare what was sent: issuer, redirect URI, state and nonce as exact text.
//! 5. Errors say whose fault, with a stable code; a server's text stays in its own field.
//! 6. Secrets are typed, redacted, wiped; `expose` is the only way out.
//! 7. Danger is spelled out: each opt-out is its own option named `insecure…`.
//! 8. No panics: a trap in wasm cannot be caught. The lints in `Cargo.toml` deny them.
//! 9. Async exports clone an `Rc` and return a promise; no borrow lives across an await, nor while
//!    JavaScript runs.
//! 10. One way in: one strict JSON reader for servers and stores. One way out: one writer.
//! 11. Unknown options are errors.
//! 15. Sign-ins under way are records keyed by state; a record is removed before the first await.
//! 16. Only a final answer ends a session.
//! 17. On the edge a request owns its work: waiters lose patience and ask themselves.
//!
//! (12 to 14 concern the npm package: hand-written types, few public objects, pinned files.)
//!
//! ## Intentional omissions
//!
//! Implicit and hybrid flows, PKCE `plain`, symmetric and absent signatures of id_tokens, encrypted
//! tokens, redirects on the back channel, tokens in URLs, and a way to switch a check off without
//! saying `insecure`.

// Tests may fail by panicking.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

extern crate alloc;

pub mod client;
pub mod protocol;

#[cfg(all(target_arch = "wasm32", any(feature = "session", feature = "client")))]
mod js;
#[cfg(all(target_arch = "wasm32", feature = "web"))]
pub mod web;

pub use client::grants::Exchange;
pub use client::host::Event;
pub use client::session::{Answer, SignOut};
pub use client::token_client::Ask;
pub use protocol::authorize::{SignIn, Wish};
pub use protocol::error::{Code, Error};
pub use protocol::secret::Secret;

#[cfg(all(target_arch = "wasm32", feature = "web"))]
pub use web::{
    events::Subscription,
    options::{AllowedUrl, SessionOptions, TokenClientOptions},
    session::{Mode, Session},
    storage::Storage,
    token_client::{TokenClient, Waiting},
};
