//! Registers that several tests use, and folders that hold them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// Two packages on one server. `shapes` has two majors with a chunk each, `colors` is pinned by both.
pub(crate) const SHAPES: &str = r#"{
  "vars": { "baseUrl": "https://cdn.example" },
  "exports": {
    "colors": {
      "v": [[3, 1], [2]],
      "d": [["index", [{ "v": [0], "f": "colors-3.js", "i": "sha384-c3" }, { "v": [1], "f": "colors-2.js" }]]]
    },
    "shapes": {
      "v": [[2, 0, 1], [1, 4]],
      "d": [
        ["index", [{ "v": [0], "f": "index-2.js", "s": [2, 3], "d": [1], "i": "sha384-s2" }, { "v": [1], "f": "index-1.js", "s": [2] }]],
        ["legacy", [{ "v": [0], "s": [0] }]],
        ["c/common", [{ "v": [0, 1], "f": "c/common.js" }]],
        "colors@^3"
      ],
      "t": { "next": 0, "old": 1 }
    }
  }
}"#;

/// A folder with these files.
pub(crate) fn folder<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    folder
}

/// A folder whose `radpack.json` is [`SHAPES`].
pub(crate) fn shapes() -> TempDir {
    folder([("radpack.json", SHAPES)])
}

/// The `file://` URL of a folder, without a `/` at its end. Temporary folders have plain names.
pub(crate) fn file_url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}
