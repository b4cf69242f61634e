//! The list that a selection selects from, and searching it: it is sorted, so everything asked for stands together.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::Range as Indices;

use crate::key::Key;
use crate::version::VersionRef;

/// A list of versions, newest first; duplicates are allowed.
///
/// The order is the caller's to keep ([`sort_newest_first`] makes it). In a list that is not sorted a selection finds
/// some version or none, but never fails in another way.
pub trait Versions {
    /// How many there are.
    fn len(&self) -> usize;

    /// The one at `index`, which is less than [`len`](Versions::len).
    fn version(&self, index: usize) -> VersionRef<'_>;

    /// The key of the one at `index`. Lists that keep keys override this.
    fn key(&self, index: usize) -> Key {
        self.version(index).key()
    }

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Versions for [VersionRef<'_>] {
    fn len(&self) -> usize {
        <[VersionRef<'_>]>::len(self)
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        self[index]
    }
}

impl Versions for [semver::Version] {
    fn len(&self) -> usize {
        <[semver::Version]>::len(self)
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        VersionRef::from(&self[index])
    }
}

impl<T, const N: usize> Versions for [T; N]
where
    [T]: Versions,
{
    fn len(&self) -> usize {
        N
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        self.as_slice().version(index)
    }

    fn key(&self, index: usize) -> Key {
        self.as_slice().key(index)
    }
}

impl<T> Versions for Vec<T>
where
    [T]: Versions,
{
    fn len(&self) -> usize {
        Versions::len(self.as_slice())
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        self.as_slice().version(index)
    }

    fn key(&self, index: usize) -> Key {
        self.as_slice().key(index)
    }
}

impl<V: Versions + ?Sized> Versions for &V {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn version(&self, index: usize) -> VersionRef<'_> {
        (**self).version(index)
    }

    fn key(&self, index: usize) -> Key {
        (**self).key(index)
    }
}

/// Sorts versions as [`Versions`] wants them: newest first.
pub fn sort_newest_first(versions: &mut [VersionRef<'_>]) {
    versions.sort_unstable_by(|left, right| right.cmp(left));
}

/// How many of the list are above `version`, or, with `or_equal`, at or above it: where the others begin.
pub(crate) fn count_above<V: Versions + ?Sized>(
    versions: &V,
    version: VersionRef<'_>,
    or_equal: bool,
) -> usize {
    let key = version.key();
    partition(0..versions.len(), |index| {
        let order = match versions.key(index).cmp(&key) {
            Ordering::Equal if !key.is_exact() => versions.version(index).cmp(&version),
            order => order,
        };
        order.is_gt() || (or_equal && order.is_eq())
    })
}

/// How many leading numbers of major, minor and patch two versions have to share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    Nothing,
    Major,
    Minor,
    Patch,
}

impl Depth {
    /// From all to nothing.
    pub(crate) const DEEPEST_FIRST: [Depth; 4] =
        [Depth::Patch, Depth::Minor, Depth::Major, Depth::Nothing];

    fn numbers(self, version: VersionRef<'_>) -> [u64; 3] {
        match self {
            Depth::Nothing => [0; 3],
            Depth::Major => [version.major, 0, 0],
            Depth::Minor => [version.major, version.minor, 0],
            Depth::Patch => [version.major, version.minor, version.patch],
        }
    }
}

/// Those of the list that share as many leading numbers with `version` as `depth` says. They stand together.
pub(crate) fn sharing<V: Versions + ?Sized>(
    versions: &V,
    version: VersionRef<'_>,
    depth: Depth,
) -> Indices<usize> {
    let wanted = depth.numbers(version);
    let all = 0..versions.len();
    let start = partition(all.clone(), |index| {
        depth.numbers(versions.version(index)) > wanted
    });
    let end = partition(start..all.end, |index| {
        depth.numbers(versions.version(index)) == wanted
    });
    start..end
}

/// Whether the one at `index` is stable.
pub(crate) fn is_stable<V: Versions + ?Sized>(versions: &V, index: usize) -> bool {
    versions.key(index).is_exact() || versions.version(index).is_stable()
}

/// The first of `indices` for which `is_before` does not hold, as it does for those up to some point; else their end.
fn partition(indices: Indices<usize>, is_before: impl Fn(usize) -> bool) -> usize {
    let Indices { mut start, mut end } = indices;
    while start < end {
        let middle = start + (end - start) / 2;
        if is_before(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}
