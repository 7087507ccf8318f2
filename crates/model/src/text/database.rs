//! The database a service uses.

use super::collection::List;
use super::duration::Work;
use super::hook::refuse_twice;
use super::object::object;
use super::reader::{Field, Located, Reader};
use super::word::Text;
use crate::Name;
use crate::service::{Database, Migration};

object! {
    /// One change of a database.
    struct MigrationText = "migration" {
        /// Its name.
        "name" required name: Name;
        /// The file that describes it.
        "file" required file: Text;
        /// Whether it can be taken back without loss after the candidate wrote to it.
        "reversible" optional reversible: bool = true;
        /// Whether old rows must be brought over.
        "backfill" optional backfill: bool = false;
        /// Whether the old shape is taken away once the rollback window is over.
        "contract" optional contract: bool = false;
        /// How long a phase may take.
        "timeout" optional timeout: Work = "10m";
    }
}

object! {
    /// The database a service uses.
    struct DatabaseText = "database" {
        /// The name of the secret that holds its address.
        "secret" required secret: Name;
        /// The changes that this release needs, in order.
        "migrations" optional migrations: List<MigrationText, 0>;
    }
}

pub(crate) fn resolve(field: &Field<DatabaseText>, reader: &mut Reader<'_, '_>) -> Option<Option<Database>> {
    let text = match field {
        Field::Absent => return Some(None),
        Field::Bad => return None,
        Field::Good(text) => &text.value,
    };
    let migrations = match &text.migrations {
        Field::Absent => Some(Vec::new()),
        Field::Bad => None,
        Field::Good(list) => {
            let mut seen: Vec<&Located<Name>> = Vec::new();
            for name in list.value.items.iter().filter_map(|item| item.value.name.get()) {
                refuse_twice(&mut seen, name, "migration", reader);
            }
            let made = list.value.items.iter().map(|item| migration(&item.value));
            made.collect::<Option<Vec<_>>>().filter(|_| list.value.complete)
        }
    };
    Some(Some(Database { url: text.secret.value()?.clone(), migrations: migrations? }))
}

fn migration(text: &MigrationText) -> Option<Migration> {
    Some(Migration {
        name: text.name.value()?.clone(),
        file: text.file.value()?.0.clone(),
        reversible: *text.reversible.value()?,
        backfill: *text.backfill.value()?,
        contract: *text.contract.value()?,
        timeout: text.timeout.value()?.0,
    })
}
