//! Each command, in order and out of order.

use crate::session::Session;
use engine::store::{Append, Attribution, Line, Position, Store, Taking};
use model::{Span, Subject, Time};
use std::fs::Permissions;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use store::{SqliteStore, wait};

/// When plans are asked for: a Tuesday, in the morning.
const TUESDAY: &str = "--at 2026-03-24T10:00";
const COMMANDS: [&str; 10] =
    ["init", "advise", "validate", "plan", "schema", "audit", "backup", "gateway", "completions", "man"];

#[test]
fn help() {
    let mut session = Session::new().with("COLUMNS", "100");
    session.say("-h").say("--help").say("--version");
    for command in COMMANDS {
        session.say(&format!("{command} --help"));
    }
    session.say("gateway status --help").say("gateway drain --help").say("audit verify --help").check("help");
}

#[test]
fn a_newcomer() {
    let mut session = Session::new().with("COLUMNS", "80");
    session.say("").say("plan").say("init").say("validate").say(&format!("plan {TUESDAY}"));
    session.say(&format!("plan --first {TUESDAY}")).say("init").say("init --force --strategy canary");
    session.say(&format!("plan {TUESDAY}")).say(&format!("plan --return {TUESDAY}")).check("newcomer");
}

#[test]
fn starters() {
    let mut session = Session::new();
    for strategy in ["recreate", "rolling", "blue-green", "canary", "ab", "shadow"] {
        session.say(&format!("init -o - --strategy {strategy} -s shop"));
        session.say(&format!("init --strategy {strategy} -o {strategy}.yaml"));
        session.say(&format!("plan -f {strategy}.yaml {TUESDAY} --to 7"));
    }
    session.say("init --worker -o worker.yaml").say(&format!("plan -f worker.yaml {TUESDAY}")).check("starters");
}

#[test]
fn looks() {
    for (name, columns) in [("narrow", "40"), ("usual", "80"), ("wide", "160")] {
        let mut session = Session::new().with("COLUMNS", columns);
        session.run("init --strategy ab", b"");
        session.say(&format!("plan {TUESDAY}")).say(&format!("plan {TUESDAY} --color always"));
        session
            .say("plan --at 2026-03-27T16:00 --deny-warnings")
            .say("advise --side-by-side yes -s shop")
            .check(&format!("look-{name}"));
    }
    let mut session = Session::new().with("NO_COLOR", "1");
    session.run("init", b"");
    session.say("validate").say("validate --color always").say("nothing --color always").check("colour");
}

#[test]
fn advice() {
    let mut session = Session::new();
    session.say("advise").say("advise --gradual yes --enough-traffic yes --json");
    session.say("advise --side-by-side no --downtime-ok no").say("advise --serves-requests no --gradual y --write");
    session.say("validate").say("advise --write").say("advise --gradual perhaps").check("advice");
}

#[test]
fn bad_input() {
    let mut session = Session::new();
    session.file("bad.yaml", "service: shop\nrun: ./shop\nstratgy: rolling\ninstances: many\nsecrets: {A: b}\n");
    session.file("latin.yaml", b"service: shop\nrun: ./caf\xe9\n");
    session.file("large.yaml", vec![b'#'; (1 << 20) + 1]);
    session.file("empty/notes.txt", "");
    session.file("two/a.yaml", "service: a\nrun: ./a\n---\nservice: b\nrun: ./b\nlisten: \":1\"\nstrategy: shadow\n");
    session.file("two/.hidden.yaml", "not: read");
    session.file("variable.yaml", "service: shop\nrun: ./shop ${WHERE}\n");
    session.file("many.yaml", "service: shop\nrun: ./shop\nchecks: {q: {source: graphite, query: x, above: 1}}\n");
    session.say("validate -f bad.yaml").say("validate -f bad.yaml --json").say("plan -f bad.yaml --json");
    session.say("plan -f latin.yaml").say("plan -f large.yaml").say("plan -f empty").say("plan -f nowhere.yaml");
    session
        .say("plan -f nowhere.yaml --json")
        .say("validate -f two")
        .say("plan -f two -s c")
        .say("plan -f variable.yaml");
    session.say(&format!("plan -f many.yaml {TUESDAY}")).say(&format!("plan -f many.yaml {TUESDAY} --json"));
    session
        .say(&format!("plan -f two {TUESDAY} --from 3 --to 3 -s a"))
        .say("plan --first --from 2")
        .say("plan --from 0");
    session.say("plan --return --from 3 --to 3").say("plan --return --from 3 --to 5");
    session.say("paln").say("plan --frist").say("--json").say("completions tcsh --json").say("init --strategy canry");
    session.say("init --strategy ab --worker").say("init -o nowhere/glidepath.yaml").say("plan --at tomorrow");
    session.say_with("validate -f -", b"service: shop\nrun: ./shop\n").say_with("validate -f - --json", b"[]");
    session.check("bad-input");
}

#[test]
fn for_programs() {
    let mut session = Session::new();
    session.say("init --json").say("validate --json").say(&format!("plan {TUESDAY} --json")).say("init -o - --json");
    session.check("json");
    for words in
        ["schema", "schema --json", "completions bash --json", "man --json", "advise --json", "plan --help --json"]
    {
        let ran = session.run(words, b"");
        assert_eq!(ran.code, Some(0));
        serde_json::from_str::<serde_json::Value>(&ran.out).expect(words);
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(session.run(&format!("completions {shell}"), b"").out.contains("deny-warnings"), "{shell}");
    }
    let man = session.run("man", b"").out;
    assert!(man.contains("Exit codes") && man.contains("interrupted by Ctrl"), "{man}");
    assert!(session.run("man --dir man1", b"").out.contains("pages"));
    assert!(session.path("man1/glidepath-audit-verify.1").exists());
}

#[test]
fn whoever_closes_the_pipe_has_read_enough() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_glidepath"))
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().expect("its errors").read_to_string(&mut err).expect("UTF-8");
    assert_eq!((child.wait().expect("it ends").code(), err.as_str()), (Some(0), ""));
}

#[test]
fn secrets_stay_where_they_are() {
    let session = Session::new().with("TOKEN", "hunter2");
    let text =
        "service: shop\nrun: ./shop --token=${TOKEN}\nenv: {API_TOKEN: \"${TOKEN}\"}\nlisten: \":80\"\nbad: ${TOKEN}\n";
    session.file("glidepath.yaml", text);
    session.file("good/shop.yaml", text.replace("bad: ${TOKEN}\n", ""));
    for words in
        ["validate", "validate --json", "plan", "plan -f good", "plan -f good --json", "validate -f good --json"]
    {
        let ran = session.run(words, b"");
        assert!(!ran.out.contains("hunter2") && !ran.err.contains("hunter2"), "{words}: {} {}", ran.out, ran.err);
    }
}

/// Journals of two services.
fn journals(session: &Session) {
    std::fs::create_dir_all(session.path("state")).expect("a folder");
    let store = SqliteStore::open(session.path("state/journal.db")).expect("a store");
    let taking = Taking { scope: "test".into(), holder: "me".into(), length: Span::hours(1), unrenewed: None };
    let epoch = wait(store.lease(taking)).expect("it answers").expect("a lease");
    for (number, (who, why)) in
        [("anna", "a fix for \u{1b}[31mcarts"), ("glidepath", ""), ("otto", "")].iter().enumerate()
    {
        let subject = Subject::from_text(if number == 2 { "flag/new-cart" } else { "service/shop/production/local" });
        let by = Attribution { who: (*who).into(), from: "cli".into(), why: (*why).into() };
        let at = Time(1_774_346_400_000 + number as u64 * 60_000);
        let line = Line { at, by, kind: "began".into(), version: 1, body: "{\"number\":1}".into() };
        let expected = Position(if number == 1 { 1 } else { 0 });
        let append = Append { subject, expected, scope: "test".into(), epoch, lines: vec![line] };
        wait(store.append(append)).expect("it is appended");
    }
}

#[test]
fn the_audit_and_the_backup() {
    let mut session = Session::new();
    session
        .say("audit --state none")
        .say("backup copy.db --state none --json")
        .say("audit --since someday --state state");
    journals(&session);
    session.say("audit --state state").say("audit --state state --who anna --json").say("audit --state state -n 1");
    session.say("audit --state state --kind none").say("audit verify --state state").say("audit --state state verify");
    session.say("audit --who anna --state state verify");
    session.say("audit verify --state state --json").say("audit verify --state state --anchor 7");
    session.say(&format!("audit verify --state state --anchor 3:{}", "0".repeat(64)));
    let ran = session.run("backup copy.db --state state", b"");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    session.say("backup copy.db --state state").say("backup nowhere/copy.db --state state --json");
    // Somebody writes another name over the one of who did it.
    let bytes = std::fs::read(session.path("copy.db")).expect("the copy");
    let place = bytes.windows(4).position(|four| four == b"anna").expect("the name");
    let mut changed = bytes;
    changed[place..place + 4].copy_from_slice(b"emma");
    session.file("changed/journal.db", changed);
    session
        .say("audit verify --state changed")
        .say("audit verify --state changed --json")
        .say("backup x.db --state changed");
    session.file("garbage/journal.db", "not a database at all, but long enough to be read as one".repeat(99));
    session.say("audit --state garbage");
    // What stands where something else belongs.
    std::fs::create_dir_all(session.path("folder/journal.db")).expect("a folder");
    session.say("audit --state folder").say("audit --state copy.db").say("backup folder --state state");
    session.say("backup folder --state state --replace").check("audit");
}

#[test]
fn where_the_state_is() {
    let mut session = Session::new().without_rights().with("XDG_STATE_HOME", "state");
    session.say("audit").say("audit --state state");
    std::fs::create_dir(session.path("closed")).expect("a folder");
    let set = |mode| std::fs::set_permissions(session.path("closed"), Permissions::from_mode(mode)).expect("rights");
    set(0o000);
    let closed = session.run("audit --state closed", b"");
    set(0o755);
    assert!(closed.err.contains("no-permission") && closed.err.contains("closed/journal.db"), "{}", closed.err);
    session.file("unreadable/journal.db", "");
    std::fs::set_permissions(session.path("unreadable/journal.db"), Permissions::from_mode(0o000)).expect("no rights");
    session.say("audit --state unreadable").say("backup copy.db --state unreadable --json");
    session.with("HOME", "home").say("audit").check("state");
}

/// Nothing waits for a pipe that nobody writes to, or reads.
#[test]
fn pipes_folders_and_devices() {
    let mut session = Session::new();
    let made = Command::new("mkfifo").arg(session.path("pipe.yaml")).status().expect("mkfifo runs");
    assert!(made.success());
    session.file("file", "");
    std::fs::create_dir(session.path("folder")).expect("a folder");
    session
        .say("validate -f pipe.yaml")
        .say("plan -f . --json")
        .say("init -o pipe.yaml")
        .say("init -o pipe.yaml --force");
    session.say("init -o folder --force").say("init -o file/glidepath.yaml").say("validate -f file/glidepath.yaml");
    session.say("man --dir file").say("man --dir file/man1").say("validate -f /dev/zero").check("pipes");
    let ran = session.run("validate -f /dev/stdin", b"service: shop\nrun: ./shop\n");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    for words in [&["--help"][..], &["--version"], &["plan", "--help"], &["schema"], &["plan", "--help", "--json"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut command = Command::new(env!("CARGO_BIN_EXE_glidepath"));
        let ran = command.args(words).stdout(full).output().expect("the binary runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(3) && said.contains("output-failed"), "{words:?}: {:?} {said}", ran.status);
    }
}
