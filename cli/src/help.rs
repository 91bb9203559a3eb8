//! The long help: what a command means, what it promises, and examples to copy.
//!
//! Owns the texts of `--help`. The arguments themselves are `args.rs`.

pub(crate) const LARDER: &str = "\
Looks into, fills and mends the stores of Larder.

A store is named by a URL (json:./data for a directory of JSON files, sqlite:./data.db for a \
database file) or by the path of a configuration file (larder.toml). \
Commands that only read may run side by side. A command that writes needs a store of JSON files for \
itself, and says who has it if it cannot have it; a database may be open elsewhere meanwhile.

Data goes to standard output, messages go to standard error. With --json, data is JSON.";

pub(crate) const LARDER_AFTER: &str = "\
Exit status:
  0  all is well
  1  it ran, and found a problem: a record was dropped, refused or not there
  2  it could not run

Examples:
  larder import sessions.json --to json:./data --collection sessions --schema session.schema.json
  larder find json:./data sessions --where status=open --order-by createdAt --desc --limit 20
  larder check sqlite:./data.db
  larder copy json:./data sqlite:./data.db
  larder watch json:./data sessions

`larder help COMMAND` says more about each.";

pub(crate) const IMPORT: &str = "\
Reads records from a file into a collection, and reports what was dropped.

FILE is a JSON array, a file of a store, or NDJSON (one JSON object per line); a damaged file is \
salvaged record by record. Each record is checked and saved; one that is refused is reported with \
its place and the reasons, and its exact bytes go to quarantine (see `larder quarantine`). A record \
whose id an earlier record of the same file has takes its place, and the earlier one goes to \
quarantine.

The store is created if it is not there. The definition of the collection (id, schema, indexes) is \
kept beside the data, so it is given once. Given again, what is said changes and the rest stays: \
--schema and --id replace, --unique and --index add. Records that were there and do not satisfy the \
new definition go to quarantine, and are reported. A collection that a configuration file defines is \
changed there and not here.

With --as the collection is that of a record type of larder-stores, the stores of an agent \
orchestrator: its name, its id, its schema and its indexes are the type's, so none of them can be \
given. A record is refused where a program with these stores would drop it on load; of two with one \
unique key the first one in the file stays. What is taken keeps the order of its fields and those \
that the type does not know. Afterwards the program opens the collection as its own, and nothing has \
to be verified anew. If the collection had another definition, it has the type's then, and its old \
records are judged by that. Only records are written: what the stores do when they start (to gates \
that are pending, to runs that nobody drives) is left to the program.

When the command ends with status 0 or 1, everything it reports is durable. It may be interrupted \
at any time: the store is whole, and holds the records up to some point of the import.

With --on-invalid reject nothing at all is imported, and the store is not touched, unless every \
record is good.

With --ack records are answered one by one, in the order of the input, each on a line of its own \
that is written as soon as it is true:
  ACK <n>           record n (from 1) is durable
  NAK <n> <reason>  record n was refused, and its bytes are durable in quarantine
NDJSON is then read as it comes: a program may write a line, wait for its ACK, and write the next; \
or write many and have them share one flush. A line that is no JSON is record n like any other. (A \
stream that begins with `[` or with the head of a store's file is read to its end first.) The report \
goes to standard error.";

pub(crate) const IMPORT_AFTER: &str = "\
Exit status: 0 if nothing was dropped, 1 if something was, 2 if it could not run.

Examples:
  larder import sessions.json --to json:./data --collection sessions \\
      --schema session.schema.json --unique channelId --index categoryId
  larder import sessions.json --to sqlite:./data.db --as sessions
  larder import gates.json --to larder.toml --collection gates --on-invalid reject
  tail -f events.ndjson | larder import - --to json:./data --collection events --ack";

pub(crate) const EXPORT: &str = "\
Writes all records of a collection in id order: the same records give the same bytes.

Each record stands on one line, with its fields in the order and its numbers in the spelling in \
which they were saved.";

pub(crate) const EXPORT_AFTER: &str = "\
Exit status: 0; 1 if records of the collection cannot be loaded and so are not in the output; 2 if \
it could not run.

Examples:
  larder export json:./data sessions > sessions.json
  larder export json:./data sessions --format ndjson | grep '\"mode\":\"plan\"'";

pub(crate) const GET: &str = "Writes one record, on one line, exactly as it is kept.";

pub(crate) const GET_AFTER: &str = "\
Exit status: 0; 1 if there is no such record; 2 if it could not run.

Examples:
  larder get json:./data sessions fix-login
  larder get json:./data sessions fix-login | jq .workflowState";

pub(crate) const PUT: &str = "\
Saves one record from standard input, in the place of whatever has its id, and prints the id when \
it is durable.

The record is checked like any other; one that is refused changes nothing. The collection must be \
there, or be defined in the configuration file: a mistyped name makes no new one.";

pub(crate) const PUT_AFTER: &str = "\
Exit status: 0; 1 if the record was refused; 2 if it could not run.

Examples:
  larder put json:./data notes < note.json
  echo '{\"id\":\"a\",\"text\":\"hello\"}' | larder put json:./data notes --insert";

pub(crate) const DELETE: &str = "\
Deletes records by id, and prints the ids of those that were there when their removal is durable.";

pub(crate) const DELETE_AFTER: &str = "\
Exit status: 0; 1 if one of them was not there; 2 if it could not run.

Examples:
  larder delete json:./data sessions fix-login add-metrics
  larder delete json:./data sessions -- -an-id-that-begins-with-a-dash";

pub(crate) const COUNT: &str = "\
Counts the records for which all conditions hold. `larder find --help` says how to write one.";

pub(crate) const COUNT_AFTER: &str = "\
Examples:
  larder count json:./data sessions
  larder count json:./data sessions --where provider=claude --where 'totalCost>1.5'";

pub(crate) const FIND: &str = "\
Finds records: a table for people, one record per line with --json.

Conditions:
  F=V       is V: the text, or the number, the boolean or the null that V also spells
  F=\"V\"     is the text V
  F^=V      is text that begins with V
  F>V  F>=V  F<V  F<=V
            lies in this range: of numbers if V is one, else of texts (F>\"5\" for a text)
  F:none    is null, or not there
A field within a field is written with dots (workflowState.status) or as a JSON pointer \
(/workflowState/status). Of a list one element is enough. Mind the shell: quote conditions with \
< > or \".

An index on the field is used where there is one; --explain says which.";

pub(crate) const FIND_AFTER: &str = "\
With --limit, when more records follow, the cursor of the next page goes to standard error; give it \
to --after, with the same conditions and order.

Examples:
  larder find json:./data sessions --where categoryId=1100000000000000000
  larder find json:./data sessions --where categoryId=1100000000000000000 --explain
  larder find json:./data sessions --where 'lastActivity>=1795175786517' \\
      --order-by lastActivity --desc --limit 20 --fields id,mode,workflowState.status
  larder find json:./data sessions --where model:none --json | jq -r .id";

pub(crate) const CHECK: &str = "\
Validates every record of every collection against its definition, compares every index with the \
records, and counts what is in quarantine. It only reads.

Records in quarantine are no problem of the store: they were dealt with.

With --repair-plan it tells instead what a program would do that opens the store with on_invalid = \
\"repair\", and does none of it: which records would be repaired and how (the paths that would be \
removed or get the default of the schema, never a value), and which cannot be repaired and would be \
dropped. Every record is looked at, also those of a database that are known to be good. Where a \
program repairs or drops a record it keeps the original in quarantine. What is in quarantine already \
is not repaired; `larder quarantine restore` puts it back.";

pub(crate) const CHECK_AFTER: &str = "\
Exit status: 0 if all is well, 1 if anything is wrong, 2 if it could not run.

Examples:
  larder check json:./data
  larder check larder.toml --json | jq '.collections[].issues'
  larder check json:./data --repair-plan
  larder check json:./data --repair-plan --json | jq '.collections[].repaired[] | {id, repairs}'";

pub(crate) const COPY: &str = "\
Copies a store into another: all collections with their definitions, all records to the letter, and \
what is in quarantine. This is how a backend is switched, in either direction. FROM is only read, \
and stays as it is.

When all is written TO is closed, opened again, and read to the end. Of each collection a line tells \
the number of records, a digest over their exact text in id order, and whether TO has the same \
('verified'). The same records have the same digest on every backend, so two stores can be compared \
by eye.

TO is created if it is not there. If there are records in it, or in its quarantine, nothing is done, \
unless --overwrite is given: then the collections that FROM has are replaced, with their quarantine, \
and all others stay as they are. A copy that fails or is interrupted may leave a part in TO, never a \
change in FROM: mend the cause and copy again with --overwrite.

A record that cannot be loaded from FROM is in TO's quarantine, with its exact bytes, and in no \
collection; the status is then 1, as it is for an export.

To switch, stop the program, copy, name TO in its configuration, and start it; keep FROM until you \
are content.";

pub(crate) const COPY_AFTER: &str = "\
Exit status: 0; 1 if records of FROM cannot be loaded, or TO is not what was copied; 2 if it could \
not run, or not to its end.

Examples:
  larder copy json:./data sqlite:./data.db
  larder copy sqlite:./data.db json:./data-again
  larder copy larder.toml sqlite:./data.db --overwrite
  larder copy json:./data sqlite:./data.db --json | jq '.collections[] | {name, digest}'";

pub(crate) const BACKUP: &str = "\
Writes everything that is in a store (collections, definitions, records, quarantine) into one file, \
whatever the backend of the store is. A database may be written to meanwhile; the backup is what it was \
at one moment.

The file is a store of its own: sqlite:FILE can be given to every command. It is made beside FILE \
under another name, opened again and read to the end as `larder copy` does, and only then moved to \
its name, whole and durable. Until then a FILE that is there stays as it is. Nobody but its owner may \
read it. A database at FILE that somebody has open is not replaced.

A record that cannot be loaded from the store is in the backup's quarantine; the backup is made, and \
the status is then 1.";

pub(crate) const BACKUP_AFTER: &str = "\
Exit status: 0; 1 if records of the store cannot be loaded, or the backup could not be verified and \
was not made; 2 if it could not run.

Examples:
  larder backup json:./data backup.db
  larder backup larder.toml backups/$(date +%F).db
  larder backup sqlite:./data.db /mnt/nightly.db --overwrite
  larder find sqlite:backup.db sessions --where status=open";

pub(crate) const RESTORE: &str = "\
Copies a backup into a store, of whatever backend, and verifies it: `larder copy sqlite:FILE URL`, \
with the same rules. The backup stays as it is.

The store is created if it is not there. If there are records in it, or in its quarantine, nothing \
is done, unless --overwrite is given: then the collections of the backup are replaced, with their \
quarantine, and all others stay as they are.";

pub(crate) const RESTORE_AFTER: &str = "\
Exit status: 0; 1 if records of the backup cannot be loaded, or the store is not what was copied; 2 \
if it could not run, or not to its end.

Examples:
  larder restore backup.db json:./data
  larder restore backup.db sqlite:./data.db --overwrite
  larder restore backup.db json:./look-into-it";

pub(crate) const QUARANTINE: &str = "\
Lists, shows, restores and purges rejected records.

A record that is rejected when a store loads it, or when it is imported, is not destroyed: its exact \
bytes are kept in quarantine, under a key that stays the same for the same bytes at the same place \
of a file. Wherever a key is \
asked for, the beginning of it is enough if no other key begins so.";

pub(crate) const QUARANTINE_AFTER: &str = "\
Examples:
  larder quarantine list json:./data
  larder quarantine list json:./data --bytes
  larder quarantine show json:./data 3f9a > record.json
  larder quarantine restore json:./data 3f9a --file record.json
  larder quarantine purge json:./data --all";

pub(crate) const QUARANTINE_LIST: &str = "\
Lists the rejected records of a store: key, collection, id, place, reason and time. With --json one \
object per line, with all reasons and the record itself, as \"text\" or, if it is not UTF-8, as \
\"base64\". With --bytes each record's exact bytes stand below its line.";

pub(crate) const QUARANTINE_SHOW: &str = "\
Writes the exact bytes of one rejected record to standard output, and nothing else. With --json the \
whole entry, with the bytes as \"text\", or as \"base64\" if they are not UTF-8.

Exit status: 0; 1 if there is no such entry; 2 if it could not run.";

pub(crate) const QUARANTINE_RESTORE: &str = "\
Puts rejected records back, as they are or mended (--file), and removes them from quarantine once \
that is durable. They are checked like any other record: what is refused stays in quarantine.

As it is a record can come back once its schema was changed, or what had its id or its unique key is \
gone. To mend one, write it to a file, edit that, and give it to --file (or to standard input, with \
--file -). It must have the id of the rejected one, so that no record is purged for another; if it is \
to have a new one, say --other-id.

A record whose id is there already is refused. So it is with one that on_invalid = \"repair\" has \
repaired: the repaired one is in the collection, and its original in quarantine. Compare the two with \
`larder get` and `larder quarantine show`; then either --replace puts the restored one in the place of \
the other, which is then gone, or `larder quarantine purge` forgets the entry.

Exit status: 0; 1 if one was refused or is not there; 2 if it could not run.

Examples:
  larder quarantine restore json:./data 3f9a
  larder quarantine show json:./data 3f9a > record.json && $EDITOR record.json
  larder quarantine restore json:./data 3f9a --file record.json
  larder quarantine show json:./data 3f9a | jq '.cost = 0' | \\
      larder quarantine restore json:./data 3f9a --file - --replace";

pub(crate) const QUARANTINE_PURGE: &str = "\
Forgets rejected records for good. On a terminal it asks first, unless --yes is given.

Exit status: 0; 1 if an entry is not there; 2 if it could not run, or the answer was no.";

pub(crate) const STATS: &str = "\
Counts and sizes of a store: backend, place, collections with records, bytes and indexes (with the \
number of different keys of each), quarantine, and when it was last written.

While another process has a store of JSON files open for writing, only who that is can be told. Of a \
database the bytes are those of its file and, if it is there, of its log (-wal): how many a collection \
has, when it was written and who has it open is not known. What is not known is left out, or null with \
--json.";

pub(crate) const STATS_AFTER: &str = "\
Examples:
  larder stats json:./data
  larder stats json:./data --json | jq .holder
  larder stats sqlite:./data.db";

pub(crate) const WATCH: &str = "\
Prints the changes of a store as they are made, whoever makes them: one JSON object a line, until it is \
stopped by SIGINT (Ctrl-C) or SIGTERM, or nobody reads its output any more. It only reads.

  {\"collection\":\"notes\",\"id\":\"a\",\"kind\":\"updated\",\"after\":{\"id\":\"a\",\"n\":2}}

kind is inserted, updated or deleted; after is the record as it is now, null for a deleted one. With \
--before there is also what it was, null for an inserted one. Of each record a hash is kept in memory; \
with --before the record.

It looks every half a second (--interval) whether anything was written, which is cheap, and if so \
reads what was and compares. What happens to a record between two looks is told as one change, or as \
none if nothing came of it. The changes of one look come together, by collection and in the order of \
the ids, not in the order in which they were made.

When the first look is done, a line that begins with \"larder: watching\" goes to standard error (with \
--json an object with \"watching\"): every change that is made from then on is told. Whoever must not \
miss one waits for it. A store that is gone or cannot be read for a while is told there, too, and \
watched again when it is back; a record that cannot be read meanwhile is no deleted one.

A database is opened for reading, and what is told is what a program sees: bad rows are not in it.

Of JSON files the program that writes has the lock, so the store is not opened, and no lock is taken: \
the files are read when they were replaced. So a change is told when it is in the file, not when it \
is visible within the program; records are not validated; and a transaction over several collections \
may, rarely, be told in two parts if a look falls into the moment in which the files are replaced. If \
the writer crashed in that moment (larder.commit is there), the second part comes when a program has \
opened the store and finished it.";

pub(crate) const WATCH_AFTER: &str = "\
Exit status: 0 if it was stopped, has printed --count changes, or nobody reads; 2 if it could not run, \
also if there is no such store or collection when it begins. A second signal ends it at once, even \
within a line.

Examples:
  larder watch json:./data
  larder watch sqlite:./data.db sessions --before | jq -c '{id, kind}'
  larder watch json:./data sessions --initial --interval 2s
  larder watch sqlite:./data.db gates --once | jq -r .id";
