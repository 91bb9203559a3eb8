//! What one flipped byte, a cut, or any bytes at all may cost.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cursor::Bytes;
use crate::format::Shape;
use crate::format::tests::{EXPECT, write};
use crate::scan::{DigestState, Kind, Scan, Span, scan};

pub(super) fn texts<'a>(file: &'a [u8], scan: &Scan) -> Vec<&'a [u8]> {
    scan.records
        .iter()
        .map(|span| Bytes(file).slice(span.start, span.end))
        .collect()
}

/// Records with everything in them that makes splitting hard.
fn record() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i16>().prop_map(Value::from),
        Just(json!(null)),
        Just(json!({"x": 1})),
        Just(json!([{"id": "n"}, {"id": "m"}])),
        Just(json!({"id": "n"})),
        Just(json!({})),
        "[a-z{}\\[\\],:\"\\\\\n é]{0,6}".prop_map(Value::from),
    ];
    let inner = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    (
        "[a-z]{1,3}",
        prop::collection::btree_map("[j-z]", inner, 0..4),
    )
        .prop_map(|(id, map)| {
            let mut record = serde_json::Map::new();
            record.insert("id".to_owned(), id.into());
            record.extend(map);
            Value::Object(record).to_string()
        })
}

fn shape() -> impl Strategy<Value = Shape> {
    let array = |text: &str| scan(text.as_bytes(), &EXPECT).shape;
    prop_oneof![
        6 => Just(Shape::Envelope),
        2 => Just(array("[\n  {\n    \"id\": 1\n  }\n]")),
        1 => Just(array("[\n{\"id\":1}\n]\n")),
        1 => Just(array("[\r\n\t{\r\n\t\t\"id\": 1\r\n\t}\r\n]\r\n")),
        2 => Just(array("[{\"id\":1},{}]")),
    ]
}

/// What a single wrong byte at `at` may cost, and nothing else: the record it is in.
fn check_flip(file: &[u8], before: &Scan, after: &[u8], at: usize, exact: bool) {
    let found = scan(after, &EXPECT);
    let hit = before
        .records
        .iter()
        .position(|span| (span.start..span.end).contains(&at));
    let all = texts(file, before);
    let got = texts(after, &found);
    let show = || format!("at {at}: {:?}\n{found:?}", String::from_utf8_lossy(after));
    if before.digest == DigestState::Ok {
        assert_ne!(found.digest, DigestState::Ok, "{}", show());
        assert_eq!(found.shape, Shape::Envelope, "{}", show());
        if at < before.records.first().map_or(0, |span| span.start) {
            assert!(
                found.header_damaged && found.header == before.header,
                "{}",
                show()
            );
        }
    }
    let rest: Vec<_> = all
        .iter()
        .enumerate()
        .filter(|(i, _)| Some(*i) != hit)
        .map(|(_, t)| *t)
        .collect();
    // The record that was hit may still be JSON, and is then found as it is now.
    let left: Vec<_> = match hit.and_then(|i| before.records.get(i)) {
        Some(span) => {
            let inside = |found: &&Span| span.start <= found.start && found.end <= span.end;
            let now = Bytes(after).slice(span.start, span.end).trim_ascii();
            let mut hit = found.records.iter().filter(inside);
            let text = |span: &Span| Bytes(after).slice(span.start, span.end);
            if exact {
                assert!(hit.all(|span| text(span) == now), "{}", show());
            }
            found
                .records
                .iter()
                .filter(|span| !inside(span))
                .map(text)
                .collect()
        }
        None => got.clone(),
    };
    if exact {
        assert_eq!(left, rest, "{}", show());
    } else {
        let mut left = left.into_iter();
        assert!(
            rest.iter().all(|text| left.any(|l| l == *text)),
            "{}",
            show()
        );
    }
    if hit.is_none() && before.digest == DigestState::Ok {
        assert_eq!(found.kind, Kind::Store);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_byte_costs_one_record(
        records in prop::collection::vec(record(), 1..6),
        shape in shape(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![
            any::<u8>(),
            prop::sample::select(b"{}[],:\"\\\n\r 0\t\0".to_vec()),
        ],
    ) {
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let file = write(&shape, &records, false);
        let before = scan(&file, &EXPECT);
        prop_assert_eq!(before.records.len(), records.len());
        let at = at.index(file.len());
        let mut after = file.clone();
        after[at] = if after[at] == byte { byte ^ 1 } else { byte };
        // What stands before the only record of an array is all that tells what the file is. If
        // that is hit the file may not be recognised, and is then refused as it is.
        let first = before.records.first().map_or(0, |span| span.start);
        let is_refused = shape != Shape::Envelope && at < first && records.len() == 1;
        let is_exact = shape == Shape::Envelope;
        if !is_refused {
            check_flip(&file, &before, &after, at, is_exact);
        }
    }

    #[test]
    fn a_cut_costs_one_record(
        records in prop::collection::vec(record(), 1..6),
        shape in shape(),
        at in any::<prop::sample::Index>(),
    ) {
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let file = write(&shape, &records, false);
        let before = scan(&file, &EXPECT);
        let cut = at.index(file.len());
        let part = &file[..cut];
        let found = scan(part, &EXPECT);
        let whole: Vec<_> = before.records.iter().copied().filter(|span| span.end <= cut).collect();
        let inline = matches!(&shape, Shape::Array(style) if style.prefix.is_none());
        // On one line, a nested row right before the cut may look like the end of the list.
        let may_nest = inline && matches!(part.last(), Some(b'}' | b']'));
        let got: &[_] = if may_nest {
            found.records.get(..whole.len()).unwrap_or_default()
        } else {
            &found.records
        };
        prop_assert_eq!(got, &whole, "{:?} {:?}", String::from_utf8_lossy(part), found);
        prop_assert_ne!(found.digest, DigestState::Ok);
        if !may_nest && cut > 0 && Bytes(part).skip_space(0, cut) < cut && cut < file.trim_ascii_end().len() {
            prop_assert_eq!(found.damage.len(), 1, "{:?} {}", found.damage, String::from_utf8_lossy(part));
            prop_assert!(
                found.damage[0].offset >= part.trim_ascii_end().len(),
                "{:?} {:?}", String::from_utf8_lossy(part), found
            );
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan(&bytes, &EXPECT);
    }

    #[test]
    fn no_pieces_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "\r\n", " ", "\0", "1", "null", "{\"id\":1}",
            "{\"id\":1},\n", "\n{", "},{", "\"records\":[", "\"larder\":1", "],\"digest\":\"xxh3:", "\"}\n",
            "\u{feff}", "é", "0123456789abcdef",
            "{\"larder\":1,\"collection\":\"sessions\",\"version\":2,\"records\":[\n",
        ]), 0..30),
        cut in any::<u8>(),
    ) {
        let text = pieces.concat();
        let cut = usize::from(cut).min(text.len());
        let file = &text.as_bytes()[cut..];
        let found = scan(file, &EXPECT);
        // Every byte that is no blank is a record's, damage, or punctuation around the records.
        for span in &found.records {
            prop_assert!(span.start < span.end && span.end <= file.len());
        }
        for damage in &found.damage {
            prop_assert!(damage.start <= damage.offset && damage.offset <= damage.end);
            prop_assert!(damage.end <= file.len() && damage.line >= 1 && damage.column >= 1);
        }
        for pair in found.records.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start && pair[0].ordinal < pair[1].ordinal);
        }
    }
}

/// Every flip of one bit, and every byte that means something.
fn wrong_bytes(byte: u8) -> impl Iterator<Item = u8> {
    (0..8)
        .map(move |bit| byte ^ (1 << bit))
        .chain(*b"{}[],:\"\\\n\r\t 0-t\0")
}

#[test]
fn every_byte_and_every_bit_of_an_envelope() {
    let records = [
        r#"{"id":"a","n":[{"id":"x"},{"id":"y"}],"t":"{\"id\":1},{"}"#,
        r#"{"id":"b","n":{"id":"z"},"m":[{}],"k":12}"#,
        r#"{"id":"c","s":"[{}]","e":{},"n":{"o":[1,{"p":2}]}}"#,
    ];
    let file = write(&Shape::Envelope, &records, false);
    let before = scan(&file, &EXPECT);
    for at in 0..file.len() {
        for byte in wrong_bytes(file[at]) {
            let mut after = file.clone();
            if after[at] != byte {
                after[at] = byte;
                check_flip(&file, &before, &after, at, true);
            }
        }
    }
}

#[test]
fn every_byte_of_a_pretty_array() {
    let records = [
        r#"{"id":"a","n":[{"id":"x"},{"id":"y"}],"t":"{\"id\":1},{"}"#,
        r#"{"id":"b","n":{"id":"z"},"k":12}"#,
        r#"{"id":"c","s":"[{}]","e":{},"n":{"o":[1,{"p":2}]}}"#,
    ];
    let shape = scan(b"[\n  {\n    \"id\": 1\n  }\n]", &EXPECT).shape;
    let file = write(&shape, &records, false);
    let before = scan(&file, &EXPECT);
    for at in 0..file.len() {
        for byte in wrong_bytes(file[at]) {
            let mut after = file.clone();
            if after[at] != byte {
                after[at] = byte;
                check_flip(&file, &before, &after, at, false);
            }
        }
    }
}
