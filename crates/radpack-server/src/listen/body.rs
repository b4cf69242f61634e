//! Bodies: those of requests are waited for, though not for ever; those of answers say when they have been sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Buf as _, Bytes};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::UnderWay;

/// The body of a request, from somebody who must go on sending.
pub(super) struct Patient {
    body: Incoming,
    stall: Duration,
    slowest: u64,
    /// Since when the next part has been waited for, and until when it will be.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    /// How long was waited for all parts so far, and how much came.
    waited: Duration,
    came: u64,
}

impl Patient {
    pub(super) fn with(body: Incoming, stall: Duration, slowest: u64) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(Patient {
            body,
            stall,
            slowest,
            waiting: None,
            waited: Duration::ZERO,
            came: 0,
        })
    }
}

fn too_slow(what: &str) -> axum::Error {
    axum::Error::new(io::Error::new(io::ErrorKind::TimedOut, what.to_owned()))
}

impl HttpBody for Patient {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            let stall = this.stall;
            let (_, end) = this.waiting.get_or_insert_with(|| {
                let now = Instant::now();
                (now, Box::pin(sleep_until(now + stall)))
            });
            ready!(end.as_mut().poll(context));
            return Poll::Ready(Some(Err(too_slow("the rest of the body does not come"))));
        };
        if let Some((since, _)) = this.waiting.take() {
            this.waited += since.elapsed();
        }
        let Some(frame) = frame.transpose().map_err(axum::Error::new)? else {
            return Poll::Ready(None);
        };
        this.came += frame.data_ref().map_or(0, |data| data.remaining() as u64);
        if this.waited > this.stall && this.came < this.waited.as_secs() * this.slowest {
            return Poll::Ready(Some(Err(too_slow("the body comes too slowly"))));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What is sent: what there is in memory, or what comes by and by.
pub(super) enum Sent {
    Whole(Bytes),
    Streamed(Body),
}

/// The body of an answer. Its request is under way as long as this is there.
pub(super) struct Answer {
    sent: Sent,
    _under_way: UnderWay,
}

impl Answer {
    pub(super) fn new(sent: Sent, under_way: UnderWay) -> Answer {
        Answer {
            sent,
            _under_way: under_way,
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.sent {
            Sent::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Sent::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Sent::Streamed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.sent {
            Sent::Whole(bytes) => bytes.is_empty(),
            Sent::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.sent {
            Sent::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Sent::Streamed(body) => body.size_hint(),
        }
    }
}
