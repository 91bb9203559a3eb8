//! What a schema names, over random records of one type with everything in it.

use super::*;

/// A type with all that makes it hard to say what it would write.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Everything {
    a: Option<Leaf>,
    #[serde(default)]
    b: Vec<Leaf>,
    c: Option<Tagged>,
    d: Option<Either>,
    e: Option<BTreeMap<String, Leaf>>,
    #[serde(rename = "x/y")]
    xy: Option<Box<Everything>>,
    #[serde(rename = "")]
    empty: Option<Value>,
    #[serde(flatten)]
    flat: Flat,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Leaf {
    a: Option<Value>,
    b: Option<bool>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "a")]
enum Tagged {
    #[serde(rename = "a")]
    One { b: Option<Leaf> },
    #[serde(rename = "")]
    Two { b: Option<Leaf>, c: Option<Leaf> },
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Either {
    Text(String),
    Few { a: Leaf },
    Many { b: Leaf, c: Option<u8> },
    Outer(External),
}

#[derive(Serialize, Deserialize, JsonSchema)]
enum External {
    #[serde(rename = "d")]
    D(Leaf),
    #[serde(rename = "e")]
    E { a: Option<u8> },
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Flat {
    #[serde(rename = "é")]
    acute: Option<Leaf>,
}

static EVERYTHING: LazyLock<Validator> = LazyLock::new(|| Validator::of::<Everything>().unwrap());

/// Records that often fit the type, with members that nobody knows.
fn records() -> BoxedStrategy<Value> {
    fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
        let each: Vec<_> = members
            .into_iter()
            .map(|(name, value)| {
                prop::option::weighted(0.5, value)
                    .prop_map(move |value| Some((name.to_owned(), value?)))
            })
            .collect();
        each.prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
            .boxed()
    }
    let unknown = || prop_oneof![Just(json!(1)), Just(json!({"a": 1}))].boxed();
    let stray = move |inner: BoxedStrategy<Value>| {
        (
            inner,
            prop::option::weighted(0.03, prop::sample::select(vec!["a", "b", "c", "q"])),
            unknown(),
        )
            .prop_map(|(mut value, name, stray)| {
                if let (Some(members), Some(name)) = (value.as_object_mut(), name) {
                    members.entry(name).or_insert(stray);
                }
                value
            })
            .boxed()
    };
    let leaf = move || {
        let flags = prop_oneof![Just(json!(true)), Just(Value::Null)].boxed();
        stray(object(vec![("a", unknown()), ("b", flags)]))
    };
    let tags = || prop::sample::select(vec![json!("a"), json!("")]).boxed();
    let tagged = stray(
        (tags(), object(vec![("b", leaf()), ("c", leaf())]))
            .prop_map(|(tag, mut value)| {
                value["a"] = tag;
                if value["a"] == "a" && value["c"] != Value::Null {
                    value["b"] = value["c"].take();
                }
                value
            })
            .boxed(),
    );
    let either = stray(
        prop_oneof![
            Just(json!("text")),
            leaf().prop_map(|leaf| json!({ "a": leaf })),
            leaf().prop_map(|leaf| json!({ "b": leaf })),
            (leaf(), leaf()).prop_map(|(a, b)| json!({ "a": a, "b": b })),
            leaf().prop_map(|leaf| json!({ "d": leaf })),
            Just(json!({"e": {"a": 1}})),
        ]
        .boxed(),
    );
    let map = prop::collection::btree_map("[a-c]", leaf(), 0..3)
        .prop_map(|map| json!(map))
        .boxed();
    let flat = move |inner: Option<BoxedStrategy<Value>>| {
        let mut members = vec![
            ("a", leaf()),
            (
                "b",
                prop::collection::vec(leaf(), 0..3)
                    .prop_map(Value::from)
                    .boxed(),
            ),
            ("c", tagged.clone()),
            ("d", either.clone()),
            ("e", map.clone()),
            ("", unknown()),
            ("é", leaf()),
        ];
        members.extend(inner.map(|inner| ("x/y", inner)));
        stray(object(members))
    };
    flat(None)
        .prop_recursive(2, 4, 1, move |inner| flat(Some(inner.boxed())))
        .boxed()
}

/// What the type makes of a text, if it reads it.
fn rewritten<T: Serialize + DeserializeOwned>(text: &str) -> Option<String> {
    let record: T = serde_json::from_str(text).ok()?;
    Some(serde_json::to_string(&record).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 100_000, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn a_type_loses_nothing_of_what_its_schema_names(record in records(), any in written::any_object()) {
        for text in [record.to_string(), Written::to_string(&any)] {
            let tree = Tree::parse(&text).unwrap();
            if EVERYTHING.check(&tree).is_empty()
                && EVERYTHING.names_all(&tree)
                && let Some(known) = rewritten::<Everything>(&text)
            {
                let lost = Extra::between(&text, &known);
                prop_assert!(lost.is_none(), "{:?} of {}", lost, text);
            }
        }
    }

    #[test]
    fn all_that_a_type_writes_is_named(record in records()) {
        let text = record.to_string();
        let Some(known) = rewritten::<Everything>(&text) else { return Ok(()) };
        let value: Value = serde_json::from_str(&known).unwrap();
        let tree = Tree::parse(&known).unwrap();
        prop_assume!(EVERYTHING.check(&tree).is_empty());
        prop_assert!(names_all(&EVERYTHING, &value), "{}", known);
    }
}
