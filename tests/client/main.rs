//! The second ring, held against the rows of the requirements that concern it: each test is named
//! after its rows. The world is made of a hand-moved clock and an authorization server inside the
//! process; tokens are signed and checked by real cryptography (tests/support).

// A test fails by panicking, and indexes what it has made itself.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod acts;
mod api_metadata;
mod assertions;
mod attacks;
mod beside;
mod bound;
mod callback;
mod ciba;
mod commons;
mod device;
mod discovery;
mod edge;
mod guard;
mod id_tokens;
mod introspection;
mod isolation;
mod keyed;
mod keys;
mod logout_tokens;
mod machine;
mod proofs;
mod provider;
mod pushed;
mod races;
mod registration;
mod renewal;
mod resource;
mod seals;
mod secrets;
mod sign_in;
mod sign_out;
mod soak;
mod storage;
mod tabs;
mod third_party;
mod token_client;
mod tokens;
mod user_info;
mod vault;
mod world;

// Shared with the tests of the first ring, which use more of it.
#[allow(dead_code)]
#[path = "../support/generator.rs"]
mod generator;
#[path = "../support/sealer.rs"]
mod sealer;
#[allow(dead_code)]
#[path = "../support/signer.rs"]
mod signer;
#[path = "../support/urls.rs"]
mod urls;
#[path = "../support/verifier.rs"]
mod verifier;
