//! Parsing, matching and selecting allocate nothing, and neither do errors. Counted, in a binary of its own, as a
//! global allocator is for a whole program.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use std::hint::black_box;

use radpack_version::{Fallback, Range, Spec, TagTarget, VersionRef, select, sort_newest_first};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor unwinds, for the
// counter is initialised at compile time and needs no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps `alloc`'s contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above with this layout, so from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Takes what is written and keeps nothing.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        black_box(text);
        Ok(())
    }
}

#[test]
fn nothing_allocates() {
    let specs = [
        "1.2.3",
        "v1.2.4",
        "^1",
        "~1.2",
        "1.x",
        "",
        "*",
        "latest",
        "next",
        ">=1.2.3-beta.1 <2",
        "1.2 - 3",
        "^17 || ^18 || >4 <3 || 9",
        ">1.2.3-beta.1",
        "^1 || *",
        "  ^9  ",
        // And what is none.
        "^1.2.3.4",
        "git+https://example.com",
        "^9007199254740991",
        "1.x.2",
        "==1.2.3",
    ];
    let mut versions = [
        "1.2.3-beta.2",
        "1.2.3",
        "0.3.0",
        "20240101123456.0.0",
        "18.0.0-rc.1",
        "1.10.0",
    ]
    .map(|text| VersionRef::parse(text).unwrap());

    let before = ALLOCATIONS.get();
    sort_newest_first(&mut versions);
    for text in specs {
        let spec = match Spec::parse(black_box(text)) {
            Ok(spec) => spec,
            Err(error) => {
                write!(Nowhere, "{error}").unwrap();
                continue;
            }
        };
        for fallback in [
            Fallback::None,
            Fallback::Compatible,
            Fallback::SameMajor,
            Fallback::Any,
        ] {
            match select(&versions, &spec, fallback, |_| TagTarget::Unknown) {
                Ok(selected) => _ = black_box(selected),
                Err(error) => write!(Nowhere, "{error} {spec}").unwrap(),
            }
        }
        if let Ok(range) = Range::parse(text) {
            black_box(range.lowest());
            black_box(versions.map(|version| range.contains(version)));
        }
    }
    assert_eq!(ALLOCATIONS.get(), before);

    // The count counts.
    black_box(versions[0].to_string());
    assert!(ALLOCATIONS.get() > before);
}
