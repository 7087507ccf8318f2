//! `glidepath man`.

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::{Screen, Tone, counted};
use clap::CommandFactory;
use clap_mangen::Man as Page;
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};

/// Print the manual page, or write one for each command into a folder.
#[derive(clap::Args)]
pub(crate) struct Man {
    /// The folder, as /usr/local/share/man/man1; the page of `glidepath` goes to standard output where it is not there.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        let mut command = Arguments::command().disable_help_subcommand(true);
        command.build();
        let Some(folder) = &self.dir else {
            let text =
                page(&command).map_err(|error| Failure::io(Path::new("glidepath.1"), "making the page", &error))?;
            if screen.is_json() {
                screen.json(&json!({ "text": text }));
            } else {
                screen.print(&text);
            }
            return Ok(Exit::Ok);
        };
        let mut written = Vec::new();
        if folder.exists() && !folder.is_dir() {
            let help = "name a folder with `--dir`; the page of `glidepath` goes to standard output without it";
            return Err(Failure::new(Exit::NoAccess, "not-a-folder", "this is a file", help).at(folder));
        }
        std::fs::create_dir_all(folder).map_err(|error| Failure::io(folder, "making the folder", &error))?;
        write(&command, folder, &mut written)?;
        if screen.is_json() {
            screen.json(&json!({ "wrote": written }));
        } else {
            let wrote = screen.paint(Tone::Good, "wrote");
            screen.line(format!("{wrote} {} to {}", counted(written.len() as u64, "page", "pages"), folder.display()));
        }
        Ok(Exit::Ok)
    }
}

/// The page of a command and those of its own commands.
fn write(command: &clap::Command, folder: &Path, written: &mut Vec<String>) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    let failed = |error: io::Error| Failure::io(&path, "writing the page", &error);
    let text = page(command).map_err(failed)?;
    std::fs::write(&path, text).map_err(failed)?;
    written.push(path.display().to_string());
    command.get_subcommands().try_for_each(|one| write(one, folder, written))
}

fn page(command: &clap::Command) -> io::Result<String> {
    let mut text = Vec::new();
    Page::new(command.clone()).render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
