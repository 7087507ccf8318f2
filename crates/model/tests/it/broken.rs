//! What a person sees of a broken file, as snapshots beside the files.

use crate::{SECRET_VALUE, env, files};
use model::text::{Code, Report, Source, parse, parse_all};
use std::collections::BTreeSet;

fn report(name: &str, text: &str) -> Report {
    match parse(Source { name: "glidepath.yaml", text }, &env) {
        Ok(_) => panic!("{name} is taken, but should be refused"),
        Err(report) => report,
    }
}

#[test]
fn every_broken_file_says_what_is_wrong() {
    let files = files("broken");
    assert!(files.len() >= 65, "only {} files", files.len());
    for (name, path, text) in files {
        let report = report(&name, &text);
        check_problems(&name, &text, &report);
        expect_test::expect_file![path.with_extension("txt")].assert_eq(&report.render(false));
    }
}

/// What holds for every report, whatever is wrong.
pub(crate) fn check_problems(name: &str, text: &str, report: &Report) {
    assert!(!report.problems.is_empty(), "{name}: no problem");
    let lines: Vec<&str> =
        text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect();
    for problem in &report.problems {
        let line = lines.get(problem.line as usize - 1).unwrap_or_else(|| panic!("{name}: no line {}", problem.line));
        let length = line.chars().count() as u32;
        assert!((1..=length + 1).contains(&problem.column), "{name}: column {} of {length}", problem.column);
        assert!(problem.width >= 1 && problem.column + problem.width <= length.max(1) + 2, "{name}: too wide");
        assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{name}: a problem without help");
    }
    let rendered = report.render(true);
    assert!(!rendered.contains(SECRET_VALUE), "{name}: a value from the environment is shown");
}

#[test]
fn every_snapshot_has_its_file() {
    let names: BTreeSet<String> = files("broken").into_iter().map(|(name, _, _)| name).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken");
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(names.contains(&name), "{} belongs to nothing", path.display());
    }
}

#[test]
fn every_code_has_a_broken_file() {
    let seen: BTreeSet<Code> = files("broken")
        .iter()
        .flat_map(|(name, _, text)| report(name, text).problems)
        .map(|problem| problem.code)
        .collect();
    // Only other types than a service know values that cannot be right though they are of the right kind.
    let elsewhere = [Code::BadValue];
    let unseen = Code::ALL.iter().filter(|code| !seen.contains(code) && !elsewhere.contains(code));
    let unseen: Vec<_> = unseen.map(|code| code.as_str()).collect();
    assert!(unseen.is_empty(), "no broken file for {unseen:?}");
}

#[test]
fn a_service_in_two_files_names_both() {
    let text = "service: shop\nrun: ./shop\n";
    let sources = [Source { name: "a.yaml", text }, Source { name: "b.yaml", text }];
    let report = parse_all(&sources, &env).expect_err("it is there twice");
    expect_test::expect![[r#"
        error[duplicate-service]: `shop` in `production` at `local` is already described at a.yaml:1
         --> b.yaml:1:10
          |
        1 | service: shop
          |          ^^^^
          = remove one of the two, or give it another `service`, `environment` or `place`

        1 problem in b.yaml
    "#]]
    .assert_eq(&report.render(false));
}

#[test]
fn a_report_can_be_given_to_programs() {
    let report = report("typo", "service: shop\nrnu: ./shop\n");
    expect_test::expect![[r#"
        {
          "problems": [
            {
              "code": "unknown-key",
              "file": "glidepath.yaml",
              "line": 2,
              "column": 1,
              "width": 3,
              "source_line": "rnu: ./shop",
              "message": "`rnu` is not a key of the service",
              "help": "did you mean `run`?"
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&report).expect("it can be written"));
}

#[test]
fn colours_change_nothing_but_colours() {
    for (name, _, text) in files("broken") {
        let report = report(&name, &text);
        let mut plain = String::new();
        let coloured = report.render(true);
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once("\x1b[") {
            plain.push_str(before);
            rest = after.split_once('m').expect("an end").1;
        }
        plain.push_str(rest);
        assert_eq!(plain, report.render(false), "{name}");
    }
}
