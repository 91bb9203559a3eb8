//! Opening a collection of a store that is open.
//!
//! Owns what is done with what a load found: the table in memory, the files that a flush writes, and
//! that rejected bytes are safe before anything else happens. Reading the file is `load.rs`.

use std::sync::Arc;

use larder_core::backend::{Admission, Table};
use larder_core::{Collection, Data, Durability, LoadReport, Result};

use crate::age::Age;
use crate::definition;
use crate::error::JsonError;
use crate::files::Files;
use crate::image::Image;
use crate::load::load;
use crate::names::Names;
use crate::recover;
use crate::store::{Access, Shared};

impl Shared {
    /// Reads a collection's file, and has written what was found about it.
    pub(crate) fn open_collection<T: Data>(
        &self,
        collection: Collection<T>,
    ) -> Result<(Arc<Table<T>>, Arc<LoadReport>)> {
        let name = collection.name().to_owned();
        let version = collection.version();
        let admission = Admission::new(collection)?.with_policy(self.options.policy());
        let admission = Arc::new(admission);
        let names = Names::new(&self.dir, &name);
        let there = definition::collections(&*self.disk, &self.dir).map_err(JsonError::from)?;
        if let Some(other) = there
            .iter()
            .find(|other| **other != name && other.eq_ignore_ascii_case(&name))
        {
            let other = other.clone();
            return Err(JsonError::OtherCase {
                path: names.records(),
                other,
            }
            .into());
        }

        let writes = matches!(self.access, Access::Write { .. });
        if writes && self.options.durability == Durability::PowerLoss {
            recover::settle(&*self.disk, &self.dir, &names.records()).map_err(JsonError::from)?;
        }
        let said = definition::version(&*self.disk, &names)?;
        let found = load(&*self.disk, &names, &admission, &self.options, said)?;
        let mut table = found
            .loaded
            .into_table(Arc::clone(&self.journal), found.report);
        if let Age::Newer(version) = found.age {
            table = table.of_newer(version);
        }
        let table = Arc::new(table);
        let report = Arc::clone(table.report());
        match &self.access {
            Access::Read(access) => access.rejected.lock().extend(found.quarantine),
            Access::Write { medium, .. } if matches!(found.age, Age::Newer(_)) => {
                self.newer.lock().extend(found.quarantine);
                // Its records are never rewritten, so nothing is ever dirty. But what is offered and
                // refused has a quarantine to go to.
                medium.add(Files {
                    names,
                    collection: name,
                    version,
                    image: Image::empty(),
                    identity: found.identity,
                    dirty: false,
                    definition: None,
                    definition_with_records: false,
                    odd_definition: None,
                    warned_at: 0,
                    quarantine: Vec::new(),
                    original: None,
                    backup: None,
                });
            }
            Access::Write { medium, .. } => {
                let definition = admission.definition();
                let known = definition::look(&*self.disk, &names, version)?;
                let pending =
                    !found.quarantine.is_empty() || found.original.is_some() || found.changed;
                medium.add(Files {
                    names,
                    collection: name,
                    version,
                    image: found.image,
                    identity: found.identity,
                    dirty: found.changed,
                    definition: (known.definition.as_ref() != Some(&definition))
                        .then_some(definition),
                    definition_with_records: matches!(found.age, Age::Older(_)),
                    odd_definition: known.odd,
                    warned_at: found.identity.map_or(0, |identity| identity.len),
                    quarantine: found.quarantine,
                    original: found.original,
                    backup: found.backup,
                });
                if pending {
                    self.keep_rejected();
                }
            }
        }
        Ok((table, report))
    }

    /// Puts rejected bytes where they are safe, before anything can be written, and then what was
    /// migrated or mended into the file. If that fails the store opens all the same: the bytes are
    /// still in the file, and no flush writes over it before they are elsewhere.
    fn keep_rejected(&self) {
        let kept = self
            .journal
            .turn()
            .and_then(|turn| turn.commit((), Vec::new()).wait());
        if let Err(error) = kept {
            tracing::error!(
                target: "larder::load",
                %error,
                "what was found at the open cannot be written yet: rejected records to quarantine, \
                 migrated and mended ones to the file; the file is not written before the bytes that \
                 were there are safe"
            );
        }
    }
}
