//! How much memory this process uses, by Linux's own account.
//!
//! Elsewhere nothing is known, and the tables say so.

/// What is in memory now, in bytes.
pub(crate) fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// The most there was since the start, or since [`forget_peak`].
pub(crate) fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// From now on the peak is counted anew.
pub(crate) fn forget_peak() {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is no file, but how Linux is told"
    )]
    // Where that cannot be done, the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
