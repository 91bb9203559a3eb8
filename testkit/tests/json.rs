//! The JSON backend holds every case.

#[path = "setups/counted.rs"]
mod counted;
#[path = "setups/json.rs"]
mod setup;

use counted::Counted;
use setup::Json;

const SUITE: &str = "conformance of JSON";

larder_testkit::conformance!(json, Counted::new(SUITE, Json::new()));

#[test]
fn what_does_not_apply_is_counted() {
    counted::list(SUITE, &Json::new());
}
