//! The tables of a store, in SQL.
//!
//! Owns the statements that make and remove tables, indexes and triggers. When they are run is
//! `load.rs`; nothing here touches a database.
//!
//! The column `larder` of a collection's table says whether a row is known to be good: 0 until it
//! was verified, then 1 and 2 in turns. Every statement of ours that changes a row changes that
//! number, and one that inserts a row gives it 3, which no row keeps. Whoever does not know of it
//! leaves it as it is, or copies it from another row, and then a trigger sets it to 0. So a row that
//! somebody else wrote or changed is found, whatever program that was. A change in the table of a list
//! marks the row it belongs to.

use std::fmt::Write as _;

use crate::cell::Kind;
use crate::layout::{IndexLayout, Layout};
use crate::names::{self, Quoted};

/// What the store keeps for itself.
pub(crate) const BOOKKEEPING: &str = "
CREATE TABLE IF NOT EXISTS larder_collections(
  name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
  version INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  definition TEXT NOT NULL,
  layout TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS larder_quarantine(
  key TEXT NOT NULL PRIMARY KEY,
  collection TEXT NOT NULL,
  since TEXT NOT NULL,
  issue TEXT NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
";

/// What can happen to a key of a list: its trigger's name, the event, and the row it concerns.
const LIST_EVENTS: [(&str, &str, &str); 3] = [
    ("inserted", "INSERT", "id = NEW.id"),
    ("updated", "UPDATE", "id IN (OLD.id, NEW.id)"),
    ("deleted", "DELETE", "id = OLD.id"),
];

/// How a row of ours is marked anew.
pub(crate) const MARK: &str = "larder = CASE larder WHEN 1 THEN 2 ELSE 1 END";

/// The table of a collection, without its indexes.
pub(crate) fn table(collection: &str) -> String {
    format!(
        "CREATE TABLE {}(id TEXT NOT NULL PRIMARY KEY, doc TEXT NOT NULL, larder INTEGER NOT NULL \
         DEFAULT 0) STRICT",
        Quoted(collection)
    )
}

/// The columns of an index, or the table of a list.
pub(crate) fn columns(collection: &str, index: &IndexLayout) -> Vec<String> {
    if index.multi {
        let table = names::list_table(collection, &index.label);
        // A list has keys of any kind: "none" is one of them, and no part of a primary key is null.
        return vec![format!(
            "CREATE TABLE IF NOT EXISTS {}(id TEXT NOT NULL, key ANY NOT NULL, PRIMARY KEY(id, key)) STRICT, \
             WITHOUT ROWID",
            Quoted(&table)
        )];
    }
    index
        .columns
        .iter()
        .map(|column| {
            format!(
                "ALTER TABLE {} ADD COLUMN {} {}",
                Quoted(collection),
                Quoted(&column.name),
                column.kind.sql()
            )
        })
        .collect()
}

/// The index itself, and for each further column an index of its keys that are in no order, so that
/// it can be told at once whether there are some. (Those of the first column are the last of the
/// index.)
pub(crate) fn indexes(collection: &str, of: &IndexLayout) -> Vec<String> {
    let mut statements = vec![index(collection, of)];
    statements.extend(further_columns(of).map(|column| {
        let column = Quoted(column);
        format!(
            "CREATE INDEX IF NOT EXISTS {} ON {}({column}) WHERE {column} >= x''",
            Quoted(&names::bytes(collection, column.0)),
            Quoted(collection),
        )
    }));
    statements
}

/// The columns of any kind behind the first of an index.
fn further_columns(index: &IndexLayout) -> impl Iterator<Item = &str> {
    let columns = index.columns.iter().skip(1);
    columns
        .filter(|column| column.kind == Kind::Any)
        .map(|column| column.name.as_str())
}

fn index(collection: &str, index: &IndexLayout) -> String {
    if index.multi {
        return format!(
            "CREATE INDEX IF NOT EXISTS {} ON {}(key, id)",
            Quoted(&names::list_index(collection, &index.label)),
            Quoted(&names::list_table(collection, &index.label)),
        );
    }
    let mut columns: Vec<String> = index
        .columns
        .iter()
        .map(|column| Quoted(&column.name).to_string())
        .collect();
    let unique = if index.unique {
        " UNIQUE"
    } else {
        // Records of one key come by id.
        columns.push("id".to_owned());
        ""
    };
    format!(
        "CREATE{unique} INDEX IF NOT EXISTS {} ON {}({})",
        Quoted(&names::index(collection, &index.label)),
        Quoted(collection),
        columns.join(", ")
    )
}

/// Everything that an index left behind.
pub(crate) fn remove(collection: &str, index: &IndexLayout) -> Vec<String> {
    if index.multi {
        let table = names::list_table(collection, &index.label);
        return vec![format!("DROP TABLE IF EXISTS {}", Quoted(&table))];
    }
    let mut objects = vec![names::index(collection, &index.label)];
    objects.extend(further_columns(index).map(|column| names::bytes(collection, column)));
    let mut statements: Vec<String> = objects
        .iter()
        .map(|object| format!("DROP INDEX IF EXISTS {}", Quoted(object)))
        .collect();
    statements.extend(index.columns.iter().map(|column| {
        format!(
            "ALTER TABLE {} DROP COLUMN {}",
            Quoted(collection),
            Quoted(&column.name)
        )
    }));
    statements
}

/// The index of unverified rows, and the triggers. Those that are there are made anew: they name
/// the tables of lists.
pub(crate) fn watch(collection: &str, layout: &Layout) -> Vec<String> {
    let table = Quoted(collection);
    let mut keys_of_old = String::new();
    for index in layout.lists() {
        let list = names::list_table(collection, &index.label);
        // Writing to a string cannot fail.
        let _ = write!(
            keys_of_old,
            "DELETE FROM {} WHERE id = OLD.id; ",
            Quoted(&list)
        );
    }
    let (changed, deleted) = (names::changed(collection), names::deleted(collection));
    let mut statements = unwatch(collection, layout);
    statements.extend([
        format!(
            "CREATE INDEX IF NOT EXISTS {} ON {table}(id) WHERE larder = 0",
            Quoted(&names::unverified(collection))
        ),
        // The inner condition ends it where triggers fire triggers.
        format!(
            "CREATE TRIGGER {} AFTER UPDATE ON {table} WHEN NEW.larder IS OLD.larder BEGIN \
             UPDATE {table} SET larder = 0 WHERE id = NEW.id AND larder <> 0; {keys_of_old}END",
            Quoted(&changed),
        ),
        format!(
            "CREATE TRIGGER {} AFTER INSERT ON {table} WHEN NEW.larder <> 0 BEGIN \
             UPDATE {table} SET larder = (NEW.larder = 3) WHERE id = NEW.id; END",
            Quoted(&names::inserted(collection)),
        ),
    ]);
    if layout.lists().next().is_some() {
        statements.push(format!(
            "CREATE TRIGGER {} AFTER DELETE ON {table} BEGIN {keys_of_old}END",
            Quoted(&deleted),
        ));
    }
    statements.extend(replaced(collection, layout));
    for index in layout.lists() {
        let list = names::list_table(collection, &index.label);
        statements.extend(LIST_EVENTS.map(|(name, event, row)| {
            format!(
                "CREATE TRIGGER {} AFTER {event} ON {} BEGIN \
                 UPDATE {table} SET larder = 0 WHERE {row} AND larder <> 0; END",
                Quoted(&names::list_changed(collection, &index.label, name)),
                Quoted(&list),
            )
        }));
    }
    statements
}

/// How somebody else may put a row in the place of another that has its unique key: the event, and
/// when it is none of ours.
const REPLACING: [(&str, &str, &str); 2] = [
    ("insert", "NEW.larder <> 3", "NEW.id"),
    ("update", "NEW.larder IS OLD.larder", "OLD.id"),
];

/// `INSERT OR REPLACE` removes the rows that stand in its way without firing a trigger for them. So
/// before it their keys are removed from the lists; a row that stays after all has been marked by
/// that, and its keys are written again.
fn replaced(collection: &str, layout: &Layout) -> Vec<String> {
    let table = Quoted(collection);
    let mut deletes = String::new();
    for list in layout.lists() {
        let list = names::list_table(collection, &list.label);
        for index in layout.indexes.iter().filter(|index| index.unique) {
            let same: Vec<String> = index
                .columns
                .iter()
                .map(|column| format!("{0} = NEW.{0}", Quoted(&column.name)))
                .collect();
            // Writing to a string cannot fail.
            let _ = write!(
                deletes,
                "DELETE FROM {} WHERE id IN (SELECT id FROM {table} WHERE {} AND id <> $self); ",
                Quoted(&list),
                same.join(" AND ")
            );
        }
    }
    if deletes.is_empty() {
        return Vec::new();
    }
    let trigger = |(event, when, own): (&str, &str, &str)| {
        format!(
            "CREATE TRIGGER {} BEFORE {event} ON {table} WHEN {when} BEGIN {}END",
            Quoted(&names::replaced(collection, event)),
            deletes.replace("$self", own)
        )
    };
    REPLACING.map(trigger).into()
}

/// Removes the triggers.
pub(crate) fn unwatch(collection: &str, layout: &Layout) -> Vec<String> {
    triggers(collection, layout)
        .iter()
        .map(|trigger| format!("DROP TRIGGER IF EXISTS {}", Quoted(trigger)))
        .collect()
}

fn triggers(collection: &str, layout: &Layout) -> Vec<String> {
    let mut triggers = vec![names::changed(collection), names::inserted(collection)];
    let has_lists = layout.lists().next().is_some();
    if has_lists {
        triggers.push(names::deleted(collection));
    }
    if has_lists && layout.indexes.iter().any(|index| index.unique) {
        triggers.extend(REPLACING.map(|(event, ..)| names::replaced(collection, event)));
    }
    for index in layout.lists() {
        let named = |(name, ..): (&str, _, _)| names::list_changed(collection, &index.label, name);
        triggers.extend(LIST_EVENTS.map(named));
    }
    triggers
}

/// The names of the objects that must be there for a row of somebody else's to be found.
pub(crate) fn watchers(collection: &str, layout: &Layout) -> Vec<String> {
    let mut objects = triggers(collection, layout);
    objects.push(names::unverified(collection));
    for index in &layout.indexes {
        if index.multi {
            objects.push(names::list_table(collection, &index.label));
            objects.push(names::list_index(collection, &index.label));
        } else {
            objects.push(names::index(collection, &index.label));
            objects.extend(further_columns(index).map(|column| names::bytes(collection, column)));
        }
    }
    objects
}
