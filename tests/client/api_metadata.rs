//! R023 to R025, R132, A076: what an API says of itself, and whom it can make us ask.

use std::cell::RefCell;
use std::rc::Rc;

use grantkit::client::discovery::{Lead, Trust};
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::metadata::Issuer;
use grantkit::protocol::resource_metadata::Resource;
use serde_json::{Value, json};

use crate::acts::{Setup, code_of, told};
use crate::provider::{ISSUER, page, reply};
use crate::world::World;

const API: &str = "https://api.example/orders";
const DOCUMENT: &str = "https://api.example/.well-known/oauth-protected-resource/orders";

fn document() -> Value {
    json!({"resource": API, "authorization_servers": ["https://other.example", ISSUER]})
}

fn world(document: Value) -> World {
    let world = World::new();
    world.provider().always(DOCUMENT, reply(200, document));
    world
}

fn discover(world: &World, lead: Lead, trust: &Trust) -> Result<(Resource, Issuer), Error> {
    let client = Setup::machine().client(world);
    world.run(client.discover_resource(&lead, trust, None))
}

fn by_name(world: &World, trust: &Trust) -> Result<(Resource, Issuer), Error> {
    discover(world, Lead::Resource(API.into()), trust)
}

fn challenge(header: &str) -> Lead {
    Lead::Challenge { url: API.into(), header: header.into() }
}

fn known(issuers: &[&str]) -> Trust {
    Trust::Known(Some(issuers.iter().map(|issuer| (*issuer).into()).collect()))
}

#[test]
fn r023_a_resource_is_found_by_its_identifier() {
    let world = world(document());
    let (resource, issuer) = by_name(&world, &Trust::Known(None)).unwrap();
    assert_eq!(issuer.as_str(), ISSUER, "the client's own");
    assert_eq!(resource.document.text("resource"), Some(API));
    let [seen] = &world.seen()[..] else { panic!("one request") };
    assert_eq!((seen.endpoint.as_str(), seen.method), (DOCUMENT, "GET"));
    assert_eq!(seen.authorization, None);
}

#[test]
fn r025_r132_no_other_server_than_the_caller_trusts() {
    let world = world(document());
    let other = by_name(&world, &known(&["https://other.example"])).unwrap().1;
    assert_eq!(other.as_str(), "https://other.example");
    let both = by_name(&world, &known(&["https://unknown.example", ISSUER])).unwrap().1;
    assert_eq!(both.as_str(), ISSUER);
    let refused = (Code::MetadataIssuerMismatch, Some("authorization_servers".into()));
    for trust in [known(&[]), known(&["https://unknown.example"]), known(&["https://as.example/"])]
    {
        assert_eq!(told(by_name(&world, &trust)), refused);
    }
    for servers in [json!([]), Value::Null, json!(["https://evil.example"])] {
        let mut spoilt = document();
        match servers {
            Value::Null => drop(spoilt.as_object_mut().unwrap().remove("authorization_servers")),
            servers => spoilt["authorization_servers"] = servers,
        }
        let world = self::world(spoilt);
        assert_eq!(told(by_name(&world, &Trust::Known(None))), refused);
    }
}

#[test]
fn r132_the_caller_is_asked_for_each_until_it_agrees() {
    for (agrees, asked, chosen) in [
        ("https://other.example", vec!["https://other.example"], true),
        (ISSUER, vec!["https://other.example", ISSUER], true),
        ("nobody", vec!["https://other.example", ISSUER], false),
    ] {
        let world = world(document());
        let seen = Rc::new(RefCell::new(Vec::new()));
        let told = seen.clone();
        let trust = Trust::Asked(Rc::new(move |issuer| {
            told.borrow_mut().push(issuer.to_owned());
            let agreed = issuer == agrees;
            Box::pin(async move { Ok(agreed) })
        }));
        match by_name(&world, &trust) {
            Ok((_, issuer)) => assert!(chosen && issuer.as_str() == agrees),
            Err(error) => assert!(!chosen && error.code() == Code::MetadataIssuerMismatch),
        }
        assert_eq!(*seen.borrow(), asked);
    }
    let world = world(document());
    let fails = Trust::Asked(Rc::new(|_| Box::pin(async { Err(Code::Aborted.into()) })));
    assert_eq!(code_of(by_name(&world, &fails)), Code::Aborted);
}

#[test]
fn r024_a_document_about_something_else_is_discarded() {
    for resource in [json!("https://api.example/"), json!("https://api.example/orders/"), json!(7)]
    {
        let mut spoilt = document();
        spoilt["resource"] = resource;
        let world = world(spoilt);
        let refused = (Code::MetadataIssuerMismatch, Some("resource".into()));
        assert_eq!(told(by_name(&world, &Trust::Known(None))), refused);
        let header = format!("Bearer resource_metadata=\"{DOCUMENT}\"");
        let result = discover(&world, challenge(&header), &Trust::Known(None));
        assert_eq!(told(result), refused);
    }
    for (answer, code) in [
        (page(404), Code::MetadataInvalid),
        (page(302), Code::RedirectRefused),
        (reply(200, "x".repeat(256 * 1024 + 1)), Code::ResponseTooLarge),
    ] {
        let world = World::new();
        world.provider().always(DOCUMENT, answer);
        assert_eq!(code_of(by_name(&world, &Trust::Known(None))), code);
    }
}

#[test]
fn r132_an_api_s_challenge_says_where_its_document_is() {
    const ELSEWHERE: &str = "https://meta.example/about-orders";
    for (place, header) in [
        (DOCUMENT, format!("Bearer error=\"invalid_token\", resource_metadata=\"{DOCUMENT}\"")),
        (ELSEWHERE, format!("Basic realm=\"x\", DPoP resource_metadata=\"{ELSEWHERE}\"")),
    ] {
        let world = World::new();
        world.provider().always(place, reply(200, document()));
        let found = discover(&world, challenge(&header), &Trust::Known(None));
        assert_eq!(found.unwrap().1.as_str(), ISSUER);
        assert_eq!(world.seen().len(), 1);
    }
}

#[test]
fn r025_a076_a_challenge_leads_into_no_private_network() {
    let world = world(document());
    for (place, code) in [
        ("http://169.254.169.254/", Code::UrlInsecure),
        ("https://169.254.169.254/", Code::UrlInsecure),
        ("https://10.0.0.1/", Code::UrlInsecure),
        ("https://192.168.0.1/x", Code::UrlInsecure),
        ("https://[::1]/", Code::UrlInsecure),
        ("https://[fd00::1]/", Code::UrlInsecure),
        ("https://localhost/", Code::UrlInsecure),
        ("http://localhost/", Code::UrlInsecure),
        ("https://metadata.google.internal/", Code::UrlInsecure),
        ("https://0x7f000001/", Code::UrlInsecure),
        ("http://api.example/", Code::UrlInsecure),
        ("https://user@api.example/", Code::UrlInvalid),
        ("file:///etc/passwd", Code::UrlInvalid),
        ("/relative", Code::UrlInvalid),
    ] {
        let header = format!("Bearer resource_metadata=\"{place}\"");
        let result = discover(&world, challenge(&header), &Trust::Known(None));
        assert_eq!(told(result), (code, Some("resource_metadata".into())), "{place}");
    }
    assert!(world.seen().is_empty());
}

#[test]
fn r129_a_challenge_that_names_no_document_is_not_guessed_at() {
    let world = world(document());
    let long = format!("Bearer resource_metadata=\"{}\"", "x".repeat(64 * 1024));
    let twice = format!("Bearer resource_metadata=\"{DOCUMENT}\", resource_metadata=\"x\"");
    for header in ["", "Bearer", "Bearer realm=\"x\"", "Basic dG9rZW4=", "\"", &twice, &long] {
        let result = discover(&world, challenge(header), &Trust::Known(None));
        assert_eq!(told(result), (Code::MetadataUnsupported, Some("resource_metadata".into())));
    }
    let nowhere = Lead::Challenge { url: String::new(), header: "Bearer".into() };
    let result = discover(&world, nowhere, &Trust::Known(None));
    assert_eq!(told(result), (Code::ConfigInvalid, Some("resource".into())));
    for (resource, code) in [
        ("http://api.example/orders", Code::UrlInsecure),
        ("https://api.example/orders#x", Code::UrlInvalid),
        ("orders", Code::UrlInvalid),
    ] {
        let result = discover(&world, Lead::Resource(resource.into()), &Trust::Known(None));
        assert_eq!(told(result), (code, Some("resource".into())));
    }
    let insecure = known(&["http://as.example"]);
    assert_eq!(code_of(by_name(&world, &insecure)), Code::UrlInsecure);
    assert!(world.seen().is_empty());
}

#[test]
fn r142_an_api_s_clock_is_not_the_server_s() {
    let world = World::new();
    let mut dated = reply(200, document());
    if let crate::provider::Reply::Answer(answer) = &mut dated {
        answer.date = Some(crate::provider::http_date(crate::world::START + 3_600_000));
    }
    world.provider().always(DOCUMENT, dated);
    let client = Setup::machine().client(&world);
    let lead = Lead::Resource(API.into());
    world.run(client.discover_resource(&lead, &Trust::Known(None), None)).unwrap();
    assert_eq!(client.server().time(), crate::world::START);
}
