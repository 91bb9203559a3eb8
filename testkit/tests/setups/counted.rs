//! A setup whose cases are counted: those that hold and those that fail.
//!
//! Owns [`Counted`], around the setup of a backend, and [`list`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use larder_core::{Collection, Data, Options, Repository, Result};
use larder_figures::{Kind, LISTED, Proof};
use larder_testkit::{Ability, Setup, cases};

/// A setup of one case. The case has failed if it is dropped in a panic.
pub(crate) struct Counted<S> {
    inner: S,
    suite: &'static str,
    /// The thread of a test has its name, unless there is only one.
    case: String,
    /// Begun when the store is opened the first time: not every setup that is made is for a case.
    proof: OnceLock<Proof>,
}

impl<S> Counted<S> {
    pub(crate) fn new(suite: &'static str, inner: S) -> Self {
        static OTHERS: AtomicUsize = AtomicUsize::new(0);
        let thread = std::thread::current();
        let case = match thread.name() {
            Some(name) if name != "main" => name.to_owned(),
            _ => format!("case {}", OTHERS.fetch_add(1, Ordering::SeqCst)),
        };
        Self {
            inner,
            suite,
            case,
            proof: OnceLock::new(),
        }
    }
}

impl<S> Drop for Counted<S> {
    fn drop(&mut self) {
        if let Some(proof) = self.proof.take()
            && !std::thread::panicking()
        {
            proof.done(&[(Kind::Cases, 1)]);
        }
    }
}

/// Says how many cases there are to hold, and how many do not apply.
pub(crate) fn list<S: Setup>(suite: &str, setup: &S) {
    let proof = Proof::begin(suite, LISTED);
    let all = cases::all::<S>();
    let others = all.iter().filter(|it| it.missing(setup).is_some()).count();
    proof.done(&[
        (Kind::Cases, (all.len() - others) as u64),
        (Kind::NotApplicable, others as u64),
    ]);
}

impl<S: Setup> Setup for Counted<S> {
    type Store = S::Store;

    fn open(&self, options: Options) -> Result<S::Store> {
        self.proof
            .get_or_init(|| Proof::begin(self.suite, &self.case));
        self.inner.open(options)
    }

    fn collection<T: Data>(
        &self,
        store: &S::Store,
        collection: Collection<T>,
    ) -> Result<Arc<dyn Repository<T>>> {
        self.inner.collection(store, collection)
    }

    fn abilities(&self) -> &[Ability] {
        self.inner.abilities()
    }

    fn crash(&self) {
        self.inner.crash();
    }

    fn plant(&self, collection: &str, records: &[&str]) {
        self.inner.plant(collection, records);
    }

    fn fail(&self, failing: bool) {
        self.inner.fail(failing);
    }

    fn fail_times(&self, times: u32) -> bool {
        self.inner.fail_times(times)
    }
}
