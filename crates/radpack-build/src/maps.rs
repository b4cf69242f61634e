//! Which source map a built file names, for files that are copied or kept as they are.

use crate::folder::{join, parent};

/// How a file says where its source map is.
const COMMENT: &[u8] = b"//# sourceMappingURL=";

/// The path of the source map that a built file names, where that is a file beside it.
///
/// Only the last line counts, which is where builds put the comment; a `data:` URL or one elsewhere is none. Both paths are
/// relative to the same folder.
pub(crate) fn map_of(path: &str, contents: &[u8]) -> Option<String> {
    let last_line = contents
        .trim_ascii_end()
        .rsplit(|&byte| byte == b'\n')
        .next()?;
    let url = str::from_utf8(last_line.strip_prefix(COMMENT)?)
        .ok()?
        .trim();
    if url.contains(':') || url.starts_with('/') {
        return None;
    }
    join(parent(path), url)
}

#[cfg(test)]
mod tests {
    use super::map_of;

    #[test]
    fn only_a_file_beside_it_counts() {
        for (contents, map) in [
            ("x\n//# sourceMappingURL=a.js.map\n", Some("c/a.js.map")),
            ("//# sourceMappingURL=../a.js.map", Some("a.js.map")),
            ("x\n//# sourceMappingURL=data:application/json,{}", None),
            ("x\n//# sourceMappingURL=https://x.example/a.map", None),
            ("//# sourceMappingURL=a.js.map\nx", None),
            ("//# sourceMappingURL=../../a.js.map", None),
            ("", None),
        ] {
            assert_eq!(
                map_of("c/a.js", contents.as_bytes()).as_deref(),
                map,
                "{contents}"
            );
        }
    }
}
