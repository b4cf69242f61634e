//! Browsers load modules from `radpack serve` with no library of ours: headless Chromium, real packages, real processes.
//!
//! What a page is to do, and what is expected of it, stands in `pages/`, a file for each test. Where there is no Chromium these are left
//! out, aloud, unless `RADPACK_BROWSER=required`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use radpack_testkit::{
    BUILD_ORDER, FetchError, cache_folder, npm_packages, npm_packages_in, workspace_folder,
};
use tempfile::TempDir;

/// The real packages that pages load, as they are installed.
const PACKAGES: [&str; 12] = [
    "internmap",
    "d3-array",
    "d3-color",
    "d3-format",
    "d3-path",
    "d3-selection",
    "d3-interpolate",
    "d3-time",
    "d3-time-format",
    "d3-scale",
    "d3-shape",
    "preact",
];

/// Another major, of many small modules.
const OLDER: [&str; 2] = ["d3-array-2/node_modules/internmap", "d3-array-2"];

/// What a machine's Chromium may be called.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// One browser at a time: two would only wait for each other.
static TURN: Mutex<()> = Mutex::new(());

/// What all tests need, once.
struct Ground {
    browser: PathBuf,
    /// Where playwright-core is.
    driver: PathBuf,
    /// A registry in which the real packages are released, to be copied.
    store: TempDir,
}

static GROUND: LazyLock<Option<Ground>> = LazyLock::new(|| {
    let Some(browser) = browser() else {
        return missing("there is no Chromium: install the package chromium");
    };
    let fixture = workspace_folder().join("fixtures/npm-browser");
    let driver = match npm_packages_in(&fixture, &cache_folder()) {
        Ok(packages) => packages.named(""),
        Err(error) => return lacking(&error),
    };
    let packages = match npm_packages() {
        Ok(packages) => packages,
        Err(error) => return lacking(&error),
    };
    let store = tempfile::tempdir().unwrap();
    radpack(store.path(), ["init"]);
    for chosen in [&OLDER[..], &PACKAGES] {
        let folders = BUILD_ORDER
            .iter()
            .filter(|package| chosen.contains(&package.folder))
            .map(|package| packages.folder(package));
        let publish = [PathBuf::from("publish"), PathBuf::from("--release")];
        radpack(store.path(), publish.into_iter().chain(folders));
    }
    Some(Ground {
        browser,
        driver,
        store,
    })
});

fn browser() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

fn lacking(error: &FetchError) -> Option<Ground> {
    assert!(error.is_missing_program(), "{error}");
    missing(&error.to_string())
}

fn missing(why: &str) -> Option<Ground> {
    let required = std::env::var_os("RADPACK_BROWSER").is_some_and(|value| value == "required");
    assert!(!required, "{why}");
    eprintln!("LEFT OUT: browsers: {why}");
    None
}

/// Runs a command on a registry.
fn radpack<A: AsRef<std::ffi::OsStr>>(store: &Path, arguments: impl IntoIterator<Item = A>) {
    let ran = Command::new(env!("CARGO_BIN_EXE_radpack"))
        .args(arguments)
        .env("RADPACK_STORE", store)
        .env("RADPACK_AUTHOR", "ann")
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Runs one file of `pages/` against a server over a registry of its own.
fn page(name: &str) {
    let Some(ground) = GROUND.as_ref() else {
        return;
    };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let work = tempfile::tempdir().unwrap();
    let store = work.path().join("store");
    copy(ground.store.path(), &store);
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let ran = Command::new("node")
        .arg(here.join("driver.mjs"))
        .arg(here.join("pages").join(name).with_extension("mjs"))
        .env("RADPACK", env!("CARGO_BIN_EXE_radpack"))
        .env("RADPACK_STORE", &store)
        .env("RADPACK_AUTHOR", "ann")
        .env("RADPACK_BROWSER_PROGRAM", &ground.browser)
        .env("RADPACK_BROWSER_DRIVER", &ground.driver)
        .env("RADPACK_FIXTURES", workspace_folder().join("fixtures"))
        .env("TMPDIR", work.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn a_page_with_the_import_map_draws_a_chart() {
    page("chart");
}

#[test]
fn all_modules_begin_to_load_in_one_go() {
    page("preload");
}

#[test]
fn a_tampered_module_is_refused() {
    page("tampered");
}

#[test]
fn a_release_appears_on_reload_and_not_before() {
    page("release");
}

#[test]
fn a_page_that_keeps_its_moment_keeps_working() {
    page("moment");
}

#[test]
fn a_rollout_reaches_its_part_and_the_same_ones_each_time() {
    page("rollout");
}

#[test]
fn what_radpack_1_built_is_served_unchanged() {
    page("amd");
}

#[test]
fn one_import_map_is_enough() {
    page("one-map");
}

#[test]
fn a_package_at_hand_takes_over_and_changes_appear() {
    page("local");
}
