//! Reading a module with the parser.

use std::cell::RefCell;

use oxc_allocator::Allocator;
use oxc_parser::{Parser, ParserReturn};
use oxc_span::SourceType;
use oxc_syntax::module_record::ExportExportName;

use super::position::Positions;
use super::{
    Exports, Import, ImportKind, Module, ModuleError, ModuleErrorKind, Position,
    SourceMapReference, Syntax,
};

thread_local! {
    /// The parser's arena, kept between files.
    static ARENA: RefCell<Allocator> = RefCell::new(Allocator::default());
}

/// Reads a module: what it imports and what it exports.
///
/// `name` is the file's name for messages.
///
/// # Errors
///
/// When the text is no well-formed module, or asks for an import attribute other than `type: "json"`.
pub fn read(source: &str, name: &str) -> Result<Module, ModuleError> {
    ARENA.with_borrow_mut(|arena| {
        let result = facts(
            source,
            name,
            &Parser::new(arena, source, SourceType::mjs()).parse(),
        );
        arena.reset();
        result
    })
}

/// Says what a text is by its syntax: an ES module, something that could be one, or none.
///
/// # Errors
///
/// When the text has module syntax but is no well-formed module, as [`read`].
pub fn detect(source: &str, name: &str) -> Result<Syntax, ModuleError> {
    match read(source, name) {
        Ok(module) if module.has_module_syntax => Ok(Syntax::Module(module)),
        Ok(module) => Ok(Syntax::Undecided(module)),
        Err(error) => {
            let has_module_syntax = ARENA.with_borrow_mut(|arena| {
                let parsed = Parser::new(arena, source, SourceType::mjs()).parse();
                let found = parsed.module_record.has_module_syntax;
                drop(parsed);
                arena.reset();
                found
            });
            if has_module_syntax {
                Err(error)
            } else {
                Ok(Syntax::Other(error))
            }
        }
    }
}

fn facts(source: &str, name: &str, parsed: &ParserReturn<'_>) -> Result<Module, ModuleError> {
    if let Some(first) = parsed.diagnostics.first() {
        let offset = first
            .labels
            .first()
            .map_or(0, |label| label.offset() as usize);
        let position = Positions::new(source).at(offset);
        return Err(ModuleError::new(
            ModuleErrorKind::Syntax,
            name,
            position,
            first.message.to_string(),
        )
        .with_others(parsed.diagnostics.len() - 1));
    }
    let record = &parsed.module_record;
    let mut imports = Vec::new();
    for (specifier, requests) in &record.requested_modules {
        for request in requests {
            imports.push(Import {
                kind: ImportKind::Static,
                specifier: specifier.to_string(),
                span: request.span.start..request.span.end,
                attribute_json: false,
                position: Position::START,
            });
        }
    }
    let mut computed = Vec::new();
    for import in &record.dynamic_imports {
        let span = import.module_request;
        let text = &source[span.start as usize..span.end as usize];
        match text.as_bytes() {
            [quote @ (b'"' | b'\''), .., last] if quote == last => imports.push(Import {
                kind: ImportKind::Dynamic,
                specifier: text[1..text.len() - 1].to_owned(),
                span: span.start..span.end,
                attribute_json: false,
                position: Position::START,
            }),
            _ => computed.push(import.span.start),
        }
    }
    imports.sort_by_key(|import| import.span.start);
    let mut positions = Positions::new(source);
    for import in &mut imports {
        import.position = positions.at(import.span.start as usize);
    }
    let mut exports = Exports::default();
    for entry in record
        .local_export_entries
        .iter()
        .chain(&record.indirect_export_entries)
    {
        match &entry.export_name {
            ExportExportName::Name(name) => {
                exports.names.insert(name.name.to_string());
            }
            ExportExportName::Default(_) => {
                exports.names.insert("default".to_owned());
            }
            ExportExportName::Null => {}
        }
    }
    for entry in &record.star_export_entries {
        if let Some(request) = &entry.module_request {
            exports.stars.push(request.name.to_string());
        }
    }
    let source_map = parsed.program.comments.iter().rev().find_map(|comment| {
        let text = &source[comment.span.start as usize + 2..comment.span.end as usize];
        let url = text
            .strip_prefix("# sourceMappingURL=")
            .or_else(|| text.strip_prefix("@ sourceMappingURL="))?;
        Some(SourceMapReference {
            span: comment.span.start..comment.span.end,
            url: url.trim().to_owned(),
        })
    });
    let mut positions = Positions::new(source);
    Ok(Module {
        imports,
        exports,
        has_module_syntax: record.has_module_syntax,
        computed_imports: computed
            .iter()
            .map(|&offset| positions.at(offset as usize))
            .collect(),
        source_map,
    })
}
