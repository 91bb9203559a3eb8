//! One verb, tried at a desk and on the reference.
//!
//! Owns [`At`]: both do it, or both refuse it for the same reason and nothing is changed.

use std::fmt::Debug;
use std::sync::Arc;

use larder::{
    AnyRepository, Condition, Error, ErrorKind, Expect, Key, Op, Order, Query, Repository as _,
    Target, Test as Asked,
};

use crate::books::{Ask, Book, Expected, Kept, Refused, Step, Test, Told};
use crate::desk::Desk;
use crate::forms::{Form, Row};
use crate::keys::{K, N};
use crate::moves::{Act, Mixed, Read};

/// What was read or written so far, as the store gave it and as the reference has it.
pub type Reads<T> = Vec<(Arc<T>, Kept)>;

/// Whether a record is what the reference has.
pub fn is<T: Form>(found: &T, kept: &Kept) -> bool {
    serde_json::to_value(found).unwrap() == kept.json && found.is_live() == kept.live
}

#[track_caller]
pub fn same<T: Form>(found: &[Arc<T>], wanted: &[Kept], what: &dyn Debug) {
    assert!(
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| is(&**a, b)),
        "{what:?}\nfound  {found:#?}\nwanted {wanted:#?}"
    );
}

#[track_caller]
pub fn same_one<T: Form>(found: Option<&Arc<T>>, wanted: Option<&Kept>, what: &dyn Debug) {
    let found: Vec<_> = found.cloned().into_iter().collect();
    let wanted: Vec<_> = wanted.cloned().into_iter().collect();
    same(&found, &wanted, what);
}

/// The key as Larder has it.
fn key(key: &K) -> Key {
    match key {
        K::None => Key::None,
        K::Bool(value) => Key::Bool(*value),
        K::Num(N::Int(int)) => Key::int(*int),
        K::Num(N::Float(float)) => Key::float(*float).unwrap(),
        K::Text(text) => Key::text(text.as_str()),
        K::Comp(_) => unreachable!("no index here is compound"),
    }
}

/// A collection, as whoever asks sees it, and the reference.
pub struct At<'a, T: Form> {
    pub desk: &'a dyn Desk<T>,
    pub repo: &'a AnyRepository<T>,
    pub book: &'a mut Book,
    pub reads: &'a mut Reads<T>,
    pub told: &'a mut Vec<Told>,
}

impl<T: Form> At<'_, T> {
    /// Gives the error, which the reference has, too.
    pub fn act(&mut self, act: &Act) -> Result<(), Error> {
        match act {
            Act::Save(row) => self.put(row, Expected::Any, "save", |desk| {
                desk.save(T::make(row)).map(Some)
            }),
            Act::Insert(row) => self.put(row, Expected::Absent, "insert", |desk| {
                desk.insert(T::make(row)).map(Some)
            }),
            Act::Replace(read, row, keep_id) => {
                let (read, was) = self.read(*read, row);
                let mut row = row.clone();
                if *keep_id {
                    was.id().clone_into(&mut row.id);
                }
                self.put(&row, Expected::Equal(was), "replace", |desk| {
                    desk.replace(&read, T::make(&row)).map(Some)
                })
            }
            Act::Update {
                id,
                to,
                keep_id,
                refuse,
            } => {
                let mut to = to.clone();
                if *keep_id {
                    to.id.clone_from(id);
                }
                self.update(id, &to, *refuse)
            }
            Act::SaveAll(rows) => {
                let steps: Vec<Step> = rows
                    .iter()
                    .map(|row| Step::Put(row.clone(), Expected::Any))
                    .collect();
                let all = rows.iter().map(T::make).collect();
                let (saved, _) = self.write(&steps, "save_all", |desk| desk.save_all(all))?;
                let wanted: Vec<Kept> = rows.iter().map(|row| self.book.kept(row)).collect();
                same(&saved, &wanted, act);
                Ok(())
            }
            Act::Delete(id) => {
                let steps = [Step::Delete(id.clone(), Expected::Any)];
                let (gone, done) = self.write(&steps, "delete", |desk| desk.delete(id))?;
                same_one(gone.as_ref(), done[0].before.as_ref(), act);
                Ok(())
            }
            Act::Clear => {
                let (number, done) = self.write(&[Step::Clear], "clear", |desk| desk.clear())?;
                assert_eq!(number, done.len() as u64);
                Ok(())
            }
            Act::Batch(ops) => self.batch(ops),
            Act::Get(id) => {
                let found = self.desk.get(id).unwrap();
                same_one(found.as_ref(), self.book.get(id), act);
                Ok(())
            }
            Act::Find(ask) => {
                let found = self.look(ask);
                self.reads
                    .extend(found.into_iter().zip(self.book.find(ask)));
                Ok(())
            }
        }
    }

    fn read(&self, read: Read, row: &Row) -> (Arc<T>, Kept) {
        match read {
            Read::Fresh => {
                if let Some(now) = self.desk.get(&row.id).unwrap() {
                    return (now, self.book.get(&row.id).unwrap().clone());
                }
            }
            Read::Earlier(n) if !self.reads.is_empty() => {
                return self.reads[n % self.reads.len()].clone();
            }
            _ => {}
        }
        (Arc::new(T::make(row)), self.book.kept(row))
    }

    /// A write: refused by both for the same reason and without a trace, or done by both.
    fn write<R>(
        &mut self,
        steps: &[Step],
        verb: &str,
        write: impl FnOnce(&dyn Desk<T>) -> Result<R, Error>,
    ) -> Result<(R, Vec<Told>), Error> {
        let outcome = match (write(self.desk), self.book.apply(steps)) {
            (Ok(value), Ok(done)) => {
                for Told { id, .. } in &done {
                    let (now, kept) = (self.desk.get(id).unwrap(), self.book.get(id));
                    same_one(now.as_ref(), kept, &"after a write");
                    if let (Some(now), Some(kept)) = (now, kept) {
                        self.reads.push((now, kept.clone()));
                    }
                }
                let changes = |told: &&Told| told.before.is_some() || told.after.is_some();
                self.told.extend(done.iter().filter(changes).cloned());
                Ok((value, done))
            }
            (Err(error), Err(refused)) => {
                refused_alike::<T>(&error, &refused);
                assert!(
                    verb.is_empty() || error.operation() == Some(verb),
                    "{error}"
                );
                assert_eq!(error.collection(), Some(T::WHICH.name()), "{error}");
                Err(error)
            }
            (Ok(_), Err(refused)) => panic!("{verb} {steps:#?} was done, not {refused:?}"),
            (Err(error), Ok(_)) => panic!("{verb} {steps:#?} was refused: {error}"),
        };
        let all = self.desk.find(Query::all()).unwrap();
        same(&all, &self.book.all(), &steps);
        outcome
    }

    fn put(
        &mut self,
        row: &Row,
        expected: Expected,
        verb: &str,
        write: impl FnOnce(&dyn Desk<T>) -> Result<Option<Arc<T>>, Error>,
    ) -> Result<(), Error> {
        let (value, _) = self.write(&[Step::Put(row.clone(), expected)], verb, write)?;
        same_one(value.as_ref(), Some(&self.book.kept(row)), &verb);
        Ok(())
    }

    fn update(&mut self, id: &str, to: &Row, refuse: bool) -> Result<(), Error> {
        let Some(was) = self.book.get(id).cloned() else {
            let none = self.desk.update(id, &|_| panic!("nothing is there"));
            assert!(none.unwrap().is_none());
            return Ok(());
        };
        if refuse {
            let refused = self.desk.try_update(id, &|it| {
                *it = T::make(to);
                Err(Error::new(ErrorKind::Timeout, "not now"))
            });
            let error = refused.unwrap_err();
            assert_eq!(
                (error.kind(), error.message()),
                (ErrorKind::Timeout, "not now")
            );
            same_one(self.desk.get(id).unwrap().as_ref(), Some(&was), &"refused");
            return Err(error);
        }
        self.put(to, Expected::Equal(was), "update", |desk| {
            desk.update(id, &|it| *it = T::make(to))
        })
    }

    fn batch(&mut self, ops: &[Mixed]) -> Result<(), Error> {
        let (mut steps, mut real) = (Vec::new(), Vec::new());
        for op in ops {
            let put = |row: &Row, expected, expect| {
                let record = T::make(row);
                let step = Step::Put(row.clone(), expected);
                (step, Op::Put { record, expect })
            };
            let delete = |id: &str, expected, expect| {
                let id = id.to_owned();
                (
                    Step::Delete(id.clone(), expected),
                    Op::Delete { id, expect },
                )
            };
            let (step, op) = match op {
                Mixed::Save(row) => put(row, Expected::Any, Expect::Any),
                Mixed::Insert(row) => put(row, Expected::Absent, Expect::Absent),
                Mixed::Replace(read, row) => {
                    let (read, was) = self.read(*read, row);
                    let id = was.id().to_owned();
                    let row = Row { id, ..row.clone() };
                    put(&row, Expected::Equal(was), Expect::Equal(read))
                }
                Mixed::Delete(id) => delete(id, Expected::Any, Expect::Any),
                Mixed::DeleteAbsent(id) => delete(id, Expected::Absent, Expect::Absent),
                Mixed::DeleteRead(read, id) => match self.book.get(id).cloned() {
                    Some(now) => {
                        let never = (self.desk.get(id).unwrap().unwrap(), now);
                        let (read, was) = match read {
                            Read::Earlier(n) => self.reads.get(*n).cloned().unwrap_or(never),
                            Read::Fresh | Read::Never => never,
                        };
                        let id = was.id().to_owned();
                        delete(&id, Expected::Equal(was), Expect::Equal(read))
                    }
                    None => delete(id, Expected::Any, Expect::Any),
                },
                Mixed::Clear => (Step::Clear, Op::Clear),
            };
            steps.push(step);
            real.push(op);
        }
        let (outcomes, done) = self.write(&steps, "", |desk| desk.apply(real))?;
        assert_eq!(outcomes.len(), done.len(), "{steps:#?}");
        for (outcome, told) in outcomes.iter().zip(&done) {
            assert_eq!(&*outcome.id, told.id);
            same_one(outcome.before.as_ref(), told.before.as_ref(), &"before");
            same_one(outcome.after.as_ref(), told.after.as_ref(), &"after");
        }
        Ok(())
    }

    /// One query: what it finds, its first and its number.
    pub fn look(&self, ask: &Ask) -> Vec<Arc<T>> {
        let wanted = self.book.find(ask);
        let query = self.asked(ask);
        let found = self.desk.find(query.clone()).unwrap();
        same(&found, &wanted, ask);
        let count = self.desk.count(query.clone()).unwrap();
        assert_eq!(count, wanted.len() as u64, "{ask:?}");
        let first = self.desk.find_first(query).unwrap();
        let only = Ask {
            limit: Some(1),
            ..ask.clone()
        };
        same_one(first.as_ref(), self.book.find(&only).first(), ask);
        found
    }

    fn target(&self, target: usize) -> Target<T> {
        let target = &self.book.targets()[target];
        if target.indexed {
            Target::Index(target.name.into())
        } else {
            Target::field(target.path)
        }
    }

    fn asked(&self, ask: &Ask) -> Query<T> {
        let keys = |keys: &[K]| keys.iter().map(key).collect();
        let mut query = Query::all();
        for (target, test) in &ask.conditions {
            let test = match test {
                Test::Is(wanted) => Asked::Is(key(wanted)),
                Test::AnyOf(wanted) => Asked::AnyOf(keys(wanted)),
                Test::Range(from, to) => Asked::Range(from.as_ref().map(key), to.as_ref().map(key)),
                Test::StartsWith(prefix) => Asked::StartsWith((*prefix).to_owned()),
                Test::IsNone => Asked::IsNone,
            };
            query = query.and(Condition::new(self.target(*target), test));
        }
        if ask.even {
            query = query.filter(|record: &T| {
                let json = serde_json::to_value(record).unwrap();
                json["n"].as_i64().unwrap() % 2 == 0
            });
        }
        if let Some((target, descending)) = ask.order {
            query = query.order_by(Order::new(self.target(target), descending));
        }
        if let Some(after) = ask.after.and_then(|id| self.book.get(id)) {
            let record: T = serde_json::from_value(after.json.clone()).unwrap();
            let cursor = self.repo.cursor_after(&query, &record).unwrap();
            query = query.after(cursor);
        }
        match ask.limit {
            Some(limit) => query.limit(limit),
            None => query,
        }
    }

    /// Everything that is known of the collection, each index entry included.
    pub fn audit(&self) {
        self.look(&Ask::default());
        for (target, it) in self.book.targets().iter().enumerate() {
            for key in self.book.keys(target) {
                self.look(&Ask {
                    conditions: vec![(target, Test::Is(key))],
                    ..Ask::default()
                });
            }
            for descending in [false, true].into_iter().filter(|_| !it.multi) {
                self.look(&Ask {
                    order: Some((target, descending)),
                    ..Ask::default()
                });
            }
        }
    }
}

fn refused_alike<T: Form>(error: &Error, refused: &Refused) {
    assert!(
        refused.kinds.contains(&error.kind()),
        "{error}, not {refused:?}"
    );
    assert_eq!(error.index(), refused.index, "{error}");
    let current = error.current::<T>();
    same_one(current.as_ref(), refused.current.as_ref(), error);
}
