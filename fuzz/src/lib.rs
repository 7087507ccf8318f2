//! What must hold for every input. No target asks only that nothing panics: each knows what is right.

pub mod answer;
pub mod chunked;
pub mod connection;
pub mod cookie;
pub mod head;
pub mod http2;
pub mod table;
pub mod wire;

/// Where an input is cut in two to come in pieces: the input itself decides.
fn cut(input: &[u8]) -> usize {
    let sum: usize = input.iter().map(|byte| usize::from(*byte)).sum();
    if input.is_empty() { 0 } else { sum % input.len() }
}
