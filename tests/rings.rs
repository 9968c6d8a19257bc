//! The architecture as a test: a ring names only rings below it, and what a law forbids is not there.
//! (That the first two rings are pure is proved by these tests being native at all.)

// Tests may fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// What ships of a Rust file: no tests, no comments.
fn shipped(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

fn assert_absent(folder: &str, banned: &[&str]) {
    for (path, text) in sources(folder) {
        let code = shipped(&text);
        for name in banned {
            assert!(!code.contains(name), "{} names {name}", path.display());
        }
    }
}

const WORLD: [&str; 8] =
    ["js_sys", "web_sys", "wasm_bindgen", "gloo", "std::time", "std::net", "std::fs", "SystemTime"];

#[test]
fn the_protocol_names_no_other_ring_and_nothing_of_the_world() {
    assert_absent("src/protocol", &["crate::client", "crate::web", "crate::js", "async "]);
    assert_absent("src/protocol", &WORLD);
}

#[test]
fn the_client_names_no_ring_above_it_and_nothing_of_the_world() {
    assert_absent("src/client", &["crate::web", "crate::js"]);
    assert_absent("src/client", &WORLD);
}

#[test]
fn the_web_ring_does_not_name_the_javascript_ring() {
    assert_absent("src/web", &["crate::js"]);
}

#[test]
fn law_1_every_file_opens_with_its_law_or_its_specification() {
    for (path, text) in sources("src") {
        assert!(text.starts_with("//! "), "{}", path.display());
    }
}

#[test]
fn law_8_nothing_that_panics_by_design_is_written() {
    let banned = [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("];
    assert_absent("src", &banned);
}

#[test]
fn law_10_servers_and_stores_are_read_by_the_strict_reader_alone() {
    let banned = ["JSON::parse", "from_value", "serde_json", "gloo_storage::Storage::get"];
    assert_absent("src", &banned);
    for (path, text) in sources("js") {
        assert!(!text.contains("JSON.parse"), "{}", path.display());
    }
}

#[test]
fn law_6_a_secret_is_shown_by_expose_alone() {
    for (path, text) in sources("src") {
        let code = shipped(&text);
        assert!(!code.contains("Display for Secret"), "{}", path.display());
        assert!(!code.contains("Serialize for Secret"), "{}", path.display());
    }
}

#[test]
fn unsafe_code_is_the_allocators_alone() {
    for (path, text) in sources("src") {
        let code = shipped(&text);
        let allocator = path.ends_with("js/allocator.rs");
        assert_eq!(code.contains("unsafe "), allocator, "{}", path.display());
    }
}

#[test]
fn law_5_the_codes_are_those_of_the_public_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let code = |quoted: &str| quoted.trim_matches(['"', '\'']).to_owned();
    let ours = read("src/protocol/error.rs");
    let (_, ours) = ours.split_once("codes! {").unwrap();
    let (ours, _) = ours.split_once("\n}").unwrap();
    let mut ours: Vec<String> =
        ours.lines().filter_map(|line| line.split_whitespace().nth(1)).map(code).collect();
    let types = read("js/types.d.ts");
    let (_, types) = types.split_once("export type GrantErrorCode =").unwrap();
    let (types, _) = types.split_once("\n\n").unwrap();
    let types = types.lines().filter_map(|line| line.trim().strip_prefix("| "));
    let mut types: Vec<String> = types.map(code).collect();
    // Without the wasm there is no Rust to say so.
    ours.push("wasm_unavailable".into());
    ours.sort_unstable();
    types.sort_unstable();
    assert!(ours.len() >= 49);
    assert_eq!(ours, types);
}
