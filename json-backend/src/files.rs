//! The files of one collection, and what a flush has to write to them.
//!
//! Owns [`Files`]: what is written beside the records before they are, what belongs into a commit, and
//! whether somebody else changed the file. In which order a flush does that for all collections is
//! told in `medium`.

use larder_core::{Action, Definition, Issue, IssueKind, OnExternalChange, Position, Quarantined};

use crate::backup::Backup;
use crate::commit::Piece;
use crate::definition;
use crate::disk::{Disk, Identity, PRIVATE_MODE};
use crate::error::JsonError;
use crate::image::Image;
use crate::load::LARGE_FILE;
use crate::names::Names;
use crate::publish::copy_aside;
use crate::quarantine;

/// How a store writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) sync: bool,
    pub(crate) on_external_change: OnExternalChange,
    pub(crate) max_file_bytes: u64,
}

/// Which of a collection's files a piece of a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Records,
    Definition,
}

/// One collection's files, and what has to be written to them.
pub(crate) struct Files {
    pub(crate) names: Names,
    pub(crate) collection: String,
    pub(crate) version: u32,
    pub(crate) image: Image,
    /// The file as it was last read or written; `None` if there was none.
    pub(crate) identity: Option<Identity>,
    /// Whether the records differ from the file's.
    pub(crate) dirty: bool,
    /// The definition, if the one on disk is another.
    pub(crate) definition: Option<Definition>,
    /// Whether the definition becomes durable together with the records, and not before them as well
    /// as it can: where the file of the records does not say their version, as a bare array, the
    /// definition does.
    pub(crate) definition_with_records: bool,
    /// The bytes of a definition that cannot be read, to be copied aside before it is replaced.
    pub(crate) odd_definition: Option<Vec<u8>>,
    pub(crate) quarantine: Vec<Quarantined>,
    pub(crate) original: Option<Vec<u8>>,
    /// The file as it was before its records were migrated.
    pub(crate) backup: Option<Backup>,
    /// The size at which was last looked whether to warn.
    pub(crate) warned_at: u64,
}

impl Files {
    /// Whether something of it has to go into a commit.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty || self.commits_definition()
    }

    fn commits_definition(&self) -> bool {
        self.definition_with_records && self.definition.is_some()
    }

    /// Writes what must be safe before the records are written over: the copy of a damaged original,
    /// the backup of an older version, the quarantine, the definition. What fails stays pending.
    pub(crate) fn flush_beside(&mut self, manner: &Manner<'_>) -> Result<(), JsonError> {
        if let Some(original) = &self.original {
            let name = self.names.records_name();
            let aside = copy_aside(
                manner.disk,
                self.names.dir(),
                &name,
                "corrupt",
                original,
                manner.sync,
            )?;
            if aside.created {
                tracing::warn!(
                    target: "larder::load",
                    copy = %aside.path.display(),
                    "the file could not be parsed as a whole; it was copied before anything is written"
                );
            }
            self.original = None;
        }
        if let Some(backup) = &self.backup {
            backup.write(manner.disk, manner.sync)?;
            self.backup = None;
        }
        if !self.quarantine.is_empty() {
            quarantine::add(
                manner.disk,
                &self.names.quarantine(),
                &self.quarantine,
                manner.sync,
            )?;
            self.quarantine = Vec::new();
        }
        if self.definition_with_records {
            return self.keep_odd_definition(manner);
        }
        self.flush_definition(manner);
        Ok(())
    }

    /// Copies a definition that cannot be read, before it is replaced.
    fn keep_odd_definition(&self, manner: &Manner<'_>) -> Result<(), JsonError> {
        let Some(odd) = &self.odd_definition else {
            return Ok(());
        };
        let path = self.names.definition();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let dir = self.names.dir();
        copy_aside(manner.disk, dir, name, "foreign", odd, manner.sync)?;
        Ok(())
    }

    /// Writes the definition. Where it only helps tools, that it cannot be written keeps no record
    /// from the disk; it stays pending.
    fn flush_definition(&mut self, manner: &Manner<'_>) {
        let Some(definition) = &self.definition else {
            return;
        };
        let path = self.names.definition();
        let written = self
            .keep_odd_definition(manner)
            .and_then(|()| definition::write(manner.disk, &path, definition, manner.sync));
        match written {
            Ok(()) => {
                self.definition = None;
                self.odd_definition = None;
            }
            Err(error) => tracing::warn!(
                target: "larder::flush",
                %error,
                collection = self.collection,
                "the definition beside the records cannot be written"
            ),
        }
    }

    /// Compares the file with what was last read or written. A foreign version is kept, and the issue
    /// says so.
    pub(crate) fn check_unchanged(
        &mut self,
        manner: &Manner<'_>,
    ) -> Result<Option<Issue>, JsonError> {
        if !self.dirty {
            return Ok(None);
        }
        let path = self.names.records();
        let there = manner.disk.identity(&path)?;
        let unchanged = match (&self.identity, &there) {
            (None, None) => true,
            (Some(known), Some(there)) => known.same_version(there),
            _ => false,
        };
        if unchanged {
            return Ok(None);
        }
        if manner.on_external_change == OnExternalChange::Refuse {
            return Err(JsonError::ChangedBehindUs { path });
        }
        let message = if there.is_some() {
            let foreign = manner.disk.read(&path, manner.max_file_bytes)?.bytes;
            let aside = copy_aside(
                manner.disk,
                self.names.dir(),
                &self.names.records_name(),
                "foreign",
                &foreign,
                manner.sync,
            )?;
            format!(
                "someone else changed the file; that version is kept as {}",
                aside.path.display()
            )
        } else {
            "someone else removed the file; it is written anew".to_owned()
        };
        // Known from here on: if the commit fails, the next try does not copy it again.
        self.identity = there;
        let issue = Issue::new(
            &self.collection,
            IssueKind::ExternalChange,
            Action::Kept,
            message,
        );
        Ok(Some(
            issue.at(Position::in_source(path.display().to_string())),
        ))
    }

    /// What has to be written as one, for this collection.
    pub(crate) fn pieces(&self) -> Result<Vec<(Part, Piece<'_>)>, JsonError> {
        let mut pieces = Vec::new();
        if self.dirty {
            let piece = Piece {
                target: self.names.records(),
                mode: PRIVATE_MODE,
                content: Box::new(|out| {
                    let written = self.image.write(out, &self.collection, self.version);
                    written.map(|_| ())
                }),
            };
            pieces.push((Part::Records, piece));
        }
        if let (true, Some(definition)) = (self.definition_with_records, &self.definition) {
            let target = self.names.definition();
            let text = definition::text(&target, definition)?;
            let piece = Piece {
                target,
                mode: PRIVATE_MODE,
                content: Box::new(move |out| out.write_all(text.as_bytes())),
            };
            pieces.push((Part::Definition, piece));
        }
        Ok(pieces)
    }

    /// A part has its new content, durable or not: it is no foreign change later.
    pub(crate) fn replaced(&mut self, part: Part, identity: Identity) {
        if part == Part::Records {
            self.identity = Some(identity);
        }
    }

    /// Everything that was dirty is durable.
    pub(crate) fn committed(&mut self, max_file_bytes: u64) {
        if std::mem::take(&mut self.dirty) {
            self.warn_of_size(max_file_bytes);
        }
        if self.definition_with_records {
            self.definition = None;
            self.odd_definition = None;
        }
    }

    /// Says once when the file has become one that should not be a file, or that the next open
    /// would refuse.
    fn warn_of_size(&mut self, limit: u64) {
        let bytes = self.identity.map_or(0, |identity| identity.len);
        let before = std::mem::replace(&mut self.warned_at, bytes);
        if bytes > limit && before <= limit {
            tracing::error!(
                target: "larder::flush",
                path = %self.names.records().display(),
                bytes,
                limit,
                "the file is larger than max_file_bytes: it will not be opened again unless the \
                 limit is raised"
            );
        } else if bytes > LARGE_FILE && before <= LARGE_FILE {
            tracing::warn!(
                target: "larder::flush",
                path = %self.names.records().display(),
                bytes,
                "each flush rewrites this file as a whole; so many records belong in a database"
            );
        }
    }
}
