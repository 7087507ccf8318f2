//! `glidepath schema`.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

/// Print the JSON Schema of glidepath.yaml, for editors.
///
/// Save it, and name it in the first line of your file, as most editors understand:
/// `# yaml-language-server: $schema=glidepath.schema.json`
#[derive(clap::Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(&self, screen: &mut Screen) -> Result<Exit, Failure> {
        screen.json(&model::text::schema());
        Ok(Exit::Ok)
    }
}
