//! The API: who may do what, what is done once, and what hostile senders come to.

mod commands;
mod described;
mod drafts;
mod looking;
mod uploads;

use crate::running::{Asked, Running};
use radpack_registry::state::token::Right;
use serde_json::{Value, json};

/// A registry with shapes 1.0.0, released, and 1.1.0, which is not; and a secret package.
async fn filled() -> Running {
    let running = Running::new().await;
    running
        .publish("shapes", "1.0.0", &[("index.js", "export const a = 1;")])
        .await;
    running.release(&["shapes@1.0.0"]).await;
    running
        .publish(
            "shapes",
            "1.1.0",
            &[("index.js", "export const a = 1, b = 2;")],
        )
        .await;
    running
        .publish("secret", "1.0.0", &[("index.js", "export const s = 1;")])
        .await;
    running
}

async fn reader(running: &Running) -> String {
    running.token(&[Right::Read], &["*"]).await
}

/// An archive of files.
fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, path, contents.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

async fn upload(running: &Running, path: &str, token: &str, body: Vec<u8>) -> (u16, Value) {
    upload_as(running, path, token, &[], body).await
}

async fn upload_as(
    running: &Running,
    path: &str,
    token: &str,
    more: &[(&str, &str)],
    body: Vec<u8>,
) -> (u16, Value) {
    let mut headers = vec![("content-type", "application/x-tar")];
    headers.extend(more);
    running
        .send(Asked {
            method: "POST",
            path,
            token,
            headers: &headers,
            body,
        })
        .await
}

async fn get(running: &Running, path: &str, token: &str) -> (u16, Value) {
    running
        .send(Asked {
            method: "GET",
            path,
            token,
            ..Asked::default()
        })
        .await
}

fn package(name: &str, version: &str, source: &str) -> Vec<u8> {
    let json =
        json!({ "name": name, "version": version, "type": "module", "exports": "./index.js" });
    tar(&[
        ("0/package.json", &json.to_string()),
        ("0/index.js", source),
    ])
}
