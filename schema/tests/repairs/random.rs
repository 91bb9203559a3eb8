//! Repair over random records that are damaged at random places.

use super::*;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Session {
    id: String,
    #[serde(default)]
    turn: u32,
    model: Option<String>,
    tags: Vec<String>,
    state: State,
    limits: BTreeMap<String, u8>,
    kind: Kind,
    #[serde(default)]
    pair: (String, i64),
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct State {
    status: Status,
    note: Option<String>,
    inner: Option<Box<State>>,
    history: Option<Vec<State>>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum Status {
    Idle,
    Busy,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
enum Kind {
    A { n: i64 },
    B { s: Option<String> },
}

static SESSIONS: LazyLock<Validator> = LazyLock::new(|| Validator::of::<Session>().unwrap());

/// A schema with what types do not give.
static CLOSED: LazyLock<Validator> = LazyLock::new(|| {
    Validator::from_document(json!({
        "type": "object",
        "required": ["id", "turn", "state"],
        "properties": {
            "id": {"type": "string"},
            "turn": {"type": "integer", "default": 1},
            "model": {"type": "string", "maxLength": 3},
            "tags": {"items": {"type": "string"}, "uniqueItems": true, "minItems": 1},
            "limits": {"patternProperties": {"^l": {"type": "integer"}}, "additionalProperties": false},
            "state": {"$ref": "#/$defs/state"},
            "kind": {"type": "object"},
            "pair": {"prefixItems": [{"type": "string"}, {"type": "number"}], "items": false},
        },
        "additionalProperties": false,
        "$defs": {"state": {
            "type": "object",
            "required": ["status"],
            "properties": {
                "status": {"enum": ["Idle", "Busy"], "default": "Idle"},
                "note": {"type": "string"},
                "inner": {"anyOf": [{"$ref": "#/$defs/state"}, {"type": "null"}]},
                "history": {"items": {"$ref": "#/$defs/state"}},
            },
            "unevaluatedProperties": false,
        }},
    }))
    .unwrap()
});

fn one(texts: &[&str]) -> BoxedStrategy<Written> {
    let texts: Vec<_> = texts.iter().map(|text| Written::scalar(text)).collect();
    prop::sample::select(texts).boxed()
}

fn list(item: BoxedStrategy<Written>) -> BoxedStrategy<Written> {
    prop::collection::vec(item, 1..4)
        .prop_map(Written::Array)
        .boxed()
}

/// An object of these members in any order, the optional ones not always.
fn object(members: Vec<(&'static str, bool, BoxedStrategy<Written>)>) -> BoxedStrategy<Written> {
    let each: Vec<_> = members
        .into_iter()
        .map(|(name, must, value)| {
            (any::<bool>(), value)
                .prop_map(move |(there, value)| (must || there).then(|| (name.to_owned(), value)))
        })
        .collect();
    each.prop_map(|members| members.into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(Written::Object)
        .boxed()
}

fn states() -> BoxedStrategy<Written> {
    let status = one(&["\"Idle\"", "\"Busy\"", r#""\u0049dle""#]);
    let note = one(&[r#""note""#, r#""""#]);
    let leaf = object(vec![
        ("status", true, status.clone()),
        ("note", false, note.clone()),
    ]);
    leaf.prop_recursive(3, 12, 3, move |inner| {
        object(vec![
            ("status", true, status.clone()),
            ("note", false, note.clone()),
            ("inner", false, inner.clone().boxed()),
            ("history", false, list(inner.boxed())),
        ])
    })
    .boxed()
}

/// Records that are valid under both schemas.
fn sessions() -> BoxedStrategy<Written> {
    let numbers = one(&["0", "1", "1.0", "2e1", "20"]);
    object(vec![
        ("id", true, one(&["\"a\"", r#""\u0061""#])),
        ("turn", true, numbers.clone()),
        ("model", false, one(&["\"m\"", r#""\/""#])),
        (
            "tags",
            true,
            one(&["[\"x\"]", "[\"x\",\"y\"]", "[\"z\",\"x\",\"y\"]"])
                .prop_map(|text| Written::parse(&text.to_string()))
                .boxed(),
        ),
        ("state", true, states()),
        (
            "limits",
            true,
            object(vec![
                ("l1", false, numbers.clone()),
                ("l2", false, numbers.clone()),
            ]),
        ),
        (
            "kind",
            true,
            prop_oneof![
                object(vec![
                    ("type", true, one(&["\"A\""])),
                    ("n", true, numbers.clone())
                ]),
                object(vec![
                    ("type", true, one(&["\"B\""])),
                    ("s", false, one(&["\"s\""]))
                ]),
            ]
            .boxed(),
        ),
        (
            "pair",
            false,
            (one(&["\"p\""]), numbers)
                .prop_map(|(s, n)| Written::Array(vec![s, n]))
                .boxed(),
        ),
    ])
}

/// Puts something else in place of a value, takes it away, or puts something beside it.
fn damage(
    record: &mut Written,
    damages: &[(prop::sample::Index, u8, Written)],
) -> Vec<Vec<String>> {
    let mut damaged = Vec::new();
    for (place, how, junk) in damages {
        let places = record.places();
        let path = place.get(&places).clone();
        if path[0] == "id" {
            continue;
        }
        match how {
            0 => drop(record.remove(&path)),
            1 if matches!(record.at_mut(&path), Some(Written::Object(_))) => {
                let Some(Written::Object(members)) = record.at_mut(&path) else {
                    continue;
                };
                members.retain(|(name, _)| name != "zz");
                members.insert(0, ("zz".to_owned(), junk.clone()));
            }
            _ => *record.at_mut(&path).unwrap() = junk.clone(),
        }
        damaged.push(path);
    }
    damaged
}

/// Checks that `after` is `before` but for the steps.
fn differ_by_steps(before: &Written, after: &Written, at: &mut Vec<String>, outcome: &Repaired) {
    let step = |path: &[String]| {
        let mut steps = outcome.steps().iter();
        steps
            .find(|step| step.path().segments() == path)
            .map(Repair::what)
    };
    match (before, after) {
        (Written::Object(before), Written::Object(after)) => {
            let mut left = after.iter();
            for (name, value) in before {
                at.push(name.clone());
                match step(at) {
                    Some(RepairKind::RemovedProperty) => {}
                    Some(RepairKind::UsedDefault) => assert_eq!(&left.next().unwrap().0, name),
                    None => {
                        let (kept, kept_value) = left.next().unwrap();
                        assert_eq!(kept, name);
                        differ_by_steps(value, kept_value, at, outcome);
                    }
                    other => panic!("{other:?} at {at:?}"),
                }
                at.pop();
            }
            for (name, _) in left {
                at.push(name.clone());
                assert_eq!(step(at), Some(RepairKind::AddedDefault));
                at.pop();
            }
        }
        (Written::Array(before), Written::Array(after)) => {
            let mut left = after.iter();
            for (index, value) in before.iter().enumerate() {
                at.push(index.to_string());
                match step(at) {
                    Some(RepairKind::RemovedItem) => {}
                    Some(RepairKind::UsedDefault) => assert!(left.next().is_some()),
                    None => differ_by_steps(value, left.next().unwrap(), at, outcome),
                    other => panic!("{other:?} at {at:?}"),
                }
                at.pop();
            }
            assert!(left.next().is_none());
        }
        _ => assert_eq!(before, after),
    }
}

/// Whether one of the paths leads to the other.
fn on_one_way(one: &[String], other: &[String]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn whatever_a_repair_gives_is_valid_and_differs_by_its_steps_only(
        record in sessions(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..6, written::any_json()), 1..4),
    ) {
        for validator in [&*SESSIONS, &*CLOSED] {
            let whole = record.to_string();
            let check = |text: &str| validator.check(&Tree::parse(text).unwrap());
            prop_assert_eq!(check(&whole), [], "{}", whole);
            prop_assert!(validator.repair(&whole, &id()).is_none());

            let mut broken = record.clone();
            let damaged = damage(&mut broken, &damages);
            let text = broken.to_string();
            let outcome = validator.repair(&text, &id());
            if check(&text).is_empty() {
                prop_assert!(outcome.is_none());
                continue;
            }
            let Some(outcome) = outcome else { continue };
            prop_assert_eq!(check(outcome.text()), [], "{}", text);
            let after = Written::parse(outcome.text());
            prop_assert_eq!(&after.to_string(), outcome.text(), "compact");
            prop_assert_eq!(after.get("id"), broken.get("id"));
            differ_by_steps(&broken, &after, &mut Vec::new(), &outcome);
            // Only where damage was done, in it or around it, is anything changed. Where the
            // damage was a removal or an addition, that is its object or array.
            for step in outcome.steps() {
                let path = step.path().segments();
                prop_assert!(
                    damaged.iter().any(|place| {
                        let around = &place[..place.len() - 1];
                        on_one_way(path, place) || path.starts_with(around)
                    }),
                    "{} in {}", step, text
                );
            }
        }
    }

    #[test]
    fn one_wrong_optional_property_is_all_that_goes(record in sessions(), junk in written::any_object()) {
        let mut broken = record.clone();
        let Some(place) = broken.at_mut(&["model".to_owned()]) else { return Ok(()) };
        *place = junk;
        let mut without = record.clone();
        without.remove(&["model".to_owned()]);
        let outcome = CLOSED.repair(&broken.to_string(), &id()).unwrap();
        prop_assert_eq!(outcome.text(), without.to_string());
    }
}
