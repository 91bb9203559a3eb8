//! `larder check --repair-plan`.
//!
//! Owns the form in which a plan is told. What can be repaired is the library's answer: the store is
//! opened for reading and as `on_invalid = "repair"`, so all is worked out and nothing is written.

use std::collections::BTreeSet;

use larder::{Action, Error, Issue, OnInvalid, Repository as _, Store};
use serde_json::{Value, json};

use super::show_error;
use crate::args::StoreArgs;
use crate::failure::{Failure, Outcome, Verdict};
use crate::open::Place;
use crate::output::{Output, counted, plain};

/// What would become of one collection.
#[derive(Debug)]
struct Plan {
    name: String,
    /// How many records would be in it.
    records: u64,
    repaired: Vec<Issue>,
    dropped: Vec<Issue>,
    /// What is wrong and costs no record.
    other: Vec<Issue>,
    error: Option<Error>,
}

impl Plan {
    fn is_ok(&self) -> bool {
        self.error.is_none()
            && self.repaired.is_empty()
            && self.dropped.is_empty()
            && self.other.is_empty()
    }
}

pub(super) fn run(args: &StoreArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.url)?.with_on_invalid(OnInvalid::Repair);
    let store = place.reader()?;
    let names = place.collections(&store.stats()?);
    let plans: Vec<Plan> = names.into_iter().map(|name| plan(&store, name)).collect();
    if out.is_json() {
        out.value(&as_json(&plans))?;
    } else {
        show(&plans, out)?;
    }
    Ok(Verdict::of(!plans.iter().all(Plan::is_ok)))
}

fn plan(store: &Store, name: String) -> Plan {
    let mut plan = Plan {
        name,
        records: 0,
        repaired: Vec::new(),
        dropped: Vec::new(),
        other: Vec::new(),
        error: None,
    };
    // A database is open without having read what it knows to be good: to verify is to read it all.
    let report = store
        .documents(&plan.name)
        .and_then(|repository| store.verify(repository.collection().name()));
    match report {
        Ok(report) => {
            plan.records = report.records();
            for issue in report.issues() {
                let list = match issue.action() {
                    Action::Repaired => &mut plan.repaired,
                    Action::Dropped => &mut plan.dropped,
                    _ => &mut plan.other,
                };
                list.push(issue.clone());
            }
            // A record that could be repaired may lose its place all the same: to one with the same
            // id or unique key.
            let lost: BTreeSet<_> = plan.dropped.iter().map(which).collect();
            plan.repaired.retain(|issue| !lost.contains(&which(issue)));
        }
        Err(error) => plan.error = Some(error),
    }
    plan
}

/// What tells a record from all others of its collection: files may hold an id twice, tables not.
fn which(issue: &Issue) -> (Option<u64>, Option<String>) {
    (issue.position().record, issue.id().map(ToOwned::to_owned))
}

fn total(plans: &[Plan], of: impl Fn(&Plan) -> &Vec<Issue>) -> usize {
    plans.iter().map(|plan| of(plan).len()).sum()
}

fn as_json(plans: &[Plan]) -> Value {
    let collections: Vec<Value> = plans
        .iter()
        .map(|plan| {
            let mut told = json!({
                "name": plan.name,
                "records": plan.records,
                "repaired": plan.repaired,
                "dropped": plan.dropped,
                "other": plan.other,
            });
            if let (Some(error), Some(told)) = (&plan.error, told.as_object_mut()) {
                told.insert("error".to_owned(), json!(error.to_string()));
            }
            told
        })
        .collect();
    json!({
        "ok": plans.iter().all(Plan::is_ok),
        "repaired": total(plans, |plan| &plan.repaired),
        "dropped": total(plans, |plan| &plan.dropped),
        "collections": collections,
    })
}

fn show(plans: &[Plan], out: &mut Output) -> Result<(), Failure> {
    for plan in plans {
        let records = usize::try_from(plan.records).unwrap_or(usize::MAX);
        let unchanged = records.saturating_sub(plan.repaired.len());
        out.line(format_args!(
            "{}: {} would be repaired, {} dropped; {unchanged} good as they are",
            plan.name,
            counted(plan.repaired.len(), "record"),
            plan.dropped.len(),
        ))?;
        if let Some(error) = &plan.error {
            show_error(error, out)?;
        }
        for issue in &plan.repaired {
            let steps: Vec<String> = issue.repairs().iter().map(ToString::to_string).collect();
            let id = issue.id().unwrap_or_default();
            let line = format!(
                "  would be repaired: {}, id {id:?}: {}",
                issue.position(),
                steps.join("; ")
            );
            out.line(plain(&line))?;
        }
        for issue in plan.dropped.iter().chain(&plan.other) {
            out.line(format_args!("  {}", plain(&issue.to_string())))?;
        }
    }
    out.line(format_args!(
        "in all: {} would be repaired, {} dropped; nothing was changed",
        counted(total(plans, |plan| &plan.repaired), "record"),
        total(plans, |plan| &plan.dropped),
    ))
}
