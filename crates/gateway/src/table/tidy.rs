//! A path as it is compared. Instances undo what hides where a path leads, each as far as it does: a rule for
//! `/admin` that only took what is written like that would be walked around by `/x/../admin` or `//%61dmin`.

/// A path that is not compared as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tidied {
    /// As it is compared: `..` and `.` are followed, several slashes are one, letters, digits and `-._~` are not
    /// encoded, other codes are in capitals, and a slash is one however it is written.
    pub path: Vec<u8>,
    /// The same for whoever does not follow `..`; none where there is nothing to follow.
    pub unfollowed: Option<Vec<u8>>,
}

/// A path tidied, where that makes a difference.
pub fn tidied(path: &[u8]) -> Option<Tidied> {
    if is_tidy(path) {
        return None;
    }
    let decoded = decoded(path);
    let climbs = decoded.split(|byte| *byte == b'/').any(|segment| segment == b"..");
    let unfollowed = climbs.then(|| joined(&decoded, false));
    let tidy = joined(&decoded, true);
    (tidy != path).then_some(Tidied { path: tidy, unfollowed })
}

/// The segments that lead somewhere.
fn joined(decoded: &[u8], follows: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(decoded.len());
    let mut segments = decoded.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"" | b"." => {}
            // Nothing is above the root.
            b".." if follows => out.truncate(memchr::memrchr(b'/', &out).unwrap_or(0)),
            segment => {
                out.push(b'/');
                out.extend_from_slice(segment);
            }
        }
        // What leads to a folder ends like one.
        if is_last && (matches!(segment, b"" | b".") || (follows && segment == b"..")) {
            out.push(b'/');
        }
    }
    out
}

/// Most paths are: each byte is looked at once.
fn is_tidy(path: &[u8]) -> bool {
    let mut before = 0;
    path.iter().all(|byte| {
        let is_odd = matches!(byte, b'%' | b'\\') || (before == b'/' && matches!(byte, b'/' | b'.'));
        before = *byte;
        !is_odd
    })
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, next @ ..] = rest {
        rest = next;
        match (byte, code(next)) {
            (b'%', Some(b'/' | b'\\')) => out.push(b'/'),
            (b'%', Some(code)) if code.is_ascii_alphanumeric() || b"-._~".contains(&code) => out.push(code),
            (b'%', Some(_)) => {
                out.push(b'%');
                out.extend(next.iter().take(2).map(u8::to_ascii_uppercase));
            }
            (b'\\', _) => out.push(b'/'),
            (byte, _) => out.push(*byte),
        }
        if *byte == b'%' && code(next).is_some() {
            rest = next.get(2..).unwrap_or_default();
        }
    }
    out
}

/// What two digits after a `%` stand for.
fn code(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| (*digits.get(at)? as char).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}
