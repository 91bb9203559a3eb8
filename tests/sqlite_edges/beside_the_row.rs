//! What an operation says was there before it, where the row does not say all: keys beside it, and fields
//! that live at run time only.

use larder::{Op, Outcome};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Record)]
#[record(collection = "lamps")]
struct Lamp {
    #[record(id)]
    id: String,
    place: String,
    #[serde(skip)]
    hours: u32,
}

fn lamp(place: &str, hours: u32) -> Lamp {
    Lamp {
        id: "a".into(),
        place: place.into(),
        hours,
    }
}

fn befores(outcomes: &[Outcome<Lamp>]) -> Vec<Option<Lamp>> {
    let befores = outcomes.iter().map(|it| it.before.as_deref().cloned());
    befores.collect()
}

#[test]
fn each_of_several_operations_finds_what_the_one_before_has_left() {
    let dir = tempfile::tempdir().unwrap();
    let lamps = database(dir.path()).repository::<Lamp>().unwrap();
    let ops = |first: Lamp, last: Op<Lamp>| vec![Op::save(first), Op::save(lamp("hall", 2)), last];
    let outcomes = lamps.apply(ops(lamp("door", 1), Op::delete("a"))).unwrap();
    let outcomes = outcomes.wait().unwrap();
    let wanted = [None, Some(lamp("door", 1)), Some(lamp("hall", 2))];
    assert_eq!(befores(&outcomes), wanted);
    // The same JSON twice: the last that was saved is there.
    let outcomes = lamps.apply(ops(lamp("hall", 1), Op::Clear)).unwrap();
    let outcomes = outcomes.wait().unwrap();
    let wanted = [None, Some(lamp("hall", 1)), Some(lamp("hall", 2))];
    assert_eq!(befores(&outcomes), wanted);
    assert_eq!(lamps.count(Query::all()).unwrap(), 0);
}

#[test]
fn a_swap_gives_what_was_there_and_not_what_was_compared_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let lamps = database(dir.path()).repository::<Lamp>().unwrap();
    lamps.save(lamp("door", 1)).unwrap().wait().unwrap();
    drop(lamps);
    let lamps = database(dir.path()).repository::<Lamp>().unwrap();
    let read = Arc::new(lamp("door", 7));
    let outcomes = lamps
        .apply(vec![Op::replace(read, lamp("hall", 8))])
        .unwrap();
    let outcomes = outcomes.wait().unwrap();
    assert_eq!(befores(&outcomes), [Some(lamp("door", 0))]);
    assert_eq!(lamps.get("a").unwrap().unwrap().hours, 8);
}

/// Keys are compared each with its own column.
#[test]
fn a_key_that_becomes_what_another_is_moves_with_its_record() {
    let dir = tempfile::tempdir().unwrap();
    let pairs = Collection::<Value>::named("pairs")
        .index("left")
        .index("right");
    let pairs = database(dir.path()).collection(pairs).unwrap();
    let found = |field, key| pairs.count(by(field, Key::text(key))).unwrap();
    let steps = [
        ("x", "y"),
        ("x", "x"),
        ("y", "x"),
        ("y", "y"),
        ("x", "y"),
        ("y", "x"),
    ];
    for (left, right) in steps {
        let pair = json!({"id": "a", "left": left, "right": right});
        pairs.save(pair).unwrap().detach();
        for key in ["x", "y"] {
            assert_eq!(found("left", key), u64::from(left == key), "{left} {right}");
            assert_eq!(
                found("right", key),
                u64::from(right == key),
                "{left} {right}"
            );
        }
    }
}
