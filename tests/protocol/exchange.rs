//! RFC 8693 and RFC 7523, rows R069 and R078: one token for another.

use grantkit::protocol::assertion;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::exchange::{self, Ask};
use grantkit::protocol::secret::Secret;
use grantkit::protocol::token::{Binding, Reading, Tokens};
use serde_json::{Value, json};

use crate::given::{refused, reply};

const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";

#[test]
fn r069_the_example_of_appendix_a() {
    let (subject, actor) =
        (Secret::new("accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC"), Secret::new("a"));
    let plain =
        Ask { subject_token: Some(&subject), subject_token_type: Some(ACCESS), ..Ask::default() };
    let sent = exchange::grant(&plain).unwrap().encode();
    let expected = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
         &subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
    assert_eq!(sent.expose(), expected);
    let acted = Ask {
        actor_token: Some(&actor),
        actor_token_type: Some("t"),
        requested_token_type: Some("r"),
        ..plain
    };
    let sent = exchange::grant(&acted).unwrap().encode();
    let more = "&requested_token_type=r&actor_token=a&actor_token_type=t";
    assert_eq!(sent.expose(), format!("{expected}{more}"));
}

#[test]
fn r069_a_token_and_its_type_go_together() {
    let (token, empty) = (Secret::new("t"), Secret::new(""));
    let good =
        Ask { subject_token: Some(&token), subject_token_type: Some(ACCESS), ..Ask::default() };
    for (detail, ask) in [
        ("subjectToken", Ask { subject_token: None, ..good.clone() }),
        ("subjectToken", Ask { subject_token: Some(&empty), ..good.clone() }),
        ("subjectTokenType", Ask { subject_token_type: None, ..good.clone() }),
        ("subjectTokenType", Ask { subject_token_type: Some(""), ..good.clone() }),
        ("actorTokenType", Ask { actor_token: Some(&token), ..good.clone() }),
        ("actorToken", Ask { actor_token_type: Some(ACCESS), ..good.clone() }),
        (
            "actorToken",
            Ask { actor_token: Some(&empty), actor_token_type: Some(ACCESS), ..good.clone() },
        ),
    ] {
        refused(exchange::grant(&ask), Code::ConfigInvalid, detail, detail);
    }
}

fn read(name: &str, member: Value) -> Result<Tokens, Error> {
    let mut body = json!({
        "access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6IjllciJ9",
        "issued_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_type": "N_A",
        "expires_in": 3600,
    });
    match member {
        Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
        member => body[name] = member,
    }
    exchange::response(&reply(200, body.to_string()), Reading::Strict, Binding::Bearer)
}

#[test]
fn r078_the_answer_says_what_it_brings() {
    let good = read("x", json!(1)).unwrap();
    assert_eq!(good.expires_in, Some(3600));
    for kind in ["Bearer", "bearer", "n_a"] {
        assert!(read("token_type", json!(kind)).is_ok(), "{kind}");
    }
    for wrong in [json!(""), json!(7), json!(["x"])] {
        let what = wrong.to_string();
        let seen = read("issued_token_type", wrong);
        refused(seen, Code::TokenResponseInvalid, "issued_token_type", &what);
    }
    let seen = read("issued_token_type", Value::Null);
    refused(seen, Code::TokenResponseInvalid, "issued_token_type", "missing beside N_A");
    let bare = json!({"access_token": "t", "token_type": "Bearer"}).to_string();
    let seen = exchange::response(&reply(200, bare), Reading::Strict, Binding::Bearer);
    refused(seen, Code::TokenResponseInvalid, "issued_token_type", "missing");
    refused(read("token_type", json!("mac")), Code::TokenTypeUnsupported, "", "mac");
    refused(read("expires_in", json!("3600")), Code::TokenResponseInvalid, "expires_in", "text");
    let error = reply(400, json!({"error": "invalid_target"}).to_string());
    let error = exchange::response(&error, Reading::Strict, Binding::Bearer).err().unwrap();
    assert_eq!(error.server_error(), Some("invalid_target"));
}

#[test]
fn r066_an_assertion_as_a_grant() {
    let sent = assertion::grant(&Secret::new("eyJhbGciOiJFUzI1NiJ9.e30.AA")).unwrap();
    assert_eq!(
        sent.encode().expose(),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer\
         &assertion=eyJhbGciOiJFUzI1NiJ9.e30.AA"
    );
    refused(assertion::grant(&Secret::new("")), Code::ConfigInvalid, "assertion", "nothing");
}
