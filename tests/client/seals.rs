//! RFC 5869, SP 800-38D: a seal opens under its own secret and context alone, and not at all once a
//! letter of it changed.

use grantkit::client::host::Host;

use crate::sealer;
use crate::world::World;

const SECRET: &[u8] = b"canary-refresh-token-0123456789-0123456789";
const TEXT: &str = "{\"token\":\"canary\"} \u{e9}";

fn unseal(world: &World, secret: &[u8], context: &str, seal: &str) -> Option<String> {
    world.run(world.unseal(secret, context, seal)).unwrap()
}

#[test]
fn a_seal_opens_under_its_own_secret_and_context_alone() {
    let world = World::new();
    let seal = world.run(world.seal(SECRET, "one", TEXT)).unwrap();
    assert!(!seal.contains("canary"));
    assert_eq!(unseal(&world, SECRET, "one", &seal).as_deref(), Some(TEXT));
    assert_eq!(unseal(&world, SECRET, "two", &seal), None);
    assert_eq!(unseal(&world, SECRET, "", &seal), None);
    assert_eq!(unseal(&world, &SECRET[1..], "one", &seal), None);
}

#[test]
fn no_two_seals_are_alike() {
    let world = World::new();
    let seals = [0; 2].map(|_| world.run(world.seal(SECRET, "one", TEXT)).unwrap());
    assert_ne!(seals[0], seals[1]);
    assert_ne!(seals[0][..19], seals[1][..19], "the IV is never the same");
}

#[test]
fn a_seal_that_changed_does_not_open() {
    let world = World::new();
    let seal = world.run(world.seal(SECRET, "one", TEXT)).unwrap();
    for at in 0..seal.len() {
        let mut changed = seal.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(unseal(&world, SECRET, "one", &changed), None, "{at}");
        assert_eq!(unseal(&world, SECRET, "one", &seal[..at]), None, "{at}");
    }
}

#[test]
fn the_seal_is_what_webcrypto_makes_of_the_same_parts() {
    let context = "grantkit.1.test: \u{e9}";
    let iv = core::array::from_fn(|at| at as u8);
    assert_eq!(
        sealer::seal(SECRET, context, iv, TEXT),
        // importKey 'raw' HKDF, deriveKey (SHA-256, no salt, the context as info) to AES-GCM 256, encrypt.
        "v1.AAECAwQFBgcICQoLbA_PjQKPPMIQOyN8xbTb0-0ktisfzUdB_gPb7rCysoqZW5-GOA"
    );
}

#[test]
fn without_randomness_nothing_is_sealed() {
    let world = World::new();
    world.without_randomness();
    assert!(world.run(world.seal(SECRET, "one", TEXT)).is_err());
}
