//! Random histories against a naive model: a map from ids to what a record says.
//!
//! The model calculates in integers and compares record by record. Five kinds of collections say
//! the same in five ways: an indexed field, one without an index, a path with and without one, and
//! a function.

use std::collections::BTreeMap;
use std::sync::Arc;

use larder::{Condition, Key, Target, Test};

use super::*;

/// What a record says: the second at which it expires, its rank, and its group.
type Says = (Option<u8>, Option<u8>, bool);
type Model = BTreeMap<u8, Says>;

#[derive(Clone, Debug)]
enum Step {
    Save(u8, Says),
    Extend(u8, u8),
    Delete(u8),
    Purge(u8),
    Read(u8, usize),
}

fn says() -> impl Strategy<Value = Says> {
    let second = proptest::option::weighted(0.8, 0..10_u8);
    (
        second,
        proptest::option::weighted(0.8, 0..5_u8),
        any::<bool>(),
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8, says()).prop_map(|(id, says)| Step::Save(id, says)),
        2 => (0..12_u8, 0..10_u8).prop_map(|(id, by)| Step::Extend(id, by)),
        1 => (0..12_u8).prop_map(Step::Delete),
        2 => (0..10_u8).prop_map(Step::Purge),
        2 => (0..10_u8, 1..4_usize).prop_map(|(now, limit)| Step::Read(now, limit)),
    ]
}

fn seconds(seconds: u8) -> u64 {
    u64::from(seconds) * 1_000
}

/// A kind of collection: how its records are made.
struct Kind<T> {
    repository: AnyRepository<T>,
    make: fn(u8, Says) -> T,
    read: fn(&T) -> (u8, Says),
}

fn id_of(id: u8) -> String {
    format!("{id:02}")
}

fn json_of(id: u8, (expires, rank, group): Says) -> Value {
    let expires = expires.map(seconds);
    json!({"id": id_of(id), "t": expires, "rank": rank, "group": group})
}

fn json_says(json: &Value) -> (u8, Says) {
    let small = |value: &Value| value.as_u64().map(|n| u8::try_from(n).unwrap());
    let expires = json["t"]
        .as_u64()
        .map(|ms| u8::try_from(ms / 1_000).unwrap());
    let id = json["id"].as_str().unwrap().parse().unwrap();
    (
        id,
        (expires, small(&json["rank"]), json["group"] == json!(true)),
    )
}

impl<T: Data + PartialEq + std::fmt::Debug> Kind<T> {
    fn found(&self, records: &[Arc<T>]) -> Vec<(u8, Says)> {
        records.iter().map(|record| (self.read)(record)).collect()
    }

    fn all(&self) -> Model {
        let all = self.repository.find(Query::all()).unwrap();
        self.found(&all).into_iter().collect()
    }

    fn history(&self, steps: &[Step]) {
        let mut model = Model::new();
        for step in steps {
            self.step(step, &mut model);
            assert_eq!(self.all(), model, "after {step:?}");
        }
    }

    fn step(&self, step: &Step, model: &mut Model) {
        match *step {
            Step::Save(id, says) => {
                model.insert(id, says);
                let record = (self.make)(id, says);
                self.repository.save(record).unwrap().detach();
            }
            Step::Extend(id, by) => {
                if let Some(says) = model.get_mut(&id) {
                    says.0 = says.0.map(|second| second + by);
                    let record = (self.make)(id, *says);
                    self.repository.save(record).unwrap().detach();
                }
            }
            Step::Delete(id) => {
                model.remove(&id);
                self.repository.delete(&id_of(id)).unwrap().detach();
            }
            Step::Purge(now) => {
                let expired = |says: &Says| says.0.is_some_and(|second| second <= now);
                let gone: Vec<(u8, Says)> = model
                    .iter()
                    .map(|(id, says)| (*id, *says))
                    .filter(|(_, s)| expired(s))
                    .collect();
                model.retain(|_, says| !expired(says));
                let removed = self.repository.purge_expired(at(seconds(now))).unwrap();
                assert_eq!(self.found(&removed.into_visible().unwrap()), gone);
            }
            Step::Read(now, limit) => self.reads(now, limit, model),
        }
    }

    /// Pages through the live records of one group, by rank.
    fn reads(&self, now: u8, limit: usize, model: &Model) {
        // A moment before the second after it, so that it lies between two.
        let moment = at(seconds(now) + 999) + Duration::from_nanos(999_999);
        let live = self.repository.live(moment).unwrap();
        let group = Condition::new(Target::field("group"), Test::Is(Key::Bool(true)));
        let query = Query::when(group).order_by(larder::Order::new(Target::field("rank"), true));
        let mut expected: Vec<(u8, Says)> = model
            .iter()
            .map(|(id, says)| (*id, *says))
            .filter(|(_, says)| says.2 && says.0.is_none_or(|second| second > now))
            .collect();
        expected.sort_by_key(|(id, says)| (std::cmp::Reverse(says.1), *id));
        assert_eq!(live.count(query.clone()).unwrap(), expected.len() as u64);
        assert_eq!(self.found(&live.find(query.clone()).unwrap()), expected);
        let mut query = query.limit(limit);
        let mut paged = Vec::new();
        loop {
            let page = live.page(query.clone()).unwrap();
            paged.extend(self.found(&page.records));
            let Some(next) = page.next else { break };
            assert_eq!(page.records.len(), limit);
            query = query.after(next);
        }
        assert_eq!(paged, expected);
        for id in 0..12 {
            let there = model.get(&id).is_some_and(|s| s.0.is_none_or(|t| t > now));
            assert_eq!(live.get(&id_of(id)).unwrap().is_some(), there);
        }
    }

    /// Of the records in one group or of all, those that go, in their order.
    fn retention(&self, keep: usize, in_group: bool, model: &mut Model) {
        let mut retention = Retention::newest(keep, "rank");
        if in_group {
            let group = Condition::new(Target::field("group"), Test::Is(Key::Bool(true)));
            retention = retention.among(group);
        }
        let mut ranked: Vec<(u8, Says)> = model
            .iter()
            .map(|(id, says)| (*id, *says))
            .filter(|(_, says)| says.1.is_some() && (says.2 || !in_group))
            .collect();
        ranked.sort_by_key(|(id, says)| (std::cmp::Reverse(says.1), *id));
        let goes = ranked.split_off(keep.min(ranked.len()));
        self.retained(&retention, &goes, model);
    }

    fn young(&self, now: u8, age: u8, model: &mut Model) {
        let age = Duration::from_secs(age.into());
        let retention = Retention::younger_than(at(seconds(now)), age, "t");
        let limit = i128::from(seconds(now)) - i128::try_from(age.as_millis()).unwrap();
        let goes: Vec<(u8, Says)> = model
            .iter()
            .map(|(id, says)| (*id, *says))
            .filter(|(_, says)| says.0.is_some_and(|t| i128::from(seconds(t)) <= limit))
            .collect();
        self.retained(&retention, &goes, model);
    }

    fn retained(&self, retention: &Retention<T>, goes: &[(u8, Says)], model: &mut Model) {
        let plan = self.repository.plan_retention(retention).unwrap();
        assert_eq!(self.found(&plan), goes);
        assert_eq!(&self.all(), model, "a plan changes nothing");
        let removed = self.repository.retain(retention).unwrap();
        assert_eq!(removed.into_visible().unwrap(), plan);
        model.retain(|id, _| !goes.iter().any(|(gone, _)| gone == id));
        assert_eq!(&self.all(), model);
    }
}

fn typed(store: &Store) -> Kind<Code> {
    Kind {
        repository: store.repository().unwrap(),
        make: |id, (expires, rank, group)| Code {
            id: id_of(id),
            expires_at: expires.map(seconds),
            group,
            rank: rank.map(Into::into),
        },
        read: |code| json_says(&serde_json::to_value(code).unwrap()),
    }
}

fn value(store: &Store, collection: Collection<Value>) -> Kind<Value> {
    Kind {
        repository: store.collection(collection).unwrap(),
        make: json_of,
        read: json_says,
    }
}

fn at_path(name: &str) -> Collection<Value> {
    Collection::named(name).expires_at("t")
}

fn by_function(name: &str) -> Collection<Value> {
    Collection::named(name).expires_by(|json: &Value| json["t"].as_u64().map(at))
}

/// Runs the body for a fresh collection of each kind.
macro_rules! each_kind {
    ($store:expr, |$kind:ident| $body:expr) => {{
        let store = &$store;
        {
            let $kind = typed(store);
            $body
        }
        {
            let $kind = value(store, at_path("scanned"));
            $body
        }
        {
            let $kind = value(store, at_path("indexed").index("t").index("rank"));
            $body
        }
        {
            let $kind = value(store, by_function("function").index("group"));
            $body
        }
    }};
}

fn check<S: Strategy>(strategy: &S, test: impl Fn(S::Value)) {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(40)
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(strategy, |input| {
            test(input);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

pub(super) fn purges_are_those_of_a_model(scheme: &str) {
    check(&proptest::collection::vec(step(), 1..40), |steps| {
        let it = Setup::new(scheme);
        each_kind!(it.store, |kind| kind.history(&steps));
    });
}

pub(super) fn retentions_are_those_of_a_model(scheme: &str) {
    let records = proptest::collection::btree_map(0..40_u8, says(), 0..30);
    let rules = proptest::collection::vec((0..6_usize, 0..12_u8, any::<bool>()), 1..4);
    check(&(records, rules), |(records, rules)| {
        let it = Setup::new(scheme);
        each_kind!(it.store, |kind| {
            let mut model = records.clone();
            let made = records.iter().map(|(id, says)| (kind.make)(*id, *says));
            kind.repository.save_all(made).unwrap().detach();
            for (keep, now, in_group) in rules.iter().rev().copied() {
                kind.retention(keep * 4, in_group, &mut model);
                kind.young(now, u8::try_from(keep).unwrap(), &mut model);
            }
        });
    });
}

/// Somebody writes between the look and the removal. Whatever that is, nothing goes that has not
/// expired as it stands, and nothing stays that had expired before and after.
pub(super) fn whatever_happens_meanwhile(scheme: &str) {
    let records = proptest::collection::btree_map(0..12_u8, says(), 0..12);
    let changes = proptest::collection::vec(step(), 0..6);
    check(&(records, changes, 0..10_u8), |(records, changes, now)| {
        let it = Setup::new(scheme);
        let kind = value(&it.store, at_path("notes").index("t"));
        let made = records.iter().map(|(id, says)| json_of(*id, *says));
        kind.repository.save_all(made).unwrap().detach();
        let changes: Vec<Step> = changes
            .into_iter()
            .filter(|step| !matches!(step, Step::Purge(_) | Step::Read(..)))
            .collect();
        let mut after = records.clone();
        for step in &changes {
            match *step {
                Step::Save(id, says) => drop(after.insert(id, says)),
                Step::Extend(id, by) => {
                    if let Some(says) = after.get_mut(&id) {
                        says.0 = says.0.map(|second| second + by);
                    }
                }
                Step::Delete(id) => drop(after.remove(&id)),
                Step::Purge(_) | Step::Read(..) => {}
            }
        }
        let mut meddled = records.clone();
        let meddler = Meddler::new(kind.repository.clone(), move |repository| {
            let kind = Kind {
                repository: repository.clone(),
                make: json_of,
                read: json_says,
            };
            for step in &changes {
                kind.step(step, &mut meddled);
            }
        });
        let removed = meddler.purge_expired(at(seconds(now))).unwrap();
        let removed: Model = kind
            .found(&removed.into_visible().unwrap())
            .into_iter()
            .collect();
        let expired = |says: &Says| says.0.is_some_and(|second| second <= now);
        for (id, says) in &removed {
            assert!(expired(says));
            assert_eq!(after.get(id), Some(says), "as it was when it went");
        }
        let mut left = after.clone();
        left.retain(|id, _| !removed.contains_key(id));
        assert_eq!(kind.all(), left);
        for (id, says) in &left {
            // One that expired only by what came meanwhile may be left for the next time.
            let stays = expired(says) && records.get(id).is_some_and(expired);
            assert!(!stays, "{id} had expired");
        }
    });
}
