//! Nesting: how deep a text is found to be, and that no depth overflows a stack.

use crate::module::depth::{Depth, of};
use crate::module::{MAX_DEPTH, Module, ModuleError, ModuleErrorKind, check, detect, read};

/// Ways to nest: what opens a level, what is inside, what closes it, before and after all.
const NESTING: &[[&str; 5]] = &[
    ["", "(", "1", ")", ""],
    ["x=", "[", "", "]", ""],
    ["x=", "{a:", "1", "}", ""],
    ["", "{", "", "}", ""],
    ["x=", "[...", "a", "]", ""],
    ["x=", "{...", "a", "}", ""],
    ["x=", "{[", "1", "]:1}", ""],
    ["x=", "{a(){return ", "", "}}", ""],
    ["x=", "{get a(){return ", "", "}}", ""],
    ["", "a(", "1", ")", ""],
    ["", "a?.(", "1", ")", ""],
    ["", "async(", "1", ")", ""],
    ["", "a[", "1", "]", ""],
    ["", "import(", "a", ")", ""],
    ["", "`${", "1", "}`", ""],
    ["", "a`${", "1", "}`", ""],
    ["", "`}${", "1", "}{`", ""],
    // patterns
    ["var ", "[", "a", "]", "=1"],
    ["var ", "{a:", "a", "}", "=1"],
    ["", "[", "a", "]", "=1"],
    ["(", "{a:", "a", "}", "=1)"],
    ["(", "[", "a", "]", ")=>1"],
    ["(", "{a:", "a", "}", ")=>1"],
    ["", "(a=", "1", ")=>1", ""],
    ["", "([a=", "1", "])=>1", ""],
    // functions and classes
    ["", "function f(){", "", "}", ""],
    ["x=", "function(){return ", "1", "}", ""],
    ["x=", "function(a=", "1", "){}", ""],
    ["", "async function*f(){", "", "}", ""],
    ["", "class A{m(){", "", "}}", ""],
    ["", "class A{static{", "", "}}", ""],
    ["x=", "class{a=", "1", "}", ""],
    ["x=", "class{[", "1", "](){}}", ""],
    ["x=", "class{#a(b=", "1", "){}}", ""],
    // without brackets
    ["", "!", "1", "", ""],
    ["", "- ", "1", "", ""],
    ["", "+ ", "1", "", ""],
    ["", "~", "1", "", ""],
    ["", "-\n", "1", "", ""],
    ["", "typeof ", "1", "", ""],
    ["", "typeof\u{A0}", "1", "", ""],
    ["", "void/**/", "1", "", ""],
    ["", "await ", "1", "", ""],
    ["async function f(){", "await ", "1", "", "}"],
    ["", "await\n", "1", "", ""],
    ["", "await\u{2028}", "1", "", ""],
    ["", "await ++\na[", "1", "]", ""],
    ["", "typeof\u{200B}", "1", "", ""],
    ["", "if(a)await\nb\nelse ", "c", "", ""],
    ["", "new ", "a", "", ""],
    ["", "new ", "a", "()", ""],
    ["", "new\u{2028}", "a", "", ""],
    ["", "new (", "a", ")", ""],
    ["function*f(){", "yield ", "1", "", "}"],
    ["function*f(){", "yield*", "1", "", "}"],
    ["", "a=>", "1", "", ""],
    ["", "(a)=>", "1", "", ""],
    ["", "(a,b=1)=>", "1", "", ""],
    ["", "a=>{", "", "}", ""],
    ["", "a=>({b:", "1", "})", ""],
    ["", "async a=>", "1", "", ""],
    ["", "async /* \u{20AC} */ a=>", "1", "", ""],
    ["", "async(a)=>", "1", "", ""],
    ["", "a=", "1", "", ""],
    ["", "a.b[c]=", "1", "", ""],
    ["", "a>>>=", "1", "", ""],
    ["", "a??=", "1", "", ""],
    ["", "a**=", "1", "", ""],
    ["", "a&&=", "1", "", ""],
    ["", "a||=", "1", "", ""],
    ["x=a", "**a", "", "", ""],
    ["", "a?b:", "c", "", ""],
    ["", "a?", "b", ":c", ""],
    ["", "a?.5:", "c", "", ""],
    ["", "a?b=>c:", "d", "", ""],
    ["", "(a=", "1", ")", ""],
    ["x=class A ", "extends class A ", "{}", "{}", ""],
    ["x=class A\n", "extends\nclass\nA\n", "{}", "{}", ""],
    // statements
    ["", "if(a)", "b", "", ""],
    ["", "if(a){}else ", "b", "", ""],
    ["", "if(a)b;else ", "b", "", ""],
    ["", "if(a)b\nelse\n", "b", "", ""],
    ["", "if(a)", "b", ";else c", ""],
    ["", "if(a)b={};else ", "b", "", ""],
    ["", "if(/[)]/.test(a))/b/;else ", "b", "", ""],
    ["", "for(;;)", "b", "", ""],
    ["", "for(a of b)", "b", "", ""],
    ["", "for(var a in b)", "b", "", ""],
    ["", "for await(a of b)", "b", "", ""],
    ["", "while(a)", "b", "", ""],
    ["", "do ", "a", ";while(b)", ""],
    ["", "do{", "", "}while(b)", ""],
    ["", "try{", "", "}catch{}", ""],
    ["", "try{}finally{", "", "}", ""],
    ["", "switch(a){case 1:", "", "}", ""],
    ["", "a:{", "", "}", ""],
    ["", "a:", "b", "", ""],
    ["", "a:b:for(;;)if(c)", "b", "", ""],
    ["", "if(d)e={},f;else a:b:", "c", "", ""],
];

/// What looks like nesting and is none: parsers take these in loops.
const FLAT: &[[&str; 3]] = &[
    ["a", "+a", ""],
    ["a", "-a", ""],
    ["a", "-1", ""],
    ["a", "||a", ""],
    ["a", "&&a", ""],
    ["a", "&&a||a", ""],
    ["a", "??a", ""],
    ["a", "*a/a%a", ""],
    ["a", "<<a>>a>>>a", ""],
    ["a", "<a>a<=a>=a==a!=a===a!==a", ""],
    ["a", "&a|a^a", ""],
    ["a", " in a instanceof b", ""],
    ["a", ",a", ""],
    ["a", ".a", ""],
    ["a", ".if", ""],
    ["a", "?.a", ""],
    ["a", "()", ""],
    ["a", "?.()", ""],
    ["a", "[1]", ""],
    ["a", "``", ""],
    ["var a", ",a", ""],
    ["var a", ",a=1", ""],
    ["x=[", "1,", "]"],
    ["x=[", "[],{},", "]"],
    ["x={", "a:1,", "}"],
    ["x={", "a:b?c:d,", "}"],
    ["x={", "'a':-1,", "}"],
    ["x={", "a(){},", "}"],
    ["x={", "a:()=>1,", "}"],
    ["f(", "a=>b,", ")"],
    ["", "a;", ""],
    ["", "a=b;", ""],
    ["", "a=b\n", ""],
    ["", "let a=b\n", ""],
    ["", "a=!b\nc()\n", ""],
    ["", "if(a)b;", ""],
    ["", "if(a){b}", ""],
    ["", "if(a)b\nc\n", ""],
    ["", "if(a){b}else{c}", ""],
    ["", "for(;;){}", ""],
    ["", "a:b;", ""],
    ["switch(a){", "case 1:b;", "}"],
    ["switch(a){", "case 1:\nbreak\n", "}"],
    ["", "function f(){}", ""],
    ["", "x=function(){};", ""],
    ["", "x=a=>b;", ""],
    ["", "/[(]/;", ""],
    ["", "a=/[/(]/g.b;", ""],
    ["", "if(a)/(/.b;", ""],
    ["", "(a)/b;c/1;", ""],
    ["", "{}/a/.b;", ""],
    ["", "'(';", ""],
    ["", "\"\\\"(\\\r\n(\";", ""],
    ["", "`\\`(${a})`;", ""],
    ["", "/*(*/", ""],
    ["", "//(\n", ""],
    ["class A{", "a(){}", "}"],
    ["class A{", "a=1;", "}"],
    ["class A{", "static a\n", "}"],
    ["", "import a from 'b';", ""],
    ["", "export{a as b}from 'b';", ""],
];

/// Chains: what they begin with, a link, how many links it is.
const CHAINS: &[(&str, &str, usize)] = &[
    ("a", "+a", 1),
    ("a", " - a", 1),
    ("a", "||a", 1),
    ("a", "??a", 1),
    ("a", ">>>a", 1),
    ("a", "===a", 1),
    ("a", "*a/a%a", 3),
    ("a", " in a instanceof b", 2),
    ("a", "\nin\na", 1),
    ("a", ".a", 1),
    ("a", "?.if", 1),
    ("a", "\n.a", 1),
    ("a", "()", 1),
    ("a", "?.()", 1),
    ("a", "[1]", 1),
    ("a", "(1, {b: c})", 1),
    ("a", "``", 1),
    ("a", "`b${c}d`", 1),
    ("new a", "()", 1),
    ("a", "/b", 1),
    ("1.", ".a", 1),
    ("1.5", ".a", 1),
    ("0x1", ".a", 1),
    ("1n", ".a", 1),
    ("1e3", ".a", 1),
    ("a", "\u{200B}in\u{200B}a", 1),
    ("a <!--b", "+a", 1),
    ("a={} / '(/' + b", "\u{A0}in\u{A0}a", 1),
    ("a", "+/[/(]/", 1),
    ("class A{}\n(a)", "(b)", 1),
];

/// Ways to put a chain into another, so that the outer one comes before it, after it, or on both sides.
const CHAINS_WITHIN: &[[&str; 2]] = &[
    ["f(", ")"],
    ["[", "]"],
    ["(", ")"],
    ["{x:", "}"],
    ["`${", "}`"],
    ["function(){a;return ", "}"],
    ["class{a=", "}"],
];

fn depth_of(source: &str) -> Depth {
    of(source, usize::MAX)
}

fn nested([before, open, inside, close, after]: &[&str; 5], levels: usize) -> String {
    [
        before,
        open.repeat(levels).as_str(),
        inside,
        close.repeat(levels).as_str(),
        after,
    ]
    .concat()
}

/// What comes out of reading and checking on a thread with a small stack, as worker threads have.
fn read_on_small_thread(source: String) -> Result<Module, ModuleError> {
    let thread = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let module = read(&source, "m.js")?;
            // Some are refused, as the same name is declared each time.
            if let Err(error) = check(&source, "m.js") {
                assert_eq!(error.kind(), ModuleErrorKind::Syntax, "{error}");
            }
            Ok(module)
        });
    thread.unwrap().join().unwrap()
}

#[test]
fn every_way_to_nest_is_read() {
    for way in NESTING {
        // That labels differ, the parser does not ask.
        let deepest = if *way == ["", "(a=", "1", ")", ""] {
            300
        } else {
            5_000
        };
        for levels in [1, 40, deepest] {
            let source = nested(way, levels);
            let found = depth_of(&source);
            assert!(found.levels >= levels, "{way:?} × {levels}: {found:?}");
            let result = read_on_small_thread(source);
            assert!(
                result.is_ok(),
                "{way:?} × {levels}: {:?}",
                result.err().map(|error| error.to_string())
            );
        }
    }
}

#[test]
fn what_is_cut_off_amid_nesting_is_an_error() {
    for way in NESTING {
        let [before, open, ..] = way;
        // The parser takes a time that grows with the square of the depth to see that these are no parameters.
        let levels = if open.starts_with('(') && open.ends_with("a=") {
            300
        } else {
            5_000
        };
        let result = read_on_small_thread([*before, &open.repeat(levels), "@"].concat());
        assert_eq!(
            result.map_err(|error| error.kind()),
            Err(ModuleErrorKind::Syntax),
            "{way:?}"
        );
    }
}

#[test]
fn a_mebibyte_of_stack_is_enough() {
    // Up to where the quick reader gives up, and the parser gets a thread of its own.
    for levels in [20, 30, 50, 60, 90, 100, 120] {
        let sources: Vec<String> = NESTING.iter().map(|way| nested(way, levels)).collect();
        let thread = std::thread::Builder::new()
            .stack_size((1 << 20) + (64 << 10))
            .spawn(move || {
                for source in sources {
                    assert!(read(&source, "m.js").is_ok(), "{source}");
                    assert!(
                        check(&source, "m.js").is_ok() || source.len() > 40,
                        "{source}"
                    );
                }
            });
        thread.unwrap().join().unwrap();
    }
}

#[test]
fn every_way_to_nest_has_a_limit() {
    for way in NESTING {
        assert!(of(&nested(way, 101), 100).levels > 100, "{way:?}");
    }
    // Chains of `else if` are no nesting to the quick reader, so they know no limit.
    for way in NESTING
        .iter()
        .filter(|way| !way[1].contains("else"))
        .step_by(12)
    {
        let error = read_on_small_thread(nested(way, MAX_DEPTH + 1)).expect_err(way[1]);
        assert_eq!(error.kind(), ModuleErrorKind::TooLarge, "{way:?}");
        assert_eq!(
            error.message(),
            "nested deeper than 100000 levels",
            "{way:?}"
        );
    }
}

#[test]
fn long_is_not_deep() {
    for [before, part, after] in FLAT {
        let count = 30_000;
        let source = [before, part.repeat(count).as_str(), after].concat();
        let found = depth_of(&source);
        assert!(
            found.levels < 20 && found.bound == found.levels,
            "{part:?}: {found:?}"
        );
    }
}

#[test]
fn long_chains_are_read() {
    for [before, part, after] in FLAT {
        let source = [*before, &part.repeat(10_000), *after].concat();
        let source = source.replace("export{a as b}", "export{}");
        let result = read_on_small_thread(source);
        assert!(
            result.is_ok(),
            "{part:?}: {:?}",
            result.err().map(|error| error.to_string())
        );
    }
}

#[test]
fn links_of_chains_are_counted() {
    for (first, link, links) in CHAINS {
        for count in [1, 2, 1_000] {
            let chain = [*first, &link.repeat(count)].concat();
            let found = depth_of(&chain).links;
            assert!(found >= links * count, "{link:?}: {found}");
            for [open, close] in CHAINS_WITHIN {
                // Links before and behind what holds the chain: all lie above it.
                let before = [
                    "x=",
                    &format!("y+{open}").repeat(50),
                    &chain,
                    &close.repeat(50),
                ];
                let behind = [
                    "x=",
                    &open.repeat(50),
                    &chain,
                    &format!("{close}.z").repeat(50),
                ];
                for source in [before.concat(), behind.concat()] {
                    let found = depth_of(&source).links;
                    assert!(found >= links * count + 50, "{source}: {found}");
                }
            }
        }
    }
    // What has ended is no chain any more.
    for source in [
        "a+a;",
        "a+a\n",
        "a.b(),",
        "x={a:b.c,d:e()};",
        "if(a+b)c.d;else e.f;",
        "function f(){a+b}\n",
    ] {
        let found = depth_of(&source.repeat(1_000)).links;
        assert!(found < 20, "{source:?}: {found}");
    }
}

#[test]
fn long_chains_are_checked() {
    let found = |first: &str, link: &str, count: usize| {
        let source = [first, link.repeat(count).as_str(), ";break"].concat();
        let thread = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || check(&source, "m.js"));
        thread.unwrap().join().unwrap()
    };
    for (first, link, _) in CHAINS {
        assert!(found(first, link, 20_000).is_err(), "{link:?}");
    }
    // Beyond this nothing is looked for.
    for (first, link, _) in CHAINS.iter().step_by(10) {
        assert_eq!(found(first, link, 1_000_001), Ok(()), "{link:?}");
    }
}

#[test]
fn groups_in_regular_expressions_have_their_stack() {
    for [open, close] in [["(", ")"], ["(?:", ")"], ["(?=", ")"], ["(?<!(?:", "))"]] {
        for levels in [1, 20, 1_000] {
            let source = [
                "a=/",
                &open.repeat(levels),
                "b",
                &close.repeat(levels),
                "/;break",
            ];
            let error = check(&source.concat(), "m.js").unwrap_err();
            assert!(
                error.message().starts_with("Illegal break"),
                "{open} × {levels}: {error}"
            );
        }
    }
    let classes = [
        "a=/",
        &"[".repeat(1_000),
        "b",
        &"]".repeat(1_000),
        "/v;break",
    ];
    let error = check(&classes.concat(), "m.js").unwrap_err();
    assert!(error.message().starts_with("Illegal break"), "{error}");
}

#[test]
fn thirty_megabytes_of_brackets_are_an_error() {
    for bracket in ["(", "[", "{", "`${", "!", "new ", "a=>"] {
        let source = bracket.repeat(30_000_000 / bracket.len());
        let error = read(&source, "m.js").unwrap_err();
        assert_eq!(error.kind(), ModuleErrorKind::TooLarge, "{bracket}");
        let error = detect(&source, "m.js").unwrap_err();
        assert_eq!(error.kind(), ModuleErrorKind::TooLarge, "{bracket}");
    }
}

#[test]
fn the_place_of_the_deepest_nesting_is_told() {
    let source = format!("a;\n{}", "[".repeat(MAX_DEPTH + 1));
    let error = read(&source, "m.js").unwrap_err();
    assert_eq!(
        error.to_string(),
        "m.js:2:100001: nested deeper than 100000 levels"
    );
}

#[test]
fn slashes_that_cannot_be_told_apart_count_all_that_follows() {
    // A regular expression, or a division and a string? The bound must hold for both.
    let clear = depth_of("a / '(/' ; (((");
    assert_eq!((clear.levels, clear.bound), (3, 3));
    let unclear = depth_of("{} / '(/' ; (((");
    assert!(unclear.bound > unclear.levels, "{unclear:?}");
    let many = ["{} /'/;", &"a = b;\n".repeat(1_000)].concat();
    assert!(depth_of(&many).levels < 20 && depth_of(&many).bound > 1_000);
    assert!(read(&many, "m.js").is_ok());
}

#[test]
fn what_may_be_text_or_code_counts_as_code() {
    for way in [
        ["x=a <!--", "(", "b", ")", ""],
        ["x={} / '(/' ; ", "typeof\u{A0}", "1", "", ""],
        ["x={} / '(/' ; ", "typeof\u{3000}", "1", "", ""],
    ] {
        let source = nested(&way, 5_000);
        assert!(depth_of(&source).bound >= 5_000, "{way:?}");
        let result = read_on_small_thread(source);
        assert!(result.is_ok(), "{way:?}: {:?}", result.err());
    }
}

#[test]
fn what_await_waits_for_may_stand_on_the_next_line() {
    let source = ["a", &"+await\nb".repeat(4_000)].concat();
    assert!(depth_of(&source).links >= 4_000);
    assert!(read_on_small_thread(source).is_ok());
}
