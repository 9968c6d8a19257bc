//! The record of a request under way, and what is made of it when it comes out of a store.

use grantkit::protocol::authorize::{LIFE, Pending, SignIn, Wish};
use grantkit::protocol::error::Code;
use grantkit::protocol::json::{DEPTH, MEMBERS, read_object};
use grantkit::protocol::metadata::Issuer;
use serde_json::{Value, json};

use crate::given::{
    CLIENT, ISSUER, NOW, REDIRECT, begin, issuer, object, pending, read, refusal, sign_in, value,
};

fn whole() -> Pending {
    let ask = SignIn {
        wish: Wish {
            scope: Some("openid api".into()),
            resource: vec!["https://api.example".into()],
            ..Wish::default()
        },
        prompt: Some("none".into()),
        max_age: Some(60),
        claims: Some(object(&json!({"id_token": {"acr": {"essential": true, "value": "gold"}}}))),
        return_to: Some("/orders?x=1#top".into()),
        app_state: Some(read(&json!({"__proto__": [1.5, "é", null]}))),
        ..SignIn::default()
    };
    begin(ask).unwrap().1
}

fn stored(record: &Pending) -> Option<Pending> {
    Pending::from_json(read_object(record.to_json().to_text().as_bytes()).ok()?)
}

#[test]
fn r045_the_record_holds_all_that_the_checks_need() {
    let record = whole();
    assert_eq!(record.issuer, ISSUER);
    assert_eq!(record.client_id, CLIENT);
    assert_eq!(record.redirect_uri, REDIRECT);
    assert_eq!(record.state.len(), 43);
    assert_eq!(record.nonce.as_deref().unwrap().len(), 43);
    assert_eq!(record.verifier.expose().len(), 43);
    assert_eq!(record.max_age, Some(60));
    assert_eq!(record.essential_acr, ["gold"]);
    assert_eq!(record.scope.as_deref(), Some("openid api"));
    assert_eq!(record.resource, ["https://api.example"]);
    assert!(record.silent);
    assert_eq!(record.created_at, NOW);
    assert_eq!(record.return_to.as_deref(), Some("/orders?x=1#top"));
    assert_eq!(stored(&record), Some(record));
}

#[test]
fn r045_a_bare_record_is_read_back_too() {
    let record = begin(SignIn::default()).unwrap().1;
    assert_eq!(stored(&record), Some(record));
    let record = pending();
    assert_eq!(stored(&record), Some(record));
}

#[test]
fn r045_a004_a_record_waits_ten_minutes() {
    let record = pending();
    assert_eq!(LIFE, 600_000);
    for (later, alive) in [
        (0, true),
        (1, true),
        (600_000, true),
        (600_001, false),
        (11 * 60_000, false),
        (86_400_000, false),
        // A clock that was set back a little, and one that was set back a day.
        (-60_000, true),
        (-86_400_000, false),
    ] {
        assert_eq!(record.alive(NOW + later), alive, "{later}");
    }
}

/// A store holds what it likes: the arithmetic must not fail over it (law 8).
#[test]
fn r045_a082_a_record_of_an_impossible_time_is_over() {
    for created_at in [i64::MIN, i64::MIN + 1, -NOW, -1, 0, i64::MAX - 1, i64::MAX] {
        let mut object = pending().to_json();
        object.set_integer("created_at", Some(created_at));
        if let Some(record) = Pending::from_json(object) {
            for now in [NOW, 0, -1, i64::MAX, i64::MIN] {
                let near = now.abs_diff(created_at) <= LIFE as u64;
                assert_eq!(record.alive(now), near, "{created_at} {now}");
            }
        }
    }
}

#[test]
fn r026_a017_a_record_belongs_to_one_issuer_and_client() {
    let record = pending();
    assert!(record.belongs_to(&issuer(ISSUER), CLIENT));
    for (issuer_text, client_id) in [
        ("https://as.example/", CLIENT),
        ("https://AS.example", CLIENT),
        ("https://evil.example", CLIENT),
        (ISSUER, "SPA"),
        (ISSUER, "spa2"),
        (ISSUER, ""),
    ] {
        let issuer: Issuer = issuer(issuer_text);
        assert!(!record.belongs_to(&issuer, client_id), "{issuer_text} {client_id}");
    }
}

#[test]
fn r045_a082_a_record_without_a_member_is_none() {
    for name in [
        "state",
        "verifier",
        "issuer",
        "client_id",
        "redirect_uri",
        "resource",
        "acr",
        "silent",
        "created_at",
    ] {
        let mut object = whole().to_json();
        assert!(object.take(name).is_some(), "{name}");
        assert!(Pending::from_json(object).is_none(), "{name}");
    }
    assert!(Pending::from_json(object(&json!({}))).is_none());
    assert!(Pending::from_json(object(&json!({"__proto__": value(&whole().to_json())}))).is_none());
}

/// Every member is what it must be, or the record is none: also those that may be absent.
#[test]
fn r045_a082_a_record_with_a_member_of_another_kind_is_none() {
    for name in [
        "state",
        "nonce",
        "verifier",
        "issuer",
        "client_id",
        "redirect_uri",
        "scope",
        "resource",
        "max_age",
        "acr",
        "silent",
        "created_at",
        "return_to",
    ] {
        for other in [json!(null), json!({}), json!([1]), json!(1.5)] {
            let mut object = whole().to_json();
            object.set(name, read(&other));
            assert!(Pending::from_json(object).is_none(), "{name}: {other}");
        }
    }
    for (name, other) in [
        ("max_age", json!(-1)),
        ("max_age", json!(4_294_967_296_u64)),
        ("max_age", json!("60")),
        ("created_at", json!("1800000000000")),
        ("created_at", json!(1e300)),
        ("silent", json!("false")),
        ("silent", json!(0)),
        ("resource", json!("https://api.example")),
        ("acr", json!([null])),
    ] {
        let mut object = whole().to_json();
        object.set(name, read(&other));
        assert!(Pending::from_json(object).is_none(), "{name}: {other}");
    }
}

/// Nothing in a store takes a check away: openid without a nonce would accept a replayed id_token,
/// and an empty verifier would not be sent at all.
#[test]
fn r045_r097_a_record_does_not_come_back_weaker_than_it_was() {
    let mut object = whole().to_json();
    object.take("nonce");
    assert!(Pending::from_json(object).is_none(), "openid without nonce");
    for name in ["state", "nonce", "verifier"] {
        for weak in ["", "x"] {
            let mut object = whole().to_json();
            object.set(name, weak.into());
            assert!(Pending::from_json(object).is_none(), "{name}: {weak:?}");
        }
    }
}

/// What would not be readable on the way back is refused before anybody leaves the page.
#[test]
fn r045_what_a_page_wants_back_is_readable_on_the_way_back() {
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    for depth in [1, DEPTH - 1, DEPTH] {
        let state: Value = serde_json::from_str(&deep(depth)).unwrap();
        let ask = SignIn { app_state: Some(read(&state)), ..sign_in("openid") };
        match begin(ask) {
            Ok((_, record)) => assert_eq!(stored(&record), Some(record), "depth {depth}"),
            error => assert_eq!(refusal(error), (Code::ConfigInvalid, "appState".into())),
        }
    }
    let wide: serde_json::Map<String, Value> =
        (0..MEMBERS).map(|at| (at.to_string(), json!(0))).collect();
    let ask = SignIn { app_state: Some(read(&Value::Object(wide))), ..sign_in("openid") };
    let record = begin(ask).unwrap().1;
    assert_eq!(stored(&record), Some(record));
}
