//! `glidepath advise`.

use crate::answers::{AnswerFlags, yes_or_no};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::{GLIDEPATH_YAML, NEXT, may_write, parse_name, service_name, write};
use crate::screen::{Screen, Tone};
use engine::advise::{Answers, Question, Recommendation, figures, recommend};
use engine::starter::starter;
use model::Name;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

/// Narrower, a question stands below its flag.
const FLAGS_BESIDE_WIDTH: usize = 64;

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 1_000;

/// Recommend a strategy, with its reasons and a glidepath.yaml.
///
/// On a terminal it asks; every answer can be given as a flag instead. What is not answered counts as not known.
#[derive(clap::Args)]
pub(crate) struct Advise {
    #[command(flatten)]
    answers: AnswerFlags,
    /// Ask nothing, also on a terminal.
    #[arg(long)]
    no_questions: bool,
    /// The service's name; the folder's where it is not there.
    #[arg(short, long, value_name = "NAME", value_parser = parse_name)]
    service: Option<Name>,
    /// Write the file to glidepath.yaml.
    #[arg(long)]
    write: bool,
    /// With --write, replace a file that is there.
    #[arg(long, requires = "write")]
    force: bool,
}

impl Advise {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        let path = Path::new(GLIDEPATH_YAML);
        if self.write {
            may_write(path, self.force)?;
        }
        let mut answers = self.answers.0.clone();
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        if terminal && !self.no_questions && !screen.is_json() {
            ask(&mut answers, &mut io::stdin().lock(), screen)?;
        }
        let found = recommend(&answers);
        let requests = !answers.is(Question::ServesRequests, false);
        let text = starter(&service_name(self.service.as_ref()), found.strategy, requests);
        if self.write {
            write(path, &text, self.force)?;
        }
        if screen.is_json() {
            screen.json(&as_json(&answers, &found, &text));
            return Ok(Exit::Ok);
        }
        show(&found, screen);
        if self.write {
            let wrote = screen.paint(Tone::Good, "wrote");
            screen.line(format!("\n{wrote} {GLIDEPATH_YAML}"));
            screen.sentences(0, "next:", NEXT);
        } else {
            let title = screen.paint(Tone::Strong, GLIDEPATH_YAML);
            screen.line(format!("\n{title} (written with --write)\n"));
            screen.print(&text);
        }
        Ok(Exit::Ok)
    }
}

/// Asks what could still change the recommendation, and nothing else.
fn ask(answers: &mut Answers, from: &mut dyn BufRead, screen: &Screen) -> Result<(), Failure> {
    screen.whisper("Answer with y or n; Enter for \"I don't know\", ? for help, Ctrl-C to stop.\n\n");
    let mut unknown = BTreeSet::new();
    loop {
        let open = recommend(answers).sharpen;
        let Some(question) = open.into_iter().find(|question| !unknown.contains(question)) else { break };
        match ask_one(question, from, screen)? {
            Some(answer) => _ = answers.set(question, Some(answer)),
            None => _ = unknown.insert(question),
        }
    }
    screen.whisper("\n");
    Ok(())
}

fn ask_one(question: Question, from: &mut dyn BufRead, screen: &Screen) -> Result<Option<bool>, Failure> {
    loop {
        screen.whisper(&format!("{} [y/n/Enter] ", question.ask()));
        let mut line = String::new();
        let mut bounded = io::Read::take(&mut *from, ANSWER_BYTES_MAX);
        let read = bounded.read_line(&mut line);
        match read.map_err(|error| Failure::io(Path::new("standard input"), "reading the answer", &error))? {
            0 => {
                let message = "the answers ended before the questions did";
                let help = "answer with flags instead, or pass `--no-questions`; see `glidepath advise --help`";
                screen.whisper("\n");
                return Err(Failure::new(Exit::Interrupted, "interrupted", message, help));
            }
            _ => match line.trim().to_lowercase().as_str() {
                "" => return Ok(None),
                "?" | "h" | "help" => screen.aside(question.help()),
                text => match yes_or_no(text) {
                    Some(answer) => return Ok(Some(answer)),
                    None => screen.whisper("  Please answer y or n, or press Enter if you don't know.\n"),
                },
            },
        }
    }
}

fn show(found: &Recommendation, screen: &mut Screen) {
    let strategy = screen.paint(Tone::Strong, found.strategy.as_str());
    screen.line(format!("recommended: {strategy}\n"));
    for reason in &found.reasons {
        screen.sentences(2, "-", reason);
    }
    screen.line("");
    for (name, words) in figures(found.strategy).rows() {
        screen.sentences(2, &format!("{name:<10}"), words);
    }
    for contradiction in &found.contradictions {
        let head = screen.paint(Tone::Warning, "these answers contradict each other");
        screen.line(format!("\n  {head}"));
        screen.sentences(4, "", contradiction);
    }
    if let Some((next, when)) = &found.runner_up {
        let next = screen.paint(Tone::Strong, next.as_str());
        screen.line(format!("\n  or {next},"));
        screen.sentences(4, "", when);
    }
    if !found.sharpen.is_empty() {
        screen.line("");
        screen.sentences(2, "", "answers that could change this (yes or no):");
        let narrow = screen.width().is_some_and(|width| width < FLAGS_BESIDE_WIDTH);
        for question in &found.sharpen {
            let flag = format!("--{}", question.key());
            if narrow {
                screen.line(format!("    {flag}"));
                screen.sentences(6, "", question.ask());
            } else {
                screen.sentences(4, &format!("{flag:<22}"), question.ask());
            }
        }
    }
}

fn as_json(answers: &Answers, found: &Recommendation, text: &str) -> Value {
    let given = |question: &Question| (question.key().to_owned(), json!(answers.get(*question)));
    let figures = figures(found.strategy).rows();
    let figures: Map<String, Value> =
        figures.iter().map(|(name, words)| (name.replace(' ', "_"), json!(words))).collect();
    json!({
        "strategy": found.strategy.as_str(),
        "reasons": found.reasons,
        "figures": figures,
        "contradictions": found.contradictions,
        "runner_up": found.runner_up.as_ref().map(|(next, when)| json!({"strategy": next.as_str(), "when": when})),
        "sharpen": found.sharpen.iter().map(|question| question.key()).collect::<Vec<_>>(),
        "answers": Question::ALL.iter().map(given).collect::<Map<String, Value>>(),
        "text": text,
    })
}
