//! The packed key against the slow comparison, on random versions and on real lists.

use std::io::{self, Write as _};
use std::path::PathBuf;

use proptest::prelude::*;
use radpack_version::{Key, VersionRef, sort_newest_first};

use crate::support::{version, version_text};

/// Eight bytes and not one more: indices hold keys by the million.
#[test]
fn is_eight_bytes() {
    assert_eq!(size_of::<Key>(), 8);
    assert_eq!(align_of::<Key>(), 8);
}

/// The layout is what index files hold: it must not change unseen.
#[test]
fn packs_bit_by_bit() {
    let table = [
        ("0.0.0", 1),
        ("0.0.0-a", 0),
        ("0.0.1", 1 << 1 | 1),
        ("0.1.0", 1 << 26 | 1),
        ("1.0.0", 1 << 45 | 1),
        ("1.2.3", 1 << 45 | 2 << 26 | 3 << 1 | 1),
        ("1.2.3-rc.1", 1 << 45 | 2 << 26 | 3 << 1),
        ("0.0.33554430", 33_554_430 << 1 | 1),
        ("0.524286.0", 524_286 << 26 | 1),
        ("524286.524286.33554430", !(1 << 45 | 1 << 26 | 1 << 1)),
        // What does not fit fills its field and the lower ones, and is not exact.
        ("3.4.33554431", 3 << 45 | 4 << 26 | 0x03FF_FFFE),
        ("3.4.9007199254740991-a", 3 << 45 | 4 << 26 | 0x03FF_FFFE),
        ("3.524287.5", 3 << 45 | 0x1FFF_FFFF_FFFE),
        ("524287.4.5", u64::MAX - 1),
        ("9007199254740991.0.0", u64::MAX - 1),
    ];
    for (text, bits) in table {
        assert_eq!(version(text).key().bits(), bits, "{text}");
        assert_eq!(Key::from_bits(bits), Key::of(version(text)));
    }
    assert_eq!(format!("{:?}", version("1.2.3").key()), "Key(1.2.3)");
    assert_eq!(
        format!("{:?}", version("0.0.1-a").key()),
        "Key(0x0000000000000002, inexact)"
    );
}

#[track_caller]
fn check(left: VersionRef<'_>, right: VersionRef<'_>) {
    let (left_key, right_key) = (left.key(), right.key());
    let order = left.cmp(&right);
    if left_key != right_key {
        assert_eq!(left_key.cmp(&right_key), order, "{left} {right}");
    } else if left_key.is_exact() {
        assert!(order.is_eq(), "{left} {right}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn never_contradicts_the_slow_comparison(left in version_text(), right in version_text()) {
        check(version(&left), version(&right));
    }

    /// As above, on versions that share their beginning.
    #[test]
    fn never_contradicts_it_for_close_ones(
        left in version_text(),
        pre in crate::support::prerelease(),
        difference in 0u64..3,
        which in 0..4,
    ) {
        let left = version(&left);
        let mut right = VersionRef { pre: &pre, ..left };
        match which {
            0 => right.major += difference,
            1 => right.minor += difference,
            2 => right.patch += difference,
            _ => {}
        }
        check(left, right);
        check(right, left);
    }

    #[test]
    fn an_exact_key_is_the_version(text in version_text()) {
        let version = version(&text);
        let key = version.key();
        let fits =
            version.major < 524_287 && version.minor < 524_287 && version.patch < 33_554_431;
        prop_assert_eq!(key.is_exact(), version.is_stable() && fits);
        prop_assert_eq!(
            key.triple(),
            key.is_exact().then_some((version.major, version.minor, version.patch))
        );
        prop_assert_eq!(
            Key::stable(version.major, version.minor, version.patch),
            fits.then(|| VersionRef { pre: "", ..version }.key())
        );
    }
}

/// The real lists that the widths are justified with. Prints the counts that the module's documentation gives.
#[test]
fn covers_real_versions() {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/versions");
    let Ok(files) = std::fs::read_dir(&folder) else {
        // Not by `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(
            io::stderr(),
            "keys not checked on real version lists, for lack of {}",
            folder.display()
        );
        return;
    };
    let mut packages = 0;
    let (mut all, mut stable, mut exact, mut neighbours, mut decided) = (0, 0, 0, 0, 0);
    let mut largest = (0, 0, 0);
    for file in files {
        let path = file.unwrap().path();
        let texts: Vec<String> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut versions: Vec<_> = texts.iter().map(|text| version(text)).collect();
        sort_newest_first(&mut versions);
        let mut semvers: Vec<semver::Version> =
            texts.iter().map(|text| text.parse().unwrap()).collect();
        semvers.sort_by(|left, right| right.cmp_precedence(left));
        assert!(
            versions
                .iter()
                .copied()
                .eq(semvers.iter().map(VersionRef::from))
        );
        for pair in versions.windows(2) {
            check(pair[0], pair[1]);
            neighbours += 1;
            decided += usize::from(pair[0].key() != pair[1].key() || pair[0].key().is_exact());
        }
        for version in &versions {
            all += 1;
            stable += usize::from(version.is_stable());
            exact += usize::from(version.key().is_exact());
            largest.0 = largest.0.max(version.major);
            largest.1 = largest.1.max(version.minor);
            largest.2 = largest.2.max(version.patch);
        }
        packages += 1;
    }
    eprintln!(
        "{packages} packages, {all} versions, {stable} stable, {exact} exact; \
         {decided} of {neighbours} neighbours decided; largest {largest:?}"
    );
    assert!(
        packages >= 10 && all >= 9_000,
        "the lists are not all there"
    );
    assert_eq!(exact, stable, "no stable version saturates");
}
