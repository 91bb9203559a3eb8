//! The time in file names.
//!
//! Owns [`utc_stamp`], so that all copies that are kept beside a store are named alike. It tells
//! people when, and nothing relies on it: a clock may jump.

use jiff::Timestamp;

/// Now, in UTC, as it stands in a file name: `20261120T233345Z`.
#[must_use]
pub fn utc_stamp() -> String {
    let now = Timestamp::now();
    jiff::fmt::strtime::format("%Y%m%dT%H%M%SZ", now)
        .unwrap_or_else(|_| now.as_second().to_string())
}
