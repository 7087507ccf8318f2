//! Cookies: what nobody signed is never read, and what was signed is read as it was.

use gateway::session::Session;
use wire::table::Key;

/// No input knows it.
const KEY: Key = Key([0x5a; 16]);

/// Checks one input.
pub fn check(input: &[u8]) {
    // To sign is to know the key: whatever comes from outside was not signed.
    if let Some(session) = Session::read(input, &KEY) {
        let line = session.cookie("c", &KEY, false);
        let value = value(&line);
        assert_eq!(value.as_bytes(), input, "a cookie that nobody signed was read");
    }
    let mut bytes = [0; 20];
    let length = input.len().min(bytes.len());
    bytes[..length].copy_from_slice(&input[..length]);
    let [unit @ .., a, b, c, d] = bytes;
    let session = Session { unit: u128::from_be_bytes(unit), release: u32::from_be_bytes([a, b, c, d]) };
    let line = session.cookie("c", &KEY, false);
    let signed = value(&line).as_bytes().to_vec();
    assert_eq!(Session::read(&signed, &KEY), Some(session));
    assert_eq!(Session::read(&signed, &Key([0x5b; 16])), None, "another key is no key");
    // One bit of it changed, wherever the input says.
    let place = super::cut(input) % signed.len();
    let mut forged = signed.clone();
    forged[place] ^= 1 << (input.len() % 7);
    assert_eq!(Session::read(&forged, &KEY), None, "{}", String::from_utf8_lossy(&forged));
}

fn value(line: &str) -> &str {
    let value = line.split_once("c=").map(|(_, rest)| rest).unwrap_or_default();
    value.split(';').next().unwrap_or_default()
}
