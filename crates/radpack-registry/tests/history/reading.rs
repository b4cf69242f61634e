//! Beginning, reading, and what is found when someone has meddled.

use std::fs;

use radpack_registry::{Command, CommitError, History, HistoryError, Ledger, Store};

use crate::support::{Bank, add, read_anew};

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

#[tokio::test]
async fn a_registry_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a/registry");
    let store = Store::open(place.to_str().unwrap()).unwrap();
    let missing = History::open(store.clone()).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!(
            "there is no registry in {}: make one with `radpack init`",
            place.display()
        )
    );
    let first = History::init(store.clone()).await.unwrap();
    let again = History::init(store.clone()).await.unwrap();
    assert!(first.is_new && !again.is_new);
    assert_eq!(first.history.id(), again.history.id());
    assert_eq!(first.history.beginning(), again.history.beginning());
    let names: Vec<_> = fs::read_dir(&place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    // What the probe wrote is gone, but for the folder.
    assert!(names.contains(&"format.json".into()), "{names:?}");
    assert!(!place.join("events").exists());
    let left = fs::read_dir(place.join("probes")).into_iter().flatten();
    for probe in left {
        assert_eq!(fs::read_dir(probe.unwrap().path()).unwrap().count(), 0);
    }
    // By its URL it is the same.
    let url = url::Url::from_directory_path(&place).unwrap();
    let by_url = History::open(Store::open(url.as_str()).unwrap()).await;
    assert_eq!(by_url.unwrap().id(), first.history.id());
}

#[tokio::test]
async fn many_that_make_a_registry_at_once_have_the_same_one() {
    let store = Store::in_memory();
    let made: Vec<_> = (0..16)
        .map(|_| tokio::spawn(History::init(store.clone())))
        .collect();
    let mut ids = Vec::new();
    let mut new = 0;
    for made in made {
        let made = made.await.unwrap().unwrap();
        new += usize::from(made.is_new);
        ids.push(made.history.id());
    }
    ids.dedup();
    assert_eq!((new, ids.len()), (1, 1));
}

#[tokio::test]
async fn what_a_later_version_made_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path()).unwrap();
    let format = folder.path().join("format.json");
    fs::write(&format, r#"{"format":9,"needs":"7.0.0","x":[]}"#).unwrap();
    let error = History::init(store.clone()).await.unwrap_err();
    assert!(
        error.to_string().ends_with(
            "is of format 9; this build knows formats up to 1: use Radpack 7.0.0 or later"
        ),
        "{error}"
    );
    fs::write(&format, "not JSON").unwrap();
    let error = History::open(store).await.unwrap_err();
    assert!(matches!(error, HistoryError::Format { .. }), "{error}");
}

#[tokio::test]
async fn events_are_read_in_order_from_anywhere() {
    let history = History::init(Store::in_memory()).await.unwrap().history;
    let mut ledger = Ledger::<Bank>::default();
    let mut positions = vec![history.beginning()];
    for number in 0..100u32 {
        let account = format!("a{}", number % 3);
        let committed = add(&history, &mut ledger, &Command::new("ann"), &account)
            .await
            .unwrap();
        assert!(!committed.repeated);
        assert_eq!(committed.recorded.event.seq, u64::from(number) + 1);
        assert_eq!(committed.recorded.event.by, "ann");
        positions.push(ledger.position().unwrap());
    }
    for from in [0, 1, 37, 99, 100] {
        let mut seen = Vec::new();
        let end = history
            .follow(positions[from], |recorded| {
                seen.push(recorded.event.seq);
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(end, positions[100]);
        let expected: Vec<u64> = (from as u64 + 1..=100).collect();
        assert_eq!(seen, expected);
    }
    let anew = read_anew(&history).await;
    assert_eq!(anew.state(), ledger.state());
    assert_eq!(anew.position(), ledger.position());
    assert_eq!(history.event(101).await.unwrap(), None);
}

#[tokio::test]
async fn a_refusal_leaves_no_event() {
    let history = History::init(Store::in_memory()).await.unwrap().history;
    let mut ledger = Ledger::default();
    let error = add(&history, &mut ledger, &Command::new("ann"), "closed")
        .await
        .unwrap_err();
    assert!(matches!(error, CommitError::Refused(_)), "{error:?}");
    assert_eq!(error.to_string(), "this account is closed");
    assert_eq!(history.event(1).await.unwrap(), None);
}

#[tokio::test]
async fn a_command_is_carried_out_once() {
    let history = History::init(Store::in_memory()).await.unwrap().history;
    let (one, other) = (Command::new("ann"), Command::new("ben"));
    let mut ledger = Ledger::default();
    let first = add(&history, &mut ledger, &one, "a").await.unwrap();
    add(&history, &mut ledger, &other, "a").await.unwrap();
    for ledger in [&mut ledger, &mut Ledger::default()] {
        let again = add(&history, ledger, &one, "a").await.unwrap();
        assert!(again.repeated);
        assert_eq!(again.recorded, first.recorded);
    }
    assert_eq!(read_anew(&history).await.state().0["a"], 2);
}

#[tokio::test]
async fn a_changed_history_shows() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::init(Store::folder(folder.path()).unwrap())
        .await
        .unwrap()
        .history;
    let mut ledger = Ledger::default();
    for _ in 0..5 {
        add(&history, &mut ledger, &Command::new("ann"), "a")
            .await
            .unwrap();
    }
    let event = |seq: u64| folder.path().join(format!("events/{seq:020}.json"));
    let three = fs::read_to_string(event(3)).unwrap();
    let meddled = [
        (
            three.replace("\"ann\"", "\"eve\""),
            "the history is broken at event 4: what is before it is not what was there when it was written",
        ),
        (
            fs::read_to_string(event(2)).unwrap(),
            "the history is broken at event 3: it says that its number is another",
        ),
        (
            three[..40].to_owned(),
            "event 3 cannot be read: it is no event: ",
        ),
        (String::new(), "event 3 cannot be read: it is no event: "),
        (
            three.replace(
                "{\"format\":1,\"needs\":\"0.1.0\"",
                "{\"format\":4,\"needs\":\"0.9.0\"",
            ),
            "event 3 cannot be read: it is of format 4; this build reads formats up to 1: use Radpack 0.9.0 or later",
        ),
        (
            three.replace("\"kind\":\"added\"", "\"kind\":\"danced\""),
            "event 3 cannot be applied: events of the kind \"danced\" are not known here: use Radpack 0.1.0 or later",
        ),
    ];
    for (contents, message) in meddled {
        assert_ne!(contents, three);
        fs::write(event(3), contents).unwrap();
        let mut ledger = Ledger::<Bank>::default();
        let error = history.catch_up(&mut ledger).await.unwrap_err();
        assert!(told(&error).starts_with(message), "{}", told(&error));
        // Of what a later version wrote, nothing is wrong.
        assert_eq!(error.is_damage(), !message.contains("or later"));
        // Nor is anything written behind it.
        let error = add(&history, &mut Ledger::default(), &Command::new("ann"), "a").await;
        assert!(matches!(error, Err(CommitError::History(_))), "{error:?}");
    }
    fs::write(event(3), three).unwrap();
    assert_eq!(read_anew(&history).await.state().0["a"], 5);
    assert!(!event(6).exists());
}

#[tokio::test]
async fn time_does_not_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::init(Store::folder(folder.path()).unwrap())
        .await
        .unwrap()
        .history;
    // A writer whose clock is far ahead came first.
    let format = folder.path().join("format.json");
    let text = fs::read_to_string(&format).unwrap();
    let created = history.beginning().at.to_string();
    fs::write(&format, text.replace(&created, "2999-01-01T00:00:00Z")).unwrap();
    let history = History::open(history.store().clone()).await.unwrap();
    let mut ledger = Ledger::default();
    let committed = add(&history, &mut ledger, &Command::new("ann"), "a")
        .await
        .unwrap();
    assert_eq!(
        committed.recorded.event.at.to_string(),
        "2999-01-01T00:00:00Z"
    );
}
