//! What travels: the JSON of requests, and what of them the registry finds out itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use radpack_registry::rules::{
    ChangeRollout, ChangeSetting, DiscardDraft, Promote, RecordConsumer, ReleaseVersions,
    ResetDraft, RevokeToken, Rollback, SetPolicy, Yank,
};
use radpack_registry::state::fact::{Follows, RolloutAction};
use radpack_registry::state::policy::{PolicyChange, Releasing};
use radpack_registry::state::token::{Right, Token};
use radpack_registry::{NewToken, OpenDraft, Plan, Request, RevertTo, Stage, Uuid};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A request with this JSON, exactly and back; the shortest one that means the same.
fn pinned<R: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Into<Request>>(
    request: R,
    text: &str,
) {
    assert_eq!(serde_json::to_string(&request).unwrap(), text);
    assert_eq!(serde_json::from_str::<R>(text).unwrap(), request, "{text}");
    let sent: Request = request.clone().into();
    assert_eq!(serde_json::to_string(&sent).unwrap(), text);
    let mut unknown: serde_json::Value = serde_json::from_str(text).unwrap();
    unknown["foo"] = true.into();
    let refused = serde_json::from_value::<R>(unknown).unwrap_err();
    assert!(refused.to_string().contains("foo"), "{refused}");
}

#[test]
fn releases_travel() {
    let release: ReleaseVersions = serde_json::from_str(r#"{"versions":["shapes@1.1"]}"#).unwrap();
    pinned(
        release.clone(),
        r#"{"versions":["shapes@1.1.0"],"channel":"release"}"#,
    );
    pinned(
        ReleaseVersions {
            versions: vec!["@acme/a#7".parse().unwrap(), "b".parse().unwrap()],
            channel: "staging".to_owned(),
            name: Some("spring".to_owned()),
            plan: Some(Plan::Percent(10)),
            force: Some("they know".to_owned()),
        },
        r#"{"versions":["@acme/a#7","b"],"channel":"staging","name":"spring","plan":{"percent":10},"force":"they know"}"#,
    );
    pinned(
        ReleaseVersions {
            plan: Some(Plan::Over(7200)),
            ..release.clone()
        },
        r#"{"versions":["shapes@1.1.0"],"channel":"release","plan":{"over":7200}}"#,
    );
    pinned(
        ReleaseVersions {
            plan: Some(Plan::Stages(vec![Stage {
                percent: 10,
                seconds: 60,
            }])),
            ..release
        },
        r#"{"versions":["shapes@1.1.0"],"channel":"release","plan":{"stages":[{"percent":10,"seconds":60}]}}"#,
    );
    let promote = r#"{"packages":["shapes"],"from":"staging"}"#;
    pinned(
        serde_json::from_str::<Promote>(promote).unwrap(),
        r#"{"packages":["shapes"],"from":"staging","to":"release"}"#,
    );
    for (action, text) in [
        (RolloutAction::Set(30), r#"{"set":30}"#),
        (RolloutAction::Pause, r#""pause""#),
        (RolloutAction::Resume, r#""resume""#),
        (RolloutAction::Promote, r#""promote""#),
        (RolloutAction::Abort, r#""abort""#),
    ] {
        let change = ChangeRollout {
            line: "shapes@1".parse().unwrap(),
            channel: "release".to_owned(),
            action,
            force: None,
        };
        pinned(
            change,
            &format!(r#"{{"line":"shapes@1","channel":"release","action":{text}}}"#),
        );
    }
}

#[test]
fn what_takes_back_travels() {
    pinned(
        Rollback {
            line: "shapes".parse().unwrap(),
            channel: "release".to_owned(),
            to: Some("3".to_owned()),
            force: None,
        },
        r#"{"line":"shapes","channel":"release","to":"3"}"#,
    );
    pinned(
        RevertTo {
            to: 7,
            package: Some("shapes".to_owned()),
            force: None,
        },
        r#"{"to":7,"package":"shapes"}"#,
    );
    pinned(
        Yank {
            version: "shapes@1".parse().unwrap(),
            reason: "it leaks".to_owned(),
            force: None,
        },
        r#"{"version":"shapes@1.0.0","reason":"it leaks"}"#,
    );
}

#[test]
fn policies_and_settings_travel() {
    pinned(
        SetPolicy {
            package: "shapes".to_owned(),
            change: PolicyChange {
                keep_minors: Some(true),
                releases: Some(Releasing::ForwardOnly),
                increasing: Some(false),
            },
            force: None,
        },
        r#"{"package":"shapes","change":{"keepMinors":true,"releases":"forward-only","increasing":false}}"#,
    );
    pinned(ChangeSetting { base_url: None }, r#"{"baseUrl":null}"#);
    let nothing = serde_json::from_str::<ChangeSetting>("{}").unwrap_err();
    assert!(nothing.to_string().contains("baseUrl"), "{nothing}");
}

#[test]
fn drafts_travel() {
    pinned(
        OpenDraft {
            draft: "mine".to_owned(),
            package: Some("shapes".to_owned()),
            from: Some("shapes@1".parse().unwrap()),
        },
        r#"{"draft":"mine","package":"shapes","from":"shapes@1.0.0"}"#,
    );
    pinned(
        OpenDraft {
            draft: "mine".to_owned(),
            package: None,
            from: Some("draft:other".parse().unwrap()),
        },
        r#"{"draft":"mine","from":"draft:other"}"#,
    );
    pinned(
        ResetDraft {
            draft: "mine".to_owned(),
            to: 2,
            based_on: None,
        },
        r#"{"draft":"mine","to":2}"#,
    );
    pinned(
        DiscardDraft {
            draft: "mine".to_owned(),
            based_on: None,
        },
        r#"{"draft":"mine"}"#,
    );
}

#[test]
fn people_travel() {
    pinned(
        RecordConsumer {
            consumer: "shop".to_owned(),
            pins: Some(BTreeSet::from(["shapes@1".to_owned()])),
            follow: BTreeMap::from([("shapes".to_owned(), Follows::Latest)]),
            production: Some(true),
        },
        r#"{"consumer":"shop","pins":["shapes@1"],"follow":{"shapes":"latest"},"production":true}"#,
    );
    let least: RecordConsumer = serde_json::from_str(r#"{"consumer":"shop"}"#).unwrap();
    pinned(least, r#"{"consumer":"shop"}"#);
    let everything: NewToken =
        serde_json::from_str(r#"{"holder":"ci","rights":["publish"]}"#).unwrap();
    pinned(
        everything.clone(),
        r#"{"holder":"ci","rights":["publish"],"packages":["*"]}"#,
    );
    pinned(
        NewToken {
            rights: BTreeSet::from([Right::Read, Right::Release]),
            packages: BTreeSet::from(["@acme/*".to_owned()]),
            expires: Some("2030-01-01T00:00:00Z".parse().unwrap()),
            digest: Some(Token::digest("opensesame")),
            ..everything
        },
        &format!(
            r#"{{"holder":"ci","rights":["read","release"],"packages":["@acme/*"],"expires":"2030-01-01T00:00:00Z","digest":"{}"}}"#,
            Token::digest("opensesame")
        ),
    );
    pinned(
        RevokeToken { token: Uuid::nil() },
        r#"{"token":"00000000-0000-0000-0000-000000000000"}"#,
    );
}

#[test]
fn what_cannot_be_read_says_why() {
    for (text, why) in [
        (
            r#"{"versions":["shapes@^1"]}"#,
            "names no version: \"^1\" is no version",
        ),
        (r#"{"versions":["Sha pes"]}"#, "package name"),
        (r#"{"versions":"shapes"}"#, "sequence"),
        (r#"{}"#, "versions"),
    ] {
        let refused = serde_json::from_str::<ReleaseVersions>(text).unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
}
