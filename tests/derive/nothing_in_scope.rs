//! The code names everything by its whole path: nothing that a module defines gets in its way.

#![allow(
    dead_code,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "that it is all there is all that is asked of it"
)]

struct Option;
struct Result;
struct Vec;
struct String;
trait AsRef {}
mod std {}
mod core {}

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, larder::Record)]
#[record(collection = "notes", check = Self::check)]
#[record(index(BY_BOTH = (id, text)))]
struct Note {
    #[record(id)]
    id: ::std::string::String,
    #[record(index)]
    text: ::std::option::Option<::std::boxed::Box<str>>,
    #[record(index)]
    list: ::std::vec::Vec<u8>,
    #[record(expires)]
    until: ::std::option::Option<u64>,
}

impl Note {
    fn check(&self) -> ::std::result::Result<(), larder::Violation> {
        Ok(())
    }
}

#[test]
fn a_derive_names_everything_by_its_whole_path() {
    let indexes = <Note as larder::Record>::indexes();
    assert_eq!(indexes.len(), 3);
    assert!(<Note as larder::Record>::expiry().is_some());
}
