//! `${VAR}` and `${VAR:-default}` in values.

use super::Environment;
use super::source::VALUE_BYTES_MAX;
use std::env::VarError;

/// A text with its variables filled in.
#[derive(Debug)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Whether there was any.
    pub(crate) variable: bool,
}

/// Why a variable could not be filled in.
#[derive(Debug)]
pub(crate) struct BadVariable {
    /// The part of the text that is meant, as written.
    pub(crate) part: String,
    pub(crate) fault: Fault,
}

#[derive(Debug)]
pub(crate) enum Fault {
    /// It is not set.
    Unset(String),
    /// It is set to nothing.
    Empty(String),
    /// It is set to bytes that are no text.
    NotText(String),
    /// There is no end, no name, or something else than `:-` behind the name.
    Syntax,
    /// There is a `${` in its default: which `}` ends what would be anybody's guess.
    Nested,
    /// It makes the value larger than is taken.
    TooLarge,
}

/// Fills in what stands for something in a text. `$${` is a `${` that stands for itself; any other `$`
/// stays, so that a command can use what Glidepath sets when it starts it: `$PORT`.
pub(crate) fn expand(text: &str, env: Environment<'_>) -> Result<Expanded, Vec<BadVariable>> {
    let mut out = Expanded { text: String::with_capacity(text.len()), variable: false };
    let mut bad = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find("${") {
        let (before, after) = rest.split_at(dollar);
        out.variable = true;
        if let Some(before) = before.strip_suffix('$') {
            out.text.push_str(before);
            out.text.push_str("${");
            rest = &after[2..];
            continue;
        }
        out.text.push_str(before);
        let Some(end) = end(after) else {
            bad.push(BadVariable { part: after.to_owned(), fault: Fault::Syntax });
            rest = "";
            break;
        };
        let part = &after[..=end];
        match value(&after[2..end], env) {
            Ok(value) if out.text.len() + value.len() <= VALUE_BYTES_MAX => out.text.push_str(&value),
            Ok(_) => bad.push(BadVariable { part: part.to_owned(), fault: Fault::TooLarge }),
            Err(fault) => bad.push(BadVariable { part: part.to_owned(), fault }),
        }
        rest = &after[end + 1..];
    }
    out.text.push_str(rest);
    if bad.is_empty() { Ok(out) } else { Err(bad) }
}

/// Where the `}` is that ends what begins here, whatever begins and ends within it.
fn end(part: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (index, char) in part.char_indices() {
        if part[index..].starts_with("${") {
            open += 1;
        } else if char == '}' {
            open -= 1;
            if open == 0 {
                return Some(index);
            }
        }
    }
    None
}

/// What one variable stands for; what is set to nothing counts as not set.
fn value(inside: &str, env: Environment<'_>) -> Result<String, Fault> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(Fault::Nested);
    }
    match (env(name), default) {
        (Ok(value), _) if !value.is_empty() => Ok(value),
        // It is set: its default is not what is meant.
        (Err(VarError::NotUnicode(_)), _) => Err(Fault::NotText(name.to_owned())),
        (Ok(_) | Err(VarError::NotPresent), Some(default)) => Ok(default.to_owned()),
        (Ok(_), None) => Err(Fault::Empty(name.to_owned())),
        (Err(VarError::NotPresent), None) => Err(Fault::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Result<String, VarError> {
        match name {
            "A" => Ok("one".to_owned()),
            "EMPTY" => Ok(String::new()),
            "TRICK" => Ok("${A}".to_owned()),
            "BYTES" => Err(VarError::NotUnicode("any bytes".into())),
            _ => Err(VarError::NotPresent),
        }
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, want) in [
            ("x-${A}-y", "x-one-y"),
            ("${B:-two}", "two"),
            ("${EMPTY:-two}", "two"),
            ("${B:-}", ""),
            ("$${A}", "${A}"),
            ("$A $PORT $5", "$A $PORT $5"),
            ("${TRICK}", "${A}"),
            ("${A}${A}", "oneone"),
        ] {
            assert_eq!(expand(text, &env).unwrap().text, want, "{text}");
        }
    }

    #[test]
    fn nothing_is_silently_empty() {
        for text in ["${B}", "${EMPTY}", "${", "${A", "${}", "${1}", "${A-x}", "${A:?x}", "${ A }"] {
            assert!(expand(text, &env).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_is_read_otherwise_than_it_was_meant() {
        for (text, part) in [
            ("x-${A:-${B}}-y", "${A:-${B}}"),
            ("${B:-${A}}", "${B:-${A}}"),
            ("${B:-$${A}}", "${B:-$${A}}"),
            ("${B:-${A:-${C}}} ${A}", "${B:-${A:-${C}}}"),
            ("${B:-${A}", "${B:-${A}"),
            ("${${A}}", "${${A}}"),
            ("${BYTES}", "${BYTES}"),
            ("${BYTES:-two}", "${BYTES:-two}"),
        ] {
            let bad = expand(text, &env).expect_err(text);
            assert_eq!(bad.iter().map(|bad| bad.part.as_str()).collect::<Vec<_>>(), [part], "{text}");
        }
    }
}
