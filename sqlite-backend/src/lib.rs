//! The SQLite backend of Larder: a store is one database file, a collection is one table.
