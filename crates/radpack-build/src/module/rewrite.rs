//! Replacing literals in a module, with a source map that leads back to what its author wrote.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::position::Positions;
use super::read::without_mark;
use super::shift::Shift;
use super::source_map::{self, InputMap};
use super::{Module, ModuleError, ModuleErrorKind, SourceMapReference};

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
    /// The text, without its `sourceMappingURL` comment. Nothing but that and the edits differs from the source.
    pub code: String,
    /// The source map as JSON. `None` when nothing was edited and the module had none: the text is the original then.
    pub map: Option<String>,
    /// What is worth telling though it stops nothing, as a source map of the module that cannot be read.
    pub warnings: Vec<String>,
}

/// Applies edits to a module's text, and gives the source map that leads from the result to the original.
///
/// `module` is what [`read`](super::read) said of `source`. `input_map` is the JSON of the module's own source map, where
/// the caller has it; one in the module's own comment, as a `data:` URL, is found without. `name` is the file's name: for
/// messages, and as the only source where the module has no map of its own.
///
/// With a map of its own, the result leads where that map led: what it says of every place (sources, their contents,
/// names, and all else but `file`) stays, only moved along with the text. Without one, the result leads to `source` itself,
/// with a mapping for every word and sign, so that it is right to the column whoever reads it. An indexed map (with
/// `sections`) comes out flat.
///
/// The map holds no name of the file it belongs to: that file's name may depend on its contents, and they on the map's
/// name. For the same reason `code` ends without a comment; see [`append_source_map_comment`].
///
/// ```
/// use radpack_build::module::{Edit, read, rewrite};
///
/// let source = "import { scale } from \"d3-scale\";\n";
/// let module = read(source, "index.js")?;
/// let edits = [Edit { span: module.imports[0].span.clone(), text: "\"d3-scale@^4\"".to_owned() }];
/// let rewritten = rewrite(source, &module, &edits, None, "index.js")?;
/// assert_eq!(rewritten.code, "import { scale } from \"d3-scale@^4\";\n");
/// # Ok::<(), radpack_build::module::ModuleError>(())
/// ```
///
/// # Errors
///
/// Only on edits that overlap or do not lie on the text, with [`ModuleErrorKind::Edit`]. A map that cannot be read is a
/// warning.
pub fn rewrite(
    source: &str,
    module: &Module,
    edits: &[Edit],
    input_map: Option<&str>,
    name: &str,
) -> Result<Rewritten, ModuleError> {
    let (body, mark) = without_mark(source);
    let replacements = replacements(source, body, module, edits, name)?;
    let mut code = String::with_capacity(source.len() + 64 * edits.len());
    code.push_str(&source[..mark as usize]);
    let mut done = 0;
    for (span, text) in &replacements {
        code.push_str(&body[done..span.start]);
        code.push_str(text);
        done = span.end;
    }
    code.push_str(&body[done..]);

    let mut warnings = Vec::new();
    let own = own_map(module, input_map).map(|json| InputMap::parse(&json?));
    let own = match own {
        Some(Ok(own)) => Some(own),
        Some(Err(why)) => {
            warnings.push(format!(
                "its source map cannot be read and is left out: {why}"
            ));
            None
        }
        None => None,
    };
    let shift = Shift::new(body, &code[mark as usize..], &replacements);
    let map = match own {
        Some(own) => Some(own.shifted(&shift)),
        None if edits.is_empty() => None,
        None => Some(source_map::to_source(body, &replacements, &shift, name)),
    };
    Ok(Rewritten {
        code,
        map,
        warnings,
    })
}

/// Everything to replace, in order, as offsets into `body`.
fn replacements<'e>(
    source: &str,
    body: &str,
    module: &Module,
    edits: &'e [Edit],
    name: &str,
) -> Result<Vec<(Range<usize>, &'e str)>, ModuleError> {
    let mark = source.len() - body.len();
    let mut all: Vec<(Range<usize>, &str)> = edits
        .iter()
        .map(|edit| {
            (
                edit.span.start as usize..edit.span.end as usize,
                edit.text.as_str(),
            )
        })
        .collect();
    if let Some(reference) = &module.source_map {
        all.push((comment_span(source, reference), ""));
    }
    all.sort_by_key(|(span, _)| span.start);
    let mut free_from = mark;
    for (span, _) in &mut all {
        if span.start < free_from || source.get(span.clone()).is_none() {
            let place = Positions::new(body).at(span.start.saturating_sub(mark));
            let message = format!(
                "the edit of bytes {} to {} overlaps another or misses the text",
                span.start, span.end
            );
            return Err(ModuleError::new(
                ModuleErrorKind::Edit,
                name,
                place,
                message,
            ));
        }
        free_from = span.end;
        *span = span.start - mark..span.end - mark;
    }
    Ok(all)
}

/// What to remove of a comment: its whole line, where it stands alone.
fn comment_span(source: &str, reference: &SourceMapReference) -> Range<usize> {
    let (start, end) = (reference.span.start as usize, reference.span.end as usize);
    let (Some(before), Some(after)) = (source.get(..start), source.get(end..)) else {
        return start..end;
    };
    let indent = before.len() - before.trim_end_matches([' ', '\t']).len();
    let rest = after.trim_start_matches([' ', '\t']);
    let line_end = [rest.strip_prefix("\r\n"), rest.strip_prefix('\n')]
        .into_iter()
        .flatten()
        .next();
    let begins_line = before[..start - indent].ends_with('\n') || start == indent;
    match line_end {
        _ if !begins_line => start..end,
        Some(next) => start - indent..source.len() - next.len(),
        None if rest.is_empty() => start - indent..source.len(),
        None => start..end,
    }
}

/// The JSON of the module's own map, if it has one.
fn own_map<'j>(module: &Module, given: Option<&'j str>) -> Option<Result<Cow<'j, str>, String>> {
    match given {
        Some(json) => Some(Ok(json.into())),
        None => source_map::in_data_url(&module.source_map.as_ref()?.url)
            .map(|decoded| decoded.map(Into::into)),
    }
}

/// Characters that may not stand in the comment as they are: what ends it, what ends the URL, and what has a meaning in
/// URLs.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'`');

/// Ends a module's text with the comment that names its source map: a file beside it.
pub fn append_source_map_comment(code: &mut String, map_file: &str) {
    if !code.is_empty() && !code.ends_with('\n') {
        code.push('\n');
    }
    code.push_str("//# sourceMappingURL=");
    code.extend(utf8_percent_encode(map_file, ENCODED));
    code.push('\n');
}
