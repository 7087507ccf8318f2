//! Bodies in chunks: any cut gives the same, and what is a body is what a plain decoder that was written
//! for nothing but this says it is.

use gateway::http1::Chunked;

/// Checks one input.
pub fn check(input: &[u8]) {
    let whole = read(input, &[input.len()]);
    let cut = super::cut(input);
    for ends in [vec![cut, input.len()], (1..=input.len()).collect(), vec![cut / 2, cut, input.len()]] {
        assert_eq!(read(input, &ends), whole, "cut at {ends:?}");
    }
    match (whole, reference(input)) {
        (Ok(Some((taken, data))), known) => assert_eq!(known, Known::Whole { taken, data }),
        (Ok(None), known) => assert_eq!(known, Known::Unfinished),
        // It may be stricter than the reference, never more lenient.
        (Err(()), _) => {}
    }
}

/// How many bytes belong to the body and how many of those are data, once it is whole.
fn read(input: &[u8], ends: &[usize]) -> Result<Option<(usize, u64)>, ()> {
    let mut body = Chunked::default();
    let (mut at, mut data) = (0, 0);
    for end in ends {
        let piece = body.read(&input[at..*end]).map_err(|_| ())?;
        (at, data) = (at + piece.taken, data + piece.data);
        if piece.done {
            return Ok(Some((at, data)));
        }
        assert_eq!(at, *end, "all is taken until it is over");
    }
    Ok(None)
}

#[derive(Debug, PartialEq, Eq)]
enum Known {
    Whole { taken: usize, data: u64 },
    Unfinished,
    Wrong,
}

/// RFC 9112, section 7.1, line by line.
fn reference(input: &[u8]) -> Known {
    let (mut at, mut data) = (0_usize, 0_u64);
    let line = |at: usize| {
        let rest = input.get(at..).unwrap_or_default();
        rest.windows(2).position(|pair| pair == b"\r\n").map(|end| (&rest[..end], at + end + 2))
    };
    loop {
        let Some((size, next)) = line(at) else { return Known::Unfinished };
        let digits: Vec<u8> = size.iter().copied().take_while(u8::is_ascii_hexdigit).collect();
        let rest = &size[digits.len()..];
        let Ok(length) = u64::from_str_radix(&String::from_utf8_lossy(&digits), 16) else { return Known::Wrong };
        if !rest.is_empty() && rest[0] != b';' {
            return Known::Wrong;
        }
        at = next;
        if length == 0 {
            break;
        }
        let left = (input.len() - at) as u64;
        if left < length {
            return Known::Unfinished;
        }
        at += length as usize;
        data += length;
        match input.get(at..).unwrap_or_default() {
            [b'\r', b'\n', ..] => at += 2,
            [] | [b'\r'] => return Known::Unfinished,
            _ => return Known::Wrong,
        }
    }
    loop {
        let Some((trailer, next)) = line(at) else { return Known::Unfinished };
        at = next;
        if trailer.is_empty() {
            return Known::Whole { taken: at, data };
        }
        if !trailer.contains(&b':') {
            return Known::Wrong;
        }
    }
}
