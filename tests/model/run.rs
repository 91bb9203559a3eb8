//! Runs a history against a store and the reference at once, and compares every answer.
//!
//! Owns [`Runner`]. It knows a store only by its URL and by `AnyRepository`: a further backend
//! joins by its URL.

use std::fmt::Debug;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use larder::{AnyRepository, Cursor, ErrorKind, Query, Repository, RepositoryExt, Store, Write};

use crate::moves::Move;
use crate::query::{Ask, Handled, Order, Test, Via, asked};
use crate::rec::{COLLECTION, Rec};
use crate::reference::{Reference, TARGETS};

/// The store under test, the reference, and what a user would have in his hands meanwhile.
pub struct Runner<T: Handled> {
    /// `None` for a store that a restart would empty.
    dir: Option<String>,
    pub store: Store,
    pub repo: AnyRepository<T>,
    pub reference: Reference,
    pub reads: Vec<(Arc<T>, Rec)>,
    pub page: Option<(Ask, Cursor, Rec)>,
    pub refusals: Vec<ErrorKind>,
}

fn url(dir: &str, slow: bool) -> String {
    let debounce = if slow { "1h" } else { "0s" };
    format!("{dir}?debounce={debounce}&durability=process-crash&on_invalid=reject")
}

pub fn same<T: Handled>(found: &[Arc<T>], wanted: &[Rec], what: &dyn Debug) {
    assert!(
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| a.is(b)),
        "{what:?}\nfound  {found:#?}\nwanted {wanted:#?}"
    );
}

pub fn same_one<T: Handled>(found: Option<&Arc<T>>, wanted: Option<&Rec>, what: &dyn Debug) {
    let found: Vec<_> = found.cloned().into_iter().collect();
    same(
        &found,
        &wanted.cloned().into_iter().collect::<Vec<_>>(),
        what,
    );
}

impl<T: Handled> Runner<T> {
    /// On an empty store: `memory:`, or the place of one on disk.
    pub fn open(place: &str) -> Self {
        let dir = (place != "memory:").then(|| place.to_owned());
        let store = Store::open(dir.as_ref().map_or(place.to_owned(), |dir| url(dir, true)));
        let store = store.unwrap();
        let repo = store.collection(T::collection()).unwrap();
        Self {
            dir,
            store,
            repo,
            reference: Reference::default(),
            reads: Vec::new(),
            page: None,
            refusals: Vec::new(),
        }
    }

    /// The whole history, and at its end a restart and a look at everything. Gives what should be
    /// there now, and for which reasons writes were refused.
    pub fn run(mut self, history: &[Move]) -> (Reference, Vec<ErrorKind>) {
        for it in history {
            self.step(it);
            let all = self.repo.find(Query::all()).unwrap();
            let wanted: Vec<Rec> = self.reference.records().cloned().collect();
            same(&all, &wanted, it);
        }
        self.audit(true);
        self.reopen(false, false);
        self.audit(true);
        self.store.close().wait().unwrap();
        let refused = self.repo.find(Query::all()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Closed);
        let refused = self.repo.clear().map(Write::detach).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Closed);
        (self.reference, self.refusals)
    }

    /// Everything that the store knows, each index entry included; `deep` in every way to ask.
    pub fn audit(&self, deep: bool) {
        self.look(&Ask::default());
        let stats = self.repo.stats().unwrap();
        assert_eq!(stats.records, self.reference.records().len() as u64);
        for (target, it) in TARGETS.iter().enumerate().filter(|(_, it)| it.indexed) {
            let keys = self.reference.keys(target);
            let counted = stats.indexes.iter().find(|(name, _)| name == it.name);
            assert_eq!(
                counted.map(|(_, keys)| *keys),
                Some(keys.len() as u64),
                "{}",
                it.name
            );
            for key in keys {
                let bound = || Bound::Included(key.clone());
                let tests = [
                    Test::Is(key.clone()),
                    Test::Range(bound(), bound()),
                    Test::Range(bound(), Bound::Unbounded),
                    Test::Range(Bound::Unbounded, Bound::Excluded(key.clone())),
                ];
                for test in tests.into_iter().take(if deep { 4 } else { 1 }) {
                    let ask = Ask::one(target, test);
                    let found = self.repo.find(asked::<T>(&ask)).unwrap();
                    same(&found, &self.reference.find(&ask, None), &ask);
                }
            }
            if !deep {
                continue;
            }
            self.look(&Ask::one(target, Test::IsNone));
            for descending in [false, true].into_iter().filter(|_| !it.multi) {
                let order = vec![Order {
                    target,
                    via: Via::Name,
                    descending,
                }];
                self.look(&Ask {
                    order,
                    ..Ask::default()
                });
            }
        }
    }

    /// One query: what it finds, its number and its plan.
    pub fn look(&self, ask: &Ask) -> Vec<Arc<T>> {
        if ask.orders_by_a_list() {
            let answers = [
                self.repo.find(asked::<T>(ask)),
                self.repo.count(asked::<T>(ask)).map(|_| Vec::new()),
                self.repo.explain(asked::<T>(ask)).map(|_| Vec::new()),
            ];
            for answer in answers {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidQuery, "{ask:?}: {error}");
            }
            return Vec::new();
        }
        let wanted = self.reference.find(ask, None);
        let found = self.repo.find(asked::<T>(ask)).unwrap();
        same(&found, &wanted, ask);
        assert_eq!(
            self.repo.count(asked::<T>(ask)).unwrap(),
            wanted.len() as u64,
            "{ask:?}"
        );
        let first = self.repo.find_first(asked::<T>(ask)).unwrap();
        let wanted = self.reference.find(&ask.limited(Some(1)), None);
        same_one(first.as_ref(), wanted.first(), ask);
        let plan = self.repo.explain(asked::<T>(ask)).unwrap();
        assert_eq!(plan.rows, self.reference.records().len() as u64);
        assert!(plan.rows_read <= plan.rows, "{ask:?}: {plan}");
        if let Some(index) = plan.index() {
            assert!(
                TARGETS.iter().any(|it| it.indexed && it.name == index),
                "{plan}"
            );
        }
        found
    }

    /// The rest of a query, in pages, from here on.
    pub fn pages(&mut self, ask: &Ask, size: usize, from: Option<(&Cursor, &Rec)>, all: bool) {
        let ask = ask.limited(None);
        let wanted = self.reference.find(&ask, from.map(|(_, rec)| rec));
        let mut cursor = from.map(|(cursor, _)| cursor.clone());
        let mut found = Vec::new();
        loop {
            let mut query = asked::<T>(&ask).limit(size);
            if let Some(cursor) = &cursor {
                query = query.after(cursor.clone());
            }
            let counted = self.repo.count(query.clone()).unwrap();
            let page = self.repo.page(query).unwrap();
            assert_eq!(page.records.len() as u64, counted);
            found.extend(page.records);
            let Some(next) = page.next else { break };
            // As a client would keep it.
            let next: Cursor = next.to_string().parse().unwrap();
            assert!(found.len() < wanted.len(), "a page after the last: {ask:?}");
            self.misuse(&ask, &next);
            if !all {
                let last = wanted[found.len() - 1].clone();
                same(&found, &wanted[..found.len()], &ask);
                self.page = Some((ask, next, last));
                return;
            }
            cursor = Some(next);
        }
        same(&found, &wanted, &ask);
    }

    /// A cursor of another order is refused.
    fn misuse(&self, ask: &Ask, cursor: &Cursor) {
        let mut other = ask.clone();
        let position = other.order.len();
        other.order.push(Order {
            target: position,
            via: Via::Name,
            descending: false,
        });
        let refused = self
            .repo
            .find(asked::<T>(&other).after(cursor.clone()))
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidQuery);
    }

    pub fn reopen(&mut self, drop: bool, slow: bool) {
        let Some(dir) = self.dir.clone() else { return };
        if drop {
            // Dropping the last handle flushes; these are the last.
            let parking = Store::open("memory:").unwrap();
            self.repo = parking.collection(T::collection()).unwrap();
            self.store = parking;
        } else {
            self.store.close().wait().unwrap();
        }
        self.store = Store::open(url(&dir, slow)).unwrap();
        self.repo = self.store.collection(T::collection()).unwrap();
        assert!(
            self.repo.load_report().issues().is_empty(),
            "{:?}",
            self.repo.load_report()
        );
        self.reference.restart();
    }
}

/// The file of a closed store, read by any reader of JSON: the records in id order.
pub fn file_holds(dir: &Path, reference: &Reference) {
    let path = dir.join(format!("{COLLECTION}.json"));
    if reference.records().len() == 0 && !path.exists() {
        return; // Nothing was ever written.
    }
    let text = std::fs::read_to_string(path).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let found: Vec<String> = file["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    let wanted: Vec<String> = reference
        .records()
        .map(|rec| rec.json().to_string())
        .collect();
    assert_eq!(found, wanted);
    assert!(text.ends_with('\n'));
}
