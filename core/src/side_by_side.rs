//! Work of which no part waits for another, on as many threads as there are processors.
//!
//! Owns [`side_by_side`]. It is for loads, which sort and build one list per index: no code of a record
//! type runs in it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

/// Does something with each part; the results come in the order of the parts. This thread works too, so
/// it is done even where the system gives no thread.
pub(crate) fn side_by_side<P: Send, R: Send>(parts: Vec<P>, act: impl Fn(P) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if threads < 2 || parts.len() < 2 {
        return parts.into_iter().map(act).collect();
    }
    let waiting: Vec<_> = parts
        .into_iter()
        .map(|part| Mutex::new(Some(part)))
        .collect();
    let done: Vec<Mutex<Option<R>>> = waiting.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(part), Some(done)) = (waiting.get(at), done.get(at)) else {
                return;
            };
            let part = part.lock().take();
            let result = part.map(&act);
            *done.lock() = result;
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(waiting.len()) {
            // Without it the others do more.
            let _ = thread::Builder::new()
                .name("larder-load".to_owned())
                .spawn_scoped(scope, work);
        }
        work();
    });
    done.into_iter().filter_map(Mutex::into_inner).collect()
}
