//! Runs a history against a store and the reference at once.
//!
//! Owns [`Runner`]. It knows a store only by its URL and by `AnyRepository`: a further backend
//! joins by its URL.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use larder::{
    AnyRepository, Error, ErrorKind, Query, Repository as _, RepositoryExt as _, Result, Store,
    Transaction, Write,
};
use serde_json::Value;

use crate::acts::{At, Reads, same};
use crate::books::{Books, Told};
use crate::desk::{Alone, Desk, end};
use crate::forms::{Account, Form, Post, Row, Which};
use crate::moves::{Act, End, Inside, Move, Wait};
use crate::told::Ears;

/// A store with all collections open.
pub struct Open {
    pub store: Store,
    pub accounts: AnyRepository<Account>,
    pub posts: AnyRepository<Post>,
    pub notes: AnyRepository<Value>,
}

impl Open {
    fn new(place: &str) -> Self {
        let store = if place == "memory:" {
            Store::open(place)
        } else {
            Store::open(format!(
                "{place}?debounce=1h&durability=process-crash&on_invalid=reject"
            ))
        };
        let store = store.unwrap();
        Self {
            accounts: store.collection(Account::collection()).unwrap(),
            posts: store.collection(Post::collection()).unwrap(),
            notes: store.collection(Value::collection()).unwrap(),
            store,
        }
    }

    fn sequence(&self) -> u64 {
        self.store.health().applied
    }

    /// What somebody sees of a collection who is in no transaction.
    fn shows(&self, books: &Books, which: Which) {
        fn shows<T: Form>(repo: &AnyRepository<T>, books: &Books) {
            let all = repo.find(Query::all()).unwrap();
            same(&all, &books.of(T::WHICH).all(), &"outside");
        }
        match which {
            Which::Accounts => shows(&self.accounts, books),
            Which::Posts => shows(&self.posts, books),
            Which::Notes => shows(&self.notes, books),
        }
    }

    /// What would wait for the transaction that it is in.
    fn refuses_what_is_beside(&self) {
        let row = Row {
            id: "beside".to_owned(),
            owner: None,
            tags: Vec::new(),
            value: Value::Null,
            n: 0,
            live: false,
        };
        let refused = [
            self.accounts.save(Account::make(&row)).map(Write::detach),
            self.posts.delete("a").map(Write::detach),
            self.notes.clear().map(Write::detach),
            self.store.transaction(|_| Ok(())).map(Write::detach),
            self.store.changes().map(drop),
            self.store.flush().wait(),
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::NestedTransaction);
        }
    }
}

/// What was read of each collection.
#[derive(Default)]
struct AllReads {
    accounts: Reads<Account>,
    posts: Reads<Post>,
    notes: Reads<Value>,
}

/// Why the closure of a transaction ended without success.
#[derive(Debug)]
enum Stop {
    Own(u8),
    Refused(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// The panic that is wanted.
struct OnPurpose;

/// What an act works on, besides the store.
struct Work<'a> {
    books: &'a mut Books,
    reads: &'a mut AllReads,
    told: &'a mut Vec<Told>,
}

impl Work<'_> {
    /// The act, at whatever desk is given for its collection.
    fn act(&mut self, open: &Open, desks: &impl Desks, which: Which, act: &Act) -> Result<()> {
        macro_rules! at {
            ($collection:ident) => {{
                let desk = desks.desk(&open.$collection);
                At {
                    desk: &*desk,
                    repo: &open.$collection,
                    book: self.books.of_mut(which),
                    reads: &mut self.reads.$collection,
                    told: self.told,
                }
                .act(act)
            }};
        }
        match which {
            Which::Accounts => at!(accounts),
            Which::Posts => at!(posts),
            Which::Notes => at!(notes),
        }
    }
}

/// Where the verbs of a collection are to be had.
trait Desks {
    fn desk<'a, T: Form>(&'a self, repo: &'a AnyRepository<T>) -> Box<dyn Desk<T> + 'a>;
}

impl Desks for Transaction<'_> {
    fn desk<'a, T: Form>(&'a self, _: &'a AnyRepository<T>) -> Box<dyn Desk<T> + 'a> {
        Box::new(self.collection::<T>(T::WHICH.name()).unwrap())
    }
}

/// Outside: how a write is awaited, and the place in the order that it says it has.
struct Outside(Wait, Cell<Option<u64>>);

impl Desks for Outside {
    fn desk<'a, T: Form>(&'a self, repo: &'a AnyRepository<T>) -> Box<dyn Desk<T> + 'a> {
        Box::new(Alone {
            repo,
            wait: self.0,
            sequence: &self.1,
        })
    }
}

/// The store under test, the reference, and what a user would have in his hands meanwhile.
pub struct Runner {
    place: String,
    open: Open,
    ears: Ears,
    reads: AllReads,
    books: Books,
    refusals: Vec<ErrorKind>,
}

impl Runner {
    /// On an empty store: `memory:`, or the place of one on disk.
    pub fn open(place: &str) -> Self {
        let open = Open::new(place);
        Self {
            place: place.to_owned(),
            ears: Ears::listen(&open),
            open,
            reads: AllReads::default(),
            books: Books::default(),
            refusals: Vec::new(),
        }
    }

    /// The whole history, and at its end a restart and a look at everything. Gives for which
    /// reasons something was refused.
    pub fn run(mut self, history: &[Move]) -> Vec<ErrorKind> {
        for it in history {
            let before = self.open.sequence();
            let mut told = Vec::new();
            let at = match it {
                Move::Alone(which, act, wait) => self.alone(*which, act, *wait, &mut told),
                Move::Together(acts, end) => self.together(acts, *end, &mut told),
                Move::Flush(wait) => {
                    end(self.open.store.flush(), *wait);
                    None
                }
                Move::Reopen(drop) => {
                    self = self.reopen(*drop);
                    continue;
                }
            };
            let after = before + u64::from(!told.is_empty());
            assert_eq!(self.open.sequence(), after, "{it:#?}\n{told:#?}");
            assert!(told.is_empty() || at.is_none_or(|at| at == after));
            self.ears.were_told(after, &told);
            for which in Which::ALL {
                self.open.shows(&self.books, which);
            }
        }
        self.audit();
        self = self.reopen(false);
        self.open.store.close().wait().unwrap();
        self.ears.hear_the_end();
        let refused = self.open.store.transaction(|_| Ok(())).map(Write::detach);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Closed);
        self.refusals
    }

    fn alone(&mut self, which: Which, act: &Act, wait: Wait, told: &mut Vec<Told>) -> Option<u64> {
        let outside = Outside(wait, Cell::new(None));
        let mut work = Work {
            books: &mut self.books,
            reads: &mut self.reads,
            told,
        };
        if let Err(error) = work.act(&self.open, &outside, which, act) {
            self.refusals.push(error.kind());
        }
        outside.1.get()
    }

    fn together(&mut self, acts: &[Inside], ending: End, told: &mut Vec<Told>) -> Option<u64> {
        let Self {
            open,
            reads,
            books,
            refusals,
            ..
        } = self;
        let mut inside = books.clone();
        // What the closure ended with: a copy, because the store is what should give it back.
        let mut stopped = None;
        let body = |tx: &Transaction<'_>| -> Result<usize, Stop> {
            for it in acts {
                let (which, act, pass) = match it {
                    Inside::Act(which, act, pass) => (*which, act, *pass),
                    Inside::Beside => {
                        open.refuses_what_is_beside();
                        continue;
                    }
                };
                let mut work = Work {
                    books: &mut inside,
                    reads,
                    told,
                };
                let acted = work.act(open, tx, which, act);
                // Nobody else sees anything of it.
                open.shows(books, which);
                if let Err(error) = acted {
                    refusals.push(error.kind());
                    if pass {
                        stopped = Some(error.clone());
                        return Err(error.into());
                    }
                }
            }
            match ending {
                End::Done(_) => Ok(acts.len()),
                End::Error(own) => Err(Stop::Own(own)),
                End::Panic => resume_unwind(Box::new(OnPurpose)),
            }
        };
        let ended = catch_unwind(AssertUnwindSafe(|| open.store.try_transaction(body)));
        let ended = match ended {
            Ok(ended) => ended,
            Err(panic) if panic.is::<OnPurpose>() => {
                assert!(stopped.is_none() && matches!(ending, End::Panic));
                told.clear();
                self.audit();
                return None;
            }
            Err(panic) => resume_unwind(panic),
        };
        match (ended, stopped, ending) {
            (Ok(write), None, End::Done(wait)) => {
                let sequence = write.sequence();
                assert_eq!(end(write, wait), acts.len());
                *books = inside;
                return sequence;
            }
            (Err(Stop::Refused(error)), Some(stopped), _) => {
                assert_eq!(error.to_string(), stopped.to_string());
            }
            (Err(Stop::Own(own)), None, End::Error(wanted)) => assert_eq!(own, wanted),
            (ended, stopped, ending) => {
                panic!("{ended:?}, but the closure ended with {stopped:?} or {ending:?}")
            }
        }
        told.clear();
        self.audit();
        None
    }

    /// Closes and opens again, or drops every handle; a store in memory stays as it is.
    fn reopen(self, drop: bool) -> Self {
        if self.place == "memory:" {
            return self;
        }
        let Self {
            open, ears, place, ..
        } = self;
        if drop {
            // Dropping the last handle flushes, and those who listen are no handles.
            std::mem::drop(open);
        } else {
            open.store.close().wait().unwrap();
        }
        ears.hear_the_end();
        let mut again = Self {
            reads: self.reads,
            books: self.books,
            refusals: self.refusals,
            ..Self::open(&place)
        };
        let report = again.open.store.load_report();
        assert!(report.issues().is_empty(), "{report:?}");
        again.books.restart();
        again.audit();
        again
    }

    /// Everything that the store knows.
    fn audit(&mut self) {
        let open = &self.open;
        let mut told = Vec::new();
        macro_rules! audit {
            ($collection:ident, $which:expr) => {{
                let outside = Outside(Wait::Detach, Cell::new(None));
                let desk = outside.desk(&open.$collection);
                let at = At {
                    desk: &*desk,
                    repo: &open.$collection,
                    book: self.books.of_mut($which),
                    reads: &mut self.reads.$collection,
                    told: &mut told,
                };
                at.audit();
                let stats = open.$collection.stats().unwrap();
                assert_eq!(stats.records, at.book.all().len() as u64);
            }};
        }
        audit!(accounts, Which::Accounts);
        audit!(posts, Which::Posts);
        audit!(notes, Which::Notes);
    }
}
