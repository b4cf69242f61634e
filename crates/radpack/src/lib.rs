//! Which file serves `name@spec/entry` now? Radpack answers that, very fast and without surprises.
//!
//! A *build* turns package folders into files that are named by their contents, and into one `radpack.json` that says what is
//! there: every retained version of every entry, its file, its integrity, what it loads. A *resolver* compiles that to an index and
//! answers ids from it, in tens of nanoseconds, in any number of threads. So modules of many teams live beside each other, each
//! released on its own, and every page gets what fits.
//!
//! # From a package folder to an answer
//!
//! Two packages, as they lie in a checkout; `charts` imports `shapes`:
//!
//! ```
//! # #[cfg(all(feature = "build", feature = "resolve"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::fs;
//! use radpack::build::Build;
//! use radpack::{Drift, Fit, Index, ResolveErrorKind};
//!
//! # let place = tempfile::tempdir()?;
//! # let place = place.path();
//! let (shapes, charts, out) = (place.join("shapes"), place.join("charts"), place.join("public"));
//! # fs::create_dir(&shapes)?;
//! # fs::create_dir(&charts)?;
//! fs::write(
//!     shapes.join("package.json"),
//!     r#"{ "name": "shapes", "version": "1.4.0", "type": "module", "exports": { ".": "./index.js", "./round": "./round.js" } }"#,
//! )?;
//! fs::write(shapes.join("index.js"), "export * from './round.js';")?;
//! fs::write(shapes.join("round.js"), "export const circle = (radius) => ({ radius });")?;
//! fs::write(
//!     charts.join("package.json"),
//!     r#"{ "name": "charts", "version": "2.0.0", "exports": "./charts.js", "dependencies": { "shapes": "^1.2.0" } }"#,
//! )?;
//! fs::write(charts.join("charts.js"), "import { circle } from 'shapes';\nexport const dot = () => circle(1);")?;
//!
//! // Built one after another into one folder, they find each other there.
//! Build::new(&shapes).out(&out).run()?;
//! let report = Build::new(&charts).out(&out).run()?;
//!
//! // What was a bare name is a pin now. It says which versions will do, and which one that is, is said when it is asked for.
//! assert_eq!(report.pins[0].id, "shapes@^1");
//! let file = report.entries[0].file.as_deref().unwrap_or_default();
//! assert!(fs::read_to_string(out.join("charts").join(file))?.contains("from 'shapes@^1'"));
//!
//! // A patch of `shapes` comes out. The register is one file, replaced as a whole: 1.4.1 is in it, and 1.4.0 no longer.
//! let report = Build::new(&shapes).version("1.4.1".parse()?).out(&out).run()?;
//! let told: Vec<String> = report
//!     .versions
//!     .iter()
//!     .map(|change| format!("{} {:?}: {}", change.version, change.change, change.reason.as_str()))
//!     .collect();
//! assert_eq!(told, ["1.4.1 Added: it is the version built", "1.4.0 Dropped: another patch of the same minor was built"]);
//!
//! // Whoever serves the folder, or renders pages that load from it, makes an index of the register…
//! let index = Index::from_json(fs::read(out.join("radpack.json"))?)?.with_base_url("https://cdn.example/modules");
//!
//! // …and asks it.
//! let found = index.resolve("shapes@^1.2/round")?;
//! assert_eq!((found.version().to_string().as_str(), found.fit()), ("1.4.1", Fit::InRange));
//! let url = found.url()?.unwrap_or_default();
//! assert!(url.starts_with("https://cdn.example/modules/shapes/round-") && url.ends_with(".js"));
//! assert!(found.integrity()?.is_some_and(|integrity| integrity.starts_with("sha384-")));
//!
//! // A pin on the version that was dropped goes on working, and the answer says that it is not quite what was asked for.
//! let found = index.resolve("shapes@1.4.0")?;
//! assert_eq!(found.version().to_string(), "1.4.1");
//! assert_eq!((found.fit(), found.drift()), (Fit::Nearest, Some(Drift::Patch)));
//!
//! // Everything that must be fetched for `charts` to run, dependencies first: all of it in parallel.
//! let closure: Vec<String> = index.closure("charts")?.iter().map(|found| found.pinned_id()).collect();
//! assert_eq!(closure, ["shapes@1.4.1/round", "shapes@1.4.1", "charts@2.0.0"]);
//!
//! // What there is no answer to says why, and what was perhaps meant.
//! let query = index.query();
//! let error = query.suggest(query.resolve("shaps@^1").unwrap_err());
//! assert_eq!(error.kind(), ResolveErrorKind::UnknownPackage);
//! assert_eq!(error.suggestion(), Some("shapes@^1"));
//!
//! // The index is a file as well, mapped and ready at any size; or bytes that are part of the program.
//! fs::write(out.join("modules.index"), index.to_bytes())?;
//! let index = Index::open(out.join("modules.index"))?;
//! assert_eq!(index.resolve("charts@*")?.version().to_string(), "2.0.0");
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "build", feature = "resolve")))]
//! # fn main() {}
//! ```
//!
//! # More to read
//!
//! | page | about |
//! |---|---|
//! | [the manifest](_documentation::manifest) | `radpack.json`: what stands in it, and what that means |
//! | [building](_documentation::building) | entries, imports, pins, files; which versions stay |
//! | [resolving](_documentation::resolving) | specs, fallbacks, queries, errors |
//! | [embedding](_documentation::embedding) | from a build script into the program |
//! | [loading](_documentation::loading) | a service's runtime: registers watched, closures fetched and verified |
//! | [observability](_documentation::observability) | what the runtime counts and tells |
//! | [registries](_documentation::registry) | drafts, versions, releases, rollouts, history |
//! | [stores](_documentation::stores) | where a registry lies |
//! | [the command line](_documentation::command_line) | the same from a shell |
//! | [developing](_documentation::local) | packages at hand on top of what is live |
//!
//! # Features
//!
//! All of them add, none changes what another one gives.
//!
//! | feature | adds | what for |
//! |---|---|---|
#![cfg_attr(
    feature = "resolve",
    doc = "| `resolve`, on by default | [`Index`] and what it answers | programs that ask |"
)]
#![cfg_attr(
    not(feature = "resolve"),
    doc = "| `resolve`, on by default | `Index` and what it answers | programs that ask |"
)]
//! | `manifest` | the module `manifest`: `radpack.json` as data | reading, checking, merging, writing registers |
//! | `build` | the module `build`, and `manifest` | publishing packages |
//! | `embed` | `build::embed`, and `build` | build scripts |
//! | `loader` | the module `loader`, and `resolve` | services that load modules at run time |
//! | `tower` | `loader::RadpackLayer`, and `loader` | the same, as a layer of axum or other tower services |
//! | `quickjs` | `loader::quickjs`, and `loader` | services that run what they loaded |
//! | `registry` | the module `registry`, and `build` | programs that publish and release, with a folder as store |
//! | `cloud` | stores of S3, Azure and Google Cloud Storage, and `registry` | the same, with an object store |
//!
//! Versions, specs and selection from a list ([`version`]) are there without any. But for `loader` and `registry`, nothing here is asynchronous, and
//! nothing speaks a network protocol: whoever has the bytes of a manifest hands them in.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "build")]
#[doc(inline)]
pub use radpack_build as build;
#[cfg(feature = "loader")]
#[doc(inline)]
pub use radpack_loader as loader;
#[cfg(feature = "manifest")]
#[doc(inline)]
pub use radpack_manifest as manifest;
#[cfg(feature = "registry")]
#[doc(inline)]
pub use radpack_registry as registry;
#[cfg(feature = "resolve")]
#[doc(inline)]
pub use radpack_resolve::{
    Dependencies, Dependency, Entry, Found, Index, IndexError, IndexErrorKind, Layer, Located,
    Memo, Package, Query, ResolveError, ResolveErrorKind, include_index,
};
#[doc(inline)]
pub use radpack_version as version;
#[doc(inline)]
pub use radpack_version::{Drift, Fallback, Fit};
/// The crate that versions are of, wherever one is handed in or given out.
pub use semver;

#[cfg(any(doc, doctest))]
pub mod _documentation;
