//! A server on this machine that answers as it is told, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// An answer: status line, further header lines, body.
#[derive(Clone)]
pub(crate) struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Answer {
            status: "200 OK",
            headers: String::new(),
            body: body.into(),
        }
    }

    pub(crate) fn status(status: &'static str) -> Self {
        Answer {
            status,
            headers: String::new(),
            body: b"no".to_vec(),
        }
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Answer {
            status: "302 Found",
            headers: format!("location: {location}\r\n"),
            body: Vec::new(),
        }
    }
}

/// Serves until the test ends; its threads wait for connections and end with the process.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn new<'a>(answers: impl IntoIterator<Item = (&'a str, Answer)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers
            .into_iter()
            .map(|(path, answer)| (path.to_owned(), answer));
        let answers: Arc<BTreeMap<String, Answer>> = Arc::new(answers.collect());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, log) = (Arc::clone(&answers), Arc::clone(&log));
                // the program may hang up at any time, which is its right
                std::thread::spawn(move || {
                    let _ = serve(&stream, &answers, &log);
                });
            }
        });
        Server { url, asked }
    }

    /// The paths that were asked for, sorted.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

fn serve(
    mut stream: &TcpStream,
    answers: &BTreeMap<String, Answer>,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
    let answer = answers
        .get(&path)
        .cloned()
        .unwrap_or_else(|| Answer::status("404 Not Found"));
    log.lock().unwrap().push(path);
    write!(
        stream,
        "HTTP/1.1 {}\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n",
        answer.status,
        answer.body.len(),
        answer.headers
    )?;
    stream.write_all(&answer.body)
}
