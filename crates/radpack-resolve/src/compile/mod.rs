//! From manifests to the sections of an index.
//!
//! Two readers feed one [`Writer`]: [`scan`] walks the text of a canonical manifest once and leaves its strings where
//! they stand; whatever it does not take, [`from_manifest`](Writer::manifest) writes from a [`Manifest`] that
//! `radpack-manifest` read. Then [`link`](Writer::finish) hashes all exports into the slots and points outside
//! dependencies at the records that they name.

mod copy;
mod link;
mod manifest;
mod scan;
mod writer;

use std::borrow::Cow;
use std::collections::BTreeMap;

use radpack_manifest::{Limits, Manifest};

use crate::error::IndexError;
use crate::format::NONE;
use crate::index::Index;
use writer::Writer;

/// One manifest of an index, and what is known about where it came from.
pub struct Layer<'m> {
    content: Content<'m>,
    limits: Limits,
    vars: BTreeMap<String, String>,
}

enum Content<'m> {
    Json(Vec<u8>),
    Manifest(Cow<'m, Manifest>),
    Index(&'m Index, usize),
}

impl<'m> Layer<'m> {
    /// The text of a manifest.
    pub fn json(json: impl Into<Vec<u8>>) -> Self {
        Self::new(Content::Json(json.into()))
    }

    /// A manifest that was read.
    pub fn manifest(manifest: &'m Manifest) -> Self {
        Self::new(Content::Manifest(Cow::Borrowed(manifest)))
    }

    /// One layer of an index, counted from the bottom, to lay others on top or below: as it is, with the
    /// [`base_url`](Index::base_url) that the index was given. Nothing is read or checked anew, which makes it the quickest way.
    ///
    /// ```
    /// use radpack_resolve::{Index, Layer};
    ///
    /// let base = Index::from_json(r#"{"exports":{"d3":{"v":[[4]],"d":[["index",[{"v":[0],"f":"d3.js"}]]]}}}"#)?;
    /// let more = r#"{"exports":{"d3":{"v":[[4,1]],"d":[["index",[{"v":[0],"f":"d3-4.1.js"}]]]}}}"#;
    /// let index = Index::from_layers([Layer::of(&base, 0), Layer::json(more)])?;
    /// assert_eq!(index.resolve("d3@^4")?.file()?, Some("d3-4.1.js"));
    /// assert_eq!(index.resolve("d3@4.0.0")?.file()?, Some("d3.js"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(index: &'m Index, layer: usize) -> Self {
        Self::new(Content::Index(index, layer))
    }

    fn new(content: Content<'m>) -> Self {
        Layer {
            content,
            limits: Limits::default(),
            vars: BTreeMap::new(),
        }
    }

    /// Limits for reading text, other than the usual ones.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Layer { limits, ..self }
    }

    /// A variable that the manifest itself does not state, such as the `baseUrl` of the place it was read from.
    #[must_use]
    pub fn default_var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }
}

/// Compiles layers, bottom first.
pub(crate) fn compile<'m>(
    layers: impl IntoIterator<Item = Layer<'m>>,
) -> Result<Index, IndexError> {
    let mut writer = Writer::default();
    for layer in layers {
        writer.begin_layer()?;
        match layer.content {
            Content::Json(json) => {
                let json = match scan::scan(&mut writer, json, &layer.limits, &layer.vars)? {
                    scan::Scanned::Done => continue,
                    scan::Scanned::NotCanonical(json) => json,
                };
                let manifest = Manifest::from_slice_with(&json, &layer.limits)
                    .map_err(IndexError::manifest)?;
                writer.manifest(&manifest, &layer.vars)?;
            }
            Content::Manifest(manifest) => {
                // Manifests made in code may be in any order, and wrong.
                manifest.validate().map_err(IndexError::manifest)?;
                let mut manifest = manifest.into_owned();
                manifest.normalize();
                writer.manifest(&manifest, &layer.vars)?;
            }
            Content::Index(index, number) => {
                writer.copy(index, u32::try_from(number).unwrap_or(NONE), &layer.vars)?;
            }
        }
    }
    writer.finish()
}
