//! Every good example is taken, and says what it says.

use crate::{env, files};
use model::strategy::{Amount, Growth, Strategy};
use model::text::{Source, parse};
use model::{Service, Share, Span};

fn read(name: &str) -> Vec<Service> {
    let (_, _, text) = files("good").into_iter().find(|(file, _, _)| file == name).expect(name);
    parse(Source { name, text: &text }, &env).unwrap_or_else(|report| panic!("{report}"))
}

fn one(name: &str) -> Service {
    read(name).remove(0)
}

#[test]
fn every_good_example_is_taken() {
    let files = files("good");
    assert!(files.len() >= 20, "only {} examples", files.len());
    for (name, _, text) in files {
        if let Err(report) = parse(Source { name: &name, text: &text }, &env) {
            panic!("{name} is refused:\n{report}");
        }
    }
}

#[test]
fn what_was_read_can_be_stored_and_read_back() {
    for (name, _, _) in files("good") {
        for service in read(&name) {
            let stored = serde_json::to_string(&service).expect("it can be stored");
            assert_eq!(serde_json::from_str::<Service>(&stored).expect("it can be read back"), service, "{name}");
        }
    }
}

#[test]
fn a_minimal_service_has_good_defaults() {
    let service = one("minimal");
    expect_test::expect_file!["../minimal.json"]
        .assert_eq(&(serde_json::to_string_pretty(&service).expect("it can be stored") + "\n"));
}

#[test]
fn several_documents_are_several_services() {
    let names: Vec<String> = read("several").iter().map(|service| service.subject().to_string()).collect();
    let want = ["service/shop/production/local", "service/mailer/production/local", "service/shop/staging/local"];
    assert_eq!(names, want);
}

#[test]
fn variables_are_filled_in_word_by_word() {
    let service = one("variables");
    assert_eq!(service.run.version, "${not-a-variable}");
    let command = ["./shop", "--port", "$PORT", "--name", "hello world", "--literal", "${X}"];
    assert_eq!(service.run.command, command);
    assert_eq!(service.instances.count, 3);
    assert_eq!(service.limits.memory_bytes, Some(256 << 20));
    assert!(service.checks[0].dry_run);
}

#[test]
fn what_comes_from_the_environment_adds_no_words() {
    let text = "service: shop\nrun: ./shop ${TWO_WORDS} \"${TWO_WORDS}\"\n";
    let services = parse(Source { name: "x", text }, &env).expect("it is good");
    assert_eq!(services[0].run.command, ["./shop", "two words", "two words"]);
}

#[test]
fn a_canary_without_traffic_lands_by_instances() {
    let Strategy::Canary(canary) = one("canary-worker").strategy else { panic!("a canary") };
    let Growth::Steps(steps) = canary.growth else { panic!("steps") };
    assert_eq!(steps[0].weight, None);
    assert_eq!(steps[0].instances, Some(Amount::Share(Share::percent(10))));
    assert_eq!(steps[1].instances, Some(Amount::Count(5)));
    assert_eq!(steps[0].checks.len(), 1, "all checks where none is named");
}

#[test]
fn a_canary_by_name_takes_the_usual_steps() {
    let Strategy::Canary(canary) = one("canary-by-name").strategy else { panic!("a canary") };
    let Growth::Steps(steps) = canary.growth else { panic!("steps") };
    let weights: Vec<_> = steps.iter().filter_map(|step| step.weight).collect();
    assert_eq!(weights, [5, 25, 50, 100].map(Share::percent));
    assert!(steps.iter().all(|step| step.hold == Span::minutes(5)));
}

#[test]
fn a_singleton_lands_by_recreate() {
    assert!(matches!(one("singleton").strategy, Strategy::Recreate(_)));
}

#[test]
fn numbers_stay_as_written_where_a_text_is_wanted() {
    let text = "service: shop\nrun: ./shop\nversion: 1.10\nenv: {WORKERS: 007}\n";
    let service = model::text::parse_one(text).expect("it is good");
    assert_eq!(service.run.version, "1.10");
    assert_eq!(service.run.env["WORKERS"], "007");
}
