//! The code names everything by its whole path: nothing that a module defines gets in its way.

#![allow(dead_code)]

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

fn main() {
    let indexes = <Note as larder::Record>::indexes();
    assert_eq!(indexes.len(), 3);
    assert!(<Note as larder::Record>::expiry().is_some());
}
