//! The errors that only an analysis of the whole syntax tree finds; the specification calls them early errors.

use oxc_parser::{ParseOptions, Parser};
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;

use super::exact::{first_error, with_arena};
use super::read::without_mark;
use super::{ModuleError, stack};

/// Looks for what is wrong with a module although it follows the grammar: a name that is declared twice, an export of a name
/// that nobody declares, a `break` outside of a loop, an invalid regular expression. A browser refuses a module for these as
/// it does for a missing bracket, and they are errors of the same kind.
///
/// For texts that [`read`](super::read) takes. One that is nested thousands of levels deep, or holds chains (`a + b + c`) of
/// a million links, is not looked through.
///
/// ```
/// use radpack_build::module::{check, read};
///
/// let twice = "let a = 1;\nlet a = 2;\n";
/// assert!(read(twice, "index.js").is_ok());
/// let error = check(twice, "index.js").unwrap_err();
/// assert_eq!(error.to_string(), "index.js:2:5: Identifier `a` has already been declared");
/// ```
///
/// # Errors
///
/// The first error in the text.
pub fn check(source: &str, name: &str) -> Result<(), ModuleError> {
    let (body, _) = without_mark(source);
    let found = stack::with_enough_for_tree(body, || first_early_error(body, name));
    found.flatten().map_or(Ok(()), Err)
}

fn first_early_error(body: &str, name: &str) -> Option<ModuleError> {
    with_arena(|arena| {
        // With parentheses in the tree, for in patterns they are errors.
        let options = ParseOptions {
            parse_regular_expression: true,
            ..ParseOptions::default()
        };
        let parsed = Parser::new(arena, body, SourceType::mjs())
            .with_options(options)
            .parse();
        first_error(&parsed.diagnostics, <[_]>::first, body, name).or_else(|| {
            let analysis = SemanticBuilder::new()
                .with_check_syntax_error(true)
                .build(&parsed.program);
            // What is declared twice is told with its first declaration before the second.
            first_error(&analysis.diagnostics, <[_]>::last, body, name)
        })
    })
}
