//! The same answers everywhere: what a query finds, in which order, and how many; and a query that is
//! none is refused.

use larder_core::{
    Access, Condition, Cursor, ErrorKind, Key, Order, Query, Repository, RepositoryExt, Target,
    Test,
};

use crate::pantry::{Pantry, ids};
use crate::records::{Jar, jar, labelled};
use crate::setup::Setup;

/// Nine jars whose keys tie, are none, and are of every form that the type has.
fn shelf() -> Vec<Jar> {
    let rows = [
        Some(2),
        None,
        Some(-1),
        Some(2),
        Some(10),
        None,
        Some(0),
        Some(2),
        Some(-1),
    ];
    let notes = [
        None,
        Some("b"),
        Some("a"),
        Some("ab"),
        None,
        Some(""),
        Some("a"),
        Some("é"),
        Some("B"),
    ];
    (0..9)
        .map(|n: usize| Jar {
            shelf: ["top", "low", "topmost"][n % 3].to_owned(),
            row: rows[n],
            contents: (0..n % 4).map(|k| format!("c{k}")).collect(),
            grams: [3, 1, 2][n / 3],
            price: [None, Some(0.5), Some(-1.0), Some(1.0), Some(1e10)][n % 5],
            note: notes[n].map(str::to_owned),
            place: n.is_multiple_of(2).then(|| u32::try_from(n).unwrap()),
            ..labelled(
                ["e", "i", "a", "g", "c", "h", "b", "f", "d"][n],
                &format!("l{n}"),
            )
        })
        .collect()
}

pub(super) fn filled<S: Setup>(setup: &S) -> Pantry<'_, S> {
    let it = Pantry::open(setup);
    it.jars.save_all(shelf()).unwrap().detach();
    it
}

/// Without an order by id, bytewise.
pub fn without_an_order_it_is_by_id<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    for id in ["b", "é", "a", "B", "a\u{1}", "ab", "A", "10", "9", "日"] {
        it.put(jar(id));
    }
    let sorted = ["10", "9", "A", "B", "a", "a\u{1}", "ab", "b", "é", "日"];
    assert_eq!(ids(&*it.jars, Query::all()), sorted);
    assert_eq!(ids(&*it.jars, Jar::SHELF.is("top")), sorted);
    assert_eq!(ids(&*it.jars, Jar::GRAMS.is(1_u32)), sorted);
    assert_eq!(ids(&*it.jars, Query::all().limit(3)), sorted[..3]);
}

pub(super) type KeyOf = fn(&Jar) -> Key;

/// Orders by an index, by a unique one, and by fields without one.
pub(super) fn orders() -> [(Target<Jar>, KeyOf); 6] {
    [
        (Jar::ROW.into(), |jar| jar.row.map_or(Key::None, Key::int)),
        (Jar::LABEL.into(), |jar| {
            Key::text(jar.label.as_deref().unwrap())
        }),
        (Jar::SHELF.into(), |jar| Key::text(&*jar.shelf)),
        (Jar::GRAMS.into(), |jar| Key::int(jar.grams)),
        (Jar::PRICE.into(), |jar| {
            jar.price
                .map_or(Key::None, |price| Key::float(price).unwrap())
        }),
        (Jar::NOTE.into(), |jar| {
            jar.note.as_deref().map_or(Key::None, Key::text)
        }),
    ]
}

/// Sorted by hand: by these keys, each up or down, and then by id.
fn sorted(mut all: Vec<Jar>, by: &[(KeyOf, bool)]) -> Vec<String> {
    all.sort_by(|a, b| {
        for (key, descending) in by {
            let order = key(a).cmp(&key(b));
            let order = if *descending { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        a.id.cmp(&b.id)
    });
    all.into_iter().map(|jar| jar.id).collect()
}

/// Up and down; records of equal keys come by id, upwards in both cases; none comes first, or last when it is
/// down.
pub fn an_order_is_by_its_key_and_then_by_id<S: Setup>(setup: &S) {
    let it = filled(setup);
    for (target, key) in orders() {
        for descending in [false, true] {
            let wanted = sorted(shelf(), &[(key, descending)]);
            let query = Query::all().order_by(Order::new(target.clone(), descending));
            let what = format!("by {target:?}, descending: {descending}");
            assert_eq!(ids(&*it.jars, query.clone()), wanted, "{what}");
            for limit in [1, 4, 9] {
                let found = ids(&*it.jars, query.clone().limit(limit));
                assert_eq!(found, wanted[..limit], "{what}, the first {limit}");
            }
        }
    }
    let none_first = ids(&*it.jars, Query::all().order_by(Jar::ROW.asc()));
    assert_eq!(none_first[..2], ["h", "i"]);
    let none_last = ids(&*it.jars, Query::all().order_by(Jar::ROW.desc()));
    assert_eq!(none_last[7..], ["h", "i"]);
}

/// By one key, then by another, each up or down.
pub fn an_order_may_have_several_keys<S: Setup>(setup: &S) {
    let it = filled(setup);
    for (first, first_key) in orders() {
        for (second, second_key) in orders() {
            for (down, then_down) in [(false, false), (false, true), (true, false)] {
                let wanted = sorted(shelf(), &[(first_key, down), (second_key, then_down)]);
                let query = Query::all()
                    .order_by(Order::new(first.clone(), down))
                    .order_by(Order::new(second.clone(), then_down));
                assert_eq!(
                    ids(&*it.jars, query),
                    wanted,
                    "{first:?} and then {second:?}"
                );
            }
        }
    }
}

/// At most so many, of those that the conditions leave, in the order that was asked for.
pub fn a_limit_is_what_it_says<S: Setup>(setup: &S) {
    let it = filled(setup);
    let all = ids(&*it.jars, Query::all());
    for limit in [0, 1, 2, 8, 9, 10, usize::MAX] {
        let wanted = &all[..limit.min(9)];
        assert_eq!(ids(&*it.jars, Query::all().limit(limit)), wanted, "{limit}");
        let count = it.jars.count(Query::all().limit(limit)).unwrap();
        assert_eq!(count, wanted.len() as u64, "the count of {limit}");
    }
    for query in [
        Jar::SHELF.is("top").limit(2),
        Jar::GRAMS.is(3_u32).limit(2),
        Jar::SHELF.range("t".to_owned()..).limit(2),
        Query::all().filter(|jar: &Jar| jar.row.is_some()).limit(2),
    ] {
        let found = ids(&*it.jars, query.clone());
        assert_eq!(found.len(), 2, "{query:?}");
        assert_eq!(it.jars.count(query).unwrap(), 2);
    }
}

/// How many there are, how many are read, and by which index; never more read than there are.
pub fn a_plan_agrees_with_what_is_found<S: Setup>(setup: &S) {
    let it = filled(setup);
    for (query, index) in [
        (Jar::LABEL.is("l0").into(), Some("label")),
        (Jar::SHELF.is("top"), Some("shelf")),
        (Jar::CONTENTS.is("c0"), Some("contents")),
        (Jar::BY_ROW.is(("top", 2)), Some("BY_ROW")),
        (Jar::GRAMS.is(3_u32), None),
        (Query::all(), None),
        (Jar::CONTENTS.range("c".to_owned()..), Some("contents")),
    ] {
        let plan = it.jars.explain(query.clone()).unwrap();
        let found = it.jars.count(query.clone()).unwrap();
        assert_eq!(plan.rows, 9, "{query:?}: {plan}");
        assert!(
            found <= plan.rows_read && plan.rows_read <= 9,
            "{query:?}: {plan}"
        );
        assert_eq!(plan.index(), index, "{query:?}: {plan}");
    }
    let one = it.jars.explain(Jar::LABEL.is("l0")).unwrap();
    assert_eq!(one.rows_read, 1, "{one}");
    assert!(
        matches!(one.access, Access::Index { unique: true, .. }),
        "{one}"
    );
    let shown = format!("{one}");
    assert!(!shown.contains("l0"), "a plan told a value: {shown}");
}

/// Whoever asks: to find, to count, for a plan or for a page.
#[track_caller]
fn refused_by_all(repository: &dyn Repository<Jar>, query: &Query<Jar>) {
    for error in [
        repository.find(query.clone()).unwrap_err(),
        repository.count(query.clone()).unwrap_err(),
        repository.explain(query.clone()).unwrap_err(),
        repository.find_first(query.clone()).unwrap_err(),
        repository.page(query.clone().limit(1)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidQuery, "{query:?}: {error}");
        assert_eq!(error.collection(), Some("jars"), "{query:?}: {error}");
    }
}

/// An index that is not there, a key that is none, an order by a list; however many records there are.
pub fn a_query_that_is_none_is_refused<S: Setup>(setup: &S) {
    let it = Pantry::open(setup);
    for _ in 0..2 {
        for query in [
            Condition::new(Target::Index("nowhere".into()), Test::IsNone).into(),
            Query::all().order_by(Order::new(Target::Index("nowhere".into()), false)),
            Query::all().order_by(Jar::CONTENTS.asc()),
            Jar::PRICE.is(f64::NAN),
            Jar::PRICE.range(f64::NEG_INFINITY..0.0),
            Jar::SHELF
                .is("top")
                .and(Jar::PRICE.any_of([1.0, f64::INFINITY])),
        ] {
            refused_by_all(&*it.jars, &query);
        }
        it.put(jar("a"));
    }
    let no_cursor = "[]".parse::<Cursor>().unwrap_err();
    assert_eq!(no_cursor.kind(), ErrorKind::InvalidQuery, "{no_cursor}");
    for query in [Query::all(), Query::all().limit(0)] {
        let error = it.jars.page(query).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::InvalidQuery,
            "a page without a size: {error}"
        );
    }
}
