//! That pieces of a loaded file are written as its records would be, one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder_core::backend::EntryChange;
use proptest::prelude::*;

use super::Image;
use crate::format::{FileWriter, Shape};
use crate::scan::{Expected, scan};

const COLLECTION: &str = "notes";

/// The text of a record, laid out as an editor might.
fn text(id: u8, value: u8, layout: u8) -> String {
    match layout {
        0 => format!("{{\"id\":\"{id}\",\"v\":{value}}}"),
        1 => format!("{{ \"id\": \"{id}\", \"v\": {value} }}"),
        2 => format!("{{\n  \"id\": \"{id}\",\n  \"v\": {value}\n}}"),
        _ => format!("{{\"id\":\"{id}\",\r\n\"v\":{value}}}"),
    }
}

fn arb_change() -> impl Strategy<Value = EntryChange> {
    let put = |(id, value, layout): (u8, u8, u8)| EntryChange::Put {
        id: id.to_string().into(),
        text: text(id, value, layout).into(),
    };
    prop_oneof![
        6 => (0_u8..12, any::<u8>(), 0_u8..4).prop_map(put),
        3 => (0_u8..12).prop_map(|id| EntryChange::Delete { id: id.to_string().into() }),
        1 => Just(EntryChange::Clear),
    ]
}

/// A file of these records, in this order, with this between them; and the image of it.
fn image(records: &[(u8, u8)], between: &str) -> Image {
    let mut file =
        format!("{{\"larder\":1,\"collection\":\"{COLLECTION}\",\"version\":1,\"records\":[\n");
    for (nth, (id, layout)) in records.iter().enumerate() {
        let comma = if nth == 0 { "" } else { between };
        file.push_str(comma);
        file.push_str(&text(*id, 0, *layout));
    }
    file.push_str("\n]}\n");
    let expected = Expected {
        collection: COLLECTION,
        version: 1,
    };
    let found = scan(file.as_bytes(), &expected);
    let ids = records.iter().map(|(id, _)| Arc::from(id.to_string()));
    let rows: Vec<_> = ids
        .zip((0..).zip(&found.records))
        .map(|(id, (place, span))| (id, span.start..span.end, place, None))
        .collect();
    assert_eq!(rows.len(), records.len());
    Image::of_file(Shape::Envelope, file.into_bytes(), rows)
}

/// The file that these texts are, written one by one.
fn one_by_one(texts: &BTreeMap<Arc<str>, String>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut file = FileWriter::new(&mut out, &Shape::Envelope, COLLECTION, 1).unwrap();
    for text in texts.values() {
        file.record(text, true).unwrap();
    }
    file.finish().unwrap();
    out
}

/// Nobody keeps the texts of a file whose records are others by now.
#[test]
fn what_was_loaded_is_let_go_once_less_than_half_of_it_is_of_use_and_not_before() {
    let records: Vec<(u8, u8)> = (10..22).map(|id| (id, 0)).collect();
    let mut image = image(&records, ",\n");
    let mut texts: BTreeMap<Arc<str>, String> = records
        .iter()
        .map(|(id, layout)| (Arc::from(id.to_string()), text(*id, 0, *layout)))
        .collect();
    let whole = image.loaded.len();
    let mut of_use: usize = texts.values().map(String::len).sum();
    image.compact();
    assert_eq!(image.loaded.len(), whole, "all of it is of use");
    for (id, layout) in records {
        let (key, old) = (Arc::<str>::from(id.to_string()), text(id, 0, layout));
        of_use -= old.len();
        image.apply(if id % 2 == 0 {
            let new = text(id, 1, layout);
            texts.insert(Arc::clone(&key), new.clone());
            EntryChange::Put {
                id: key,
                text: new.into(),
            }
        } else {
            texts.remove(&key);
            EntryChange::Delete { id: key }
        });
        image.compact();
        let is_kept = of_use >= whole / 2;
        assert_eq!(image.loaded.len(), if is_kept { whole } else { 0 }, "{id}");
        let mut out = Vec::new();
        image.write(&mut out, COLLECTION, 1).unwrap();
        assert_eq!(out, one_by_one(&texts), "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn pieces_are_what_records_one_by_one_are(
        records in proptest::sample::subsequence((0_u8..12).collect::<Vec<_>>(), 0..12).prop_shuffle(),
        layouts in proptest::collection::vec(prop_oneof![8 => Just(0_u8), 1 => 0_u8..4], 12),
        between in prop_oneof![4 => Just(",\n"), 1 => Just(","), 1 => Just(" ,\n"), 1 => Just(",\r\n")],
        changes in proptest::collection::vec(arb_change(), 0..10),
        all_in_order: bool,
    ) {
        let mut ids = records;
        if all_in_order {
            ids.sort_by_key(ToString::to_string);
        }
        let records: Vec<(u8, u8)> = ids.into_iter().zip(layouts).collect();
        let mut image = image(&records, between);
        let mut texts: BTreeMap<Arc<str>, String> = records
            .iter()
            .map(|(id, layout)| (Arc::from(id.to_string()), text(*id, 0, *layout)))
            .collect();
        for change in [None].into_iter().chain(changes.into_iter().map(Some)) {
            if let Some(change) = change {
                match change.clone() {
                    EntryChange::Put { id, text } => { texts.insert(id, text.into()); }
                    EntryChange::Delete { id } => { texts.remove(&id); }
                    EntryChange::Clear => texts.clear(),
                }
                image.apply(change);
            }
            let mut out = Vec::new();
            let length = image.write(&mut out, COLLECTION, 1).unwrap();
            prop_assert_eq!(length, out.len() as u64);
            prop_assert_eq!(String::from_utf8(out), String::from_utf8(one_by_one(&texts)));
        }
    }
}
