//! Builds the packages of `packages/` into cargo's `OUT_DIR`, compiles the register that comes out and leaves it there as
//! `shapes.index`, for `src/lib.rs` to embed.

use radpack::build::{Build, EmbedError, embed};

fn main() -> Result<(), EmbedError> {
    let package = |folder: &str| {
        Build::new(format!("packages/{folder}")).var("baseUrl", "https://static.example/modules")
    };
    // Each after those that it imports: `shapes` is pinned against the `colors` that was built just before.
    let packages = ["colors", "shapes-1", "shapes-2"].map(package);
    embed(packages, "shapes.index")?;
    Ok(())
}
