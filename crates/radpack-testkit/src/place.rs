//! Where the checkout is, and where things that were fetched for tests are kept.

use std::env;
use std::path::{Path, PathBuf};

/// The folder of the workspace: the one that holds the root `Cargo.toml`.
pub fn workspace_folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder for what was fetched: `radpack-fixtures` in the cargo target folder that the running program was built into
/// (cargo marks that one with `CACHEDIR.TAG`), else in `target` of the workspace. `cargo clean` removes it.
pub fn cache_folder() -> PathBuf {
    let program = env::current_exe().ok();
    let target = program
        .iter()
        .flat_map(|program| program.ancestors())
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map_or_else(|| workspace_folder().join("target"), Path::to_path_buf);
    target.join("radpack-fixtures")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_holds_this_crate() {
        assert!(
            workspace_folder()
                .join("crates/radpack-testkit/Cargo.toml")
                .is_file()
        );
    }

    #[test]
    fn the_cache_is_in_the_target_folder_of_this_test() {
        let target = cache_folder().parent().map(Path::to_path_buf).unwrap();
        assert!(
            target.join("CACHEDIR.TAG").is_file(),
            "{}",
            target.display()
        );
    }
}
