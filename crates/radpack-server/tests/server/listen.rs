//! Connections by those who are slow, many, or mean to do harm, while others are answered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::StreamExt as _;
use futures_util::stream;
use http::HeaderMap;
use radpack_server::{ListenError, Listening, Tls, serve};
use reqwest::{Certificate, Client, StatusCode, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::running::Running;

/// What never takes as long, however busy the machine is.
const EVER: Duration = Duration::from_secs(120);

const SHORT: Duration = Duration::from_millis(300);

/// A part of an answer, and how many there are in a large one.
const PART: usize = 64 << 10;
const PARTS: usize = 512;

/// Something that is served.
struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    /// Lets `/wait` answer.
    go: Arc<Notify>,
    /// Tells when an endless answer is not wanted any more.
    gone: Arc<Notify>,
}

struct Gone(Arc<Notify>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn served(listening: Listening) -> Served {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (go, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let part = || Ok::<_, Infallible>(Bytes::from_static(&[b'x'; PART]));
    let (waits, tells) = (Arc::clone(&go), Arc::clone(&gone));
    let router = Router::new()
        .route("/", get(async || "here"))
        .route(
            "/host",
            get(async |headers: HeaderMap| format!("{:?}", headers.get("host"))),
        )
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route(
            "/events",
            get(async || {
                let first = stream::once(async { Ok::<_, Infallible>("data: 1\n\n") });
                let kind = [("content-type", "text/event-stream")];
                (kind, Body::from_stream(first.chain(stream::pending())))
            }),
        )
        .route("/wait", get(async move || waits.notified().await))
        .route(
            "/large",
            get(async move || Body::from_stream(stream::iter((0..PARTS).map(move |_| part())))),
        )
        .route("/whole", get(async || vec![b'x'; PART * PARTS]))
        .route(
            "/endless",
            get(async move || {
                let gone = Gone(Arc::clone(&tells));
                Body::from_stream(stream::repeat_with(part).map(move |part| {
                    let _ = &gone;
                    part
                }))
            }),
        );
    let listener = listening
        .bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let stopped = async {
        let _ = stopped.await;
    };
    let task = tokio::spawn(serve(router, listener, listening, stopped));
    Served {
        address,
        stop: Some(stop),
        task,
        go,
        gone,
    }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection that has sent this.
    async fn sent(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Whether somebody else is answered.
    async fn answers(&self) {
        let answer = self
            .sent("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await;
        assert!(heard(answer).await.ends_with("here"));
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn ended(self) {
        timeout(EVER, self.task).await.unwrap().unwrap();
    }
}

/// All that comes until the other side closes the connection, which it does.
async fn heard(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // Where it still had something to read, it ends with an error.
    let _ = timeout(EVER, stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn who_sends_a_head_slowly_or_nothing_is_not_waited_for() {
    let served = served(Listening {
        head: SHORT,
        idle: SHORT,
        ..Listening::default()
    })
    .await;
    let nothing = served.connect().await;
    let kept = served.sent("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let (mut reading, mut writing) = served
        .sent("GET / HTTP/1.1\r\nhost: a\r\nx: ")
        .await
        .into_split();
    let trickle = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    served.answers().await;
    assert_eq!(heard(nothing).await, "");
    assert!(heard(kept).await.ends_with("here"));
    let mut answer = Vec::new();
    let _ = timeout(EVER, reading.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(answer.is_empty());
    timeout(EVER, trickle).await.unwrap().unwrap();
    served.answers().await;
}

#[tokio::test]
async fn who_sends_a_body_slowly_or_without_end_is_not_waited_for() {
    let served = served(Listening {
        stall: SHORT,
        slowest: 1 << 30,
        ..Listening::default()
    })
    .await;
    let head = "POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let some = "x".repeat(1000);
    let whole = format!("{head}content-length: 1000\r\n\r\n{some}");
    assert!(heard(served.sent(&whole).await).await.ends_with("1000"));
    let cut = format!("{head}content-length: 1001\r\n\r\n{some}");
    let answer = heard(served.sent(&cut).await).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    // One trickles, the other floods.
    for (pause, status) in [(Duration::from_millis(20), "400"), (Duration::ZERO, "413")] {
        let text = format!("{head}transfer-encoding: chunked\r\n\r\n");
        let (mut reading, mut writing) = served.sent(&text).await.into_split();
        let part = match pause.is_zero() {
            true => format!("10000\r\n{}\r\n", "x".repeat(1 << 16)),
            false => "1\r\nx\r\n".to_owned(),
        };
        let sending = tokio::spawn(async move {
            while writing.write_all(part.as_bytes()).await.is_ok() {
                sleep(pause).await;
            }
        });
        let mut answer = [0; 12];
        timeout(EVER, reading.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&answer[9..]), status);
        timeout(EVER, sending).await.unwrap().unwrap();
    }
    served.answers().await;
}

#[tokio::test]
async fn who_does_not_read_is_not_written_to_for_ever() {
    let served = served(Listening {
        stall: SHORT,
        ..Listening::default()
    })
    .await;
    let unread = served
        .sent("GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    timeout(EVER, served.gone.notified()).await.unwrap();
    drop(unread);
    // Who reads may read for as long as it takes.
    let answer = served
        .sent("GET /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    sleep(SHORT / 2).await;
    assert!(heard(answer).await.len() > PART * PARTS);
}

/// What lies ready is handed over at once, and then is under way for as long as the other side takes for it.
#[tokio::test]
async fn who_reads_slowly_is_not_idle() {
    let served = served(Listening {
        idle: SHORT,
        ..Listening::default()
    })
    .await;
    let mut answer = served
        .sent("GET /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    let mut part = vec![0; PART];
    let mut came = 0;
    for read in 0.. {
        let count = answer.read(&mut part).await.unwrap();
        came += count;
        if count == 0 {
            break;
        }
        // Until it has been long enough to be taken for idle; more lies ready then than any buffer between has room for.
        if read < 32 {
            sleep(SHORT / 8).await;
        }
    }
    assert!(came > PART * PARTS, "{came}");
}

#[tokio::test]
async fn of_many_the_idle_make_room() {
    let served = served(Listening {
        connections: 4,
        ..Listening::default()
    })
    .await;
    let oldest = served.connect().await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(served.connect().await);
    }
    served.answers().await;
    assert_eq!(heard(oldest).await, "");
    // Those who are waited for keep their places, and whoever comes then waits.
    let ask = "GET /wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut busy = Vec::new();
    for _ in 0..4 {
        busy.push(served.sent(ask).await);
    }
    for other in idle {
        assert_eq!(heard(other).await, "");
    }
    let waiting = served.answers();
    let mut waiting = std::pin::pin!(waiting);
    assert!(timeout(SHORT, &mut waiting).await.is_err());
    served.go.notify_one();
    timeout(EVER, waiting).await.unwrap();
    served.go.notify_waiters();
}

#[tokio::test]
async fn who_only_waits_for_events_makes_room_after_the_idle() {
    let served = served(Listening {
        connections: 3,
        ..Listening::default()
    })
    .await;
    let listens = async || {
        let mut events = served.sent("GET /events HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut heard = Vec::new();
        while !heard.ends_with(b"data: 1\n\n\r\n") {
            assert_ne!(events.read_buf(&mut heard).await.unwrap(), 0);
        }
        events
    };
    let (oldest, newer) = (listens().await, listens().await);
    let idle = served.connect().await;
    served.answers().await;
    assert_eq!(heard(idle).await, "");
    let ask = "GET /wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let _busy = served.sent(ask).await;
    served.answers().await;
    assert_eq!(heard(oldest).await, "");
    let _busy = (served.sent(ask).await, served.sent(ask).await);
    assert_eq!(heard(newer).await, "");
    served.go.notify_waiters();
}

#[cfg(unix)]
#[tokio::test]
async fn thousands_who_say_nothing_keep_nobody_from_being_answered() {
    use rustix::process::{Resource, getrlimit};

    let served = served(Listening::default()).await;
    // Both ends of each are in this process.
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let many = (files.saturating_sub(1024) / 2).min(10_000);
    let mut idle = Vec::new();
    for number in 0..many {
        idle.push(served.connect().await);
        if number % 500 == 0 {
            served.answers().await;
        }
    }
    eprintln!("{many} idle connections");
    assert!(many > 100);
    for _ in 0..20 {
        served.answers().await;
    }
    drop(idle);
    served.answers().await;
}

#[tokio::test]
async fn what_is_no_request_or_two_at_once_is_refused() {
    let served = served(Listening::default()).await;
    let long = "a".repeat(9 << 10);
    let many: String = (0..200)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let large = "a".repeat(200 << 10);
    for (text, status) in [
        ("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1, 1 1\r\n\r\n".to_owned(), "400"),
        ("POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n".to_owned(), "400"),
        ("GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/7.1\r\nhost: a\r\n\r\n".to_owned(), "400"),
        ("\u{16}\u{3}\u{1}\u{2}\0\r\n\r\n".to_owned(), "400"),
        (format!("GET /{long} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"), "414"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {large}\r\n\r\n"), "431"),
    ] {
        let mut stream = served.connect().await;
        // What is refused early need not be read to its end.
        let _ = stream.write_all(text.as_bytes()).await;
        let answer = heard(stream).await;
        let shown: String = text.chars().take(80).collect();
        assert_eq!(answer.get(9..12), Some(status), "{shown:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{shown:?}: {answer}");
    }
    // Of two lengths, that of the chunks counts, for everybody between as well: no second request is hidden in the body.
    let hidden = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";
    let text = format!(
        "POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
        hidden.len()
    );
    let answer = heard(served.sent(&text).await).await;
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert!(!answer.contains("404"), "{answer}");
    served.answers().await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn hosts_are_known_however_they_are_named() {
    let served = served(Listening::default()).await;
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let url = format!("http://{}/host", served.address);
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let named = format!("Some(\"{}\")", served.address);
    assert_eq!(answer.text().await.unwrap(), named);
    // Of two, the one in the first line counts.
    let both = "GET http://me@a:1/host HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n";
    let answer = heard(served.sent(both).await).await;
    assert!(answer.ends_with("Some(\"a:1\")"), "{answer}");
}

#[tokio::test]
async fn who_asks_and_takes_it_back_again_and_again_is_sent_away() {
    let served = served(Listening::default()).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for number in 0..20_000 {
        let stream = number * 2 + 1;
        // GET http / of a.
        bytes.extend(frame(1, 5, stream, &[0x82, 0x86, 0x84, 0x41, 1, b'a']));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let (mut reading, mut writing) = served.connect().await.into_split();
    let sending = tokio::spawn(async move {
        let _ = writing.write_all(&bytes).await;
        writing
    });
    let mut answer = Vec::new();
    let _ = timeout(EVER, reading.read_to_end(&mut answer))
        .await
        .unwrap();
    drop(timeout(EVER, sending).await.unwrap());
    served.answers().await;
}

#[tokio::test]
async fn what_has_begun_is_finished_before_the_end() {
    let mut served = served(Listening::default()).await;
    let mut upload = served
        .sent("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345")
        .await;
    let mut download = served.sent("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut begun = vec![0; PART];
    download.read_exact(&mut begun).await.unwrap();
    let waiting = served.sent("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let idle = served.connect().await;
    served.answers().await;
    served.stop();
    assert_eq!(heard(idle).await, "");
    upload.write_all(b"67890").await.unwrap();
    assert!(heard(upload).await.ends_with("10"));
    assert!(heard(download).await.len() > PART * (PARTS - 1));
    served.go.notify_waiters();
    assert!(heard(waiting).await.starts_with("HTTP/1.1 200"));
    let address = served.address;
    served.ended().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_takes_too_long_is_broken_off_in_the_end() {
    let mut served = served(Listening {
        stop: SHORT,
        ..Listening::default()
    })
    .await;
    let endless = served
        .sent("GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    let waiting = served.sent("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    served.answers().await;
    served.stop();
    served.ended().await;
    assert_eq!(heard(waiting).await, "");
    drop(endless);
}

/// Events are told for ever, unless the service stops.
#[tokio::test]
async fn streams_of_events_end_with_the_service() {
    let running = Running::new().await;
    running
        .publish("shapes", "1.0.0", &[("index.js", "export {};\n")])
        .await;
    let listening = Listening::default();
    let listener = listening
        .bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let service = running.service.clone();
    let task = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        service.serve(listener, listening, stopped).await;
    });
    let mut events = reqwest::get(url).await.unwrap();
    assert_eq!(events.status(), StatusCode::OK);
    stop.send(()).unwrap();
    while timeout(EVER, events.chunk())
        .await
        .unwrap()
        .unwrap()
        .is_some()
    {}
    timeout(EVER, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn paths_lead_nowhere_else() {
    let running = Running::new().await;
    running
        .publish("shapes", "1.0.0", &[("index.js", "export {};\n")])
        .await;
    running.release(&["shapes@1.0.0"]).await;
    let address = running.address.strip_prefix("http://").unwrap();
    let long = "a/".repeat(3000);
    for path in [
        "/m/shapes/../../etc/passwd",
        "/m/shapes/%2e%2e/%2e%2e/etc/passwd",
        "/m/shapes/..%2f..%2fetc%2fpasswd",
        "/m/../format.json",
        "/m/%2e%2e/format.json",
        "/m/shapes/..\\..\\format.json",
        "/m/shapes/%5c..%5cformat.json",
        "/m/shapes/index%00.js",
        "/m/shapes/%ff%fe",
        "/m//etc/passwd",
        "/m/shapes/package.json",
        "/resolve/../radpack.json%00",
        "/resolve/%2e%2e%2f%2e%2e",
        "/at/../radpack.json",
        "/at/%00/radpack.json",
        "/api/../../etc/passwd",
        &format!("/m/shapes/{long}"),
    ] {
        let text = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let answer = heard(stream).await;
        assert_eq!(answer.get(9..10), Some("4"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn others_are_not_spoken_to_in_the_open() {
    let address: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let mut listening = Listening::default();
    let refused = listening.bind(address).await.unwrap_err();
    assert!(matches!(refused, ListenError::Insecure(_)), "{refused}");
    assert!(refused.to_string().contains("--tls-cert"), "{refused}");
    listening.insecure_http = true;
    listening.bind(address).await.unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = listening
        .bind(taken.local_addr().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(refused, ListenError::Refused { .. }), "{refused}");
}

/// What was told of certificates.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test]
async fn a_certificate_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let made = || {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let write = |(one, other): &(String, String)| {
        std::fs::write(&certificate, one).unwrap();
        std::fs::write(&key, other).unwrap();
    };
    let (first, second) = (made(), made());
    write(&(first.0.clone(), second.1.clone()));
    let error = Tls::open(&certificate, &key).unwrap_err();
    assert!(
        error.to_string().contains("cannot be used with the key"),
        "{error}"
    );
    write(&first);
    let served = served(Listening {
        tls: Some(Tls::open(&certificate, &key).unwrap()),
        tell: |words| TOLD.lock().unwrap().push(words.to_owned()),
        ..Listening::default()
    })
    .await;
    let url = format!("https://{}/", served.address);
    let asks = async |of: &(String, String)| {
        let root = Certificate::from_pem(of.0.as_bytes()).unwrap();
        let client = Client::builder().tls_certs_only([root]).build().unwrap();
        client.get(&url).send().await.map(|answer| answer.version())
    };
    assert_eq!(asks(&first).await.unwrap(), Version::HTTP_2);
    assert!(asks(&second).await.is_err());
    let told = async |words: &str| {
        let is_told = || TOLD.lock().unwrap().iter().any(|told| told.contains(words));
        timeout(EVER, async {
            while !is_told() {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
    };
    std::fs::write(&certificate, "no certificate").unwrap();
    told("is used on").await;
    assert!(asks(&first).await.is_ok());
    write(&second);
    told("was read again").await;
    assert!(asks(&second).await.is_ok());
    // Who speaks no TLS there is not understood, and harms nobody.
    let plain = served.sent("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!heard(plain).await.contains("here"));
    assert!(asks(&second).await.is_ok());
}
