//! The JSON backend holds every case on a disk that forgets: a crash is a loss of power, and may take whatever
//! was not synced.
//!
//! Owns the setup on the simulated disk. The cases stop the machine between two calls of the store; the
//! backend's own tests (`json-backend/src/tests/crash/`) do so between two calls of the disk, and look at
//! every survivor.

#[path = "setups/counted.rs"]
mod counted;
#[path = "setups/simulated.rs"]
mod setup;

use counted::Counted;
use setup::Simulated;

const SUITE: &str = "conformance of JSON, losing power";

larder_testkit::conformance!(json_power, Counted::new(SUITE, Simulated::new()));

#[test]
fn what_does_not_apply_is_counted() {
    counted::list(SUITE, &Simulated::new());
}
