//! Numbers as JavaScript writes them.
//!
//! Owns [`Cost`]: a float that is written without a fraction where it has none, so that a file that
//! another program wrote does not change by being saved.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};

/// Up to here every whole number is a float, and the other way round.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// An amount of money; `0` and not `0.0` in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Deserialize)]
#[serde(transparent)]
pub struct Cost(pub f64);

impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(amount) = *self;
        if amount.fract() == 0.0
            && amount.abs() < EXACT
            && (amount != 0.0 || amount.is_sign_positive())
        {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole, and in range")]
            return serializer.serialize_i64(amount as i64);
        }
        serializer.serialize_f64(amount)
    }
}

impl JsonSchema for Cost {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cost".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        f64::json_schema(generator)
    }
}
