//! Registers as data: a manifest, or what leads to one.

use crate::model::Manifest;

/// What may stand where a manifest is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Register {
    /// A manifest; one with a `url` stands for the register there.
    Manifest(Manifest),
    /// The URL of a register, relative to the one this stands in.
    Url(String),
    /// Several registers, the last on top.
    List(Vec<Register>),
}
