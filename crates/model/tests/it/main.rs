//! How texts become services: good ones, broken ones, hostile ones.

mod broken;
mod good;
mod hostile;
mod schema;
mod values;

use std::env::VarError;
use std::path::{Path, PathBuf};

/// What the examples find in their environment. `SECRET_WORD` must never be seen in any report.
pub(crate) fn env(name: &str) -> Result<String, VarError> {
    match name {
        "COUNT" => Ok("3".to_owned()),
        "SESSION_KEY" | "SECRET_WORD" => Ok(SECRET_VALUE.to_owned()),
        "NOTHING" => Ok(String::new()),
        "TWO_WORDS" => Ok("two words".to_owned()),
        "BYTES" => Err(VarError::NotUnicode(SECRET_VALUE.into())),
        _ => Err(VarError::NotPresent),
    }
}

/// What the environment keeps.
pub(crate) const SECRET_VALUE: &str = "Hunter2-do-not-show";

/// The YAML files of a folder beside this one, by name.
pub(crate) fn files(folder: &str) -> Vec<(String, PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            (name, path, text)
        })
        .collect();
    files.sort();
    files
}
