//! The JSON backend holds every case.

#[path = "setups/json.rs"]
mod setup;

use setup::Json;

larder_testkit::conformance!(json, Json::new());
