//! Law 17: on the edge, work dies with the request that began it. Whoever waits for it loses patience
//! and asks itself; nobody hangs, and the server is not stormed.

use std::rc::Rc;

use grantkit::client::token_client::{Ask, TokenClient};
use grantkit::client::tokens::AccessToken;
use grantkit::protocol::error::{Code, Error};
use serde_json::json;

use crate::acts::{Setup, code_of, machine_token};
use crate::provider::page;
use crate::world::{Call, World};

type Asked = Call<Result<Rc<AccessToken>, Error>>;

fn ask(world: &World, client: &TokenClient<World>) -> Asked {
    let client = client.clone();
    let call = world.request(async move { client.access_token(Ask::default(), None).await });
    world.turn();
    call
}

fn requests(world: &World, client: &TokenClient<World>, many: usize) -> Vec<Asked> {
    (0..many).map(|_| ask(world, client)).collect()
}

#[test]
fn law_17_a_leader_that_ends_takes_nobody_along() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let calls = requests(&world, &client, 100);
    assert_eq!(world.count("token"), 1);
    world.end(&calls[0]);
    world.pass(2_999);
    assert!(calls[1..].iter().all(Call::open));
    assert_eq!(world.count("token"), 1, "they are patient for three seconds");
    world.pass(1);
    assert_eq!(world.count("token"), 2, "one of them asks for all");
    world.release("token");
    assert!(calls[1..].iter().all(|call| call.result().is_ok()));
    assert_eq!(world.count("token"), 2);
}

#[test]
fn law_17_a_leader_that_ends_while_it_discovers_takes_nobody_along() {
    for endpoint in ["metadata", "jwks"] {
        let world = World::new();
        let mut setup = Setup::machine();
        setup.options.wish.scope = Some("openid".into());
        let client = setup.client(&world);
        world.hold(endpoint);
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let client = client.clone();
                let call = world.request(async move {
                    match endpoint {
                        "metadata" => client.access_token(Ask::default(), None).await.map(|_| ()),
                        _ => {
                            let address = "https://app.example/callback";
                            client
                                .authorization_request(address, Box::default(), None)
                                .await
                                .map(|_| ())
                        }
                    }
                });
                world.turn();
                call
            })
            .collect();
        assert_eq!(world.count(endpoint), 1);
        world.end(&calls[0]);
        world.release(endpoint);
        world.pass(12_000);
        for call in &calls[1..] {
            assert!(call.result().is_ok());
        }
        assert_eq!(world.count(endpoint), 2);
        assert!(world.count("token") <= 3, "{} requests for one token", world.count("token"));
    }
}

#[test]
fn law_17_nobody_hangs_when_one_leader_after_the_other_ends() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let mut calls = requests(&world, &client, 20);
    for _ in 0..4 {
        // The request that asks at this moment ends before its answer came.
        let gone = calls.remove(0);
        world.end(&gone);
        world.pass(3_000);
    }
    world.release("token");
    world.pass(20_000);
    assert!(calls.iter().all(|call| call.result().is_ok()));
    assert!(world.count("token") <= 21, "{}", world.count("token"));
}

#[test]
fn law_17_what_a_request_left_behind_costs_the_next_one_its_patience_at_the_most() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let gone = ask(&world, &client);
    world.end(&gone);
    world.release("token");
    world.pass(600_000);
    let next = ask(&world, &client);
    world.pass(3_000);
    assert!(next.result().is_ok());
    assert_eq!(world.count("token"), 2);
}

#[test]
fn law_17_a_slow_server_is_not_stormed() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let calls = requests(&world, &client, 100);
    world.pass(8_000);
    world.release("token");
    assert!(calls.iter().all(|call| call.result().is_ok()));
    let asked = world.count("token");
    assert!(asked <= 3, "{asked} requests for one token: one each three seconds is enough");
}

#[test]
fn law_17_a_request_that_goes_on_is_enough_for_all() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let calls = requests(&world, &client, 100);
    world.pass(2_500);
    world.release("token");
    assert!(calls.iter().all(|call| call.result().is_ok()));
    assert_eq!(world.count("token"), 1);
}

#[test]
fn law_17_followers_hear_of_a_failure_and_a_timeout() {
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.provider().always("token", page(503));
    world.hold("token");
    let calls = requests(&world, &client, 10);
    world.release("token");
    for call in &calls {
        assert_eq!(code_of(call.result()), Code::ResponseStatus);
    }
    assert_eq!(world.count("token"), 1);

    // No answer at all: everybody is told in the end.
    let world = World::new();
    let client = Setup::machine().client(&world);
    world.hold("token");
    let calls = requests(&world, &client, 10);
    world.pass(60_000);
    for call in &calls {
        assert_eq!(code_of(call.result()), Code::Timeout);
    }
}

#[test]
fn law_17_nothing_is_renewed_behind_an_answer_by_itself() {
    let world = World::new();
    world.provider().lives(json!(100));
    let client = Setup::machine().client(&world);
    machine_token(&world, &client, Ask::default()).unwrap();
    world.pass(86_400_000);
    assert_eq!(world.count("token"), 1);
}
