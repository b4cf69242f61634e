//! A registry as a folder of files.

use std::fs;

use radpack_registry::Plan;
use radpack_registry::rules::{Rollback, Yank};
use radpack_resolve::Index;
use radpack_server::{SiteError, SiteOptions, write_site};
use tempfile::TempDir;

use crate::running::{Running, header};

const APP: &[(&str, &str)] = &[("index.js", "import { x } from 'lib'; export const app = x;")];

#[tokio::test]
async fn a_folder_serves_what_the_service_does() {
    let running = Running::new().await;
    running
        .publish("lib", "1.0.0", &[("index.js", "export const x = 1;")])
        .await;
    running.release(&["lib@1.0.0"]).await;
    running.publish("app", "1.0.0", APP).await;
    running.release(&["app@1.0.0"]).await;
    running
        .publish("lib", "1.1.0", &[("index.js", "export const x = 2;")])
        .await;

    let folder = TempDir::new().unwrap();
    let options = SiteOptions {
        roots: vec!["app@^1".to_owned()],
        compressed: true,
        ..SiteOptions::default()
    };
    let report = write_site(&running.registry, folder.path(), &options)
        .await
        .unwrap();
    assert_eq!((report.packages, report.written, report.kept), (2, 3, 0));
    let at = |path: &str| folder.path().join(path.trim_start_matches('/'));
    let text = fs::read_to_string(at("radpack.json")).unwrap();
    let served = running.get("/radpack.json").await;
    assert_eq!(text, served.text().await.unwrap());
    let map = running
        .get("/import-map.json?roots=app@^1")
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(at("import-map.json")).unwrap(), map);
    let index = Index::from_json(text).unwrap().with_base_url("");
    for found in index.closure("app@^1").unwrap() {
        let url = found.url().unwrap().unwrap();
        let module = running.get(&url).await;
        assert_eq!(
            header(&module, "content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(fs::read(at(&url)).unwrap(), module.bytes().await.unwrap());
        assert!(at(&format!("{url}.gz")).is_file());
        assert!(at(&format!("{url}.br")).is_file());
    }

    // What somebody changed is put right; what is there is left.
    let path = index.resolve("lib").unwrap().url().unwrap().unwrap();
    fs::write(at(&path), "changed").unwrap();
    let report = write_site(&running.registry, folder.path(), &options)
        .await
        .unwrap();
    assert_eq!((report.written, report.kept), (1, 2));
    assert!(fs::read_to_string(at(&path)).unwrap().contains("x = 1"));

    // What was yanked goes; what was rolled back from stays, for pages that are open.
    running.release(&["lib@1.1.0"]).await;
    write_site(&running.registry, folder.path(), &options)
        .await
        .unwrap();
    let newer = running.json("/resolve/lib").await["url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(at(&newer).is_file());
    running
        .do_it(&Rollback {
            line: "lib@1".parse().unwrap(),
            channel: "release".to_owned(),
            to: None,
            force: None,
        })
        .await;
    write_site(&running.registry, folder.path(), &options)
        .await
        .unwrap();
    assert!(at(&newer).is_file());
    running
        .do_it(&Yank {
            version: "lib@1.1.0".parse().unwrap(),
            reason: "it counts wrongly".to_owned(),
            force: None,
        })
        .await;
    let report = write_site(&running.registry, folder.path(), &options)
        .await
        .unwrap();
    assert_eq!(report.removed, 1);
    assert!(!at(&newer).exists());
    assert!(!at(&format!("{newer}.gz")).exists());
}

#[tokio::test]
async fn it_says_what_it_cannot_do() {
    let running = Running::new().await;
    for version in ["1.0.0", "1.1.0"] {
        let text = format!("export const x = '{version}';");
        running
            .publish("lib", version, &[("index.js", &text)])
            .await;
    }
    running.release(&["lib@1.0.0"]).await;
    running.roll(&["lib@1.1.0"], Some(Plan::Percent(10))).await;
    let folder = TempDir::new().unwrap();
    let report = write_site(&running.registry, folder.path(), &SiteOptions::default()).await;
    assert!(report.unwrap().is_rolling);
    let options = SiteOptions {
        roots: vec!["nope".to_owned()],
        ..SiteOptions::default()
    };
    let error = write_site(&running.registry, folder.path(), &options)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, SiteError::ImportMap { root, .. } if root == "nope"),
        "{error}"
    );
    for channel in ["latest", "stagign"] {
        let options = SiteOptions {
            channel: channel.to_owned(),
            ..SiteOptions::default()
        };
        let error = write_site(&running.registry, folder.path(), &options).await;
        assert!(matches!(error, Err(SiteError::Refused(_))), "{error:?}");
    }
}
