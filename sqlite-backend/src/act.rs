//! Operations in a transaction: what is there is checked, then the row is written.
//!
//! Owns [`Act`] and what goes in and out of it. It neither begins nor ends the transaction: that is
//! `combine.rs`, and what is done before and after is `apply.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use larder_core::backend::{Admitted, check_expectation, check_same_id, encode, unique_violation};
use larder_core::{Data, Error, Expect, Result};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::adopt::holder;
use crate::error::{SqliteError, is_unique};
use crate::keys::{Halt, RecordKeys, column_cells};
use crate::rows::Rows;
use crate::select::{Trouble, record};
use crate::shape::{Differing, Shape};

/// An operation with everything worked out that needs no lock.
pub(crate) enum Ready<T> {
    Put {
        admitted: Admitted<T>,
        text: String,
        expect: Expected<T>,
    },
    Delete {
        id: Arc<str>,
        expect: Expected<T>,
    },
    Clear,
}

/// What an operation expects, and the JSON of the record that it expects.
pub(crate) struct Expected<T> {
    pub(crate) expect: Expect<T>,
    pub(crate) text: Option<String>,
}

impl<T: Data> Expected<T> {
    pub(crate) fn new(expect: Expect<T>) -> Result<Self> {
        let text = match &expect {
            Expect::Equal(read) => Some(encode(&**read)?),
            _ => None,
        };
        Ok(Self { expect, text })
    }
}

/// What was there before, as far as it was needed to be read while others wait.
pub(crate) enum Before<T> {
    Nothing,
    Record(Arc<T>),
    /// Its JSON, to be read when nobody waits.
    Text(String),
}

impl<T: Data> Before<T> {
    /// The record, for somebody who cannot wait; `None` if there was none, or none that the type
    /// can read.
    pub(crate) fn read(&mut self) -> Option<Arc<T>> {
        if let Self::Text(text) = self
            && let Ok(record) = serde_json::from_str(text)
        {
            *self = Self::Record(Arc::new(record));
        }
        match self {
            Self::Record(record) => Some(Arc::clone(record)),
            Self::Nothing | Self::Text(_) => None,
        }
    }
}

/// What an operation did to one record.
pub(crate) struct Change<T> {
    pub(crate) id: Arc<str>,
    pub(crate) before: Before<T>,
    pub(crate) after: Option<Arc<T>>,
}

/// What a transaction did.
pub(crate) struct Done<T> {
    pub(crate) changes: Vec<Change<T>>,
    /// Whether anything was changed.
    pub(crate) changed: bool,
}

/// What is there under an id.
struct Present {
    text: String,
    /// Which keys in its columns are not those that are to be written.
    differing: Differing,
}

/// The operations, as they are done in a transaction.
pub(crate) struct Act<'a, T> {
    pub(crate) rows: &'a Rows<T>,
    pub(crate) shape: &'a Shape,
    pub(crate) done: Done<T>,
    /// What these operations have left under each id so far, where a record is more than its JSON.
    pub(crate) ahead: HashMap<Arc<str>, Option<(String, Arc<T>)>>,
}

impl<T: Data> Act<'_, T> {
    pub(crate) fn all(
        &mut self,
        connection: &Connection,
        ops: &[Ready<T>],
        impossible: Option<Error>,
    ) -> Result<(), Halt> {
        self.rows.catch_up(connection, self.shape)?;
        for op in ops {
            match op {
                Ready::Put {
                    admitted,
                    text,
                    expect,
                } => self.put(connection, admitted, text, expect)?,
                Ready::Delete { id, expect } => self.delete(connection, id, expect)?,
                Ready::Clear => self.clear(connection)?,
            }
        }
        impossible.map_or(Ok(()), |error| Err(error.into()))
    }

    fn put(
        &mut self,
        connection: &Connection,
        admitted: &Admitted<T>,
        text: &str,
        expect: &Expected<T>,
    ) -> Result<(), Halt> {
        let Admitted {
            id, record, keys, ..
        } = admitted;
        if let Expect::Equal(read) = &expect.expect {
            check_same_id(&self.rows.admission.id_of(read)?, id)?;
        }
        let cells = match RecordKeys::new(&self.shape.layout, keys) {
            Ok(cells) => cells,
            Err(narrow) => {
                // No column is made wider for a record that is refused.
                let present = self.present(connection, id, None)?;
                self.expected(id, expect, present)?;
                return Err(narrow);
            }
        };
        let present = self.present(connection, id, Some(&cells))?;
        let differing = present.as_ref().map(|present| present.differing);
        let admission = &self.rows.admission;
        let carried = match &present {
            Some(present) => admission.carry_over(&present.text, admitted, text),
            None => Ok(None),
        };
        let before = self.expected(id, expect, present)?;
        let carried = carried?;
        let text = carried.as_deref().unwrap_or(text);
        let written = match differing {
            None => self.shape.insert(connection, id, text, &cells),
            Some(which) => self.shape.update(connection, id, text, &cells, which),
        };
        if let Err(error) = written {
            if is_unique(&error)
                && let Some(refused) = self.taken(connection, admitted)?
            {
                return Err(refused.into());
            }
            return Err(SqliteError::sql("write a record")(error).into());
        }
        self.prepare(id, Some((text, record)));
        self.done.changed = true;
        self.done.changes.push(Change {
            id: Arc::clone(id),
            before,
            after: Some(Arc::clone(record)),
        });
        Ok(())
    }

    /// Checks what is there, and gives it. It is read only if somebody has to know what it is.
    fn expected(
        &self,
        id: &str,
        expect: &Expected<T>,
        present: Option<Present>,
    ) -> Result<Before<T>, Halt> {
        let Some(Present { text, .. }) = present else {
            check_expectation(&expect.expect, id, None)?;
            return Ok(Before::Nothing);
        };
        if let Some(saved) = self.saved(id, &text) {
            check_expectation(&expect.expect, id, Some(&saved))?;
            return Ok(Before::Record(saved));
        }
        match &expect.expect {
            Expect::Any => Ok(Before::Text(text)),
            // What was read may have other run-time fields than what is there.
            Expect::Equal(read)
                if expect.text.as_ref() == Some(&text) && !self.rows.live.is_wanted() =>
            {
                Ok(Before::Record(Arc::clone(read)))
            }
            expect => {
                let there = self.readable(id, &text)?;
                check_expectation(expect, id, Some(&there))?;
                Ok(Before::Record(there))
            }
        }
    }

    fn delete(
        &mut self,
        connection: &Connection,
        id: &Arc<str>,
        expect: &Expected<T>,
    ) -> Result<(), Halt> {
        let present = self.present(connection, id, None)?;
        let before = self.expected(id, expect, present)?;
        if !matches!(before, Before::Nothing) {
            connection
                .prepare_cached(&self.shape.delete)
                .and_then(|mut delete| delete.execute([id]))
                .map_err(SqliteError::sql("delete a record"))?;
            self.done.changed = true;
            self.prepare(id, None);
        }
        self.done.changes.push(Change {
            id: Arc::clone(id),
            before,
            after: None,
        });
        Ok(())
    }

    fn clear(&mut self, connection: &Connection) -> Result<(), Halt> {
        let fail = || SqliteError::sql("clear the collection");
        let mut gone: Vec<Change<T>> = Vec::new();
        {
            let sql = format!("SELECT id, doc FROM {} ORDER BY id", self.shape.table);
            let mut select = connection.prepare_cached(&sql).map_err(fail())?;
            let mut rows = select.query([]).map_err(fail())?;
            while let Some(row) = rows.next().map_err(fail())? {
                let id: Arc<str> = row.get(0).map_err(fail())?;
                let doc: String = row.get(1).map_err(fail())?;
                let before = match self.saved(&id, &doc) {
                    Some(saved) => Before::Record(saved),
                    None => Before::Text(doc),
                };
                gone.push(Change {
                    id,
                    before,
                    after: None,
                });
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        // What belongs to the rows goes by the trigger.
        connection
            .execute(&format!("DELETE FROM {}", self.shape.table), [])
            .map_err(fail())?;
        for change in &gone {
            self.prepare(&change.id, None);
        }
        self.done.changes.extend(gone);
        self.done.changed = true;
        Ok(())
    }

    /// From the commit on this is there.
    fn prepare(&mut self, id: &Arc<str>, next: Option<(&str, &Arc<T>)>) {
        if self.rows.live.is_wanted() {
            let next = next.map(|(text, record)| (text.to_owned(), Arc::clone(record)));
            self.ahead.insert(Arc::clone(id), next);
        }
    }

    /// The record that was saved as this row, by these operations or before.
    fn saved(&self, id: &str, text: &str) -> Option<Arc<T>> {
        match self.ahead.get(id) {
            Some(Some((of, record))) if of == text => Some(Arc::clone(record)),
            Some(_) => None,
            None => self.rows.live.within().get(id, text),
        }
    }

    /// What is there under an id, compared with the keys that are to be written.
    fn present(
        &self,
        connection: &Connection,
        id: &str,
        keys: Option<&RecordKeys>,
    ) -> Result<Option<Present>, Halt> {
        let fail = || SqliteError::sql("read a record");
        let mut select = connection
            .prepare_cached(&self.shape.present)
            .map_err(fail())?;
        let mut found = select.query([id]).map_err(fail())?;
        let Some(row) = found.next().map_err(fail())? else {
            return Ok(None);
        };
        let mut differing = Differing::None;
        let cells = keys
            .into_iter()
            .flat_map(|keys| keys.placed(&self.shape.layout));
        for (column, (index, cell)) in cells.enumerate() {
            if !cell.is(row.get_ref(column + 1).map_err(fail())?) {
                differing.and(index);
            }
        }
        let text = match row.get_ref(0).map_err(fail())? {
            ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        Ok(Some(Present { text, differing }))
    }

    /// The record of a row. One that the type cannot read is not written over: its bytes would be
    /// lost.
    fn readable(&self, id: &str, doc: &str) -> Result<Arc<T>, Halt> {
        if let Some(saved) = self.saved(id, doc) {
            return Ok(saved);
        }
        record(self.rows.live.within(), id, doc).map_err(|trouble| match trouble {
            Trouble::Error(error) => error.into(),
            Trouble::Unverified | Trouble::Reshaped | Trouble::Unreadable(_) => {
                Halt::Unreadable(id.to_owned())
            }
        })
    }

    /// Who has a unique key that this record would take.
    fn taken(
        &self,
        connection: &Connection,
        admitted: &Admitted<T>,
    ) -> Result<Option<Error>, Halt> {
        for (position, index) in self.shape.layout.indexes.iter().enumerate() {
            let key = admitted.keys.get(position).and_then(|keys| keys.first());
            let Some(key) = key.filter(|key| index.unique && key.is_enforced()) else {
                continue;
            };
            let Some(cells) = column_cells(index, key) else {
                continue;
            };
            let found = holder(connection, self.shape, position, &cells, &admitted.id)?;
            if let Some((holder, doc)) = found {
                let record = self.readable(&holder, &doc)?;
                let refused = unique_violation(&admitted.id, &index.name, &holder, record);
                return Ok(Some(refused));
            }
        }
        Ok(None)
    }
}
