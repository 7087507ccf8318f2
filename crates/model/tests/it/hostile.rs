//! Texts that nobody means well with: nothing panics, nothing grows, every place is inside the file.

use crate::broken::check_problems;
use crate::{env, files};
use model::text::{Code, Report, Source, parse};

fn refused(text: &str) -> Report {
    let report = parse(Source { name: "hostile.yaml", text }, &env).expect_err("it is refused");
    check_problems("hostile", text, &report);
    report
}

fn code(text: &str) -> Code {
    refused(text).problems[0].code
}

#[test]
fn an_alias_bomb_stays_small() {
    let mut text = "service: shop\na: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (last, next) in "abcdefghijk".chars().zip("bcdefghijkl".chars()) {
        let alias = format!("*{last}, ").repeat(9);
        text += &format!("{next}: &{next} [{alias}]\n");
    }
    assert!(refused(&text).problems.iter().any(|problem| problem.code == Code::TooMuch));
    let large = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), "*a, ".repeat(100_000));
    assert!(refused(&large).problems.iter().any(|problem| problem.code == Code::TooMuch));
    assert_eq!(code("a: &a [*a]\n"), Code::YamlSyntax);
}

#[test]
fn large_and_deep_texts_are_refused() {
    assert_eq!(code(&"# comment\n".repeat(1_000_000)), Code::TooMuch);
    assert_eq!(code(&format!("a: {}", "[".repeat(100))), Code::TooMuch);
    assert_eq!(code(&format!("a: {}", "[".repeat(100_000))), Code::TooMuch);
    assert_eq!(code(&"- ".repeat(500_000)), Code::TooMuch);
    let deep: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(code(&deep), Code::TooMuch);
    assert!(refused(&"---\na: 1\n".repeat(1_000)).problems.iter().any(|problem| problem.code == Code::TooMuch));
    let aliased =
        (0..40).fold("a0: &a0 [x]\n".to_owned(), |text, at| text + &format!("a{}: &a{} [*a{at}]\n", at + 1, at + 1));
    assert!(refused(&aliased).problems.iter().any(|problem| problem.code == Code::TooMuch));
}

#[test]
fn a_flood_of_problems_is_cut_off() {
    let keys: String = (0..80_000).map(|number| format!("key{number}: 1\n")).collect();
    assert_eq!(refused(&keys).problems.len(), 200);
    let unset = format!(
        "service: shop\nrun: ./shop\nversion: \"{}\"\n",
        (0..80_000).map(|number| format!("${{X{number}}}")).collect::<String>()
    );
    let report = refused(&unset);
    assert_eq!(report.problems.len(), 200);
    assert!(report.render(false).ends_with("there may be more behind them\n"));
}

#[test]
fn tabs_marks_and_line_ends() {
    assert_eq!(code("service: shop\nhealth:\n\tready: /x\n"), Code::YamlSyntax);
    let marked = refused("\u{feff}srevice: shop\r\nrun: ./shop\r\n");
    assert_eq!((marked.problems[0].line, marked.problems[0].column), (1, 1));
    let lone = refused("service: shop\rrun: ./shop\rrnu: 1\r");
    assert_eq!(lone.problems[0].line, 3);
    assert_eq!(code("\0"), Code::YamlSyntax);
    assert_eq!(code(""), Code::Empty);
    assert_eq!(code("\n\n---\n...\n"), Code::Empty);
}

#[test]
fn a_terminal_is_not_steered() {
    let report = refused("service: shop\nrun: ./shop\n\"x\\e[2Jy\u{202e}\": 1\n");
    let shown = report.render(false);
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
}

#[test]
fn a_password_in_an_address_is_masked() {
    let shown =
        refused("service: shop\nrun: ./shop\ndatabase: {url: \"postgres://shop:pa@ss/x@db/shop\"}\n").render(false);
    assert!(!shown.contains("pa@ss"), "{shown}");
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let text = format!("{{service: shop, run: ./shop, env: {{A: \"{}\"}}, rnu: 1}}", "x".repeat(10_000));
    let report = refused(&text);
    assert!(report.problems[0].source_line.chars().count() <= 200);
    assert!(report.render(false).contains("rnu"));
}

/// A tiny generator (xorshift), so that every run sees the same texts.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// Pieces that mean something to YAML or to us.
const PIECES: [&str; 32] = [
    ":", ": ", "\n", "\n  ", "- ", "{", "}", "[", "]", "\"", "'", "&a ", "*a", "!!str ", "| ", "> ", "#", "\t", "${",
    "}", "${COUNT}", "$", "%", "\u{feff}", "é", "😀", "\0", "---\n", "...\n", "? ", "<<: ", "\r",
];

fn mutate(text: &str, chance: &mut Chance) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=chance.below(6) {
        let at = chance.below(characters.len() + 1);
        let length = chance.below(8).min(characters.len() - at);
        match chance.below(4) {
            0 => drop(characters.drain(at..at + length)),
            1 => {
                let piece = PIECES[chance.below(PIECES.len())];
                characters.splice(at..at, piece.chars());
            }
            2 => {
                let copy = characters[at..at + length].to_vec();
                let to = chance.below(characters.len() + 1);
                characters.splice(to..to, copy);
            }
            _ => {
                let byte = char::from(chance.below(256) as u8);
                characters.splice(at..at + length.min(1), [byte]);
            }
        }
    }
    characters.into_iter().collect()
}

#[test]
fn mutated_examples_never_panic_and_every_place_is_inside() {
    let schema = jsonschema::draft202012::new(&model::text::schema()).expect("the schema is one");
    let files = files("good");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for round in 0..10_000 {
        let (name, _, text) = &files[chance.below(files.len())];
        let text = mutate(text, &mut chance);
        let source = Source { name, text: &text };
        let result = parse(source, &env);
        if let Err(report) = &result {
            check_problems(&format!("round {round} of {name}\n{text}\n"), &text, report);
        }
        agree(&schema, source, result.err(), round);
    }
}

/// The schema says the same about what nobody thought of.
fn agree(schema: &jsonschema::Validator, source: Source<'_>, report: Option<Report>, round: u32) {
    use model::text::Class;
    let Ok(documents) = model::text::documents_as_json(source) else { return };
    let is = |class| report.iter().flat_map(|report| &report.problems).any(|problem| problem.code.class() == class);
    if is(Class::Syntax) {
        return;
    }
    let refused = documents.iter().any(|document| !schema.is_valid(document));
    let shown = report.as_ref().map_or_else(String::new, Report::to_string);
    assert_eq!(refused, is(Class::Structure), "round {round}\n{}\n{shown}", source.text);
}
