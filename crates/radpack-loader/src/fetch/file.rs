//! Reading `file:` URLs, within limits. Only regular files: a pipe may never end.

use std::fs::File;
use std::io::{self, Read as _};

use bytes::Bytes;
use url::Url;

use crate::error::{LoadError, LoadErrorKind};
use crate::work::blocking;

pub(crate) async fn read(url: &Url, limit: usize) -> Result<Bytes, LoadError> {
    let text = url.as_str().to_owned();
    let Ok(path) = url.to_file_path() else {
        let message = format!("{text} names no file on this machine");
        return Err(LoadError::new(LoadErrorKind::Url, message).at(&text));
    };
    let read = move || -> io::Result<Option<Vec<u8>>> {
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a regular file",
            ));
        }
        // One more than allowed tells a file that is too large from one that just fits.
        let mut bytes = Vec::new();
        file.take((limit as u64).saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok((bytes.len() <= limit).then_some(bytes))
    };
    match blocking(read).await? {
        Ok(Some(bytes)) => Ok(bytes.into_boxed_slice().into()),
        Ok(None) => Err(super::too_large(&text, limit)),
        Err(error) => Err(
            LoadError::new(LoadErrorKind::Fetch, format!("cannot read {text}"))
                .at(&text)
                .because(error),
        ),
    }
}
