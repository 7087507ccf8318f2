//! What is said of the access log.

use crate::failure::Failure;
use gateway::access::{Form, Place, Query, Settings};
use std::ffi::OsString;
use std::path::PathBuf;

/// The access log.
#[derive(clap::Args)]
pub(crate) struct Access {
    /// Write a line for each request to this file; `stdout` and `stderr` are what they are called. A file that
    /// was renamed is opened anew, at once after SIGHUP.
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// How the access log's lines look: json or combined.
    #[arg(long, value_name = "FORM", value_enum, default_value_t, hide_possible_values = true)]
    access_log_form: Lines,
    /// How much of queries the access log tells: none, names, or whole. People put secrets into them.
    #[arg(long, value_name = "PART", value_enum, default_value_t, hide_possible_values = true)]
    access_log_query: Part,
}

/// How the access log's lines look.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Lines {
    /// For programs.
    #[default]
    Json,
    /// As Apache and nginx write them.
    Combined,
}

/// How much of queries is told.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Part {
    /// Nothing.
    None,
    /// The names of parameters.
    #[default]
    Names,
    /// All of it.
    Whole,
}

impl Access {
    /// What the gateway is told.
    pub(super) fn settings(&self) -> Option<Settings> {
        let path = self.access_log.clone()?;
        let place = match path.to_str() {
            Some("stdout") => Place::Output,
            Some("stderr") => Place::Error,
            Some(_) | None => Place::Path(path),
        };
        let form = match self.access_log_form {
            Lines::Json => Form::Json,
            Lines::Combined => Form::Combined,
        };
        let query = match self.access_log_query {
            Part::None => Query::None,
            Part::Names => Query::Names,
            Part::Whole => Query::Whole,
        };
        Some(Settings { place, form, query })
    }

    /// What is wrong from the start is told to whoever starts it.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match (self.settings(), &self.access_log) {
            (Some(settings), Some(path)) => {
                settings.place.check().map_err(|error| Failure::io(path, "writing the access log", &error))
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    /// The same, as arguments.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let Some(path) = &self.access_log else { return Vec::new() };
        let form = match self.access_log_form {
            Lines::Json => "json",
            Lines::Combined => "combined",
        };
        let query = match self.access_log_query {
            Part::None => "none",
            Part::Names => "names",
            Part::Whole => "whole",
        };
        let pairs: [(&str, OsString); 3] =
            [("--access-log", path.into()), ("--access-log-form", form.into()), ("--access-log-query", query.into())];
        pairs.into_iter().flat_map(|(name, value)| [name.into(), value]).collect()
    }
}
