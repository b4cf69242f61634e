//! Drafts of what is published from folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use radpack_registry::rules::{CreateDraft, DraftSource, SaveDraft, VersionPick};
use radpack_registry::state::fact::SourceFile;
use radpack_registry::{Command, PublishOptions, Registry, Uploads};

use crate::store::{memory, sound};
use crate::work::{Work, ann, newest, plain, rollback};

/// Its package.json states the number of the version that was returned to, which is taken.
#[tokio::test]
async fn a_draft_of_what_a_rollback_made_gets_the_next_number() {
    let (registry, _) = Registry::init(sound(&memory())).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (number, text) in [("1.0.0", "one"), ("1.0.1", "two")] {
        let json = format!(r#"{{"name":"shapes","version":"{number}","exports":"./index.js"}}"#);
        fs::write(folder.path().join("package.json"), json).unwrap();
        let module = format!("export const it = '{text}';\n");
        fs::write(folder.path().join("index.js"), module).unwrap();
        let mut options = PublishOptions::default();
        options.release = true;
        let folders = [folder.path().to_owned()];
        registry
            .publish(&ann(), &Command::new("ann"), &folders, &options)
            .await
            .unwrap();
    }
    rollback("shapes").run(&registry).await;
    let moment = registry.refresh().await.unwrap();
    let pick: VersionPick = "shapes@1.0.2".parse().unwrap();
    let contents = moment.state.pick(&pick).unwrap().1.contents.clone();
    let sources = registry.sources("shapes", &contents).await.unwrap();
    plain(CreateDraft {
        draft: "mine".to_owned(),
        package: "shapes".to_owned(),
        from: DraftSource::Version(pick, sources),
    })
    .run(&registry)
    .await;
    let mut uploads = Uploads::default();
    let text = "export const it = 'three';\n";
    let file = SourceFile {
        sha256: uploads.add(text),
        bytes: text.len() as u64,
    };
    let rule = SaveDraft {
        draft: "mine".to_owned(),
        base: 1,
        opened: None,
        put: BTreeMap::from([("index.js".to_owned(), file)]),
        remove: BTreeSet::new(),
        message: None,
    };
    Work { rule, uploads }.run(&registry).await;
    let options = PublishOptions::default();
    registry
        .publish_draft(&ann(), &Command::new("ann"), "mine", &options)
        .await
        .unwrap();
    assert_eq!(newest(&registry, "shapes").await.to_string(), "1.0.3");
}
