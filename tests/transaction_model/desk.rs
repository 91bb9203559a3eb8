//! The verbs, whether inside a transaction or outside.
//!
//! Owns [`Desk`]: the one vocabulary in which a verb is tried and compared.

use std::cell::Cell;
use std::sync::Arc;

use larder::{
    AnyRepository, Op, Outcome, Query, Repository as _, RepositoryExt as _, Result, Scope, Write,
};

use crate::forms::Form;
use crate::moves::Wait;

pub trait Desk<T: Form> {
    fn get(&self, id: &str) -> Result<Option<Arc<T>>>;
    fn find(&self, query: Query<T>) -> Result<Vec<Arc<T>>>;
    fn find_first(&self, query: Query<T>) -> Result<Option<Arc<T>>>;
    fn count(&self, query: Query<T>) -> Result<u64>;
    fn save(&self, record: T) -> Result<Arc<T>>;
    fn insert(&self, record: T) -> Result<Arc<T>>;
    fn save_all(&self, records: Vec<T>) -> Result<Vec<Arc<T>>>;
    fn replace(&self, read: &Arc<T>, new: T) -> Result<Arc<T>>;
    fn update(&self, id: &str, change: &dyn Fn(&mut T)) -> Result<Option<Arc<T>>>;
    fn try_update(&self, id: &str, change: &dyn Fn(&mut T) -> Result<()>)
    -> Result<Option<Arc<T>>>;
    fn delete(&self, id: &str) -> Result<Option<Arc<T>>>;
    fn clear(&self) -> Result<u64>;
    fn apply(&self, ops: Vec<Op<T>>) -> Result<Vec<Outcome<T>>>;
}

/// Ends a write; its value must be the same however one waits.
pub fn end<R: Unpin>(write: Write<R>, wait: Wait) -> R {
    match wait {
        Wait::Block => write.wait().unwrap(),
        Wait::Await => pollster::block_on(write).unwrap(),
        Wait::Detach => write.into_visible().unwrap(),
    }
}

/// A repository, outside of a transaction.
pub struct Alone<'a, T: Form> {
    pub repo: &'a AnyRepository<T>,
    pub wait: Wait,
    /// The place in the store's order that the last write says it has.
    pub sequence: &'a Cell<Option<u64>>,
}

impl<T: Form> Alone<'_, T> {
    fn end<R: Unpin>(&self, write: Result<Write<R>>) -> Result<R> {
        let write = write?;
        self.sequence.set(write.sequence());
        Ok(end(write, self.wait))
    }
}

impl<T: Form> Desk<T> for Alone<'_, T> {
    fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.repo.get(id)
    }
    fn find(&self, query: Query<T>) -> Result<Vec<Arc<T>>> {
        self.repo.find(query)
    }
    fn find_first(&self, query: Query<T>) -> Result<Option<Arc<T>>> {
        self.repo.find_first(query)
    }
    fn count(&self, query: Query<T>) -> Result<u64> {
        self.repo.count(query)
    }
    fn save(&self, record: T) -> Result<Arc<T>> {
        self.end(self.repo.save(record))
    }
    fn insert(&self, record: T) -> Result<Arc<T>> {
        self.end(self.repo.insert(record))
    }
    fn save_all(&self, records: Vec<T>) -> Result<Vec<Arc<T>>> {
        self.end(self.repo.save_all(records))
    }
    fn replace(&self, read: &Arc<T>, new: T) -> Result<Arc<T>> {
        self.end(self.repo.replace(read, new))
    }
    fn update(&self, id: &str, change: &dyn Fn(&mut T)) -> Result<Option<Arc<T>>> {
        self.end(self.repo.update(id, change))
    }
    fn try_update(
        &self,
        id: &str,
        change: &dyn Fn(&mut T) -> Result<()>,
    ) -> Result<Option<Arc<T>>> {
        self.end(self.repo.try_update(id, change))
    }
    fn delete(&self, id: &str) -> Result<Option<Arc<T>>> {
        self.end(self.repo.delete(id))
    }
    fn clear(&self) -> Result<u64> {
        self.end(self.repo.clear())
    }
    fn apply(&self, ops: Vec<Op<T>>) -> Result<Vec<Outcome<T>>> {
        self.end(self.repo.apply(ops))
    }
}

impl<T: Form> Desk<T> for Scope<'_, T> {
    fn get(&self, id: &str) -> Result<Option<Arc<T>>> {
        Scope::get(self, id)
    }
    fn find(&self, query: Query<T>) -> Result<Vec<Arc<T>>> {
        Scope::find(self, query)
    }
    fn find_first(&self, query: Query<T>) -> Result<Option<Arc<T>>> {
        Scope::find_first(self, query)
    }
    fn count(&self, query: Query<T>) -> Result<u64> {
        Scope::count(self, query)
    }
    fn save(&self, record: T) -> Result<Arc<T>> {
        Scope::save(self, record)
    }
    fn insert(&self, record: T) -> Result<Arc<T>> {
        Scope::insert(self, record)
    }
    fn save_all(&self, records: Vec<T>) -> Result<Vec<Arc<T>>> {
        Scope::save_all(self, records)
    }
    fn replace(&self, read: &Arc<T>, new: T) -> Result<Arc<T>> {
        Scope::replace(self, read, new)
    }
    fn update(&self, id: &str, change: &dyn Fn(&mut T)) -> Result<Option<Arc<T>>> {
        Scope::update(self, id, change)
    }
    fn try_update(
        &self,
        id: &str,
        change: &dyn Fn(&mut T) -> Result<()>,
    ) -> Result<Option<Arc<T>>> {
        Scope::try_update(self, id, change)
    }
    fn delete(&self, id: &str) -> Result<Option<Arc<T>>> {
        Scope::delete(self, id)
    }
    fn clear(&self) -> Result<u64> {
        Scope::clear(self)
    }
    fn apply(&self, ops: Vec<Op<T>>) -> Result<Vec<Outcome<T>>> {
        Scope::apply(self, ops)
    }
}
