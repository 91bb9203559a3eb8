//! The keys of a record as cells of its row.
//!
//! Owns [`RecordKeys`], and [`Halt`]: what stops a change of the table short of an error.

use std::sync::Arc;

use larder_core::backend::KeySet;
use larder_core::{Error, Key};

use crate::cell::{Cell, Kind};
use crate::error::SqliteError;
use crate::layout::{IndexLayout, Layout};

/// Why a change was not made.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It failed, or was refused.
    Error(Error),
    /// A key of this index does not fit its column: widen it, and do it again.
    Narrow(String),
    /// The row with this id was verified, and the type cannot read it: verify it anew, and do it
    /// again.
    Unreadable(String),
    /// There are rows that somebody else wrote: verify them, and do it again.
    Unverified,
    /// Another program has made columns of the table wider: look at it anew, and do it again.
    Reshaped,
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<SqliteError> for Halt {
    fn from(error: SqliteError) -> Self {
        Self::Error(error.into())
    }
}

/// The keys of one record: per index its columns' cells, or the keys of its list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordKeys(Vec<Vec<Cell>>);

impl RecordKeys {
    /// The cells for these keys; both are in the order of the collection's indexes.
    pub(crate) fn new(layout: &Layout, keys: &[KeySet]) -> Result<Self, Halt> {
        let cells = layout.indexes.iter().zip(keys).map(|(index, keys)| {
            let cells: Option<Vec<Cell>> = if index.multi {
                keys.iter().map(|key| list_cell(index, key)).collect()
            } else {
                column_cells(index, keys.first().unwrap_or(&Key::None))
            };
            cells.ok_or_else(|| Halt::Narrow(index.name.clone()))
        });
        Ok(Self(cells.collect::<Result<_, _>>()?))
    }

    /// The cells of one index.
    pub(crate) fn of(&self, position: usize) -> &[Cell] {
        self.0.get(position).map_or(&[], Vec::as_slice)
    }

    /// The cells of the collection's table, in the order of [`Layout::columns`].
    pub(crate) fn columns<'k>(&'k self, layout: &'k Layout) -> impl Iterator<Item = &'k Cell> {
        self.placed(layout).map(|(_, cell)| cell)
    }

    /// The same, each with the position of its index in the collection.
    pub(crate) fn placed<'k>(
        &'k self,
        layout: &'k Layout,
    ) -> impl Iterator<Item = (usize, &'k Cell)> {
        let indexes = layout.indexes.iter().zip(&self.0).enumerate();
        indexes
            .filter(|(_, (index, _))| !index.multi)
            .flat_map(|(position, (_, cells))| cells.iter().map(move |cell| (position, cell)))
    }
}

/// The cell of one key in the table of a list; `None` if no key there is like this.
pub(crate) fn list_cell(index: &IndexLayout, key: &Key) -> Option<Cell> {
    if key.is_none() {
        return Some(Cell::none_of_list());
    }
    index
        .columns
        .first()
        .map_or(Kind::Any, |column| column.kind)
        .cell(key)
}

/// The cells of a key in the columns of its index; `None` if no key there is like this. Under a
/// unique index a part that is not enforced is null: SQLite enforces all else. That holds where
/// anything may be in the column; in one of a single kind null is none and nothing else, so a
/// compound key with a none in it does not fit there.
pub(crate) fn column_cells(index: &IndexLayout, key: &Key) -> Option<Vec<Cell>> {
    let parts = parts(key, index.columns.len());
    let columns = index.columns.iter().zip(parts.iter());
    columns
        .map(|(column, part)| {
            if index.unique && column.kind == Kind::Any && !part.is_enforced() {
                Some(Cell::Null)
            } else {
                column.kind.cell(part)
            }
        })
        .collect()
}

/// Whether the cells of a key are no other key's.
pub(crate) fn is_told_apart(index: &IndexLayout, key: &Key) -> bool {
    let is_null = |part: &Key| part.is_none() || !part.is_enforced();
    match key {
        Key::Compound(parts) if index.columns.len() > 1 => {
            parts.len() == index.columns.len() && !(index.unique && parts.iter().any(is_nested))
        }
        _ if index.columns.len() > 1 => false,
        // Where anything may be in the column, null may be a compound key with a none in it.
        key => !(index.unique && is_null(key) && may_hold_compounds(index)),
    }
}

fn is_nested(part: &Key) -> bool {
    matches!(part, Key::Compound(_)) && !part.is_enforced()
}

fn may_hold_compounds(index: &IndexLayout) -> bool {
    index.columns.iter().any(|column| column.kind == Kind::Any)
}

/// The components of a key, one a column. A key that is not compound, which only a hand-written
/// index can give, is its own first.
fn parts(key: &Key, columns: usize) -> Arc<[Key]> {
    match key {
        Key::Compound(parts) if columns > 1 && parts.len() == columns => Arc::clone(parts),
        other => {
            let mut parts = vec![other.clone()];
            parts.resize(columns, Key::None);
            parts.into()
        }
    }
}
