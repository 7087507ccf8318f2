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

/// The blocks of a page that are in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let begins = format!("```{language}\n");
    page.split(&begins).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect()
}

#[test]
fn the_readme_shows_what_the_program_says() {
    let readme = include_str!("../../../../README.md");
    let session = Session::new();
    let service = blocks(readme, "yaml")[0];
    session.file("glidepath.yaml", service);
    let (_, said) = readme.split_once("`glidepath plan").expect("the command");
    let arguments = said.split_once('`').expect("its end").0;
    assert_eq!(session.run(&format!("plan{arguments}"), b"").out, blocks(readme, "text")[0]);
    // The tour: what it says to type can be typed.
    session.file("examples/shop/glidepath.yaml", service);
    let mut commands = 0;
    for line in readme.lines().filter_map(|line| line.trim().strip_prefix("cargo run -q -p glidepath -- ")) {
        let ran = session.run(line, b"");
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
        commands += 1;
    }
    assert_eq!(commands, 3);
    session.file("examples/shop/glidepath.yaml", service.replace("instances:", "instanses:"));
    let ran = session.run("validate -f examples/shop/glidepath.yaml", b"");
    assert!(ran.code == Some(1) && ran.err.contains("did you mean `instances`?"), "{}", ran.err);
}

#[test]
fn the_gateways_page_shows_files_that_can_be_served_by() {
    let page = include_str!("../../../../docs/gateway.md");
    let example = include_str!("../../../../examples/gateway/gateway.yaml");
    for text in blocks(page, "yaml").into_iter().chain([example]) {
        let tables = gateway::process::parse_config(model::text::Source { name: "gateway.yaml", text });
        assert!(!tables.unwrap_or_else(|report| panic!("{report}")).is_empty());
    }
    assert_eq!(blocks(page, "yaml").len(), 3);
}

#[test]
fn every_command_and_flag_is_in_the_reference() {
    let reference = include_str!("../../../../docs/cli.md");
    let session = Session::new().with("COLUMNS", "200");
    for command in [
        "",
        "init",
        "advise",
        "validate",
        "plan",
        "schema",
        "audit",
        "audit verify",
        "backup",
        "gateway",
        "gateway status",
        "gateway routes",
        "gateway endpoints",
        "gateway drain",
        "gateway replace",
        "completions",
        "man",
    ] {
        assert!(reference.contains(&format!("glidepath {command}")), "docs/cli.md does not show `{command}`");
        let help = session.run(&format!("{command} -h"), b"").out;
        for word in help.split(|c: char| c.is_whitespace() || c == ',').filter(|word| word.starts_with("--")) {
            let flag = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            assert!(reference.contains(flag), "docs/cli.md does not name {flag} of `{command}`");
        }
    }
}
