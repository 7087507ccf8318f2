//! `${VAR}` and `${VAR:-default}` in values.

use super::source::VALUE_BYTES_MAX;

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
    /// There is no end, no name, or something else than `:-` behind the name.
    Syntax,
    /// It makes the value larger than is taken.
    TooLarge,
}

/// Fills in what stands for something in a text. `$${` is a `${` that stands for itself; any other `$`
/// stays, so that a command can use what Glidepath sets when it starts it: `$PORT`.
pub(crate) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Expanded, Vec<BadVariable>> {
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
        let Some(end) = after.find('}') else {
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

/// What one variable stands for; what is set to nothing counts as not set.
fn value(inside: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    match (env(name), default) {
        (Some(value), _) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (Some(_), None) => Err(Fault::Empty(name.to_owned())),
        (None, None) => Err(Fault::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("${A}".to_owned()),
            _ => None,
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
}
