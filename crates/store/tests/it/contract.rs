use crate::folder::Folder;
use std::cell::Cell;
use store::{MemoryStore, SqliteStore, contract};

#[test]
fn sqlite_keeps_the_contract() {
    let folder = Folder::new();
    let number = Cell::new(0);
    contract::check(&|| {
        number.set(number.get() + 1);
        Box::new(SqliteStore::open(folder.file(&format!("{}.db", number.get()))).expect("a new store"))
    });
}

#[test]
fn memory_keeps_the_contract() {
    contract::check(&|| Box::new(MemoryStore::new()));
}
