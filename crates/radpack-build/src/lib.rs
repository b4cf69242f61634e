//! From package folders to hashed files and a pruned radpack.json.
#![forbid(unsafe_code)]

pub mod module;
