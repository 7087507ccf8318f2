//! What the pages show is what the programs do.

use crate::{read, root};
use engine::facts::Facts;
use model::{Digest, Intent, Release, ReleaseNumber, Standing};
use std::collections::BTreeMap;

const EXAMPLE: &str = "examples/shop/glidepath.yaml";

#[test]
fn the_readme_shows_the_plan_that_the_engine_makes() {
    let readme = read("README.md");
    let text = read(EXAMPLE);
    let described: String =
        text.lines().skip_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    assert!(readme.contains(&described), "README.md does not show {EXAMPLE}:\n{described}");
    let plan = planned(&text);
    assert!(readme.contains(&plan), "README.md does not show the plan:\n{plan}");
}

/// The plan from release 1, with as many instances as are asked for, to release 2.
fn planned(text: &str) -> String {
    let service = model::text::parse_one(text).unwrap_or_else(|report| panic!("{report}"));
    let (stable, candidate) = (ReleaseNumber(1), ReleaseNumber(2));
    let mut standing = Standing { release: Some(stable), intent: Intent::all_to(stable), ..Standing::default() };
    standing.set_capacity(stable, service.instances.count);
    let artifact = Digest::of(b"shop 2.4.1");
    let release = Release { number: candidate, artifact, service, secrets: BTreeMap::new(), variants: BTreeMap::new() };
    let facts = Facts::one_machine();
    let plan = engine::compile::compile(&release, &standing, &facts).expect("it can be landed");
    engine::outline::outline(&plan, &facts).to_string()
}

#[test]
fn every_link_within_the_pages_leads_somewhere() {
    let mut broken = Vec::new();
    for page in
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/promises.md", "docs/dependencies.md"]
    {
        let text = read(page);
        let folder = root().join(page).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
        for link in text.split("](").skip(1).filter_map(|after| after.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !link.contains("://") && !file.is_empty() && !folder.join(file).exists() {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_code_map_names_every_crate_and_every_module() {
    let map = read("ARCHITECTURE.md");
    let mut missing = Vec::new();
    let crates = std::fs::read_dir(root().join("crates")).expect("it is a folder");
    let mut folders: Vec<_> = crates.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    folders.sort();
    for name in folders {
        let section = map.split("\n### ").find(|section| section.starts_with(&format!("`{name}`")));
        let Some(section) = section else {
            missing.push(name);
            continue;
        };
        let sources = root().join("crates").join(&name).join("src");
        for entry in std::fs::read_dir(sources).expect("it is a folder").flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let module = file.strip_suffix(".rs").unwrap_or(&file);
            if !["lib", "main"].contains(&module) && !section.contains(&format!("`{module}`")) {
                missing.push(format!("{name}::{module}"));
            }
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name {}", missing.join(", "));
}
