//! The statements of a collection.
//!
//! Owns [`Shape`]: a layout, and the SQL text for it, written once. Texts are keys of each
//! connection's cache of prepared statements, so they must not differ from call to call.
//!
//! The keys of lists are written before the row: a change in their tables marks the row as
//! unverified, whoever makes it, and the row itself is marked as verified by who writes it last.

use std::fmt::Write as _;

use crate::cell::Cell;
use crate::ddl::MARK;
use crate::error::SqliteError;
use crate::keys::RecordKeys;
use crate::layout::{Column, IndexLayout, Layout};
use crate::names::{Quoted, list_table};
use rusqlite::{Connection, params_from_iter};

/// A collection's layout and its statements.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) collection: String,
    /// What SQLite's `schema_version` was when the layout was read.
    pub(crate) schema: i64,
    /// The table's name in SQL.
    pub(crate) table: String,
    pub(crate) layout: Layout,
    /// `doc, larder` of an id, and whether there is any row that nobody verified: it may have a better
    /// right to a unique key.
    pub(crate) get: String,
    /// `doc` and the columns of an id.
    pub(crate) present: String,
    /// Whether there is a row that nobody verified.
    pub(crate) unverified: String,
    insert: String,
    /// The document alone.
    update_doc: String,
    /// The document and the keys of one index, for each; none for those over lists.
    update_one: Vec<Option<String>>,
    /// The document and all columns.
    update_all: String,
    pub(crate) delete: String,
    lists: Vec<ListStatements>,
}

/// Which indexes have other keys in their columns than they are to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Differing {
    None,
    /// The one at this position in the collection.
    One(usize),
    Several,
}

impl Differing {
    /// And this one.
    pub(crate) fn and(&mut self, position: usize) {
        *self = match *self {
            Self::None => Self::One(position),
            Self::One(other) if other == position => *self,
            Self::One(_) | Self::Several => Self::Several,
        };
    }
}

/// The statements of one index over a list.
#[derive(Debug)]
struct ListStatements {
    /// The index's position in the collection.
    position: usize,
    keys: String,
    delete: String,
    insert: String,
    sweep: String,
}

impl Shape {
    pub(crate) fn new(collection: &str, layout: Layout, schema: i64) -> Self {
        let table = Quoted(collection).to_string();
        let names: Vec<String> = layout
            .columns()
            .map(|column| Quoted(&column.name).to_string())
            .collect();
        let mut columns = String::new();
        let mut places = String::new();
        for (position, name) in names.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(columns, ", {name}");
            let _ = write!(places, ", ?{}", position + 3);
        }
        let update = |columns: &mut dyn Iterator<Item = &Column>| {
            let mut sets = String::new();
            for (position, column) in columns.enumerate() {
                let _ = write!(sets, ", {} = ?{}", Quoted(&column.name), position + 3);
            }
            format!("UPDATE {table} SET doc = ?2, {MARK}{sets} WHERE id = ?1")
        };
        let update_one = layout.indexes.iter().map(|index| {
            let columns = (!index.multi).then_some(&index.columns);
            columns.map(|columns| update(&mut columns.iter()))
        });
        let update_one = update_one.collect();
        let update_all = update(&mut layout.columns());
        let indexes = layout.indexes.iter().enumerate();
        let lists = indexes
            .filter(|(_, index)| index.multi)
            .map(|(position, index)| ListStatements::new(collection, position, index))
            .collect();
        Self {
            collection: collection.to_owned(),
            schema,
            get: format!(
                "SELECT doc, larder, EXISTS(SELECT 1 FROM {table} WHERE larder = 0) FROM {table} \
                 WHERE id = ?1"
            ),
            present: format!("SELECT doc{columns} FROM {table} WHERE id = ?1"),
            unverified: format!("SELECT 1 FROM {table} WHERE larder = 0 LIMIT 1"),
            insert: format!(
                "INSERT INTO {table}(id, doc, larder{columns}) VALUES(?1, ?2, 3{places})"
            ),
            update_doc: update(&mut std::iter::empty()),
            update_one,
            update_all,
            delete: format!("DELETE FROM {table} WHERE id = ?1"),
            table,
            layout,
            lists,
        }
    }

    /// Removes the keys of rows that are gone, for which no trigger was fired.
    pub(crate) fn sweep(&self, connection: &Connection) -> Result<(), SqliteError> {
        for list in &self.lists {
            connection
                .execute(&list.sweep, [])
                .map_err(SqliteError::sql("remove the keys of rows that are gone"))?;
        }
        Ok(())
    }

    /// Whether there is a row that nobody verified.
    pub(crate) fn has_unverified(&self, connection: &Connection) -> Result<bool, SqliteError> {
        connection
            .prepare_cached(&self.unverified)
            .and_then(|mut select| select.exists([]))
            .map_err(SqliteError::sql("look for rows that others changed"))
    }

    /// Puts a row where none is.
    pub(crate) fn insert(
        &self,
        connection: &Connection,
        id: &str,
        doc: &str,
        keys: &RecordKeys,
    ) -> rusqlite::Result<()> {
        for list in &self.lists {
            // A row that somebody else replaced by its unique key has left its keys behind: SQLite
            // fires no trigger for that.
            list.delete(connection, id)?;
            list.insert(connection, id, keys.of(list.position))?;
        }
        let cells = keys.columns(&self.layout);
        run(connection, &self.insert, id, doc, cells)
    }

    /// Changes a row that is there: the document, and of its keys those that differ. SQLite writes every
    /// index anew of which a column is set, be it to what it holds.
    pub(crate) fn update(
        &self,
        connection: &Connection,
        id: &str,
        doc: &str,
        keys: &RecordKeys,
        differing: Differing,
    ) -> rusqlite::Result<()> {
        for list in &self.lists {
            let keys = keys.of(list.position);
            if !list.holds(connection, id, keys)? {
                list.delete(connection, id)?;
                list.insert(connection, id, keys)?;
            }
        }
        let one = match differing {
            Differing::None => return run(connection, &self.update_doc, id, doc, &[]),
            Differing::One(position) => self.update_one.get(position).map(|sql| (sql, position)),
            Differing::Several => None,
        };
        match one {
            Some((Some(sql), position)) => run(connection, sql, id, doc, keys.of(position)),
            _ => run(
                connection,
                &self.update_all,
                id,
                doc,
                keys.columns(&self.layout),
            ),
        }
    }

    /// Writes the keys under some indexes, or under all, to a row that is there, and marks it as
    /// verified. One that was, and has these keys already, is left as it is.
    pub(crate) fn write_keys(
        &self,
        connection: &Connection,
        id: &str,
        keys: &RecordKeys,
        only: Option<&[usize]>,
    ) -> rusqlite::Result<()> {
        let is_meant = |position: usize| only.is_none_or(|only| only.contains(&position));
        let mut sets = String::new();
        let mut differs = "larder = 0".to_owned();
        let id_cell = Cell::text(id);
        let mut cells = vec![&id_cell];
        for (position, index) in self.layout.indexes.iter().enumerate() {
            if index.multi || !is_meant(position) {
                continue;
            }
            for (column, cell) in index.columns.iter().zip(keys.of(position)) {
                cells.push(cell);
                let (name, place) = (Quoted(&column.name), cells.len());
                // Writing to a string cannot fail.
                let _ = write!(sets, ", {name} = ?{place}");
                let _ = write!(differs, " OR {name} IS NOT ?{place}");
            }
        }
        for list in self.lists.iter().filter(|list| is_meant(list.position)) {
            let keys = keys.of(list.position);
            if !list.holds(connection, id, keys)? {
                list.delete(connection, id)?;
                list.insert(connection, id, keys)?;
            }
        }
        let sql = format!(
            "UPDATE {} SET {MARK}{sets} WHERE id = ?1 AND ({differs})",
            self.table
        );
        connection
            .prepare_cached(&sql)?
            .execute(params_from_iter(cells))
            .map(|_| ())
    }
}

/// Runs a statement that writes a row: its id, its document, and its keys.
fn run<'c>(
    connection: &Connection,
    sql: &str,
    id: &str,
    doc: &str,
    cells: impl IntoIterator<Item = &'c Cell>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.raw_bind_parameter(1, id)?;
    statement.raw_bind_parameter(2, doc)?;
    for (position, cell) in cells.into_iter().enumerate() {
        statement.raw_bind_parameter(position + 3, cell)?;
    }
    statement.raw_execute().map(|_| ())
}

/// A number that changes with every change of a table in the database, by whomever.
pub(crate) fn schema_version(connection: &Connection) -> Result<i64, SqliteError> {
    connection
        .prepare_cached("PRAGMA schema_version")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map_err(SqliteError::sql("ask whether tables were changed"))
}

impl ListStatements {
    fn new(collection: &str, position: usize, index: &IndexLayout) -> Self {
        let table = list_table(collection, &index.label);
        let table = Quoted(&table);
        Self {
            position,
            keys: format!("SELECT key FROM {table} WHERE id = ?1"),
            delete: format!("DELETE FROM {table} WHERE id = ?1"),
            sweep: format!(
                "DELETE FROM {table} WHERE id NOT IN (SELECT id FROM {})",
                Quoted(collection)
            ),
            insert: format!("INSERT OR IGNORE INTO {table}(id, key) VALUES(?1, ?2)"),
        }
    }

    fn insert(&self, connection: &Connection, id: &str, keys: &[Cell]) -> rusqlite::Result<()> {
        let mut insert = connection.prepare_cached(&self.insert)?;
        for key in keys {
            insert.execute(rusqlite::params![id, key])?;
        }
        Ok(())
    }

    fn delete(&self, connection: &Connection, id: &str) -> rusqlite::Result<()> {
        connection
            .prepare_cached(&self.delete)?
            .execute([id])
            .map(|_| ())
    }

    /// Whether exactly these keys are there.
    fn holds(&self, connection: &Connection, id: &str, keys: &[Cell]) -> rusqlite::Result<bool> {
        let mut select = connection.prepare_cached(&self.keys)?;
        let mut rows = select.query([id])?;
        let mut found = 0;
        while let Some(row) = rows.next()? {
            let value = row.get_ref(0)?;
            if !keys.iter().any(|key| key.is(value)) {
                return Ok(false);
            }
            found += 1;
        }
        Ok(found == keys.len())
    }
}
