//! An HTTP/1.1 server on loopback that answers as it is told, well or badly. Written by hand, because a proper one refuses to
//! misbehave.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// An answer, and what is wrong with it.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    /// Comes only once so many requests are under way.
    together: usize,
    /// Comes only once the server is told to release what it holds.
    held: bool,
    fault: Fault,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// Not a byte comes.
    Hang,
    /// Half of the body comes, and then nothing.
    HangInBody,
    /// Half of the body comes, and the connection is reset.
    Reset,
    /// Half of the body comes, and the connection is closed.
    Truncate,
    /// The length that is stated is too small.
    ShortLength,
    /// The length that is stated is this one; what comes of it is half of the body.
    StatesLength(usize),
    /// The body comes in chunks, the last of which does not.
    UnendedChunks,
    /// What comes is not HTTP.
    NotHttp,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Reply {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
            together: 0,
            held: false,
            fault: Fault::Nothing,
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Reply {
            status,
            ..Self::ok("no")
        }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).header("Location", to)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers 304 to those who have this version.
    pub(crate) fn etag(self, etag: &str) -> Self {
        self.header("ETag", etag)
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Reply { delay, ..self }
    }

    /// Waits until so many requests are under way at once; for a client that does not send so many, for ever.
    pub(crate) fn together(self, together: usize) -> Self {
        Reply { together, ..self }
    }

    /// Waits for [`Server::release`].
    pub(crate) fn held(self) -> Self {
        Reply { held: true, ..self }
    }

    pub(crate) fn fault(self, fault: Fault) -> Self {
        Reply { fault, ..self }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
}

#[derive(Default)]
struct Script {
    /// The last one of each stays.
    replies: HashMap<String, Vec<Reply>>,
    requests: Vec<Request>,
    released: bool,
}

pub(crate) struct Server {
    url: String,
    script: Arc<Mutex<Script>>,
    most_at_once: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let most_at_once = Arc::new(AtomicUsize::new(0));
        let shared = (Arc::clone(&script), Arc::clone(&most_at_once));
        let task = tokio::spawn(async move {
            let at_once = Arc::new(AtomicUsize::new(0));
            while let Ok((stream, _)) = listener.accept().await {
                let (script, most) = (Arc::clone(&shared.0), Arc::clone(&shared.1));
                let at_once = Arc::clone(&at_once);
                tokio::spawn(async move {
                    // A client that goes away is none of our concern.
                    let _ = serve(stream, &script, &at_once, &most).await;
                });
            }
        });
        Server {
            url,
            script,
            most_at_once,
            task: task.abort_handle(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Answers a path with this from now on.
    pub(crate) fn on(&self, path: &str, reply: Reply) {
        self.on_each(path, vec![reply]);
    }

    /// Answers a path with one after the other, and then with the last for ever.
    pub(crate) fn on_each(&self, path: &str, replies: Vec<Reply>) {
        self.script
            .lock()
            .unwrap()
            .replies
            .insert(path.to_owned(), replies);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.script.lock().unwrap().requests.clone()
    }

    /// Lets go of all answers that are held, and of those that would be.
    pub(crate) fn release(&self) {
        self.script.lock().unwrap().released = true;
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.path == path)
            .count()
    }

    /// How many requests were under way at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    script: &Mutex<Script>,
    at_once: &AtomicUsize,
    most: &AtomicUsize,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let reply = {
            let mut script = script.lock().unwrap();
            let request = Request {
                path: path.clone(),
                headers: headers.clone(),
            };
            script.requests.push(request);
            match script.replies.get_mut(&path) {
                Some(replies) if replies.len() > 1 => replies.remove(0),
                Some(replies) => replies[0].clone(),
                None => Reply::status(404),
            }
        };
        let now = at_once.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(now, Ordering::SeqCst);
        sleep(reply.delay).await;
        while most.load(Ordering::SeqCst) < reply.together
            || reply.held && !script.lock().unwrap().released
        {
            sleep(Duration::from_millis(1)).await;
        }
        let goes_on = answer(&mut stream, &reply, &headers).await;
        at_once.fetch_sub(1, Ordering::SeqCst);
        if !goes_on? {
            return Ok(());
        }
    }
}

/// Answers; says whether the connection goes on.
async fn answer(
    stream: &mut BufReader<TcpStream>,
    reply: &Reply,
    asked: &HashMap<String, String>,
) -> std::io::Result<bool> {
    let fault = reply.fault;
    if fault == Fault::Hang {
        hang(stream).await;
        return Ok(false);
    }
    if fault == Fault::NotHttp {
        stream.write_all(b"220 mail.example ESMTP\r\n").await?;
        return Ok(false);
    }
    let value = |name: &str| {
        let mut headers = reply.headers.iter();
        headers
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    };
    let has_it = |asked_by: &str, name: &str| {
        asked
            .get(asked_by)
            .is_some_and(|known| Some(known) == value(name))
    };
    let has_it = has_it("if-none-match", "ETag") || has_it("if-modified-since", "Last-Modified");
    let (status, body): (u16, &[u8]) = if has_it {
        (304, b"")
    } else {
        (reply.status, &reply.body)
    };
    let mut head = format!("HTTP/1.1 {status} Reply\r\n");
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match fault {
        Fault::UnendedChunks => head.push_str("Transfer-Encoding: chunked\r\n"),
        Fault::ShortLength => head.push_str(&format!("Content-Length: {}\r\n", body.len() / 2)),
        Fault::StatesLength(length) => head.push_str(&format!("Content-Length: {length}\r\n")),
        _ if status == 304 => {}
        _ => head.push_str(&format!("Content-Length: {}\r\n", body.len())),
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let half = &body[..body.len() / 2];
    match fault {
        Fault::HangInBody | Fault::StatesLength(_) => {
            stream.write_all(half).await?;
            stream.flush().await?;
            hang(stream).await;
        }
        Fault::Reset => {
            stream.write_all(half).await?;
            stream.flush().await?;
            // Until the half has arrived, so that it is a reset in mid-body.
            sleep(Duration::from_millis(5)).await;
            stream.get_ref().set_zero_linger()?;
        }
        Fault::Truncate => stream.write_all(half).await?,
        Fault::UnendedChunks => {
            stream
                .write_all(format!("{:x}\r\n", half.len().max(1)).as_bytes())
                .await?;
            stream.write_all(half).await?;
            stream.write_all(b"\r\n").await?;
        }
        _ => {
            stream.write_all(body).await?;
            stream.flush().await?;
            // After a length that was wrong, nothing on the connection is where it should be.
            return Ok(fault != Fault::ShortLength);
        }
    }
    Ok(false)
}

/// Says nothing until the client goes away.
async fn hang(stream: &mut BufReader<TcpStream>) {
    let mut nothing = [0; 64];
    while stream.read(&mut nothing).await.is_ok_and(|count| count > 0) {}
}
