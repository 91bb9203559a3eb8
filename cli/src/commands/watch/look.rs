//! Looking at a store again and again.
//!
//! Owns [`Watch`]: which looks are believed, and what becomes of what cannot be read. How a store is
//! read is the source's, and what is done with changes the caller's.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::ops::ControlFlow;
use std::time::Duration;

use super::seen::{Change, Now, Seen};
use super::source::{Marks, Source};
use super::stop::Stop;
use crate::failure::Failure;
use crate::output::note;

/// How often one look begins again because the store was changed meanwhile. Then what was read is
/// believed: it is right record by record, and the next look tells the rest.
const TRIES: u32 = 3;

/// How often, and how long each time, is waited for a commit of several files that is under way. One
/// that takes longer is believed to be what a crash left.
const COMMIT_PAUSES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// Collections that were read and compared, and not yet accepted.
type Staged = Vec<(String, (Now, Vec<Change>))>;

/// A store that is looked at.
pub(super) struct Watch<'s> {
    source: Box<dyn Source>,
    seen: Seen,
    /// What the store was at the last look.
    marks: Marks,
    /// What was told of each collection that cannot be read; of the store itself under no name.
    troubles: BTreeMap<String, String>,
    stop: &'s Stop,
}

impl Watch<'_> {
    pub(super) fn new(source: Box<dyn Source>, keeps: bool, stop: &Stop) -> Watch<'_> {
        Watch {
            source,
            seen: Seen::new(keeps),
            marks: Marks::default(),
            troubles: BTreeMap::new(),
            stop,
        }
    }

    /// How many records were seen, and in how many collections.
    pub(super) fn counts(&self) -> (usize, usize) {
        self.seen.counts()
    }

    /// The first look: what is there is what changes are told of. It is given record by record, so
    /// that not all of it is in memory. What cannot be read is an error here, because nothing is known
    /// of it yet.
    pub(super) fn begin(
        &mut self,
        mut tell: impl FnMut(&str, Change) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let marks = self.source.marks()?;
        for name in marks.collections.keys() {
            let mut stage = self.seen.stage(name);
            let mut told = Ok(());
            self.source.read(name, &mut |id, record| {
                if let Some(change) = stage.take(id, record) {
                    told = tell(name, change);
                }
                if told.is_err() || self.stop.is_stopped() {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
            told?;
            if self.stop.is_stopped() {
                return Ok(());
            }
            let (now, _) = stage.finish();
            self.seen.accept(name.clone(), now);
        }
        self.marks = marks;
        Ok(())
    }

    /// What is another since the last look, by collection. What cannot be read is told to standard
    /// error, and is as it was seen last.
    pub(super) fn look(&mut self) -> Vec<(String, Vec<Change>)> {
        match self.try_look() {
            Ok(changes) => {
                self.is_well("");
                changes
            }
            Err(failure) => {
                self.tell("", &failure);
                Vec::new()
            }
        }
    }

    fn try_look(&mut self) -> Result<Vec<(String, Vec<Change>)>, Failure> {
        let (mut tries, mut pauses) = (0, 0);
        loop {
            let marks = self.source.marks()?;
            if marks == self.marks {
                return Ok(Vec::new());
            }
            if !marks.are_settled(&self.marks) && pauses < COMMIT_PAUSES {
                pauses += 1;
                if self.stop.wait(PAUSE) {
                    return Ok(Vec::new());
                }
                continue;
            }
            let (staged, failed) = self.stage(&marks);
            if self.stop.is_stopped() {
                return Ok(Vec::new());
            }
            tries += 1;
            if tries == TRIES || self.source.marks()? == marks {
                return Ok(self.accept(marks, staged, failed));
            }
        }
    }

    /// Reads and compares what has other marks than at the last look.
    fn stage(&mut self, marks: &Marks) -> (Staged, Vec<(String, Failure)>) {
        let mut staged = Staged::new();
        let mut failed = Vec::new();
        for (name, mark) in &marks.collections {
            if self.marks.collections.get(name) == Some(mark) {
                continue;
            }
            let mut stage = self.seen.stage(name);
            let read = self.source.read(name, &mut |id, record| {
                stage.keep(id, record);
                if self.stop.is_stopped() {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            match read {
                // What was not read to its end is worth nothing.
                _ if self.stop.is_stopped() => break,
                Ok(()) => staged.push((name.clone(), stage.finish())),
                Err(failure) => failed.push((name.clone(), failure)),
            }
        }
        (staged, failed)
    }

    /// From now on this is what was seen.
    fn accept(
        &mut self,
        mut marks: Marks,
        staged: Staged,
        failed: Vec<(String, Failure)>,
    ) -> Vec<(String, Vec<Change>)> {
        for (name, failure) in failed {
            self.tell(&name, &failure);
            // With the mark of the last look it is read again at the next one.
            match self.marks.collections.remove(&name) {
                Some(mark) => marks.collections.insert(name, mark),
                None => marks.collections.remove(&name),
            };
        }
        let mut all = BTreeMap::new();
        let gone: Vec<String> = self
            .seen
            .collections()
            .filter(|name| !marks.collections.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            let (_, changes) = self.seen.stage(&name).finish();
            self.seen.forget(&name);
            all.insert(name, changes);
        }
        for (name, (now, changes)) in staged {
            self.is_well(&name);
            self.seen.accept(name.clone(), now);
            all.insert(name, changes);
        }
        self.marks = marks;
        all.into_iter().collect()
    }

    /// Tells what is wrong, once.
    fn tell(&mut self, name: &str, failure: &Failure) {
        let mut message = failure.to_string();
        let mut cause = failure.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        if self.troubles.get(name) != Some(&message) {
            note(format_args!("{message}; still watching"));
            self.troubles.insert(name.to_owned(), message);
        }
    }

    /// What was wrong is not any more.
    fn is_well(&mut self, name: &str) {
        if self.troubles.remove(name).is_some() {
            match name {
                "" => note(format_args!("the store can be read again")),
                name => note(format_args!("{name:?} can be read again")),
            }
        }
    }
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
