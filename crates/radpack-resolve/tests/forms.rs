//! One format wherever the bytes live, and nothing but errors from bytes that are wrong.

use std::panic::AssertUnwindSafe;

use proptest::prelude::*;
use radpack_resolve::{Index, IndexError, IndexErrorKind, Layer, Memo};

const JSON: &str = r#"{"vars":{"baseUrl":"https://cdn.example"},"exports":{"@acme/a-long-scoped-name-for-a-package/x":{"v":[],"d":[]}}}"#;
const GOOD: &str = r#"{"vars":{"baseUrl":"https://cdn.example"},"exports":{"@acme/shop":{"v":[[2,0,0,"-rc.1"],[1,2,3]],"d":[["index",[{"v":[0],"f":"rc.js","s":[1]},{"v":[1],"f":"i.js","s":[1,2],"i":"sha384-abc"}]],["cart",[{"v":[0,1],"u":"https://x.example/cart.js"}]],"d3@^4"],"t":{"next":0}},"d3":{"v":[[4],[3,9],[3,8]],"d":[["index",[{"v":[0],"f":"d3-4.js"},{"v":[1,2],"f":"d3-3.js","d":[1]}]],["c/an/entry/that/does/not/fit/into/the/record",[{"v":[1,2],"f":"e.js"}]]]}}}"#;
const IDS: [&str; 12] = [
    "@acme/shop",
    "@acme/shop@^1",
    "@acme/shop@next/cart",
    "@acme/shop@2.0.0-rc.1",
    "d3@^4",
    "d3@3.8.1",
    "d3@~3.9",
    "d3@>=3 <4",
    "d3@^3/c/an/entry/that/does/not/fit/into/the/record",
    "nope",
    "d3/nope",
    "~/x",
];

/// An index of the same layers.
fn copy(index: &Index) -> Result<Index, IndexError> {
    Index::from_layers((0..index.layers()).map(|layer| Layer::of(index, layer)))
}

/// Everything that can be asked, as text.
fn answers(index: &Index) -> String {
    let mut text = String::new();
    let _ = index.to_manifests();
    let _ = copy(index).map(|copy| copy.resolve("d3@^4").map(|found| found.pinned_id()));
    let query = index.query();
    let mut memo = Memo::new(4);
    for id in IDS {
        for found in [query.resolve(id), memo.resolve(&query, id)] {
            match found {
                Ok(found) => {
                    text.push_str(&format!(
                        "{} {:?} {:?} {:?}\n",
                        found.pinned_id(),
                        found.url(),
                        found.integrity(),
                        found.fit()
                    ));
                    for dependency in found.statics().chain(found.dynamics()) {
                        text.push_str(&dependency.id());
                    }
                }
                Err(error) => text.push_str(&query.suggest(error).to_string()),
            }
        }
        match query.closure(id) {
            Ok(closure) => closure
                .iter()
                .for_each(|found| text.push_str(&found.pinned_id())),
            Err(error) => text.push_str(&error.to_string()),
        }
    }
    query.resolve_batch(&IDS, |position, found| {
        text.push_str(&format!("{position}{}", found.is_ok()));
    });
    for package in index.packages() {
        text.push_str(package.name());
        for entry in package.entries().take(100) {
            text.push_str(entry.name());
            for version in entry.versions().take(100) {
                text.push_str(&version.to_string());
            }
        }
    }
    text
}

#[test]
fn the_same_answers_from_memory_vector_and_file() {
    let index = Index::from_json(GOOD).unwrap();
    let expected = answers(&index);
    let bytes = index.to_bytes().into_owned();
    assert_eq!(
        answers(&Index::from_bytes(bytes.clone()).unwrap()),
        expected
    );
    assert_eq!(
        answers(&Index::from_static(Box::leak(bytes.clone().into_boxed_slice())).unwrap()),
        expected
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("radpack.index");
    std::fs::write(&path, &bytes).unwrap();
    let mapped = Index::open(&path).unwrap();
    assert_eq!(answers(&mapped), expected);
    assert_eq!(mapped.to_bytes(), bytes);
}

#[test]
fn the_same_manifest_gives_the_same_bytes() {
    let manifest = radpack_manifest::Manifest::from_slice(GOOD.as_bytes()).unwrap();
    let one = Index::from_manifest(&manifest).unwrap();
    let two = Index::from_manifest(&manifest).unwrap();
    assert_eq!(one.to_bytes(), two.to_bytes());
    assert_eq!(answers(&one), answers(&Index::from_json(GOOD).unwrap()));
}

#[test]
fn an_index_gives_its_manifests_back() {
    let hidden = r#"{"vars":{"baseUrl":"x"},"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0]}]]]}},"register":false}"#;
    let index = Index::from_layers([GOOD, hidden].map(radpack_resolve::Layer::json)).unwrap();
    let found: Vec<String> = index
        .to_manifests()
        .unwrap()
        .iter()
        .map(|manifest| manifest.to_json())
        .collect();
    let expected = [GOOD, hidden].map(|json| {
        radpack_manifest::Manifest::from_slice(json.as_bytes())
            .unwrap()
            .to_json()
    });
    assert_eq!(found, expected);
}

#[test]
fn layers_of_indexes_are_as_those_of_their_texts() {
    let hidden = r#"{"vars":{"a":"b"},"exports":{"d3":{"v":[[5],[4]],"d":[["index",[{"v":[0,1],"f":"x.js","s":[1]}]],"d3@^3"]}},"register":false}"#;
    let top = r#"{"vars":{"baseUrl":"https://x.example"},"exports":{"@acme/shop":{"v":[[1,2,4,"-a"],[1,2,3]],"d":[["index",[{"v":[0],"f":"a.js"},{"v":[1]}]],"d3@^4","nope"],"t":{"old":1}}}}"#;
    let texts = [GOOD, hidden, top];
    let expected = Index::from_layers(texts.map(Layer::json)).unwrap();
    let [good, hidden, top] = texts.map(|json| Index::from_json(json).unwrap());
    let two = Index::from_layers([Layer::of(&good, 0), Layer::of(&hidden, 0)]).unwrap();
    let opened = Index::from_bytes(expected.to_bytes().into_owned()).unwrap();
    for index in [
        Index::from_layers([Layer::of(&two, 0), Layer::of(&two, 1), Layer::of(&top, 0)]).unwrap(),
        Index::from_layers(
            [GOOD, texts[1]]
                .map(Layer::json)
                .into_iter()
                .chain([Layer::of(&top, 0)]),
        )
        .unwrap(),
        copy(&expected).unwrap(),
        copy(&copy(&opened).unwrap()).unwrap(),
    ] {
        assert_eq!(answers(&index), answers(&expected));
        assert_eq!(
            index.to_manifests().unwrap(),
            expected.to_manifests().unwrap()
        );
        assert_eq!(index.vars(1), expected.vars(1));
    }
    // What an index was given, its layers have; what they state themselves, they keep.
    let based = Index::from_json(texts[1])
        .unwrap()
        .with_base_url("https://given.example");
    let layers = [
        Layer::of(&good, 0),
        Layer::of(&based, 0).default_var("other", "c"),
    ];
    let index = Index::from_layers(layers).unwrap();
    assert_eq!(index.vars(0)["baseUrl"], "https://cdn.example");
    let vars: Vec<_> = index.vars(1).into_iter().collect();
    assert_eq!(
        vars,
        [
            ("a", "b"),
            ("baseUrl", "https://given.example"),
            ("other", "c")
        ]
    );
    let beyond = Index::from_layers([Layer::of(&good, 1)]).unwrap_err();
    assert_eq!(beyond.kind(), IndexErrorKind::Damaged);
}

#[test]
fn a_base_url_that_is_given_counts_before_the_context_in_every_index() {
    let context = [("baseUrl".to_owned(), "https://context.example".to_owned())].into();
    let open = r#"{"exports":{"p":{"v":[[1]],"d":[["index",[{"v":[0],"f":"p.js"}]]]}}}"#;
    let url_of = |index: &Index| {
        let query = index.query().context(&context);
        query.url(&query.resolve("p").unwrap()).unwrap().unwrap()
    };
    let index = Index::from_json(open).unwrap();
    assert_eq!(url_of(&index), "https://context.example/p.js");
    assert_eq!(url_of(&copy(&index).unwrap()), url_of(&index));
    let index = index.with_base_url("https://given.example");
    assert_eq!(url_of(&index), "https://given.example/p.js");
    assert_eq!(url_of(&copy(&index).unwrap()), url_of(&index));
    let stating = open.replacen('{', r#"{"vars":{"baseUrl":"https://own.example"},"#, 1);
    let index = Index::from_json(stating)
        .unwrap()
        .with_base_url("https://given.example");
    assert_eq!(url_of(&index), "https://own.example/p.js");
    assert_eq!(url_of(&copy(&index).unwrap()), url_of(&index));
}

#[test]
fn a_hostile_index_takes_no_more_room_as_a_layer() {
    let bytes = Index::from_layers([GOOD, GOOD].map(Layer::json))
        .unwrap()
        .to_bytes()
        .into_owned();
    let section = |number: usize| {
        let at = 40 + number * 16;
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
    };
    let (variants, layers) = (section(2), section(10));
    // Where the packages of the upper layer begin, those of the lower end.
    let mut endless = bytes.clone();
    endless[layers + 16 + 12..][..4].fill(0xff);
    let index = Index::from_bytes_unverified(endless).unwrap();
    assert!(Index::from_layers([Layer::of(&index, 0)]).is_err());
    assert!(index.to_manifests().is_err());
    // Every variant has all strings for its file.
    let mut same = bytes.clone();
    let strings = u32::try_from(bytes.len() - section(12)).unwrap();
    for variant in 0..4 {
        same[variants + variant * 24..][..4].fill(0);
        same[variants + variant * 24 + 4..][..4]
            .copy_from_slice(&(strings | 1 << 30).to_le_bytes());
    }
    let index = Index::from_bytes_unverified(same).unwrap();
    let copied = copy(&index).map(|copy| copy.to_bytes().len());
    assert_eq!(copied.unwrap_err().kind(), IndexErrorKind::Damaged);
}

#[test]
fn what_is_no_index_is_refused() {
    let bytes = Index::from_json(GOOD).unwrap().to_bytes().into_owned();
    let kind = |bytes: Vec<u8>| Index::from_bytes(bytes).unwrap_err().kind();
    assert_eq!(kind(Vec::new()), IndexErrorKind::Damaged);
    assert_eq!(kind(GOOD.repeat(2).into_bytes()), IndexErrorKind::Format);
    assert_eq!(
        kind(bytes[..bytes.len() - 1].to_vec()),
        IndexErrorKind::Damaged
    );
    let changed = |at: usize, to: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = to;
        bytes
    };
    assert_eq!(
        kind(changed(8, 99)),
        IndexErrorKind::Format,
        "another format"
    );
    let mut swapped = bytes.clone();
    swapped[12..16].reverse();
    assert_eq!(kind(swapped), IndexErrorKind::Format, "another byte order");
    assert_eq!(
        kind(changed(bytes.len() - 1, b'!')),
        IndexErrorKind::Damaged,
        "the checksum tells"
    );
    assert!(
        Index::from_bytes_unverified(changed(bytes.len() - 1, b'!')).is_ok(),
        "unless it is not asked"
    );
    assert_eq!(
        Index::open("/nowhere/radpack.index").unwrap_err().kind(),
        IndexErrorKind::Io
    );
}

#[test]
fn an_invalid_manifest_lists_its_problems() {
    let error = Index::from_json(JSON).unwrap_err();
    assert_eq!(error.kind(), IndexErrorKind::Manifest);
    assert!(!error.manifest_errors().unwrap().problems().is_empty());
}

#[test]
fn every_changed_byte_of_an_index_is_survived() {
    let bytes = Index::from_json(GOOD).unwrap().to_bytes().into_owned();
    for at in 0..bytes.len() {
        for to in [0, 1, 0x7f, 0xff] {
            let mut bytes = bytes.clone();
            if bytes[at] == to {
                continue;
            }
            bytes[at] = to;
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
                if let Ok(index) = Index::from_bytes_unverified(bytes) {
                    answers(&index);
                    assert!(
                        index.verify().is_err(),
                        "a change that the checksum does not tell"
                    );
                }
            }));
            assert!(outcome.is_ok(), "byte {at} set to {to}");
        }
    }
}

proptest! {
    #[test]
    fn any_damage_is_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        let mut bytes = Index::from_json(GOOD).unwrap().to_bytes().into_owned();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if let Ok(index) = Index::from_bytes_unverified(bytes) {
            answers(&index);
        }
    }
}

/// Large enough for large pages, where the system has them.
#[test]
fn a_large_index_has_the_same_answers_from_its_bytes() {
    let packages: Vec<String> = (0..30_000)
        .map(|number| {
            format!(
                r#""package-{number:05}":{{"v":[[{}],[1,{}]],"d":[["index",[{{"v":[0],"f":"{number}.js","s":[1]}},{{"v":[1],"f":"old.js"}}]],"package-00000@^1"]}}"#,
                number % 7 + 2,
                number % 5
            )
        })
        .collect();
    let json = format!(r#"{{"exports":{{{}}}}}"#, packages.join(","));
    let index = Index::from_json(json.into_bytes()).unwrap();
    let opened = Index::from_bytes(index.to_bytes().into_owned()).unwrap();
    assert_eq!(index.len(), 30_000);
    for number in (0..30_000).step_by(7) {
        for spec in ["", "@^1", "@1.9.9", "@>=2", "@~9"] {
            let id = format!("package-{number:05}{spec}");
            let [one, other] = [&index, &opened].map(|index| {
                let found = index.resolve(&id);
                found.map(|found| (found.pinned_id(), found.file().unwrap().map(str::to_owned)))
            });
            match (one, other) {
                (Ok(one), Ok(other)) => assert_eq!(one, other),
                (one, other) => {
                    assert_eq!(one.unwrap_err().to_string(), other.unwrap_err().to_string());
                }
            }
        }
    }
    assert_eq!(index.to_bytes(), opened.to_bytes());
}
