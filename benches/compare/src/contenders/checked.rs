//! The validated load that people write first: everything to `Value`, validated, then to the type.
//!
//! It only opens: what it would write is what [`ByHand`](super::by_hand::ByHand) writes.

use serde_json::Value;

use super::by_hand::{ByHand, Maps};
use super::{Contender, Place};
use crate::outcome::{Outcome, fail};
use crate::records::Session;

pub(crate) struct Checked(Maps);

impl Contender for Checked {
    type Held = ();

    fn open(place: &Place) -> Outcome<Self> {
        let path = place.file("sessions.json");
        if !path.exists() {
            // So that there is something to open.
            let by_hand = ByHand::open(place)?;
            by_hand.fill(place.records)?;
        }
        let schema = serde_json::to_value(schemars::schema_for!(Session))?;
        let validator = jsonschema::validator_for(&schema)?;
        let records: Vec<Value> = serde_json::from_slice(&std::fs::read(&path)?)?;
        let mut sessions = Vec::with_capacity(records.len());
        for record in records {
            if !validator.is_valid(&record) {
                return fail("a record is not valid");
            }
            sessions.push(serde_json::from_value(record)?);
        }
        Ok(Self(Maps::of(sessions)))
    }

    fn fill(&self, records: u64) -> Outcome {
        if self.0.len() as u64 == records {
            Ok(())
        } else {
            fail("there are not as many records as there should be")
        }
    }

    fn get(&self, id: &str) -> Outcome<Option<()>> {
        Ok(self.0.get(id)?.map(|_| ()))
    }
}
