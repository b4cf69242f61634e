//! The commands of a registry, each on a store of its own.

mod support;

mod care;
mod drafts;
mod hostile;
mod publishing;
mod quick_start;
mod reading;
mod releasing;
mod remote;
mod rights;
