//! A day's worth of swaps leaves no memory behind. A program of its own, because it counts all that is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

use radpack_loader::{Radpack, WatchOptions};

static LIVE: AtomicIsize = AtomicIsize::new(0);

/// The system's allocator, counting.
struct Counting;

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above with this layout, so from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many swaps; `RADPACK_SWAPS` says otherwise.
const SWAPS: usize = 300;

/// Two hundred packages.
fn manifest(number: usize) -> String {
    let package = |package: usize| {
        format!(
            r#""package-{package:03}":{{"v":[[1,{number}]],"d":[["index",[{{"v":[0],"f":"{number:06}.js"}}]]]}}"#
        )
    };
    let packages: Vec<String> = (0..200).map(package).collect();
    format!(r#"{{"exports":{{{}}}}}"#, packages.join(","))
}

#[test]
fn swaps_leave_no_memory_behind() {
    let swaps = std::env::var("RADPACK_SWAPS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(SWAPS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("radpack.json");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        std::fs::write(&path, manifest(0)).unwrap();
        let watch = WatchOptions {
            in_background: false,
            ..WatchOptions::default()
        };
        let radpack = Radpack::builder()
            .watch(watch)
            .register(path.as_path())
            .build()
            .await
            .unwrap();
        let swap = async |number: usize| {
            std::fs::write(&path, manifest(number)).unwrap();
            let before = radpack.snapshot().number();
            radpack.refresh().await.unwrap();
            assert!(radpack.snapshot().number() > before);
            assert_eq!(radpack.urls("package-007").unwrap().len(), 1);
        };
        for number in 1..20 {
            swap(number).await;
        }
        let before = LIVE.load(Ordering::SeqCst);
        for number in 20..20 + swaps {
            swap(number).await;
        }
        let grown = LIVE.load(Ordering::SeqCst) - before;
        // A single index of this size has more.
        assert!(
            grown < manifest(0).len() as isize,
            "{grown} bytes more after {swaps} swaps"
        );
        println!("{grown} bytes more after {swaps} swaps");
    });
}
