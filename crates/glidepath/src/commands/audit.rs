//! `glidepath audit`.

use crate::clock::{parse_time, utc};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{Screen, Tone, counted, visible};
use crate::state::State;
use engine::store::{Cursor, Record, Trouble};
use model::{Subject, Time};
use serde_json::{Value, json};
use store::Journals;
use store::audit::{Anchor, Filter, VIEW_MAX, Verified, anchor, verify, view};

/// How many entries are shown if nothing is said.
const LIMIT: u64 = 50;

/// Show who did what, or prove that nobody changed it since.
///
/// The newest entries come first. Reading changes nothing, and may happen while the controller writes.
#[derive(clap::Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    state: State,
    #[command(flatten)]
    filter: Filters,
    #[command(subcommand)]
    command: Option<Verb>,
}

/// What is shown.
#[derive(clap::Args, Default, PartialEq, Eq)]
struct Filters {
    /// Of one subject only, as service/shop/production/local.
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// By this person or program only.
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Of this kind only, as began.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Not earlier than this: a date, a time, or how long ago, as 2h.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Time>,
    /// Earlier than this.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Time>,
    /// Before this cursor, for the next page.
    #[arg(long, value_name = "CURSOR")]
    before: Option<u64>,
    /// At most so many; 50 where it is not there.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=VIEW_MAX as u64))]
    limit: Option<u64>,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Follow the chain of hashes of every journal, and name the first place of each that does not fit.
    ///
    /// Keep the anchor that it prints somewhere else: who can write the file can compute all hashes anew, and only an
    /// anchor kept elsewhere shows that.
    Verify {
        /// An anchor that was printed earlier: the journals must still have been the same then.
        #[arg(long, value_name = "CURSOR:DIGEST")]
        anchor: Option<Anchor>,
    },
}

impl Audit {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        let journals = Journals::open(self.state.journals()?).map_err(|error| Failure::store(&error))?;
        match &self.command {
            None => self.view(&journals, screen),
            Some(Verb::Verify { .. }) if self.filter != Filters::default() => {
                let help = "leave the filters out, or leave `verify` out";
                let message = "`verify` follows every journal: nothing can be filtered out";
                Err(Failure::new(Exit::Usage, "conflicting-arguments", message, help))
            }
            Some(Verb::Verify { anchor }) => prove(&journals, anchor.as_ref(), screen),
        }
    }

    fn view(&self, journals: &Journals, screen: &mut Screen) -> Result<Exit, Failure> {
        let filters = &self.filter;
        let limit = filters.limit.unwrap_or(LIMIT);
        let filter = Filter {
            subject: filters.subject.as_deref().map(Subject::from_text),
            who: filters.who.clone(),
            kind: filters.kind.clone(),
            since: filters.since,
            until: filters.until,
            before: filters.before.map(Cursor),
            // Bounded by VIEW_MAX.
            limit: Some(limit as usize),
        };
        let records = view(journals, &filter).map_err(|error| Failure::store(&error))?;
        if screen.is_json() {
            let entries: Vec<Value> = records.iter().map(|(subject, record)| entry(subject, record)).collect();
            screen.json(&json!({ "entries": entries }));
            return Ok(Exit::Ok);
        }
        if records.is_empty() {
            screen.line("no entries");
        }
        for (subject, record) in &records {
            show(subject, record, screen);
        }
        if let Some((_, last)) = records.last().filter(|_| records.len() as u64 == limit) {
            let more = format!("there may be more: --before {}", last.cursor.0);
            let more = screen.paint(Tone::Faint, &more);
            screen.line(more);
        }
        Ok(Exit::Ok)
    }
}

fn show(subject: &Subject, record: &Record, screen: &mut Screen) {
    let line = &record.line;
    let when = screen.paint(Tone::Faint, &utc(line.at));
    let kind = screen.paint(Tone::Strong, &visible(&line.kind));
    let subject = visible(subject.as_str());
    screen.line(format!("{when}  {subject} #{}  {kind}", record.position));
    let by = format!("by {} from {}", line.by.who, line.by.from);
    let why = if line.by.why.is_empty() { by } else { format!("{by}: {}", line.by.why) };
    screen.sentences(22, "", &why.replace('\n', " "));
}

fn entry(subject: &Subject, record: &Record) -> Value {
    let line = &record.line;
    let body = serde_json::from_str(&line.body).unwrap_or_else(|_| Value::String(line.body.clone()));
    json!({
        "subject": subject,
        "position": record.position,
        "cursor": record.cursor,
        "epoch": record.epoch,
        "at": utc(line.at),
        "at_ms": line.at,
        "kind": line.kind,
        "who": line.by.who,
        "from": line.by.from,
        "why": line.by.why,
        "version": line.version,
        "body": body,
    })
}

fn prove(journals: &Journals, kept: Option<&Anchor>, screen: &mut Screen) -> Result<Exit, Failure> {
    screen.progress("following every chain ...");
    let verified = verify(journals).map_err(|error| Failure::store(&error));
    screen.progress("");
    let verified = verified?;
    let moved = match kept {
        None => None,
        Some(kept) => {
            let differs = |what: String| format!("at cursor {} the journals were others: {what}", kept.cursor.0);
            match (anchor(journals, Some(kept.cursor)), verified.broken.is_empty()) {
                (Ok(now), _) if now == *kept => None,
                (Ok(now), _) => Some(differs(format!("{now} is there now"))),
                // What is broken is told in any case.
                (Err(error), false) if error.trouble == Trouble::Corrupt => {
                    Some(differs("not everything can be read now".into()))
                }
                (Err(error), _) => return Err(Failure::store(&error)),
            }
        }
    };
    let whole = verified.broken.is_empty() && moved.is_none();
    if screen.is_json() {
        screen.json(&proof(&verified, moved.as_deref(), whole));
    } else {
        tell(&verified, moved.as_deref(), whole, screen);
    }
    Ok(if whole { Exit::Ok } else { Exit::NotInOrder })
}

fn tell(verified: &Verified, moved: Option<&str>, whole: bool, screen: &mut Screen) {
    let help = "stop the controller, keep the file for whoever looks into it, and restore the newest good backup";
    let broken = verified.broken.iter().map(|broken| ("chain-broken", broken.to_string()));
    let wrong: Vec<_> = broken.chain(moved.map(|moved| ("anchor-differs", moved.to_owned()))).collect();
    for (index, (code, what)) in wrong.iter().enumerate() {
        // What to do is the same for all of them.
        let last = index + 1 == wrong.len();
        screen.complain(Tone::Bad, code, what, None, if last { help } else { "" });
    }
    let entries = counted(verified.entries, "entry", "entries");
    let journals = counted(verified.subjects, "journal", "journals");
    let named = verified.broken.iter().filter(|broken| broken.subject.is_some()).count();
    let (tone, word) = if whole { (Tone::Good, "whole") } else { (Tone::Bad, "not whole") };
    let word = screen.paint(tone, word);
    screen.line(match (whole, named) {
        (true, _) => format!("{word}: {entries} in {journals}"),
        (false, 0) => format!("{word}: {journals}, each of them whole in itself, but not together"),
        (false, _) => format!("{word}: {named} of {journals}; every other one was followed to its end"),
    });
    if let Some(anchor) = verified.anchor.as_ref().filter(|_| whole) {
        screen.line(format!("anchor {anchor}"));
        screen.line("keep it elsewhere; `glidepath audit verify --anchor` compares with it later");
    }
}

fn proof(verified: &Verified, moved: Option<&str>, whole: bool) -> Value {
    let broken = verified.broken.iter();
    let broken = broken
        .map(|one| json!({"subject": one.subject, "position": one.position, "what": one.what}))
        .collect::<Vec<_>>();
    json!({
        "whole": whole,
        "entries": verified.entries,
        "subjects": verified.subjects,
        "anchor": verified.anchor.as_ref().map(ToString::to_string),
        "anchor_differs": moved,
        "broken": broken,
    })
}
