//! Opening a collection: every text on the disk through the gate, into the view or into quarantine.
//!
//! Owns [`load`]. It writes nothing; what has to be written because of what was found it hands over.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use larder_core::backend::{
    Admission, Loaded, Loader, Rejection, newer_version, newer_version_issue,
};
use larder_core::{
    Action, Data, Issue, LoadReport, Migrated, OnNewer, Options, Position, Quarantined, Result,
};

use super::Fault;
use super::disk::Kept;

/// A collection as it was found.
pub(crate) struct Found<T> {
    pub(crate) loaded: Loaded<T, String>,
    /// Its texts as they are to be from now on.
    pub(crate) records: BTreeMap<String, String>,
    pub(crate) rejected: Vec<Quarantined>,
    pub(crate) report: LoadReport,
    /// Its version, if that is newer than the program's.
    pub(crate) newer: Option<u32>,
}

pub(crate) fn load<T: Data>(
    admission: &Arc<Admission<T>>,
    kept: Option<&Kept>,
    options: &Options,
    fault: Option<Fault>,
) -> Result<Found<T>> {
    let (name, known) = (
        admission.collection().name().to_owned(),
        admission.collection().version(),
    );
    let version = kept
        .map(|kept| kept.definition.version)
        .filter(|_| fault != Some(Fault::KnowsNoVersions))
        .unwrap_or(known);
    let newer = (version > known).then_some(version);
    let mut issues = Vec::new();
    if newer.is_some() {
        if options.on_newer == OnNewer::Refuse {
            return Err(newer_version(version, known));
        }
        issues.push(newer_version_issue(&name, version, known));
    }
    admission.check_migrations(version)?;

    let texts = kept.iter().flat_map(|kept| {
        let texts = kept.records.values().chain(&kept.planted);
        texts.map(String::as_str).enumerate()
    });
    let mut loader = Loader::<T, String>::new(Arc::clone(admission));
    let mut rejected = Vec::new();
    let mut migrated = 0;
    let mut reject = |position: usize, text: &str, action, why: Rejection| {
        let issue = Issue::new(&name, why.kind, action, why.message)
            .with_id(why.id)
            .with_violations(why.violations)
            .with_repairs(why.repairs)
            .at(Position::in_source(&*name).at_record(position as u64));
        issues.push(issue.clone());
        rejected.push(quarantined(issue, text, fault));
    };
    for (position, text) in texts {
        match admission.arrive(text, version) {
            Ok(arrival) => {
                migrated += u64::from(arrival.migrated);
                if let Some(mended) = arrival.mended {
                    reject(position, text, Action::Repaired, mended);
                }
                let text = arrival.text.unwrap_or_else(|| text.to_owned());
                loader.take(arrival.admitted, text);
            }
            Err(why) => reject(position, text, Action::Dropped, why),
        }
    }
    let mut loaded = loader.finish();
    for loser in &loaded.losers {
        let issue = Issue::new(&name, loser.kind, Action::Dropped, "it had to give way")
            .with_id(Some(loser.id.to_string()));
        issues.push(issue.clone());
        rejected.push(quarantined(issue, &loser.origin, fault));
    }
    let records: BTreeMap<String, String> = loaded
        .kept
        .iter_mut()
        .map(|(id, text)| (id.to_string(), std::mem::take(text)))
        .collect();
    let report = LoadReport::new(records.len() as u64, issues).with_migrated(
        admission
            .migrates(version)
            .then(|| Migrated::new(&*name, (version, known), migrated, None)),
    );
    report.check(options.on_invalid, Path::new(&name))?;
    Ok(Found {
        loaded,
        records,
        rejected,
        report,
        newer,
    })
}

fn quarantined(issue: Issue, text: &str, fault: Option<Fault>) -> Quarantined {
    match (fault, serde_json::from_str::<serde_json::Value>(text)) {
        (Some(Fault::KeepsRejectedTidied), Ok(value)) => {
            Quarantined::new(issue, value.to_string().as_bytes())
        }
        _ => Quarantined::new(issue, text.as_bytes()),
    }
}
