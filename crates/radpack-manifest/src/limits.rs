//! How much a reader takes in, so that a hostile or broken manifest costs a bounded amount.
//!
//! Sizes only: what is *right* is the validation's business.

use crate::problem::Place;

/// The deepest JSON nesting that is ever read; [`Limits::depth`] above it counts as this.
///
/// A manifest itself nests eight levels. The bound is what keeps the stack bounded, whatever is configured.
pub const MAX_DEPTH: usize = 128;

/// Bounds on what is read. The defaults are those of the format; each can be changed.
///
/// ```
/// use radpack_manifest::{Limits, Manifest};
///
/// let small = Limits { bytes: 10, ..Limits::default() };
/// let errors = Manifest::from_slice_with(br#"{"exports":{}}"#, &small).unwrap_err();
/// assert_eq!(errors.to_string(), "$: the JSON has more than 10 bytes, which is the limit");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of the JSON in bytes: 64 MiB.
    pub bytes: usize,
    /// How many exports (entries of all packages together) there may be: 1,000,000.
    pub exports: usize,
    /// Levels of JSON nesting: 128, which is also the most; see [`MAX_DEPTH`].
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 64 << 20,
            exports: 1_000_000,
            depth: MAX_DEPTH,
        }
    }
}

/// Where `json` first nests deeper than `depth` levels, if it does.
///
/// Brackets are counted outside of strings, without recursion, and without a judgement on whether it is JSON: of anything that
/// a JSON parser would accept it gives the exact depth, and of the rest at least the depth at which the parser stops.
pub(crate) fn too_deep(json: &[u8], depth: usize) -> Option<Place> {
    let mut level = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (offset, &byte) in json.iter().enumerate() {
        if in_string {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if byte == b'"' {
                in_string = false;
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                level += 1;
                if level > depth.min(MAX_DEPTH) {
                    return Some(Place::of(json, offset));
                }
            }
            b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_strings() {
        assert_eq!(too_deep(b"[[[]]]", 3), None);
        assert_eq!(too_deep(b"[[[]]]", 2), Some(Place { line: 1, column: 3 }));
        assert_eq!(too_deep(br#"["[[[[\"[[[", "\\", {"[":"]"}]"#, 2), None);
        assert_eq!(
            too_deep(b"[\n [\n  {", 2),
            Some(Place { line: 3, column: 3 })
        );
        assert_eq!(too_deep(b"[],[],[]", 1), None);
        assert_eq!(
            too_deep(b"]]]][", 1),
            None,
            "brackets without a partner are the parser's business"
        );
        assert!(
            too_deep("[".repeat(MAX_DEPTH + 1).as_bytes(), usize::MAX).is_some(),
            "no limit exceeds the cap"
        );
        assert!(too_deep("[".repeat(MAX_DEPTH).as_bytes(), usize::MAX).is_none());
    }
}
