//! What a collection may be called.
//!
//! Owns [`check_name`].

use crate::error::{Error, ErrorKind, Result};

/// Names that Windows gives to devices, whatever their extension.
const DEVICE_NAMES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Checks the name of a collection: it names a file, a table and a section of a configuration, on
/// every platform.
///
/// # Errors
///
/// [`ErrorKind::Config`] with the rule that is broken.
pub fn check_name(name: &str) -> Result<()> {
    let refuse = |rule: &'static str| {
        Err(Error::new(
            ErrorKind::Config,
            format!("{name:?} cannot name a collection: {rule}"),
        ))
    };
    let mut bytes = name.bytes();
    if !bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
    {
        return refuse("it must begin with a letter");
    }
    if !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return refuse("it may hold letters, digits, '-' and '_' only");
    }
    if name.len() > 64 {
        return refuse("it must not be longer than 64 characters");
    }
    let lower = name.to_ascii_lowercase();
    let numbered = |prefix: &str| {
        lower
            .strip_prefix(prefix)
            .is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']))
    };
    if DEVICE_NAMES.contains(&lower.as_str()) || numbered("com") || numbered("lpt") {
        return refuse("Windows reserves it for a device");
    }
    if lower.starts_with("larder_") || lower.starts_with("sqlite_") {
        return refuse("names with this beginning are reserved");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_files_tables_and_sections_everywhere() {
        for good in ["sessions", "monitor-runs", "A_1", "console", "com10"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in [
            "", "1a", "-a", "a.b", "a/b", "a b", "é", "NUL", "con", "COM1", "larder_x", &*long,
        ] {
            assert_eq!(
                check_name(bad).unwrap_err().kind(),
                ErrorKind::Config,
                "{bad}"
            );
        }
    }
}
