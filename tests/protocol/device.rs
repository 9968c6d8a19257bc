//! RFC 8628, rows R150 to R153: the answer of the device endpoint, and when to ask.

use grantkit::protocol::authorize::Wish;
use grantkit::protocol::client_auth::{ClientAuth, Method};
use grantkit::protocol::device::{self, Device};
use grantkit::protocol::error::{Code, Error, Refusal};
use grantkit::protocol::poll::Poll;
use grantkit::protocol::secret::Secret;
use grantkit::protocol::token::Reading;
use grantkit::protocol::url::Transport;
use serde_json::{Value, json};

use crate::given::{NOW, endpoint, refused, reply};
use crate::urls::Urls;

/// The example of section 3.2.
fn example() -> Value {
    json!({
        "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://example.com/device",
        "verification_uri_complete": "https://example.com/device?user_code=WDJB-MJHT",
        "expires_in": 1800,
        "interval": 5
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut body = example();
    match value {
        Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
        value => body[name] = value,
    }
    body
}

fn read(body: &Value) -> Result<Device, Error> {
    let reply = reply(200, body.to_string());
    device::response(&reply, Reading::Strict, &Urls, Transport::Secure)
}

fn said(error: &str) -> Error {
    let refusal = Refusal { error: error.into(), ..Refusal::default() };
    Error::new(Code::TokenError).status(400).refusal(refusal)
}

#[test]
fn r150_the_example_of_section_3_2() {
    let device = read(&example()).unwrap();
    assert_eq!(device.device_code.expose(), "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS");
    assert_eq!(device.user_code, "WDJB-MJHT");
    assert_eq!(device.verification_uri, "https://example.com/device");
    let complete = device.verification_uri_complete.as_deref();
    assert_eq!(complete, Some("https://example.com/device?user_code=WDJB-MJHT"));
    assert_eq!((device.expires_in, device.interval), (1800, 5));
    assert!(!format!("{device:?}").contains("GmRhmhcx"));
}

#[test]
fn r150_every_member_that_must_be_there() {
    for name in ["device_code", "user_code", "verification_uri", "expires_in"] {
        refused(read(&with(name, Value::Null)), Code::TokenResponseInvalid, name, name);
        for wrong in [json!(""), json!(["x"]), json!({}), json!(true)] {
            let seen = read(&with(name, wrong.clone()));
            refused(seen, Code::TokenResponseInvalid, name, &format!("{name} {wrong}"));
        }
    }
    for wrong in [json!(0), json!(-1), json!(1.5), json!("1800"), json!(2_147_483_648_u64)] {
        let seen = read(&with("expires_in", wrong.clone()));
        refused(seen, Code::TokenResponseInvalid, "expires_in", &wrong.to_string());
    }
    let lenient = reply(200, with("expires_in", json!("1800")).to_string());
    let lenient = device::response(&lenient, Reading::Lenient, &Urls, Transport::Secure);
    assert_eq!(lenient.unwrap().expires_in, 1800);
}

#[test]
fn r150_a080_an_interval_is_five_seconds_unless_it_is_a_positive_number() {
    for (interval, seconds) in [(Value::Null, 5), (json!(0), 5), (json!(31), 31), (json!(1), 1)] {
        assert_eq!(read(&with("interval", interval)).unwrap().interval, seconds);
    }
    for wrong in [json!(-1), json!(1.5), json!("5"), json!([5]), json!(1e10)] {
        let seen = read(&with("interval", wrong.clone()));
        refused(seen, Code::TokenResponseInvalid, "interval", &wrong.to_string());
    }
}

#[test]
fn r153_a080_only_a_secure_address_is_shown() {
    for name in ["verification_uri", "verification_uri_complete"] {
        for wrong in [
            "javascript:alert(1)",
            "data:text/html,x",
            "http://example.com/device",
            "//example.com/device",
            "example.com/device",
            "https://as.example@evil.example/",
            "https://example.com\\@evil.example/",
            "https://example.com/\u{1b}[2J",
        ] {
            let seen = read(&with(name, json!(wrong)));
            refused(seen, Code::TokenResponseInvalid, name, &format!("{name} {wrong}"));
        }
        assert!(read(&with(name, json!("http://localhost:8080/device"))).is_ok());
    }
    // What is shown is what was sent, not what a parser made of it.
    let shown = read(&with("verification_uri", json!("https://EXAMPLE.com/device"))).unwrap();
    assert_eq!(shown.verification_uri, "https://EXAMPLE.com/device");
    assert!(read(&with("verification_uri_complete", Value::Null)).is_ok());
    for wrong in ["WDJB\u{1b}[2J", "WDJB\u{202e}MJHT", "WDJB\nMJHT"] {
        let seen = read(&with("user_code", json!(wrong)));
        refused(seen, Code::TokenResponseInvalid, "user_code", wrong);
    }
}

#[test]
fn r150_a_refusal_is_the_servers_own() {
    let reply = reply(400, json!({"error": "unauthorized_client"}).to_string());
    let error = device::response(&reply, Reading::Strict, &Urls, Transport::Secure).err().unwrap();
    assert_eq!(error.code(), Code::TokenError);
    assert_eq!(error.server_error(), Some("unauthorized_client"));
}

#[test]
fn r150_what_is_sent() {
    let to = endpoint("https://as.example/device");
    let auth = ClientAuth { id: "1406020730".into(), secret: None, method: None };
    let wish = Wish { scope: Some("example_scope".into()), ..Wish::default() };
    let request = device::request(&to, &auth, Method::None, &wish);
    assert_eq!(request.url, to);
    assert_eq!(request.form.unwrap().expose(), "scope=example_scope&client_id=1406020730");
    let grant = device::grant(&Secret::new("GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS"));
    assert_eq!(
        grant.encode().expose(),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
         &device_code=GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS"
    );
}

/// The waits before each question, in seconds, when the clock moves by the waits alone.
fn waits(interval: u32, expires_in: u32, answers: &[Error]) -> (Vec<i64>, Option<Error>) {
    let mut now = NOW;
    let mut poll = Poll::new(interval, expires_in, now);
    let mut seen = Vec::new();
    for answer in answers {
        let wait = match poll.wait(now) {
            Ok(wait) => wait,
            Err(error) => return (seen, Some(error)),
        };
        seen.push(wait / 1000);
        now += wait;
        if let Err(error) = poll.refused(answer.clone(), now) {
            return (seen, Some(error));
        }
    }
    match poll.wait(now) {
        Ok(wait) => seen.push(wait / 1000),
        Err(error) => return (seen, Some(error)),
    }
    (seen, None)
}

#[test]
fn r151_each_slow_down_adds_five_seconds_for_good() {
    let (pending, slower) = (said("authorization_pending"), said("slow_down"));
    let answers = [pending.clone(), slower.clone(), slower, pending.clone(), pending];
    assert_eq!(waits(5, 1800, &answers), (vec![5, 5, 10, 15, 15, 15], None));
}

#[test]
fn r151_a_lost_answer_doubles_the_interval() {
    for lost in [
        Error::new(Code::Timeout),
        Error::new(Code::NetworkError),
        Error::new(Code::ResponseStatus).status(503),
        Error::new(Code::ResponseStatus).status(429),
        said("temporarily_unavailable"),
    ] {
        let answers = [lost.clone(), said("authorization_pending"), lost.clone()];
        assert_eq!(waits(5, 1800, &answers), (vec![5, 10, 10, 20], None), "{lost}");
    }
}

#[test]
fn r151_a_server_that_names_a_time_is_not_asked_before() {
    let busy = Error::new(Code::ResponseStatus).status(503).retry_after(Some(60));
    let patient = said("slow_down").retry_after(Some(7));
    let answers = [busy, said("authorization_pending"), patient];
    // 60 seconds once, not from then on; 15 seconds are longer than 7.
    assert_eq!(waits(5, 1800, &answers), (vec![5, 60, 10, 15], None));
}

#[test]
fn r151_r156_any_other_error_ends_it() {
    for error in ["access_denied", "expired_token", "invalid_request", "invalid_grant", "x"] {
        let (seen, end) = waits(5, 1800, &[said("authorization_pending"), said(error)]);
        assert_eq!(seen, [5, 5]);
        assert_eq!(end.unwrap().server_error(), Some(error));
    }
    let (_, end) = waits(5, 1800, &[Error::new(Code::TokenResponseInvalid)]);
    assert_eq!(end.unwrap().code(), Code::TokenResponseInvalid);
}

#[test]
fn r152_a080_nobody_is_asked_after_the_end() {
    let pending = vec![said("authorization_pending"); 10];
    let (seen, end) = waits(5, 12, &pending);
    assert_eq!(seen, [5, 5]);
    let end = end.unwrap();
    assert_eq!((end.code(), end.server_error()), (Code::TokenError, Some("expired_token")));
    assert_eq!(end.detail_text(), Some("expires_in"));
    assert!(!end.retryable());
    // slow_down without end.
    let (seen, end) = waits(5, 100, &vec![said("slow_down"); 100]);
    assert_eq!(seen, [5, 10, 15, 20, 25]);
    assert!(end.is_some());
    let (seen, end) = waits(1_000_000_000, 1800, &pending);
    assert_eq!(seen, Vec::<i64>::new());
    assert!(end.is_some());
    let (seen, _) = waits(1, u32::MAX >> 1, &vec![Error::new(Code::Timeout); 100]);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]) && seen.len() < 40, "{seen:?}");
}

#[test]
fn r152_a_clock_that_is_set_makes_no_wait_longer() {
    let poll = Poll::new(5, 1800, NOW);
    assert_eq!(poll.wait(NOW + 2000), Ok(3000));
    assert_eq!(poll.wait(NOW - 86_400_000), Ok(5000));
    assert_eq!(poll.wait(NOW + 60_000), Ok(0));
    assert!(poll.wait(NOW + 1_800_000).is_err());
}
