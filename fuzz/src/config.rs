//! Bytes as a configuration.
//!
//! Owns [`config`].

use larder::{Error, ErrorKind, Store, StoreConfig};

/// Reads the bytes as TOML, as JSON or as a URL, as the first of them says. What they mean is either
/// understood or refused with an error that says why; nothing is opened or created.
pub fn config(bytes: &[u8]) {
    let Some((form, text)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    match form % 3 {
        0 => match toml::from_str::<StoreConfig>(text) {
            Ok(config) => understood(config),
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        1 => match serde_json::from_str::<StoreConfig>(text) {
            Ok(config) => understood(config),
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        _ => understood(StoreConfig::new(text)),
    }
}

/// Asks who holds the store: that makes sense of the whole configuration, and creates nothing.
fn understood(config: StoreConfig) {
    if let Err(error) = Store::holder(config) {
        refused(&error);
    }
}

fn refused(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(!error.to_string().trim().is_empty(), "{error:?}");
}
