//! A damaged or hostile index, opened unverified, and asked everything that an index can be asked.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};
use radpack_fuzz::{IDS, INTERNAL, LOWER, UPPER};
use radpack_resolve::{Found, Index, Layer, Memo, Query, ResolveErrorKind};
use radpack_version::Fallback;

/// Sound index files to begin with.
static BASES: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let bytes = |layers: &[&str]| {
        let layers = layers.iter().map(|json| Layer::json(*json));
        Index::from_layers(layers)
            .expect("the registers are valid")
            .to_bytes()
            .into_owned()
    };
    [
        bytes(&[r#"{"exports":{}}"#]),
        bytes(&[LOWER]),
        bytes(&[LOWER, UPPER, INTERNAL]),
    ]
});

/// Where an index states its checksum.
const CHECKSUM: std::ops::Range<usize> = 24..32;
/// Where its table of sections begins: sixteen bytes for each of thirteen.
const TABLE: usize = 40;

/// One damage. Places count from the start, and start anew behind the end.
#[derive(Arbitrary, Debug)]
enum Damage {
    Byte(u16, u8),
    Flip(u16, u8),
    /// An aligned word: what counts, offsets and rows are.
    Word(u16, u32),
    Near(u16, i8),
    Most(u16),
    Copy {
        from: u16,
        to: u16,
        length: u8,
    },
    /// The place and length of a section.
    Section {
        section: u8,
        offset: i16,
        rows: u32,
    },
    Cut(u16),
    Add(Vec<u8>),
    /// Bytes that have nothing to do with an index.
    Other(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    base: u8,
    damages: Vec<Damage>,
    /// Whether the header is told the new length, so that opening gets further.
    honest_length: bool,
    fallback: u8,
    scope: Option<u8>,
    /// Which of the known ids are asked for: a bit for each. Asking for all of them takes long.
    known: u32,
    ids: Vec<&'a str>,
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return Corpus::Reject;
    };
    let base = &BASES[usize::from(input.base) % BASES.len()];
    let mut damaged = base.clone();
    for damage in &input.damages {
        damage.apply(&mut damaged);
    }
    if input.honest_length && damaged.len() >= 24 {
        let length = damaged.len() as u64;
        damaged[16..24].copy_from_slice(&length.to_le_bytes());
    }
    let verified = Index::from_bytes(damaged.clone());
    if damaged == *base {
        assert!(verified.is_ok());
    } else if damaged.get(CHECKSUM) == base.get(CHECKSUM) {
        assert!(
            verified.is_err(),
            "a change that the checksum does not tell"
        );
    }
    if let Ok(index) = Index::from_bytes_unverified(damaged) {
        ask(&index, &input);
        // Its layers in an index of their own, as a loader takes them over.
        let layers = (0..index.layers()).map(|layer| Layer::of(&index, layer));
        if let Ok(copied) = Index::from_layers(layers) {
            ask(&copied, &input);
        }
    }
    Corpus::Keep
});

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        let place = |at: u16| usize::from(at) % length;
        let word = |at: u16| place(at) / 4 * 4;
        match self {
            Damage::Byte(at, to) => bytes[place(*at)] = *to,
            Damage::Flip(at, bit) => bytes[place(*at)] ^= 1 << (bit % 8),
            Damage::Word(at, to) => set(bytes, word(*at), *to),
            Damage::Near(at, by) => {
                let at = word(*at);
                let old = bytes.get(at..at + 4).and_then(|old| old.try_into().ok());
                let old = u32::from_le_bytes(old.unwrap_or_default());
                set(bytes, at, old.wrapping_add_signed((*by).into()));
            }
            Damage::Most(at) => set(bytes, word(*at), u32::MAX),
            Damage::Copy { from, to, length } => {
                let (from, to) = (place(*from), place(*to));
                let count = usize::from(*length).min(bytes.len() - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
            Damage::Section {
                section,
                offset,
                rows,
            } => {
                let at = TABLE + usize::from(section % 13) * 16;
                if let Some(row) = bytes.get_mut(at..at + 16) {
                    let old = u64::from_le_bytes(row[..8].try_into().expect("eight bytes"));
                    let new = old.wrapping_add_signed((*offset).into());
                    row[..8].copy_from_slice(&new.to_le_bytes());
                    row[8..].copy_from_slice(&u64::from(*rows).to_le_bytes());
                }
            }
            Damage::Cut(at) => bytes.truncate(place(*at)),
            Damage::Add(more) => bytes.extend_from_slice(more),
            Damage::Other(other) => bytes.clone_from(other),
        }
    }
}

fn set(bytes: &mut [u8], at: usize, word: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

fn ask(index: &Index, input: &Input<'_>) {
    let fallbacks = [
        Fallback::None,
        Fallback::Compatible,
        Fallback::SameMajor,
        Fallback::Any,
    ];
    let context: BTreeMap<String, String> = [("lang", "d3"), ("stage", "live/${lang}")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let plain = index
        .query()
        .fallback(fallbacks[usize::from(input.fallback) % 4]);
    let mut query = plain.context(&context);
    if let Some(scope) = input.scope {
        query = query.scope(IDS[usize::from(scope) % IDS.len()]);
    }
    let known = IDS.into_iter().enumerate();
    let known = known.filter_map(|(bit, id)| (input.known >> bit & 1 == 1).then_some(id));
    let ids: Vec<&str> = known.chain(input.ids.iter().copied()).collect();
    let mut memo = Memo::new(4);
    for id in &ids {
        let once = plain.resolve(id);
        for _ in 0..2 {
            assert_same(&once, &memo.resolve(&plain, id));
        }
        follow(&query, id);
    }
    plain.resolve_batch(&ids, |position, answer| {
        assert_same(&answer, &plain.resolve(ids[position]));
    });
    list(index, &query);
    for layer in 0..index.layers().min(8) {
        let _ = index.vars(layer);
    }
    let _ = (index.is_empty(), format!("{index:?}"));
    let _ = index.verify();
}

type Answer<'i> = Result<Found<'i>, radpack_resolve::ResolveError>;

/// However an id is asked for, the answer is one.
fn assert_same(one: &Answer<'_>, other: &Answer<'_>) {
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one, other);
            assert_eq!(one.variant(), other.variant());
            assert_eq!((one.fit(), one.drift()), (other.fit(), other.drift()));
        }
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        _ => panic!("{one:?} and {other:?}"),
    }
}

/// Everything that an answer leads to.
fn follow(query: &Query<'_, '_>, id: &str) {
    match query.resolve(id) {
        Ok(found) => read(query, &found),
        Err(error) => {
            let _ = (
                error.available().len(),
                error.looser().is_some(),
                error.to_string(),
            );
            let error = query.suggest(error);
            let _ = (error.suggestion().map(str::len), error.to_string());
        }
    }
    match query.closure(id) {
        Ok(closure) => {
            let mut variants: Vec<u32> = closure.iter().map(Found::variant).collect();
            variants.sort_unstable();
            variants.dedup();
            assert_eq!(variants.len(), closure.len(), "each variant is there once");
        }
        Err(error) => {
            let chained = error.kind() == ResolveErrorKind::UnresolvedDependency;
            assert_eq!(!error.chain().is_empty(), chained);
            let _ = query.suggest(error).to_string();
        }
    }
}

fn read(query: &Query<'_, '_>, found: &Found<'_>) {
    let _ = (
        found.name(),
        found.entry(),
        found.version().to_string(),
        found.layer(),
    );
    let _ = (
        found.pinned_id(),
        found.version().to_semver(),
        found.version().key(),
    );
    let _ = (
        found.file(),
        found.integrity(),
        found.url(),
        query.url(found),
    );
    for dependency in found.statics().chain(found.dynamics()).take(50) {
        let _ = (
            dependency.id(),
            dependency.is_own(),
            query.dependency(&dependency).is_ok(),
        );
    }
}

/// Goes through all that it lists, up to a bound: what claims rows of others may list much.
fn list(index: &Index, query: &Query<'_, '_>) {
    let entries = index.packages().take(100).flat_map(|package| {
        let _ = (
            package.name(),
            package.layer(),
            index.package(package.name()).is_some(),
        );
        package.entries().take(50)
    });
    for entry in entries.take(100) {
        let _ = (entry.name(), entry.versions().take(50).count());
        entry
            .variants()
            .take(20)
            .for_each(|found| read(query, &found));
    }
}
