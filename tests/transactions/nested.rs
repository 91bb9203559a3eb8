//! What a thread may not do inside its own transaction.

use super::*;

/// So often is looked while another thread comes to where it has to wait.
const LOOKS: usize = 500;

pub(crate) fn a_nested_write_does_not_join_others_who_wait(it: Setup) {
    let started = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let done = it.store.transaction(|tx| {
            threads.spawn(|| {
                started.store(true, Ordering::SeqCst);
                it.gates.save(gate("g", "s")).unwrap().wait().unwrap();
            });
            while !started.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            // Who writes there leads those who come, and waits for the end of this.
            for _ in 0..LOOKS {
                let beside = it.gates.save(gate("h", "s")).unwrap_err();
                assert_eq!(beside.kind(), ErrorKind::NestedTransaction);
                std::thread::yield_now();
            }
            tx.insert(session("s", "c"))
        });
        done.unwrap().wait().unwrap();
    });
    assert_eq!(it.ids(), (vec!["s".into()], vec!["g".into()]));
}

pub(crate) fn what_is_open_is_given_while_another_thread_opens(it: Setup) {
    let late = Collection::<Value>::named("late");
    let notes = it.store.collection(late.clone()).unwrap();
    notes.save(json!({"id": "a"})).unwrap().wait().unwrap();
    drop(notes);
    let it = it.reopen();
    let late = if it.url == "memory:" {
        late
    } else {
        late.with_version(2)
            .with_migrations(Migrations::new().step(1, |_| Ok(())))
    };
    let started = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let done = it.store.transaction(|tx| {
            threads.spawn(|| {
                started.store(true, Ordering::SeqCst);
                it.store.collection(late).unwrap();
            });
            while !started.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            // It has to be migrated, which is a write, and waits for the end of this.
            for _ in 0..LOOKS {
                it.store.repository::<Gate>()?;
                let _ = it.store.load_report();
                assert!(!format!("{tx:?}").is_empty());
                std::thread::yield_now();
            }
            let other = it.store.collection(Collection::<Value>::named("other"));
            let refused = other.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::NestedTransaction);
            tx.insert(session("s", "c"))
        });
        done.unwrap().wait().unwrap();
    });
    assert_eq!(it.ids().0, ["s"]);
}

pub(crate) fn whoever_waits_inside_is_told(it: Setup) {
    let earlier = it.gates.save(gate("g", "s")).unwrap();
    let on_disk = it.url != "memory:";
    let mut earlier = Some(earlier);
    it.store
        .transaction(|tx| {
            tx.insert(session("s", "c"))?;
            let flushed = it.store.flush().wait();
            assert_eq!(flushed.unwrap_err().kind(), ErrorKind::NestedTransaction);
            if on_disk {
                let waited = earlier.take().unwrap().wait();
                assert_eq!(waited.unwrap_err().kind(), ErrorKind::NestedTransaction);
            }
            Ok(())
        })
        .unwrap()
        .wait()
        .unwrap();
    drop(earlier);
    assert!(it.reopen().gates.get("g").unwrap().is_some());
}
