//! R038 to R041, R058, A020, A027: a request that is signed or pushed, and an answer that is signed.

use grantkit::client::login::SignedIn;
use grantkit::client::token_client::TokenClient;
use grantkit::protocol::authorize::{Pending, ResponseMode};
use grantkit::protocol::callback::Params;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::url::ParseUrl;
use serde_json::{Value, json};

use crate::acts::{CLIENT, REDIRECT, Setup, code_of, now, told};
use crate::keyed::{issued, keyed, opened, parts};
use crate::provider::{ISSUER, Reply, page, parameters, refusal, reply};
use crate::signer::{Token, other_rsa, p256};
use crate::urls::Urls;
use crate::world::{World, key_pair, signing};

const PLACE: &str = "https://as.example/par";
const REFERENCE: &str = "urn:ietf:params:oauth:request_uri:canary";

fn world() -> World {
    let world = World::new();
    world.provider().describes("pushed_authorization_request_endpoint", json!(PLACE));
    let answer = json!({"request_uri": REFERENCE, "expires_in": 60});
    world.provider().always(PLACE, reply(201, answer));
    world
}

fn setup(scope: &str) -> Setup {
    let mut setup = Setup::machine();
    setup.options.wish.scope = Some(scope.into());
    setup
}

fn begin(world: &World, client: &TokenClient<World>) -> Result<(String, Box<Pending>), Error> {
    world.run(client.authorization_request(REDIRECT, Box::default(), None))
}

/// The server sends the person back: the query of the callback.
fn approved(world: &World, form: &str) -> String {
    let url = format!("https://as.example/?{form}");
    let back = world.provider().approve(&url, now(world));
    back.split_once('?').unwrap().1.to_owned()
}

fn finish(
    world: &World,
    client: &TokenClient<World>,
    query: &str,
    pending: Box<Pending>,
) -> Result<SignedIn, Error> {
    let place = Urls.parse_url(REDIRECT, None).unwrap();
    let answer = Params::read(query, "")?;
    world.run(client.callback(&answer, pending, &place, None))
}

#[test]
fn r039_r040_a_request_is_pushed_by_option_or_where_the_server_requires_it() {
    for required in [false, true] {
        let world = world();
        let mut setup = setup("openid");
        match required {
            true => {
                world.provider().describes("require_pushed_authorization_requests", json!(true));
            }
            false => setup.options.pushed = Some(true),
        }
        let client = setup.client(&world);
        let (url, pending) = begin(&world, &client).unwrap();
        let query = parameters(&url);
        assert_eq!(query.keys().collect::<Vec<_>>(), ["client_id", "request_uri"]);
        assert_eq!((&*query["client_id"], &*query["request_uri"]), (CLIENT, REFERENCE));
        let seen = world.last(PLACE);
        for name in ["client_id", "redirect_uri", "state", "nonce", "code_challenge", "scope"] {
            assert_eq!(seen.names().iter().filter(|known| **known == name).count(), 1, "{name}");
        }
        assert!(seen.authorization.unwrap().starts_with("Basic "));
        assert_eq!(seen.form.as_ref().map(|_| seen.method), Some("POST"));
        // The sign-in goes on as ever.
        let query = approved(&world, &seen.body);
        let signed_in = finish(&world, &client, &query, pending).unwrap();
        assert_eq!(signed_in.claims.unwrap().subject(), "alice");
        assert_eq!(world.count(PLACE), 1);
    }
}

#[test]
fn r040_a027_a_push_that_fails_is_no_plain_request() {
    let answer =
        |expires: Value| reply(201, json!({"request_uri": REFERENCE, "expires_in": expires}));
    for (answer, code) in [
        (refusal(400, "invalid_request"), Code::TokenError),
        (refusal(401, "invalid_client"), Code::TokenError),
        (page(413), Code::ResponseNotJson),
        (page(429), Code::ResponseStatus),
        (page(303), Code::RedirectRefused),
        (reply(200, json!({"request_uri": REFERENCE, "expires_in": 60})), Code::ResponseStatus),
        (answer(json!(0)), Code::TokenResponseInvalid),
        (answer(json!("60")), Code::TokenResponseInvalid),
        (reply(201, json!({"expires_in": 60})), Code::TokenResponseInvalid),
        (Reply::Fail(Code::NetworkError), Code::NetworkError),
    ] {
        let world = world();
        world.provider().always(PLACE, answer);
        let mut setup = setup("openid");
        setup.options.pushed = Some(true);
        assert_eq!(code_of(begin(&world, &setup.client(&world))), code);
        assert_eq!(world.count(PLACE), 1);
    }
    let world = World::new();
    let mut setup = setup("openid");
    setup.options.pushed = Some(true);
    let missing = "pushed_authorization_request_endpoint".to_owned();
    let result = begin(&world, &setup.client(&world));
    assert_eq!(told(result), (Code::MetadataUnsupported, Some(missing)));
}

#[test]
fn r040_without_option_or_need_nothing_is_pushed() {
    let world = world();
    let (url, _) = begin(&world, &setup("openid").client(&world)).unwrap();
    assert!(parameters(&url).contains_key("code_challenge"));
    assert_eq!(world.count(PLACE), 0);
}

#[test]
fn r039_parameters_by_hand_are_pushed_as_they_are() {
    let world = world();
    let client = setup("openid").client(&world);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let given = [pair("response_type", "code"), pair("resource", "a"), pair("resource", "b")];
    let pushed = world.run(client.push_authorization(&given, None)).unwrap();
    assert_eq!((pushed.request_uri.as_str(), pushed.expires_in), (REFERENCE, 60));
    let seen = world.last(PLACE);
    assert_eq!(seen.names(), ["client_id", "response_type", "resource", "resource"]);
    let names = [
        "",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "request_uri",
    ];
    for name in names {
        let result = world.run(client.push_authorization(&[pair(name, "canary")], None));
        assert_eq!(told(result), (Code::ConfigInvalid, Some("parameters".into())), "{name}");
    }
    assert_eq!(world.count(PLACE), 1);

    // Signed where the client signs; a request that somebody signed already is sent as it is.
    let client = keyed(&world, &setup("openid"), None, Some(signing(p256(), "ES256")));
    world.run(client.push_authorization(&given, None)).unwrap();
    let seen = world.last(PLACE);
    assert_eq!(seen.names(), ["request", "client_id"]);
    let (_, claims) = opened(seen.get("request").unwrap(), &p256().jwk());
    assert_eq!((&claims["resource"], &claims["client_id"]), (&json!(["a", "b"]), &json!(CLIENT)));
    world.run(client.push_authorization(&[pair("request", "a.b.c")], None)).unwrap();
    assert_eq!(world.last(PLACE).get("request"), Some("a.b.c"));
}

#[test]
fn r038_a_signed_request_holds_everything_and_the_address_next_to_nothing() {
    for (scope, beside) in [
        ("openid profile", vec!["client_id", "request", "response_type", "scope"]),
        ("api", vec!["client_id", "request"]),
    ] {
        let world = World::new();
        let client = keyed(&world, &setup(scope), None, Some(signing(p256(), "ES256")));
        let (url, pending) = begin(&world, &client).unwrap();
        let query = parameters(&url);
        assert_eq!(query.keys().map(String::as_str).collect::<Vec<_>>(), beside);
        let (header, claims) = opened(&query["request"], &p256().jwk());
        assert_eq!(header, json!({"alg": "ES256", "typ": "oauth-authz-req+jwt", "kid": "p256"}));
        assert_eq!((&claims["iss"], &claims["client_id"]), (&json!(CLIENT), &json!(CLIENT)));
        assert_eq!(claims["aud"], json!(ISSUER));
        let now = now(&world) / 1000;
        assert!(claims["exp"].as_i64().unwrap() - now <= 300 && claims["iat"] == json!(now));
        assert_eq!(claims["state"], json!(pending.state));
        assert!(claims.get("sub").is_none() && claims.get("code_verifier").is_none());
        assert_eq!(claims["code_challenge_method"], json!("S256"));
        // Each request is another one.
        let (again, _) = begin(&world, &client).unwrap();
        let (_, other) = parts(&parameters(&again)["request"]);
        assert_ne!(claims["jti"], other["jti"]);
    }
}

#[test]
fn r038_r039_a_signed_request_is_pushed_whole() {
    let world = world();
    let mut setup = setup("openid");
    setup.options.pushed = Some(true);
    let client = keyed(&world, &setup, None, Some(signing(p256(), "ES256")));
    let (url, pending) = begin(&world, &client).unwrap();
    assert_eq!(parameters(&url).len(), 2);
    let seen = world.last(PLACE);
    assert_eq!(seen.names(), ["request", "client_id"]);
    let (_, claims) = opened(seen.get("request").unwrap(), &p256().jwk());
    let mut form = grantkit::protocol::form::Form::new();
    for (name, value) in claims.as_object().unwrap() {
        form.push_some(name, value.as_str());
    }
    let query = approved(&world, form.encode().expose());
    assert!(finish(&world, &client, &query, pending).is_ok());
}

#[test]
fn r038_a_server_that_wants_signed_requests_gets_no_other() {
    let world = World::new();
    world.provider().describes("require_signed_request_object", json!(true));
    let refused = (Code::MetadataUnsupported, Some("require_signed_request_object".to_owned()));
    assert_eq!(told(begin(&world, &setup("openid").client(&world))), refused);
    let client = keyed(&world, &setup("openid"), None, Some(signing(p256(), "ES256")));
    assert!(begin(&world, &client).is_ok());
    // The key cannot do what the server lists.
    const LISTED: &str = "request_object_signing_alg_values_supported";
    world.provider().describes(LISTED, json!(["RS256"]));
    let client = keyed(&world, &setup("openid"), None, Some(signing(p256(), "ES256")));
    assert_eq!(told(begin(&world, &client)), (Code::MetadataUnsupported, Some(LISTED.into())));
}

#[test]
fn r041_one_key_from_the_push_to_the_token() {
    let world = world();
    world.provider().spoils_response(|response| response["token_type"] = json!("DPoP"));
    let mut setup = setup("openid");
    setup.options.pushed = Some(true);
    setup.options.dpop = true;
    let client = setup.client(&world);
    let (_, pending) = begin(&world, &client).unwrap();
    let seen = world.last(PLACE);
    let thumbprint = key_pair(p256()).public.thumbprint();
    assert_eq!(seen.get("dpop_jkt"), Some(thumbprint.as_str()));
    let (header, claims) = parts(seen.proof.as_deref().unwrap());
    opened(seen.proof.as_deref().unwrap(), &header["jwk"]);
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("POST"), &json!(PLACE)));
    let query = approved(&world, &seen.body);
    let signed_in = finish(&world, &client, &query, pending).unwrap();
    assert_eq!(signed_in.bound, Some(thumbprint));
    let (later, _) = parts(world.last("token").proof.as_deref().unwrap());
    assert_eq!(later["jwk"], header["jwk"]);

    // Without a push the address says it, and a record of another key is not spent.
    setup.options.pushed = None;
    let client = setup.client(&world);
    let (url, mut pending) = begin(&world, &client).unwrap();
    assert!(parameters(&url).contains_key("dpop_jkt"));
    let query = approved(&world, url.split_once('?').unwrap().1);
    pending.dpop_jkt = Some("another".into());
    let before = world.count("token");
    let result = finish(&world, &client, &query, pending);
    assert_eq!(told(result), (Code::StateUnknown, Some("dpop".into())));
    assert_eq!(world.count("token"), before);
}

fn signing_server() -> (World, TokenClient<World>, String, Box<Pending>) {
    let world = World::new();
    let mut setup = setup("openid");
    setup.options.response_mode = Some(ResponseMode::Jwt);
    let client = setup.client(&world);
    let (url, pending) = begin(&world, &client).unwrap();
    assert_eq!(parameters(&url)["response_mode"], "jwt");
    let query = approved(&world, url.split_once('?').unwrap().1);
    (world, client, query, pending)
}

/// The plain answer as a signed one.
fn response(world: &World, query: &str) -> Token {
    let answer = parameters(&format!("?{query}"));
    let mut token = issued(world, "JWT").claim("aud", CLIENT);
    for (name, value) in answer {
        token = token.claim(&name, value);
    }
    token
}

#[test]
fn r058_a_signed_answer_is_taken() {
    let (world, client, query, pending) = signing_server();
    let answer = format!("response={}", response(&world, &query).signed_by(p256()));
    let signed_in = finish(&world, &client, &answer, pending).unwrap();
    assert_eq!(signed_in.claims.unwrap().subject(), "alice");
}

#[test]
fn r058_a020_nothing_of_a_bad_answer_is_used() {
    type Spoil = fn(Token) -> Token;
    let cases: [(Spoil, &str); 8] = [
        (|token| token.claim("iss", "https://evil.example"), "iss"),
        (|token| token.without("iss"), "iss"),
        (|token| token.claim("aud", "other"), "aud"),
        (|token| token.claim("aud", json!(["shop", "other"])), "aud"),
        (|token| token.claim("exp", 1_799_999_000), "exp"),
        (|token| token.without("exp"), "exp"),
        (|token| token.header("alg", "none"), "alg"),
        (|token| token.header("typ", "logout+jwt"), "typ"),
    ];
    for (spoil, detail) in cases {
        let (world, client, query, pending) = signing_server();
        let token = spoil(response(&world, &query)).signed_by(p256());
        let result = finish(&world, &client, &format!("response={token}"), pending);
        assert_eq!(told(result), (Code::JarmInvalid, Some(detail.into())));
        assert_eq!(world.count("token"), 0);
    }
    let (world, client, query, pending) = signing_server();
    let forged = response(&world, &query).header("alg", "RS256").header("kid", "p256");
    let answer = format!("response={}", forged.signed_by(other_rsa()));
    assert_eq!(code_of(finish(&world, &client, &answer, pending)), Code::JwksKeyNotFound);
    let (world, client, query, pending) = signing_server();
    let good = response(&world, &query);
    let other = good.clone().claim("x", 1).signed_by(p256());
    let good = good.signed_by(p256());
    let swapped =
        format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    let result = finish(&world, &client, &format!("response={swapped}"), pending);
    assert_eq!(told(result), (Code::JarmInvalid, Some("signature".into())));
    assert_eq!(world.count("token"), 0);
}

#[test]
fn r058_a020_beside_or_in_place_of_a_signed_answer_nothing_is_believed() {
    let (world, client, query, pending) = signing_server();
    let good = response(&world, &query).signed_by(p256());
    let both = format!("response={good}&{query}");
    assert_eq!(code_of(finish(&world, &client, &both, pending)), Code::CallbackMalformed);
    let (world, client, query, pending) = signing_server();
    let plain = finish(&world, &client, &query, pending);
    assert_eq!(code_of(plain), Code::CallbackMalformed);
    assert_eq!(world.count("token"), 0);
    // The other way round as well: an answer of another sign-in.
    let (world, client, query, _) = signing_server();
    let (_, pending) = begin(&world, &client).unwrap();
    let answer = format!("response={}", response(&world, &query).signed_by(p256()));
    assert_eq!(code_of(finish(&world, &client, &answer, pending)), Code::StateUnknown);
    assert_eq!(world.count("token"), 0);
}
