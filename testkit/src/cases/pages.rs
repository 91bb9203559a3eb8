//! Pages: a cursor is a place in an order, from which the next page goes on.

use larder_core::{Cursor, ErrorKind, Order, Query, RepositoryExt};

use super::queries::{filled, orders};
use crate::pantry::ids;
use crate::records::{Jar, jar};
use crate::setup::Setup;

/// Pages of every size, in every order, give every record once, and say where they end.
pub fn pages_give_every_record_once<S: Setup>(setup: &S) {
    let it = filled(setup);
    let mut queries: Vec<Query<Jar>> = vec![Query::all(), Jar::SHELF.starts_with("top")];
    for (target, _) in orders() {
        for descending in [false, true] {
            queries.push(Query::all().order_by(Order::new(target.clone(), descending)));
        }
    }
    queries.push(
        Query::all()
            .order_by(Jar::SHELF.desc())
            .order_by(Jar::PRICE.asc()),
    );
    queries.push(Jar::GRAMS.range(2..).order_by(Jar::ROW.desc()));
    for query in queries {
        let wanted = ids(&*it.jars, query.clone());
        for size in [1, 2, 4, 9, 10] {
            let mut found = Vec::new();
            let mut next: Option<Cursor> = None;
            loop {
                let mut page = query.clone().limit(size);
                if let Some(cursor) = next.take() {
                    // It may be kept as text meanwhile.
                    page = page.after(cursor.to_string().parse().unwrap());
                }
                let page = it.jars.page(page).unwrap();
                assert!(page.records.len() <= size);
                found.extend(page.records.iter().map(|jar| jar.id.clone()));
                assert!(
                    found.len() <= wanted.len(),
                    "{query:?}: {found:?} is too much"
                );
                match page.next {
                    Some(cursor) => next = Some(cursor),
                    None => break,
                }
            }
            assert_eq!(found, wanted, "{query:?} in pages of {size}");
        }
    }
}

/// A cursor is a place and not a number: what comes or goes in between neither repeats nor hides others.
pub fn a_cursor_goes_on_after_changes<S: Setup>(setup: &S) {
    let it = filled(setup);
    for query in [Query::all(), Query::all().order_by(Jar::ROW.asc())] {
        let all = ids(&*it.jars, query.clone());
        let page = it.jars.page(query.clone().limit(4)).unwrap();
        let next = page.next.unwrap();
        // The very record that the page ended with is gone, and so is one before it.
        let gone = [&all[3], &all[0]].map(|id| it.jars.get(id).unwrap().unwrap());
        for jar in &gone {
            it.jars.delete(&jar.id).unwrap().detach();
        }
        // And one came that is before the place.
        let early = Jar {
            row: None,
            ..jar("0")
        };
        it.put(early);
        let rest = ids(&*it.jars, query.clone().after(next.clone()));
        assert_eq!(rest, all[4..], "{query:?}");
        // One that comes after it is found.
        let late = Jar {
            row: Some(99),
            ..jar("z")
        };
        it.put(late);
        let rest = ids(&*it.jars, query.clone().after(next));
        assert_eq!(rest.last().map(String::as_str), Some("z"), "{query:?}");
        it.jars.delete("0").unwrap().detach();
        it.jars.delete("z").unwrap().detach();
        for jar in gone {
            it.put(Jar::clone(&jar));
        }
    }
}

/// A cursor belongs to the order that it was made in.
pub fn a_cursor_of_another_order_is_refused<S: Setup>(setup: &S) {
    let it = filled(setup);
    let by_row = Query::all().order_by(Jar::ROW.asc());
    let cursor = it.jars.page(by_row.clone().limit(2)).unwrap().next.unwrap();
    for other in [
        Query::all(),
        Query::all().order_by(Jar::ROW.desc()),
        Query::all().order_by(Jar::SHELF.asc()),
        by_row.order_by(Jar::SHELF.asc()),
    ] {
        let query = other.after(cursor.clone());
        for error in [
            it.jars.find(query.clone()).unwrap_err(),
            it.jars.count(query).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidQuery, "{error}");
        }
    }
}
