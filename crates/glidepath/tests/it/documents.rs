//! The documents say what the program does.

use crate::session::Session;
use std::fmt::Write as _;
use std::path::Path;

pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    expect_test::expect_file![path].assert_eq(text);
}

#[test]
fn exit_codes() {
    let help = Session::new().with("COLUMNS", "200").run("--help", b"").out;
    let (_, table) = help.split_once("Exit codes:\n").expect("the table");
    let mut text = String::from(
        "# Exit codes\n\nEvery command ends with one of these. `glidepath --help` and the manual show the same table; a \
         test compares them.\n\n| code | meaning |\n| ---: | --- |\n",
    );
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let (code, meaning) = line.trim().split_once("  ").expect("a code and its meaning");
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    check("exit-codes.md", &text);
}

#[test]
fn every_command_and_flag_is_in_the_reference() {
    let reference = include_str!("../../../../docs/cli.md");
    let session = Session::new().with("COLUMNS", "200");
    for command in
        ["", "init", "advise", "validate", "plan", "schema", "audit", "audit verify", "backup", "completions", "man"]
    {
        assert!(reference.contains(&format!("glidepath {command}")), "docs/cli.md does not show `{command}`");
        let help = session.run(&format!("{command} -h"), b"").out;
        for word in help.split(|c: char| c.is_whitespace() || c == ',').filter(|word| word.starts_with("--")) {
            let flag = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            assert!(reference.contains(flag), "docs/cli.md does not name {flag} of `{command}`");
        }
    }
}
