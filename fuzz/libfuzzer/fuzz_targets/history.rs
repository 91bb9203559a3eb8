//! Bytes from libFuzzer; what they must not do is told at `larder_fuzz::history`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| larder_fuzz::history(bytes));
