//! Records, collections, repositories: in the next commit.
