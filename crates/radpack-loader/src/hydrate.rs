//! Handing over to a browser, and taking over from one: what Radpack 1.x's `hydrate()` takes.
//!
//! The JSON is `[scope, context, [manifests]]`: the package that asks or `null`, the values for `${name}`, and the manifests, the last
//! on top.

use std::collections::BTreeMap;

use radpack_manifest::{Limits, Manifest, ManifestErrors, Register};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{LoadError, LoadErrorKind};
use crate::snapshot::Snapshot;

impl Snapshot {
    /// All that a page needs to resolve as this snapshot does: the JSON text `[scope, context, [manifests]]`, which Radpack 1.x's
    /// `hydrate()` takes, and [`Builder::hydrate`](crate::Builder::hydrate). It can stand in a script element.
    ///
    /// # Errors
    ///
    /// If the index is damaged.
    pub fn dehydrate(&self) -> Result<String, LoadError> {
        let index = self.index();
        let manifests = index.to_manifests().map_err(|error| {
            LoadError::new(LoadErrorKind::Register, "cannot hand over the registers").because(error)
        })?;
        let mut text = String::from("[");
        text.push_str(&json(&self.view.scope)?);
        text.push(',');
        text.push_str(&json(&self.view.context)?);
        text.push_str(",[");
        for (position, mut manifest) in manifests.into_iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            if let Some(base_url) = index.base_url() {
                let stated = manifest.vars.entry("baseUrl".to_owned());
                stated.or_insert_with(|| base_url.to_owned());
            }
            text.push_str(&manifest.to_json());
        }
        text.push_str("]]");
        // Only within texts, where it can be written so as well.
        Ok(text.replace('<', "\\u003c"))
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, LoadError> {
    serde_json::to_string(value).map_err(|error| {
        LoadError::new(
            LoadErrorKind::Setup,
            "cannot write scope and context as JSON",
        )
        .because(error)
    })
}

/// What was handed over.
pub(crate) struct Hydrated {
    pub(crate) scope: Option<String>,
    pub(crate) context: BTreeMap<String, String>,
    pub(crate) manifests: Vec<Manifest>,
}

/// A value of a context: 1.x takes whatever JavaScript makes a text of.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(serde_json::Number),
    Truth(bool),
    Nothing(()),
}

/// Reads what was handed over.
pub(crate) fn read(text: &str, limits: &Limits) -> Result<Hydrated, LoadError> {
    let wrong = |cause: serde_json::Error| {
        let message = "cannot take over what was handed over: expected JSON of the form [scope, context, [manifests]]";
        LoadError::new(LoadErrorKind::Setup, message).because(cause)
    };
    if text.len() > limits.bytes {
        let message = format!(
            "what was handed over has {} bytes, more than the limit of {}",
            text.len(),
            limits.bytes
        );
        return Err(LoadError::new(LoadErrorKind::TooLarge, message));
    }
    let (scope, context, registers): (
        Option<String>,
        Option<BTreeMap<String, Value>>,
        Vec<&RawValue>,
    ) = serde_json::from_str(text).map_err(wrong)?;
    let mut manifests = Vec::with_capacity(registers.len());
    for register in registers {
        let read = Register::from_slice_with(register.get().as_bytes(), limits);
        match read.map_err(invalid)? {
            Register::Manifest(manifest) if manifest.url.is_none() => manifests.push(manifest),
            _ => {
                let message = "cannot take over what was handed over: it leads to other registers";
                return Err(LoadError::new(LoadErrorKind::Setup, message));
            }
        }
    }
    let context = context
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, value)| {
            let value = match value {
                Value::Text(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Truth(truth) => truth.to_string(),
                Value::Nothing(()) => return None,
            };
            Some((name, value))
        });
    Ok(Hydrated {
        scope: scope.filter(|scope| !scope.is_empty()),
        context: context.collect(),
        manifests,
    })
}

fn invalid(errors: ManifestErrors) -> LoadError {
    let message = "cannot take over what was handed over: a manifest in it is not valid";
    LoadError::new(LoadErrorKind::Register, message).because(errors)
}
