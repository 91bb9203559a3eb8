//! Point get, unique lookup, an index's key with twenty records, a range with order and limit.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use larder::prelude::*;

use crate::common::{Session, session};
use crate::stores::{Filled, SIZES};

/// What a program has that keeps its records itself.
pub(crate) fn by_hand(criterion: &mut Criterion) {
    for size in SIZES {
        criterion.bench_function(&format!("get/hash map by hand/{size}"), |bench| {
            let map: HashMap<String, Arc<Session>> = (0..size)
                .map(session)
                .map(|session| (session.id.clone(), Arc::new(session)))
                .collect();
            let ids: Vec<String> = (0..size).map(|n| session(n * 7_919 % size).id).collect();
            let mut ids = ids.iter().cycle();
            bench.iter(|| black_box(ids.next().and_then(|id| map.get(id)).cloned()));
        });
    }
}

pub(crate) fn of(criterion: &mut Criterion, filled: &Filled) {
    let name = filled.name();
    let keys = |key: fn(Session) -> String| -> Vec<String> {
        filled
            .numbers()
            .take(usize::try_from(filled.size).unwrap_or(0))
            .map(|number| key(session(number)))
            .collect()
    };
    criterion.bench_function(&format!("get/{name}"), |bench| {
        let sessions = &filled.open().sessions;
        let ids = keys(|session| session.id);
        let mut ids = ids.iter().cycle();
        bench.iter(|| black_box(ids.next().map(|id| sessions.get(id))));
    });
    criterion.bench_function(&format!("unique lookup/{name}"), |bench| {
        let sessions = &filled.open().sessions;
        let channels = keys(|session| session.channel_id);
        let mut channels = channels.iter().cycle();
        bench.iter(|| {
            let channel = channels.next().map_or("", String::as_str);
            black_box(sessions.find_one(Session::CHANNEL_ID.is(channel)))
        });
    });
    criterion.bench_function(&format!("index of 20/{name}"), |bench| {
        let sessions = &filled.open().sessions;
        let categories = keys(|session| session.category_id);
        let mut categories = categories.iter().cycle();
        bench.iter(|| {
            let category = categories.next().map_or("", String::as_str);
            black_box(sessions.find(Session::CATEGORY_ID.is(category)))
        });
    });
    criterion.bench_function(&format!("range, order, limit 20/{name}"), |bench| {
        let sessions = &filled.open().sessions;
        let mut numbers = filled.numbers();
        bench.iter(|| {
            let from = session(numbers.next().unwrap_or(0)).last_activity;
            let query = Session::LAST_ACTIVITY
                .range(from..)
                .order_by(Session::LAST_ACTIVITY.asc())
                .limit(20);
            black_box(sessions.find(query))
        });
    });
}
