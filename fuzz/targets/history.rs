//! Events that somebody else wrote, a line each: kind, a space, and the facts as JSON. Whatever the fold takes in can be asked and told
//! of, gives a manifest that readers take, and does so again from the same events. What it does not take leaves nothing to ask of.
//! Bytes that are no text are read as a backup.
#![no_main]

use libfuzzer_sys::fuzz_target;
use radpack_manifest::Manifest;
use radpack_registry::state::State;
use radpack_registry::{
    BackupReader, Cohort, Event, Fact, Fold, Follow, Hash, ManifestQuery, Recorded, Timestamp, Uuid,
};

/// How many events are folded, at most.
const EVENTS: usize = 40;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else {
        if let Ok(reader) = BackupReader::new(bytes) {
            let _ = reader.map(|item| item.is_ok()).last();
        }
        return;
    };
    let mut state = State::default();
    let mut again = State::default();
    let mut seq = 0;
    for line in text.lines().take(EVENTS) {
        let Some((kind, payload)) = line.split_once(' ') else {
            continue;
        };
        let Ok(payload) = serde_json::from_str(payload) else {
            continue;
        };
        let recorded = recorded(seq + 1, kind, payload);
        // As a commit looks before it writes, so that one that is refused changes nothing.
        if state.check(&recorded).is_err() {
            continue;
        }
        seq += 1;
        state.apply(&recorded).expect("it was checked");
        again.apply(&recorded).expect("it is the same");
        let fact = Fact::of(&recorded.event).expect("it was folded in");
        assert_eq!(fact.kind(), kind);
        let described = recorded.event.describe().expect("it is known");
        assert!(!described.what.is_empty());
    }
    let at = Timestamp::from_second(2_000_000_000).expect("it is a time");
    let cohort: Cohort = "7".parse().expect("it is one");
    let consumers = state
        .consumers()
        .map(|(name, _)| Follow::Consumer(name.to_owned()));
    let channels = ["release", "staging", "latest"].map(Follow::from);
    for of in channels.into_iter().chain(consumers.collect::<Vec<_>>()) {
        for cohort in [None, Some(cohort)] {
            let query = ManifestQuery {
                of: of.clone(),
                cohort,
                with: Vec::new(),
            };
            let manifest = state
                .manifest(&query, at)
                .expect("nothing in it is unknown");
            let json = manifest.to_json();
            assert_eq!(
                again
                    .manifest(&query, at)
                    .expect("it is the same")
                    .to_json(),
                json
            );
            // What versions consist of is checked when they are published; so only what reads at all must be in order.
            if let Ok(read) = Manifest::from_slice(json.as_bytes()) {
                assert_eq!(read.to_json(), json);
            }
        }
    }
});

fn recorded(seq: u64, kind: &str, payload: serde_json::Value) -> Recorded {
    let at = Timestamp::from_second(1_800_000_000 + seq as i64 * 60).expect("it is a time");
    Recorded {
        event: Event {
            format: 1,
            needs: "0.1.0".to_owned(),
            seq,
            id: Uuid::from_u128(seq.into()),
            command: Uuid::from_u128(u128::from(seq) << 64),
            at,
            by: "somebody".to_owned(),
            prev: Hash::of(b""),
            kind: kind.to_owned(),
            payload,
        },
        hash: Hash::of(&seq.to_be_bytes()),
    }
}
