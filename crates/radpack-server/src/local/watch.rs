//! Notices that files change, and has built anew what they are part of.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;

use super::Shown;
use super::workshop::Workshop;

/// How long it must be quiet before a build begins: editors and tools write several files for one change.
const QUIET: Duration = Duration::from_millis(40);

/// How many times that at most: where it is never quiet, something is built as well.
const PATIENCE: usize = 25;

/// What happened.
enum News {
    Changed(Vec<PathBuf>),
    /// Something was missed: everything may have changed.
    Missed,
    Stop,
}

/// A thread that builds, until this is dropped.
#[derive(Debug)]
pub(super) struct Watching {
    news: Sender<News>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.news.send(News::Stop);
        if let Some(thread) = self.thread.take() {
            // It holds the folder of builds, which is to be gone afterwards.
            let _ = thread.join();
        }
    }
}

/// Builds everything, then goes on in a thread of its own.
pub(super) fn begin(mut workshop: Workshop) -> (Watching, watch::Receiver<Arc<Shown>>) {
    let (sender, news) = channel();
    let told = sender.clone();
    let watcher = notify::recommended_watcher(move |event| {
        if let Some(news) = news_of(event) {
            let _ = told.send(news);
        }
    });
    let mut watched = Watched {
        watcher: watcher.map_err(|error| error.to_string()),
        folders: BTreeSet::new(),
        notice: None,
    };
    // What changes while it is built for the first time is noticed.
    let (_, folders) = workshop.folders();
    watched.follow(folders, &BTreeSet::new());
    let (packages, folders) = workshop.round(&BTreeSet::new());
    watched.follow(folders, &BTreeSet::new());
    let first = Shown {
        number: 1,
        packages,
        notice: watched.notice.clone(),
        ..Shown::default()
    };
    let (shown, receiver) = watch::channel(Arc::new(first));
    let thread = thread::Builder::new()
        .name("radpack-local".to_owned())
        .spawn(move || work(&mut workshop, &mut watched, &news, &shown));
    let watching = Watching {
        news: sender,
        thread: thread.ok(),
    };
    (watching, receiver)
}

fn work(
    workshop: &mut Workshop,
    watched: &mut Watched,
    news: &Receiver<News>,
    shown: &watch::Sender<Arc<Shown>>,
) {
    while let Some(changed) = next(news, workshop) {
        let (packages, folders) = workshop.round(&changed);
        watched.follow(folders, &changed);
        let now = shown.borrow().clone();
        if packages != now.packages || watched.notice != now.notice {
            shown.send_replace(Arc::new(Shown {
                number: now.number + 1,
                packages,
                notice: watched.notice.clone(),
                ..Shown::default()
            }));
        }
    }
}

/// Waits for changes, then until it is quiet. `None`: it is over.
fn next(news: &Receiver<News>, workshop: &Workshop) -> Option<BTreeSet<PathBuf>> {
    let mut changed = BTreeSet::new();
    let mut one = news.recv().ok()?;
    for _ in 0..PATIENCE {
        loop {
            match one {
                News::Changed(paths) => changed.extend(paths),
                News::Missed => changed.extend(workshop.folders().0),
                News::Stop => return None,
            }
            match news.try_recv() {
                Ok(next) => one = next,
                Err(_) => break,
            }
        }
        match news.recv_timeout(QUIET) {
            Ok(next) => one = next,
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    Some(changed)
}

/// Reading is no change, and building reads.
fn news_of(event: notify::Result<Event>) -> Option<News> {
    match event {
        Ok(event) if event.need_rescan() => Some(News::Missed),
        Ok(event) => match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                Some(News::Changed(event.paths))
            }
            EventKind::Access(_) => None,
            _ => Some(News::Changed(event.paths)),
        },
        Err(_) => Some(News::Missed),
    }
}

/// The folders that are watched, each by itself: what is installed below them is not looked at.
struct Watched {
    watcher: Result<RecommendedWatcher, String>,
    folders: BTreeSet<PathBuf>,
    notice: Option<String>,
}

impl Watched {
    /// Watches these from now on. One that changed itself may be another of the same name.
    fn follow(&mut self, folders: BTreeSet<PathBuf>, changed: &BTreeSet<PathBuf>) {
        let watcher = match &mut self.watcher {
            Ok(watcher) => watcher,
            Err(error) => {
                self.notice = Some(format!("changes go unnoticed: {error}"));
                return;
            }
        };
        for gone in self.folders.difference(&folders) {
            // Where the folder itself is gone, so is the watch.
            let _ = watcher.unwatch(gone);
        }
        self.notice = None;
        let mut followed = BTreeSet::new();
        for folder in folders {
            if !self.folders.contains(&folder) || changed.contains(&folder) {
                match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                    Ok(()) => {}
                    Err(_) if folder.symlink_metadata().is_err() => continue,
                    Err(error) => {
                        let folder = folder.display();
                        self.notice = Some(format!("changes in {folder} go unnoticed: {error}"));
                        continue;
                    }
                }
            }
            followed.insert(folder);
        }
        self.folders = followed;
    }
}
