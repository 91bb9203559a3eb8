//! Taking in one record after another.
//!
//! Owns [`Importer`]: what happens to a record that is refused, and to one whose id comes again
//! later. Whether a record is good is the library's to say.

use std::collections::HashMap;

use larder::{
    Action, AnyRepository, Damaged, Document, Error, ErrorKind, Issue, IssueKind, MAX_ID_BYTES,
    Pointer, Position, Quarantined, Repository as _, RepositoryExt as _, Store, Write,
};

use super::report::Report;
use crate::commands::{id_at, id_path};

/// Takes in records, and notes what was wrong with those it did not take.
#[derive(Debug)]
pub(super) struct Importer {
    store: Store,
    repository: AnyRepository<Document>,
    collection: String,
    id_path: Pointer,
    /// The records of this import that are in the collection, by id.
    taken: HashMap<String, Taken>,
    issues: Vec<Issue>,
}

/// A record that was taken in.
#[derive(Debug)]
struct Taken {
    position: Position,
    /// Its bytes, if they are not those that the collection keeps.
    spelled: Option<Box<[u8]>>,
}

/// What became of a record.
#[derive(Debug)]
pub(super) struct Offered {
    /// Resolves when the record, or its bytes in quarantine, are durable.
    pub(super) write: Write<()>,
    /// Why it was refused.
    pub(super) refused: Option<Issue>,
}

impl Importer {
    pub(super) fn new(store: &Store, repository: &AnyRepository<Document>) -> Result<Self, Error> {
        let collection = repository.collection();
        Ok(Self {
            store: store.clone(),
            repository: AnyRepository::clone(repository),
            collection: collection.name().to_owned(),
            id_path: id_path(collection)?,
            taken: HashMap::new(),
            issues: Vec::new(),
        })
    }

    /// Takes a record in, or puts its bytes in quarantine.
    ///
    /// # Errors
    ///
    /// What is not about the record, such as a closed store.
    pub(super) fn offer(&mut self, bytes: &[u8], position: Position) -> Result<Offered, Error> {
        match self.take(bytes, &position) {
            Ok(write) => Ok(Offered {
                write,
                refused: None,
            }),
            Err(Refused { error, id }) => {
                let Some(issue) = Issue::refused(&self.collection, &error) else {
                    return Err(error);
                };
                let id = issue.id().map(ToOwned::to_owned).or(id);
                let issue = issue.with_id(id).at(position);
                let write = self.drop_record(issue.clone(), bytes)?;
                Ok(Offered {
                    write,
                    refused: Some(issue),
                })
            }
        }
    }

    /// Keeps what is left of a part of a file that is no record.
    pub(super) fn damage(&mut self, damage: &Damaged) -> Result<Write<()>, Error> {
        if damage.issue.is_drop() {
            return self.drop_record(damage.issue.clone(), &damage.bytes);
        }
        self.issues.push(damage.issue.clone());
        Ok(Write::done(()))
    }

    /// Notes what is wrong with the input as a whole.
    pub(super) fn remark(&mut self, issues: &[Issue]) {
        self.issues.extend_from_slice(issues);
    }

    pub(super) fn into_report(self) -> Report {
        Report::new(self.taken.len() as u64, self.issues)
    }

    fn drop_record(&mut self, issue: Issue, bytes: &[u8]) -> Result<Write<()>, Error> {
        let entry = Quarantined::new(issue.clone(), bytes);
        self.issues.push(issue);
        self.store.reject(vec![entry])
    }

    fn take(&mut self, bytes: &[u8], position: &Position) -> Result<Write<()>, Refused> {
        let refuse = |error| Refused { error, id: None };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let message = format!("not UTF-8 from byte {} of the record", error.valid_up_to());
            refuse(Error::new(ErrorKind::Encode, message))
        })?;
        let document = Document::parse(text).map_err(refuse)?;
        let id = id_at(&self.id_path, &document);
        let spelled = (document.text() != text).then(|| bytes.into());
        // What the record replaces is only ours to keep if this import brought it.
        let before = match &id {
            Some(id) if self.taken.contains_key(id) => self.repository.get(id).map_err(refuse)?,
            _ => None,
        };
        let write = self.repository.save(document).map_err(|error| Refused {
            error,
            id: id
                .clone()
                .filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES),
        })?;
        let taken = Taken {
            position: position.clone(),
            spelled,
        };
        // A record that was saved has an id.
        let Some(earlier) = id.clone().and_then(|id| self.taken.insert(id, taken)) else {
            return Ok(write.map(|_| ()));
        };
        let bytes = match (&earlier.spelled, &before) {
            (Some(spelled), _) => spelled,
            (None, Some(before)) => before.text().as_bytes(),
            (None, None) => {
                let message = "a record that was imported is not there any more";
                return Err(refuse(Error::new(ErrorKind::Internal, message)));
            }
        };
        let message = match position.record {
            Some(record) => format!("record {record} has the same id, and takes its place"),
            None => "a later record has the same id, and takes its place".to_owned(),
        };
        let issue = Issue::new(
            &self.collection,
            IssueKind::DuplicateId,
            Action::Dropped,
            message,
        )
        .at(earlier.position)
        .with_id(id);
        // This comes after the save in the store's order, so it is durable when both are.
        write.detach();
        self.drop_record(issue, bytes).map_err(refuse)
    }
}

/// A record that was not taken in.
struct Refused {
    error: Error,
    /// Its id, where it can be read.
    id: Option<String>,
}
