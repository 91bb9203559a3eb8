//! What is written is found again, and unchanged arrays come out byte by byte.

use crate::cursor::Bytes;
use crate::format::{ArrayStyle, FileWriter, Shape};
use crate::scan::{DigestState, Expected, Kind, Scan, scan};

pub(crate) const EXPECT: Expected<'static> = Expected {
    collection: "sessions",
    version: 2,
};

pub(crate) fn write(shape: &Shape, records: &[&str], as_found: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = FileWriter::new(&mut out, shape, "sessions", 2).unwrap();
    for record in records {
        writer.record(record, as_found).unwrap();
    }
    let len = writer.finish().unwrap();
    assert_eq!(len, out.len() as u64);
    out
}

fn texts<'a>(file: &'a [u8], scan: &Scan) -> Vec<&'a str> {
    let bytes = Bytes(file);
    scan.records
        .iter()
        .map(|span| std::str::from_utf8(bytes.slice(span.start, span.end)).unwrap())
        .collect()
}

#[test]
fn an_envelope_is_found_as_written() {
    let file = write(
        &Shape::Envelope,
        &[r#"{"id":"a"}"#, "{\n  \"id\": \"b\" }"],
        false,
    );
    let text = std::str::from_utf8(&file).unwrap();
    let start = "{\"larder\":1,\"collection\":\"sessions\",\"version\":2,\"records\":[\n{\"id\":\"a\"},\n{\"id\":\"b\"}\n],\"digest\":\"xxh3:";
    assert!(text.starts_with(start), "{text}");
    assert!(text.ends_with("\"}\n"));
    assert_eq!(text.len(), start.len() + 16 + 3);
    let found = scan(&file, &EXPECT);
    assert_eq!(found.digest, DigestState::Ok);
    assert_eq!(found.kind, Kind::Store);
    assert_eq!(texts(&file, &found), [r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
    assert_eq!(
        found
            .records
            .iter()
            .map(|span| span.line)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    assert!(found.damage.is_empty() && !found.header_damaged);
    let header = found.header.unwrap();
    assert_eq!(
        (header.format, header.collection.as_str(), header.version),
        (1, "sessions", 2)
    );
}

#[test]
fn an_empty_envelope_is_found_as_written() {
    let file = write(&Shape::Envelope, &[], false);
    assert!(String::from_utf8_lossy(&file).contains("\"records\":[\n],\"digest\""));
    let found = scan(&file, &EXPECT);
    assert_eq!((found.digest, found.records.len()), (DigestState::Ok, 0));
    assert!(found.damage.is_empty() && found.header.is_some());
}

#[test]
fn a_collection_name_is_quoted() {
    let mut file = Vec::new();
    FileWriter::new(&mut file, &Shape::Envelope, "a\"\n\\é", 7)
        .unwrap()
        .finish()
        .unwrap();
    let found = scan(
        &file,
        &Expected {
            collection: "a\"\n\\é",
            version: 7,
        },
    );
    assert_eq!(found.digest, DigestState::Ok);
    assert_eq!(found.header.unwrap().collection, "a\"\n\\é");
}

#[test]
fn sample_arrays_come_out_unchanged() {
    for file in [
        &include_bytes!("../../tests/fixtures/workspacecord/sessions.json")[..],
        &include_bytes!("../../tests/fixtures/workspacecord/gates.json")[..],
        &include_bytes!("../../tests/fixtures/workspacecord/monitor-runs.json")[..],
    ] {
        let found = scan(file, &EXPECT);
        assert_eq!(found.records.len(), 60);
        assert_eq!(found.digest, DigestState::NotApplicable);
        assert_eq!(found.shape, Shape::Array(ArrayStyle::default()));
        assert!(found.damage.is_empty());
        let records = texts(file, &found);
        assert!(write(&found.shape, &records, true) == file);
        // Records which went through memory as compact text are laid out the same way.
        let compact: Vec<_> = records
            .iter()
            .map(|text| larder_core::backend::compact(text))
            .collect();
        let compact: Vec<&str> = compact.iter().map(AsRef::as_ref).collect();
        assert!(write(&found.shape, &compact, false) == file);
    }
}

#[test]
fn every_array_style_is_kept() {
    for text in [
        "[]",
        "[]\n",
        r#"[{"a":1},{"a":2}]"#,
        "[{\"a\":1}, {\"a\":2}]\n",
        "[\n{\"a\":1},\n{\"a\":2}\n]\n",
        "[\r\n\t{\r\n\t\t\"a\": [],\r\n\t\t\"b\": [\r\n\t\t\t1\r\n\t\t]\r\n\t},\r\n\t{}\r\n]\r\n",
        "[\n    {\n        \"a\": 1\n    }\n]",
        "[\n{\n  \"a\": 1\n},\n{\n  \"a\": 2\n}\n]",
        "[\n  null,\n  {\n    \"a\": 1.0\n  },\n  \"x\"\n]",
    ] {
        let found = scan(text.as_bytes(), &EXPECT);
        assert!(found.damage.is_empty(), "{text}");
        let records = texts(text.as_bytes(), &found);
        for as_found in [true, false] {
            let again = write(&found.shape, &records, as_found);
            assert_eq!(
                String::from_utf8_lossy(&again),
                text,
                "as_found: {as_found}"
            );
        }
    }
}
