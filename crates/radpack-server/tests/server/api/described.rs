//! The description of the API, against the routes that there are.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{filled, get};
use crate::running::Asked;
use radpack_registry::state::token::Right;

#[tokio::test]
async fn every_operation_that_is_described_is_there() {
    let running = filled().await;
    let token = running.token(&[Right::Admin], &["*"]).await;
    let (status, document) = get(&running, "/api/openapi.json", "").await;
    assert_eq!(status, 200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = 0;
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let id = operation["operationId"].as_str().unwrap();
            let both = format!("{method} {id} {path}");
            assert!(ids.insert(both.clone()), "{both} twice");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|it| !it.is_empty()),
                "{both}"
            );
            assert!(
                operation["responses"]
                    .as_object()
                    .is_some_and(|it| !it.is_empty()),
                "{both}"
            );
            let path = path
                .replace("{package}", "shapes")
                .replace("{version}", "1.0.0")
                .replace("{draft}", "mine")
                .replace("{consumer}", "shop")
                .replace("{token}", "no-token")
                .replace("{seq}", "1")
                .replace("{name}", "format.json")
                .replace("/m/{path}", "/m/shapes/none.js")
                .replace("{path}", "index.js")
                .replace("{id}", "shapes")
                .replace("{moment}", "1")
                .replace("{rest}", "radpack.json");
            assert!(!path.contains('{'), "{path}");
            let method = method.to_uppercase();
            let asked = Asked {
                method: &method,
                path: &path,
                token: &token,
                ..Asked::default()
            };
            let response = running.ask(asked).await;
            let status = response.status().as_u16();
            assert_ne!(status, 405, "{both}");
            if status == 404 {
                // Of what is not there itself, it says so in its own words.
                let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
                let words = problem["detail"].as_str().unwrap();
                assert!(!words.contains("there is nothing here"), "{both}: {words}");
            }
        }
    }
    assert!(operations > 45, "{operations}");
}

#[tokio::test]
async fn what_the_document_refers_to_is_in_it() {
    let running = filled().await;
    let (_, document) = get(&running, "/api/openapi.json", "").await;
    fn references<'v>(value: &'v Value, into: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    match value.as_str() {
                        Some(reference) if key == "$ref" => {
                            into.insert(reference);
                        }
                        _ => references(value, into),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, into)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(
        found.contains("#/components/schemas/ReleaseVersions"),
        "{found:?}"
    );
    assert!(found.contains("#/components/schemas/Problem"), "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
