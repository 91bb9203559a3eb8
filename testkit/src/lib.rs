//! What every backend of Larder promises, as tests that any backend can run.
//!
//! A backend is an implementation of [`larder_core::Backend`] and [`larder_core::Repository`]. The traits
//! say what they promise; the kit holds a backend to it. It needs to be told how a store is opened, which is
//! a [`Setup`], and then one line makes a test of each case:
//!
//! ```
//! use std::sync::Arc;
//! use larder_core::{Collection, Data, MemoryStore, Options, Repository, Result};
//! use larder_testkit::{Setup, conformance};
//!
//! struct Mine; // a place of its own: for a store on disk, a temporary directory
//!
//! impl Setup for Mine {
//!     type Store = MemoryStore;
//!
//!     fn open(&self, _options: Options) -> Result<MemoryStore> {
//!         Ok(MemoryStore::new())
//!     }
//!
//!     fn collection<T: Data>(
//!         &self,
//!         store: &MemoryStore,
//!         collection: Collection<T>,
//!     ) -> Result<Arc<dyn Repository<T>>> {
//!         Ok(Arc::new(store.collection(collection)?))
//!     }
//! }
//!
//! conformance!(mine, Mine, without [Keep, Crash, Plant, Fail, ReadOnly]);
//!
//! // The same without the test harness:
//! # fn main() {
//! let summary = larder_testkit::run(|| Mine);
//! println!("{summary}");
//! assert!(summary.is_sound());
//! # }
//! ```
//!
//! `cargo test` then runs `mine::visible::a_save_is_seen_by_the_next_read` and all the others, so a case that
//! fails has a name, and the documentation of the function of that name in [`cases`] says what was
//! promised.
//!
//! # What is not run is not passed
//!
//! Some promises can be tested only where a setup can do more than open a store: find again what was
//! closed, stop the machine, put records into a closed store as another program would, make a flush fail
//! ([`Ability`]). A setup says which of these it can. The cases that need another are *ignored* tests, with
//! the reason, and a [`Summary`] lists them. Nothing is skipped within a case. So for a store on disk:
//!
//! ```
//! use std::sync::Arc;
//! use larder_core::{Collection, Data, Options, Repository, Result};
//! use larder_json::JsonStore; // in the place of yours
//! use larder_testkit::{Ability, Setup, cases, conformance};
//!
//! struct Mine(tempfile::TempDir);
//!
//! impl Setup for Mine {
//!     type Store = JsonStore;
//!
//!     fn open(&self, options: Options) -> Result<JsonStore> {
//!         JsonStore::open(self.0.path(), options)
//!     }
//!
//!     fn collection<T: Data>(
//!         &self,
//!         store: &JsonStore,
//!         collection: Collection<T>,
//!     ) -> Result<Arc<dyn Repository<T>>> {
//!         Ok(Arc::new(store.collection(collection)?))
//!     }
//!
//!     fn abilities(&self) -> &[Ability] {
//!         &[Ability::Keep, Ability::ReadOnly]
//!     }
//! }
//!
//! conformance!(mine, Mine(tempfile::tempdir().unwrap()), without [Crash, Plant, Fail]);
//!
//! // A case is a function, and can be run by itself.
//! # fn main() {
//! cases::prefix::a_reopen_finds_everything(&Mine(tempfile::tempdir().unwrap()));
//! # }
//! ```
//!
//! # Histories
//!
//! A case looks at one thing. [`model`] runs random histories of all of them, with transactions, reopens and
//! crashes, against a map, and finds the shortest that fails; it drives a store of your own over a
//! repository, too.
//!
//! # What a case does
//!
//! It opens a store in its setup, does what its documentation says, and panics with what is wrong. It waits for
//! no time but in two cases that look, again and again, whether something has become durable by itself. A
//! backend that waits for itself where it should refuse (a nested transaction) hangs, and so does the case.
//!
//! | group | what is promised |
//! |---|---|
//! | [`visible`](cases::visible) | when a write returns, every later read sees it, whole |
//! | [`durable`](cases::durable) | a write that was awaited is found after the machine has stopped |
//! | [`pending`](cases::pending) | a failed flush is told, and nothing is forgotten |
//! | [`prefix`](cases::prefix) | what a crash leaves is what was after some of the writes, in order |
//! | [`rejected`](cases::rejected) | what cannot come in is told, and its exact bytes are kept |
//! | [`accepted`](cases::accepted) | what `save` accepts, `open` accepts, and it comes back as it was |
//! | [`versions`](cases::versions) | older data is migrated, newer data is not touched, unknown fields stay |
//! | [`refused`](cases::refused) | a refused write changes nothing, whatever the verb and the reason |
//! | [`indexes`](cases::indexes) | indexes agree with records after any history |
//! | [`queries`](cases::queries) | order, limit and plan, and what is no query |
//! | [`conditions`](cases::conditions) | what holds for which key, with an index and without |
//! | [`pages`](cases::pages) | cursors, while records come and go |
//! | [`conflicts`](cases::conflicts) | who is too late is told what is there, and of many one wins |
//! | [`transactions`](cases::transactions) | all of it or nothing; it sees what it wrote |
//! | [`isolation`](cases::isolation) | nobody sees a transaction before its end, or in part |
//! | [`changes`](cases::changes) | every change is told once, in order, when it is visible |
//! | [`readers`](cases::readers) | how changes are waited for, what a slow reader is told, how it ends |
//! | [`lifecycle`](cases::lifecycle) | opening, closing, owning, reading only |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "all of this is test code: a case says what is wrong by panicking"
)]

mod agreement;
mod case;
pub mod cases;
mod double;
mod history;
mod macros;
pub mod model;
mod pantry;
pub mod records;
mod setup;

pub use case::{Case, Summary, run};
#[doc(hidden)]
pub use case::{check_claims, does_not_apply};
pub use double::{Double, Doubled};
pub use setup::{Ability, Memory, Setup};
