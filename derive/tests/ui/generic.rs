//! A record has no parameters.

use larder_derive::Record;

#[derive(Record)]
#[record(collection = "notes")]
struct Of<T> {
    #[record(id)]
    id: String,
    value: T,
}

#[derive(Record)]
#[record(collection = "notes")]
struct Borrowed<'a> {
    #[record(id)]
    id: String,
    value: &'a str,
}

#[derive(Record)]
#[record(collection = "notes")]
struct Sized<const N: usize> {
    #[record(id)]
    id: String,
    value: [u8; N],
}

fn main() {}
