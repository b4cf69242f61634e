//! Which file serves name@spec/entry: build, resolve and embed module registers.
#![forbid(unsafe_code)]
