//! Connections: taken from a listener until the service is to stop, and then finished.
//!
//! Whoever connects may be slow, or mean to be. So nothing that waits for somebody else waits for ever, and nothing that one of them holds
//! is something that the others need: a connection without a request is closed after a while, and at once where others need its place; one
//! with a request is closed when its bytes do not move.

mod body;
mod connection;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower_service::Service as _;

use crate::read::{self, Asking};
use crate::service::{Service, Shared};
use body::{Patient, Sent};
use connection::{Crowd, Order};

pub use tls::{Tls, TlsError};

/// How many files the service opens beside connections, at most: of the store, and pipes to those who build.
const FILES_BESIDE: u64 = 256;

/// How long is waited after the system has refused a connection, which it does when there are too many files.
const REFUSED: Duration = Duration::from_millis(100);

/// How long those that were told to end may take for it.
const ENDING: Duration = Duration::from_secs(5);

/// How connections are taken, and how long they are waited for.
#[derive(Clone, Debug)]
pub struct Listening {
    /// How long a request's head may take. By default 20 seconds.
    pub head: Duration,
    /// How long a connection may be without a request. By default a minute.
    pub idle: Duration,
    /// How long bytes of a body may not move, in either direction. By default 30 seconds.
    pub stall: Duration,
    /// How many bytes of a body must move in a second, once they have been waited for for so long. By default a kibibyte.
    pub slowest: u64,
    /// How many connections there may be: of those without a request, the oldest give way to new ones, then those that only wait for events,
    /// and where none is, new ones wait. By default 16,384; fewer, where the system grants fewer files.
    pub connections: usize,
    /// How many requests may be under way on one connection of HTTP/2. By default 128.
    pub streams: u32,
    /// How long the path and query of a request may be. By default 8 KiB.
    pub target: usize,
    /// How much the headers of a request may be (bytes). By default 64 KiB.
    pub headers: u32,
    /// How long what has begun may take to be finished, when the service stops. By default 30 seconds.
    pub stop: Duration,
    /// The certificate to answer HTTPS with; without one, it is HTTP.
    pub tls: Option<Tls>,
    /// Whether HTTP may be spoken to other machines. By default only this one may speak it.
    pub insecure_http: bool,
    /// What is done with words for whoever looks after the service. By default nothing; events of `tracing` have them, too.
    pub tell: fn(&str),
}

impl Default for Listening {
    fn default() -> Listening {
        Listening {
            head: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            slowest: 1 << 10,
            connections: 16_384,
            streams: 128,
            target: 8 << 10,
            headers: 64 << 10,
            stop: Duration::from_secs(30),
            tls: None,
            insecure_http: false,
            tell: |_| {},
        }
    }
}

/// Why nobody is listened to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// What is sent could be read, and changed, by others on its way.
    #[error(
        "{0} can be reached from other machines, and without a certificate what they send, tokens too, is open to all between: give one by --tls-cert and --tls-key, listen on 127.0.0.1, or, where something in front of it speaks HTTPS, say --insecure-http"
    )]
    Insecure(SocketAddr),
    /// The system refuses.
    #[error("cannot listen on {address}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// What it says.
        #[source]
        source: io::Error,
    },
}

impl Listening {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// If others could listen, too, or the system refuses.
    pub async fn bind(&self, address: SocketAddr) -> Result<TcpListener, ListenError> {
        if self.tls.is_none() && !self.insecure_http && !address.ip().is_loopback() {
            return Err(ListenError::Insecure(address));
        }
        TcpListener::bind(address)
            .await
            .map_err(|source| ListenError::Refused { address, source })
    }

    /// How many connections there may be, with as many files as the system grants.
    fn places(&self) -> usize {
        let files = files().saturating_sub(FILES_BESIDE).max(16);
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        self.connections.clamp(1, files.min(Semaphore::MAX_PERMITS))
    }
}

/// As many files as the system grants this process, which asks for all that it may have.
#[cfg(unix)]
fn files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let granted = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: granted.maximum,
        ..granted
    };
    let granted = setrlimit(Resource::Nofile, all).map_or(granted, |()| all);
    granted.current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
fn files() -> u64 {
    u64::MAX
}

impl Service {
    /// Answers on a listener until it is told to stop; what has begun by then is finished, unless that takes too long.
    pub async fn serve(
        &self,
        listener: TcpListener,
        listening: Listening,
        stop: impl Future<Output = ()>,
    ) {
        let service = self.clone();
        let stop = async move {
            stop.await;
            service.stop();
        };
        let front = Front {
            router: self.router(),
            shared: Arc::clone(&self.shared),
        };
        answer_all(front, listener, listening, stop).await;
    }
}

/// Answers with a router on a listener until it is told to stop.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    listening: Listening,
    stop: impl Future<Output = ()>,
) {
    answer_all(router, listener, listening, stop).await;
}

/// How long a body's bytes may not move, and how many must in a second from then on.
type Waits = (Duration, u64);

/// Who answers requests.
trait Answers: Send + Sync + 'static {
    fn answer(
        &self,
        request: Request<Incoming>,
        waits: Waits,
        address: SocketAddr,
    ) -> impl Future<Output = Response<Sent>> + Send;
}

impl Answers for Router {
    async fn answer(
        &self,
        request: Request<Incoming>,
        (stall, slowest): Waits,
        address: SocketAddr,
    ) -> Response<Sent> {
        let mut request = request.map(|body| Patient::with(body, stall, slowest));
        request.extensions_mut().insert(ConnectInfo(address));
        match self.clone().call(request).await {
            Ok(response) => response.map(Sent::Streamed),
            Err(never) => match never {},
        }
    }
}

/// A service: what everybody reads is answered at once, without the routes, which takes a third of the time.
struct Front {
    shared: Arc<Shared>,
    router: Router,
}

impl Answers for Front {
    async fn answer(
        &self,
        request: Request<Incoming>,
        waits: Waits,
        address: SocketAddr,
    ) -> Response<Sent> {
        let asking = Asking {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            reached_from: Some(address.ip()),
        };
        if let Some(answer) = read::answer(&self.shared, asking).await {
            return answer.map(Sent::Whole);
        }
        Box::pin(self.router.answer(request, waits, address)).await
    }
}

async fn answer_all(
    answers: impl Answers,
    listener: TcpListener,
    listening: Listening,
    stop: impl Future<Output = ()>,
) {
    let places = listening.places();
    let crowd = Arc::new(Crowd::new(answers, listening, places));
    let all = async {
        let taken = async {
            loop {
                let (stream, address) = taken(&listener, &crowd).await;
                let place = crowd.place().await;
                let entered = crowd.enter();
                tokio::spawn(Arc::clone(&crowd).answer(stream, address, entered, place));
            }
        };
        tokio::select! {
            never = taken => match never {},
            never = crowd.follow_certificate() => match never {},
            () = stop => {}
        }
        // Whoever comes now is refused by the system, and goes elsewhere.
        drop(listener);
        crowd.order(Order::Finish);
        if timeout(crowd.listening.stop, crowd.all_gone())
            .await
            .is_err()
        {
            crowd.tell("some requests took too long to be finished, and were broken off");
            crowd.order(Order::Break);
            let _ = timeout(ENDING, crowd.all_gone()).await;
        }
    };
    tokio::select! {
        () = all => {}
        never = crowd.watch() => match never {},
    }
}

/// The next connection.
async fn taken(listener: &TcpListener, crowd: &Crowd<impl Answers>) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(taken) => return taken,
            Err(error) if is_theirs(&error) => {}
            Err(error) => {
                // There are too many files. What is idle makes room.
                tracing::warn!(%error, "a connection cannot be taken");
                crowd.make_room();
                sleep(REFUSED).await;
            }
        }
    }
}

/// Whether somebody went away before they were let in.
fn is_theirs(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
