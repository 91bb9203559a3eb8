//! What arbitrary bytes must not do to Larder.
//!
//! Each function takes bytes, does something with them, and panics where a promise is broken. The tests of
//! this package call them with the seeds in `corpus/` and some thousand mutations of these. A fuzzer that
//! looks where the bytes lead calls them for as long as one likes, with Clang or GCC for C++ installed:
//!
//! ```text
//! cargo install cargo-fuzz
//! mkdir -p fuzz/libfuzzer/corpus/store_file
//! cargo fuzz run --fuzz-dir fuzz/libfuzzer --sanitizer none store_file \
//!     fuzz/libfuzzer/corpus/store_file fuzz/corpus/store_file
//! ```
//!
//! It keeps what leads to new places in the first directory, which git ignores, and begins with what is in both.
//! What it finds is made a seed in the second, and is tried by the tests from then on.
//!
//! | function | the bytes are | what must hold |
//! |---|---|---|
//! | [`store_file`] | a file of a collection | no panic; no record is lost that can be read; what is not understood is not written over |
//! | [`config`] | a configuration file or a URL | no panic; an error that says something |
//! | [`history`] | writes, crashes and restarts | each crash leaves a prefix that holds all that was acknowledged |
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a broken promise is a panic here, as fuzzers want it"
)]

mod config;
mod history;
mod oracle;
mod store_file;

pub use config::config;
pub use history::history;
pub use store_file::store_file;
