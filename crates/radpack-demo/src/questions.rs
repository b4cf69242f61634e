//! Every kind of id and spec, each with the answer that it must get from the register of real packages.

use radpack::{Drift, Fit, ResolveErrorKind};

/// What an id must get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// This version, fitting so, with that drift.
    Version(&'static str, Fit, Option<Drift>),
    /// An error of this kind, and what it suggests.
    Error(ResolveErrorKind, Option<&'static str>),
}

/// An id that is asked for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Question {
    /// What kind of question it is, for people.
    pub kind: &'static str,
    /// The id.
    pub id: &'static str,
    /// What it must get.
    pub expected: Expected,
}

const fn asks(kind: &'static str, id: &'static str, expected: Expected) -> Question {
    Question { kind, id, expected }
}

const fn exact(version: &'static str) -> Expected {
    Expected::Version(version, Fit::Exact, None)
}

const fn fits(version: &'static str) -> Expected {
    Expected::Version(version, Fit::InRange, None)
}

const fn near(version: &'static str, drift: Drift) -> Expected {
    Expected::Version(version, Fit::Nearest, Some(drift))
}

const fn fails(kind: ResolveErrorKind, suggestion: Option<&'static str>) -> Expected {
    Expected::Error(kind, suggestion)
}

/// Every kind of id and spec, with the answer that it must get.
pub const QUESTIONS: &[Question] = &[
    asks("bare", "d3-array", fits("3.2.5")),
    asks("any", "d3-array@*", fits("3.2.5")),
    asks("the tag latest", "d3-array@latest", fits("3.2.5")),
    asks("pinned", "d3-array@3.2.5", exact("3.2.5")),
    asks("pinned, with a v", "d3-array@v2.12.1", exact("2.12.1")),
    asks(
        "pinned, dropped",
        "d3-array@3.2.4",
        near("3.2.5", Drift::Patch),
    ),
    asks(
        "pinned, gone long ago",
        "d3-array@3.0.2",
        near("3.2.5", Drift::Minor),
    ),
    asks("caret", "d3-array@^3", fits("3.2.5")),
    asks("caret, an older major", "d3-array@^2.3", fits("2.12.1")),
    asks("caret, the oldest", "d3-array@^1.1.1", fits("1.2.4")),
    asks("tilde", "d3-array@~2.12", fits("2.12.1")),
    asks(
        "tilde, a dropped minor",
        "d3-array@~3.1",
        near("3.2.5", Drift::Minor),
    ),
    asks("range of majors", "d3-array@>=1 <3", fits("2.12.1")),
    asks("range with a hyphen", "d3-array@1.0 - 2", fits("2.12.1")),
    asks("alternatives", "d3-array@^1 || ^2", fits("2.12.1")),
    asks("x range", "d3-array@1.x", fits("1.2.4")),
    asks("partial", "internmap@1", fits("1.0.1")),
    asks("another entry", "preact@^11/hooks", fits("11.2.0")),
    asks("entry of an entry", "preact/compat/client", fits("11.2.0")),
    asks(
        "one of 600 modules",
        "lodash-es@^4/debounce",
        fits("4.18.1"),
    ),
    asks(
        "with its extension",
        "lodash-es@^4/debounce.js",
        fits("4.18.1"),
    ),
    asks(
        "dropped pin, an entry",
        "lodash-es@4.17.21/map",
        near("4.18.1", Drift::Minor),
    ),
    asks("a chunk", "d3-array@1.2.4/c/src/bisect", exact("1.2.4")),
    asks(
        "a major nobody built",
        "d3-array@^9",
        fails(ResolveErrorKind::Unavailable, None),
    ),
    asks(
        "an unknown tag",
        "d3-array@next",
        fails(ResolveErrorKind::UnknownTag, None),
    ),
    asks(
        "an unknown package",
        "d3-arary@^3",
        fails(ResolveErrorKind::UnknownPackage, Some("d3-array@^3")),
    ),
    asks(
        "an unknown entry",
        "lodash-es/debonce",
        fails(ResolveErrorKind::UnknownEntry, Some("lodash-es/debounce")),
    ),
    asks(
        "no spec at all",
        "d3-array@^1.2.3.4",
        fails(ResolveErrorKind::InvalidSpec, None),
    ),
    asks(
        "no id at all",
        "d3-array/../secret",
        fails(ResolveErrorKind::InvalidId, None),
    ),
];
