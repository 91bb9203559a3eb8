//! `larder backup`.
//!
//! Owns how a backup comes to its name: made beside it where nobody looks, verified, and moved there
//! whole. What is in it, and verifying it, is `copy/`.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{TempDir, TempPath};

use super::copy::{Copied, Source, Target, Verified, is_same, read_back, report};
use crate::args::BackupArgs;
use crate::failure::{Failure, Outcome};
use crate::open::{Place, file_name};
use crate::output::{Output, note};

pub(super) fn run(args: &BackupArgs, out: &mut Output) -> Outcome {
    let from = Place::parse(&args.url)?;
    let wanted = Wanted::new(&args.file, args.overwrite)?;
    let source = Source::open(&from)?;
    wanted.check_is_not(&source)?;
    wanted.clear_beside();
    wanted.check_beside()?;
    let beside = wanted.dir_beside()?;
    let made = beside.path().join(&wanted.name);
    let place = Place::of_file(&made);
    let copied = snapshot(&source, &place)?;
    let verified = read_back(copied, &place)?;
    if verified.iter().all(Verified::is_ok) {
        wanted.publish(&made)?;
    } else {
        note(format_args!("no backup was made"));
    }
    report(&verified, &args.file, out)
}

/// Fills a new store file with what is in an open store, and closes it.
fn snapshot(source: &Source, place: &Place) -> Result<Vec<Copied>, Failure> {
    Target::open(source, place)?.fill(source, false)
}

/// The file that is to be the backup.
#[derive(Debug)]
struct Wanted {
    typed: String,
    /// Where it is to be; what leads there is no link.
    dir: PathBuf,
    name: PathBuf,
    overwrite: bool,
}

impl Wanted {
    /// Looks at the place, so that a mistake is told before any work is done.
    fn new(typed: &str, overwrite: bool) -> Result<Self, Failure> {
        let path = file_name(typed)?;
        let refuse = |why: &str| Err(Failure::Request(format!("{typed} {why}")));
        match fs::metadata(path) {
            Ok(meta) if !meta.is_file() => {
                return refuse("is not a file; name the file that is to be the backup");
            }
            Ok(_) if !overwrite => {
                return refuse("is there already; --overwrite replaces it");
            }
            _ => {}
        }
        // Of a link, what it leads to is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let Some(name) = path.file_name() else {
            return refuse("has no name of a file");
        };
        let dir = match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        Ok(Self {
            typed: typed.to_owned(),
            dir: dir.canonicalize().map_err(|error| Failure::File {
                what: format!("look at the directory of {typed}"),
                error,
            })?,
            name: name.into(),
            overwrite,
        })
    }

    fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    fn fail(&self, what: &str) -> impl Fn(io::Error) -> Failure {
        let what = format!("{what} {}", self.typed);
        move |error| Failure::File {
            what: what.clone(),
            error,
        }
    }

    /// Who only read an old backup, or ended without closing it, has left SQLite's files beside it.
    /// SQLite removes them when the last who has it open closes it, so to open and to close it tells
    /// whether somebody has. A file that is no store stays as it is.
    fn clear_beside(&self) {
        let store = Place::of_file(&self.path());
        if self.overwrite && fs::metadata(self.path()).is_ok() {
            // If this fails the files are still there, and that is told.
            let _ = store.writer().map(|store| store.close().wait());
        }
    }

    /// SQLite keeps these files beside a database as long as somebody has it open. Whoever has would
    /// go on writing to the old file, and lose that; and what stands in a log SQLite takes for the
    /// new file's own.
    fn check_beside(&self) -> Result<(), Failure> {
        for suffix in ["-wal", "-shm", "-journal"] {
            let mut beside = self.path().into_os_string();
            beside.push(suffix);
            let beside = PathBuf::from(beside);
            if fs::symlink_metadata(&beside).is_ok() {
                return Err(Failure::Request(format!(
                    "the database at {} is or was open, because {} is there: close it, or name \
                     another file",
                    self.typed,
                    beside.display()
                )));
            }
        }
        Ok(())
    }

    /// A backup is neither the store nor a part of it.
    fn check_is_not(&self, source: &Source) -> Result<(), Failure> {
        if is_same(source.path(), &self.path()) || is_same(source.path(), &self.dir) {
            return Err(Failure::Request(format!(
                "{} is in {}: put the backup elsewhere",
                self.typed,
                source.typed()
            )));
        }
        Ok(())
    }

    /// A directory for the time being, on the same file system. It goes away with everything in it:
    /// a database may leave more than its file.
    fn dir_beside(&self) -> Result<TempDir, Failure> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".larder-backup-");
        #[cfg(unix)]
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        #[cfg(unix)]
        builder.permissions(private);
        let what = "make a directory beside";
        builder.tempdir_in(&self.dir).map_err(self.fail(what))
    }

    /// Gives what was made its name: whole, and durable.
    fn publish(&self, made: &Path) -> Result<(), Failure> {
        let fail = self.fail("make the file for");
        #[cfg(unix)]
        fs::set_permissions(made, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .map_err(&fail)?;
        // Open for writing: elsewhere a file that is not cannot be synced.
        let file = OpenOptions::new().write(true).open(made).map_err(&fail)?;
        file.sync_all().map_err(&fail)?;
        drop(file);
        let made = TempPath::try_from_path(made).map_err(&fail)?;
        // Somebody may have come in the meantime.
        self.check_beside()?;
        let path = self.path();
        let moved = if self.overwrite {
            made.persist(&path)
        } else {
            made.persist_noclobber(&path)
        };
        moved.map_err(|refused| self.fail("give the backup the name")(refused.error))?;
        sync_dir(&self.dir).map_err(self.fail("make durable the name of"))
    }
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// No program can do so there.
#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
