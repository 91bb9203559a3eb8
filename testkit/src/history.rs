//! Random writes, the same each time: few records with few keys, so that they meet, and many that are refused.
//!
//! Owns [`Numbers`] and [`history`]. What is compared after them is `agreement.rs`.

use larder_core::{BackendExt, Op, RepositoryExt};

use crate::pantry::Pantry;
use crate::records::{Jar, jar, recipe};
use crate::setup::Setup;

/// A generator that gives the same numbers each time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX; its high bits are good enough to choose among a few.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    /// A jar with few ids and few keys, so that they meet.
    fn jar(&mut self) -> Jar {
        let label = self.one_of(&["", "x", "y", "z", "v", "w"]).to_owned();
        let contents = (0..self.below(4)).map(|_| self.one_of(&["a", "b", "c"]).to_owned());
        Jar {
            contents: contents.collect(),
            label: Some(label).filter(|label| !label.is_empty()),
            shelf: self.one_of(&["top", "low", "x"]).to_owned(),
            row: [None, Some(-1), Some(0), Some(2)][usize::try_from(self.below(4)).unwrap()],
            place: [None, None, Some(1), Some(2)][usize::try_from(self.below(4)).unwrap()],
            // One in sixteen is refused.
            grams: if self.below(16) == 0 { 1001 } else { 1 },
            ..jar(self.one_of(&["a", "b", "c", "d", "e"]))
        }
    }

    fn op(&mut self) -> Op<Jar> {
        let jar = self.jar();
        match self.below(12) {
            0 => Op::insert(jar),
            1 | 2 => Op::delete(jar.id),
            3 if self.below(4) == 0 => Op::Clear,
            _ => Op::save(jar),
        }
    }
}

/// Saves, inserts, updates, deletes, clears, lists and transactions; many of them refused.
pub(crate) fn history<S: Setup>(it: &Pantry<'_, S>, numbers: &mut Numbers, steps: usize) {
    for _ in 0..steps {
        let jar = numbers.jar();
        let done = match numbers.below(8) {
            0 => it.jars.insert(jar).is_ok(),
            1 => it.jars.delete(&jar.id).is_ok(),
            2 | 3 => {
                let id = jar.id.clone();
                it.jars.update(&id, |there| *there = jar.clone()).is_ok()
            }
            4 => {
                let list = (0..=numbers.below(3)).map(|_| numbers.op()).collect();
                it.jars.apply(list).is_ok()
            }
            5 => {
                let lists: Vec<Vec<Op<Jar>>> = (0..=numbers.below(2))
                    .map(|_| (0..=numbers.below(1)).map(|_| numbers.op()).collect())
                    .collect();
                let goes_on = numbers.below(2) == 0;
                it.store
                    .transaction(|tx| {
                        for list in lists {
                            let done = tx.of::<Jar>()?.apply(list);
                            if !goes_on {
                                done?;
                            }
                        }
                        tx.save(recipe("r", 1))
                    })
                    .is_ok()
            }
            _ => it.jars.save(jar).is_ok(),
        };
        // Either way is right; that both happen is seen to below.
        let _ = done;
    }
}
