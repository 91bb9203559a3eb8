//! What the documentation says and random histories would say only at length.
//!
//! Owns single checks, generic over the URL.

use std::ops::Bound;

use larder::{
    AnyRepository, Condition, ErrorKind, Key, Order, Query, RepositoryExt, Store, Target, Test,
    Write,
};

use crate::rec::Rec;
use crate::threads::rec;

fn with_two(url: &str) -> AnyRepository<Rec> {
    let repo = Store::open(url).unwrap().repository::<Rec>().unwrap();
    repo.save_all([rec("a", 1), rec("b", 2)]).unwrap().detach();
    repo
}

fn refused(repo: &AnyRepository<Rec>, query: &Query<Rec>) {
    for error in [
        repo.find(query.clone()).unwrap_err(),
        repo.count(query.clone()).unwrap_err(),
        repo.explain(query.clone()).unwrap_err(),
        repo.find_first(query.clone()).unwrap_err(),
        repo.page(query.clone().limit(1)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidQuery, "{query:?}: {error}");
    }
}

/// An index that is not there, a key that is none, a page without a limit.
pub fn a_query_that_is_none_is_refused(url: &str) {
    let repo = with_two(url);
    for query in [
        Condition::new(Target::Index("none".into()), Test::IsNone).into(),
        Rec::RATIO.is(f64::NAN),
        Rec::RATIO.range(f64::NEG_INFINITY..0.0),
        Rec::IS_OPEN
            .is(true)
            .and(Rec::WEIGHT.any_of([1.0, f64::NAN])),
    ] {
        refused(&repo, &query);
    }
    for query in [Query::all(), Query::all().limit(0)] {
        assert_eq!(
            repo.page(query).unwrap_err().kind(),
            ErrorKind::InvalidQuery
        );
    }
}

/// An order by an index that is not there is an error whoever asks.
pub fn counting_refuses_what_finding_refuses(url: &str) {
    let repo = with_two(url);
    let order = Order::new(Target::Index("none".into()), false);
    refused(&repo, &Query::all().order_by(order));
    refused(&repo, &Query::all().order_by(Rec::TAGS.asc()));
}

/// "Only keys of the bounds' kind are in it": no key is of two kinds.
pub fn a_range_of_two_kinds_holds_nothing(url: &str) {
    let repo = with_two(url);
    let (number, text) = (Key::int(0), Key::text("z"));
    for target in [
        Target::Index("rank".into()),
        Target::field("rank"),
        Target::field("big"),
    ] {
        let test = Test::Range(
            Bound::Included(number.clone()),
            Bound::Included(text.clone()),
        );
        let found = repo.find(Condition::new(target, test)).unwrap();
        assert!(found.is_empty(), "{} records", found.len());
    }
}

/// "What is wrong with the first operation that cannot be done."
pub fn the_first_operation_that_cannot_be_done_is_told(url: &str) {
    let repo = with_two(url);
    let taken = Rec {
        id: "c".to_owned(),
        ..rec("a", 1)
    };
    let no_id = rec("", 3);
    let error = repo
        .save_all([taken, no_id])
        .map(Write::detach)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation, "{error}");
}

/// "How many records are read" of how many there are, also where an index over a list has several
/// entries of one record.
pub fn a_plan_reads_no_more_records_than_there_are(url: &str) {
    let repo = with_two(url);
    let plan = repo.explain(Rec::TAGS.range("t".to_owned()..)).unwrap();
    assert!(plan.rows_read <= plan.rows, "{plan}");
}
