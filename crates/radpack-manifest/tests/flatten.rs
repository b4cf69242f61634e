//! Nested registers: order, inheritance as with Radpack 1.x, and every way it can go wrong.

use std::collections::BTreeMap;
use std::error::Error as _;

use radpack_manifest::{
    Flatten, FlattenOptions, Limits, MAX_REGISTERS, Manifest, ManifestErrors, Register,
    RegisterError, RegisterErrorKind,
};

/// A web of registers, by URL.
struct Web(BTreeMap<&'static str, String>);

impl Web {
    fn of(pages: &[(&'static str, &str)]) -> Self {
        Web(pages
            .iter()
            .map(|(url, page)| (*url, (*page).to_owned()))
            .collect())
    }

    /// Answers what is wanted, the last wanted first where `backwards`, until nothing is.
    fn answer(
        &self,
        mut flatten: Flatten,
        backwards: bool,
    ) -> Result<Vec<Manifest>, RegisterError> {
        loop {
            let wanted = if backwards {
                flatten.wanted().last()
            } else {
                flatten.wanted().first()
            };
            let Some(wanted) = wanted.cloned() else {
                return flatten.finish();
            };
            match self.0.get(wanted.url.as_str()) {
                Some(page) => flatten.supply(wanted.id, page.as_bytes()),
                None if wanted.url.contains("optional") => flatten.skip(wanted.id),
                None => flatten.fail(wanted.id, "404"),
            }
        }
    }

    /// Flattens what `origin` has; the order of the answers makes no difference.
    #[track_caller]
    fn flatten(&self, origin: &str) -> Result<Vec<Manifest>, RegisterError> {
        self.flatten_with(origin, &FlattenOptions::default())
    }

    #[track_caller]
    fn flatten_with(
        &self,
        origin: &str,
        options: &FlattenOptions,
    ) -> Result<Vec<Manifest>, RegisterError> {
        let both = [false, true].map(|backwards| {
            let register = Register::from_slice(self.0[origin].as_bytes()).unwrap();
            self.answer(
                Flatten::with_options(Some(origin), register, options.clone()),
                backwards,
            )
        });
        let [forwards, backwards] = both;
        if let (Ok(forwards), Ok(backwards)) = (&forwards, &backwards) {
            assert_eq!(forwards, backwards);
        }
        forwards
    }
}

/// The canonical JSON of each.
fn texts(manifests: &[Manifest]) -> Vec<String> {
    manifests.iter().map(Manifest::to_json).collect()
}

#[track_caller]
fn refused(
    result: Result<Vec<Manifest>, RegisterError>,
    kind: RegisterErrorKind,
    message: &str,
) -> RegisterError {
    let error = result.expect_err(message);
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
    error
}

#[test]
fn order_is_kept_bottom_to_top() {
    let web = Web::of(&[
        (
            "https://a.example/r.json",
            r#"["b.json", [[{"vars":{"n":"3"}}], "c/d.json"], {"vars":{"n":"6"}}]"#,
        ),
        (
            "https://a.example/b.json",
            r#"[{"vars":{"n":"1"}}, {"vars":{"n":"2"}}]"#,
        ),
        (
            "https://a.example/c/d.json",
            r#"["../c/e.json", {"vars":{"n":"5"}}]"#,
        ),
        ("https://a.example/c/e.json", r#"{"vars":{"n":"4"}}"#),
    ]);
    let manifests = web.flatten("https://a.example/r.json").unwrap();
    let numbers: String = manifests
        .iter()
        .map(|manifest| manifest.vars["n"].as_str())
        .collect();
    assert_eq!(numbers, "123456");
    let bases: Vec<_> = manifests
        .iter()
        .map(|manifest| manifest.vars["baseUrl"].as_str())
        .collect();
    let (a, c) = ("https://a.example", "https://a.example/c");
    assert_eq!(bases, [a, a, a, c, c, a]);
    assert!(manifests.iter().all(|manifest| manifest.url.is_none()));
}

#[test]
fn several_are_wanted_at_once() {
    let register = Register::from_slice(
        br#"["https://a.example/1", ["https://a.example/2"], "https://a.example/2"]"#,
    );
    let mut flatten = Flatten::new(None, register.unwrap());
    let urls = |flatten: &Flatten| {
        flatten
            .wanted()
            .iter()
            .map(|wanted| wanted.url.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        urls(&flatten),
        [
            "https://a.example/1",
            "https://a.example/2",
            "https://a.example/2"
        ]
    );
    let second = flatten.wanted()[1].id;
    flatten.supply(second, br#"["3"]"#);
    assert_eq!(
        urls(&flatten),
        [
            "https://a.example/1",
            "https://a.example/2",
            "https://a.example/3"
        ]
    );
    flatten.supply(second, br#"["4"]"#);
    flatten.skip(second);
    flatten.fail(second, "too late");
    assert_eq!(
        flatten.wanted().len(),
        3,
        "what has been answered is not answered again"
    );
    while let Some(wanted) = flatten.wanted().first() {
        let url = wanted.url.clone();
        let manifest = Manifest {
            vars: [("from".to_owned(), url)].into(),
            ..Manifest::default()
        };
        flatten.supply_register(wanted.id, Register::Manifest(manifest));
    }
    let manifests = flatten.finish().unwrap();
    let from: Vec<_> = manifests
        .iter()
        .map(|manifest| manifest.vars["from"].as_str())
        .collect();
    assert_eq!(
        from,
        [
            "https://a.example/1",
            "https://a.example/3",
            "https://a.example/2"
        ]
    );
}

#[test]
fn what_an_outer_manifest_has_goes_over_what_its_url_leads_to() {
    let package =
        |file: &str| format!(r#"{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"{file}"}}]]]}}"#);
    let outer = format!(
        r#"{{"url":"b/r.json","vars":{{"x":"outer","y":"outer"}},"register":false,"exports":{{"p":{}}},"kept":1}}"#,
        package("outer.js")
    );
    let inner = format!(
        r#"[{{"vars":{{"x":"inner","z":"inner"}},"exports":{{"p":{0},"q":{0}}},"extra":2}}, {{"register":true}}]"#,
        package("inner.js")
    );
    let web = Web::of(&[
        ("https://a.example/r.json", &outer),
        ("https://a.example/b/r.json", &inner),
    ]);
    assert_eq!(
        texts(&web.flatten("https://a.example/r.json").unwrap()),
        [
            format!(
                r#"{{"vars":{{"baseUrl":"https://a.example/b","x":"outer","y":"outer","z":"inner"}},"exports":{{"q":{}}},"register":false,"extra":2}}"#,
                package("inner.js")
            ),
            format!(
                r#"{{"vars":{{"baseUrl":"https://a.example/b","x":"outer","y":"outer"}},"exports":{{"p":{}}},"register":false}}"#,
                package("outer.js")
            ),
        ]
    );
    let web = Web::of(&[
        ("https://a.example/r.json", &outer),
        ("https://a.example/b/r.json", "[]"),
    ]);
    assert_eq!(
        texts(&web.flatten("https://a.example/r.json").unwrap()),
        [format!(
            r#"{{"vars":{{"baseUrl":"https://a.example/b","x":"outer","y":"outer"}},"exports":{{"p":{}}},"register":false}}"#,
            package("outer.js")
        )]
    );
}

/// Radpack 1.x: the outermost `baseUrl` that is given, else the innermost URL's folder; an empty one is none.
#[test]
fn base_urls_are_inherited() {
    let base = |first: &str, second: &str, third: &str| {
        let vars = |base: &str| match base {
            "-" => String::new(),
            base => format!(r#","vars":{{"baseUrl":"{base}"}}"#),
        };
        let web = Web::of(&[
            (
                "https://a.example/r.json",
                &format!(r#"{{"url":"b/r.json"{}}}"#, vars(first)),
            ),
            (
                "https://a.example/b/r.json",
                &format!(r#"{{"url":"c/r.json"{}}}"#, vars(second)),
            ),
            (
                "https://a.example/b/c/r.json",
                &format!(r#"{{"exports":{{}}{}}}"#, vars(third)),
            ),
        ]);
        web.flatten("https://a.example/r.json").unwrap()[0].vars["baseUrl"].clone()
    };
    assert_eq!(base("-", "-", "-"), "https://a.example/b/c");
    assert_eq!(base("-", "-", "3"), "3");
    assert_eq!(base("-", "2", "3"), "2");
    assert_eq!(base("1", "2", "3"), "1");
    assert_eq!(base("1", "-", "-"), "1");
    assert_eq!(base("-", "-", ""), "https://a.example/b/c");
    assert_eq!(base("${cdn}", "-", ""), "${cdn}");
}

#[test]
fn base_urls_leave_out_queries_and_can_be_left_open() {
    let page = r#"[{"vars":{}}, "https://b.example/x/r.json?v=1/2#f"]"#;
    let web = Web::of(&[
        ("file:///srv/r.json?x=/y#/z", page),
        ("https://b.example/x/r.json?v=1/2", "{}"),
    ]);
    let bases = |options: &FlattenOptions| {
        let manifests = web
            .flatten_with("file:///srv/r.json?x=/y#/z", options)
            .unwrap();
        manifests
            .iter()
            .map(|manifest| manifest.vars.get("baseUrl").cloned())
            .collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        bases(&FlattenOptions::default()),
        [some("file:///srv"), some("https://b.example/x")]
    );
    let open = FlattenOptions {
        leave_base_url_open: true,
        ..FlattenOptions::default()
    };
    assert_eq!(bases(&open), [None, some("https://b.example/x")]);
    let without_url = Flatten::new(None, Register::Manifest(Manifest::default()));
    assert_eq!(without_url.finish().unwrap()[0].vars.get("baseUrl"), None);
}

#[test]
fn urls_are_filled_in_from_vars_and_context() {
    let web = Web::of(&[
        (
            "https://a.example/r.json",
            r#"{"url":"${host}/${stage}/r.json","vars":{"host":"https://${stage}.example"}}"#,
        ),
        ("https://live.example/live/r.json", r#"["${stage}.json"]"#),
        ("https://live.example/live/live.json", "{}"),
    ]);
    let context = [
        ("stage".to_owned(), "live".to_owned()),
        ("host".to_owned(), "no".to_owned()),
    ]
    .into();
    let options = FlattenOptions {
        context,
        ..FlattenOptions::default()
    };
    let manifests = web
        .flatten_with("https://a.example/r.json", &options)
        .unwrap();
    assert_eq!(manifests[0].vars["baseUrl"], "https://live.example/live");
    refused(
        web.flatten("https://a.example/r.json"),
        RegisterErrorKind::Unexpanded,
        "the register https://${stage}.example/${stage}/r.json has a placeholder that no var and no context fills in \
         (reached from https://a.example/r.json)",
    );
}

#[test]
fn cycles_name_the_chain() {
    let web = Web::of(&[
        ("https://a.example/1.json", r#"[{}, "2.json"]"#),
        ("https://a.example/2.json", r#"{"url":"x/../3.json"}"#),
        ("https://a.example/3.json", r#"[["1.json#again"]]"#),
        ("https://a.example/self.json", r#""self.json""#),
    ]);
    let error = refused(
        web.flatten("https://a.example/1.json"),
        RegisterErrorKind::Cycle,
        "the register https://a.example/1.json leads back to itself (reached from https://a.example/1.json → \
         https://a.example/2.json → https://a.example/3.json)",
    );
    assert_eq!(error.chain().len(), 4);
    assert_eq!(error.url(), Some("https://a.example/1.json"));
    refused(
        web.flatten("https://a.example/self.json"),
        RegisterErrorKind::Cycle,
        "the register https://a.example/self.json leads back to itself (reached from https://a.example/self.json)",
    );
    let diamond = Web::of(&[
        ("https://a.example/1.json", r#"["2.json", "3.json"]"#),
        ("https://a.example/2.json", r#""4.json""#),
        ("https://a.example/3.json", r#""4.json""#),
        ("https://a.example/4.json", "{}"),
    ]);
    assert_eq!(
        diamond.flatten("https://a.example/1.json").unwrap().len(),
        2,
        "twice the same is no cycle"
    );
}

#[test]
fn sixteen_urls_may_lead_from_one_to_the_next() {
    let flatten = |count: usize, origin: Option<&str>| {
        let mut flatten = Flatten::new(origin, Register::Url("https://a.example/1".to_owned()));
        while let Some(wanted) = flatten.wanted().first() {
            let number: usize = wanted.url.rsplit('/').next().unwrap().parse().unwrap();
            let page = if number == count {
                "{}".to_owned()
            } else {
                format!("[[\"{}\"]]", number + 1)
            };
            flatten.supply(wanted.id, page.as_bytes());
        }
        flatten
            .finish()
            .map(|manifests| manifests.len())
            .map_err(|error| error.kind())
    };
    for origin in [None, Some("https://a.example/0")] {
        assert_eq!(flatten(16, origin), Ok(1));
        assert_eq!(flatten(17, origin), Err(RegisterErrorKind::TooDeep));
    }
}

#[test]
fn registers_cannot_multiply_without_end() {
    let list = format!("[{}]", vec!["\"x/\""; 40].join(","));
    let mut flatten = Flatten::new(
        Some("https://a.example/"),
        Register::from_slice(list.as_bytes()).unwrap(),
    );
    let mut answered = 0;
    while let Some(wanted) = flatten.wanted().first() {
        flatten.supply(wanted.id, list.as_bytes());
        answered += 1;
    }
    assert!(answered < MAX_REGISTERS);
    assert_eq!(
        flatten.finish().unwrap_err().kind(),
        RegisterErrorKind::TooMany
    );
}

#[test]
fn all_together_are_limited() {
    let limits = |bytes, exports| FlattenOptions {
        limits: Limits {
            bytes,
            exports,
            ..Limits::default()
        },
        ..FlattenOptions::default()
    };
    let page = r#"{"exports":{"a":{"v":[],"d":[["x",[]],["y",[]]]}}}"#;
    let web = Web::of(&[
        ("https://a.example/r.json", r#"["1", "2"]"#),
        ("https://a.example/1", page),
        ("https://a.example/2", page),
    ]);
    let flatten = |bytes, exports| {
        let result = web.flatten_with("https://a.example/r.json", &limits(bytes, exports));
        result
            .map(|manifests| manifests.len())
            .map_err(|error| error.kind())
    };
    assert_eq!(flatten(2 * page.len(), 4), Ok(2));
    assert_eq!(
        flatten(2 * page.len() - 1, 4),
        Err(RegisterErrorKind::TooLarge)
    );
    assert_eq!(flatten(2 * page.len(), 3), Err(RegisterErrorKind::TooLarge));
    assert_eq!(flatten(2 * page.len(), 1), Err(RegisterErrorKind::Invalid));
    // A large var, handed down to many manifests.
    let outer = Manifest {
        url: Some("https://a.example/many".to_owned()),
        vars: [("x".to_owned(), "x".repeat(100))].into(),
        ..Manifest::default()
    };
    let many = format!("[{}]", vec!["{}"; 100].join(","));
    let mut flatten = Flatten::with_options(None, Register::Manifest(outer), limits(10_000, 1));
    let id = flatten.wanted()[0].id;
    flatten.supply(id, many.as_bytes());
    assert_eq!(
        flatten.finish().unwrap_err().kind(),
        RegisterErrorKind::TooLarge
    );
}

#[test]
fn the_network_does_not_lead_to_files() {
    let web = Web::of(&[
        ("http://a.example/r.json", r#"{"url":"FILE:///etc/r.json"}"#),
        (
            "file:///srv/r.json",
            r#"["next.json", "https://a.example/x.json", "http://b.example/x.json"]"#,
        ),
        ("file:///srv/next.json", "{}"),
        ("https://a.example/x.json", r#""http://b.example/x.json""#),
        ("http://b.example/x.json", "{}"),
        ("file:///srv/back.json", r#""https://a.example/back.json""#),
        (
            "https://a.example/back.json",
            r#"[[{"url":"file:///srv/next.json"}]]"#,
        ),
    ]);
    refused(
        web.flatten("http://a.example/r.json"),
        RegisterErrorKind::FileFromNetwork,
        "the register file:///etc/r.json is a file, and one read over http(s) may not lead to files \
         (reached from http://a.example/r.json)",
    );
    refused(
        web.flatten("file:///srv/back.json"),
        RegisterErrorKind::FileFromNetwork,
        "the register file:///srv/next.json is a file, and one read over http(s) may not lead to files \
         (reached from file:///srv/back.json → https://a.example/back.json)",
    );
    assert_eq!(web.flatten("file:///srv/r.json").unwrap().len(), 3);
    let inline = Flatten::new(None, Register::Url("file:///srv/next.json".to_owned()));
    assert_eq!(web.answer(inline, false).unwrap().len(), 1);
}

#[test]
fn urls_that_cannot_be_read_are_refused() {
    let of = |origin: Option<&str>, url: &str| {
        Flatten::new(
            origin,
            Register::List(vec![
                Register::Url("https://a.example/1".to_owned()),
                Register::Url(url.to_owned()),
            ]),
        )
    };
    let refused = |origin, url, kind, message| {
        let flatten = of(origin, url);
        assert!(
            flatten.wanted().is_empty(),
            "after an error nothing is wanted"
        );
        refused(flatten.finish(), kind, message)
    };
    refused(
        None,
        "data:application/json,{}",
        RegisterErrorKind::Scheme,
        "the register data:application/json,{} cannot be read: only http, https and file URLs can",
    );
    refused(
        Some("https://a.example/r.json"),
        "C:\\radpack.json",
        RegisterErrorKind::Scheme,
        "the register c:\\radpack.json cannot be read: only http, https and file URLs can (reached from \
         https://a.example/r.json)",
    );
    refused(
        None,
        "b/radpack.json",
        RegisterErrorKind::Relative,
        "the register b/radpack.json is relative to one without a URL; give a whole URL",
    );
    let error = refused(
        Some("https://a.example/r.json"),
        "https://[::1",
        RegisterErrorKind::Url,
        "the register's URL https://[::1 is none (reached from https://a.example/r.json)",
    );
    assert_eq!(error.source().unwrap().to_string(), "invalid IPv6 address");
    let error = Flatten::new(Some("nowhere"), Register::List(Vec::new()))
        .finish()
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (RegisterErrorKind::Url, "the register's URL nowhere is none")
    );
    assert_eq!(
        error.source().unwrap().to_string(),
        "relative URL without a base"
    );
}

#[test]
fn failures_say_which_register_and_why() {
    let web = Web::of(&[
        (
            "https://a.example/r.json",
            r#"[{}, "gone.json", "optional.json"]"#,
        ),
        (
            "https://a.example/fine.json",
            r#"[{"vars":{"n":"1"}}, "optional.json", {"url":"optional.json"}]"#,
        ),
        ("https://a.example/bad.json", r#"[["worse.json"]]"#),
        ("https://a.example/worse.json", r#"[{"exports":[]}, 7]"#),
    ]);
    let error = refused(
        web.flatten("https://a.example/r.json"),
        RegisterErrorKind::Fetch,
        "the register https://a.example/gone.json could not be read (reached from https://a.example/r.json)",
    );
    assert_eq!(error.source().unwrap().to_string(), "404");
    assert_eq!(web.flatten("https://a.example/fine.json").unwrap().len(), 1);
    let error = refused(
        web.flatten("https://a.example/bad.json"),
        RegisterErrorKind::Invalid,
        "the register https://a.example/worse.json is not valid (reached from https://a.example/bad.json)",
    );
    let errors: &ManifestErrors = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(
        errors.to_string(),
        "$[0].exports: expected an object of packages, found an array\n\
         $[1]: expected a register (a manifest, a URL, or an array of registers), found 7"
    );
    let unread = Flatten::new(None, Register::Url("https://a.example/r.json".to_owned()));
    refused(
        unread.finish(),
        RegisterErrorKind::Unread,
        "the register https://a.example/r.json has not been read",
    );
}

#[test]
fn errors_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<RegisterError>();
    crosses::<Flatten>();
}
