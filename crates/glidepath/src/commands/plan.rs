//! `glidepath plan`.

use crate::clock::{moment_now, parse_local};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::parse_name;
use crate::input::{self, Files};
use crate::screen::{Screen, Tone, counted};
use crate::view;
use engine::compile::{Refusal, compile, compile_return};
use engine::concerns::{Concern, Moment, concerns};
use engine::facts::Facts;
use engine::outline::{Outline, outline};
use engine::suppose;
use model::{Name, ReleaseNumber, Service, Standing};
use serde_json::json;

/// Show what a landing would do, step by step, and the way back from each.
///
/// Nothing is started. Without other word it is supposed that release @1 serves on this machine with the
/// number of instances that the file asks for, and that @2 lands.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    files: Files,
    /// Suppose that nothing serves yet.
    #[arg(long, conflicts_with_all = ["from", "returning"])]
    first: bool,
    /// The release that serves.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    from: Option<u32>,
    /// The release that lands.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    to: Option<u32>,
    /// Show the way back after a landing instead: from the newer release to the one before it.
    #[arg(long = "return")]
    returning: bool,
    /// Which release plays a variant of an experiment that is played by `other`.
    #[arg(long, value_name = "NAME=N", value_parser = parse_variant)]
    variant: Vec<(Name, ReleaseNumber)>,
    /// When it would land, as 2026-03-27T15:00; now where it is not there.
    #[arg(long, value_name = "TIME", value_parser = parse_local)]
    at: Option<Moment>,
    /// End with 1 where there are warnings.
    #[arg(long)]
    deny_warnings: bool,
}

/// A plan and what is to be said about it.
struct Made {
    plan: model::Plan,
    outline: Outline,
    concerns: Vec<Concern>,
}

impl Plan {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        let (from, to) = self.releases();
        if self.returning && from <= to {
            let message =
                format!("a return leads from a newer release to an older one, and {from} is not newer than {to}");
            let help = "swap `--from` and `--to`, or leave one of them out";
            return Err(Failure::new(Exit::Usage, "conflicting-arguments", message, help));
        }
        let (services, _) = input::services(&self.files)?;
        let (mut views, mut exit) = (Vec::new(), Exit::Ok);
        for (index, service) in services.iter().enumerate() {
            if index > 0 {
                screen.line("");
            }
            match self.make(service) {
                Ok(made) => {
                    if self.deny_warnings && !made.concerns.is_empty() {
                        exit = Exit::NotInOrder;
                    }
                    views.push(view::plan(service, &made.plan, &made.outline, &made.concerns));
                    show(service, &made, screen);
                }
                Err(refusal) => {
                    exit = Exit::NotInOrder;
                    views.push(view::refusal(service, &refusal.reasons));
                    refuse(service, &refusal, screen);
                }
            }
        }
        if screen.is_json() {
            screen.json(&json!({ "plans": views }));
        }
        Ok(exit)
    }

    fn make(&self, service: &Service) -> Result<Made, Refusal> {
        let facts = Facts::one_machine();
        let (from, to) = self.releases();
        let release = suppose::release(to, service, &self.variant.iter().cloned().collect());
        let plan = if self.returning {
            compile_return(&release, &suppose::landed(service, to, from, &facts)?, &facts)?
        } else {
            let standing = if self.first { Standing::default() } else { suppose::serving(service, from) };
            compile(&release, &standing, &facts)?
        };
        let outline = outline(&plan, &facts);
        let at = self.at.unwrap_or_else(moment_now);
        let concerns = concerns(service, &plan, &outline, Some(at));
        Ok(Made { plan, outline, concerns })
    }

    /// From and to: where only one is said, they are neighbours.
    fn releases(&self) -> (ReleaseNumber, ReleaseNumber) {
        let (older, newer) = match (self.returning, self.from, self.to) {
            (true, newer, older) => (older, newer),
            (false, older, newer) => (older, newer),
        };
        let older_is = older.unwrap_or_else(|| newer.map_or(1, |newer| newer.saturating_sub(1).max(1)));
        let newer_is = newer.unwrap_or(if self.first { 1 } else { older_is.saturating_add(1) });
        let (older, newer) = (ReleaseNumber(older_is), ReleaseNumber(newer_is));
        if self.returning { (newer, older) } else { (older, newer) }
    }
}

fn show(service: &Service, made: &Made, screen: &mut Screen) {
    let place = format!("({} at {})", service.environment, service.place);
    let head = format!("{} {}", screen.paint(Tone::Strong, service.name.as_str()), screen.paint(Tone::Faint, &place));
    screen.line(head);
    screen.print(&made.outline.render(screen.width(), screen.colour()));
    if made.concerns.is_empty() {
        return;
    }
    screen.line("");
    screen.line(format!("  {}", counted(made.concerns.len() as u64, "warning", "warnings")));
    for concern in &made.concerns {
        let code = screen.paint(Tone::Warning, &format!("warning[{}]", concern.code));
        screen.line(format!("  {code}"));
        screen.sentences(4, "", &concern.message);
        screen.sentences(4, "help:", &concern.help);
    }
}

/// A refusal is what was asked for, so a program finds it in the document; a person sees every reason.
fn refuse(service: &Service, refusal: &Refusal, screen: &mut Screen) {
    if screen.is_json() {
        return;
    }
    let place = format!("service {}", service.name);
    for reason in &refusal.reasons {
        screen.complain(Tone::Bad, reason.code.as_str(), &reason.message, Some(&place), &reason.help);
    }
}

/// `new=7`.
fn parse_variant(text: &str) -> Result<(Name, ReleaseNumber), String> {
    let (name, number) = text.split_once('=').ok_or("write it as name=7")?;
    let number = number.trim_start_matches('@').parse().map_err(|_| "the release is a number, as name=7")?;
    Ok((parse_name(name)?, ReleaseNumber(number)))
}
