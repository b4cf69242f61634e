//! A store that is told what becomes of its calls: one can be held, lose its answer, come late, or be the last.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use radpack_registry::Store;
use tokio::sync::Notify;

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It waits before it is carried out.
    Held(Arc<Hold>),
    /// It is carried out, and its answer lost.
    AnswerLost,
    /// Its answer is lost at once; it is carried out when that is let go.
    Late(Arc<Hold>),
}

/// Where a call waits.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    reached: Notify,
    released: Notify,
    done: Notify,
}

impl Hold {
    /// Waits until a call has come here.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets it go on.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Waits until a late call has been carried out.
    pub(crate) async fn done(&self) {
        self.done.notified().await;
    }

    async fn wait(&self) {
        self.reached.notify_one();
        self.released.notified().await;
    }
}

/// Before or after the call is carried out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Before,
    After,
}

/// What is planned for the calls of a store.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    /// For the next call of this kind whose name begins so.
    fates: Mutex<Vec<(&'static str, String, Fate)>>,
    calls: AtomicUsize,
    last: Mutex<Option<(usize, Side)>>,
    is_dead: AtomicBool,
    died: Notify,
}

impl Plans {
    /// Plans what becomes of the next call of a kind ("put", "get", "delete") for a name that begins so.
    pub(crate) fn plan(&self, call: &'static str, prefix: &str, fate: Fate) {
        let mut fates = self.fates.lock().unwrap();
        fates.push((call, prefix.to_owned(), fate));
    }

    /// Holds the next such call.
    pub(crate) fn hold(&self, call: &'static str, prefix: &str) -> Arc<Hold> {
        let hold = Arc::new(Hold::default());
        self.plan(call, prefix, Fate::Held(Arc::clone(&hold)));
        hold
    }

    /// Nothing is carried out any more after, or before, the call of this number.
    pub(crate) fn die_at(&self, call: usize, side: Side) {
        *self.last.lock().unwrap() = Some((call, side));
    }

    /// Waits until nothing is carried out any more.
    pub(crate) async fn died(&self) {
        self.died.notified().await;
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn fate(&self, call: &str, name: &Path) -> Option<Fate> {
        let mut fates = self.fates.lock().unwrap();
        let at = fates
            .iter()
            .position(|(kind, prefix, _)| *kind == call && name.as_ref().starts_with(prefix))?;
        Some(fates.remove(at).2)
    }

    /// Counts a call; one that must not be carried out never comes back. Of the many by which a store is tried out, few count.
    async fn begin(&self, name: Option<&Path>) -> usize {
        if name.is_some_and(|name| is_of_probe(name) && name.filename() != Some("0")) {
            return 0;
        }
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.die_if(call, Side::Before).await;
        call
    }

    async fn die_if(&self, call: usize, side: Side) {
        if *self.last.lock().unwrap() == Some((call, side)) {
            self.is_dead.store(true, Ordering::SeqCst);
            self.died.notify_one();
        }
        if self.is_dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

fn is_of_probe(name: &Path) -> bool {
    name.as_ref().starts_with("probes/")
}

/// A store whose calls have fates.
#[derive(Debug)]
struct Steered {
    inner: Arc<dyn ObjectStore>,
    plans: Arc<Plans>,
}

impl fmt::Display for Steered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a steered store")
    }
}

/// Objects in memory.
pub(crate) fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// The store of some objects, and what is planned for its calls.
pub(crate) fn steered(inner: &Arc<dyn ObjectStore>) -> (Store, Arc<Plans>) {
    let plans = Arc::<Plans>::default();
    (steered_by(inner, &plans), plans)
}

/// The store of some objects, of whose calls these are the plans.
pub(crate) fn steered_by(inner: &Arc<dyn ObjectStore>, plans: &Arc<Plans>) -> Store {
    let steered = Steered {
        inner: Arc::clone(inner),
        plans: Arc::clone(plans),
    };
    Store::new(steered, "a steered store")
}

/// The store of some objects, to which nothing happens.
pub(crate) fn sound(inner: &Arc<dyn ObjectStore>) -> Store {
    Store::new(Arc::clone(inner), "a sound store")
}

fn lost() -> Error {
    Error::Generic {
        store: "a steered store",
        source: "connection reset".into(),
    }
}

#[async_trait]
impl ObjectStore for Steered {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let call = self.plans.begin(Some(location)).await;
        match self.plans.fate("put", location) {
            None => {}
            Some(Fate::Held(hold)) => hold.wait().await,
            Some(Fate::AnswerLost) => {
                // That it exists is an answer like any other: lost.
                let _ = self.inner.put_opts(location, payload, options).await;
                return Err(lost());
            }
            Some(Fate::Late(hold)) => {
                let (inner, location) = (Arc::clone(&self.inner), location.clone());
                tokio::spawn(async move {
                    hold.wait().await;
                    // That another one has been faster is no matter.
                    let _ = inner.put_opts(&location, payload, options).await;
                    hold.done.notify_one();
                });
                return Err(lost());
            }
        }
        let put = self.inner.put_opts(location, payload, options).await;
        self.plans.die_if(call, Side::After).await;
        put
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let call = self.plans.begin(Some(location)).await;
        match self.plans.fate("get", location) {
            Some(Fate::Held(hold)) => hold.wait().await,
            Some(_) => return Err(lost()),
            None => {}
        }
        let got = self.inner.get_opts(location, options).await;
        self.plans.die_if(call, Side::After).await;
        got
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (inner, plans) = (Arc::clone(&self.inner), Arc::clone(&self.plans));
        locations
            .then(move |location| {
                let (inner, plans) = (Arc::clone(&inner), Arc::clone(&plans));
                async move {
                    let location = location?;
                    let call = plans.begin(Some(&location)).await;
                    match plans.fate("delete", &location) {
                        Some(Fate::Held(hold)) => hold.wait().await,
                        Some(_) => return Err(lost()),
                        None => {}
                    }
                    let one = stream::once(std::future::ready(Ok(location))).boxed();
                    let deleted = inner.delete_stream(one).next().await;
                    plans.die_if(call, Side::After).await;
                    deleted.unwrap_or_else(|| Err(lost()))
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (plans, inner) = (Arc::clone(&self.plans), Arc::clone(&self.inner));
        let prefix = prefix.cloned();
        stream::once(async move {
            plans.begin(None).await;
            inner.list(prefix.as_ref())
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.plans.begin(None).await;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
