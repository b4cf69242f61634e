//! Registers over HTTP: what is fetched, what is refused, and how it is said.

use std::net::TcpListener;

use crate::program::radpack;
use crate::registers::SHAPES;
use crate::server::{Answer, Server};

fn resolve(url: &str) -> crate::program::Ran {
    radpack(["resolve", "--json", "--manifest", url, "colors@3.1.0"]).run()
}

#[track_caller]
fn refused(url: &str, error: &str, cause: &str) {
    let caused_by = if cause.is_empty() {
        String::new()
    } else {
        format!("caused by: {cause}\n")
    };
    let message = match cause {
        "" => error.to_owned(),
        _ => format!("{error}: {cause}"),
    };
    resolve(url).is(
        1,
        &format!("{{\"error\":\"fetch\",\"message\":\"{message}\"}}\n"),
        &format!("error: {error}\n{caused_by}"),
    );
}

#[test]
fn a_register_is_fetched() {
    let server = Server::new([("/r.json", Answer::ok(SHAPES))]);
    let ran = resolve(&format!("{}/r.json", server.url));
    ran.prints(concat!(
        r#"{"id":"colors@3.1.0","name":"colors","version":"3.1.0","entry":"index","url":"https://cdn.example/colors-3.js","integrity":"sha384-c3","fit":"exact","statics":[],"dynamics":[]}"#,
        "\n"
    ));
    assert_eq!(server.asked(), ["/r.json"]);
}

#[test]
fn several_are_fetched() {
    let names: Vec<String> = (0..40).map(|number| format!("r{number}.json")).collect();
    let paths: Vec<String> = names.iter().map(|name| format!("/{name}")).collect();
    let list = serde_json::to_string(&names).unwrap();
    let mut answers: Vec<(&str, Answer)> = paths
        .iter()
        .map(|path| (path.as_str(), Answer::ok(SHAPES)))
        .collect();
    answers.push(("/all.json", Answer::ok(list)));
    let server = Server::new(answers);
    let ran = resolve(&format!("{}/all.json", server.url));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(server.asked().len(), 41);
}

#[test]
fn an_index_file_is_fetched() {
    let folder = crate::registers::shapes();
    crate::program::radpack_in(
        folder.path(),
        ["compile", "radpack.json", "--out", "r.index"],
    )
    .run();
    let index = std::fs::read(folder.path().join("r.index")).unwrap();
    let server = Server::new([("/r.index", Answer::ok(index))]);
    let ran = resolve(&format!("{}/r.index", server.url));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("colors-3.js"));
}

#[test]
fn redirects_are_followed_but_not_anywhere() {
    let mut answers = vec![
        ("/moved.json", Answer::redirect("/r.json")),
        ("/r.json", Answer::ok(SHAPES)),
        ("/file.json", Answer::redirect("file:///etc/hostname")),
    ];
    let steps: Vec<String> = (0..8).map(|step| format!("/{step}")).collect();
    for (step, path) in steps.iter().enumerate() {
        answers.push((path, Answer::redirect(&format!("/{}", step + 1))));
    }
    let server = Server::new(answers);
    assert_eq!(resolve(&format!("{}/moved.json", server.url)).code, 0);
    let file = format!("{}/file.json", server.url);
    let ran = resolve(&file);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .starts_with(&format!("error: cannot fetch {file}")),
        "{}",
        ran.stderr
    );
    let many = format!("{}/0", server.url);
    refused(
        &many,
        &format!("cannot fetch {many}"),
        "redirected more than 5 times",
    );
}

/// As with Radpack 1.x: what stands in front of a storage stays the address, wherever the storage is.
#[test]
fn a_redirect_does_not_move_the_base_url() {
    let open = r#"{"exports":{"x":{"v":[[1]],"d":[["index",[{"v":[0],"f":"x.js"}]]]}}}"#;
    let server = Server::new([
        (
            "/front/r.json",
            Answer::redirect("/storage/r.json?signature=1"),
        ),
        ("/storage/r.json?signature=1", Answer::ok(open)),
        ("/front/all.json", Answer::redirect("/storage/all.json")),
        ("/storage/all.json", Answer::ok(r#"["r.json"]"#)),
    ]);
    for register in ["r.json", "all.json"] {
        let url = format!("{}/front/{register}", server.url);
        radpack(["resolve", "--manifest", &url, "x"])
            .run()
            .prints(&format!(
                "x  x@1.0.0  in-range  {}/front/x.js\n",
                server.url
            ));
    }
}

#[test]
fn what_a_server_refuses_is_told() {
    let server = Server::new([("/down.json", Answer::status("503 Service Unavailable"))]);
    for (path, status) in [
        ("/down.json", "503 Service Unavailable"),
        ("/none.json", "404 Not Found"),
    ] {
        let url = format!("{}{path}", server.url);
        refused(
            &url,
            &format!("cannot fetch {url}: the server answered {status}"),
            "",
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/r.json", listener.local_addr().unwrap());
    drop(listener);
    let ran = resolve(&url);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.starts_with("{\"error\":\"fetch\","),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr
            .starts_with(&format!("error: cannot fetch {url}\ncaused by: ")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("onnection refused"), "{}", ran.stderr);
}

#[test]
fn a_register_from_the_network_leads_to_no_file() {
    let server = Server::new([("/r.json", Answer::ok(r#""file:///etc/radpack.json""#))]);
    let url = format!("{}/r.json", server.url);
    let ran = resolve(&url);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.starts_with("{\"error\":\"invalid-manifest\","),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("file:///etc/radpack.json"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_too_large_is_refused() {
    let server = Server::new([("/large.json", Answer::ok(vec![b' '; (64 << 20) + 1]))]);
    let url = format!("{}/large.json", server.url);
    refused(
        &url,
        &format!("cannot fetch {url}: the answer has more than 67108864 bytes"),
        "",
    );
}

/// Only Linux takes its certificates from where these variables say.
#[cfg(target_os = "linux")]
#[test]
fn without_certificates_there_is_still_http() {
    let server = Server::new([("/r.json", Answer::ok(SHAPES))]);
    let with = |url: &str| {
        radpack(["resolve", "--manifest", url, "colors@3.1.0"])
            .variable("SSL_CERT_FILE", "/nonexistent")
            .variable("SSL_CERT_DIR", "/nonexistent")
            .run()
    };
    with(&format!("{}/r.json", server.url))
        .prints("colors@3.1.0  colors@3.1.0  exact  https://cdn.example/colors-3.js\n");
    let refused = with("https://127.0.0.1:1/r.json");
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(
        refused.stderr.starts_with(
            "error: cannot fetch over https; see that this machine has its certificates"
        ),
        "{}",
        refused.stderr
    );
}
