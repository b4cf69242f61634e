//! What can be typed at the commands of a registry.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use radpack_registry::rules::Origin;
use radpack_registry::state::fact::Follows;
use radpack_registry::state::policy::{PolicyChange, Releasing};
use radpack_registry::state::token::Right;
use radpack_registry::{Plan, Refusal};

use super::draft::DraftAction;
use super::reading::ConsumerAction;
use super::{Arguments, Command, Publish, RolloutAction, SettingChange, TokenAction};
use crate::source::Source;

/// What was typed, in words; a part in quotes may have spaces.
fn parse(line: &str) -> Result<Command, clap::Error> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().collect::<Vec<_>>(),
        _ => vec![part],
    });
    let words = ["radpack"].into_iter().chain(words);
    super::parse(words.map(Into::into)).map(|arguments| arguments.command)
}

/// Parses a line, and hands out what its command has.
macro_rules! typed {
    ($command:ident, $line:expr) => {
        match parse($line) {
            Ok(Command::$command(arguments)) => arguments,
            other => panic!("{}: {other:?}", $line),
        }
    };
}

fn package<P: FromStr<Err = Refusal>>(text: &str) -> P {
    text.parse().unwrap()
}

#[test]
fn every_command_says_where_the_registry_is() {
    let program = Arguments::command();
    let without = ["select", "completions", "man"];
    for command in program.get_subcommands() {
        if without.contains(&command.get_name()) {
            continue;
        }
        let leaves: Vec<_> = match command.has_subcommands() {
            true => command.get_subcommands().collect(),
            false => vec![command],
        };
        for leaf in leaves {
            for id in ["store", "token"] {
                let found = leaf.get_arguments().any(|argument| argument.get_id() == id);
                assert!(found, "{} {}: {id}", command.get_name(), leaf.get_name());
            }
        }
    }
}

#[test]
fn access_goes_with_any_command() {
    let init = typed!(Init, "init --store ./store --token abc");
    assert_eq!(init.access.store.as_deref(), Some("./store"));
    assert_eq!(init.access.token.unwrap().0, "abc");
    let id = "0198a000-0000-7000-8000-000000000001";
    let yank = typed!(
        Yank,
        &format!("yank a@1.2.3 --reason \"no good\" --command {id}")
    );
    assert_eq!(yank.writing.id.unwrap().to_string(), id);
    assert_eq!(
        (yank.package, &*yank.reason),
        (package("a@1.2.3"), "no good")
    );
    assert!(yank.force.force.is_none() && yank.writing.access.store.is_none());
}

#[test]
fn publishing() {
    let line = "publish shapes colors --version 1.2 --message \"first try\" --allow-breaking \"nobody uses it\" \
                --release --register registry:latest --register r.json --entry x=./x.js --external react";
    let Publish {
        folders,
        publishing,
        writing,
    } = *typed!(Publish, line);
    assert_eq!(folders, ["shapes", "colors"].map(PathBuf::from));
    assert_eq!(publishing.version, Some(semver::Version::new(1, 2, 0)));
    assert_eq!(publishing.message.as_deref(), Some("first try"));
    assert_eq!(publishing.allow_breaking.as_deref(), Some("nobody uses it"));
    assert!(publishing.release);
    assert_eq!(
        publishing.registers,
        [
            Source::Registry("latest".to_owned()),
            Source::File("r.json".into())
        ]
    );
    assert_eq!(publishing.entries, [("x".to_owned(), "./x.js".to_owned())]);
    assert_eq!(publishing.externals, ["react"]);
    assert!(writing.id.is_none());
}

#[test]
fn versions_are_listed_shown_compared_and_downloaded() {
    let versions = typed!(Versions, "versions @s/a --released");
    assert_eq!(
        (versions.name.as_deref(), versions.released),
        (Some("@s/a"), true)
    );
    assert_eq!(typed!(Versions, "versions").name, None);
    assert!(versions.access.store.is_none());
    assert_eq!(typed!(Show, "show a#7").package, package("a#7"));
    let diff = typed!(Diff, "diff a@1.0.0 a#3");
    assert_eq!((diff.from, diff.to), (package("a@1.0.0"), package("a#3")));
    let download = typed!(Download, "download a@1.0.0 out --sources");
    assert_eq!(download.package, package("a@1.0.0"));
    assert_eq!(
        (download.folder, download.sources),
        (PathBuf::from("out"), true)
    );
    for access in [
        typed!(Show, "show a --store s").access,
        typed!(Diff, "diff a@1 a@2 --store s").access,
        typed!(Download, "download a@1 d --store s").access,
    ] {
        assert_eq!(access.store.as_deref(), Some("s"));
    }
}

#[test]
fn a_release_rises_in_one_way() {
    for (line, plan) in [
        ("release a@1", None),
        ("release a@1 --percent 10%", Some(Plan::Percent(10))),
        ("release a@1 --over 2h", Plan::read_over("2h").ok()),
        (
            "release a@1 --stages 10%:30m,50%:1h",
            Plan::read_stages("10%:30m,50%:1h").ok(),
        ),
    ] {
        assert_eq!(typed!(Release, line).rise.plan(), plan, "{line}");
    }
    let release = typed!(
        Release,
        "release a@1 b#2 --channel staging --name spring --dry-run --force \"it must be\""
    );
    assert_eq!(release.packages, [package("a@1"), package("b#2")]);
    assert_eq!(release.channel.as_deref(), Some("staging"));
    assert_eq!(release.name.as_deref(), Some("spring"));
    assert_eq!(release.force.force.as_deref(), Some("it must be"));
    assert!(release.dry_run && release.writing.id.is_none());
}

#[test]
fn what_is_released_is_promoted_rolled_back_and_reverted() {
    let promote = typed!(
        Promote,
        "promote a @s/b --from staging --to release --force why"
    );
    assert_eq!(promote.names, ["a", "@s/b"]);
    assert_eq!(
        (&*promote.from, promote.to.as_deref()),
        ("staging", Some("release"))
    );
    assert!(promote.force.force.is_some() && promote.writing.id.is_none());

    let rollback = typed!(Rollback, "rollback a@1 --to spring --channel staging");
    assert_eq!(rollback.package, package("a@1"));
    assert_eq!(
        (rollback.to.as_deref(), rollback.channel.as_deref()),
        (Some("spring"), Some("staging"))
    );
    assert!(rollback.force.force.is_none() && rollback.writing.id.is_none());

    let restore = typed!(Restore, "restore a@1.0.0 --draft mine");
    assert_eq!(
        (restore.package, &*restore.draft),
        (package("a@1.0.0"), "mine")
    );
    assert!(restore.writing.id.is_none());

    let revert = typed!(Revert, "revert --to 12 a");
    assert_eq!((revert.to, revert.name.as_deref()), (12, Some("a")));
    assert!(revert.force.force.is_none() && revert.writing.id.is_none());
}

#[test]
fn rollouts_are_steered() {
    let of = |line: &str| match typed!(Rollout, line).action {
        RolloutAction::Set { percent, of } => (Some(percent), of),
        RolloutAction::Pause(of)
        | RolloutAction::Resume(of)
        | RolloutAction::Promote(of)
        | RolloutAction::Abort(of) => (None, of),
    };
    let (percent, set) = of("rollout set 25% a@1 --channel staging");
    assert_eq!((percent, set.package), (Some(25), package("a@1")));
    assert_eq!(set.channel.as_deref(), Some("staging"));
    for word in ["pause", "resume", "promote", "abort"] {
        let (percent, it) = of(&format!("rollout {word} a"));
        assert_eq!((percent, it.package), (None, package("a")), "{word}");
        assert!(it.writing.id.is_none());
    }
}

#[test]
fn drafts() {
    fn action(line: &str) -> DraftAction {
        typed!(Draft, line).action
    }
    for (line, from) in [
        ("draft create mine a", None),
        ("draft create mine a --from a@1.0.0", "a@1.0.0".parse().ok()),
        (
            "draft create mine a --from draft:other",
            Some(Origin::Draft("other".to_owned())),
        ),
    ] {
        match action(line) {
            DraftAction::Create(it) => {
                assert_eq!((&*it.draft, &*it.name, it.from), ("mine", "a", from));
                assert!(it.writing.id.is_none());
            }
            other => panic!("{other:?}"),
        }
    }
    match action("draft put mine src a.js --base 3 --message \"second try\"") {
        DraftAction::Put(it) => {
            assert_eq!(it.paths, ["src", "a.js"].map(PathBuf::from));
            assert_eq!(
                (&*it.draft, it.base, it.message.as_deref()),
                ("mine", Some(3), Some("second try"))
            );
            assert!(it.writing.id.is_none());
        }
        other => panic!("{other:?}"),
    }
    match action("draft rm mine a.js --base 3") {
        DraftAction::Rm(it) => {
            assert_eq!(
                (&*it.draft, it.paths, it.base),
                ("mine", vec![PathBuf::from("a.js")], Some(3))
            );
            assert!(it.writing.id.is_none());
        }
        other => panic!("{other:?}"),
    }
    for (line, revisions) in [
        ("draft diff mine", (None, None)),
        ("draft diff mine 2", (Some(2), None)),
        ("draft diff mine 2 5", (Some(2), Some(5))),
    ] {
        match action(line) {
            DraftAction::Diff(it) => {
                assert_eq!((&*it.draft, (it.from, it.to)), ("mine", revisions));
                assert!(it.access.store.is_none());
            }
            other => panic!("{other:?}"),
        }
    }
    match action("draft checkout mine work --revision 4") {
        DraftAction::Checkout(it) => {
            assert_eq!(
                (&*it.draft, it.folder, it.revision),
                ("mine", PathBuf::from("work"), Some(4))
            );
            assert!(it.access.store.is_none());
        }
        other => panic!("{other:?}"),
    }
    match action("draft publish mine --version 2.0.0 --release") {
        DraftAction::Publish(it) => {
            assert_eq!((&*it.draft, it.publishing.release), ("mine", true));
            assert!(it.writing.id.is_none());
        }
        other => panic!("{other:?}"),
    }
    match (
        action("draft list a"),
        action("draft show mine --revision 2"),
        action("draft reset mine 2"),
        action("draft discard mine"),
    ) {
        (
            DraftAction::List(list),
            DraftAction::Show(show),
            DraftAction::Reset(reset),
            DraftAction::Discard(discard),
        ) => {
            assert_eq!((list.name.as_deref(), list.access.store), (Some("a"), None));
            assert_eq!(
                (&*show.draft, show.revision, show.access.store),
                ("mine", Some(2), None)
            );
            assert_eq!(
                (&*reset.draft, reset.to, reset.writing.id),
                ("mine", 2, None)
            );
            assert_eq!((&*discard.draft, discard.writing.id), ("mine", None));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn consumers_and_tokens() {
    match typed!(
        Consumer,
        "consumer put shop app/package.json --production --follow a=latest --follow @s/b=release"
    )
    .action
    {
        ConsumerAction::Put(put) => {
            assert_eq!(
                (&*put.name, put.file),
                ("shop", Some("app/package.json".into()))
            );
            assert!(put.production && put.writing.id.is_none());
            assert_eq!(
                put.follows,
                [
                    ("a".to_owned(), Follows::Latest),
                    ("@s/b".to_owned(), Follows::Release)
                ]
            );
        }
        other => panic!("{other:?}"),
    }
    match (
        typed!(Consumer, "consumer list").action,
        typed!(Consumer, "consumer show shop").action,
    ) {
        (ConsumerAction::List(list), ConsumerAction::Show(show)) => {
            assert!(list.access.store.is_none() && show.access.store.is_none());
            assert_eq!(show.name, "shop");
        }
        other => panic!("{other:?}"),
    }
    match typed!(
        Token,
        "token create ci --right publish --right release --package @s/* --expires 90d"
    )
    .action
    {
        TokenAction::Create(create) => {
            assert_eq!(
                (&*create.holder, create.packages),
                ("ci", vec!["@s/*".to_owned()])
            );
            assert_eq!(create.rights, [Right::Publish, Right::Release]);
            assert_eq!(create.expires, Some(Duration::from_secs(90 * 86_400)));
            assert!(create.writing.id.is_none());
        }
        other => panic!("{other:?}"),
    }
    match (
        typed!(Token, "token list").action,
        typed!(Token, "token revoke t1").action,
    ) {
        (TokenAction::List(list), TokenAction::Revoke(revoke)) => {
            assert!(list.access.store.is_none() && revoke.writing.id.is_none());
            assert_eq!(revoke.token_id, "t1");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_past_is_read() {
    let history = typed!(History, "history a --since 0 --follow");
    assert_eq!(
        (history.name.as_deref(), history.since, history.follow),
        (Some("a"), Some(0), true)
    );
    assert!(history.access.store.is_none());

    let line = "manifest --channel latest --at 12 --cohort 7 --with a@1 --with draft:mine --var baseUrl=https://x --out r.json";
    let manifest = typed!(Manifest, line);
    assert_eq!(
        (manifest.channel.as_deref(), manifest.consumer),
        (Some("latest"), None)
    );
    assert_eq!(
        (manifest.at.as_deref(), manifest.cohort),
        (Some("12"), "7".parse().ok())
    );
    assert_eq!(
        manifest.with,
        ["a@1".parse().unwrap(), Origin::Draft("mine".to_owned())]
    );
    assert_eq!(
        manifest.vars,
        [("baseUrl".to_owned(), "https://x".to_owned())]
    );
    assert_eq!(
        (manifest.out, manifest.access.store),
        (Some("r.json".into()), None)
    );
    let manifest = typed!(Manifest, "manifest --consumer shop --key k");
    assert_eq!(
        (manifest.consumer.as_deref(), manifest.key.as_deref()),
        (Some("shop"), Some("k"))
    );

    let bisect = typed!(Bisect, "bisect a --good 3 --bad 40 --run \"npm test\"");
    assert_eq!(
        (&*bisect.name, bisect.good, bisect.bad, &*bisect.run),
        ("a", 3, 40, "npm test")
    );
    assert!(bisect.access.store.is_none());
}

#[test]
fn the_whole_registry_is_cared_for() {
    let policy = typed!(
        Policy,
        "policy a keep-minors=on releases=forward-only numbering=increasing"
    );
    assert_eq!(policy.name, "a");
    assert_eq!(
        policy.changes,
        [
            PolicyChange {
                keep_minors: Some(true),
                ..PolicyChange::default()
            },
            PolicyChange {
                releases: Some(Releasing::ForwardOnly),
                ..PolicyChange::default()
            },
            PolicyChange {
                increasing: Some(true),
                ..PolicyChange::default()
            },
        ]
    );
    assert!(policy.force.force.is_none() && policy.writing.id.is_none());

    let setting = typed!(Setting, "setting base-url=https://cdn.example/p");
    let url = "https://cdn.example/p".parse().unwrap();
    assert_eq!(setting.changes, [SettingChange::BaseUrl(Some(url))]);
    assert_eq!(
        typed!(Setting, "setting base-url=").changes,
        [SettingChange::BaseUrl(None)]
    );
    assert!(setting.writing.id.is_none());

    let backup = typed!(Backup, "backup b2 --base b1");
    assert_eq!((backup.file, backup.base), ("b2".into(), Some("b1".into())));
    let restore = typed!(RestoreBackup, "restore-backup b1 b2");
    assert_eq!(restore.files, ["b1", "b2"].map(PathBuf::from));
    let import = typed!(Import, "import b1 a @s/b");
    assert_eq!(
        (import.file, import.names),
        ("b1".into(), vec!["a".to_owned(), "@s/b".to_owned()])
    );
    assert!(backup.access.store.is_none() && restore.access.store.is_none());
    assert!(typed!(Verify, "verify").access.store.is_none());
    assert!(typed!(Gc, "gc").writing.id.is_none() && import.writing.id.is_none());
}

#[test]
fn what_contradicts_or_lacks_something_is_refused() {
    for (line, kind) in [
        ("publish", ErrorKind::MissingRequiredArgument),
        ("publish a --channel staging", ErrorKind::UnknownArgument),
        ("publish a --version latest", ErrorKind::ValueValidation),
        ("publish a --message \"\"", ErrorKind::ValueValidation),
        ("versions a@1", ErrorKind::ValueValidation),
        ("download a out", ErrorKind::ValueValidation),
        ("release a", ErrorKind::ValueValidation),
        (
            "release a@1 --percent 10 --over 2h",
            ErrorKind::ArgumentConflict,
        ),
        (
            "release a@1 --over 2h --stages 10%:1h",
            ErrorKind::ArgumentConflict,
        ),
        ("release a@1 --percent 101", ErrorKind::ValueValidation),
        ("release a@1 --over 2x", ErrorKind::ValueValidation),
        ("release a@1 --force \" \"", ErrorKind::ValueValidation),
        ("promote a", ErrorKind::MissingRequiredArgument),
        ("rollout set a", ErrorKind::ValueValidation),
        ("rollout set 5", ErrorKind::MissingRequiredArgument),
        ("rollout pause a#7", ErrorKind::ValueValidation),
        ("restore a@1", ErrorKind::MissingRequiredArgument),
        ("revert a", ErrorKind::MissingRequiredArgument),
        ("revert --to x", ErrorKind::ValueValidation),
        ("yank a@1", ErrorKind::MissingRequiredArgument),
        (
            "yank a@1 --reason r --command x",
            ErrorKind::ValueValidation,
        ),
        (
            "show a --command 0198a000-0000-7000-8000-000000000001",
            ErrorKind::UnknownArgument,
        ),
        ("show a --token \"\"", ErrorKind::ValueValidation),
        ("draft put mine", ErrorKind::MissingRequiredArgument),
        ("draft diff mine 1 2 3", ErrorKind::UnknownArgument),
        ("draft reset mine", ErrorKind::MissingRequiredArgument),
        (
            "consumer put shop --follow a=staging",
            ErrorKind::ValueValidation,
        ),
        ("token create ci", ErrorKind::MissingRequiredArgument),
        (
            "token create ci --right everything",
            ErrorKind::ValueValidation,
        ),
        (
            "token create ci --right read --expires 90",
            ErrorKind::ValueValidation,
        ),
        (
            "manifest --channel latest --consumer shop",
            ErrorKind::ArgumentConflict,
        ),
        ("manifest --cohort 1 --key k", ErrorKind::ArgumentConflict),
        ("manifest --cohort 100", ErrorKind::ValueValidation),
        (
            "bisect a --good 1 --bad 2",
            ErrorKind::MissingRequiredArgument,
        ),
        ("policy a releases=never", ErrorKind::ValueValidation),
        ("setting colour=red", ErrorKind::ValueValidation),
        ("setting base-url=ftp://x", ErrorKind::ValueValidation),
        ("restore-backup", ErrorKind::MissingRequiredArgument),
    ] {
        assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
    }
}

#[test]
fn a_token_is_not_shown() {
    let typed = parse("show a --token opensesame").unwrap();
    assert!(!format!("{typed:?}").contains("opensesame"));
}
