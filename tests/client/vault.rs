//! The store that isolates share: memory first, then the store, then the server. It is sealed, it is
//! believed in nothing, and nobody waits for it for long.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use grantkit::client::host::{Edge, Host};
use grantkit::client::token_client::{Ask, TokenClient};
use grantkit::client::tokens::AccessToken;
use grantkit::client::vault;
use grantkit::protocol::authorize::Wish;
use grantkit::protocol::error::{Code, Error};
use grantkit::protocol::json as strict;
use grantkit::protocol::secret::Secret;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::acts::{Setup, code_of, forced, machine_token, now, told};
use crate::commons::{Commons, Fate};
use crate::generator::Generator;
use crate::provider::{Provider, page, refusal};
use crate::sealer;
use crate::world::{Bell, Call, START, World};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
/// Milliseconds after which a token of an hour is renewed.
const DUE: i64 = 3_540_000;

type Asked = Call<Result<Rc<AccessToken>, Error>>;

/// An isolate: its memory, its client.
struct Isolate {
    world: World,
    client: TokenClient<World>,
}

impl Isolate {
    fn new(provider: &Rc<Provider>, commons: &Rc<Commons>) -> Isolate {
        Isolate::with(Setup::machine(), provider, commons)
    }

    fn with(setup: Setup, provider: &Rc<Provider>, commons: &Rc<Commons>) -> Isolate {
        let world = World::beside(provider.clone());
        world.shares(commons, KEY);
        let client = setup.client(&world);
        Isolate { world, client }
    }

    fn token(&self) -> String {
        self.ask(Ask::default()).unwrap()
    }

    fn ask(&self, ask: Ask) -> Result<String, Error> {
        machine_token(&self.world, &self.client, ask)
    }

    /// A request that asks and is looked at later.
    fn request(&self, ask: Ask) -> Asked {
        let client = self.client.clone();
        let call = self.world.request(async move { client.access_token(ask, None).await });
        self.world.turn();
        call
    }

    /// A request that may be kept open: its answer, and what was handed over.
    fn ahead(&self, ask: Ask) -> (Asked, Rc<RefCell<Option<Bell>>>) {
        let (client, handed) = (self.client.clone(), Rc::default());
        let slot: Rc<RefCell<Option<Bell>>> = Rc::clone(&handed);
        let call = self.world.request(async move {
            let hand = |work: &Bell| *slot.borrow_mut() = Some(work.clone());
            client.access_token_ahead(ask, None, hand).await
        });
        self.world.turn();
        (call, handed)
    }

    fn asked(&self) -> usize {
        self.world.count("token")
    }

    /// What the log tells of the store.
    fn told(&self) -> Vec<String> {
        let lines = self.world.log_lines();
        lines.into_iter().filter(|line| line.contains("cache-failed")).collect()
    }
}

fn text(call: &Asked) -> String {
    call.result().unwrap().secret.expose().to_owned()
}

fn scoped(scope: &str) -> Ask {
    Ask { wish: Wish { scope: Some(scope.into()), ..Wish::default() }, ..Ask::default() }
}

fn refused(secret: &str) -> Ask {
    Ask { refused: Some(Secret::new(secret)), ..Ask::default() }
}

fn living(seconds: i64) -> Ask {
    Ask { min_lifetime: seconds * 1000, ..Ask::default() }
}

/// A store with the token of an isolate that is gone, and a fresh isolate.
fn stocked() -> (Rc<Provider>, Rc<Commons>, String) {
    let (provider, commons) = (Provider::new(), Commons::new());
    let token = Isolate::new(&provider, &commons).token();
    (provider, commons, token)
}

fn all(isolates: &[Isolate]) {
    // A turn of one may be news for another.
    for _ in isolates {
        isolates.iter().for_each(|isolate| isolate.world.turn());
    }
}

#[test]
fn memory_then_the_store_then_the_server() {
    let (provider, commons) = (Provider::new(), Commons::new());
    let first = Isolate::new(&provider, &commons);
    let token = first.token();
    assert_eq!(*commons.calls.borrow(), ["get", "acquire", "set"]);
    assert_eq!(first.token(), token);
    assert_eq!((first.asked(), commons.calls.borrow().len()), (1, 3));

    let second = Isolate::new(&provider, &commons);
    assert_eq!((second.token(), second.token()), (token.clone(), token.clone()));
    assert_eq!((second.asked(), commons.calls("get"), commons.calls("set")), (0, 2, 1));
    assert_eq!(second.world.on_hold(), Some((token, START + DUE)));
    assert!(second.told().is_empty() && second.world.seen().is_empty());
}

#[test]
fn a_reader_of_the_store_gets_no_token_and_learns_nothing_from_names() {
    let (_, commons, token) = stocked();
    let (name, value) = commons.only();
    for hidden in [token.as_str(), "canary", "shop", "as.example", "api"] {
        assert!(!value.contains(hidden) && !name.contains(hidden), "{hidden}");
    }
    assert!(value.starts_with("v1.") && name.starts_with("grantkit.1."));
    assert_eq!(name.len(), "grantkit.1.".len() + 43);
    assert_eq!(*commons.until.borrow(), [START + 3_600_000]);
    // The key alone opens it, and for its own name alone.
    let record = sealer::unseal(KEY, &name, &value).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let wanted = json!({
        "token": token, "received_at": START, "expires_at": START + 3_600_000, "scope": "api",
    });
    assert_eq!(record, wanted);
    assert_eq!(sealer::unseal(&[b'1'; 32], &name, &value), None);
}

#[test]
fn each_wish_client_and_server_has_a_place_of_its_own() {
    let (provider, commons) = (Provider::new(), Commons::new());
    let isolate = Isolate::new(&provider, &commons);
    isolate.token();
    // The default, in words.
    assert_eq!(isolate.ask(scoped("api")).unwrap(), isolate.token());
    isolate.ask(scoped("orders")).unwrap();
    let wish = Wish { resource: vec!["https://api.example/".into()], ..Wish::default() };
    isolate.ask(Ask { wish, ..Ask::default() }).unwrap();
    assert_eq!(commons.map.borrow().len(), 3);

    let mut setup = Setup::machine();
    setup.options.client_id = "other".into();
    Isolate::with(setup, &provider, &commons).token();
    assert_eq!(commons.map.borrow().len(), 4);

    let elsewhere = Provider::new();
    elsewhere.describes("issuer", json!("https://other.example"));
    let mut setup = Setup::machine();
    setup.options.issuer = Some("https://other.example".into());
    setup.options.discovery_url =
        Some("https://as.example/.well-known/openid-configuration".into());
    Isolate::with(setup, &elsewhere, &commons).token();
    assert_eq!(commons.map.borrow().len(), 5);
}

#[test]
fn what_has_no_known_life_is_not_put_there() {
    for life in [Value::Null, json!(0)] {
        let (provider, commons, _) = stocked();
        provider.lives(life.clone());
        let isolate = Isolate::new(&provider, &commons);
        isolate.ask(forced()).unwrap();
        // What was there was not wanted, and nothing takes its place.
        assert_eq!((commons.calls("set"), commons.calls("delete")), (1, 1), "{life}");
        assert!(commons.map.borrow().is_empty());

        let commons = Commons::new();
        Isolate::new(&provider, &commons).token();
        assert_eq!((commons.calls("set"), commons.calls("delete")), (0, 0), "{life}");
    }
}

#[test]
fn a_store_that_lies_is_a_miss_and_a_line_in_the_log() {
    let (provider, commons, stored) = stocked();
    Isolate::new(&provider, &commons).ask(scoped("other")).unwrap();
    let (name, good) = {
        let map = commons.map.borrow();
        let opens = |name: &String, value: &String| {
            sealer::unseal(KEY, name, value).is_some_and(|text| text.contains(&stored))
        };
        let (name, value) = map.iter().find(|(name, value)| opens(name, value)).unwrap();
        (name.clone(), value.clone())
    };
    let others = {
        let map = commons.map.borrow();
        map.values().find(|value| **value != good).unwrap().clone()
    };
    let sealed = |record: &str| sealer::seal(KEY, &name, [7; 12], record);
    let with = |member: &str, value: Value| {
        let mut record = json!({
            "token": "canary-forged", "received_at": START, "expires_at": START + 3_600_000,
        });
        match value {
            Value::Null => drop(record.as_object_mut().unwrap().remove(member)),
            value => record[member] = value,
        }
        sealed(&record.to_string())
    };
    // The good one of these is good.
    commons.forge(&name, &with("scope", json!("api")));
    assert_eq!(Isolate::new(&provider, &commons).token(), "canary-forged");

    let lies = [
        String::new(),
        "canary-forged".into(),
        "{\"token\":\"canary-forged\"}".into(),
        "v1.".into(),
        format!("v2{}", &good[2..]),
        good[..good.len() - 1].into(),
        format!("{good}A"),
        others,
        sealer::seal(&[b'1'; 32], &name, [7; 12], "{}"),
        sealed(""),
        sealed("{}"),
        sealed("[]"),
        sealed("{\"__proto__\":{\"token\":\"canary-forged\"}}"),
        sealed("{\"token\":\"canary-forged\",\"token\":\"canary-forged\"}"),
        with("token", Value::Null),
        with("token", json!(7)),
        with("received_at", Value::Null),
        with("received_at", json!("now")),
        with("expires_at", Value::Null),
        with("expires_at", json!(1.5)),
        with("expires_at", json!(1e300)),
        with("expires_at", json!(START)),
        with("scope", json!(["api"])),
    ];
    for lie in lies {
        commons.forge(&name, &lie);
        let isolate = Isolate::new(&provider, &commons);
        let token = isolate.token();
        assert!(token.starts_with("canary-access-") && token != stored, "{lie}");
        assert_eq!((isolate.asked(), isolate.told().len()), (1, 1), "{lie}");
        assert!(!isolate.world.lines().concat().contains("canary"), "{lie}");
        // The next one finds the truth again.
        assert_eq!(Isolate::new(&provider, &commons).token(), token, "{lie}");
    }

    commons.fated("get", Fate::Lies);
    let isolate = Isolate::new(&provider, &commons);
    isolate.token();
    assert_eq!(isolate.asked(), 1);
    assert_eq!(
        isolate.told(),
        [r#"Warning cache-failed [("call", "get"), ("code", "storage_corrupt")]"#]
    );
}

#[test]
fn damaged_values_are_never_a_token() {
    let (provider, commons, _) = stocked();
    let (name, good) = commons.only();
    let record = sealer::unseal(KEY, &name, &good).unwrap();
    let dictionary: [&[u8]; 6] = [b"v1.", b"\"token\":", b"null", b"{", b"\\u0000", b"1e9"];
    let mut random = Generator::new(171);
    let mut opened = 0;
    for round in 0..2_000 {
        let value = match round % 2 {
            0 => random.mutated(&[good.as_bytes()], &dictionary),
            _ => {
                let text = random.mutated(&[record.as_bytes()], &dictionary);
                let text = String::from_utf8_lossy(&text).into_owned();
                sealer::seal(KEY, &name, [round as u8; 12], &text).into_bytes()
            }
        };
        let value = String::from_utf8_lossy(&value).into_owned();
        commons.forge(&name, &value);
        let isolate = Isolate::new(&provider, &commons);
        isolate.token();
        match isolate.asked() {
            // A mutation that leaves the record what it must be opens, and only where it was sealed.
            0 => {
                opened += 1;
                assert!(value == good || round % 2 == 1, "{value}");
            }
            asked => {
                let text = sealer::unseal(KEY, &name, &value).unwrap_or_default();
                let object = strict::read_object(text.as_bytes()).ok();
                let token = object.and_then(|object| AccessToken::from_json(&object));
                // One that lives and is to be renewed is nothing to tell.
                let lives = token.is_some_and(|token| token.expires_at > Some(START));
                assert_eq!((asked, isolate.told().len()), (1, usize::from(!lives)), "{text}");
            }
        }
    }
    assert!(opened < 1_000, "{opened}");
}

#[test]
fn a_store_that_fails_is_done_without() {
    let (provider, commons, _) = stocked();
    for call in ["get", "set", "acquire", "release", "delete"] {
        commons.fated(call, Fate::Fails);
    }
    let isolate = Isolate::new(&provider, &commons);
    let token = isolate.token();
    assert_eq!(isolate.token(), token);
    assert_eq!(isolate.asked(), 1);
    isolate.world.turn();
    assert_eq!(
        isolate.told(),
        [
            r#"Warning cache-failed [("call", "get"), ("code", "storage_unavailable")]"#,
            r#"Warning cache-failed [("call", "set"), ("code", "storage_unavailable")]"#,
        ]
    );
    // The errors of the server are told as ever.
    provider.always("token", refusal(401, "invalid_client"));
    assert_eq!(code_of(Isolate::new(&provider, &commons).ask(Ask::default())), Code::TokenError);
    provider.mend("token");
    commons.fated("get", Fate::Works);
    commons.map.borrow_mut().clear();
    let isolate = Isolate::new(&provider, &commons);
    isolate.token();
    assert!(isolate.told()[0].contains("acquire"), "{:?}", isolate.told());
}

#[test]
fn a_store_that_is_slow_costs_a_second() {
    let (provider, commons, stored) = stocked();
    commons.fated("get", Fate::Hangs);
    commons.fated("set", Fate::Hangs);
    let isolate = Isolate::new(&provider, &commons);
    let call = isolate.request(Ask::default());
    isolate.world.pass(999);
    assert!(call.open() && isolate.asked() == 0);
    isolate.world.pass(1);
    // What was slow once is not waited for again.
    assert_ne!(text(&call), stored);
    isolate.world.pass(1_000);
    assert_eq!(
        isolate.told(),
        [
            r#"Warning cache-failed [("call", "get"), ("code", "timeout")]"#,
            r#"Warning cache-failed [("call", "set"), ("code", "timeout")]"#,
        ]
    );

    commons.fated("get", Fate::Works);
    commons.map.borrow_mut().clear();
    let isolate = Isolate::new(&provider, &commons);
    let call = isolate.request(Ask::default());
    assert!(call.open() && isolate.asked() == 1, "it is put there before the request may end");
    isolate.world.pass(1_000);
    assert!(call.result().is_ok());
}

#[test]
fn without_cryptography_there_is_no_shared_store() {
    let (provider, commons) = (Provider::new(), Commons::new());
    let isolate = Isolate::new(&provider, &commons);
    isolate.world.without_randomness();
    isolate.token();
    assert!(commons.map.borrow().is_empty());
    assert_eq!(isolate.told().len(), 1);
}

#[test]
fn ten_isolates_with_turns_ask_once_and_without_once_each() {
    for (commons, wanted) in [(Commons::with_turns(), 1), (Commons::new(), 10)] {
        let provider = Provider::new();
        let isolates: Vec<_> = (0..10).map(|_| Isolate::new(&provider, &commons)).collect();
        for isolate in &isolates {
            isolate.world.hold("token");
        }
        let calls: Vec<_> = isolates
            .iter()
            .flat_map(|isolate| (0..100).map(|_| isolate.request(Ask::default())))
            .collect();
        assert_eq!(isolates.iter().map(Isolate::asked).sum::<usize>(), wanted);
        for isolate in &isolates {
            isolate.world.release("token");
        }
        all(&isolates);
        let tokens: BTreeSet<_> = calls.iter().map(text).collect();
        assert_eq!(tokens.len(), wanted);
        assert_eq!(isolates.iter().map(Isolate::asked).sum::<usize>(), wanted);
        assert_eq!((commons.held(), commons.calls("set")), (None, wanted));
    }
}

#[test]
fn a_leader_that_fails_gives_its_turn_up() {
    let (provider, commons) = (Provider::new(), Commons::with_turns());
    let isolates: Vec<_> = (0..3).map(|_| Isolate::new(&provider, &commons)).collect();
    provider.always("token", page(503));
    isolates[0].world.hold("token");
    isolates[1].world.hold("token");
    let calls: Vec<_> = isolates.iter().map(|isolate| isolate.request(Ask::default())).collect();
    assert_eq!(isolates.iter().map(Isolate::asked).collect::<Vec<_>>(), [1, 0, 0]);
    isolates[0].world.release("token");
    all(&isolates);
    assert_eq!(code_of(calls[0].result()), Code::ResponseStatus);
    assert_eq!(isolates.iter().map(Isolate::asked).collect::<Vec<_>>(), [1, 1, 0]);
    provider.mend("token");
    isolates[1].world.release("token");
    all(&isolates);
    assert_eq!(text(&calls[1]), text(&calls[2]));
    assert_eq!((isolates[2].asked(), commons.held()), (0, None));
}

#[test]
fn law_17_a_leader_that_dies_holds_nobody_up_for_ever() {
    let (provider, commons) = (Provider::new(), Commons::with_turns());
    let isolates: Vec<_> = (0..3).map(|_| Isolate::new(&provider, &commons)).collect();
    isolates[0].world.hold("token");
    let gone = isolates[0].request(Ask::default());
    isolates[0].world.end(&gone);
    let calls = [1, 2].map(|at| isolates[at].request(Ask::default()));
    assert!(calls.iter().all(Call::open));
    // The store takes the turn away.
    commons.end_turn(&commons.held().unwrap());
    all(&isolates);
    assert_eq!(text(&calls[0]), text(&calls[1]));
    assert_eq!(isolates[1].asked() + isolates[2].asked(), 1);

    // A store that does not: eight seconds.
    let commons = Commons::with_turns();
    let isolates: Vec<_> = (0..2).map(|_| Isolate::new(&provider, &commons)).collect();
    isolates[0].world.hold("token");
    let gone = isolates[0].request(Ask::default());
    isolates[0].world.end(&gone);
    let call = isolates[1].request(Ask::default());
    isolates[1].world.pass(7_999);
    assert!(call.open());
    isolates[1].world.pass(1);
    assert!(call.result().is_ok());
    let line = r#"Warning cache-failed [("call", "acquire"), ("code", "timeout")]"#;
    assert_eq!(isolates[1].told(), [line]);
}

#[test]
fn a_turn_that_brings_nothing_of_use_is_waited_for_eight_seconds_in_all() {
    let (provider, commons) = (Provider::new(), Commons::with_turns());
    let leader = Isolate::new(&provider, &commons);
    leader.world.hold("token");
    let leading = leader.request(Ask::default());
    let waiter = Isolate::new(&provider, &commons);
    let call = waiter.request(Ask::default());
    waiter.world.pass(5_000);
    let name = commons.held().unwrap();
    commons.forge(&name, "useless");
    commons.end_turn(&name);
    // The waiter's turn now; it sees what was put there.
    waiter.world.hold("token");
    waiter.world.turn();
    assert_eq!(waiter.told().len(), 1);
    assert!(waiter.asked() == 1 && call.open());
    waiter.world.release("token");
    leader.world.release("token");
    assert!(call.result().is_ok() && leading.result().is_ok());
}

#[test]
fn force_renewal_takes_nothing_that_was_there_before() {
    let (provider, commons, stored) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    assert_ne!(
        isolate.ask(forced()).unwrap(),
        stored,
        "nothing in memory: who knows how old it is"
    );
    assert_eq!(isolate.asked(), 1);

    // Another isolate renewed it since: that will do.
    let (provider, commons, stored) = stocked();
    let (one, two) = (Isolate::new(&provider, &commons), Isolate::new(&provider, &commons));
    assert_eq!((one.token(), two.token()), (stored.clone(), stored.clone()));
    one.world.pass(1_000);
    two.world.pass(1_000);
    let renewed = one.ask(forced()).unwrap();
    assert_ne!(renewed, stored);
    assert_eq!((two.ask(forced()).unwrap(), two.asked()), (renewed.clone(), 0));
    // Once more: it is the same now.
    assert_ne!(two.ask(forced()).unwrap(), renewed);
    assert_eq!(two.asked(), 1);
}

#[test]
fn r130_a_token_that_was_refused_is_not_taken_from_the_store() {
    let (provider, commons, stored) = stocked();
    let (one, two) = (Isolate::new(&provider, &commons), Isolate::new(&provider, &commons));
    assert_eq!((one.token(), two.token()), (stored.clone(), stored.clone()));
    one.world.pass(1_000);
    two.world.pass(1_000);
    let fresh = one.ask(refused(&stored)).unwrap();
    assert_ne!(fresh, stored);
    assert_eq!(one.asked(), 1);
    // Who hears of it later takes what is newer.
    assert_eq!((two.ask(refused(&stored)).unwrap(), two.asked()), (fresh.clone(), 0));

    // What is older is not better.
    let old = sealer::seal(
        KEY,
        &commons.only().0,
        [7; 12],
        &json!({"token": "canary-old", "received_at": START, "expires_at": START + 3_600_000})
            .to_string(),
    );
    commons.forge(&commons.only().0, &old);
    assert!(two.ask(refused(&fresh)).unwrap().starts_with("canary-access-"));
    assert_eq!(two.asked(), 1);
}

#[test]
fn who_wants_more_than_a_neighbour_gets_more() {
    let (provider, commons, stored) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    isolate.world.pass(1_000_000);
    // They ask at once; the first is content with what the store has.
    let [plain, long, force] = [Ask::default(), living(3_000), forced()].map(|ask| {
        let client = isolate.client.clone();
        isolate.world.request(async move { client.access_token(ask, None).await })
    });
    isolate.world.turn();
    assert_eq!(text(&plain), stored);
    let (long, force) = (text(&long), text(&force));
    assert!(long != stored && force != stored);
    assert_eq!((long, isolate.asked()), (force, 1));
}

#[test]
fn a_server_that_gives_less_than_is_wanted_is_asked_once() {
    let (provider, commons, stored) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    assert_ne!(isolate.ask(living(4_000)).unwrap(), stored);
    assert_eq!(isolate.asked(), 1);
}

#[test]
fn r124_a_token_that_is_to_be_renewed_is_not_taken_over_but_serves_where_the_server_is_down() {
    let (provider, commons, stored) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    isolate.world.pass(DUE);
    provider.always("token", page(503));
    assert_eq!(isolate.token(), stored);
    assert_eq!(isolate.asked(), 1);
    let error = told(isolate.ask(living(100)));
    assert_eq!(error.0, Code::ResponseStatus);
    provider.mend("token");
    assert_ne!(isolate.token(), stored);
    isolate.world.pass(60_000);

    // Expired it serves nobody.
    let (provider, commons, _) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    isolate.world.pass(3_600_000);
    provider.always("token", page(503));
    assert_eq!(code_of(isolate.ask(Ask::default())), Code::ResponseStatus);
    assert!(isolate.told()[0].contains("expired"));
}

#[test]
fn law_17_a_token_is_renewed_behind_the_answer_where_that_may_go_on() {
    let (provider, commons) = (Provider::new(), Commons::new());
    for isolate in [
        Isolate::new(&provider, &commons),
        // The same without a store.
        {
            let world = World::beside(provider.clone());
            let client = Setup::machine().client(&world);
            Isolate { world, client }
        },
    ] {
        let first = isolate.token();
        isolate.world.pass(DUE - 1);
        let (early, handed) = isolate.ahead(Ask::default());
        assert_eq!(text(&early), first);
        assert!(handed.borrow().is_none(), "nothing goes on");
        assert_eq!(isolate.asked(), 1);

        isolate.world.pass(1);
        isolate.world.hold("token");
        let answered: Vec<_> = (0..100).map(|_| isolate.ahead(Ask::default())).collect();
        for (call, handed) in &answered {
            assert_eq!(text(call), first, "nobody waits");
            assert!(!handed.borrow().as_ref().unwrap().rung());
        }
        assert_eq!(isolate.asked(), 2, "one renewal for all");
        // Who cannot be kept open waits for it.
        let waiting = isolate.request(Ask::default());
        assert!(waiting.open());
        isolate.world.release("token");
        let second = text(&waiting);
        assert_ne!(second, first);
        for (_, handed) in &answered {
            assert!(handed.borrow().as_ref().unwrap().rung());
        }
        assert_eq!((isolate.token(), isolate.asked()), (second, 2));
    }
}

#[test]
fn law_17_who_wants_another_token_is_not_answered_with_the_one_in_hand() {
    let (provider, commons, stored) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    assert_eq!(isolate.token(), stored);
    isolate.world.pass(DUE);
    isolate.world.hold("token");
    let calls: Vec<_> = [forced(), refused(&stored), living(100)]
        .into_iter()
        .map(|ask| isolate.ahead(ask).0)
        .collect();
    assert!(calls.iter().all(Call::open));
    isolate.world.release("token");
    for call in &calls {
        assert_ne!(text(call), stored);
    }
    // What is refused is refused, whatever is in hand.
    let wish = Wish { parameters: vec![("scope".into(), "api".into())], ..Wish::default() };
    let ask = Ask { wish, ..Ask::default() };
    assert_eq!(code_of(isolate.ahead(ask).0.result()), Code::ConfigInvalid);
    isolate.client.close();
    assert_eq!(code_of(isolate.ahead(Ask::default()).0.result()), Code::Closed);
}

#[test]
fn law_17_a_renewal_that_dies_with_its_request_is_begun_again() {
    let (provider, commons) = (Provider::new(), Commons::new());
    let isolate = Isolate::new(&provider, &commons);
    let first = isolate.token();
    isolate.world.pass(DUE);
    isolate.world.hold("token");
    let (call, _) = isolate.ahead(Ask::default());
    assert_eq!(text(&call), first);
    isolate.world.end(&call);
    let (next, handed) = isolate.ahead(Ask::default());
    assert_eq!(text(&next), first, "nobody waits for the dead");
    isolate.world.pass(3_000);
    isolate.world.release("token");
    assert!(handed.borrow().as_ref().unwrap().rung());
    assert_ne!(isolate.token(), first);
}

#[test]
fn a_renewal_behind_the_answer_does_not_end_with_the_call() {
    let (provider, commons) = (Provider::new(), Commons::new());
    let isolate = Isolate::new(&provider, &commons);
    let first = isolate.token();
    isolate.world.pass(DUE);
    let (client, abort) = (isolate.client.clone(), Bell::default());
    let signal = abort.clone();
    isolate.world.hold("token");
    let call = isolate.world.request(async move {
        client.access_token_ahead(Ask::default(), Some(&signal), |_| {}).await
    });
    isolate.world.turn();
    assert_eq!(text(&call), first);
    abort.ring();
    isolate.world.release("token");
    assert_ne!(isolate.token(), first);
    assert_eq!(isolate.asked(), 2);
}

#[test]
fn a_fresh_isolate_answers_with_a_token_of_the_store_and_renews_it_behind() {
    let (provider, commons, stored) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    isolate.world.pass(DUE);
    isolate.world.hold("token");
    let (call, handed) = isolate.ahead(Ask::default());
    assert_eq!(text(&call), stored);
    assert_eq!(isolate.asked(), 1);
    isolate.world.release("token");
    assert!(handed.borrow().as_ref().unwrap().rung());
    assert_eq!((isolate.token() == stored, isolate.asked(), commons.calls("set")), (false, 1, 2));
}

#[test]
fn the_store_is_written_behind_the_answer_where_that_may_go_on() {
    let (provider, commons) = (Provider::new(), Commons::new());
    commons.fated("set", Fate::Hangs);
    let isolate = Isolate::new(&provider, &commons);
    let (call, handed) = isolate.ahead(Ask::default());
    assert!(call.result().is_ok(), "the answer does not wait for the store");
    assert!(!handed.borrow().as_ref().unwrap().rung(), "the request does");
    isolate.world.pass(1_000);
    assert!(handed.borrow().as_ref().unwrap().rung());
}

#[test]
fn a_closed_client_takes_and_puts_nothing() {
    let (provider, commons, _) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    commons.map.borrow_mut().clear();
    isolate.world.hold("token");
    let call = isolate.request(Ask::default());
    isolate.client.close();
    isolate.world.release("token");
    assert_eq!(code_of(call.result()), Code::Closed);
    assert!(commons.map.borrow().is_empty());

    let (provider, commons, _) = stocked();
    let isolate = Isolate::new(&provider, &commons);
    let call = {
        let client = isolate.client.clone();
        isolate.world.request(async move { client.access_token(Ask::default(), None).await })
    };
    isolate.client.close();
    isolate.world.turn();
    assert_eq!(code_of(call.result()), Code::Closed);
    assert_eq!(isolate.world.on_hold(), None);
}

#[test]
fn what_seals_the_store_cannot_be_guessed() {
    let bytes = |bytes: &[u8]| vault::key(Some(Zeroizing::new(bytes.to_vec())), None);
    let secret = |text: &str| vault::key(None, Some(&Secret::new(text)));
    assert_eq!(bytes(KEY).unwrap().as_slice(), KEY);
    assert_eq!(secret("0123456789abcdef0123456789abcdef").unwrap().as_slice(), KEY);
    assert!(bytes(&[KEY, b"more"].concat()).is_ok());
    let wrong = (Code::ConfigInvalid, Some("cacheKey".into()));
    for refused in [
        bytes(&[]),
        bytes(&KEY[1..]),
        bytes(&[0; 32]),
        bytes(&[7; 64]),
        secret(""),
        secret("0123456789abcdef0123456789abcde"),
        // Characters, not bytes.
        secret(&"\u{e9}\u{e8}".repeat(15)),
        secret(&"x".repeat(32)),
        vault::key(None, None),
        // A key that is too weak is not replaced by a secret that is not.
        vault::key(
            Some(Zeroizing::new(vec![1])),
            Some(&Secret::new("canary-0123456789-0123456789-0")),
        ),
    ] {
        assert_eq!(told(refused), wrong);
    }
}

#[test]
fn the_host_seals_the_shared_store_with_the_key_of_the_store() {
    let world = World::new();
    world.shares(&Commons::new(), KEY);
    let seal = world.run(world.lock("one", "text")).unwrap();
    assert_eq!(world.run(world.unlock("one", &seal)).unwrap().as_deref(), Some("text"));
    assert_eq!(world.run(world.unseal(KEY, "one", &seal)).unwrap().as_deref(), Some("text"));
    assert_eq!(now(&world), START);
}
