//! A derive where everything is forbidden that can be.

#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    dead_code,
    unused
)]
#![deny(
    non_upper_case_globals,
    deprecated,
    private_interfaces,
    missing_debug_implementations
)]

mod inner {
    use larder::Record;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize, JsonSchema, Record)]
    #[record(collection = "notes", index(by_both = (id, turn)))]
    pub(crate) struct Note {
        #[record(id)]
        pub id: String,
        #[record(index)]
        turn: u64,
        #[deprecated]
        #[record(unique)]
        old: Option<u8>,
        größe: u8,
    }
}

#[test]
fn a_derive_is_free_of_warnings() {
    let _ = std::any::type_name::<inner::Note>();
}
