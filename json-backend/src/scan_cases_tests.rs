//! Files as they are found: samples, damage of several kinds, hand edits, other programs' files.

use serde_json::Value;

use super::tests::texts;
use crate::format::Shape;
use crate::format::tests::{EXPECT, write};
use crate::scan::{DigestState, Expected, Kind, scan};

macro_rules! samples {
    ($dir:literal) => {
        [
            &include_bytes!(concat!("../../tests/fixtures/", $dir, "/sessions.json"))[..],
            &include_bytes!(concat!("../../tests/fixtures/", $dir, "/gates.json"))[..],
            &include_bytes!(concat!("../../tests/fixtures/", $dir, "/monitor-runs.json"))[..],
        ]
    };
}

#[test]
fn truncated_samples_keep_every_whole_record() {
    let cuts = samples!("workspacecord-damaged/truncated");
    for (whole, cut) in samples!("workspacecord").into_iter().zip(cuts) {
        assert!(whole.starts_with(cut));
        let (all, found) = (scan(whole, &EXPECT), scan(cut, &EXPECT));
        let kept: Vec<_> = all
            .records
            .iter()
            .copied()
            .filter(|r| r.end <= cut.len())
            .collect();
        assert_eq!(found.records, kept);
        let [damage] = &found.damage[..] else {
            panic!("{:?}", found.damage)
        };
        assert_eq!((damage.end, damage.offset), (cut.len(), cut.len()));
        assert!(kept.last().unwrap().end < damage.start && damage.lost);
        assert_eq!(damage.message, "the file ends inside a record");
        let text = std::str::from_utf8(cut).unwrap();
        assert_eq!(damage.line, text.matches('\n').count() + 1);
        let last = text.rsplit('\n').next().unwrap();
        assert_eq!(damage.column, last.chars().count() + 1);
    }
}

#[test]
fn damaged_samples_are_valid_json() {
    for file in samples!("workspacecord-damaged") {
        let found = scan(file, &EXPECT);
        let values: Vec<Value> = serde_json::from_slice(file).unwrap();
        assert!(found.damage.is_empty());
        assert_eq!(found.records.len(), values.len());
        for (text, value) in texts(file, &found).into_iter().zip(values) {
            assert_eq!(serde_json::from_slice::<Value>(text).unwrap(), value);
        }
    }
}

#[test]
fn files_of_other_programs_are_not_recognised() {
    for text in [
        &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
        b"{\"name\":\"x\",\"version\":\"1.0.0\"}",
        b"{\n  \"name\": \"x\",\n  \"dep\": {\n    \"a\": 1\n  }\n}\n",
        b"\"a string\"",
        b"42",
        b"null",
        b"{}",
        b"{\"a\":1",
        b"plain text\nof two lines\n",
        b"[section]\nkey = 1\n",
        b"[[bin]]\nname = \"x\"\n",
        b"{\"a\":1}\n{\"a\":2}\n",
        b"\xFF\xFE[\0]\0",
        b"// code\nlet x = [\n{\"a\":1},\n{\"a\":2},\n];\n// and a good deal more of it, in many lines\n",
    ] {
        let found = scan(text, &EXPECT);
        assert_eq!(found.kind, Kind::Unrecognised, "{}", String::from_utf8_lossy(text));
        assert!(found.records.is_empty());
    }
}

#[test]
fn blank_files_are_told_apart() {
    for text in ["", " ", "\n\n", "\0\0\0\0", " \0\n"] {
        let found = scan(text.as_bytes(), &EXPECT);
        assert_eq!(found.kind, Kind::Blank);
        assert_eq!((found.damage[0].line, found.damage[0].column), (1, 1));
    }
}

#[test]
fn hostile_files_take_little_time() {
    for piece in [
        "{",
        "[",
        "\"",
        "},{",
        "{\"a\":",
        "},{\"a\":[",
        "\n{",
        "\n{\"a\":[",
        "{\"a\":1},",
        "\0{",
        "\\",
        "[{",
        "],",
        "{\"id\":1}x",
        ",{\"a\":[{},{},",
        "{\"larder\":1,",
        "\n  {\n",
        " ",
        ",",
        "}",
        "]",
        "]}",
        "\n}",
        "[[{},{}],x",
    ] {
        for start in [
            "",
            "[",
            "[\n",
            "{\"larder\":1,\"collection\":\"sessions\",\"version\":2,\"records\":[\n",
        ] {
            let text = start.to_owned() + &piece.repeat((1 << 17) / piece.len());
            let one = std::time::Instant::now();
            let _ = scan(text.as_bytes(), &EXPECT);
            assert!(
                one.elapsed().as_secs() < 20,
                "{piece:?} after {start:?}: {:?}",
                one.elapsed()
            );
        }
    }
}

#[test]
fn depth_is_no_problem() {
    for depth in [200, 1_000_000] {
        let record = format!("{{\"id\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        for shape in [Shape::Envelope, scan(b"[{}]", &EXPECT).shape] {
            let file = write(&shape, &[&record, "{}"], true);
            assert_eq!(scan(&file, &EXPECT).records.len(), 2);
            let cut = &file[..file.len() - 1];
            assert_eq!(scan(cut, &EXPECT).records.len(), 2);
        }
    }
}

#[test]
fn hand_edited_envelopes_are_read() {
    for text in [
        "{\"records\":[{\"id\":1},{\"id\":2}],\"version\":2,\"collection\":\"sessions\",\"larder\":1}",
        "\u{feff}{\r\n \"larder\": 1, \"note\": [\"mine\"],\r\n \"collection\": \"sessions\",\r\n \"version\": 2,\r\n \"records\": [\r\n  {\"id\": 1},\r\n  {\r\n \"id\": 2}\r\n ],\r\n \"digest\": \"xxh3:0000000000000000\"\r\n}\r\n",
        "{\"larder\":1,\"collection\":\"sessions\",\"version\":2,\"records\":[\n{\"id\":1},\n{\"id\":2}\n],\"digest\":\"\"}\n",
    ] {
        let found = scan(text.as_bytes(), &EXPECT);
        assert_eq!(
            (found.kind, found.records.len()),
            (Kind::Store, 2),
            "{text}"
        );
        assert!(
            found.damage.is_empty() && !found.header_damaged,
            "{found:?}"
        );
        assert_eq!(found.header.unwrap().version, 2);
        let digest = if text.contains("digest") {
            DigestState::Mismatch
        } else {
            DigestState::Missing
        };
        assert_eq!(found.digest, digest);
        assert_eq!(found.bom, text.starts_with('\u{feff}'));
    }
}

#[test]
fn a_newer_format_is_told() {
    let text = "{\"larder\":2,\"collection\":\"sessions\",\"version\":2,\"records\":[]}";
    let found = scan(text.as_bytes(), &EXPECT);
    assert_eq!(found.header.unwrap().format, 2);
}

#[test]
fn the_digest_proves_the_version_that_was_written() {
    let written = |version| {
        let mut out = Vec::new();
        let mut writer =
            crate::format::FileWriter::new(&mut out, &Shape::Envelope, "sessions", version)
                .unwrap();
        writer.record("{\"id\":1}", false).unwrap();
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    };
    for version in [0, 1, 2, 3, 9] {
        for claimed in [1, 2, 3, 8] {
            let text = written(version).replace(
                &format!("\"version\":{version}"),
                &format!("\"version\":{claimed}"),
            );
            let found = scan(
                text.as_bytes(),
                &Expected {
                    collection: "sessions",
                    version: 2,
                },
            );
            assert_eq!(found.header.unwrap().version, version);
            assert_eq!(found.header_damaged, version != claimed);
            assert_eq!(found.records.len(), 1);
        }
    }
}

#[test]
fn several_faults_keep_what_is_whole() {
    let cases: [(&str, &[&str]); 12] = [
        // A comma after the last record, and one missing.
        ("[{\"id\":1},]", &["{\"id\":1}"]),
        (
            "[\n{\"id\":1}\n{\"id\":2}\n]",
            &["{\"id\":1}", "{\"id\":2}"],
        ),
        ("[{\"id\":1}{\"id\":2}]", &["{\"id\":1}", "{\"id\":2}"]),
        // Two documents.
        ("[{\"id\":1}][{\"id\":2}]", &["{\"id\":1}", "{\"id\":2}"]),
        (
            "[\n{\"id\":1}\n]\n[\n{\"id\":2}\n]\n",
            &["{\"id\":1}", "{\"id\":2}"],
        ),
        // Text after the end, and between.
        (
            "[{\"id\":1},{\"id\":2}] garbage",
            &["{\"id\":1}", "{\"id\":2}"],
        ),
        (
            "[{\"id\":1},{\"id\":2}]\n\0\0\0\0",
            &["{\"id\":1}", "{\"id\":2}"],
        ),
        (
            "[\n{\"id\":1},\ngarbage }\n{\"id\":2},\n{\"id\":3}\n]",
            &["{\"id\":1}", "{\"id\":2}", "{\"id\":3}"],
        ),
        // Lost blocks that start or end right at a record.
        (
            "[\n{\"id\":1},\n\0\0\0\0{\"id\":2},\n{\"i\0\0\0,\n{\"id\":3}\n]",
            &["{\"id\":1}", "{\"id\":2}", "{\"id\":3}"],
        ),
        // Objects nested in damaged records are no records.
        (
            "[{\"id\":1},{\"id\":x,\"n\":[{\"id\":8},{\"id\":9}]},{\"id\":2}]",
            &["{\"id\":1}", "{\"id\":2}"],
        ),
        (
            "[\n{\"id\":1},\n{\"id\":x,\"n\":\n{\"id\":8}},\n{\"id\":2}\n]",
            &["{\"id\":1}", "{\"id\":2}"],
        ),
        (
            "[{\"id\":1},{\"id\":2,\"n\":[{\"id\":8},{\"id\":9},{\"i",
            &["{\"id\":1}"],
        ),
    ];
    for (text, expected) in cases {
        let found = scan(text.as_bytes(), &EXPECT);
        let got: Vec<_> = texts(text.as_bytes(), &found)
            .into_iter()
            .map(String::from_utf8_lossy)
            .collect();
        assert_eq!(got, expected, "{text}\n{found:?}");
        assert!(!found.damage.is_empty() && found.kind == Kind::Store);
    }
}

#[test]
fn positions_are_those_of_an_editor() {
    let text = "[\n  {\n    \"id\": \"é\"\n  },\n  {\n    \"é\": tru\n  },\n  {}\n]";
    let found = scan(text.as_bytes(), &EXPECT);
    assert_eq!(
        found
            .records
            .iter()
            .map(|r| (r.line, r.ordinal))
            .collect::<Vec<_>>(),
        [(2, 0), (8, 2)]
    );
    let [damage] = &found.damage[..] else {
        panic!("{found:?}")
    };
    assert_eq!(damage.line, 6);
    assert!((10..=13).contains(&damage.column), "{damage:?}");
    assert_eq!(
        text.get(damage.start..damage.end).unwrap(),
        "{\n    \"é\": tru\n  },"
    );
}
