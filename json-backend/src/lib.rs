//! The JSON backend of Larder: a store is a directory, a collection is one plain JSON file.
//!
//! Applications open it through the `larder` crate (`Store::open("json:./data")`). Here are
//! [`JsonStore`] and [`JsonRepository`] for those who want no other backend.
//!
//! # The file
//!
//! ```text
//! {"larder":1,"collection":"sessions","version":2,"records":[
//! {"id":"a",...},
//! {"id":"b",...}
//! ],"digest":"xxh3:5d1c..."}
//! ```
//!
//! One record per line, in id order, fields in the order they were written. A bare array of
//! records, as other programs write it, is read too, and stays a bare array in the order and
//! layout it was found in.
//!
//! # What is durable when
//!
//! A save changes memory and returns; reads never touch the disk. A flush writes a new file beside
//! the old one, syncs it, renames it into place and syncs the directory; only then is anybody told
//! `Ok`. So the file is the old one or the new one, whole, whatever happens in between. Sources:
//! `rename(2)` ("atomically replaced") and `fsync(2)` ("an explicit `fsync()` on a file descriptor
//! for the directory is also needed") of the Linux man-pages.
//!
//! A flush of several collections replaces their files as one: the new contents are written and synced
//! beside the old ones, a small file `larder.commit` names them, and when that is durable they are
//! renamed into place. Opening a store finishes what a crash left of it. So across collections, too, a
//! crash leaves the state after some prefix of the writes.
//!
//! Each flush rewrites the whole file of every collection that changed. Up to some ten thousand records
//! that is a matter of milliseconds; beyond 64 MB a warning says so.
//!
//! # Crashes in tests
//!
//! With the feature `sim` there is `sim::SimDisk`, a disk in memory that forgets what was not synced: a
//! program can crash its own store after every single call of the disk and look at what is left.

mod age;
mod backup;
mod commit;
mod commit_record;
mod committed_view;
mod cursor;
mod definition;
mod disk;
mod error;
mod files;
mod findings;
mod format;
mod gate;
mod image;
mod load;
mod lock;
mod medium;
mod names;
mod opening;
mod outline;
mod publish;
mod quarantine;
mod real_disk;
mod record_file;
mod recover;
mod repository;
mod salvage;
mod salvage_inline;
mod scan;
mod store;
mod style;

#[cfg(any(test, feature = "sim"))]
pub mod sim;
#[cfg(test)]
mod tests;

pub use record_file::{Damaged, FileRecord, RecordFile};
pub use repository::JsonRepository;
pub use store::JsonStore;
