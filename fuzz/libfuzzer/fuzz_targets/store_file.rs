//! Bytes from libFuzzer; what they must not do is told at `larder_fuzz::store_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| larder_fuzz::store_file(bytes));
