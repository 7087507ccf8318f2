//! The files that people begin with are in order.

use gateway::process::read_config;
use std::path::Path;

#[test]
fn every_example_is_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/gateway");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let tables = read_config(&file).unwrap_or_else(|wrong| panic!("{}: {wrong}", file.display()));
        found.extend(tables.into_iter().map(|table| table.service.to_string()));
    }
    found.sort();
    assert_eq!(found, ["service/gateway/production/local", "service/shop/production/local"]);
}
