//! The SQLite backend holds every case that applies to it. A flush fails when a sync of its log does, which
//! nobody outside can bring about; the backend's own tests do (`sqlite-backend/src/tests/`).

#[path = "setups/sqlite.rs"]
mod setup;

use setup::Sqlite;

larder_testkit::conformance!(sqlite, Sqlite::new(), without[Fail]);
