//! Consumers, drafts and tokens.

use std::collections::{BTreeMap, BTreeSet};

use radpack_registry::rules::{
    CreateDraft, CreateToken, DiscardDraft, DraftBase, DraftSource, RecordConsumer, RevokeToken,
    SaveDraft, VersionPick,
};
use radpack_registry::state::fact::{Follows, OfDraft, SourceFile};
use radpack_registry::state::token::{Right, Token};
use radpack_registry::{
    Caller, Command, CommitError, Follow, ManifestQuery, Refusal, RefusalKind, Uuid,
};

use crate::support::{Bench, contents, publish, served_to, set, source, version};

#[tokio::test]
async fn a_consumer_follows_latest_where_nothing_was_released_when_it_began() {
    let bench = Bench::new().await;
    bench.publish("shapes", Some("1.0.0")).await;
    bench.release_each("colors", &["1.0.0"]).await;
    let record = |pins: Option<BTreeSet<String>>, follow: &[(&str, Follows)]| RecordConsumer {
        consumer: "shop".to_owned(),
        pins,
        follow: follow
            .iter()
            .map(|(name, it)| ((*name).to_owned(), *it))
            .collect(),
        production: None,
    };
    bench
        .done(&record(Some(set(["shapes@^1", "colors@^1"])), &[]))
        .await;
    bench.nothing(&record(None, &[])).await;
    bench.release(&["shapes@1.0.0"]).await;
    bench.publish("shapes", Some("1.0.1")).await;
    bench.publish("colors", Some("1.0.1")).await;
    let query = ManifestQuery {
        of: Follow::Consumer("shop".to_owned()),
        ..ManifestQuery::default()
    };
    let both = async || {
        let moment = bench.moment().await;
        let [one, other] = ["shapes", "colors"].map(|it| served_to(&moment, &query, it));
        format!("{one} {other}")
    };
    assert_eq!(both().await, "1.0.1 1.0.0");
    // It stays so, also while it uses it no longer, until it is changed.
    bench.done(&record(Some(set(["colors@^1"])), &[])).await;
    bench
        .done(&record(Some(set(["colors@^1", "shapes@^1"])), &[]))
        .await;
    assert_eq!(both().await, "1.0.1 1.0.0");
    bench
        .done(&record(None, &[("shapes", Follows::Release)]))
        .await;
    assert_eq!(both().await, "1.0.0 1.0.0");
    bench
        .refused(&record(None, &[("lines", Follows::Latest)]))
        .await;
    bench.refused(&record(Some(set(["@"])), &[])).await;
}

#[tokio::test]
async fn a_save_based_on_an_older_revision_is_refused() {
    let bench = Bench::new().await;
    let save = |base: u64, put: &[(&str, &str)], remove: &[&str]| SaveDraft {
        draft: "mine".to_owned(),
        opened: None,
        base,
        put: put
            .iter()
            .map(|(path, text)| ((*path).to_owned(), source(text)))
            .collect(),
        remove: remove.iter().map(|path| (*path).to_owned()).collect(),
        message: None,
    };
    bench.publish("shapes", None).await;
    let pick: VersionPick = "shapes@1.0.0".parse().unwrap();
    let files = BTreeMap::from([("index.js".to_owned(), source("one"))]);
    let create = CreateDraft {
        draft: "mine".to_owned(),
        package: "shapes".to_owned(),
        from: DraftSource::Version(pick, files),
    };
    bench.done(&create).await;
    bench.refused(&create).await;
    bench.done(&save(1, &[("a.js", "a")], &[])).await;
    let refused = bench.refused(&save(1, &[("b.js", "b")], &[])).await;
    assert!(
        refused.starts_with("revision 1 of mine is not the newest: ann "),
        "{refused}"
    );
    assert!(refused.contains("changing a.js"), "{refused}");
    for (base, put, remove) in [
        (0, &[("b.js", "b")][..], &[][..]),
        (3, &[("b.js", "b")], &[]),
        (2, &[], &["none.js"]),
        (2, &[("../b.js", "b")], &[]),
        // No checkout could write them.
        (2, &[("b c.js", "b")], &[]),
        (2, &[(".git/hooks/post-checkout", "b")], &[]),
        // Both to be there and not.
        (2, &[("a.js", "a")], &["a.js"]),
        // A file where another one needs a folder.
        (2, &[("a.js/b.js", "b")], &[]),
        (2, &[("c", "c"), ("c/d", "d")], &[]),
    ] {
        bench.refused(&save(base, put, remove)).await;
    }
    bench.nothing(&save(2, &[("a.js", "a")], &[])).await;
    bench.done(&save(2, &[], &["index.js"])).await;
    let state = bench.moment().await.state;
    let (_, draft) = state.draft("mine").unwrap();
    let files: Vec<Vec<String>> = (1..=3)
        .map(|it| draft.files(it).unwrap().into_keys().collect())
        .collect();
    assert_eq!(
        files,
        [vec!["index.js"], vec!["a.js", "index.js"], vec!["a.js"]]
    );
    assert_eq!(draft.base, Some(version("1.0.0")));
    let opened = draft.opened();

    // Another draft of the same name, as far on: what was based on the first one is not saved in it.
    bench
        .done(&DiscardDraft {
            draft: "mine".to_owned(),
            based_on: None,
        })
        .await;
    bench.done(&create).await;
    bench.done(&save(1, &[("x.js", "x")], &[])).await;
    bench.done(&save(2, &[("y.js", "y")], &[])).await;
    let of_the_first = SaveDraft {
        opened,
        ..save(3, &[("z.js", "z")], &[])
    };
    let refused = bench.refused(&of_the_first).await;
    assert!(refused.contains("was discarded"), "{refused}");
    let state = bench.moment().await.state;
    let opened = state.draft("mine").unwrap().1.opened();
    bench
        .done(&SaveDraft {
            opened,
            ..of_the_first
        })
        .await;

    // Whoever publishes what they have looked at does not publish what another saved while it was built.
    let mut looked_at = publish("shapes", None, contents("new", &["circle"], &[]));
    looked_at.builds[0].of = Some(OfDraft {
        draft: "mine".to_owned(),
        revision: 3,
    });
    looked_at.builds[0].based_on = Some(DraftBase {
        opened,
        revision: 3,
    });
    let refused = bench.refused(&looked_at).await;
    assert!(refused.contains("mine"), "{refused}");
    looked_at.builds[0].based_on = None;
    bench.done(&looked_at).await;
}

#[tokio::test]
async fn a_draft_is_no_larger_than_what_is_published_may_be() {
    let bench = Bench::new().await;
    bench
        .done(&CreateDraft {
            draft: "mine".to_owned(),
            package: "shapes".to_owned(),
            from: DraftSource::Empty,
        })
        .await;
    let save = |base: u64, files: usize, bytes: u64, remove: &[&str]| SaveDraft {
        draft: "mine".to_owned(),
        opened: None,
        base,
        put: (0..files)
            .map(|number| {
                (
                    format!("{number}.js"),
                    SourceFile {
                        bytes,
                        ..source("")
                    },
                )
            })
            .collect(),
        remove: remove.iter().map(|path| (*path).to_owned()).collect(),
        message: None,
    };
    let half = 1 << 29;
    for (files, bytes) in [(1, 2 * half + 1), (3, half), (2, u64::MAX), (20_001, 0)] {
        let refused = bench.refused(&save(1, files, bytes, &[])).await;
        assert!(refused.contains("is too large"), "{refused}");
    }
    bench.done(&save(1, 2, half, &[])).await;
    // What is there counts, unless it is replaced, or goes.
    let more = |remove: &[&str]| SaveDraft {
        put: BTreeMap::from([("more.js".to_owned(), source("x"))]),
        ..save(2, 0, 0, remove)
    };
    let refused = bench.refused(&more(&[])).await;
    assert!(refused.contains("is too large"), "{refused}");
    bench.done(&more(&["0.js"])).await;
    bench.done(&save(3, 2, half - 1, &[])).await;
}

fn token(number: u128, secret: &str, rights: &[Right], packages: &str) -> CreateToken {
    CreateToken {
        token: Uuid::from_u128(number),
        secret: Token::digest(secret),
        holder: secret.to_owned(),
        rights: rights.iter().copied().collect(),
        packages: set([packages]),
        expires: None,
    }
}

fn with_token(secret: &str) -> Caller {
    Caller {
        name: "nobody".to_owned(),
        token: Some(secret.to_owned()),
    }
}

fn denied<T: std::fmt::Debug>(carried: Result<T, CommitError>) -> Refusal {
    match carried {
        Err(CommitError::Refused(refusal)) if refusal.kind() == RefusalKind::Denied => refusal,
        other => panic!("it was to be denied: {other:?}"),
    }
}

/// Nobody has to say which token they make another with: it is the one that they send.
#[tokio::test]
async fn a_token_grants_nothing_beyond_its_makers() {
    let bench = Bench::new().await;
    bench
        .done(&token(1, "ben", &[Right::Publish], "@acme/*"))
        .await;
    let ben = with_token("ben");
    let make = async |rule: CreateToken| {
        let command = Command::new("");
        bench.registry.carry_out(&ben, &command, &rule).await
    };
    denied(make(token(2, "eve", &[Right::Admin], "*")).await);
    denied(make(token(2, "eve", &[Right::Publish], "*")).await);
    denied(make(token(2, "eve", &[Right::Release], "@acme/x")).await);
    make(token(2, "cyd", &[Right::Publish], "@acme/x*"))
        .await
        .unwrap();
}

/// One that took the place of another would change what that one is good for.
#[tokio::test]
async fn a_token_takes_no_others_place() {
    let bench = Bench::new().await;
    bench.done(&token(1, "ann", &[Right::Admin], "*")).await;
    for taken in [
        token(1, "eve", &[Right::Read], "*"),
        CreateToken {
            holder: "eve".to_owned(),
            ..token(2, "ann", &[Right::Read], "*")
        },
    ] {
        let refused = bench.refused(&taken).await;
        assert!(refused.starts_with("there is a token "), "{refused}");
    }
    let state = bench.moment().await.state;
    assert!(
        state
            .token_with("ann")
            .unwrap()
            .rights
            .contains(&Right::Admin)
    );
}

/// Who sends a command again is told what it came to; who sends another's is not, nor whoever may nothing any more.
#[tokio::test]
async fn anothers_command_is_not_told() {
    let bench = Bench::new().await;
    bench.done(&token(1, "ann", &[Right::Publish], "*")).await;
    bench.done(&token(2, "eve", &[Right::Read], "x")).await;
    let command = Command::new("");
    let rule = publish("shapes", None, contents("one", &["a"], &[]));
    let send = async |secret: &str| {
        let again = Command::again(command.id, "");
        let caller = with_token(secret);
        bench.registry.carry_out(&caller, &again, &rule).await
    };
    send("ann").await.unwrap();
    send("ann").await.unwrap();
    denied(send("eve").await);
    bench
        .done(&RevokeToken {
            token: Uuid::from_u128(1),
        })
        .await;
    denied(send("ann").await);
}
