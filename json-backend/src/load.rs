//! From a file to a collection in memory: every record through the gate, every loss accounted for.
//!
//! Owns [`load`]. It only reads. What has to be written because of what was found (quarantine, a
//! copy of a damaged file) it hands over, and the medium does it before anything else.

use std::path::Path;
use std::sync::Arc;

use larder_core::backend::{
    Admission, Arrival, Loaded, Loader, Loser, Rejection, newer_version_issue,
};
use larder_core::{
    Action, Data, Error, Issue, IssueKind, LoadReport, Migrated, Options, Position, Quarantined,
};

use crate::age::{Age, age_of, check_header};
use crate::backup::Backup;
use crate::disk::{Contents, Disk, Identity};
use crate::error::JsonError;
use crate::findings;
use crate::gate::Gate;
use crate::image::Image;
use crate::names::Names;
use crate::scan::{Expected, Scan, Span, scan};

/// Above this size a warning says what each flush costs.
pub(crate) const LARGE_FILE: u64 = 64 << 20;

/// Where a record came from.
#[derive(Debug)]
pub(crate) struct Origin {
    span: Span,
    /// Its text, if that is not the one in the file.
    text: Option<Box<str>>,
}

/// A collection as it was found.
pub(crate) struct Found<T> {
    pub(crate) loaded: Loaded<T, Origin>,
    pub(crate) image: Image,
    pub(crate) report: LoadReport,
    /// Rejected bytes, to be kept before the file is written over.
    pub(crate) quarantine: Vec<Quarantined>,
    /// The whole file, to be copied aside before it is written over, if it could not be parsed.
    pub(crate) original: Option<Vec<u8>>,
    /// The file as it was read, to be kept before its records are written over by those of a newer
    /// version.
    pub(crate) backup: Option<Backup>,
    pub(crate) age: Age,
    /// Whether the records are not those of the file any more.
    pub(crate) changed: bool,
    /// The version of the file that was read; `None` if there was none.
    pub(crate) identity: Option<Identity>,
}

impl<T> Found<T> {
    /// There is no file.
    fn nothing(loaded: Loaded<T, Origin>, age: Age) -> Self {
        Self {
            loaded,
            image: Image::empty(),
            report: LoadReport::default(),
            quarantine: Vec::new(),
            original: None,
            backup: None,
            age,
            changed: false,
            identity: None,
        }
    }
}

/// Reads a collection's file. `said` is the version that the definition beside it says, which
/// counts where the file says none.
///
/// Only "not found" is an empty collection. Everything else that cannot be read is an error, and
/// everything that can be read in part is salvaged.
pub(crate) fn load<T: Data>(
    disk: &dyn Disk,
    names: &Names,
    admission: &Arc<Admission<T>>,
    options: &Options,
    said: Option<u32>,
) -> Result<Found<T>, Error> {
    let path = &names.records();
    let loader = Loader::new(Arc::clone(admission));
    let Contents { bytes, identity } = match disk.read(path, options.max_file_bytes) {
        Ok(contents) => contents,
        Err(error) if error.is_not_found() => {
            let age = age_of(path, None, said, admission, options)?;
            return Ok(Found::nothing(loader.finish(), age));
        }
        Err(error) => return Err(JsonError::from(error).into()),
    };
    if identity.len > LARGE_FILE {
        tracing::warn!(
            target: "larder::load",
            path = %path.display(),
            bytes = identity.len,
            "each flush rewrites this file as a whole; so many records belong in a database"
        );
    }
    let collection = admission.collection();
    let expected = Expected {
        collection: collection.name(),
        version: u64::from(collection.version()),
    };
    let scan = scan(&bytes, &expected);
    check_header(path, &scan)?;
    let age = age_of(path, Some(&scan), said, admission, options)?;

    let mut finder = Finder {
        path,
        collection: collection.name(),
        bytes: &bytes,
        issues: Vec::new(),
        quarantine: Vec::new(),
        unparsed: !scan.damage.is_empty() || scan.odd,
        version: match age {
            Age::Same => collection.version(),
            Age::Older(version) | Age::Newer(version) => version,
        },
        migrated: 0,
    };
    if let Age::Newer(found) = age {
        let issue = newer_version_issue(collection.name(), found, collection.version());
        finder.issues.push(issue.at(finder.position()));
    }
    finder.file(&scan);
    let filled = finder.records(admission, loader, &scan);
    finder
        .issues
        .sort_by_key(|issue| (issue.position().line, issue.position().record));

    let Finder {
        issues,
        quarantine,
        unparsed,
        migrated,
        ..
    } = finder;
    let migration = match age {
        Age::Older(from) if admission.migrates(from) => Some(from),
        _ => None,
    };
    let backup = match migration {
        Some(from) if !options.read_only && !scan.records.is_empty() => {
            Some(Backup::plan(disk, names, from, &bytes)?)
        }
        _ => None,
    };
    let migrated = migration.map(|from| {
        let dir = backup.as_ref().map(|backup| backup.dir().to_owned());
        let versions = (from, collection.version());
        Migrated::new(collection.name(), versions, migrated, dir)
    });
    let report = LoadReport::new(filled.kept.len() as u64, issues).with_migrated(migrated);
    report.check(options.on_invalid, path)?;
    let original = unparsed.then(|| bytes.clone());
    let mut filled = filled;
    let mut changed = migration.is_some();
    let records = filled.kept.iter_mut().map(|(id, origin)| {
        let span = origin.span;
        changed |= origin.text.is_some();
        let text = origin.text.take();
        (
            Arc::clone(id),
            span.start..span.end,
            u32::try_from(span.ordinal).unwrap_or(u32::MAX),
            text,
        )
    });
    let image = Image::of_file(scan.shape, bytes, records);
    Ok(Found {
        loaded: filled,
        image,
        report,
        quarantine,
        original,
        backup,
        age,
        changed,
        identity: Some(identity),
    })
}

/// What is wrong with a file, as it comes up.
struct Finder<'a> {
    path: &'a Path,
    collection: &'a str,
    bytes: &'a [u8],
    issues: Vec<Issue>,
    quarantine: Vec<Quarantined>,
    /// Whether the file as a whole is no JSON.
    unparsed: bool,
    /// The version of the data, and how many records were migrated from it.
    version: u32,
    migrated: u64,
}

impl Finder<'_> {
    fn position(&self) -> Position {
        Position::in_source(self.path.display().to_string())
    }

    fn issue(&self, kind: IssueKind, action: Action, message: impl Into<String>) -> Issue {
        Issue::new(self.collection, kind, action, message)
    }

    /// What concerns the file and no one record.
    fn file(&mut self, scan: &Scan) {
        let source = self.path.display().to_string();
        for finding in findings::of_file(self.bytes, scan, &source, self.collection) {
            if let Some(lost) = finding.lost {
                self.quarantine
                    .push(Quarantined::new(finding.issue.clone(), lost));
            }
            self.issues.push(finding.issue);
        }
    }

    /// Every record through the gate.
    fn records<T: Data>(
        &mut self,
        admission: &Admission<T>,
        mut loader: Loader<T, Origin>,
        scan: &Scan,
    ) -> Loaded<T, Origin> {
        let gate = Gate {
            admission,
            version: self.version,
            bytes: self.bytes,
            spans: &scan.records,
        };
        loader.reserve(scan.records.len());
        gate.judge_all(|span, record, judged| match judged {
            Ok(Ok(arrival)) => self.arrived(&mut loader, span, record, arrival),
            Ok(Err(rejection)) => self.rejected(span, record, Action::Dropped, rejection),
            Err(error) => {
                self.unparsed = true;
                let message = format!("not UTF-8 from byte {} of the record", error.valid_up_to());
                let issue = self.issue(IssueKind::Syntax, Action::Dropped, message);
                self.dropped(issue.at(self.place(span, None)), record);
            }
        });
        let filled = loader.finish();
        for loser in &filled.losers {
            self.lost(loser);
        }
        filled
    }

    fn arrived<T: Data>(
        &mut self,
        loader: &mut Loader<T, Origin>,
        span: &Span,
        record: &[u8],
        arrival: Arrival<T>,
    ) {
        self.migrated += u64::from(arrival.migrated);
        if let Some(mended) = arrival.mended {
            self.rejected(span, record, Action::Repaired, mended);
        }
        let origin = Origin {
            span: *span,
            text: arrival.text.map(Into::into),
        };
        loader.take(arrival.admitted, origin);
    }

    /// A record that is not in the view as it stands in the file.
    fn rejected(&mut self, span: &Span, record: &[u8], action: Action, rejection: Rejection) {
        // A duplicate key is JSON all the same.
        if rejection.kind == IssueKind::Syntax && rejection.violations.is_empty() {
            self.unparsed = true;
        }
        let issue = self
            .issue(rejection.kind, action, rejection.message)
            .with_id(rejection.id)
            .with_violations(rejection.violations)
            .with_repairs(rejection.repairs)
            .at(self.place(span, rejection.place));
        self.dropped(issue, record);
    }

    fn lost(&mut self, loser: &Loser<Origin>) {
        let message = match &loser.winner {
            Some((winner, index)) => {
                format!("the record {winner:?} has the same key in the unique index {index}")
            }
            None => "a later record of the file has the same id".to_owned(),
        };
        let issue = self
            .issue(loser.kind, Action::Dropped, message)
            .with_id(Some(loser.id.to_string()))
            .at(self.place(&loser.origin.span, None));
        let bytes = self.bytes;
        let span = loser.origin.span;
        let record = bytes.get(span.start..span.end).unwrap_or_default();
        self.dropped(issue, record);
    }

    fn dropped(&mut self, issue: Issue, record: &[u8]) {
        self.quarantine
            .push(Quarantined::new(issue.clone(), record));
        self.issues.push(issue);
    }

    /// Where a record stands in the file, or a place within it.
    fn place(&self, span: &Span, within: Option<(usize, usize)>) -> Position {
        let position = self.position().at_record(span.ordinal as u64);
        let Some((line, column)) = within else {
            return position.at_line(span.line as u64, None);
        };
        let column = if line > 1 {
            column
        } else {
            let before = self.bytes.get(..span.start).unwrap_or_default();
            let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
            span.start - start + column
        };
        position.at_line(
            (span.line + line.saturating_sub(1)) as u64,
            Some(column as u64),
        )
    }
}
