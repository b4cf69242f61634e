//! One connection among many: what is known of it, when it is closed, and who makes room for whom.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::response::IntoResponse as _;
use futures_util::future::{self, Either};
use futures_util::task::AtomicWaker;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::body::{Answer, Sent};
use super::{Answers, Listening, Tls};

/// How often those who wait for a place look for one that has become idle.
const WAITING: Duration = Duration::from_millis(100);

/// How long one that is told to end may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// The type of streams of events.
const EVENTS: &[u8] = b"text/event-stream";

/// What a connection is told to do.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Order {
    /// It makes room, or was waited for long enough.
    Leave = 1,
    /// What has begun is finished, and nothing else begun.
    Finish = 2,
    /// Nothing is finished any more.
    Break = 4,
}

/// All connections.
pub(super) struct Crowd<A> {
    pub(super) listening: Listening,
    answers: A,
    places: Arc<Semaphore>,
    size: usize,
    builder: Builder<TokioExecutor>,
    connections: Mutex<HashMap<u64, Arc<Pulse>>>,
    next: AtomicU64,
}

/// What is known of a connection. Times are in milliseconds, and 0 is never.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    requests: AtomicUsize,
    /// How many of them are streams of events, which have no end.
    streams: AtomicUsize,
    /// Since when it has had no request.
    idle: AtomicU64,
    /// Since when the head of a request has been coming.
    head: AtomicU64,
    is_h2: AtomicBool,
    /// Since when the other side is being waited for to take what is written.
    stalled: AtomicU64,
    /// How long it was waited for before, and how much it took, since it was measured last.
    waited: AtomicU64,
    taken: AtomicU64,
    /// Whether something that is to be sent has not been taken yet: also when its request is answered.
    is_sending: AtomicBool,
    /// The orders that it was given.
    orders: AtomicU8,
    /// Whom to wake for them.
    waker: AtomicWaker,
}

/// A request under way.
pub(super) struct UnderWay {
    pulse: Arc<Pulse>,
    is_stream: bool,
}

impl UnderWay {
    /// Notes what is answered.
    fn answered(&mut self, response: &Response<Sent>) {
        if matches!(response.body(), Sent::Whole(_)) {
            return;
        }
        let kind = response.headers().get(header::CONTENT_TYPE);
        if !self.is_stream && kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENTS)) {
            self.is_stream = true;
            self.pulse.streams.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Milliseconds since the machine began, from the clock that costs least: a few of them do not matter here.
#[cfg(target_os = "linux")]
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    let milliseconds = now.tv_sec * 1_000 + now.tv_nsec / 1_000_000;
    u64::try_from(milliseconds).unwrap_or_default().max(1)
}

/// Milliseconds since this program began to look at the clock.
#[cfg(not(target_os = "linux"))]
fn now() -> u64 {
    static BEGAN: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    millis(BEGAN.elapsed()).max(1)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.is_stream {
            self.pulse.streams.fetch_sub(1, Ordering::AcqRel);
        }
        if self.pulse.requests.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.pulse.idle.store(now(), Ordering::Release);
        }
    }
}

impl Pulse {
    fn order(&self, order: Order) {
        self.orders.fetch_or(order as u8, Ordering::AcqRel);
        self.waker.wake();
    }

    /// Whether it was told so. Whoever asks is woken when it is told anything.
    fn is_told(&self, order: Order) -> bool {
        self.orders.load(Ordering::Acquire) & order as u8 != 0
    }

    fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Acquire) == 0 && !self.is_sending.load(Ordering::Acquire)
    }

    /// Everything was taken.
    fn sent(&self) {
        if self.is_sending.load(Ordering::Acquire) {
            self.idle.store(now(), Ordering::Release);
            self.is_sending.store(false, Ordering::Release);
        }
    }

    /// Whether all that it is there for are events to come: who misses some asks for them again.
    fn only_listens(&self) -> bool {
        let streams = self.streams.load(Ordering::Acquire);
        streams > 0 && streams == self.requests.load(Ordering::Acquire)
    }

    fn begins(self: &Arc<Self>, version: Version) -> UnderWay {
        if self.requests.fetch_add(1, Ordering::AcqRel) == 0 {
            self.measure_anew();
        }
        self.head.store(0, Ordering::Release);
        if version == Version::HTTP_2 {
            self.is_h2.store(true, Ordering::Release);
        }
        UnderWay {
            pulse: Arc::clone(self),
            is_stream: false,
        }
    }

    /// Whether it has been waited for long enough.
    fn is_overdue(&self, now: u64, listening: &Listening) -> bool {
        let over = |then: u64, most: Duration| then != 0 && now.saturating_sub(then) > millis(most);
        if self.is_idle() {
            return over(self.idle.load(Ordering::Acquire), listening.idle)
                || over(self.head.load(Ordering::Acquire), listening.head)
                    // There, other things are sent between requests.
                    && !self.is_h2.load(Ordering::Acquire);
        }
        let stalled = self.stalled.load(Ordering::Acquire);
        if over(stalled, listening.stall) {
            return true;
        }
        let waited = self.waited.load(Ordering::Acquire);
        if waited <= millis(listening.stall) {
            return false;
        }
        let is_slow = self.taken.load(Ordering::Acquire) < (waited / 1000) * listening.slowest;
        self.measure_anew();
        is_slow
    }

    fn measure_anew(&self) {
        self.waited.store(0, Ordering::Release);
        self.taken.store(0, Ordering::Release);
    }

    /// The other side does not take what is written.
    fn waits(&self, now: u64) {
        if self.stalled.load(Ordering::Acquire) == 0 {
            self.stalled.store(now, Ordering::Release);
        }
    }

    /// It has taken some.
    fn took(&self, bytes: usize, now: impl FnOnce() -> u64) {
        let stalled = self.stalled.load(Ordering::Acquire);
        if stalled != 0 {
            self.stalled.store(0, Ordering::Release);
            let waited = now().saturating_sub(stalled);
            self.waited.fetch_add(waited, Ordering::AcqRel);
        }
        self.taken.fetch_add(bytes as u64, Ordering::AcqRel);
    }
}

/// A connection among the others, until this is dropped.
pub(super) struct Entered<A: Answers> {
    crowd: Arc<Crowd<A>>,
    number: u64,
    pulse: Arc<Pulse>,
}

impl<A: Answers> Drop for Entered<A> {
    fn drop(&mut self) {
        self.crowd.lock().remove(&self.number);
    }
}

impl<A: Answers> Crowd<A> {
    pub(super) fn new(answers: A, listening: Listening, size: usize) -> Crowd<A> {
        let mut builder = Builder::new(TokioExecutor::new());
        let headers = usize::try_from(listening.headers).unwrap_or(usize::MAX);
        // Heads are timed here, with connections that send none.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(headers.max(8 << 10) + listening.target);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(listening.streams)
            .max_header_list_size(listening.headers);
        Crowd {
            answers,
            places: Arc::new(Semaphore::new(size)),
            size,
            builder,
            connections: Mutex::default(),
            next: AtomicU64::new(0),
            listening,
        }
    }

    pub(super) fn tell(&self, words: &str) {
        tracing::warn!("{words}");
        (self.listening.tell)(words);
    }

    /// A place for a connection, as soon as there is one.
    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        loop {
            let place = Arc::clone(&self.places).acquire_owned();
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                return place;
            }
            self.make_room();
            if let Ok(Ok(place)) = timeout(WAITING, place).await {
                return place;
            }
        }
    }

    /// Until there is no connection any more.
    pub(super) async fn all_gone(&self) {
        let all = u32::try_from(self.size).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Pulse>>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes some connections without a request, those first that have had none for longest, and then such that only wait for events:
    /// more than one, for looking at all takes time.
    pub(super) fn make_room(&self) {
        let mut idle: Vec<((bool, u64, u64), Arc<Pulse>)> = self
            .lock()
            .iter()
            .filter(|(_, pulse)| pulse.is_idle() || pulse.only_listens())
            .map(|(number, pulse)| {
                let since = pulse.idle.load(Ordering::Acquire);
                let order = (pulse.only_listens(), since, *number);
                (order, Arc::clone(pulse))
            })
            .collect();
        idle.sort_unstable_by_key(|(order, _)| *order);
        let enough = (self.size / 64).max(1);
        for (_, pulse) in idle.iter().take(enough) {
            pulse.order(Order::Leave);
        }
    }

    /// Tells all connections.
    pub(super) fn order(&self, order: Order) {
        self.lock().values().for_each(|pulse| pulse.order(order));
    }

    /// Tells those to leave that were waited for long enough; for ever.
    pub(super) async fn watch(&self) -> Infallible {
        let listening = &self.listening;
        let shortest = listening.head.min(listening.idle).min(listening.stall);
        let look = (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(5));
        loop {
            sleep(look).await;
            let now = now();
            let connections = self.lock();
            let overdue = connections.values();
            overdue
                .filter(|pulse| pulse.is_overdue(now, listening))
                .for_each(|pulse| pulse.order(Order::Leave));
        }
    }

    /// One more connection.
    pub(super) fn enter(self: &Arc<Self>) -> Entered<A> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let pulse = Arc::new(Pulse::default());
        let now = now();
        pulse.idle.store(now, Ordering::Release);
        pulse.head.store(now, Ordering::Release);
        self.lock().insert(number, Arc::clone(&pulse));
        Entered {
            crowd: Arc::clone(self),
            number,
            pulse,
        }
    }

    /// Reads the certificate again whenever its files change; for ever.
    pub(super) async fn follow_certificate(&self) -> Infallible {
        match &self.listening.tls {
            Some(tls) => tls.follow(|words| self.tell(words)).await,
            None => std::future::pending().await,
        }
    }

    /// Answers what comes on a connection, to its end.
    pub(super) async fn answer(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        entered: Entered<A>,
        _place: OwnedSemaphorePermit,
    ) {
        let pulse = &entered.pulse;
        let _ = stream.set_nodelay(true);
        match &self.listening.tls {
            None => self.talk(stream, address, pulse).await,
            Some(tls) => {
                if let Some(stream) = self.shake(tls, stream, pulse).await {
                    self.talk(stream, address, pulse).await;
                }
            }
        }
    }

    /// Agrees on keys with the other side, if that does not take it too long.
    async fn shake(
        &self,
        tls: &Tls,
        stream: TcpStream,
        pulse: &Pulse,
    ) -> Option<TlsStream<TcpStream>> {
        let mut shaking = pin!(timeout(self.listening.head, tls.accept(stream)));
        poll_fn(|context| {
            if let Poll::Ready(shaken) = shaking.as_mut().poll(context) {
                return Poll::Ready(shaken.ok().and_then(Result::ok));
            }
            pulse.waker.register(context.waker());
            match pulse.orders.load(Ordering::Acquire) {
                0 => Poll::Pending,
                _ => Poll::Ready(None),
            }
        })
        .await
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self: &Arc<Self>,
        stream: S,
        address: SocketAddr,
        pulse: &Arc<Pulse>,
    ) {
        let stream = TokioIo::new(Felt {
            stream,
            pulse: Arc::clone(pulse),
        });
        let service = service_fn(|request: Request<Incoming>| {
            let under_way = pulse.begins(request.version());
            let mut answer = Box::pin(self.call(request, address, under_way));
            // Who does not take what there is for them begins nothing that others could wait for.
            if pulse.is_sending.load(Ordering::Acquire) {
                return Either::Right(answer);
            }
            // Most is answered at the first look, and then nothing large is moved about. What is not is looked at again right behind this,
            // by who can be woken.
            match answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(answer) => Either::Left(future::ready(answer)),
                Poll::Pending => Either::Right(answer),
            }
        });
        let mut connection = pin!(self.builder.serve_connection(stream, service));
        let mut is_finishing = false;
        let is_over = poll_fn(|context| {
            loop {
                // What the other side did wrong is its affair.
                if connection.as_mut().poll(context).is_ready() {
                    return Poll::Ready(true);
                }
                pulse.waker.register(context.waker());
                if pulse.is_told(Order::Break) {
                    return Poll::Ready(true);
                }
                if pulse.is_told(Order::Leave) {
                    // Events would not end while it says goodbye.
                    return Poll::Ready(pulse.only_listens());
                }
                if is_finishing || !pulse.is_told(Order::Finish) {
                    return Poll::Pending;
                }
                is_finishing = true;
                connection.as_mut().graceful_shutdown();
            }
        });
        if !is_over.await {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(GOODBYE, connection).await;
        }
    }

    /// What is answered.
    fn call(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        address: SocketAddr,
        mut under_way: UnderWay,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + use<A> {
        let target = request.uri().path_and_query();
        let is_long = target.is_some_and(|it| it.as_str().len() > self.listening.target);
        name_host(&mut request);
        let waits = (self.listening.stall, self.listening.slowest);
        let crowd = Arc::clone(self);
        async move {
            let answer = match is_long {
                true => StatusCode::URI_TOO_LONG.into_response().map(Sent::Streamed),
                false => crowd.answers.answer(request, waits, address).await,
            };
            under_way.answered(&answer);
            Ok(answer.map(|sent| Answer::new(sent, under_way)))
        }
    }
}

/// Sees to it that a request that names its host elsewhere, as those of HTTP/2 do, has it among its headers, where it is looked for. It is
/// what counts where both are there.
fn name_host<B>(request: &mut Request<B>) {
    let host = request.uri().authority().map(|authority| {
        let whole = authority.as_str();
        let host = whole.rsplit_once('@').map_or(whole, |(_, host)| host);
        HeaderValue::from_str(host)
    });
    if let Some(Ok(host)) = host {
        request.headers_mut().insert(header::HOST, host);
    }
}

/// A stream that notes when it is waited for.
struct Felt<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Felt<S> {
    fn written(&self, written: &Poll<io::Result<usize>>, of: usize) {
        let sent = match written {
            Poll::Ready(Ok(bytes)) => *bytes,
            _ => 0,
        };
        if sent < of {
            self.pulse.is_sending.store(true, Ordering::Release);
        }
        match written {
            Poll::Pending => self.pulse.waits(now()),
            Poll::Ready(Ok(bytes)) => self.pulse.took(*bytes, now),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Felt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        let pulse = &self.pulse;
        let is_new = into.filled().len() > before && pulse.is_idle();
        if is_new && pulse.head.load(Ordering::Relaxed) == 0 {
            pulse.head.store(now(), Ordering::Release);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Felt<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(&written, bytes.len());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // The system sends one part with less ado.
        let mut filled = parts.iter().filter(|part| !part.is_empty());
        let written = match (filled.next(), filled.next()) {
            (Some(part), None) => Pin::new(&mut self.stream).poll_write(context, part),
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, parts),
        };
        self.written(&written, parts.iter().map(|part| part.len()).sum());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        match flushed {
            Poll::Ready(_) => self.pulse.sent(),
            Poll::Pending => {
                self.pulse.is_sending.store(true, Ordering::Release);
                self.pulse.waits(now());
            }
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a connection with a request is closed 31 seconds after it began, where this happened to what is written.
    fn is_closed(happens: impl FnOnce(&Pulse)) -> bool {
        let pulse = Arc::new(Pulse::default());
        let _under_way = pulse.begins(Version::HTTP_11);
        happens(&pulse);
        pulse.is_overdue(31_000, &Listening::default())
    }

    #[test]
    fn who_took_everything_is_not_waited_for() {
        assert!(is_closed(|pulse| pulse.waits(1)));
        assert!(!is_closed(|pulse| {
            pulse.waits(1);
            pulse.took(100, || 20);
        }));
        // Nor is the time counted in which nothing was to be written.
        assert!(!is_closed(|pulse| {
            pulse.waits(1);
            pulse.took(100, || 20);
            pulse.waits(30_000);
        }));
    }

    #[test]
    fn who_takes_little_again_and_again_is_waited_for() {
        let takes = |bytes| {
            is_closed(|pulse| {
                for second in 0..31 {
                    pulse.waits(second * 1000 + 1);
                    pulse.took(bytes, || (second + 1) * 1000);
                }
            })
        };
        assert!(takes(900));
        assert!(!takes(1100));
    }
}
