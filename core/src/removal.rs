//! Removing what was found, if it is still what was found.
//!
//! Owns the one loop behind `purge_expired` and `retain`. What is found is theirs.

use std::sync::Arc;

use crate::error::{ErrorKind, Result};
use crate::op::{Expect, Op};
use crate::query::Query;
use crate::record::Data;
use crate::repository::Repository;
use crate::write::Write;

/// Removes what `find` gives, all of it in one step, each record only while it is equal to what was
/// found. If somebody changed one meanwhile, nothing is removed and `find` is asked again: what it
/// gives then may be another selection, not only another version of the same.
pub(crate) fn remove_found<T: Data, R: Repository<T> + ?Sized>(
    repository: &R,
    find: impl Fn() -> Result<Vec<Arc<T>>>,
) -> Result<Write<Vec<Arc<T>>>> {
    let by_id = Query::all();
    loop {
        let found = find()?;
        if found.is_empty() {
            return Ok(Write::done(found));
        }
        let mut ops = Vec::with_capacity(found.len());
        for record in found {
            // A cursor in id order is the one way in which every repository tells a record's id.
            let id = repository.cursor_after(&by_id, &record)?.id;
            ops.push(Op::Delete {
                id: id.as_ref().into(),
                expect: Expect::Equal(record),
            });
        }
        match repository.apply(ops) {
            Ok(write) => {
                return Ok(write.map(|outcomes| {
                    outcomes
                        .into_iter()
                        .filter_map(|outcome| outcome.before)
                        .collect()
                }));
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
    }
}
