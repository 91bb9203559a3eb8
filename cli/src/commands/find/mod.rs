//! `larder find`.
//!
//! Owns making a query of the arguments and choosing between table, lines and plan. The columns of
//! the table are `columns.rs`, conditions are `where_clause.rs`.

mod columns;

use std::sync::Arc;

use larder::{
    AnyRepository, Cursor, Document, Order, Page, Query, Repository as _, RepositoryExt as _,
    Target,
};
use serde_json::json;

use crate::args::FindArgs;
use crate::failure::{Failure, Outcome, Verdict};
use crate::open::{Place, collection};
use crate::output::{Output, note, note_line, width};
use crate::where_clause::Clause;

pub(super) fn run(args: &FindArgs, out: &mut Output) -> Outcome {
    let place = Place::parse(&args.at.url)?;
    let query = query(args)?;
    let store = place.reader()?;
    let repository = collection(&store, &args.at.collection, &place)?;
    if args.explain {
        let plan = repository.explain(query)?;
        if out.is_json() {
            out.value(&plan)?;
        } else {
            out.line(plan)?;
        }
        return Ok(Verdict::Clean);
    }
    let Page { records, next } = page(&repository, query)?;
    if out.is_json() {
        for record in &records {
            out.line(record.text())?;
        }
    } else {
        table(args, &repository, &records, out)?;
    }
    if let Some(next) = next {
        // After the records, wherever both streams go to one terminal.
        out.finish()?;
        if out.is_json() {
            note_line(json!({ "next": next.to_string() }));
        } else {
            note(format_args!(
                "more follow; the next page: --after {}",
                shell(&next.to_string())
            ));
        }
    }
    Ok(Verdict::Clean)
}

fn query(args: &FindArgs) -> Result<Query<Document>, Failure> {
    let mut query = Clause::query(&args.clauses);
    for field in &args.order_by {
        query = query.order_by(Order::new(Target::field(field), args.desc));
    }
    if let Some(limit) = args.limit {
        query = query.limit(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    if let Some(after) = &args.after {
        query = query.after(after.parse::<Cursor>()?);
    }
    Ok(query)
}

fn page(
    repository: &AnyRepository<Document>,
    query: Query<Document>,
) -> Result<Page<Document>, larder::Error> {
    if query.max().is_some() {
        return repository.page(query);
    }
    Ok(Page {
        records: repository.find(query)?,
        next: None,
    })
}

fn table(
    args: &FindArgs,
    repository: &AnyRepository<Document>,
    records: &[Arc<Document>],
    out: &mut Output,
) -> Result<(), Failure> {
    if records.is_empty() {
        note(format_args!("nothing found"));
        return Ok(());
    }
    let columns = if args.fields.is_empty() {
        columns::sensible(repository.collection(), records, width())
    } else {
        columns::chosen(&args.fields)?
    };
    let header: Vec<&str> = columns.iter().map(columns::Column::name).collect();
    let rows = records
        .iter()
        .map(|record| record.value())
        .map(|value| columns.iter().map(|column| column.cell(&value)).collect())
        .collect();
    out.table(&header, rows)
}

/// A word for a POSIX shell.
fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_word_survives_the_shell() {
        assert_eq!(super::shell("[\"it's\"]"), "'[\"it'\\''s\"]'");
    }
}
