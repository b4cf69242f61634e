//! Bytes that are sent many times: in each encoding made once, by whoever asks for it first.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

/// Below this, what encoding saves is less than what saying so costs.
const SMALL: usize = 512;

/// Up to this, whoever asks first waits for the encoding; beyond, it is made aside, and sent from when it is ready.
const QUICK: usize = 512 << 10;

/// How hard is compressed: once, for many readers.
const BROTLI: u32 = 9;
const BROTLI_LARGE: u32 = 5;
const GZIP: u32 = 6;
const ZSTD: i32 = 9;
const ZSTD_LARGE: i32 = 3;

/// An encoding that readers may accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

impl Coding {
    /// The smaller first.
    const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    pub(crate) fn encode(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let large = bytes.len() > QUICK;
        match self {
            Coding::Brotli => {
                let quality = if large { BROTLI_LARGE } else { BROTLI };
                let mut writer = brotli::CompressorWriter::new(Vec::new(), 1 << 16, quality, 22);
                writer.write_all(bytes).ok()?;
                Some(writer.into_inner())
            }
            Coding::Zstd => zstd::bulk::compress(bytes, if large { ZSTD_LARGE } else { ZSTD }).ok(),
            Coding::Gzip => {
                let level = flate2::Compression::new(GZIP);
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
                writer.write_all(bytes).ok()?;
                writer.finish().ok()
            }
        }
    }
}

/// Bytes, and what they are in each encoding. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Encoded(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The bytes as they are.
    identity: Variant,
    /// How the ETag begins: the hash of the bytes.
    tag: String,
    codings: [OnceCell<Option<Variant>>; 3],
    /// Which of them somebody makes, of what is large.
    making: [AtomicBool; 3],
}

/// The bytes in an encoding.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) bytes: Bytes,
    pub(crate) etag: HeaderValue,
    pub(crate) coding: Option<&'static str>,
}

impl Encoded {
    pub(crate) fn new(plain: Bytes) -> Encoded {
        let hash: [u8; 32] = Sha256::digest(&plain).into();
        Encoded::with_hash(plain, &hash)
    }

    /// Bytes whose hash is known.
    pub(crate) fn with_hash(plain: Bytes, hash: &[u8; 32]) -> Encoded {
        let tag = tag_of(hash);
        Encoded(Arc::new(Inner {
            identity: Variant {
                bytes: plain,
                etag: quoted(&tag, None),
                coding: None,
            },
            tag,
            codings: Default::default(),
            making: Default::default(),
        }))
    }

    /// What is the same for the same bytes.
    pub(crate) fn tag(&self) -> &str {
        &self.0.tag
    }

    pub(crate) fn plain(&self) -> &Bytes {
        &self.0.identity.bytes
    }

    /// How much memory it takes at most.
    pub(crate) fn weight(&self) -> usize {
        self.plain().len() * 2
    }

    /// The bytes as they are.
    pub(crate) fn identity(&self) -> &Variant {
        &self.0.identity
    }

    /// The smallest encoding that a reader accepts and that is ready, or quickly made.
    pub(crate) async fn for_reader(&self, headers: &HeaderMap) -> &Variant {
        if self.plain().len() < SMALL {
            return self.identity();
        }
        let Some(coding) = accepted(headers) else {
            return self.identity();
        };
        let slot = &self.0.codings[coding as usize];
        if let Some(ready) = slot.get() {
            return ready.as_ref().unwrap_or(self.identity());
        }
        if self.plain().len() <= QUICK {
            let made = Box::pin(self.made(coding)).await;
            return made.unwrap_or(self.identity());
        }
        if !self.0.making[coding as usize].swap(true, Ordering::Relaxed) {
            let encoded = self.clone();
            tokio::spawn(async move {
                encoded.made(coding).await;
            });
        }
        self.identity()
    }

    /// An encoding, made once for all who wait for it.
    async fn made(&self, coding: Coding) -> Option<&Variant> {
        let make = || async {
            let encoded = self.clone();
            let made = tokio::task::spawn_blocking(move || encoded.make(coding));
            made.await.ok().flatten()
        };
        let made = self.0.codings[coding as usize].get_or_init(make);
        made.await.as_ref()
    }

    /// Makes the encodings that were made of other bytes.
    pub(crate) async fn prepare_as(&self, before: &Encoded) {
        for coding in Coding::ALL {
            if before.0.codings[coding as usize].initialized() {
                self.made(coding).await;
            }
        }
    }

    fn make(&self, coding: Coding) -> Option<Variant> {
        let bytes = coding.encode(self.plain())?;
        (bytes.len() < self.plain().len()).then(|| Variant {
            bytes: bytes.into(),
            etag: quoted(&self.0.tag, Some(coding.name())),
            coding: Some(coding.name()),
        })
    }
}

/// The ETag of bytes with this hash that a reader has already, in any encoding.
pub(crate) fn known(headers: &HeaderMap, hash: &[u8; 32]) -> Option<HeaderValue> {
    headers.get(header::IF_NONE_MATCH)?;
    let tag = tag_of(hash);
    let codings = Coding::ALL.into_iter().map(|coding| Some(coding.name()));
    let mut etags = codings.chain([None]).map(|coding| quoted(&tag, coding));
    etags.find(|etag| has(headers, etag))
}

/// How the ETags of bytes with this hash begin.
fn tag_of(hash: &[u8]) -> String {
    let mut tag = String::with_capacity(32);
    for byte in hash.iter().take(16) {
        tag.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        tag.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    tag
}

/// A strong ETag: other bytes have another, and so has another encoding (RFC 9110, 8.8.3.3).
fn quoted(tag: &str, coding: Option<&str>) -> HeaderValue {
    let text = match coding {
        None => format!("\"{tag}\""),
        Some(coding) => format!("\"{tag}-{coding}\""),
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// The encoding that a reader wants most of those that it accepts (RFC 9110, 12.5.3): the highest weight, then the smallest bytes.
fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let mut any = None;
    let mut weights = [None::<u16>; 3];
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for part in value.to_str().ok()?.split(',') {
            let mut parameters = part.split(';');
            let name = parameters.next().unwrap_or_default().trim();
            let weight = parameters
                .find_map(|parameter| parameter.trim().strip_prefix("q="))
                .map_or(1000, |weight| thousandths(weight.trim()));
            if name == "*" {
                any = Some(weight);
            }
            for coding in Coding::ALL {
                if name.eq_ignore_ascii_case(coding.name()) {
                    weights[coding as usize] = Some(weight);
                }
            }
        }
    }
    let mut best: Option<(u16, Coding)> = None;
    for coding in Coding::ALL {
        let weight = weights[coding as usize].or(any).unwrap_or(0);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, coding));
        }
    }
    best.map(|(_, coding)| coding)
}

fn thousandths(weight: &str) -> u16 {
    let weight: f32 = weight.parse().unwrap_or(0.0);
    (weight.clamp(0.0, 1.0) * 1000.0) as u16
}

/// Whether a reader has one of these bytes already (RFC 9110, 13.1.2).
pub(crate) fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        if value == etag {
            return true;
        }
        let (Ok(tags), Ok(etag)) = (value.to_str(), etag.to_str()) else {
            return false;
        };
        tags.trim() == "*"
            || tags
                .split(',')
                .map(|tag| tag.trim().trim_start_matches("W/"))
                .any(|tag| tag == etag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
        headers
    }

    #[test]
    fn readers_get_what_they_want_most() {
        for (accept, coding) in [
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("gzip, deflate", Some(Coding::Gzip)),
            ("gzip;q=1, br;q=0.5", Some(Coding::Gzip)),
            ("br;q=0, *", Some(Coding::Zstd)),
            ("BR", Some(Coding::Brotli)),
            ("identity", None),
            ("*;q=0", None),
            ("br;q=x", None),
            ("", None),
        ] {
            assert_eq!(accepted(&headers(accept)), coding, "{accept}");
        }
        assert_eq!(accepted(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn each_encoding_is_made_once_and_says_the_same() {
        let text = "all the same ".repeat(200);
        let encoded = Encoded::new(Bytes::from(text.clone()));
        for name in ["br", "gzip", "zstd"] {
            let one = encoded.for_reader(&headers(name)).await;
            let two = encoded.for_reader(&headers(name)).await;
            assert_eq!(one.bytes.as_ptr(), two.bytes.as_ptr());
            assert_eq!(one.coding, Some(name));
            assert_ne!(one.etag, encoded.identity().etag);
            assert!(one.bytes.len() < text.len() / 4);
        }
        let small = Encoded::new(Bytes::from_static(b"{}"));
        assert_eq!(small.for_reader(&headers("br")).await.coding, None);
    }

    #[test]
    fn who_has_it_is_not_sent_it() {
        let etag = Encoded::new(Bytes::from_static(b"x"))
            .identity()
            .etag
            .clone();
        let text = etag.to_str().unwrap().to_owned();
        for (sent, known) in [
            (text.clone(), true),
            (format!("W/{text}"), true),
            (format!("\"a\", {text}"), true),
            ("*".to_owned(), true),
            ("\"a\"".to_owned(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, sent.parse().unwrap());
            assert_eq!(has(&headers, &etag), known, "{sent}");
        }
    }
}
