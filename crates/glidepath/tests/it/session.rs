//! A folder of its own, and the binary run in it.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a run of the binary gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder that is removed in the end, and a transcript of what was run in it.
pub(crate) struct Session {
    folder: PathBuf,
    variables: Vec<(&'static str, String)>,
    transcript: String,
    program: PathBuf,
    /// Another user than the tester, who may be root and held up by nothing.
    user: Option<u32>,
}

/// The user that nobody is.
const NOBODY: u32 = 65_534;

impl Session {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("glidepath-it-{}-{number}", std::process::id())).join("shop");
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let program = env!("CARGO_BIN_EXE_glidepath").into();
        Self { folder, variables: Vec::new(), transcript: String::new(), program, user: None }
    }

    /// As a user whom the rights of files hold up.
    pub(crate) fn without_rights(mut self) -> Self {
        if std::fs::metadata("/proc/self").expect("this process").uid() == 0 {
            // The folder it was built in may be closed to others.
            let program = self.folder.with_file_name("glidepath");
            std::fs::copy(&self.program, &program).expect("a copy that everybody may run");
            (self.program, self.user) = (program, Some(NOBODY));
        }
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file for the test");
    }

    /// Runs it; nothing of the tester's own environment is seen.
    pub(crate) fn run(&self, words: &str, input: &[u8]) -> Ran {
        let mut command = Command::new(&self.program);
        if let Some(user) = self.user {
            command.uid(user);
        }
        command.current_dir(&self.folder).env_clear().env("HOME", &self.folder).env("TZ", "UTC");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(words.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut spawned = command.spawn();
        // A process that another test is just starting may still have the copy open as it was written.
        while spawned.as_ref().is_err_and(|error| error.kind() == ErrorKind::ExecutableFileBusy) {
            spawned = command.spawn();
        }
        let mut child = spawned.expect("the binary runs");
        // It may end before it has read everything.
        let _ = child.stdin.take().expect("its input").write_all(input);
        let output = child.wait_with_output().expect("the binary ends");
        let text = |bytes: Vec<u8>| self.stable(&String::from_utf8(bytes).expect("UTF-8"));
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it and takes down what it said.
    pub(crate) fn say(&mut self, words: &str) -> &mut Self {
        self.say_with(words, b"")
    }

    pub(crate) fn say_with(&mut self, words: &str, input: &[u8]) -> &mut Self {
        let ran = self.run(words, input);
        if words.contains("--json") {
            let _: serde_json::Value =
                serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{words}: {error}"));
            assert_eq!(ran.err, "", "{words}");
        }
        if words.contains("--color always") {
            assert!(ran.out.contains('\x1b') || ran.err.contains('\x1b'), "{words}");
        } else {
            assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "{words}");
        }
        if let Some((_, columns)) = self.variables.iter().find(|(name, _)| *name == "COLUMNS") {
            let columns: usize = columns.parse().expect("a number");
            let wide =
                ran.out.lines().find(|line| line.chars().count() > columns && !line.trim_start().starts_with('#'));
            assert!(wide.is_none() || words.contains("--color always"), "{words}: {wide:?} is wider than {columns}");
        }
        let _ = writeln!(self.transcript, "$ glidepath {words}");
        for (name, text) in [("", &ran.out), ("2| ", &ran.err)] {
            for line in text.lines() {
                let _ = writeln!(self.transcript, "{}", format!("{name}{line}").replace('\x1b', "^[").trim_end());
            }
        }
        let _ = writeln!(self.transcript, "[{}]\n", ran.code.map_or("killed".into(), |code| code.to_string()));
        self
    }

    /// Compares all of it with the snapshot of that name; `UPDATE_EXPECT=1` writes it anew.
    pub(crate) fn check(&mut self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
        expect_test::expect_file![path].assert_eq(&self.transcript);
        self.transcript.clear();
    }

    /// Without what differs from run to run.
    fn stable(&self, text: &str) -> String {
        let parent = self.folder.parent().expect("a folder").display().to_string();
        text.replace(&parent, "[TMP]")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.folder.parent().expect("a folder"));
    }
}
