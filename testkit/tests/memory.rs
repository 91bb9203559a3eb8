//! The store in memory holds every case that applies to it.

larder_testkit::conformance!(memory, larder_testkit::Memory, without [Keep, Crash, Plant, Fail]);
