//! Messages: what is read can be written, and is read back as the same.

use std::fmt::Debug;

/// Checks one input.
pub fn check(input: &[u8]) {
    round_trip::<wire::Table>(input);
    round_trip::<wire::Counts>(input);
}

fn round_trip<T: serde::de::DeserializeOwned + serde::Serialize + PartialEq + Debug>(input: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(input) else { return };
    let text = serde_json::to_vec(&message).expect("it can be written");
    let again: T = serde_json::from_slice(&text).expect("and read back");
    assert_eq!(again, message);
    assert_eq!(serde_json::to_vec(&again).expect("it can be written"), text, "and written as the same");
}
