//! The hot lane: from an id to its variant, as nearly all ids have them.
//!
//! Few instructions, two waits for memory (a slot, then a record) and few branches, so that the processor is at the
//! next look-ups while this one waits. What it cannot answer goes the plain way, from the beginning: handing over what
//! is known already would cost more here than it saves there.

use radpack_version::{Drift, Fallback, Fit};

use crate::format::{INLINE_VERSIONS, NONE, Record, SpecText, TAGGED, WHOLE_TEXTS};
use crate::found::Place;
use crate::hash;
use crate::split::{self, Long, Parts, Short};
use crate::storage::View;

/// The answer to an id, if it is found here.
#[inline(always)]
pub(crate) fn resolve(view: &View<'_>, id: &[u8], fallback: Fallback) -> Option<Place> {
    // Both ways are the same code twice, so that what is known of an id need not be brought to one place.
    if id.len() >= 16 {
        finish(view, &split::parts(Long::new(id)?)?, fallback)
    } else {
        finish(view, &split::parts(Short::new(id)?)?, fallback)
    }
}

#[inline(always)]
fn finish(view: &View<'_>, parts: &Parts, fallback: Fallback) -> Option<Place> {
    let number = view.probe(hash::words(view.seed_key, &parts.key));
    select(view, number, parts, fallback)
}

/// The version that an id selects of a record, if the record is that of the id.
#[inline(always)]
pub(crate) fn select(
    view: &View<'_>,
    number: u32,
    parts: &Parts,
    fallback: Fallback,
) -> Option<Place> {
    const STAR: u64 = b'*' as u64 | 1 << 56;
    const LATEST: u64 = u64::from_le_bytes(*b"latest\0\x06");
    let record = view.record(number)?;
    if !record.is_plain(&parts.key, parts.name_length, parts.entry_length) {
        return None;
    }
    let (spec, length) = (parts.spec, parts.spec_length);
    let sized = spec | (length as u64) << 56;
    let any = (length == 0) | (sized == STAR) | (sized == LATEST) & (record.flags() & TAGGED == 0);
    // `^4`, `~4.1`, `4.1` and `4.1.12` are the beginning, or all, of the versions that they admit; any version is
    // what begins with nothing.
    let sign = spec as u8;
    let signed = sign | 0x20 == b'~';
    let body = spec >> (u32::from(signed) * 8);
    let length = length.wrapping_sub(signed.into());
    let text = SpecText::of(body, length);
    // The dot behind it, so that `1` is not the beginning of `12`. Behind eight characters there is no room for it.
    let shift = (length as u32).wrapping_mul(4) & 63;
    let mask = (0xf_u64 << shift | ((1 << shift) - 1)) as u32 & u32::from(any).wrapping_sub(1);
    let found = record.match_text((text.text | (0xe_u64 << shift) as u32) & mask, mask);
    let room = 7 + usize::from(record.flags() & WHOLE_TEXTS != 0);
    let whole = text.dots & text.dots.wrapping_sub(1);
    // What else a sign admits shows in numbers only.
    let more = if sign == b'^' { text.dots } else { whole };
    let fine = any | (length.wrapping_sub(1) < room) & text.is_valid & !(signed & (more != 0));
    let exact = (whole != 0) & !any;
    if fine & (found < INLINE_VERSIONS) {
        return place(
            number,
            record,
            found,
            if exact { Fit::Exact } else { Fit::InRange },
        );
    }
    if fine & exact & !signed {
        let found = nearest_patch(record, body, length, fallback)?;
        return place(number, record, found, Fit::Nearest);
    }
    None
}

#[inline(always)]
fn place(number: u32, record: Record<'_>, position: usize, fit: Fit) -> Option<Place> {
    Some(Place {
        record: number,
        position: position as u32,
        variant: record
            .variants()
            .checked_add(record.ordinal(position).into())?,
        fit,
        drift: if fit == Fit::Nearest {
            Some(Drift::Patch)
        } else {
            None
        },
    })
}

/// A pinned version that is not there, where just one patch of its minor is: that is the nearest, without a look at
/// numbers. `body` has two dots at least. It gives a position, as an answer would have to go through memory.
#[inline(never)]
fn nearest_patch(
    record: Record<'_>,
    body: u64,
    length: usize,
    fallback: Fallback,
) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let text = SpecText::of(body, length);
    let second = text.dots & text.dots.wrapping_sub(1);
    let patch_at = second.trailing_zeros() as usize / 8 + 1;
    let digits = length.checked_sub(patch_at)?;
    let patch = body.checked_shr(patch_at as u32 * 8)?;
    // Colon and semicolon come behind the digits.
    let has_others = ((patch & (ONES * 0xf)) + ONES * 6) & (ONES * 0x10) != 0;
    let leading_zero = digits > 1 && patch & 0xff == u64::from(b'0');
    let only_two_dots = second & second.wrapping_sub(1) == 0;
    let is_version = digits > 0 && only_two_dots && !has_others && !leading_zero;
    if !is_version || record.next() != NONE || fallback == Fallback::None {
        return None;
    }
    let mask = (1 << (patch_at * 4)) - 1;
    let found = record.matches(text.text & mask, mask);
    let only_one = found != 0 && found & (found - 1) == 0;
    only_one.then(|| found.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use radpack_manifest::{Entry, Manifest, Package, Variant};

    use super::*;
    use crate::{Index, Layer, Memo};

    /// Lengths around those at which ids, names and entries are treated another way.
    const NAMES: [&str; 8] = [
        "d3",
        "preact7",
        "lodash-e",
        "@acme/shop",
        "a-name-of-16-byt",
        "@team-12/design-tokens-12345",
        "a-name-of-thirty-two-bytes-xxxxx",
        "a-name-of-more-than-thirty-two-byt",
    ];
    const ENTRIES: [&str; 5] = [
        "index",
        "c",
        "c/vendor",
        "sixteen-bytes/xy",
        "an-entry-of-19-byte",
    ];

    type Version = (u64, u64, u64, &'static str);

    fn version() -> impl Strategy<Value = Version> {
        let component = || prop_oneof![6 => 0u64..3, 2 => 9u64..13, 1 => 100u64..1_000];
        let pre = prop_oneof![30 => Just(""), 1 => Just("-rc.1")];
        (component(), component(), component(), pre)
    }

    fn manifest() -> impl Strategy<Value = Manifest> {
        let package = (
            prop::collection::btree_set(version(), 1..15),
            any::<u8>(),
            any::<bool>(),
        );
        prop::collection::vec(prop::option::weighted(0.7, package), NAMES.len()).prop_map(
            |packages| {
                let mut manifest = Manifest::default();
                for (name, package) in NAMES.iter().zip(packages) {
                    let Some((versions, entries, tagged)) = package else {
                        continue;
                    };
                    let mut parsed: Vec<semver::Version> = versions
                        .iter()
                        .map(|(major, minor, patch, pre)| {
                            format!("{major}.{minor}.{patch}{pre}").parse().unwrap()
                        })
                        .collect();
                    parsed.sort_by(|one, other| other.cmp(one));
                    let mut package = Package {
                        versions: parsed,
                        ..Package::default()
                    };
                    if tagged {
                        let last = package.versions.len() - 1;
                        package.tags.insert("latest".to_owned(), last);
                        package.tags.insert("next".to_owned(), 0);
                    }
                    for (number, entry) in ENTRIES.iter().enumerate() {
                        // Some entries are not in every version.
                        let step = 1 + usize::from(entries >> number & 1);
                        let variants = (0..package.versions.len())
                            .step_by(step)
                            .map(|version| Variant {
                                versions: vec![version],
                                file: Some(format!("{version}.js")),
                                ..Variant::default()
                            })
                            .collect();
                        package.entries.push(Entry {
                            name: (*entry).to_owned(),
                            variants,
                        });
                    }
                    manifest.exports.insert((*name).to_owned(), package);
                }
                manifest.normalize();
                manifest
            },
        )
    }

    fn id() -> impl Strategy<Value = String> {
        let numbers =
            (version(), 0..4).prop_map(|((major, minor, patch, pre), parts)| match parts {
                0 => format!("{major}"),
                1 => format!("{major}.{minor}"),
                _ => format!("{major}.{minor}.{patch}{pre}"),
            });
        let odd = prop::sample::select(vec![
            "",
            "@",
            "@*",
            "@latest",
            "@next",
            "@^*",
            "@x",
            "@1.x",
            "@^",
            "@~",
            "@01",
            "@1.02.0",
            "@1.0.00",
            "@1..0",
            "@1.0.",
            "@1.0.0.0",
            "@1,0,0",
            "@1.0.:",
            "@1.0.;",
            "@1-0-0",
            "@*\0",
            "@1\0",
            "@latest\0",
            "@ 1",
            "@1 ",
            "@>=1 <3",
            "@^0 || ^1",
            "@v1.0.0",
            "@=1.0.0",
            "@1@2",
            "@latests",
            "@12345678",
            "@1.0.0-rc.1",
            "@q.1.0",
        ]);
        let spec = prop_oneof![
            4 => ("[~^]?", numbers).prop_map(|(sign, numbers)| format!("@{sign}{numbers}")),
            1 => odd.prop_map(str::to_owned),
        ];
        let name = prop_oneof![20 => prop::sample::select(&NAMES[..]), 1 => Just("@acme"), 1 => Just("none")];
        let entry = prop::sample::select(vec![
            "",
            "",
            "/",
            "/index",
            "/c",
            "/c/",
            "/c.js",
            "/C",
            "/c\0",
            "/c/vendor",
            "/c/vendor/",
            "/c@1/vendor",
            "/sixteen-bytes/xy",
            "/an-entry-of-19-byte",
            "/an/entry/that/is/nowhere",
        ]);
        (name, spec, entry).prop_map(|(name, spec, entry)| format!("{name}{spec}{entry}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Found or not, one by one, in a batch and remembered: all the same as the plain way.
        #[test]
        fn agrees_with_the_plain_way(
            manifests in prop::collection::vec(manifest(), 1..3),
            ids in prop::collection::vec(id(), 40),
            fallback in prop::sample::select(vec![
                Fallback::None, Fallback::Compatible, Fallback::SameMajor, Fallback::Any,
            ]),
        ) {
            let index = Index::from_layers(manifests.iter().map(Layer::manifest)).unwrap();
            let opened = Index::from_bytes(index.to_bytes().into_owned()).unwrap();
            let copied = Index::from_layers((0..index.layers()).map(|layer| Layer::of(&opened, layer))).unwrap();
            let copied = copied.query().fallback(fallback);
            let (query, other) = (index.query().fallback(fallback), opened.query().fallback(fallback));
            let mut memo = Memo::new(8);
            let mut batch = Vec::new();
            query.resolve_batch(&ids, |_, answer| batch.push(answer));
            for (id, in_batch) in ids.iter().zip(batch) {
                let expected = query.resolve_fully(id, None).map(|found| found.place).map_err(|error| error.kind());
                let answers = [
                    in_batch,
                    query.resolve(id),
                    other.resolve(id),
                    copied.resolve(id),
                    index.resolve_hot(id, fallback).map_or_else(|| query.resolve(id), Ok),
                    memo.resolve(&query, id),
                    memo.resolve(&query, id),
                ];
                for answer in answers {
                    let answer = answer.map(|found| found.place).map_err(|error| error.kind());
                    prop_assert_eq!(answer, expected, "{:?}", id);
                }
            }
        }
    }
}
