//! What can be typed: the commands and their arguments.
//!
//! Owns the shape and the short help of every argument. The long texts and examples are `help.rs`;
//! what a command does is `commands/`.

mod import;
mod watch;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::help;
use crate::where_clause::Clause;
pub(crate) use import::{DefinitionArgs, ImportArgs, OnInvalidArg, TargetArgs};
pub(crate) use watch::WatchArgs;

/// Looks into, fills and mends the stores of Larder.
#[derive(Debug, Parser)]
#[command(name = "larder", version, long_about = help::LARDER, after_long_help = help::LARDER_AFTER)]
#[command(propagate_version = true)]
pub(crate) struct Cli {
    /// Writes JSON, for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reads records from a file into a collection, and reports what was dropped
    #[command(long_about = help::IMPORT, after_long_help = help::IMPORT_AFTER)]
    Import(ImportArgs),
    /// Writes all records of a collection, in id order
    #[command(long_about = help::EXPORT, after_long_help = help::EXPORT_AFTER)]
    Export(ExportArgs),
    /// Writes one record
    #[command(long_about = help::GET, after_long_help = help::GET_AFTER)]
    Get(GetArgs),
    /// Saves one record from standard input
    #[command(long_about = help::PUT, after_long_help = help::PUT_AFTER)]
    Put(PutArgs),
    /// Deletes records by id
    #[command(long_about = help::DELETE, after_long_help = help::DELETE_AFTER)]
    Delete(DeleteArgs),
    /// Counts records
    #[command(long_about = help::COUNT, after_long_help = help::COUNT_AFTER)]
    Count(CountArgs),
    /// Finds records, and tells how
    #[command(long_about = help::FIND, after_long_help = help::FIND_AFTER)]
    Find(FindArgs),
    /// Validates every record and every index of a store; writes nothing
    #[command(long_about = help::CHECK, after_long_help = help::CHECK_AFTER)]
    Check(CheckArgs),
    /// Copies a store into another, on the same backend or another one, and verifies the copy
    #[command(long_about = help::COPY, after_long_help = help::COPY_AFTER)]
    Copy(CopyArgs),
    /// Writes a store into one file, and verifies it
    #[command(long_about = help::BACKUP, after_long_help = help::BACKUP_AFTER)]
    Backup(BackupArgs),
    /// Copies a backup into a store, and verifies it
    #[command(long_about = help::RESTORE, after_long_help = help::RESTORE_AFTER)]
    Restore(RestoreArgs),
    /// Lists, shows, restores and purges rejected records
    #[command(subcommand, long_about = help::QUARANTINE, after_long_help = help::QUARANTINE_AFTER)]
    Quarantine(QuarantineCommand),
    /// Counts and sizes of a store, and who holds it
    #[command(long_about = help::STATS, after_long_help = help::STATS_AFTER)]
    Stats(StoreArgs),
    /// Prints changes as they are made, whoever makes them, until it is stopped
    #[command(long_about = help::WATCH, after_long_help = help::WATCH_AFTER)]
    Watch(WatchArgs),
}

/// A store.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Store URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(value_name = "URL")]
    pub(crate) url: String,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) at: StoreArgs,

    /// Tells instead what a store that repairs would do to each record, and does none of it
    #[arg(long)]
    pub(crate) repair_plan: bool,
}

/// A collection of a store.
#[derive(Debug, Args)]
pub(crate) struct CollectionArgs {
    /// Store URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Name of the collection
    #[arg(value_name = "COLLECTION")]
    pub(crate) collection: String,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) at: CollectionArgs,

    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub(crate) format: Format,
}

/// Form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON array, with one record per line
    Json,
    /// One record per line, and nothing else
    Ndjson,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) at: CollectionArgs,

    /// Id of the record
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    #[command(flatten)]
    pub(crate) at: CollectionArgs,

    /// Refuses if a record with this id is there already
    #[arg(long)]
    pub(crate) insert: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(crate) at: CollectionArgs,

    /// Ids of the records
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    pub(crate) at: CollectionArgs,

    /// Condition, such as status=pending; several must all hold
    #[arg(long = "where", value_name = "COND", allow_hyphen_values = true)]
    pub(crate) clauses: Vec<Clause>,
}

#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    #[command(flatten)]
    pub(crate) at: CollectionArgs,

    /// Condition, such as status=pending; several must all hold
    #[arg(long = "where", value_name = "COND", allow_hyphen_values = true)]
    pub(crate) clauses: Vec<Clause>,

    /// Field to order by; the next one orders what is equal [default: the id]
    #[arg(long, value_name = "FIELD")]
    pub(crate) order_by: Vec<String>,

    /// Orders from the largest down
    #[arg(long, requires = "order_by")]
    pub(crate) desc: bool,

    /// At most so many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Goes on after this place: what an earlier find with --limit told
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,

    /// Tells which index serves the query, and finds nothing
    #[arg(long)]
    pub(crate) explain: bool,

    /// Columns of the table, such as id,status,workflowState.status
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// Store to copy: URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(value_name = "FROM")]
    pub(crate) from: String,

    /// Store to copy into: URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(value_name = "TO")]
    pub(crate) to: String,

    /// Replaces the collections of FROM where TO has them
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Store URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// File that is to be the backup
    #[arg(value_name = "FILE")]
    pub(crate) file: String,

    /// Replaces a file that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// File that `larder backup` wrote
    #[arg(value_name = "FILE")]
    pub(crate) file: String,

    /// Store to copy into: URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(value_name = "URL")]
    pub(crate) url: String,

    /// Replaces the collections of the backup where the store has them
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Lists the rejected records of a store, with the reason
    #[command(long_about = help::QUARANTINE_LIST)]
    List(QuarantineListArgs),
    /// Writes the exact bytes of one rejected record
    #[command(long_about = help::QUARANTINE_SHOW)]
    Show(QuarantineShowArgs),
    /// Puts rejected records back, through validation
    #[command(long_about = help::QUARANTINE_RESTORE)]
    Restore(QuarantineRestoreArgs),
    /// Forgets rejected records for good
    #[command(long_about = help::QUARANTINE_PURGE)]
    Purge(QuarantinePurgeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineListArgs {
    #[command(flatten)]
    pub(crate) at: StoreArgs,

    /// Of this collection only
    #[arg(long, short, value_name = "NAME")]
    pub(crate) collection: Option<String>,

    /// Write the exact bytes of each record below its line
    #[arg(long)]
    pub(crate) bytes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineShowArgs {
    #[command(flatten)]
    pub(crate) at: StoreArgs,

    /// Key of the entry, or the beginning of it
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineRestoreArgs {
    #[command(flatten)]
    pub(crate) at: StoreArgs,

    /// Keys of the entries, or the beginnings of them
    #[arg(value_name = "KEY", required = true)]
    pub(crate) keys: Vec<String>,

    /// The mended record, for one entry; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<String>,

    /// Takes the place of a record that has the same id
    #[arg(long)]
    pub(crate) replace: bool,

    /// With --file: the mended record may have another id than the rejected one
    #[arg(long, requires = "file")]
    pub(crate) other_id: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantinePurgeArgs {
    #[command(flatten)]
    pub(crate) at: StoreArgs,

    /// Keys of the entries, or the beginnings of them
    #[arg(
        value_name = "KEY",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub(crate) keys: Vec<String>,

    /// All entries
    #[arg(long)]
    pub(crate) all: bool,

    /// With --all: of this collection only
    #[arg(long, short, value_name = "NAME", requires = "all")]
    pub(crate) collection: Option<String>,

    /// Does not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}
