//! Reading a module with the parser: the judge of what is well-formed and of what is an import.
//!
//! The parser keeps a record of imports and exports while it parses, so the syntax tree is never walked; only its top
//! level is looked through, for import attributes and phases. What the record leaves out (a dynamic import's options, the
//! `new URL(…)` around an `import.meta`) is read from the text beside the spans that the parser gives. So nothing here
//! recurses but the parser itself, for whose stack [`stack`](super::stack) cares.
//!
//! Errors that only an analysis of the whole tree finds (a name declared twice, an exported name that nobody declares) are
//! left to [`check`](super::check).

use std::cell::RefCell;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Expression, ImportAttributeKey, ImportPhase, Statement, StringLiteral, WithClause,
};
use oxc_diagnostics::Diagnostics;
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_span::{GetSpan, LabeledSpan, SourceType, Span};
use oxc_syntax::module_record::{ExportExportName, ModuleRecord};

use super::beside::Beside;
use super::position::Positions;
use super::{
    Exports, Import, ImportKind, Module, ModuleError, ModuleErrorKind, Position, SourceMapReference,
};

/// An arena that grew beyond this (bytes) is given back after the file, for it is kept as long as its thread.
const KEPT_ARENA: usize = 32 << 20;

thread_local! {
    /// The parser's arena, kept between files.
    static ARENA: RefCell<Allocator> = RefCell::new(Allocator::default());
}

/// Why a text could not be read, and what was seen of it.
pub(super) struct Failure {
    pub(super) error: ModuleError,
    /// Whether the parser met module syntax before it gave up.
    pub(super) has_module_syntax: bool,
}

/// Reads a module. `body` comes without byte order mark, whose length is `base`: it is added to all spans.
pub(super) fn read(body: &str, base: u32, name: &str) -> Result<Module, Failure> {
    with_arena(|arena| {
        let parsed = parse(arena, body, SourceType::mjs());
        let reader = Reader {
            arena,
            body,
            base,
            name,
            beside: Beside::new(body, &parsed.program.comments),
        };
        reader.module(&parsed).map_err(|error| Failure {
            error,
            has_module_syntax: parsed.module_record.has_module_syntax,
        })
    })
}

/// Whether a text parses as a CommonJS module or a script, sloppy ones too.
pub(super) fn is_script(body: &str) -> bool {
    with_arena(|arena| {
        !parse(arena, body, SourceType::cjs())
            .diagnostics
            .has_errors()
    })
}

pub(super) fn with_arena<T>(work: impl FnOnce(&Allocator) -> T) -> T {
    ARENA.with_borrow_mut(|arena| {
        let result = work(arena);
        if arena.capacity() > KEPT_ARENA {
            *arena = Allocator::default();
        } else {
            arena.reset();
        }
        result
    })
}

fn parse<'a>(arena: &'a Allocator, body: &'a str, kind: SourceType) -> ParserReturn<'a> {
    // Parentheses need no nodes, and names no hashes: both only serve the analysis, for which `check` parses anew.
    let options = ParseOptions {
        preserve_parens: false,
        enable_ident_hashes: false,
        ..ParseOptions::default()
    };
    Parser::new(arena, body, kind).with_options(options).parse()
}

/// The first error in a text, if any was found. `label` says which of the places that an error names is the offence.
pub(super) fn first_error(
    diagnostics: &Diagnostics,
    label: fn(&[LabeledSpan]) -> Option<&LabeledSpan>,
    body: &str,
    name: &str,
) -> Option<ModuleError> {
    let place = |labels| label(labels).map_or(0, LabeledSpan::offset);
    let first = diagnostics
        .errors()
        .min_by_key(|error| place(&error.labels))?;
    let others = diagnostics.errors().count() - 1;
    let position = Positions::new(body).at(place(&first.labels) as usize);
    let message = first.message.as_ref();
    Some(ModuleError::new(ModuleErrorKind::Syntax, name, position, message).with_others(others))
}

struct Reader<'a> {
    arena: &'a Allocator,
    body: &'a str,
    base: u32,
    name: &'a str,
    beside: Beside<'a>,
}

impl<'a> Reader<'a> {
    fn module(&self, parsed: &ParserReturn<'a>) -> Result<Module, ModuleError> {
        self.check(parsed)?;
        let record = &parsed.module_record;
        let mut imports = Vec::new();
        self.statics(&parsed.program.body, &mut imports)?;
        let computed = self.dynamics(record, &mut imports)?;
        self.urls(record, &mut imports)?;
        imports.sort_unstable_by_key(|import: &Import| import.span.start);
        let mut positions = Positions::new(self.body);
        for import in &mut imports {
            import.position = positions.at((import.span.start - self.base) as usize);
        }
        let mut positions = Positions::new(self.body);
        Ok(Module {
            imports,
            exports: exports(record),
            has_module_syntax: record.has_module_syntax,
            computed_imports: computed
                .into_iter()
                .map(|offset| positions.at(offset as usize))
                .collect(),
            source_map: self.source_map(parsed),
        })
    }

    /// The first error in the text, if the parser found any.
    fn check(&self, parsed: &ParserReturn<'_>) -> Result<(), ModuleError> {
        first_error(&parsed.diagnostics, <[_]>::first, self.body, self.name).map_or(Ok(()), Err)
    }

    fn error(&self, kind: ModuleErrorKind, offset: u32, message: impl Into<String>) -> ModuleError {
        ModuleError::new(
            kind,
            self.name,
            Positions::new(self.body).at(offset as usize),
            message,
        )
    }

    /// `import … from`, `import "…"`, `export … from`: all at the top level.
    fn statics(
        &self,
        body: &[Statement<'a>],
        imports: &mut Vec<Import>,
    ) -> Result<(), ModuleError> {
        for statement in body {
            let (literal, clause) = match statement {
                Statement::ImportDeclaration(import) => {
                    if import.phase == Some(ImportPhase::Source) {
                        return Err(self.source_phase(import.span.start));
                    }
                    (&import.source, &import.with_clause)
                }
                Statement::ExportAllDeclaration(export) => (&export.source, &export.with_clause),
                Statement::ExportFromDeclaration(export) => (&export.source, &export.with_clause),
                _ => continue,
            };
            let specifier = self.string(literal)?;
            let attribute_json = match clause {
                Some(clause) => self.attributes(clause)?,
                None => false,
            };
            imports.push(self.import(ImportKind::Static, specifier, literal.span, attribute_json));
        }
        Ok(())
    }

    /// `import(…)`: those of literals join `imports`; where the others are is returned.
    fn dynamics(
        &self,
        record: &ModuleRecord<'_>,
        imports: &mut Vec<Import>,
    ) -> Result<Vec<u32>, ModuleError> {
        let mut calls: Vec<_> = record
            .dynamic_imports
            .iter()
            .map(|call| (call.span, call.module_request))
            .collect();
        // The parser records a call when it ends, inner ones first, and again when it reads a stretch a second time.
        calls.sort_unstable_by_key(|(span, _)| (span.start, span.end));
        calls.dedup();
        let mut computed = Vec::new();
        for (call, argument) in calls {
            if self.beside.is_source_phase(call.start as usize) {
                return Err(self.source_phase(call.start));
            }
            let argument_end = argument.end as usize;
            if self.beside.literal(argument.start as usize) != Some(argument_end) {
                computed.push(call.start);
                continue;
            }
            let attribute_json = self.beside.options(argument_end, call.end as usize).map_err(|offset| {
                self.error(
                    ModuleErrorKind::Unsupported,
                    offset as u32,
                    "the only options of import() that are supported are `{ with: { type: \"json\" } }`",
                )
            })?;
            let specifier = self.unescaped(argument)?;
            imports.push(self.import(ImportKind::Dynamic, specifier, argument, attribute_json));
        }
        Ok(computed)
    }

    /// `new URL("…", import.meta.url)`.
    fn urls(
        &self,
        record: &ModuleRecord<'_>,
        imports: &mut Vec<Import>,
    ) -> Result<(), ModuleError> {
        let mut metas: Vec<Span> = record.import_metas.iter().copied().collect();
        metas.sort_unstable_by_key(|span| span.start);
        metas.dedup();
        for meta in metas {
            if let Some(literal) = self
                .beside
                .url_argument(meta.start as usize..meta.end as usize)
            {
                let span = Span::new(literal.start as u32, literal.end as u32);
                let specifier = self.unescaped(span)?;
                imports.push(self.import(ImportKind::Url, specifier, span, false));
            }
        }
        Ok(())
    }

    fn import(
        &self,
        kind: ImportKind,
        specifier: String,
        span: Span,
        attribute_json: bool,
    ) -> Import {
        let span = span.start + self.base..span.end + self.base;
        Import {
            kind,
            specifier,
            span,
            attribute_json,
            position: Position::START,
        }
    }

    fn source_phase(&self, offset: u32) -> ModuleError {
        self.error(
            ModuleErrorKind::Unsupported,
            offset,
            "source phase imports are not supported: what they name is no ES module",
        )
    }

    /// The attributes of a static import: nothing, or `type: "json"`.
    fn attributes(&self, clause: &WithClause<'_>) -> Result<bool, ModuleError> {
        let mut json = false;
        for attribute in &clause.with_entries {
            let key = match &attribute.key {
                ImportAttributeKey::Identifier(name) => name.name.as_str(),
                ImportAttributeKey::StringLiteral(literal) => literal.value.as_str(),
            };
            let value = attribute.value.value.as_str();
            if (key, value) != ("type", "json") {
                return Err(self.error(
                    ModuleErrorKind::Unsupported,
                    attribute.span.start,
                    format!("the import attribute `{key}: {value:?}` is not supported, only `type: \"json\"` is"),
                ));
            }
            json = true;
        }
        Ok(json)
    }

    /// What the literal at `span` means.
    fn unescaped(&self, span: Span) -> Result<String, ModuleError> {
        let literal = &self.body[span.start as usize..span.end as usize];
        let inner = &literal[1..literal.len() - 1];
        // A template's CR LF means LF.
        if !inner.contains(['\\', '\r']) {
            return Ok(inner.to_owned());
        }
        match Parser::new(self.arena, literal, SourceType::mjs()).parse_expression() {
            Ok(Expression::StringLiteral(literal)) if !literal.lone_surrogates => {
                Ok(literal.value.to_string())
            }
            Ok(Expression::TemplateLiteral(template))
                if !template.quasis.iter().any(|part| part.lone_surrogates) =>
            {
                match template.quasis.first().and_then(|part| part.value.cooked) {
                    Some(cooked) => Ok(cooked.to_string()),
                    None => Err(self.no_specifier(span)),
                }
            }
            _ => Err(self.no_specifier(span)),
        }
    }

    fn string(&self, literal: &StringLiteral<'_>) -> Result<String, ModuleError> {
        if literal.lone_surrogates {
            Err(self.no_specifier(literal.span))
        } else {
            Ok(literal.value.to_string())
        }
    }

    fn no_specifier(&self, span: Span) -> ModuleError {
        self.error(
            ModuleErrorKind::Unsupported,
            span.start,
            "this specifier holds a lone surrogate, so no file can be meant",
        )
    }

    /// The last `sourceMappingURL` comment, if no code follows it (as
    /// [ECMA-426](https://tc39.es/ecma426/#sec-linking-inline) has it): one amid the code belongs to what was bundled.
    fn source_map(&self, parsed: &ParserReturn<'_>) -> Option<SourceMapReference> {
        let program = &parsed.program;
        let directives = program
            .directives
            .last()
            .map_or(0, |directive| directive.span.end);
        let code_end = program
            .body
            .last()
            .map_or(directives, |statement| statement.span().end);
        let trailing = program
            .comments
            .iter()
            .rev()
            .take_while(|comment| comment.span.start >= code_end);
        trailing.into_iter().find_map(|comment| {
            let (start, end) = (comment.span.start as usize, comment.span.end as usize);
            SourceMapReference::in_comment(&self.body[start..end], comment.span.start + self.base)
        })
    }
}

fn exports(record: &ModuleRecord<'_>) -> Exports {
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
    exports.stars = record
        .star_export_entries
        .iter()
        .filter_map(|entry| Some(entry.module_request.as_ref()?.name.to_string()))
        .collect();
    exports
}
