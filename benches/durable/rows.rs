//! The records: their fields, their text, and which is saved when.
//!
//! It does not know where they are put.

pub(crate) const RECORDS: u64 = 10_000;
/// How long the JSON of a record is.
pub(crate) const BYTES: usize = 750;

pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) doc: String,
    pub(crate) channel: String,
    pub(crate) category: String,
}

pub(crate) fn id(number: u64) -> String {
    format!("session-{number}")
}

pub(crate) fn channel(number: u64) -> String {
    (1_200_000_000_000_000_000 + number).to_string()
}

pub(crate) fn category(number: u64) -> String {
    (1_100_000_000_000_000_000 + number / 20).to_string()
}

/// The row of this number, in the given version.
pub(crate) fn row(number: u64, version: u64) -> Row {
    let (id, channel, category) = (id(number), channel(number), category(number));
    let mut doc = format!(
        r#"{{"id":"{id}","channelId":"{channel}","categoryId":"{category}","version":{version},"summary":""#
    );
    let fill = (BYTES - 2).saturating_sub(doc.len());
    doc.extend(std::iter::repeat_n('x', fill));
    doc.push_str("\"}");
    Row {
        id,
        doc,
        channel,
        category,
    }
}

/// One of the records that are there, at random but the same for every way: number and version.
pub(crate) fn nth(thread: usize, n: u64) -> (u64, u64) {
    let mixed = mix((thread as u64) << 40 | n);
    (mixed % RECORDS, mixed)
}

/// The same as a row.
pub(crate) fn nth_row(thread: usize, n: u64) -> Row {
    let (number, version) = nth(thread, n);
    row(number, version)
}

fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
