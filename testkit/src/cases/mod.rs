//! The cases, by the promise that they belong to.
//!
//! Owns [`all`]. Each case is a function over a [`Setup`] that panics if the store breaks
//! its promise; what it does is told in its documentation.

pub mod accepted;
pub mod changes;
pub mod conditions;
pub mod conflicts;
pub mod durable;
pub mod indexes;
pub mod isolation;
pub mod lifecycle;
pub mod pages;
pub mod pending;
pub mod prefix;
pub mod queries;
pub mod readers;
pub mod refused;
pub mod rejected;
pub mod transactions;
pub mod versions;
pub mod visible;

use crate::case::Case;
use crate::setup::{Ability, Setup};

macro_rules! listed {
    ($kind:tt $($group:ident { $($case:ident [$($need:ident)*];)* })*) => {
        vec![$($(Case {
            group: stringify!($group),
            name: stringify!($case),
            needs: &[$(Ability::$need),*],
            test: $group::$case::<S>,
        },)*)*]
    };
}

/// Every case, in the order of the list.
#[must_use]
pub fn all<S: Setup>() -> Vec<Case<S>> {
    crate::__for_each_case!([listed][])
}
