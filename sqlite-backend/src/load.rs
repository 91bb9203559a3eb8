//! Opening a collection: its table, its indexes, and the rows that have to be looked at.
//!
//! Owns what of the database is changed when a collection is opened, and in which order. All of it is
//! one transaction; where nothing has changed there is none, so that a large table opens as fast as
//! a small one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use larder_core::backend::Admission;
use larder_core::{Data, Error, LoadReport, Migrated, OnInvalid};
use rusqlite::Connection;

use crate::adopt::{Scope, adopt};
use crate::connection::is_store;
use crate::ddl;
use crate::definition::{self, Kept};
use crate::error::SqliteError;
use crate::keys::Halt;
use crate::layout::{Arranged, Layout};
use crate::names::Quoted;
use crate::shape::{Shape, schema_version};

/// A collection that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) shape: Shape,
    pub(crate) report: LoadReport,
}

/// What a collection should be, for the program that opens it.
pub(crate) struct Wanted<'a, T> {
    pub(crate) admission: &'a Admission<T>,
    pub(crate) path: &'a Path,
    pub(crate) on_invalid: OnInvalid,
}

impl<T: Data> Wanted<'_, T> {
    fn name(&self) -> &str {
        self.admission.collection().name()
    }

    /// By what rows are verified: the schema, and where the id stands.
    pub(crate) fn fingerprint(&self) -> String {
        let schema = self.admission.validator().fingerprint();
        format!("{schema}:{}", self.admission.collection().id_path())
    }

    fn definition(&self) -> Result<String, SqliteError> {
        serde_json::to_string(&self.admission.definition()).map_err(|error| {
            SqliteError::Bookkeeping {
                reason: error.to_string(),
            }
        })
    }

    fn arrange(&self, kept: Option<&Kept>, wide: &BTreeSet<String>) -> Arranged {
        let kept = kept.map(|kept| kept.layout.clone()).unwrap_or_default();
        let definition = self.admission.definition();
        Layout::arrange(self.admission.indexes(), &definition.schema, kept, wide)
    }

    /// Refuses a collection that this program must not touch.
    fn check(&self, kept: &Kept) -> Result<(), SqliteError> {
        let known = self.admission.collection().version();
        if kept.name != self.name() {
            return Err(SqliteError::OtherCase {
                other: kept.name.clone(),
            });
        }
        if kept.version > known {
            return Err(SqliteError::NewerVersion {
                found: kept.version,
                known,
            });
        }
        Ok(())
    }

    /// The version of the collection, if it is newer than the program's.
    pub(crate) fn newer(&self, connection: &Connection) -> Result<Option<u32>, SqliteError> {
        Ok(self
            .version(connection)?
            .filter(|version| *version > self.admission.collection().version()))
    }

    /// The version of the collection, if its records have to be migrated and there are some.
    pub(crate) fn migrates(&self, connection: &Connection) -> Result<Option<u32>, SqliteError> {
        let from = self.version(connection)?;
        let from = from.filter(|version| self.admission.migrates(*version));
        if from.is_none() || !has_table(connection, self.name())? {
            return Ok(None);
        }
        let sql = format!("SELECT 1 FROM {} LIMIT 1", Quoted(self.name()));
        let any = connection
            .prepare(&sql)
            .and_then(|mut select| select.exists([]));
        let any = any.map_err(SqliteError::sql("look for rows to migrate"))?;
        Ok(from.filter(|_| any))
    }

    fn version(&self, connection: &Connection) -> Result<Option<u32>, SqliteError> {
        if !is_store(connection)? {
            return Ok(None);
        }
        Ok(definition::read(connection, self.name())?.map(|kept| kept.version))
    }

    /// The collection as another program has left it, if that differs in the width of columns at
    /// most. Not if its records are of another version now, be they valid for this program or not.
    pub(crate) fn look_again(&self, connection: &Connection) -> Result<Shape, Error> {
        let kept = definition::read(connection, self.name())?;
        let version = self.admission.collection().version();
        if let Some(kept) =
            kept.filter(|kept| kept.version == version && kept.fingerprint == self.fingerprint())
        {
            let arranged = self.arrange(Some(&kept), &BTreeSet::new());
            if arranged.added.is_empty() && arranged.dropped.is_empty() {
                let schema = schema_version(connection)?;
                return Ok(Shape::new(self.name(), arranged.layout, schema));
            }
        }
        Err(SqliteError::LayoutChanged.into())
    }

    /// The collection as it is, if nothing has to be done to open it.
    pub(crate) fn look(&self, connection: &Connection) -> Result<Option<Shape>, Error> {
        // An empty file has no tables at all.
        if !is_store(connection)? {
            return Ok(None);
        }
        let Some(kept) = definition::read(connection, self.name())? else {
            return Ok(None);
        };
        self.check(&kept)?;
        if !has_table(connection, self.name())? {
            return Ok(None);
        }
        let arranged = self.arrange(Some(&kept), &BTreeSet::new());
        let same = arranged.added.is_empty()
            && arranged.dropped.is_empty()
            && kept.layout == arranged.layout.indexes
            && kept.version == self.admission.collection().version()
            && kept.fingerprint == self.fingerprint()
            && kept.definition == self.definition()?
            && is_watched(connection, self.name(), &arranged.layout)?;
        if !same {
            return Ok(None);
        }
        let shape = Shape::new(self.name(), arranged.layout, schema_version(connection)?);
        Ok((!shape.has_unverified(connection)?).then_some(shape))
    }

    /// Which rows of a collection that was there have to be looked at.
    fn scope(&self, kept: &Kept, watched: bool, added: &[usize]) -> Scope {
        let same_schema = kept.fingerprint == self.fingerprint()
            && kept.version == self.admission.collection().version();
        if !watched || same_schema && added.is_empty() {
            // If it was not watched, all rows are unverified.
            Scope::Unverified
        } else if same_schema {
            Scope::All(Some(added.to_vec()))
        } else {
            // A default that the schema has changed is a key, too.
            Scope::All(None)
        }
    }

    /// Lets in rows of this version of the data.
    fn adopt(
        &self,
        connection: &Connection,
        shape: &Shape,
        scope: &Scope,
        from: u32,
        backup: Option<PathBuf>,
    ) -> Result<LoadReport, Halt> {
        let (path, admission) = (self.path, self.admission);
        let (report, migrated) = adopt(connection, path, admission, shape, scope, from)?;
        let to = admission.collection().version();
        let migrated = admission
            .migrates(from)
            .then(|| Migrated::new(self.name(), (from, to), migrated, backup));
        Ok(report.with_migrated(migrated))
    }

    /// Makes the collection what it should be. The columns of `wide` indexes hold anything; `backup` is
    /// where the records are as they were, if they are migrated.
    pub(crate) fn establish(
        &self,
        connection: &Connection,
        wide: &BTreeSet<String>,
        backup: Option<PathBuf>,
    ) -> Result<Opened, Halt> {
        let name = self.name();
        let kept = definition::read(connection, name)?;
        if let Some(kept) = &kept {
            self.check(kept)?;
            self.admission.check_migrations(kept.version)?;
        }
        let known = self.admission.collection().version();
        let from = kept.as_ref().map_or(known, |kept| kept.version);
        let arranged = self.arrange(kept.as_ref(), wide);
        let layout = &arranged.layout;
        match (&kept, has_table(connection, name)?) {
            (Some(_), true) | (None, false) => {}
            (Some(_), false) => return Err(SqliteError::TableGone.into()),
            (None, true) => return Err(SqliteError::ForeignTable.into()),
        }
        let watched = match &kept {
            Some(kept) => is_watched(
                connection,
                name,
                &Layout {
                    indexes: kept.layout.clone(),
                },
            )?,
            None => false,
        };
        let run = |statements: Vec<String>| -> Result<(), SqliteError> {
            statements
                .iter()
                .try_for_each(|sql| connection.execute_batch(sql))
                .map_err(SqliteError::sql("change the tables of the collection"))
        };
        if kept.is_none() {
            run(vec![ddl::table(name)])?;
        }
        for index in kept
            .iter()
            .flat_map(|kept| &kept.layout)
            .filter(|index| index.multi)
        {
            run(ddl::columns(name, index))?;
        }
        let rebuilds = !arranged.dropped.is_empty() || !arranged.added.is_empty();
        if rebuilds {
            // They name tables that may go.
            let kept = kept.as_ref().map(|kept| kept.layout.clone());
            run(ddl::unwatch(
                name,
                &Layout {
                    indexes: kept.unwrap_or_default(),
                },
            ))?;
        }
        for index in &arranged.dropped {
            run(ddl::remove(name, index))?;
        }
        for position in &arranged.added {
            let Some(index) = layout.indexes.get(*position) else {
                continue;
            };
            run(ddl::columns(name, index))?;
            // A unique key must be found as soon as the first row has it; the others are built at
            // the end, in one go.
            if index.unique {
                run(ddl::indexes(name, index))?;
            }
        }
        let shape = Shape::new(name, layout.clone(), 0);
        if kept.is_some() && !watched {
            // Somebody removed what finds rows of somebody else's: nothing is known of any row.
            run(vec![format!("UPDATE {} SET larder = 0", shape.table)])?;
        }
        let scope = kept
            .as_ref()
            .map(|kept| self.scope(kept, watched, &arranged.added));
        let report = match &scope {
            None => LoadReport::default(),
            Some(scope) => self.adopt(connection, &shape, scope, from, backup)?,
        };
        report.check(self.on_invalid, self.path)?;
        shape.sweep(connection)?;
        if rebuilds || !watched {
            run(layout
                .indexes
                .iter()
                .flat_map(|index| ddl::indexes(name, index))
                .collect())?;
            run(ddl::watch(name, layout))?;
        }
        definition::write(
            connection,
            &Kept {
                name: name.to_owned(),
                version: self.admission.collection().version(),
                fingerprint: self.fingerprint(),
                definition: self.definition()?,
                layout: layout.indexes.clone(),
            },
        )?;
        // Now that everything is as it stays.
        let shape = Shape::new(name, arranged.layout, schema_version(connection)?);
        Ok(Opened { shape, report })
    }
}

fn has_table(connection: &Connection, name: &str) -> Result<bool, SqliteError> {
    connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE",
            [name],
            |row| row.get::<_, i64>(0),
        )
        .map(|found| found > 0)
        .map_err(SqliteError::sql("look for the table of the collection"))
}

/// Whether everything is there that finds rows of somebody else's, and every index.
fn is_watched(connection: &Connection, name: &str, layout: &Layout) -> Result<bool, SqliteError> {
    let mut select = connection
        .prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = ?1")
        .map_err(SqliteError::sql("look for the indexes of the collection"))?;
    for object in ddl::watchers(name, layout) {
        if !select
            .exists([object])
            .map_err(SqliteError::sql("look for the indexes of the collection"))?
        {
            return Ok(false);
        }
    }
    Ok(true)
}
