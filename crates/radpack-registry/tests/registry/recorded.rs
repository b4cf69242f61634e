//! A history of format 1 that was recorded once (`fixtures/registry-1`): every later build reads it, and makes the same of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use radpack_registry::rules::{
    ChangeRollout, ChangeSetting, CreateDraft, CreateToken, DiscardDraft, DraftSource, Publish,
    RecordConsumer, ReleaseVersions, ResetDraft, Revert, RevokeToken, Rollback, Rule, SaveDraft,
};
use radpack_registry::state::State;
use radpack_registry::state::fact::{
    BlobsSwept, Imported, ImportedPackage, ImportedVersion, NewContents, NewRelease, NewVersion,
    OfDraft, Restored, RolloutAction,
};
use radpack_registry::state::policy::PolicyChange;
use radpack_registry::state::token::{Right, Token};
use radpack_registry::{
    Caller, Carried, Command, CommitError, Committed, Decision, Follow, Hash, HistoryError, Ledger,
    Line, ManifestQuery, Plan, Recorded, Registry, Stage, Store, Uploads,
};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Bench, contents, promote, publish, release, rollback, set, source, told, version, yank,
};

/// Every kind of event that there is in format 1.
const KINDS: [&str; 18] = [
    "published",
    "released",
    "rollout-changed",
    "rolled-back",
    "reverted",
    "yanked",
    "policy-set",
    "setting-changed",
    "draft-created",
    "draft-saved",
    "draft-reset",
    "draft-discarded",
    "consumer-recorded",
    "token-created",
    "token-revoked",
    "blobs-swept",
    "restored",
    "imported",
];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/registry-1")
}

fn is_writing() -> bool {
    std::env::var_os("RADPACK_WRITE_FIXTURES").is_some()
}

/// A registry to record a history in.
struct Recorder(Bench);

impl Recorder {
    async fn put(&self, rule: &impl Rule) -> Committed {
        let mut uploads = Uploads::default();
        for text in TEXTS {
            uploads.add(text.as_bytes());
        }
        let registry = &self.0.registry;
        let carried = registry
            .carry_out_with(&Caller::new("ann"), &Command::new("ann"), rule, &uploads)
            .await
            .unwrap();
        match carried {
            Carried::Done(committed) => *committed,
            nothing => panic!("{nothing:?}"),
        }
    }

    /// An event of a kind for which it takes more than a command.
    async fn fact(&self, kind: &'static str, facts: impl Serialize) {
        let mut ledger = Ledger::<State>::default();
        let payload = serde_json::to_value(facts).unwrap();
        let history = self.0.registry.history();
        let decide = |_: &State, _: &_| Ok(Decision::new(kind, payload.clone()));
        history
            .commit(&mut ledger, &Command::new("ben"), decide)
            .await
            .unwrap();
    }

    async fn seq(&self) -> u64 {
        self.0.moment().await.position.seq
    }
}

/// All bytes in it.
const TEXTS: [&str; 8] = ["s1", "s2", "s3", "s4", "s5", "c1", "c2", "d1"];

fn text(name: &str, exports: &[&str], pins: &[&str]) -> NewContents {
    assert!(TEXTS.contains(&name));
    contents(name, exports, pins)
}

/// A little of everything that can happen.
async fn record(folder: &Path) {
    let store = Store::folder(folder).unwrap();
    let (registry, _) = Registry::init(store.clone()).await.unwrap();
    let recorder = Recorder(Bench { registry, store });
    let put = async |rule: &Publish| recorder.put(rule).await;
    recorder
        .put(&ChangeSetting {
            base_url: Some("https://cdn.example/acme".to_owned()),
        })
        .await;
    let holder = |number: u128, rights: &[Right], package: &str| CreateToken {
        token: Uuid::from_u128(number),
        secret: Token::digest(&format!("secret {number}")),
        holder: format!("holder {number}"),
        rights: rights.iter().copied().collect(),
        packages: set([package]),
        expires: Some("2099-01-01T00:00:00Z".parse().unwrap()),
    };
    recorder
        .put(&holder(71, &[Right::Publish], "@acme/*"))
        .await;
    recorder.put(&holder(72, &[Right::Admin], "*")).await;
    recorder
        .put(&RevokeToken {
            token: Uuid::from_u128(71),
        })
        .await;
    let both = Publish {
        builds: [
            publish(
                "shapes",
                Some("1.0.0"),
                text("s1", &["circle"], &["colors@^1"]),
            ),
            publish("colors", Some("1.0.0"), text("c1", &["red"], &[])),
        ]
        .into_iter()
        .flat_map(|it| it.builds)
        .collect(),
        message: Some("the first".to_owned()),
        release: true,
        ..publish("", None, NewContents::default())
    };
    put(&both).await;
    // A draft, from its first file to a version.
    let draft = |from: DraftSource, name: &str| CreateDraft {
        draft: name.to_owned(),
        package: "shapes".to_owned(),
        from,
    };
    let save = |base: u64, put: &[&str], remove: &[&str]| SaveDraft {
        draft: "mine".to_owned(),
        opened: None,
        base,
        put: put
            .iter()
            .map(|it| ((*it).to_owned(), source("d1")))
            .collect(),
        remove: remove.iter().map(|it| (*it).to_owned()).collect(),
        message: Some("a note".to_owned()),
    };
    let sources = BTreeMap::from([("index.js".to_owned(), source("s1"))]);
    let from = DraftSource::Version("shapes@1.0.0".parse().unwrap(), sources);
    recorder.put(&draft(from, "mine")).await;
    recorder.put(&save(1, &["a.js", "b.js"], &[])).await;
    recorder.put(&save(2, &[], &["a.js"])).await;
    recorder
        .put(&ResetDraft {
            draft: "mine".to_owned(),
            to: 2,
            based_on: None,
        })
        .await;
    recorder
        .put(&draft(DraftSource::Draft("mine".to_owned()), "other"))
        .await;
    recorder.put(&draft(DraftSource::Empty, "empty")).await;
    recorder
        .put(&DiscardDraft {
            draft: "other".to_owned(),
            based_on: None,
        })
        .await;
    let mut of_draft = publish(
        "shapes",
        None,
        text("s2", &["circle", "square"], &["colors@^1"]),
    );
    of_draft.builds[0].of = Some(OfDraft {
        draft: "mine".to_owned(),
        revision: 4,
    });
    put(&of_draft).await;
    // A rollout in stages that is changed on the way, and one that is superseded.
    let stages = Plan::Stages(vec![Stage {
        percent: 10,
        seconds: 28_800,
    }]);
    let named = ReleaseVersions {
        name: Some("squares".to_owned()),
        ..release(&["shapes@1.1.0"], "release", Some(stages))
    };
    recorder.put(&named).await;
    let change = |action: RolloutAction| ChangeRollout {
        line: "shapes@1".parse().unwrap(),
        channel: "release".to_owned(),
        action,
        force: None,
    };
    for action in [
        RolloutAction::Pause,
        RolloutAction::Resume,
        RolloutAction::Set(60),
    ] {
        recorder.put(&change(action)).await;
    }
    put(&publish(
        "shapes",
        Some("1.1.1"),
        text("s3", &["circle", "square"], &["colors@^1"]),
    ))
    .await;
    recorder
        .put(&release(
            &["shapes@1.1.1"],
            "release",
            Some(Plan::Over(864_000)),
        ))
        .await;
    recorder.put(&change(RolloutAction::Promote)).await;
    let before = recorder.seq().await;
    recorder.put(&rollback("shapes@1", None)).await;
    // Other channels, lines and policies.
    let breaking = Publish {
        allow_breaking: Some("nobody used circles".to_owned()),
        ..publish("shapes", Some("1.2.0"), text("s4", &["square"], &[]))
    };
    put(&breaking).await;
    put(&publish(
        "shapes",
        Some("2.0.0-beta.1"),
        text("s5", &["square"], &[]),
    ))
    .await;
    recorder
        .put(&release(
            &["shapes@1.2.0", "shapes@2.0.0-beta.1"],
            "staging",
            None,
        ))
        .await;
    recorder.0.policy("shapes", "keep-minors=on").await;
    recorder.put(&promote("shapes", "staging", "release")).await;
    recorder.0.policy("colors", "releases=free").await;
    put(&publish("colors", None, text("c2", &["red"], &[]))).await;
    recorder
        .put(&release(
            &["colors@1.0.1"],
            "release",
            Some(Plan::Percent(25)),
        ))
        .await;
    recorder
        .put(&Rollback {
            line: "colors".parse().unwrap(),
            channel: "release".to_owned(),
            to: None,
            force: None,
        })
        .await;
    recorder.put(&yank("colors@1.0.1")).await;
    recorder
        .put(&RecordConsumer {
            consumer: "shop".to_owned(),
            pins: Some(set(["shapes@^1", "lines@^1"])),
            follow: BTreeMap::new(),
            production: Some(true),
        })
        .await;
    let past = recorder.0.registry.at(before).await.unwrap();
    recorder
        .put(&Revert {
            to: before,
            package: None,
            past_at: past.position.at,
            past: past.state,
            force: Some("it is only a fixture".to_owned()),
        })
        .await;
    // What takes more than a command.
    let swept = format!("blobs/sha256/{}", Hash::of(b"unused"));
    recorder
        .fact(
            "blobs-swept",
            BlobsSwept {
                blobs: BTreeSet::from([swept]),
            },
        )
        .await;
    let imported =
        |number: &str, build: u32, contents: &str, yanked: Option<&str>| ImportedVersion {
            version: NewVersion {
                package: "lines".to_owned(),
                version: version(number),
                build,
                contents: Some(text(contents, &["line"], &[])),
                restores: None,
                of: None,
                breaking: None,
            },
            by: "carl".to_owned(),
            at: "2025-05-05T05:05:05Z".parse().unwrap(),
            message: Some("from there".to_owned()),
            yanked: yanked.map(str::to_owned),
        };
    let lines = ImportedPackage {
        package: "lines".to_owned(),
        versions: vec![
            imported("1.0.0", 1, "d1", Some("it was broken")),
            imported("1.0.1", 2, "c1", None),
        ],
        releases: BTreeMap::from([(
            "release".to_owned(),
            vec![NewRelease {
                package: "lines".to_owned(),
                line: Line::Major(1),
                number: 1,
                name: "r1".to_owned(),
                version: version("1.0.1"),
            }],
        )]),
        policy: PolicyChange {
            increasing: Some(true),
            ..PolicyChange::default()
        },
    };
    recorder
        .fact(
            "imported",
            Imported {
                registry: Uuid::from_u128(9),
                seq: 5,
                packages: vec![lines],
            },
        )
        .await;
    let to = recorder.seq().await;
    recorder.fact("restored", Restored { to }).await;
}

/// Ids that count, and an hour from each event to the next: so it is the same whenever it is recorded.
fn settle(folder: &Path) {
    fn write(path: &Path, value: &impl Serialize) -> String {
        let mut text = serde_json::to_string(value).unwrap();
        text.push('\n');
        fs::write(path, &text).unwrap();
        Hash::of(text.as_bytes()).to_string()
    }
    let read = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let path = folder.join("format.json");
    let mut format = read(&path);
    format["id"] = json!(Uuid::from_u128(1));
    format["created"] = json!("2026-01-01T00:00:00Z");
    let mut prev = write(&path, &format);
    let begin: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    for seq in 1.. {
        let path = event_file(folder, seq);
        if !path.exists() {
            break;
        }
        let mut event = read(&path);
        event["id"] = json!(Uuid::from_u128(1_000 + u128::from(seq)));
        event["command"] = json!(Uuid::from_u128(2_000 + u128::from(seq)));
        event["at"] = json!(begin + jiff::SignedDuration::from_hours(seq as i64));
        event["prev"] = json!(prev);
        // In the order in which events are written.
        let event: radpack_registry::Event = serde_json::from_value(event).unwrap();
        prev = write(&path, &event);
    }
    // What the store was tried with.
    let _ = fs::remove_dir_all(folder.join("probes"));
}

fn event_file(folder: &Path, seq: u64) -> PathBuf {
    folder.join(format!("events/{seq:020}.json"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// The recorded registry, as a copy that may be changed.
async fn recorded() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture().join("registry"), folder.path());
    let registry = Registry::open(Store::folder(folder.path()).unwrap()).await;
    (folder, registry.unwrap())
}

async fn events(registry: &Registry) -> Vec<Recorded> {
    let mut events = Vec::new();
    let history = registry.history();
    history
        .follow(history.beginning(), |it| {
            events.push(it);
            Ok(())
        })
        .await
        .unwrap();
    events
}

/// All that it comes to, moment by moment.
async fn outcome(registry: &Registry) -> Value {
    let mut moments = serde_json::Map::new();
    let mut before = BTreeMap::new();
    for recorded in events(registry).await {
        let seq = recorded.event.seq;
        let moment = registry.at(seq).await.unwrap();
        assert_eq!(moment.position.hash, recorded.hash);
        let mut manifests = serde_json::Map::new();
        for (what, of, cohort) in [
            ("release", Follow::from("release"), None),
            ("release for 7", Follow::from("release"), Some("7")),
            ("release for 70", Follow::from("release"), Some("70")),
            ("staging", Follow::from("staging"), None),
            ("latest", Follow::from("latest"), None),
            ("shop", Follow::Consumer("shop".to_owned()), None),
        ] {
            let query = ManifestQuery {
                of,
                cohort: cohort.map(|it| it.parse().unwrap()),
                with: Vec::new(),
            };
            if let Ok(manifest) = moment.state.manifest(&query, moment.position.at) {
                let manifest: Value = serde_json::from_str(&manifest.to_json()).unwrap();
                // Only what is other than behind the event before.
                if before.insert(what, manifest.clone()) != Some(manifest.clone()) {
                    manifests.insert(what.to_owned(), manifest);
                }
            }
        }
        let event = &recorded.event;
        let at = format!("{seq}: {} {} {}", event.at, event.by, event.kind);
        moments.insert(at, manifests.into());
    }
    let moment = registry.refresh().await.unwrap();
    let state = &moment.state;
    let packages: BTreeMap<_, _> = state.names().map(|it| (it, state.package(it))).collect();
    let consumers: BTreeMap<_, _> = state.consumers().collect();
    let tokens: Vec<_> = state.tokens().collect();
    json!({
        "hash": moment.position.hash,
        "moments": moments,
        "packages": packages,
        "consumers": consumers,
        "tokens": tokens,
        "drafts": state.drafts().collect::<BTreeMap<_, _>>(),
        "baseUrl": state.base_url(),
    })
}

#[tokio::test]
async fn it_comes_to_what_it_came_to() {
    let folder = fixture().join("registry");
    if is_writing() && !folder.exists() {
        record(&folder).await;
        settle(&folder);
    }
    let (_folder, registry) = recorded().await;
    let found = outcome(&registry).await;
    let path = fixture().join("outcome.json");
    if is_writing() {
        let mut text = serde_json::to_string_pretty(&found).unwrap();
        text.push('\n');
        fs::write(&path, text).unwrap();
    }
    let expected: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (name, expected) in expected.as_object().unwrap() {
        assert_eq!(&found[name], expected, "{name}");
    }
    let kinds: BTreeSet<String> = events(&registry)
        .await
        .into_iter()
        .map(|it| it.event.kind)
        .collect();
    assert_eq!(kinds, set(KINDS), "it has every kind of event");
    let report = registry.verify().await.unwrap();
    assert_eq!(report.findings, []);
}

/// A byte that was changed shows in the event itself, or in the next, which says what was there.
#[tokio::test]
async fn no_byte_of_it_can_be_changed() {
    let (folder, registry) = recorded().await;
    let history = registry.history();
    let mut position = history.beginning();
    let events = events(&registry).await;
    let changeable = &events[..events.len() - 1];
    for recorded in changeable {
        let seq = recorded.event.seq;
        let path = event_file(folder.path(), seq);
        let whole = fs::read(&path).unwrap();
        // All of them, where there is time: one after the other is written.
        let step = match std::env::var_os("RADPACK_FAULTS") {
            Some(_) => 1,
            None => 23,
        };
        for index in (seq as usize % step..whole.len()).step_by(step) {
            let mut changed = whole.clone();
            changed[index] ^= 1;
            fs::write(&path, &changed).unwrap();
            let read = history.follow_up_to(position, seq + 1, |_| Ok(())).await;
            let named = match read.unwrap_err() {
                HistoryError::Event { seq, .. } | HistoryError::Broken { seq, .. } => seq,
                error => panic!("byte {index} of event {seq}: {error}"),
            };
            assert!(
                (seq..=seq + 1).contains(&named),
                "byte {index} of event {seq}"
            );
        }
        fs::write(&path, &whole).unwrap();
        position = history
            .follow_up_to(position, seq, |_| Ok(()))
            .await
            .unwrap();
    }
    assert_eq!(
        registry.refresh().await.unwrap().position.seq,
        events.len() as u64
    );
}

/// What a later version wrote stops both readers and writers, and says which version it takes.
#[tokio::test]
async fn what_a_later_version_wrote_stops_it() {
    let (folder, registry) = recorded().await;
    let newest = registry.refresh().await.unwrap().position;
    let later = |kind: &str, format: u32| {
        let event = json!({
            "format": format,
            "needs": "9.8.7",
            "seq": newest.seq + 1,
            "id": Uuid::from_u128(5),
            "command": Uuid::from_u128(6),
            "at": newest.at,
            "by": "zoe",
            "prev": newest.hash,
            "kind": kind,
            "payload": {"to": "another world"},
        });
        fs::write(event_file(folder.path(), newest.seq + 1), event.to_string()).unwrap();
    };
    for (kind, format, expected) in [
        ("teleported", 1, "teleported"),
        (
            "published",
            2,
            "it is of format 2; this build reads formats up to 1",
        ),
    ] {
        later(kind, format);
        for registry in [
            registry.clone(),
            Registry::open(registry.store().clone()).await.unwrap(),
        ] {
            let read = told(&registry.refresh().await.unwrap_err());
            assert!(
                read.contains(&format!("event {}", newest.seq + 1)),
                "{read}"
            );
            assert!(read.contains(expected), "{read}");
            assert!(read.ends_with("use Radpack 9.8.7 or later"), "{read}");
            let rule = yank("colors@1.0.0");
            let written = registry
                .carry_out(&Caller::new("ann"), &Command::new("ann"), &rule)
                .await;
            let Err(CommitError::History(error)) = written else {
                panic!("{written:?}");
            };
            assert_eq!(told(&error), read);
            // What came before can be read as before.
            assert!(registry.at(newest.seq).await.is_ok());
        }
    }
}
