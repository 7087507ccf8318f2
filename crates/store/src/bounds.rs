//! What every store refuses because it is too large, in one place for all of them.

use engine::store::{
    APPEND_BYTES_MAX, APPEND_LINES_MAX, Append, CHECKPOINT_BYTES_MAX, ENTRY_BYTES_MAX, KEY_BYTES_MAX, Line, NUMBER_MAX,
    StoreError, Taking, Trouble,
};

/// Why this append is refused, if it is.
pub(crate) fn append(append: &Append) -> Result<(), StoreError> {
    key("subject", append.subject.as_str())?;
    key("scope", &append.scope)?;
    if append.lines.len() > APPEND_LINES_MAX {
        let found = append.lines.len();
        return Err(refusal(format!(
            "{found} entries in one append to {}: {APPEND_LINES_MAX} are allowed",
            append.subject
        )));
    }
    let found: usize = append.lines.iter().map(bytes).sum();
    if found > APPEND_BYTES_MAX {
        let subject = &append.subject;
        return Err(refusal(format!("{found} bytes in one append to {subject}: {APPEND_BYTES_MAX} are allowed")));
    }
    for line in &append.lines {
        let found = bytes(line);
        if found > ENTRY_BYTES_MAX {
            let kind = &line.kind;
            return Err(refusal(format!(
                "an entry `{kind}` of {found} bytes for {}: {ENTRY_BYTES_MAX} are allowed",
                append.subject
            )));
        }
        number("time", line.at.0)?;
    }
    number("position", append.expected.0)?;
    number("epoch", append.epoch.0)
}

/// All the bytes of an entry's texts.
pub(crate) fn bytes(line: &Line) -> usize {
    line.by.who.len() + line.by.from.len() + line.by.why.len() + line.kind.len() + line.body.len()
}

/// Why a checkpoint's text is refused, if it is.
pub(crate) fn checkpoint(body: &str) -> Result<(), StoreError> {
    if body.len() > CHECKPOINT_BYTES_MAX {
        let found = body.len();
        return Err(refusal(format!("a checkpoint of {found} bytes: {CHECKPOINT_BYTES_MAX} are allowed")));
    }
    Ok(())
}

/// Why a name is refused, if it is.
pub(crate) fn key(what: &str, text: &str) -> Result<(), StoreError> {
    if text.len() > KEY_BYTES_MAX {
        let found = text.len();
        return Err(refusal(format!("a {what} of {found} bytes: {KEY_BYTES_MAX} are allowed")));
    }
    Ok(())
}

/// Why a number is refused, if it is.
pub(crate) fn number(what: &str, value: u64) -> Result<(), StoreError> {
    if value > NUMBER_MAX {
        return Err(refusal(format!("a {what} of {value}: at most {NUMBER_MAX} can be kept")));
    }
    Ok(())
}

/// Why a lease is refused, if it is.
pub(crate) fn taking(taking: &Taking) -> Result<(), StoreError> {
    key("scope", &taking.scope)?;
    key("holder", &taking.holder)?;
    number("length of a lease", taking.length.0)
}

fn refusal(what: String) -> StoreError {
    StoreError { trouble: Trouble::TooLarge, message: format!("{what}; nothing was written") }
}
