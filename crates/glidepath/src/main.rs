//! The binary `glidepath`: arguments in, one command, an exit code out.

mod answers;
mod arguments;
mod clock;
mod commands;
mod exit;
mod failure;
mod file;
mod input;
mod screen;
mod state;
mod view;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    // Wanted already for what is wrong with the arguments themselves.
    let mut screen = Screen::foreseen(&words);
    let command = Arguments::command().color(screen.clap_colour());
    let parsed = command.try_get_matches_from(&words).and_then(|matches| Arguments::from_arg_matches(&matches));
    let exit = match parsed {
        Ok(arguments) => {
            screen = Screen::new(arguments.color, arguments.json);
            match commands::run(&arguments.command, &mut screen) {
                Ok(exit) => exit,
                Err(failure) => screen.fail(&failure),
            }
        }
        Err(error) if !error.use_stderr() => {
            // Help and version, asked for.
            screen.asked_for(&error.render());
            Exit::Ok
        }
        Err(error) => screen.fail(&Failure::usage(&error, &words)),
    };
    screen.finish(exit).into()
}
