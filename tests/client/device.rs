//! R150 to R153, A080: a device asks, and waits for the person.

use grantkit::client::poll::Polled;
use grantkit::client::token_client::TokenClient;
use grantkit::protocol::authorize::Wish;
use grantkit::protocol::device::Device;
use grantkit::protocol::error::{Code, Error};
use serde_json::{Value, json};

use crate::acts::{CLIENT, Setup, code_of, now, told};
use crate::keyed::issued;
use crate::provider::{Reply, in_turn, page, refusal, reply};
use crate::signer::p256;
use crate::world::{Bell, Call, World};

const PLACE: &str = "https://as.example/device";

fn answer() -> Value {
    json!({
        "device_code": "canary-device-code",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://as.example/activate",
        "expires_in": 1800,
    })
}

/// A server that devices can ask.
fn world(answer: Value) -> World {
    let world = World::new();
    world.provider().describes("device_authorization_endpoint", json!(PLACE));
    world.provider().always(PLACE, reply(200, answer));
    world
}

fn client(world: &World) -> TokenClient<World> {
    let mut setup = Setup::machine();
    setup.secret = None;
    setup.client(world)
}

fn asked(world: &World, client: &TokenClient<World>) -> (Device, i64) {
    world.run(client.device_authorization(Wish::default(), None)).unwrap()
}

fn poll(world: &World, client: &TokenClient<World>) -> Call<Result<Polled, Error>> {
    let (device, came) = asked(world, client);
    poll_from(world, client, device, came, None)
}

fn poll_from(
    world: &World,
    client: &TokenClient<World>,
    device: Device,
    came: i64,
    abort: Option<Bell>,
) -> Call<Result<Polled, Error>> {
    let client = client.clone();
    world.start(async move { client.poll_device(&device, came, abort.as_ref()).await })
}

/// Seconds between questions, until so many have passed.
pub(crate) fn waits(world: &World, seconds: i64) -> Vec<i64> {
    let (mut seen, mut known, mut last) = (Vec::new(), world.count("token"), 0);
    for at in 1..=seconds {
        world.pass(1000);
        if world.count("token") > known {
            known = world.count("token");
            seen.push(at - last);
            last = at;
        }
    }
    seen
}

fn tokens() -> Reply {
    reply(200, json!({"access_token": "canary-access", "token_type": "Bearer", "expires_in": 60}))
}

fn pending() -> Reply {
    refusal(400, "authorization_pending")
}

#[test]
fn r150_what_is_sent_and_what_comes_back() {
    let world = world(answer());
    let client = client(&world);
    let (device, came) = asked(&world, &client);
    assert_eq!(device.user_code, "WDJB-MJHT");
    assert_eq!((device.expires_in, device.interval, came), (1800, 5, now(&world)));
    let seen = world.last(PLACE);
    assert_eq!(seen.names(), ["scope", "client_id"]);
    assert_eq!((seen.get("scope"), seen.get("client_id")), (Some("api"), Some(CLIENT)));
    assert_eq!(world.count("token"), 0);
}

#[test]
fn r150_a_server_without_such_an_endpoint_or_with_an_open_one() {
    const NAME: &str = "device_authorization_endpoint";
    for (place, code) in [
        (Value::Null, Code::MetadataUnsupported),
        (json!("http://as.example/device"), Code::UrlInsecure),
        (json!(7), Code::MetadataInvalid),
    ] {
        let world = World::new();
        world.provider().describes(NAME, place);
        let client = client(&world);
        let result = world.run(client.device_authorization(Wish::default(), None));
        assert_eq!(told(result), (code, Some(NAME.into())));
        assert_eq!(world.seen().len(), 1, "the metadata alone");
    }
}

#[test]
fn r151_the_waits_grow_as_the_server_wants() {
    let world = world(answer());
    let client = client(&world);
    let slower = || refusal(400, "slow_down");
    let answers = vec![pending(), slower(), slower(), tokens()];
    world.provider().on("token", in_turn(answers));
    let call = poll(&world, &client);
    assert_eq!(waits(&world, 120), [5, 5, 10, 15]);
    let (granted, claims) = call.result().unwrap();
    assert_eq!(granted.tokens.access_token.expose(), "canary-access");
    assert_eq!(claims, None);
    let seen = world.last("token");
    assert_eq!(seen.names(), ["grant_type", "device_code", "client_id"]);
    assert_eq!(seen.get("grant_type"), Some("urn:ietf:params:oauth:grant-type:device_code"));
    assert_eq!(seen.get("device_code"), Some("canary-device-code"));
}

#[test]
fn r151_a_server_that_is_not_reached_is_asked_half_as_often() {
    for lost in [Reply::Fail(Code::NetworkError), Reply::Fail(Code::Timeout), page(503)] {
        let world = world(answer());
        let client = client(&world);
        let answers = vec![lost.clone(), pending(), lost, tokens()];
        world.provider().on("token", in_turn(answers));
        let call = poll(&world, &client);
        assert_eq!(waits(&world, 120), [5, 10, 10, 20]);
        assert!(call.result().is_ok());
    }
}

#[test]
fn r151_a_server_that_says_when_is_not_asked_before() {
    let world = world(answer());
    let client = client(&world);
    let Reply::Answer(mut busy) = page(429) else { panic!("an answer") };
    busy.retry_after = Some("60".into());
    world.provider().on("token", in_turn(vec![Reply::Answer(busy), pending(), tokens()]));
    let call = poll(&world, &client);
    assert_eq!(waits(&world, 120), [5, 60, 10]);
    assert!(call.result().is_ok());
}

#[test]
fn r151_any_other_answer_ends_it() {
    for (answer, code, error) in [
        (refusal(400, "access_denied"), Code::TokenError, Some("access_denied")),
        (refusal(400, "expired_token"), Code::TokenError, Some("expired_token")),
        (refusal(401, "invalid_client"), Code::TokenError, Some("invalid_client")),
        (page(200), Code::ResponseContentType, None),
        (reply(200, "{}"), Code::TokenResponseInvalid, None),
        (page(302), Code::RedirectRefused, None),
    ] {
        let world = world(self::answer());
        let client = client(&world);
        world.provider().on("token", in_turn(vec![pending(), answer]));
        let call = poll(&world, &client);
        world.pass(10_000);
        let told = call.result().unwrap_err();
        assert_eq!((told.code(), told.server_error()), (code, error));
        world.pass(1_800_000);
        assert_eq!(world.count("token"), 2);
    }
}

#[test]
fn r152_a080_nobody_is_asked_after_the_end() {
    for slow in [pending(), refusal(400, "slow_down")] {
        let mut short = answer();
        short["expires_in"] = json!(31);
        let world = world(short);
        let client = client(&world);
        world.provider().always("token", slow);
        let call = poll(&world, &client);
        world.pass(31_000);
        let error = call.result().unwrap_err();
        assert_eq!((error.code(), error.server_error()), (Code::TokenError, Some("expired_token")));
        let asked = world.count("token");
        world.pass(3_600_000);
        assert_eq!((world.count("token"), world.timers_open()), (asked, 0));
    }
    // An interval longer than the life: nobody is asked at all, and that is told at once.
    let mut late = answer();
    late["interval"] = json!(1_000_000_000);
    let world = world(late);
    let call = poll(&world, &client(&world));
    assert_eq!(code_of(call.result()), Code::TokenError);
    assert_eq!(world.count("token"), 0);
}

#[test]
fn r152_a_timer_that_is_late_asks_nobody_after_the_end() {
    let mut short = answer();
    short["expires_in"] = json!(30);
    let world = world(short);
    let client = client(&world);
    // Timers go off once a minute.
    world.throttle();
    let call = poll(&world, &client);
    world.pass(60_000);
    assert_eq!(code_of(call.result()), Code::TokenError);
    assert_eq!(world.count("token"), 0);
}

#[test]
fn r152_who_gives_up_is_told_at_once_and_asks_no_more() {
    let world = world(answer());
    let client = client(&world);
    world.provider().always("token", pending());
    let (device, came) = asked(&world, &client);
    // In the middle of a wait, and in the middle of a question.
    for held in [false, true] {
        let abort = Bell::default();
        let call = poll_from(&world, &client, device.clone(), came, Some(abort.clone()));
        if held {
            world.hold("token");
        }
        world.pass(if held { 5_000 } else { 7_000 });
        assert!(call.open());
        let before = world.count("token");
        abort.ring();
        world.turn();
        assert_eq!(code_of(call.result()), Code::Aborted);
        world.pass(60_000);
        assert_eq!((world.count("token"), world.timers_open()), (before, 0));
    }
    let rung = Bell::default();
    rung.ring();
    let before = world.count("token");
    let call = poll_from(&world, &client, device, came, Some(rung));
    assert_eq!((code_of(call.result()), world.count("token")), (Code::Aborted, before));
}

#[test]
fn r152_one_question_at_a_time() {
    let world = world(answer());
    let client = client(&world);
    world.provider().on("token", in_turn(vec![tokens()]));
    world.hold("token");
    let call = poll(&world, &client);
    world.pass(14_000);
    assert_eq!((world.count("token"), world.open("token")), (1, 1), "no second one beside it");
    world.release("token");
    assert!(call.result().is_ok());
}

#[test]
fn r152_an_answer_that_was_kept_ends_when_it_ends() {
    let world = world(answer());
    let client = client(&world);
    world.provider().always("token", pending());
    let (device, came) = asked(&world, &client);
    world.pass(1_790_000);
    // The first wait is over already; the end is ten seconds away.
    let call = poll_from(&world, &client, device.clone(), came, None);
    world.pass(0);
    assert_eq!(world.count("token"), 1);
    world.pass(10_000);
    assert_eq!((code_of(call.result()), world.count("token")), (Code::TokenError, 2));
    let call = poll_from(&world, &client, device, came, None);
    assert_eq!((code_of(call.result()), world.count("token")), (Code::TokenError, 2));
}

#[test]
fn a_client_that_is_closed_asks_no_more() {
    let world = world(answer());
    let client = client(&world);
    world.provider().always("token", pending());
    let call = poll(&world, &client);
    world.pass(7_000);
    client.close();
    world.pass(5_000);
    assert_eq!((code_of(call.result()), world.count("token")), (Code::Closed, 1));
    let result = world.run(client.device_authorization(Wish::default(), None));
    assert_eq!(code_of(result), Code::Closed);
}

#[test]
fn r112_keys_that_cannot_be_had_cost_nobody_the_tokens() {
    let world = world(answer());
    let client = client(&world);
    let id_token = issued(&world, "JWT").claim("sub", "alice").signed_by(p256());
    let tokens = json!({"access_token": "x", "token_type": "Bearer", "id_token": id_token});
    world.provider().always("token", reply(200, tokens));
    let keys = reply(200, json!({"keys": [p256().jwk()]}));
    let lost = Reply::Fail(Code::NetworkError);
    world.provider().on("jwks", in_turn(vec![page(503), lost, keys]));
    let call = poll(&world, &client);
    world.pass(5_000 + 10_000 + 20_000 - 1);
    assert!(call.open());
    world.pass(1);
    let (granted, claims) = call.result().unwrap();
    assert_eq!(granted.tokens.access_token.expose(), "x");
    assert_eq!(claims.unwrap().subject(), "alice");
    assert_eq!((world.count("token"), world.count("jwks")), (1, 3));

    // What the server said wrongly is not asked for again.
    let world = self::world(answer());
    let client = self::client(&world);
    let tokens = json!({"access_token": "x", "token_type": "Bearer", "id_token": "a.b.c"});
    world.provider().always("token", reply(200, tokens));
    let call = poll(&world, &client);
    world.pass(5_000);
    assert_eq!(code_of(call.result()), Code::IdTokenInvalid);
}

#[test]
fn r090_an_id_token_that_comes_along_is_proved() {
    let with = |id_token: String| {
        reply(
            200,
            json!({"access_token": "canary-access", "token_type": "Bearer", "id_token": id_token}),
        )
    };
    let world = world(answer());
    let client = client(&world);
    let good = issued(&world, "JWT").claim("sub", "alice");
    world.provider().always("token", with(good.signed_by(p256())));
    let call = poll(&world, &client);
    world.pass(5_000);
    let (_, claims) = call.result().unwrap();
    assert_eq!(claims.unwrap().subject(), "alice");

    for (spoilt, detail) in [
        (good.clone().claim("aud", "other"), "aud"),
        (good.clone().claim("iss", "https://evil.example"), "iss"),
        (good.clone().claim("nonce", "of-somebody"), "nonce"),
        (good.clone().claim("at_hash", "AAAA"), "at_hash"),
    ] {
        world.provider().always("token", with(spoilt.signed_by(p256())));
        let call = poll(&world, &client);
        world.pass(5_000);
        assert_eq!(told(call.result()), (Code::IdTokenInvalid, Some(detail.into())));
    }
    assert_eq!(world.count("jwks"), 1);
}
