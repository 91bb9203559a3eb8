//! The SQLite backend holds every case that applies to it. A flush fails when a sync of its log does, which
//! nobody outside can bring about; the backend's own tests do (`sqlite-backend/src/tests/`).

#[path = "setups/counted.rs"]
mod counted;
#[path = "setups/sqlite.rs"]
mod setup;

use counted::Counted;
use setup::Sqlite;

const SUITE: &str = "conformance of SQLite";

larder_testkit::conformance!(sqlite, Counted::new(SUITE, Sqlite::new()), without[Fail]);

#[test]
fn what_does_not_apply_is_counted() {
    counted::list(SUITE, &Sqlite::new());
}
