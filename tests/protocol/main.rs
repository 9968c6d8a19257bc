//! The first ring, held against the rows of the requirements that concern it: each test is named
//! after its rows. Tokens are signed and checked by real cryptography (tests/support).

// A test fails by panicking, and indexes what it has made itself.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod access_token;
mod addresses;
mod assertion;
mod authorize;
mod callback;
mod challenge;
mod ciba;
mod client_auth;
mod clock;
mod device;
mod dpop;
mod dpop_proof;
mod exchange;
mod form;
mod given;
mod http;
mod id_token;
mod initiate;
mod introspect;
mod jar;
mod jarm;
mod json;
mod jwk;
mod jws;
mod logout;
mod metadata;
mod mutated;
mod par;
mod pending;
mod refresh;
mod register;
mod resource_metadata;
mod rfc;
mod secrecy;
mod signatures;
mod token;
mod userinfo;
mod vectors;

#[path = "../support/generator.rs"]
mod generator;
#[path = "../support/signer.rs"]
mod signer;
#[path = "../support/urls.rs"]
mod urls;
#[path = "../support/verifier.rs"]
mod verifier;
