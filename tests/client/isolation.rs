//! R173: many people at once through one client, and nobody gets what is another's.

use grantkit::client::login::SignedIn;
use grantkit::client::token_client::TokenClient;
use grantkit::protocol::authorize::{Pending, SignIn, Wish};
use grantkit::protocol::callback::Params;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::url::ParseUrl;

use crate::acts::{REDIRECT, Setup, code_of, now};
use crate::generator::Generator;
use crate::provider::parameters;
use crate::world::{Call, World};

const PEOPLE: usize = 1_000;

fn client(world: &World) -> TokenClient<World> {
    let mut setup = Setup::machine();
    setup.options.wish.scope = Some("openid offline_access".into());
    setup.client(world)
}

fn begin(world: &World, client: &TokenClient<World>, person: usize) -> (String, Box<Pending>) {
    let ask = SignIn {
        wish: Wish { resource: vec![format!("https://api.example/{person}")], ..Wish::default() },
        return_to: Some(format!("/home/{person}")),
        ..SignIn::default()
    };
    world.run(client.authorization_request(REDIRECT, Box::new(ask), None)).unwrap()
}

fn finish(
    world: &World,
    client: &TokenClient<World>,
    back: &str,
    pending: Box<Pending>,
) -> Call<Result<SignedIn, Error>> {
    let params = Params::read(back.split_once('?').unwrap().1, "").unwrap();
    let arrived = world.parse_url(back, None).unwrap();
    let client = client.clone();
    world.request(async move { client.callback(&params, pending, &arrived, None).await })
}

#[test]
fn r173_a_thousand_sign_ins_at_once_do_not_mix() {
    let world = World::new();
    let client = client(&world);
    let mut random = Generator::new(173);
    let mut begun: Vec<_> =
        (0..PEOPLE).map(|person| (person, begin(&world, &client, person))).collect();
    assert_eq!((world.count("metadata"), world.count("jwks")), (1, 1));
    shuffle(&mut random, &mut begun);
    world.hold("token");
    let mut calls = Vec::new();
    for (person, (url, pending)) in begun {
        let name = format!("person-{person}");
        let back = world.provider().approve_as(&name, &url, now(&world));
        calls.push((person, finish(&world, &client, &back, pending)));
    }
    world.turn();
    assert_eq!(world.open("token"), PEOPLE);
    // Answered one by one, in an order of its own.
    for left in (1..=PEOPLE).rev() {
        world.release_one("token", random.below(left));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (person, call) in calls {
        let signed_in = call.result().unwrap();
        assert_eq!(signed_in.claims.unwrap().subject(), format!("person-{person}"));
        let tokens = signed_in.granted.tokens;
        assert!(seen.insert(tokens.access_token.expose().to_owned()));
        assert!(seen.insert(tokens.refresh_token.unwrap().expose().to_owned()));
    }
    assert_eq!(world.count("token"), PEOPLE);
    for seen in world.seen_at("token") {
        // The resource that was asked for goes with the code of the same person.
        assert!(seen.get("resource").unwrap().starts_with("https://api.example/"));
    }
}

fn shuffle<T>(random: &mut Generator, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, random.below(at + 1));
    }
}

#[test]
fn r173_answers_that_were_swapped_are_refused() {
    let world = World::new();
    let client = client(&world);
    let (alice, alices) = begin(&world, &client, 1);
    let (bob, bobs) = begin(&world, &client, 2);
    let alice = world.provider().approve_as("alice", &alice, now(&world));
    let bob = world.provider().approve_as("bob", &bob, now(&world));
    // Whole answers, swapped.
    let call = finish(&world, &client, &bob, alices.clone());
    world.turn();
    assert_eq!(code_of(call.result()), Code::StateUnknown);
    // A015: Bob's code under Alice's state.
    let mixed = alice.replace(&parameters(&alice)["code"], &parameters(&bob)["code"]);
    let call = finish(&world, &client, &mixed, alices);
    world.turn();
    assert_eq!(code_of(call.result()), Code::TokenError, "the server sees another verifier");
    drop(bobs);
}

#[test]
fn r173_a015_a_code_of_another_sign_in_is_refused_by_its_nonce() {
    // A server that does not look at the verifier.
    let world = World::new();
    let client = client(&world);
    let (alice, alices) = begin(&world, &client, 1);
    let (bob, _) = begin(&world, &client, 2);
    world.provider().approve_as("alice", &alice, now(&world));
    let nonce = parameters(&bob)["nonce"].clone();
    world
        .provider()
        .spoils_claims(move |token| token.claim("nonce", nonce.as_str()).claim("sub", "bob"));
    let back = world.provider().approve_as("alice", &alice, now(&world));
    let call = finish(&world, &client, &back, alices);
    world.turn();
    assert_eq!(code_of(call.result()), Code::IdTokenInvalid);
}

#[test]
fn r173_tokens_of_people_never_enter_the_client_s_cache() {
    let world = World::new();
    let client = client(&world);
    let (url, pending) = begin(&world, &client, 1);
    let back = world.provider().approve(&url, now(&world));
    let call = finish(&world, &client, &back, pending);
    world.turn();
    let theirs = call.result().unwrap().granted.tokens.access_token;
    assert_eq!(world.on_hold(), None);
    let ours = crate::acts::machine_token(&world, &client, Default::default()).unwrap();
    assert_ne!(ours, theirs.expose());
}
