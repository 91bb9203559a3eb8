//! Owns the behaviour of `Extra`: what a type does not know survives when it writes the record
//! anew, in its place, and costs nothing of what the type does write.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of tests fails like a test"
)]

mod written;

use larder_schema::Extra;
use proptest::prelude::*;
use serde_json::Value;
use written::Written;

fn between(stored: &str, known: &str) -> Extra {
    Extra::between(stored, known).unwrap_or_else(|| panic!("nothing extra in {stored}"))
}

fn places(extra: &Extra) -> Vec<String> {
    extra.places().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn becomes(stored: &str, known: &str, new: &str, expected: &str) {
    assert_eq!(between(stored, known).put_back(new, known), expected);
}

#[test]
fn nothing_is_extra_in_what_the_type_writes() {
    for (stored, known) in [
        (r#"{"a":1}"#, r#"{"a":1}"#),
        (r#"{"a":1}"#, r#"{"a":1.0,"b":2}"#),
        (r#"{"a":{"b":1}}"#, r#"{"a":[]}"#),
        (r#"{"a":[1,{"b":1}]}"#, r#"{"a":[1]}"#),
        (r#"{"a":[1,2]}"#, r#"{"a":[2]}"#),
        ("[]", "{}"),
        ("1", "2"),
        ("{oops", "{}"),
    ] {
        assert!(Extra::between(stored, known).is_none(), "{stored} {known}");
    }
}

#[test]
fn places_are_those_of_the_stored_record() {
    let stored = r#"{"x":{"deep":1},"a":{"b":1,"y/z":2},"l":[0,{"m":1,"n":2},[{"o":3}]]}"#;
    let known = r#"{"a":{"b":1},"l":[0,{"m":1},[{}]]}"#;
    let extra = between(stored, known);
    assert_eq!(places(&extra), ["/x", "/a/y~1z", "/l/1/n", "/l/2/0/o"]);
    assert_eq!(extra.without(stored), known);
    assert_eq!(extra.put_back(known, known), stored);
    assert_eq!(
        format!("{extra:?}"),
        r#"Extra["/x", "/a/y~1z", "/l/1/n", "/l/2/0/o"]"#
    );
}

#[test]
fn a_member_goes_behind_the_one_that_it_stood_behind() {
    let stored = r#"{"x":1,"a":1,"y":1e3,"z":1.0,"b":2,"q":3}"#;
    let known = r#"{"a":1,"b":2}"#;
    for (new, expected) in [
        (
            r#"{"a":5,"b":6}"#,
            r#"{"x":1,"a":5,"y":1e3,"z":1.0,"b":6,"q":3}"#,
        ),
        (
            r#"{"b":6,"a":5}"#,
            r#"{"x":1,"b":6,"q":3,"a":5,"y":1e3,"z":1.0}"#,
        ),
        (
            r#"{"b":6,"c":7}"#,
            r#"{"x":1,"b":6,"q":3,"c":7,"y":1e3,"z":1.0}"#,
        ),
        ("{}", r#"{"x":1,"y":1e3,"z":1.0,"q":3}"#),
    ] {
        becomes(stored, known, new, expected);
    }
}

#[test]
fn a_name_that_is_there_is_never_overwritten() {
    becomes(
        r#"{"a":1,"x":"old","y":2}"#,
        r#"{"a":1}"#,
        r#"{"x":"new","a":1}"#,
        r#"{"x":"new","y":2,"a":1}"#,
    );
    becomes(
        r#"{"a":1,"\u0078":"old"}"#,
        r#"{"a":1}"#,
        r#"{"a":1,"x":"new"}"#,
        r#"{"a":1,"x":"new"}"#,
    );
}

#[test]
fn what_stood_in_an_object_that_is_gone_goes_with_it() {
    let stored = r#"{"a":{"b":1,"x":2},"l":[{"c":1,"y":2}]}"#;
    let known = r#"{"a":{"b":1},"l":[{"c":1}]}"#;
    for new in [
        "{}",
        r#"{"a":1,"l":null}"#,
        r#"{"a":[{"b":1}],"l":{"0":{"c":1}}}"#,
        r#"{"l":[]}"#,
        "[]",
    ] {
        becomes(stored, known, new, new);
    }
    becomes(
        stored,
        known,
        r#"{"a":{},"l":[{"c":2}]}"#,
        r#"{"a":{"x":2},"l":[{"c":2,"y":2}]}"#,
    );
}

#[test]
fn items_of_lists_are_found_again() {
    let stored = r#"[{"n":1,"x":"one"},{"n":2,"x":"two"},{"n":3},{"n":1,"x":"again"}]"#;
    let known = r#"[{"n":1},{"n":2},{"n":3},{"n":1}]"#;
    for (new, expected) in [
        // In another order. Of equal items, the one in its own place comes first.
        (
            r#"[{"n":3},{"n":1},{"n":2},{"n":1}]"#,
            r#"[{"n":3},{"n":1,"x":"one"},{"n":2,"x":"two"},{"n":1,"x":"again"}]"#,
        ),
        // Fewer and more.
        (r#"[{"n":2}]"#, r#"[{"n":2,"x":"two"}]"#),
        (
            r#"[{"n":0},{"n":1},{"n":1},{"n":1},{"n":1}]"#,
            r#"[{"n":0},{"n":1,"x":"one"},{"n":1},{"n":1,"x":"again"},{"n":1}]"#,
        ),
        // Changed in place.
        (
            r#"[{"n":1},{"n":9},{"n":3},{"n":8}]"#,
            r#"[{"n":1,"x":"one"},{"n":9,"x":"two"},{"n":3},{"n":8,"x":"again"}]"#,
        ),
        // Changed in place, but its place is where another came from.
        (
            r#"[{"n":2},{"n":9},{"n":3},{"n":1}]"#,
            r#"[{"n":2,"x":"two"},{"n":9},{"n":3},{"n":1,"x":"again"}]"#,
        ),
        // Changed, and the list is shorter: there is no telling.
        (r#"[{"n":9},{"n":3}]"#, r#"[{"n":9},{"n":3}]"#),
        // Equal as JSON, though written otherwise.
        (r#"[ {"n" : 2} ]"#, r#"[{"n":2,"x":"two"}]"#),
    ] {
        becomes(stored, known, new, expected);
    }
}

#[test]
fn lists_in_items_are_told_by_what_was_known_of_them() {
    becomes(
        r#"{"l":[{"m":[{"a":1,"x":1},{"a":2,"x":2}]},{"m":[]}]}"#,
        r#"{"l":[{"m":[{"a":1},{"a":2}]},{"m":[]}]}"#,
        r#"{"l":[{"m":[{"a":2},{"a":1}]},{"m":[]}]}"#,
        r#"{"l":[{"m":[{"a":2,"x":2},{"a":1,"x":1}]},{"m":[]}]}"#,
    );
}

#[test]
fn what_is_not_kept_leaves_the_others_in_their_places() {
    let stored = r#"{"x":1,"y":2,"a":{"b":1,"p":2,"q":3,"r":4},"z":3,"l":[{"s":1}]}"#;
    let known = r#"{"a":{"b":1},"l":[{}]}"#;
    let mut extra = between(stored, known);
    extra.retain(|place| !["/x", "/a/q", "/l/0/s"].contains(&&*place.to_string()));
    assert_eq!(places(&extra), ["/y", "/z", "/a/p", "/a/r"]);
    assert_eq!(
        extra.put_back(known, known),
        r#"{"y":2,"a":{"b":1,"p":2,"r":4},"z":3,"l":[{}]}"#
    );
    assert_eq!(
        extra.without(stored),
        r#"{"x":1,"a":{"b":1,"q":3},"l":[{"s":1}]}"#
    );
    assert!(!extra.is_empty());
    extra.retain(|_| false);
    assert!(extra.is_empty());
    assert_eq!(places(&extra), [""; 0]);
    assert_eq!(extra.put_back(known, known), known);
    assert_eq!(extra.without(stored), stored);
}

#[test]
fn a_text_without_a_place_for_it_stays_to_the_byte() {
    let extra = between(r#"{"a":{"x":1}}"#, r#"{"a":{}}"#);
    let new = "{ \"b\" : 1e3 }";
    assert_eq!(extra.put_back(new, r#"{"a":{}}"#), new);
    assert_eq!(extra.without(new), new);
}

#[test]
fn no_value_is_shown() {
    let extra = between(r#"{"token":"hunter2"}"#, "{}");
    assert!(!format!("{extra:?}").contains("hunter2"));
}

#[test]
fn a_large_record_is_no_slower_than_it_is_large() {
    use std::fmt::Write as _;
    let mut stored = String::from("{\"id\":1");
    for n in 0..10_000 {
        write!(stored, ",\"k{n}\":{n}").unwrap();
    }
    stored.push('}');
    let extra = between(&stored, r#"{"id":1}"#);
    assert_eq!(extra.put_back(r#"{"id":1}"#, r#"{"id":1}"#), stored);
    let items: Vec<String> = (0..10_000).map(|n| format!("{{\"n\":{n}}}")).collect();
    let full: Vec<String> = (0..10_000)
        .map(|n| format!("{{\"n\":{n},\"x\":{n}}}"))
        .collect();
    let known = format!("[{}]", items.join(","));
    let extra = between(&format!("[{}]", full.join(",")), &known);
    let reverse = |items: &[String]| {
        let items: Vec<_> = items.iter().rev().cloned().collect();
        format!("[{}]", items.join(","))
    };
    assert_eq!(extra.put_back(&reverse(&items), &known), reverse(&full));
}

/// Takes some members out.
fn thin(record: &mut Written, choice: &mut dyn FnMut() -> bool) {
    match record {
        Written::Scalar(_) => {}
        Written::Array(items) => items.iter_mut().for_each(|item| thin(item, choice)),
        Written::Object(members) => {
            members.retain(|_| choice());
            for (_, item) in members {
                thin(item, choice);
            }
        }
    }
}

fn thinned(record: &Written, choices: &[bool]) -> Written {
    let mut thinned = record.clone();
    let mut choices = choices.iter().cycle();
    thin(&mut thinned, &mut || *choices.next().unwrap());
    thinned
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Checks that all of `new` is in `merged`, as it was written and in order.
fn holds(merged: &Written, new: &Written) {
    match (merged, new) {
        (Written::Object(merged), Written::Object(new)) => {
            let mut merged = merged.iter();
            for (name, value) in new {
                let (_, found) = merged
                    .find(|(other, _)| other == name)
                    .unwrap_or_else(|| panic!("{name:?} is lost or moved"));
                holds(found, value);
            }
        }
        (Written::Array(merged), Written::Array(new)) => {
            assert_eq!(merged.len(), new.len());
            merged
                .iter()
                .zip(new)
                .for_each(|(merged, new)| holds(merged, new));
        }
        _ => assert_eq!(merged, new),
    }
}

fn choices() -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(any::<bool>(), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn what_was_taken_out_comes_back_to_the_byte(stored in written::any_object(), choices in choices()) {
        let known = thinned(&stored, &choices);
        let (stored, known) = (stored.to_string(), known.to_string());
        match Extra::between(&stored, &known) {
            None => prop_assert_eq!(stored, known),
            Some(extra) => {
                prop_assert!(!extra.is_empty());
                prop_assert_eq!(extra.put_back(&known, &known), stored.clone());
                prop_assert_eq!(extra.without(&stored), known.clone());
                // It is as good if the type spells and sorts otherwise.
                let respelled = value(&known).to_string();
                let extra = Extra::between(&stored, &respelled).unwrap();
                prop_assert_eq!(value(&extra.put_back(&respelled, &respelled)), value(&stored));
                prop_assert_eq!(extra.without(&stored), known);
            }
        }
    }

    #[test]
    fn all_that_the_type_writes_is_kept(
        stored in written::any_object(),
        choices in choices(),
        others in self::choices(),
        new in written::any_object(),
    ) {
        let known = thinned(&stored, &choices);
        // Often a record that has something to do with the stored one.
        let new = if choices[0] { thinned(&stored, &others) } else { new };
        let Some(mut extra) = Extra::between(&stored.to_string(), &known.to_string()) else {
            return Ok(());
        };
        let merged = extra.put_back(&new.to_string(), &known.to_string());
        // The other reading refuses a name that stands twice.
        let merged = Written::parse(&merged);
        holds(&merged, &new);
        prop_assert_eq!(merged.to_string(), extra.put_back(&new.to_string(), &known.to_string()));

        let all = extra.places();
        for place in &all {
            let value = place.resolve(&value(&stored.to_string())).cloned();
            prop_assert!(value.is_some());
        }
        let mut others = others.iter().cycle();
        extra.retain(|_| *others.next().unwrap());
        prop_assert!(extra.places().iter().all(|place| all.contains(place)));
        let fewer = Written::parse(&extra.put_back(&known.to_string(), &known.to_string()));
        holds(&fewer, &known);
        holds(&stored, &fewer);
    }
}
