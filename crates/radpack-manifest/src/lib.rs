//! radpack.json: wire types, ids, validation, canonical writing.
#![forbid(unsafe_code)]
