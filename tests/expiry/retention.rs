//! What a retention keeps, case by case.

use super::*;

pub(super) fn the_newest_are_kept(scheme: &str) {
    let it = Setup::new(scheme);
    let ranks = [Some(3), Some(1), None, Some(3), Some(2), Some(3)];
    let codes = it.codes((0..).zip(ranks).map(|(n, rank)| Code {
        rank,
        ..code(&n.to_string(), None)
    }));
    let before = it.store.health().applied;
    let keep = |keep| Retention::newest(keep, Code::RANK);
    let plan = |retention| ids(&codes.plan_retention(&retention).unwrap());
    // Of equal ones the first ids stay; one without a rank is no matter of it.
    assert_eq!(plan(keep(0)), ["0", "3", "5", "4", "1"]);
    assert_eq!(plan(keep(2)), ["5", "4", "1"]);
    assert_eq!(plan(keep(5)), Vec::<String>::new());
    assert_eq!(plan(keep(usize::MAX)), Vec::<String>::new());
    let among = Code::ID.any_of(["0", "1", "2", "4"]);
    let among = keep(1).among(among).among(Code::GROUP.is(false));
    assert_eq!(plan(among.clone()), ["4", "1"]);
    assert_eq!(it.store.health().applied, before);

    let write = codes.retain(&among).unwrap();
    assert_eq!(it.store.health().applied, before + 1);
    assert_eq!(ids(&write.wait().unwrap()), ["4", "1"]);
    assert_eq!(
        ids(&codes.find(Query::all()).unwrap()),
        ["0", "2", "3", "5"]
    );
    assert!(codes.retain(&among).unwrap().wait().unwrap().is_empty());

    // One that somebody changes meanwhile is looked at again.
    let meddler = Meddler::new(codes.clone(), |codes| {
        let change = |code: &mut Code| code.rank = Some(9);
        codes.update("5", change).unwrap().detach();
    });
    let removed = meddler.retain(&keep(1)).unwrap().wait().unwrap();
    assert_eq!(ids(&removed), ["0", "3"]);
    assert_eq!(ids(&codes.find(Query::all()).unwrap()), ["2", "5"]);
}

pub(super) fn the_young_are_kept(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes((0..5).map(|n| Code {
        rank: (n > 0).then_some(n * 1_000),
        ..code(&n.to_string(), None)
    }));
    let than = |age| Retention::younger_than(at(4_000), age, Code::RANK);
    let plan = |retention| ids(&codes.plan_retention(&retention).unwrap());
    let second = Duration::from_secs(1);
    assert_eq!(plan(than(second * 2)), ["1", "2"]);
    assert_eq!(plan(than(second * 2 + Duration::from_nanos(1))), ["1"]);
    assert_eq!(plan(than(Duration::ZERO)), ["1", "2", "3", "4"]);
    let some = than(second).among(Code::ID.any_of(["0", "3", "4"]));
    assert_eq!(plan(some), ["3"]);
    codes.retain(&than(second * 3)).unwrap().wait().unwrap();
    drop(codes);
    let it = it.reopen();
    let left = it.codes([]).find(Query::all()).unwrap();
    assert_eq!(ids(&left), ["0", "2", "3", "4"]);
}

pub(super) fn a_retention_is_among_all_of_a_query(scheme: &str) {
    let it = Setup::new(scheme);
    let codes = it.codes([code("a", Some(1))]);
    let cursor = codes.cursor_after(&Query::all(), &code("a", None)).unwrap();
    for among in [
        Query::all().limit(1),
        Query::all().order_by(Code::RANK.asc()),
        Query::all().after(cursor),
    ] {
        let retention = Retention::newest(0, Code::EXPIRES_AT).among(among);
        let error = codes.retain(&retention).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
        assert_eq!(error.operation(), Some("retain"));
        assert!(codes.plan_retention(&retention).is_err());
    }
    assert_eq!(codes.count(Query::all()).unwrap(), 1);
}
