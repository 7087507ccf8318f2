//! What earlier versions said is understood by this one, and what a later one adds is passed over.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;
use wire::control::{Answer, Hello, Request, Status, Welcome};
use wire::keeping::{ToGateway, ToKeeper};
use wire::problem::Kind;

const CONVERSATIONS: [&str; 3] = [
    include_str!("../golden/v1/control.txt"),
    include_str!("../golden/v1/watching.txt"),
    include_str!("../golden/v1/replacing.txt"),
];

fn filled(text: &str) -> String {
    text.replace("{LISTEN}", "127.0.0.1:80").replace("{INSTANCE}", "127.0.0.1:1").replace("{PID}", "7")
}

/// It is understood, and so it is where its sender knows more: a field that is not known here.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(said: &str) {
    let heard: T = serde_json::from_str(said).unwrap_or_else(|error| panic!("{said}: {error}"));
    let mut more: Value = serde_json::from_str(said).expect("JSON");
    let within = more.as_object_mut().and_then(|word| word.values_mut().next()).and_then(Value::as_object_mut);
    // What is drained is a word of its own, and no field.
    let Some(fields) = within.filter(|_| !said.starts_with("{\"drain\"")) else { return };
    fields.insert("weather".into(), "fine".into());
    let whole = fields.contains_key("lanes");
    match serde_json::from_value::<T>(more) {
        Ok(understood) => assert!(understood == heard && !whole, "{said}"),
        // Half of a table would serve the wrong users.
        Err(error) => assert!(whole && error.to_string().contains("weather"), "{said}: {error}"),
    }
}

#[test]
fn conversations_of_the_first_version() {
    for conversation in CONVERSATIONS {
        for (number, line) in filled(conversation).lines().enumerate() {
            match (number, line.split_at(2)) {
                (0, ("> ", said)) => check::<Hello>(said),
                (1, ("< ", said)) => check::<Welcome>(said),
                (_, ("> ", said)) => check::<Request>(said),
                (_, ("< ", said)) => check::<Answer>(said),
                _ => panic!("{line}"),
            }
        }
    }
}

/// What is not in order at a gateway of a later version is told of by whoever does not know it.
#[test]
fn a_problem_that_is_not_known_is_one_all_the_same() {
    let status = CONVERSATIONS[0].lines().find_map(|line| line.strip_prefix("< {\"status\":")).expect("a status");
    let said = status.trim_end_matches('}').to_owned()
        + r#","problems":[{"kind":"weather","of":"sky","why":"it rains","since":7}]}"#;
    let status: Status = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{said}: {error}"));
    assert!(!status.is_in_order());
    assert_eq!((status.problems[0].kind, status.problems[0].of.as_str()), (Kind::Other, "sky"));
}

#[test]
fn keepers_and_gateways_of_the_first_version() {
    filled(include_str!("../golden/v1/to-gateway.txt")).lines().for_each(check::<ToGateway>);
    filled(include_str!("../golden/v1/to-keeper.txt")).lines().for_each(check::<ToKeeper>);
}
