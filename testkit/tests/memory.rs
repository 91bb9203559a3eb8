//! The store in memory holds every case that applies to it.

#[path = "setups/counted.rs"]
mod counted;

use counted::Counted;

const SUITE: &str = "conformance of memory";

larder_testkit::conformance!(memory, Counted::new(SUITE, larder_testkit::Memory), without [Keep, Crash, Plant, Fail]);

#[test]
fn what_does_not_apply_is_counted() {
    counted::list(SUITE, &larder_testkit::Memory);
}
