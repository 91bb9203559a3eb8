//! One move of a history, done to the store and to the reference.
//!
//! Owns the writes of [`Runner`]: both do it, or both refuse it for the same reason and nothing is
//! changed. What a store should find is looked at in `run.rs`.

use std::sync::Arc;

use larder::{
    AnyRepository, Error, ErrorKind, Expect, Op, Repository, RepositoryExt, Result, Write,
};

use crate::moves::{Mixed, Move, Read, Wait};
use crate::query::Handled;
use crate::rec::{COLLECTION, Rec};
use crate::reference::{Done, Expected, Refused, Step};
use crate::run::{Runner, same, same_one};

/// Ends a write; its value must be the same however one waits.
fn end<R: Unpin>(write: Write<R>, wait: Wait) -> R {
    match wait {
        Wait::Block => write.wait().unwrap(),
        Wait::Await => pollster::block_on(write).unwrap(),
        Wait::Detach => write.into_visible().unwrap(),
    }
}

/// A form without a type has no fields outside the JSON, and no numbers that JSON does not have.
fn told<T: Handled>(mut rec: Rec) -> Rec {
    if !T::TYPED {
        rec.live = false;
        for number in std::iter::once(&mut rec.ratio).chain(&mut rec.weight) {
            *number = if number.is_finite() { *number } else { 0.25 };
        }
    }
    rec
}

impl<T: Handled> Runner<T> {
    fn read(&self, read: Read, id: &str, never: &Rec) -> (Arc<T>, Rec) {
        match read {
            Read::Fresh => {
                if let Some(now) = self.repo.get(id).unwrap() {
                    return (now, self.reference.get(id).unwrap().clone());
                }
            }
            Read::Earlier(n) if !self.reads.is_empty() => {
                return self.reads[n % self.reads.len()].clone();
            }
            _ => {}
        }
        (Arc::new(T::make(never)), never.clone())
    }

    /// A write: refused by both for the same reason and without a trace, or done by both.
    fn write<R: Unpin>(
        &mut self,
        steps: &[Step],
        verb: &str,
        wait: Wait,
        write: impl FnOnce(&AnyRepository<T>) -> Result<Write<R>>,
    ) -> Option<(R, Vec<Done>)> {
        let before = self.repo.flush().sequence();
        match (write(&self.repo), self.reference.apply(steps)) {
            (Ok(write), Ok(done)) => {
                let value = end(write, wait);
                for id in done.iter().map(|(id, ..)| id) {
                    let now = self.repo.get(id).unwrap();
                    same_one(now.as_ref(), self.reference.get(id), &"after a write");
                    if let (Some(now), Some(rec)) = (now, self.reference.get(id)) {
                        self.reads.push((now, rec.clone()));
                    }
                }
                Some((value, done))
            }
            (Err(error), Err(refused)) => {
                refused_alike::<T>(&error, &refused);
                self.refusals.push(error.kind());
                assert!(
                    verb.is_empty() || error.operation() == Some(verb),
                    "{error}"
                );
                assert_eq!(error.collection(), Some(COLLECTION), "{error}");
                if let (Some(before), Some(after)) = (before, self.repo.flush().sequence()) {
                    assert_eq!(before, after, "a refused write has a place in the order");
                }
                self.audit(false);
                None
            }
            (Ok(_), Err(refused)) => panic!("{verb} {steps:#?} was done, not {refused:?}"),
            (Err(error), Ok(_)) => panic!("{verb} {steps:#?} was refused: {error}"),
        }
    }

    fn put<F>(&mut self, rec: &Rec, expected: Expected, verb: &str, wait: Wait, write: F)
    where
        F: FnOnce(&AnyRepository<T>) -> Result<Write<Arc<T>>>,
    {
        if let Some((value, _)) = self.write(&[Step::Put(rec.clone(), expected)], verb, wait, write)
        {
            assert!(value.is(rec), "{verb} gave {value:?}, not {rec:?}");
        }
    }

    pub fn step(&mut self, it: &Move) {
        match it.clone() {
            Move::Save(rec, wait) => {
                let rec = told::<T>(rec);
                self.put(&rec, Expected::Any, "save", wait, |repo| {
                    repo.save(T::make(&rec))
                });
            }
            Move::Insert(rec, wait) => {
                let rec = told::<T>(rec);
                self.put(&rec, Expected::Absent, "insert", wait, |repo| {
                    repo.insert(T::make(&rec))
                });
            }
            Move::SaveAll(recs, wait) => {
                let recs: Vec<Rec> = recs.into_iter().map(told::<T>).collect();
                let steps: Vec<Step> = recs
                    .iter()
                    .map(|rec| Step::Put(rec.clone(), Expected::Any))
                    .collect();
                let saved = self.write(&steps, "save_all", wait, |repo| {
                    repo.save_all(recs.iter().map(T::make))
                });
                if let Some((saved, _)) = saved {
                    same(&saved, &recs, it);
                }
            }
            Move::Replace(read, to, keep, wait) => {
                let mut to = told::<T>(to);
                let (read, was) = self.read(read, &to.id, &to);
                if keep {
                    to.id.clone_from(&was.id);
                }
                self.put(&to, Expected::Equal(was), "replace", wait, |repo| {
                    repo.replace(&read, T::make(&to))
                });
            }
            Move::Update {
                id,
                to,
                keep_id,
                same,
                refuse,
                wait,
            } => {
                let to = told::<T>(Rec {
                    id: if keep_id { id.clone() } else { to.id },
                    ..to
                });
                self.update(&id, &to, [same, refuse], wait);
            }
            Move::Delete(id, wait) => {
                let steps = [Step::Delete(id.clone(), Expected::Any)];
                if let Some((gone, done)) =
                    self.write(&steps, "delete", wait, |repo| repo.delete(&id))
                {
                    same_one(gone.as_ref(), done[0].1.as_ref(), it);
                }
            }
            Move::Clear(wait) => {
                let cleared = self.write(&[Step::Clear], "clear", wait, RepositoryExt::clear);
                let (number, done) = cleared.unwrap();
                assert_eq!(number, done.len() as u64);
            }
            Move::Batch(ops, wait) => self.batch(ops, wait),
            Move::Get(id) => {
                let found = self.repo.get(&id).unwrap();
                same_one(found.as_ref(), self.reference.get(&id), it);
            }
            Move::Find(ask) => {
                let found = self.look(&ask);
                let wanted = self.reference.find(&ask, None);
                self.reads.extend(found.into_iter().zip(wanted));
            }
            Move::Pages(ask, size) => self.pages(&ask, size, None, true),
            Move::FirstPage(ask, size) => self.pages(&ask, size, None, false),
            Move::Resume => {
                if let Some((ask, cursor, last)) = self.page.take() {
                    self.pages(&ask, 2, Some((&cursor, &last)), true);
                }
            }
            Move::Flush(wait) => end(self.store.flush(), wait),
            Move::Reopen { drop, slow } => {
                self.reopen(drop, slow);
                self.audit(true);
            }
        }
    }

    fn update(&mut self, id: &str, to: &Rec, [same, refuse]: [bool; 2], wait: Wait) {
        let Some(was) = self.reference.get(id).cloned() else {
            let none = self
                .repo
                .update(id, |_| panic!("there is nothing to change"))
                .unwrap();
            assert!(end(none, wait).is_none());
            return;
        };
        if refuse {
            let refused = self.repo.try_update(id, |it| {
                *it = T::make(to);
                Err(Error::new(ErrorKind::Timeout, "not now"))
            });
            assert_eq!(
                refused.map(Write::detach).unwrap_err().kind(),
                ErrorKind::Timeout
            );
            return self.audit(false);
        }
        let to = if same { was.clone() } else { to.clone() };
        self.put(&to, Expected::Equal(was), "update", wait, |repo| {
            let write = repo.update(id, |it| *it = T::make(&to))?;
            Ok(write.map(|record| record.expect("it is there")))
        });
    }

    fn batch(&mut self, ops: Vec<Mixed>, wait: Wait) {
        let mut steps = Vec::new();
        let mut real = Vec::new();
        for op in ops {
            let put = |rec: Rec, expected, expect| {
                let rec = told::<T>(rec);
                (
                    Step::Put(rec.clone(), expected),
                    Op::Put {
                        record: T::make(&rec),
                        expect,
                    },
                )
            };
            let delete = |id: String, expected, expect| {
                (
                    Step::Delete(id.clone(), expected),
                    Op::Delete { id, expect },
                )
            };
            let (step, op) = match op {
                Mixed::Save(rec) => put(rec, Expected::Any, Expect::Any),
                Mixed::Insert(rec) => put(rec, Expected::Absent, Expect::Absent),
                Mixed::Replace(read, rec) => {
                    let (read, was) = self.read(read, &rec.id, &told::<T>(rec.clone()));
                    let rec = Rec {
                        id: was.id.clone(),
                        ..rec
                    };
                    put(rec, Expected::Equal(was), Expect::Equal(read))
                }
                Mixed::Delete(id) => delete(id, Expected::Any, Expect::Any),
                Mixed::DeleteAbsent(id) => delete(id, Expected::Absent, Expect::Absent),
                Mixed::DeleteRead(read, id) => match self.reference.get(&id).cloned() {
                    Some(never) => {
                        let (read, was) = self.read(read, &id, &never);
                        delete(was.id.clone(), Expected::Equal(was), Expect::Equal(read))
                    }
                    None => delete(id, Expected::Any, Expect::Any),
                },
                Mixed::Clear => (Step::Clear, Op::Clear),
            };
            steps.push(step);
            real.push(op);
        }
        let outcome = self.write(&steps, "", wait, |repo| repo.apply(real));
        let Some((outcomes, done)) = outcome else {
            return;
        };
        assert_eq!(outcomes.len(), done.len(), "{steps:#?}");
        for (outcome, (id, before, after)) in outcomes.iter().zip(&done) {
            assert_eq!(&*outcome.id, id);
            same_one(outcome.before.as_ref(), before.as_ref(), &"before");
            same_one(outcome.after.as_ref(), after.as_ref(), &"after");
        }
    }
}

fn refused_alike<T: Handled>(error: &Error, refused: &Refused) {
    assert!(
        refused.kinds.contains(&error.kind()),
        "{error}, not {refused:?}"
    );
    assert_eq!(error.index(), refused.index, "{error}");
    same_one(
        error.current::<T>().as_ref(),
        refused.current.as_ref(),
        error,
    );
}
