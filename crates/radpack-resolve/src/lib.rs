//! A manifest compiled for look-up: which file serves name@spec/entry.
#![forbid(unsafe_code)]
