//! Tests of `backup.rs`: how a file comes to its name.

#![allow(
    clippy::disallowed_methods,
    reason = "a file of a test is no store, and somebody else wrote it"
)]

use super::*;

struct Case {
    dir: TempDir,
}

impl Case {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, name: &str, bytes: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    fn wanted(&self, name: &str, overwrite: bool) -> Result<Wanted, Failure> {
        Wanted::new(self.dir.path().join(name).to_str().unwrap(), overwrite)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Makes a file beside what is wanted, and gives it the name.
fn make(wanted: &Wanted, bytes: &str) -> Result<(), Failure> {
    let beside = wanted.dir_beside()?;
    let made = beside.path().join(&wanted.name);
    fs::write(&made, bytes).unwrap();
    fs::write(beside.path().join("something else"), "").unwrap();
    wanted.publish(&made)
}

#[track_caller]
fn refused<T>(result: Result<T, Failure>, says: &str) {
    let Err(failure) = result else {
        panic!("not refused");
    };
    assert_eq!(failure.code(), 2);
    assert!(failure.to_string().contains(says), "{failure}");
}

#[test]
fn a_backup_comes_whole_and_leaves_nothing_beside() {
    let case = Case::new();
    make(&case.wanted("b.db", false).unwrap(), "new").unwrap();
    assert_eq!(
        (&*case.read("b.db"), case.names()),
        ("new", vec!["b.db".to_owned()])
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(case.dir.path().join("b.db"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_told_so() {
    let case = Case::new();
    let wanted = case.wanted("b.db", false).unwrap();
    case.write("b.db", "old");
    refused(case.wanted("b.db", false), "--overwrite");
    // It came while the backup was made.
    refused(make(&wanted, "new"), "cannot give the backup the name");
    assert_eq!(case.read("b.db"), "old");
    make(&case.wanted("b.db", true).unwrap(), "new").unwrap();
    assert_eq!(
        (&*case.read("b.db"), case.names()),
        ("new", vec!["b.db".to_owned()])
    );
}

#[test]
fn a_database_that_somebody_has_open_is_not_replaced() {
    for suffix in ["-wal", "-shm", "-journal"] {
        for bytes in ["log", ""] {
            let case = Case::new();
            case.write("b.db", "old");
            let wanted = case.wanted("b.db", true).unwrap();
            let beside = case.write(&format!("b.db{suffix}"), bytes);
            let says = format!("is or was open, because {} is there", beside.display());
            refused(wanted.check_beside(), &says);
            // It came while the backup was made.
            refused(make(&wanted, "new"), &says);
            assert_eq!(case.read("b.db"), "old");
            fs::remove_file(beside).unwrap();
            make(&wanted, "new").unwrap();
            assert_eq!(case.read("b.db"), "new");
        }
    }
}

#[test]
fn a_new_file_does_not_come_to_the_log_of_an_old_one() {
    let case = Case::new();
    // Its database is gone.
    let log = case.write("b.db-wal", "log");
    let wanted = case.wanted("b.db", false).unwrap();
    refused(wanted.check_beside(), "is or was open");
    refused(make(&wanted, "new"), "is or was open");
    fs::remove_file(log).unwrap();
    make(&wanted, "new").unwrap();
}

#[test]
fn what_cannot_be_a_file_is_refused() {
    let case = Case::new();
    fs::create_dir(case.dir.path().join("d")).unwrap();
    refused(case.wanted("d", true), "is not a file");
    refused(case.wanted("d/..", true), "is not a file");
    refused(
        case.wanted("nowhere/b.db", false),
        "cannot look at the directory",
    );
    refused(Wanted::new("sqlite:b.db", false), "leave out sqlite:");
    refused(Wanted::new("", false), "has no name");
}

#[cfg(unix)]
#[test]
fn of_a_link_what_it_leads_to_is_replaced() {
    let case = Case::new();
    case.write("real.db", "old");
    std::os::unix::fs::symlink("real.db", case.dir.path().join("b.db")).unwrap();
    make(&case.wanted("b.db", true).unwrap(), "new").unwrap();
    assert_eq!(case.read("real.db"), "new");
    assert_eq!(case.names(), ["b.db", "real.db"]);
}
