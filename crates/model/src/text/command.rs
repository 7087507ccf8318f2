//! Commands: a list of words, or a text that is split like a shell would, without being one.

use super::code::Code;
use super::node::{At, Content, Kind, Node, kind};
use super::reader::{Read, Reader};
use super::schemas::Schemas;
use serde_json::{Value, json};

/// A command and its arguments: at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command(pub(crate) Vec<String>);

/// What only means something to a shell.
const SHELL_WORDS: [&str; 11] = ["|", "||", "&&", "&", ";", ">", ">>", "<", "<<", "2>&1", "2>"];

impl Read for Command {
    fn takes(node: &Node) -> bool {
        matches!(node.content, Content::Scalar { .. } | Content::List(_))
    }

    fn what() -> String {
        "a command, as `./shop --port $PORT`, or a list of its words".to_owned()
    }

    fn read(node: &Node, reader: &mut Reader<'_, '_>) -> Option<Self> {
        let words = match &node.content {
            Content::Scalar { text, plain } if !plain || kind(text) == Kind::Text => split(text, node.at, reader)?,
            Content::List(items) => listed(items, reader)?,
            Content::Map(_) | Content::Scalar { .. } => {
                reader.wrong_type(node, &Self::what());
                return None;
            }
        };
        if words.is_empty() {
            reader.problem(Code::EmptyText, node.at, "this command is empty", "write the program and its arguments");
            return None;
        }
        Some(Self(words))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        let word = json!({"type": ["string", "number", "boolean"]});
        let items = json!({"anyOf": [word, schemas.variable()]});
        json!({"anyOf": [
            {"type": "string", "pattern": "[^ \\t\\r\\n]"},
            {"type": "array", "items": items, "minItems": 1},
        ]})
    }
}

/// The words of a list; each may hold variables.
fn listed(items: &[Node], reader: &mut Reader<'_, '_>) -> Option<Vec<String>> {
    let read: Vec<_> = items.iter().map(|item| reader.located::<super::word::OpenText>(item, "this item")).collect();
    read.into_iter().map(|word| word.map(|word| word.value.0)).collect()
}

/// The words of a text. Variables are filled in afterwards, word by word: what comes from the
/// environment can neither add a word nor end a quote.
fn split(text: &str, at: At, reader: &mut Reader<'_, '_>) -> Option<Vec<String>> {
    let words = match words(text) {
        Ok(words) => words,
        Err(quote) => {
            let message = format!("the quote {quote} is not closed");
            reader.problem(Code::BadCommand, at, message, "close it, or write the command as a list of words");
            return None;
        }
    };
    let shell = words.iter().find(|word| {
        !word.quoted
            && (SHELL_WORDS.contains(&word.text.as_str()) || word.text.ends_with(';') || word.text.starts_with("$("))
    });
    if let Some(word) = shell {
        let message = format!("`{}` needs a shell, but commands are started without one", word.text);
        let help = "if a shell is meant, start it: run: [sh, -c, \"…\"]; if the text itself is meant, put it in quotes";
        reader.problem(Code::ShellSyntax, reader.part_at(&word.text, at), message, help);
        return None;
    }
    let expanded: Vec<_> = words.iter().map(|word| reader.expand(&word.text, at)).collect();
    expanded.into_iter().map(|word| word.map(|word| word.text)).collect()
}

struct CommandWord {
    text: String,
    quoted: bool,
}

/// The words as written between blanks, quotes taken away; the quote that is left open otherwise.
fn words(text: &str) -> Result<Vec<CommandWord>, char> {
    let mut words = Vec::new();
    let mut word: Option<CommandWord> = None;
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let blank = c.is_ascii_whitespace();
        if blank && quote.is_none() {
            words.extend(word.take());
            continue;
        }
        let current = word.get_or_insert(CommandWord { text: String::new(), quoted: false });
        match (c, quote) {
            ('\'' | '"', None) => (quote, current.quoted) = (Some(c), true),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => {
                current.quoted = true;
                let escapes = |next: &char| quote.is_none() || matches!(next, '"' | '\\' | '$');
                current.text.push(characters.next_if(escapes).unwrap_or('\\'));
            }
            // A variable is one piece, blanks and quotes in its default included.
            ('$', _) if quote != Some('\'') && characters.peek() == Some(&'{') => {
                current.text.push('$');
                for inside in characters.by_ref() {
                    current.text.push(inside);
                    if inside == '}' {
                        break;
                    }
                }
            }
            _ => current.text.push(c),
        }
    }
    words.extend(word);
    quote.map_or(Ok(words), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_like_a_shell_would() {
        for (text, want) in [
            ("./shop --port $PORT", vec!["./shop", "--port", "$PORT"]),
            ("  a   b\n c ", vec!["a", "b", "c"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("a ''", vec!["a", ""]),
            (r#"a "say \"hi\"" b\ c"#, vec!["a", "say \"hi\"", "b c"]),
            (r"a '\n'", vec!["a", r"\n"]),
            ("a --x=${Y:-b c} d", vec!["a", "--x=${Y:-b c}", "d"]),
            ("pre'mid'post", vec!["premidpost"]),
        ] {
            let got: Vec<String> = words(text).map(|words| words.into_iter().map(|word| word.text).collect()).unwrap();
            assert_eq!(got, want, "{text}");
        }
        assert!(words("a 'b").is_err());
        assert!(words("a \"b").is_err());
    }
}
