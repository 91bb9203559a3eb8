//! Durations as people write them: `1s`, `250ms`, `1m 30s`.
//!
//! Owns their text form in configuration files and URLs.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Parses `1s`, `250ms`, `0s`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let refuse = || format!("{text:?} is not a duration; write it as \"1s\", \"250ms\" or \"2m\"");
    let signed: SignedDuration = text.parse().map_err(|_| refuse())?;
    Duration::try_from(signed).map_err(|_| refuse())
}

/// For `#[serde(with = "duration")]` on an optional field.
#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
pub(crate) fn serialize<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration.map(SignedDuration::try_from) {
        Some(Ok(duration)) => serializer.serialize_str(&format!("{duration:#}")),
        Some(Err(_)) => Err(serde::ser::Error::custom("the duration is too long")),
        None => serializer.serialize_none(),
    }
}

/// For `#[serde(with = "duration")]` on an optional field.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse(&text))
        .transpose()
        .map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        assert_eq!(parse("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        for bad in ["", "1", "-1s", "soon"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
