//! What browsers are handed.

use radpack_loader::{ImportMap, LoadErrorKind, Source};
use radpack_resolve::Index;

use crate::builder;

const JSON: &str = r#"{"vars":{"baseUrl":"https://${region}.example"},"exports":{
    "app":{"v":[[1]],"d":[["index",[{"v":[0],"f":"app.js","s":[1,2,3],"d":[4],"i":"sha384-AAAA"}]],
        ["c/chunk",[{"v":[0],"f":"c/chunk.js","i":"sha384-BBBB"}]],["data.json",[{"v":[0],"f":"data.json"}]],"base@^2","lazy"]},
    "base":{"v":[[2]],"d":[["index",[{"v":[0],"f":"base.js"}]]]},
    "lazy":{"v":[[1]],"d":[["index",[{"v":[0],"f":"lazy.js"}]]]}}}"#;

async fn radpack() -> radpack_loader::Radpack {
    let radpack = builder()
        .register(Source::json(JSON))
        .context("region", "eu")
        .scope("app")
        .build()
        .await;
    radpack.unwrap()
}

#[tokio::test]
async fn lists_are_in_execution_order() {
    let radpack = radpack().await;
    assert_eq!(
        radpack.urls("app").unwrap(),
        [
            "https://eu.example/data.json",
            "https://eu.example/c/chunk.js",
            "https://eu.example/base.js",
            "https://eu.example/app.js"
        ]
    );
    assert_eq!(
        radpack.link_headers("app").unwrap(),
        [
            r#"<https://eu.example/c/chunk.js>; rel=modulepreload; integrity="sha384-BBBB""#,
            "<https://eu.example/base.js>; rel=modulepreload",
            r#"<https://eu.example/app.js>; rel=modulepreload; integrity="sha384-AAAA""#,
        ]
    );
    assert_eq!(
        radpack.preload("base").unwrap()[0].url,
        "https://eu.example/base.js"
    );
    assert_eq!(
        radpack.urls("nope").unwrap_err().kind(),
        LoadErrorKind::Resolve
    );
}

#[tokio::test]
async fn an_import_map_has_all_that_code_imports() {
    let radpack = radpack().await;
    let map = radpack.import_map(&["app@^1"]).unwrap();
    let expected = ImportMap {
        imports: [
            ("app@^1", "app.js"),
            ("base@^2", "base.js"),
            ("lazy", "lazy.js"),
        ]
        .map(|(id, file)| (id.to_owned(), format!("https://eu.example/{file}")))
        .into(),
        integrity: [("app.js", "sha384-AAAA"), ("c/chunk.js", "sha384-BBBB")]
            .map(|(file, integrity)| (format!("https://eu.example/{file}"), integrity.to_owned()))
            .into(),
    };
    assert_eq!(map, expected);
    assert!(
        map.to_json()
            .starts_with(r#"{"imports":{"app@^1":"https://eu.example/app.js","#)
    );
    assert_eq!(
        radpack.import_map(&["nope"]).unwrap_err().kind(),
        LoadErrorKind::Resolve
    );
}

#[tokio::test]
async fn what_is_dehydrated_resolves_the_same_when_hydrated() {
    let radpack = radpack().await;
    let text = radpack.dehydrate().unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (value[0].as_str(), value[1]["region"].as_str()),
        (Some("app"), Some("eu"))
    );
    assert_eq!(
        value[2][0]["exports"]["base"]["v"],
        serde_json::json!([[2]])
    );
    let other = builder().hydrate(text.clone()).build().await.unwrap();
    assert_eq!(other.urls("~/index").unwrap(), radpack.urls("app").unwrap());
    assert_eq!(other.dehydrate().unwrap(), text);
    // What is set here goes before what was handed over, and registers lie on top.
    let other = builder()
        .hydrate(text)
        .context("region", "us")
        .register(Source::json(r#"{"vars":{"baseUrl":"https://top"},"exports":{"base":{"v":[[2,1]],"d":[["index",[{"v":[0],"f":"b.js"}]]]}}}"#))
        .build()
        .await
        .unwrap();
    assert_eq!(
        other.urls("app").unwrap()[2..],
        ["https://top/b.js", "https://us.example/app.js"]
    );
}

#[tokio::test]
async fn an_index_hands_over_its_base_url() {
    let json = r#"{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"f":"<a>.js"}]]]}}}"#;
    let index = Index::from_json(json)
        .unwrap()
        .with_base_url("https://i.example");
    let radpack = builder().register(index).build().await.unwrap();
    let text = radpack.dehydrate().unwrap();
    assert!(!text.contains('<'), "it may stand in a script: {text}");
    let other = builder().hydrate(text).build().await.unwrap();
    assert_eq!(other.urls("a").unwrap(), ["https://i.example/<a>.js"]);
}

#[tokio::test]
async fn what_cannot_be_hydrated_is_an_error() {
    for (text, kind) in [
        ("", LoadErrorKind::Setup),
        ("[]", LoadErrorKind::Setup),
        ("[null,{},[{\"exports\":3}]]", LoadErrorKind::Register),
        (
            "[null,{},[\"https://h/radpack.json\"]]",
            LoadErrorKind::Setup,
        ),
        (
            "[null,{},[{\"url\":\"https://h/radpack.json\"}]]",
            LoadErrorKind::Setup,
        ),
        ("[null,{\"a\":[]},[]]", LoadErrorKind::Setup),
    ] {
        let error = builder().hydrate(text).build().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{text}: {error:?}");
    }
    let odd = r#"["",{"number":3,"truth":true,"nothing":null},[{"exports":{"a":{"v":[[1]],"d":[["index",[{"v":[0],"u":"https://h/${number}${truth}"}]]]}}}]]"#;
    let radpack = builder().hydrate(odd).build().await.unwrap();
    assert_eq!(radpack.urls("a").unwrap(), ["https://h/3true"]);
}
