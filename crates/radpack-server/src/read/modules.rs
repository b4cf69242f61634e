//! `GET /m/{package}/{file}`: a file of a package, for ever the same.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use radpack_registry::Hash;
use radpack_registry::state::package::Package;

use super::reply::{HEADERS, Keeping, open_to_all, vary};
use super::{Answer, INTEGRITY};
use crate::caller::Reader;
use crate::encoded::{Encoded, Variant, known};
use crate::files::{File, Files, Serving};
use crate::problem::Problem;
use crate::service::Shared;

/// The digest of what is sent (RFC 9530).
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// What a document must not do that somebody makes of a module: run, or be of this origin.
const SANDBOX: &str = "sandbox";

pub(super) async fn answer(
    shared: &Shared,
    headers: &HeaderMap,
    path: &str,
) -> Result<Answer, Problem> {
    let unknown = || Problem::unknown(format!("there is no file {path:?} in this registry"));
    let (name, file) = split(path).ok_or_else(unknown)?;
    let now = shared.live.now();
    let reader = Reader::of(headers, &now.moment)?;
    let package = now.moment.state.shared(name).ok_or_else(unknown)?;
    let files = shared.files(name, package);
    let found = files.files.get(file).ok_or_else(unknown)?;
    let (serving, keeping) = match &found.released {
        Serving::No if !reader.sees(name) => return Err(unknown()),
        Serving::No => (&found.published, Keeping::ever(&reader)),
        // Whoever may ask without a token gets the same with one.
        Serving::Yes => (&found.released, Keeping::ever(&Reader::Anybody)),
        Serving::Gone(_) if reader.sees(name) => (&found.published, Keeping::ever(&reader)),
        gone => (gone, Keeping::ever(&reader)),
    };
    if let Serving::Gone(reason) = serving {
        return Err(Problem::new(StatusCode::GONE, "gone", reason));
    }
    if let Some(etag) = known(headers, found.hash.as_bytes()) {
        let mut response = Answer::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        head(response.headers_mut(), etag, keeping);
        return Ok(response);
    }
    let blob = match shared.blobs.get(&found.hash).await {
        Some(blob) => blob,
        None => Box::pin(shared.read_blob(&now.moment.clone(), found.hash)).await?,
    };
    let kind = kind_of(file);
    // A range is one of the bytes as they are.
    let variant = match kind.is_text && !headers.contains_key(header::RANGE) {
        true => blob.for_reader(headers).await,
        false => blob.identity(),
    };
    Ok(send(headers, found, variant, kind, keeping))
}

impl Shared {
    fn files(&self, name: &str, package: &Arc<Package>) -> Arc<Files> {
        if let Some(files) = self.files.get(name)
            && Arc::ptr_eq(&files.package, package)
        {
            return files;
        }
        let files = Arc::new(Files::of(name, package, &self.settings.public_channels));
        self.files.insert(name.into(), Arc::clone(&files));
        files
    }

    async fn read_blob(
        &self,
        moment: &radpack_registry::Moment,
        hash: Hash,
    ) -> Result<Encoded, Problem> {
        let read = async {
            let bytes = self.registry.blob(moment, &hash).await?;
            Ok::<_, radpack_registry::HistoryError>(Encoded::with_hash(bytes, hash.as_bytes()))
        };
        let read = self.blobs.try_get_with(hash, read).await;
        read.map_err(|error| Problem::of_failure(&*error))
    }
}

/// The package and the file of a path; a package's name with a scope has a slash.
fn split(path: &str) -> Option<(&str, &str)> {
    let from = if path.starts_with('@') {
        path.find('/')? + 1
    } else {
        0
    };
    let end = from + path[from..].find('/')?;
    Some((&path[..end], &path[end + 1..]))
}

/// How a file is served.
#[derive(Clone, Copy)]
struct Kind {
    content_type: &'static str,
    /// Whether compressing it is worth anything.
    is_text: bool,
    /// Whether browsers show it as what it is; anything else they store.
    is_known: bool,
}

/// The media type of a file, by its name.
pub(crate) fn content_type(file: &str) -> &'static str {
    kind_of(file).content_type
}

/// The types that modules and what they load have. A page is not among them: nobody publishes one on this origin.
fn kind_of(file: &str) -> Kind {
    let text = |content_type| Kind {
        content_type,
        is_text: true,
        is_known: true,
    };
    let bytes = |content_type| Kind {
        content_type,
        is_text: false,
        is_known: true,
    };
    match file.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" | "mjs" => text("text/javascript; charset=utf-8"),
        "json" | "map" => text("application/json"),
        "css" => text("text/css; charset=utf-8"),
        "wasm" => text("application/wasm"),
        "txt" | "md" => text("text/plain; charset=utf-8"),
        "svg" => text("image/svg+xml"),
        "png" => bytes("image/png"),
        "jpg" | "jpeg" => bytes("image/jpeg"),
        "gif" => bytes("image/gif"),
        "webp" => bytes("image/webp"),
        "avif" => bytes("image/avif"),
        "woff" => bytes("font/woff"),
        "woff2" => bytes("font/woff2"),
        _ => Kind {
            content_type: "application/octet-stream",
            is_text: false,
            is_known: false,
        },
    }
}

/// What is said of a file, also to those who have it.
fn head(answer: &mut HeaderMap, etag: HeaderValue, keeping: Keeping) {
    answer.insert(header::ETAG, etag);
    vary(answer, "Accept-Encoding", &keeping);
    answer.insert(header::CACHE_CONTROL, keeping.value());
    answer.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    open_to_all(answer);
}

fn send(
    headers: &HeaderMap,
    file: &File,
    variant: &Variant,
    kind: Kind,
    keeping: Keeping,
) -> Answer {
    let range = headers.get(header::RANGE);
    let mut response = Answer::new(Bytes::new());
    let answer = response.headers_mut();
    answer.reserve(HEADERS);
    head(answer, variant.etag.clone(), keeping);
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(kind.content_type),
    );
    answer.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(SANDBOX),
    );
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if !kind.is_known {
        answer.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        );
    }
    if let Some(integrity) = &file.integrity {
        answer.insert(INTEGRITY, integrity.clone());
    }
    let bytes = match variant.coding {
        Some(coding) => {
            answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            variant.bytes.clone()
        }
        None => {
            if let Some(digest) = &file.digest {
                answer.insert(REPR_DIGEST, digest.clone());
            }
            match range.and_then(|range| part(headers, range, &variant.etag, variant.bytes.len())) {
                None => variant.bytes.clone(),
                Some(Ok((from, to))) => {
                    let range = format!("bytes {from}-{}/{}", to - 1, variant.bytes.len());
                    if let Ok(range) = HeaderValue::from_str(&range) {
                        answer.insert(header::CONTENT_RANGE, range);
                    }
                    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                    variant.bytes.slice(from..to)
                }
                Some(Err(Unsatisfiable)) => {
                    let range = format!("bytes */{}", variant.bytes.len());
                    let mut problem = Problem::new(
                        StatusCode::RANGE_NOT_SATISFIABLE,
                        "invalid",
                        "the file has no such bytes",
                    );
                    if let Ok(range) = HeaderValue::from_str(&range) {
                        problem = problem.with(header::CONTENT_RANGE, range);
                    }
                    return problem.into_answer();
                }
            }
        }
    };
    *response.body_mut() = bytes;
    response
}

/// The bytes that a range names are not there.
struct Unsatisfiable;

/// The part that a reader wants (RFC 9110, 14): one range. Several are answered by the whole, which is allowed, and so is a range of another
/// representation.
fn part(
    headers: &HeaderMap,
    range: &HeaderValue,
    etag: &HeaderValue,
    length: usize,
) -> Option<Result<(usize, usize), Unsatisfiable>> {
    if headers
        .get(header::IF_RANGE)
        .is_some_and(|known| known != etag)
    {
        return None;
    }
    let (first, last) = range
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?
        .split_once('-')?;
    let number = |text: &str| -> Option<usize> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse().unwrap_or(usize::MAX))
    };
    let (from, to) = match (first, last) {
        ("", suffix) => {
            let suffix = number(suffix)?;
            if suffix == 0 {
                return Some(Err(Unsatisfiable));
            }
            (length.saturating_sub(suffix), length)
        }
        (first, "") => (number(first)?, length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, last.saturating_add(1).min(length))
        }
    };
    Some(if from < to {
        Ok((from, to))
    } else {
        Err(Unsatisfiable)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_part_of_names() {
        assert_eq!(split("d3/index-1.js"), Some(("d3", "index-1.js")));
        assert_eq!(
            split("@acme/shapes/c/a-1.js"),
            Some(("@acme/shapes", "c/a-1.js"))
        );
        assert_eq!(split("@acme/shapes"), None);
        assert_eq!(split("d3"), None);
        assert_eq!(split(""), None);
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        let etag = HeaderValue::from_static("\"e\"");
        let part = |range: &str| {
            let range = HeaderValue::from_str(range).unwrap();
            part(&HeaderMap::new(), &range, &etag, 10).map(|part| part.ok())
        };
        assert_eq!(part("bytes=0-3"), Some(Some((0, 4))));
        assert_eq!(part("bytes=4-"), Some(Some((4, 10))));
        assert_eq!(part("bytes=-3"), Some(Some((7, 10))));
        assert_eq!(part("bytes=-30"), Some(Some((0, 10))));
        assert_eq!(part("bytes=4-400"), Some(Some((4, 10))));
        assert_eq!(part("bytes=9-9"), Some(Some((9, 10))));
        assert_eq!(part("bytes=10-"), Some(None));
        assert_eq!(part("bytes=-0"), Some(None));
        assert_eq!(part("bytes=99999999999999999999999-"), Some(None));
        for ignored in [
            "bytes=0-1,3-4",
            "bytes=4-2",
            "bytes=a-b",
            "bytes=-",
            "items=0-1",
            "bytes=+1-2",
        ] {
            assert_eq!(part(ignored), None, "{ignored}");
        }
    }
}
