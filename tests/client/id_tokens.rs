//! R082 to R102 through a whole sign-in, and how the clocks of page and server are brought together
//! (R094 to R096).

use grantkit::client::token_client::TokenClient;
use grantkit::protocol::error::Code;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};

use crate::acts::{Setup, at_callback, forced, handle, object, signed_in, token_for, told};
use crate::provider::ISSUER;
use crate::signer::{self, Token};
use crate::tokens::nothing_was_kept;
use crate::world::{START, World};

const NOW: i64 = START / 1000;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn outcome_at(world: &World, setup: &Setup) -> Result<(), String> {
    let session = at_callback(world, setup);
    match handle(world, &session) {
        Ok(_) => {
            assert!(session.claims().is_some());
            Ok(())
        }
        Err(error) => {
            nothing_was_kept(world, &session);
            assert!(matches!(error.code(), Code::IdTokenInvalid | Code::JwksKeyNotFound));
            let detail = error.detail_text().unwrap_or("no key").to_owned();
            Err(detail)
        }
    }
}

/// What a sign-in makes of an id_token that was spoilt so. The server's clock is known by its `Date`.
fn outcome(spoil: impl Fn(Token) -> Token + 'static) -> Result<(), String> {
    let world = World::new();
    world.provider().dated.set(true);
    world.provider().spoils_claims(spoil);
    outcome_at(&world, &Setup::page())
}

fn claim(name: &'static str, value: Value) -> Result<(), String> {
    outcome(move |token| match &value {
        Value::Null => token.without(name),
        value => token.claim(name, value.clone()),
    })
}

fn refused(detail: &str) -> Result<(), String> {
    Err(detail.into())
}

#[test]
fn users_a09_r090_the_signature_is_always_checked() {
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.provider().spoils_response(|response| {
        let raw = response["id_token"].as_str().unwrap().to_owned();
        let (input, signature) = raw.rsplit_once('.').unwrap();
        let mut bytes = grantkit::protocol::base64url::decode(signature).unwrap();
        bytes[7] ^= 0x5a;
        let signature = grantkit::protocol::base64url::encode(&bytes);
        response["id_token"] = format!("{input}.{signature}").into();
    });
    let expected = (Code::IdTokenInvalid, Some("signature".into()));
    assert_eq!(told(handle(&world, &session)), expected);
    nothing_was_kept(&world, &session);

    // By a key of somebody else's under the name of ours.
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    *world.provider().algorithm.borrow_mut() = "RS256";
    *world.provider().signer.borrow_mut() = signer::other_rsa();
    let mut key = signer::rsa().jwk();
    key["kid"] = signer::other_rsa().kid.into();
    world.provider().keys.borrow_mut().push(key);
    assert_eq!(told(handle(&world, &session)), expected);
    nothing_was_kept(&world, &session);
}

#[test]
fn r084_the_algorithms_of_every_server() {
    for (algorithm, key) in [
        ("RS256", signer::rsa()),
        ("PS256", signer::rsa()),
        ("ES256", signer::p256()),
        ("EdDSA", signer::ed25519()),
        ("Ed25519", signer::ed25519()),
    ] {
        let world = World::new();
        world.provider().signs_by(algorithm, key);
        assert_eq!(outcome_at(&world, &Setup::page()), Ok(()), "{algorithm}");
    }
    // Others by option only.
    for (algorithm, key) in [("RS512", signer::rsa()), ("ES384", signer::p384())] {
        let run = |signed_by: &'static str, key: &'static signer::Signer, allowed: Option<&str>| {
            let world = World::new();
            world.provider().signs_by(signed_by, key);
            // Its at_hash is of another hash; that is not the point here.
            world.provider().spoils_claims(|token| token.without("at_hash"));
            let mut setup = Setup::page();
            setup.options.algorithms = allowed.map(|name| vec![name.into()]);
            outcome_at(&world, &setup)
        };
        assert_eq!(run(algorithm, key, None), refused("alg"), "{algorithm}");
        assert_eq!(run(algorithm, key, Some(algorithm)), Ok(()), "{algorithm}");
        let other = run("ES256", signer::p256(), Some(algorithm));
        assert_eq!(other, refused("alg"), "{algorithm}");
    }
}

#[test]
fn r085_r086_a046_none_and_secrets_are_no_signature() {
    for algorithm in ["none", "None", "nOnE", "HS256", "RS256 ", ""] {
        let result = outcome(move |token| token.header("alg", algorithm));
        assert_eq!(result, refused("alg"), "{algorithm:?}");
    }
    assert_eq!(outcome(|token| token.without_header("alg")), refused("alg"));
}

#[test]
fn r087_r088_r089_headers_that_want_something() {
    assert_eq!(outcome(|token| token.header("crit", json!(["exp"]))), refused("crit"));
    for kind in ["at+jwt", "logout+jwt", "dpop+jwt"] {
        assert_eq!(outcome(move |token| token.header("typ", kind)), refused("typ"));
    }
    // Keys in the header are not looked at, their addresses not called.
    let world = World::new();
    world.provider().spoils_claims(|token| {
        token
            .header("jwk", signer::rsa().jwk())
            .header("jku", "https://evil.example/keys")
            .header("x5u", "https://evil.example/chain")
    });
    assert_eq!(outcome_at(&world, &Setup::page()), Ok(()));
    assert!(world.seen().iter().all(|seen| seen.url.starts_with(ISSUER)));
}

#[test]
fn users_a09_r091_the_issuer_is_the_configured_one() {
    for named in [
        json!("https://as.example1"),
        json!("https://as.example/"),
        json!("https://AS.example"),
        json!("https://other.example"),
        json!(""),
        json!([ISSUER]),
        json!(null),
    ] {
        assert_eq!(claim("iss", named.clone()), refused("iss"), "{named}");
    }
}

#[test]
fn users_a25_r091_an_issuer_for_many_tenants_is_bound_to_the_token_s_tenant() {
    let template = "https://as.example/{tenantid}/v2.0";
    let run = |tid: Option<&'static str>, iss: &'static str| {
        let world = World::new();
        world.provider().describes("issuer", json!(template));
        let document = world.provider().metadata.borrow().clone();
        let place = "https://as.example/common/.well-known";
        world.provider().always(place, crate::provider::reply(200, document));
        world.provider().spoils_claims(move |token| {
            let token = token.claim("iss", iss);
            match tid {
                Some(tid) => token.claim("tid", tid),
                None => token,
            }
        });
        let mut setup = Setup::page();
        setup.options.issuer = Some(template.into());
        setup.options.discovery_url = Some(place.into());
        outcome_at(&world, &setup)
    };
    assert_eq!(run(Some("one"), "https://as.example/one/v2.0"), Ok(()));
    assert_eq!(run(Some("two"), "https://as.example/one/v2.0"), refused("iss"));
    assert_eq!(run(None, "https://as.example/one/v2.0"), refused("iss"));
    assert_eq!(run(None, "https://as.example/{tenantid}/v2.0"), refused("iss"));
}

#[test]
fn users_a09_r092_r093_the_audience_is_this_client() {
    for audience in [
        json!("shop1"),
        json!("Shop"),
        json!("sho"),
        json!([]),
        json!(["other"]),
        json!(["shop", "other"]),
        json!(["shop", 7]),
        json!(7),
        json!(null),
    ] {
        assert_eq!(claim("aud", audience.clone()), refused("aud"), "{audience}");
    }
    assert_eq!(claim("aud", json!(["shop"])), Ok(()));
    for azp in [json!("other"), json!(["shop"]), json!(7)] {
        assert_eq!(claim("azp", azp), refused("azp"));
    }
    assert_eq!(claim("azp", json!("shop")), Ok(()));

    let run = |azp: Option<&'static str>| {
        let world = World::new();
        let mut setup = Setup::page();
        setup.options.trusted_audiences = vec!["other".into()];
        world.provider().spoils_claims(move |token| {
            let token = token.claim("aud", json!(["shop", "other"]));
            match azp {
                Some(azp) => token.claim("azp", azp),
                None => token,
            }
        });
        outcome_at(&world, &setup)
    };
    assert_eq!(run(Some("shop")), Ok(()));
    assert_eq!(run(None), refused("azp"));
    assert_eq!(run(Some("other")), refused("azp"));
}

#[test]
fn users_a09_r094_r095_r096_a060_times_that_are_refused() {
    for (value, detail) in [
        (json!(NOW - 360), refused("exp")),
        (json!(NOW - 61), refused("exp")),
        (json!(NOW - 30), refused("exp")),
        (json!(NOW - 29), Ok(())),
        (json!(0), refused("exp")),
        (json!(1_i64 << 53), refused("exp")),
        (json!("1800000300"), refused("exp")),
        (json!(null), refused("exp")),
        // NumericDate may have a fraction.
        (json!(NOW as f64 + 300.25), Ok(())),
    ] {
        assert_eq!(claim("exp", value.clone()), detail, "exp {value}");
    }
    for (value, detail) in [
        (json!(NOW + HOUR), refused("iat")),
        (json!(NOW + 31), refused("iat")),
        (json!(NOW + 30), Ok(())),
        (json!(NOW - 7 * DAY), refused("iat")),
        (json!(NOW - HOUR), Ok(())),
        (json!("1800000000"), refused("iat")),
        (json!(null), refused("iat")),
    ] {
        assert_eq!(claim("iat", value.clone()), detail, "iat {value}");
    }
    for (value, detail) in [
        (json!(NOW + 600), refused("nbf")),
        (json!(NOW + 30), Ok(())),
        (json!("x"), refused("malformed")),
        (json!(null), Ok(())),
    ] {
        assert_eq!(claim("nbf", value.clone()), detail, "nbf {value}");
    }
}

#[test]
fn r095_now_and_then_with_a_skew_that_is_known() {
    // The page's clock is an hour late and a server says so: its times are right, others are not.
    for (issued, detail) in [(0, Ok(())), (HOUR, refused("iat")), (-7 * DAY, refused("iat"))] {
        let world = World::new();
        world.provider().skew.set(HOUR * 1000);
        world.provider().dated.set(true);
        world.provider().spoils_claims(move |token| token.claim("iat", NOW + HOUR + issued));
        assert_eq!(outcome_at(&world, &Setup::page()), detail, "{issued}");
    }
}

#[test]
fn users_a10_r094_a_wrong_clock_is_no_reason_to_refuse_by_date_or_by_iat() {
    for dated in [true, false] {
        for hours in [-24, -5, -1, 1, 5, 24] {
            let world = World::new();
            world.provider().skew.set(hours * HOUR * 1000);
            world.provider().dated.set(dated);
            assert_eq!(outcome_at(&world, &Setup::page()), Ok(()), "{dated} {hours}");
        }
        for hours in [-25, 25, 24 * 365, -24 * 365] {
            let world = World::new();
            world.provider().skew.set(hours * HOUR * 1000);
            world.provider().dated.set(dated);
            let result = outcome_at(&world, &Setup::page());
            assert_eq!(result, refused("clock"), "{dated} {hours}");
        }
    }
}

#[test]
fn r094_date_goes_before_iat() {
    // An old token: by `Date` it can be told, by its own iat it could not.
    let old = |token: Token| token.claim("iat", NOW - 10 * HOUR).claim("exp", NOW - 9 * HOUR);
    assert_eq!(outcome(old), refused("exp"));
    let world = World::new();
    world.provider().spoils_claims(old);
    assert_eq!(outcome_at(&world, &Setup::page()), Ok(()));
}

#[test]
fn r094_an_iat_counts_only_with_our_nonce_and_a_good_signature() {
    let world = World::new();
    world.provider().skew.set(HOUR * 1000);
    world.provider().spoils_claims(|token| token.claim("nonce", "another"));
    let result = outcome_at(&world, &Setup::page());
    assert!(result == refused("nonce") || result == refused("iat"), "{result:?}");

    // A token that is proved by itself has no fresh nonce: the clock is this machine's.
    let world = World::new();
    let client = Setup::machine().client(&world);
    let raw = Token::new(
        json!({"alg": "ES256", "kid": "p256"}),
        json!({"iss": ISSUER, "sub": "alice", "aud": "shop", "exp": NOW + 5 * HOUR,
               "iat": NOW + HOUR, "nonce": "n"}),
    )
    .signed();
    let want = TokenClient::<World>::want(Some("n"));
    let result = world.run(client.validate_id_token(&raw, want, None));
    assert_eq!(told(result), (Code::IdTokenInvalid, Some("iat".into())));
}

#[test]
fn r124_a078_a_clock_that_is_set_right_keeps_the_session() {
    for dated in [true, false] {
        let world = World::new();
        let provider = world.provider().clone();
        provider.skew.set(5 * HOUR * 1000);
        provider.dated.set(dated);
        let setup = Setup::page();
        let session = signed_in(&world, &setup);
        assert!(token_for(&world, &session, forced()).is_ok());
        let session = setup.load(&world);
        // The distance between the clocks is another now, either way.
        for hours in [7, 6, 23] {
            provider.skew.set(hours * HOUR * 1000);
            world.pass(2 * HOUR * 1000);
            assert!(token_for(&world, &session, forced()).is_ok(), "{dated} {hours}");
        }
    }
}

#[test]
fn users_a10_r124_a_clock_that_is_wrong_does_not_shorten_a_life() {
    let world = World::new();
    world.provider().skew.set(-20 * HOUR * 1000);
    let session = signed_in(&world, &Setup::page());
    assert_eq!(session.expires_at(), Some(START + 3_600_000));
}

#[test]
fn r094_the_tolerance_is_an_option() {
    let run = |tolerance: u32, exp: i64| {
        let world = World::new();
        world.provider().dated.set(true);
        world.provider().spoils_claims(move |token| token.claim("exp", exp));
        let mut setup = Setup::page();
        setup.options.clock_tolerance = Some(tolerance);
        outcome_at(&world, &setup)
    };
    assert_eq!(run(0, NOW), refused("exp"));
    assert_eq!(run(0, NOW + 1), Ok(()));
    assert_eq!(run(120, NOW - 119), Ok(()));
    assert_eq!(run(120, NOW - 120), refused("exp"));
}

#[test]
fn users_a09_r097_a059_the_nonce_is_ours() {
    for nonce in [json!("another"), json!(""), json!(["x"]), json!(7), json!(null)] {
        assert_eq!(claim("nonce", nonce.clone()), refused("nonce"), "{nonce}");
    }
    // Of another sign-in that waits, too.
    let world = World::new();
    let setup = Setup::page();
    let session = setup.load(&world);
    let other = crate::acts::leave(&world, &session, Default::default());
    let nonce = crate::provider::parameters(&other)["nonce"].clone();
    world.provider().dated.set(true);
    world.provider().spoils_claims(move |token| token.claim("nonce", nonce.as_str()));
    assert_eq!(outcome_at(&world, &setup), refused("nonce"));
}

#[test]
fn r098_the_subject_is_ascii_and_short() {
    for subject in
        [json!(null), json!(""), json!("x".repeat(256)), json!(7), json!(["a"]), json!("ü")]
    {
        assert_eq!(claim("sub", subject.clone()), refused("sub"), "{subject}");
    }
    assert_eq!(claim("sub", json!("x".repeat(255))), Ok(()));
}

#[test]
fn r099_r100_a061_the_hashes_are_of_this_answer() {
    for value in [json!("AAAAAAAAAAAAAAAAAAAAAA"), json!(7), json!("")] {
        assert_eq!(claim("at_hash", value.clone()), refused("at_hash"), "{value}");
        assert_eq!(claim("c_hash", value.clone()), refused("c_hash"), "{value}");
    }
    assert_eq!(claim("at_hash", json!(null)), Ok(()));
    // The token of the same answer was exchanged for another.
    let world = World::new();
    let session = at_callback(&world, &Setup::page());
    world.provider().spoils_response(|response| response["access_token"] = "injected".into());
    let expected = (Code::IdTokenInvalid, Some("at_hash".into()));
    assert_eq!(told(handle(&world, &session)), expected);
    nothing_was_kept(&world, &session);
}

#[test]
fn r101_max_age_is_held_against_auth_time() {
    let run = |max_age: u32, auth_time: Value| {
        let world = World::new();
        world.provider().dated.set(true);
        world.provider().spoils_claims(move |token| match &auth_time {
            Value::Null => token.without("auth_time"),
            value => token.claim("auth_time", value.clone()),
        });
        let setup = Setup::page();
        let ask =
            grantkit::protocol::authorize::SignIn { max_age: Some(max_age), ..Default::default() };
        let url = crate::acts::leave(&world, &setup.load(&world), ask);
        let back = world.provider().approve(&url, START);
        let session = crate::acts::arrive(&world, &setup, &back);
        handle(&world, &session).map(drop).map_err(|error| {
            nothing_was_kept(&world, &session);
            error.detail_text().unwrap().to_owned()
        })
    };
    assert_eq!(run(60, json!(NOW - 90)), Ok(()));
    assert_eq!(run(60, json!(NOW - 91)), refused("auth_time"));
    assert_eq!(run(0, json!(NOW - 30)), Ok(()));
    assert_eq!(run(0, json!(NOW + 31)), refused("auth_time"));
    assert_eq!(run(60, json!(null)), refused("auth_time"));
    assert_eq!(run(60, json!("now")), refused("auth_time"));
}

#[test]
fn r102_an_acr_that_was_essential_is_there() {
    let run = |acr: Value| {
        let world = World::new();
        world.provider().spoils_claims(move |token| match &acr {
            Value::Null => token,
            value => token.claim("acr", value.clone()),
        });
        let setup = Setup::page();
        let wanted =
            json!({"id_token": {"acr": {"essential": true, "values": ["gold", "silver"]}}});
        let ask = grantkit::protocol::authorize::SignIn {
            claims: Some(object(&wanted)),
            ..Default::default()
        };
        let url = crate::acts::leave(&world, &setup.load(&world), ask);
        let back = world.provider().approve(&url, START);
        let session = crate::acts::arrive(&world, &setup, &back);
        handle(&world, &session).map(drop).map_err(|error| error.detail_text().unwrap().to_owned())
    };
    assert_eq!(run(json!("silver")), Ok(()));
    assert_eq!(run(json!("bronze")), refused("acr"));
    assert_eq!(run(json!(null)), refused("acr"));
}

#[test]
fn r090_r097_a_token_proved_by_itself() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    let token = || {
        Token::new(
            json!({"alg": "ES256", "kid": "p256"}),
            json!({"iss": ISSUER, "sub": "alice", "aud": "shop", "exp": NOW + 300, "iat": NOW}),
        )
    };
    let prove = |raw: String, nonce: Option<&str>| {
        let want = TokenClient::<World>::want(nonce);
        world
            .run(client.validate_id_token(&raw, want, None))
            .map(|claims| claims.subject().to_owned())
    };
    assert_eq!(prove(token().signed(), None).unwrap(), "alice");
    assert_eq!(prove(token().claim("nonce", "n").signed(), Some("n")).unwrap(), "alice");
    let nonce = (Code::IdTokenInvalid, Some("nonce".into()));
    assert_eq!(told(prove(token().claim("nonce", "n").signed(), None)), nonce);
    assert_eq!(told(prove(token().signed(), Some("n"))), nonce);

    let access = Secret::new("another");
    let want = grantkit::client::server::Want {
        access_token: Some(&access),
        ..TokenClient::<World>::want(None)
    };
    let raw = token().claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA").signed();
    let result = world.run(client.validate_id_token(&raw, want, None));
    assert_eq!(told(result), (Code::IdTokenInvalid, Some("at_hash".into())));
}
