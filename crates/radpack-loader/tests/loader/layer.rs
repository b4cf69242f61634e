//! The tower layer, in front of a service that answers with what it finds.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::{HeaderName, Request, Response};
use radpack_loader::{FetchOptions, Preloads, Radpack, RadpackLayer, Snapshot};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::server::{Reply, Server};
use crate::{builder, quick};

/// Answers with the version of `a` that the request's snapshot has, and asks to preload what its body names.
#[derive(Clone)]
struct Page;

impl Service<Request<Vec<String>>> for Page {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Vec<String>>) -> Self::Future {
        let snapshot = request.extensions().get::<Snapshot>().unwrap();
        let version = snapshot.resolve("a").unwrap().version().to_string();
        let mut response = Response::new(version);
        response
            .extensions_mut()
            .insert(Preloads(request.into_body()));
        ready(Ok(response))
    }
}

fn json(name: &str, version: &str) -> String {
    format!(
        r#"{{"exports":{{"{name}":{{"v":[{version}],"d":[["index",[{{"v":[0],"f":"{name}.js","s":[1]}}]],["c/x",[{{"v":[0],"f":"x.js"}}]]]}}}}}}"#
    )
}

async fn radpack(server: &Server) -> Radpack {
    server.on("/radpack.json", Reply::ok(json("a", "[1]")));
    server.on("/mine/radpack.json", Reply::ok(json("a", "[2]")));
    let listed = server.url("").trim_start_matches("http://").to_owned();
    let options = FetchOptions {
        allowed_hosts: Some(vec![listed]),
        ..quick()
    };
    builder()
        .fetch(options)
        .register(server.url("/radpack.json"))
        .build()
        .await
        .unwrap()
}

async fn ask(layer: &RadpackLayer, request: Request<Vec<String>>) -> (String, Vec<String>) {
    let response = layer.layer(Page).call(request).await.unwrap();
    let links = response.headers().get_all("link").iter();
    let links = links
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    (response.into_body(), links)
}

fn get(uri: &str) -> Request<Vec<String>> {
    Request::get(uri).body(Vec::new()).unwrap()
}

#[tokio::test]
async fn responses_get_link_headers_each_once() {
    let server = Server::start().await;
    let layer = RadpackLayer::new(radpack(&server).await)
        .preload("a@^1")
        .preload("not-there");
    let links = ["/x.js", "/a.js"].map(|path| format!("<{}>; rel=modulepreload", server.url(path)));
    assert_eq!(
        ask(&layer, get("/")).await,
        ("1.0.0".into(), links.to_vec())
    );
    let request = Request::get("/")
        .body(vec!["a".into(), "a/c/x".into()])
        .unwrap();
    assert_eq!(ask(&layer, request).await.1, links);
}

#[tokio::test]
async fn overrides_are_taken_where_told_and_from_listed_hosts() {
    let server = Server::start().await;
    let radpack = radpack(&server).await;
    let header = HeaderName::from_static("x-radpack");
    let plain = RadpackLayer::new(radpack.clone());
    let layer = RadpackLayer::new(radpack)
        .override_query("radpack")
        .override_header(header.clone())
        .preload("a");
    let mine = server.url("/mine/radpack.json");
    let encoded: String = url::form_urlencoded::byte_serialize(mine.as_bytes()).collect();
    let uri = format!("/page?x=y&radpack={encoded}");
    assert_eq!(ask(&plain, get(&uri)).await.0, "1.0.0");
    let (version, links) = ask(&layer, get(&uri)).await;
    assert_eq!(version, "2.0.0");
    assert_eq!(
        links[1],
        format!("<{}>; rel=modulepreload", server.url("/mine/a.js"))
    );
    let request = Request::get("/")
        .header(header, &mine)
        .body(Vec::new())
        .unwrap();
    assert_eq!(ask(&layer, request).await.0, "2.0.0");
    for (layer, expected) in [(&layer, Some("x-radpack")), (&plain, None)] {
        let response = layer.layer(Page).call(get("/")).await.unwrap();
        let vary = response.headers().get("vary");
        assert_eq!(vary.map(|value| value.to_str().unwrap()), expected);
    }
    for refused in [
        "https://evil.example/radpack.json",
        "file:///etc/hostname",
        "",
        &server.url("/not-there.json"),
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(refused.as_bytes()).collect();
        assert_eq!(
            ask(&layer, get(&format!("/?radpack={encoded}"))).await.0,
            "1.0.0",
            "{refused}"
        );
    }
}
