//! What can be typed for `larder import`.
//!
//! Owns the shape of its arguments, as `args.rs` does for all others. What stands behind the names of
//! record types is `record_type.rs`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::record_type::RecordType;

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// File with a JSON array, an envelope or NDJSON; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,

    /// Store URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,

    #[command(flatten)]
    pub(crate) target: TargetArgs,

    #[command(flatten)]
    pub(crate) definition: DefinitionArgs,

    /// What happens to records that are refused [default: as the store is configured, else drop]
    #[arg(long, value_name = "POLICY")]
    pub(crate) on_invalid: Option<OnInvalidArg>,

    /// Prints `ACK <n>` when record n is durable, as the records come
    #[arg(long)]
    pub(crate) ack: bool,
}

/// Which collection is meant: by its name, or by the type that its records have.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TargetArgs {
    /// Name of the collection
    #[arg(long, short, value_name = "NAME")]
    collection: Option<String>,

    /// Type of the records, which says the collection, the id, the schema and the indexes
    #[arg(
        long = "as",
        value_name = "TYPE",
        conflicts_with_all = ["schema", "id", "unique", "index"]
    )]
    pub(crate) record_type: Option<RecordType>,
}

impl TargetArgs {
    /// The name of the collection.
    pub(crate) fn collection(&self) -> &str {
        match (self.record_type, &self.collection) {
            (Some(record_type), _) => record_type.collection(),
            (None, Some(name)) => name,
            // One of the two is required.
            (None, None) => "",
        }
    }
}

/// What a collection is, as far as it is said.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DefinitionArgs {
    /// JSON Schema that every record satisfies
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,

    /// Field that holds the id [default: id]
    #[arg(long, value_name = "FIELD")]
    pub(crate) id: Option<String>,

    /// Field with a unique index; `a,b` for a compound one
    #[arg(long, value_name = "FIELD")]
    pub(crate) unique: Vec<String>,

    /// Field with an index; `a,b` for a compound one, `tags[]` for one entry per element
    #[arg(long, value_name = "FIELD")]
    pub(crate) index: Vec<String>,
}

/// What happens to records that are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInvalidArg {
    /// The others are imported; these go to quarantine
    Drop,
    /// Nothing is imported unless all are good
    Reject,
}
