//! The commands of a registry, a file for each kind: what they read, do and print.

pub(crate) mod bisect;
pub(crate) mod care;
pub(crate) mod consumer;
pub(crate) mod draft;
pub(crate) mod history;
pub(crate) mod manifest;
pub(crate) mod publish;
pub(crate) mod release;
pub(crate) mod serve;
pub(crate) mod site;
pub(crate) mod token;
pub(crate) mod versions;

use jiff::Timestamp;

/// A time as people read it: to the second.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
