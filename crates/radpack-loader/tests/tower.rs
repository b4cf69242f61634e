//! The tower layer, in front of axum: one snapshot for each request, overrides where they are allowed, preloads on responses.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, LINK, VARY};
use axum::http::{Request, Response, StatusCode};
use axum::response::Html;
use axum::routing::get;
use axum::{Extension, Router};
use radpack_loader::tower::{Preloads, RadpackLayer};
use radpack_loader::{FetchOptions, Radpack, Snapshot, Source};
use tower::ServiceExt as _;

fn register(version: u32) -> String {
    format!(
        r#"{{"vars":{{"baseUrl":"https://cdn.example"}},"exports":{{
            "shop":{{"v":[[{version}]],"d":[["page",[{{"v":[0],"f":"page-{version}.js","s":[1]}}]],["c/part",[{{"v":[0],"f":"part-{version}.js"}}]]]}},
            "styles":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"styles.js","i":"sha384-abc"}}]]]}}}}}}"#
    )
}

/// Serves a register on loopback; its URL.
async fn serve(json: String) -> String {
    let routes = Router::new().route("/radpack.json", get(move || async move { json }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}/radpack.json")
}

async fn loader() -> Radpack {
    let options = FetchOptions {
        allowed_hosts: Some(vec!["127.0.0.1".into()]),
        ..FetchOptions::default()
    };
    Radpack::builder()
        .fetch(options)
        .register(Source::json(register(1)))
        .build()
        .await
        .unwrap()
}

async fn version(Extension(radpack): Extension<Radpack>) -> String {
    radpack.resolve("shop/page").unwrap().version().to_string()
}

async fn ask(routes: &Router, request: Request<Body>) -> (StatusCode, Response<()>, String) {
    let response = routes.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (
        status,
        Response::from_parts(parts, ()),
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

fn get_request(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

fn links(response: &Response<()>) -> Vec<&str> {
    let links = response.headers().get_all(LINK).iter();
    links.map(|link| link.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_request_stays_with_its_snapshot() {
    let radpack = loader().await;
    let changing = radpack.clone();
    let handler = move |Extension(view): Extension<Radpack>,
                        Extension(snapshot): Extension<Snapshot>| {
        let changing = changing.clone();
        async move {
            let before = view.resolve("shop/page").unwrap().version().to_string();
            changing.register(Source::json(register(2)));
            changing.ready().await.unwrap();
            let now = changing.resolve("shop/page").unwrap().version().to_string();
            let after = view.resolve("shop/page").unwrap().version().to_string();
            let in_snapshot = snapshot.resolve("shop/page").unwrap().version().to_string();
            format!("{before} {now} {after} {in_snapshot}")
        }
    };
    let routes = Router::new()
        .route("/", get(handler))
        .route("/next", get(version))
        .layer(RadpackLayer::new(radpack));
    assert_eq!(
        ask(&routes, get_request("/")).await.2,
        "1.0.0 2.0.0 1.0.0 1.0.0"
    );
    assert_eq!(ask(&routes, get_request("/next")).await.2, "2.0.0");
}

#[tokio::test]
async fn overrides_come_from_allowed_hosts_alone() {
    let preview = serve(register(7)).await;
    let header = HeaderName::from_static("x-radpack");
    let radpack = loader().await;
    let routes = Router::new().route("/", get(version)).layer(
        RadpackLayer::new(radpack.clone())
            .override_query("radpack")
            .override_header(header.clone()),
    );
    let encoded: String = url::form_urlencoded::byte_serialize(preview.as_bytes()).collect();
    let in_query = get_request(&format!("/?a=b&radpack={encoded}"));
    assert_eq!(ask(&routes, in_query).await.2, "7.0.0");
    let mut in_header = get_request("/");
    in_header
        .headers_mut()
        .insert(&header, preview.parse().unwrap());
    let (_, response, body) = ask(&routes, in_header).await;
    assert_eq!(body, "7.0.0");
    assert_eq!(response.headers().get(VARY).unwrap(), "x-radpack");
    // The others are not touched by it.
    assert_eq!(ask(&routes, get_request("/?radpacks=x")).await.2, "1.0.0");

    for (uri, status) in [
        (
            "/?radpack=https%3A%2F%2Fevil.example%2Fradpack.json",
            StatusCode::FORBIDDEN,
        ),
        (
            "/?radpack=file%3A%2F%2F%2Fetc%2Fpasswd",
            StatusCode::FORBIDDEN,
        ),
        ("/?radpack=nonsense", StatusCode::FORBIDDEN),
        ("/?radpack=", StatusCode::FORBIDDEN),
    ] {
        let (found, response, body) = ask(&routes, get_request(uri)).await;
        assert_eq!(found, status, "{uri}");
        assert_eq!(
            response.headers().get(CONTENT_TYPE).unwrap(),
            "text/plain; charset=utf-8"
        );
        assert!(body.contains("is not taken as an override"), "{body}");
    }
    let gone = preview.replace("radpack.json", "gone.json");
    let encoded: String = url::form_urlencoded::byte_serialize(gone.as_bytes()).collect();
    let (status, _, _) = ask(&routes, get_request(&format!("/?radpack={encoded}"))).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);

    // Where it is not switched on, nobody looks at it.
    let closed = Router::new()
        .route("/", get(version))
        .layer(RadpackLayer::new(radpack));
    assert_eq!(
        ask(&closed, get_request(&format!("/?radpack={encoded}")))
            .await
            .2,
        "1.0.0"
    );
}

#[tokio::test]
async fn responses_say_what_to_preload() {
    async fn page() -> (Extension<Preloads>, Html<&'static str>) {
        (
            Extension(Preloads::of(["shop/page", "shop/page", "nowhere"])),
            Html("<p>"),
        )
    }
    let routes = Router::new()
        .route("/page", get(page))
        .route("/plain", get(|| async { Html("<p>") }))
        .route("/data", get(|| async { "data" }))
        .route(
            "/broken",
            get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, Html("<p>")) }),
        )
        .layer(RadpackLayer::new(loader().await).preload("styles"));
    let styles = r#"<https://cdn.example/styles.js>; rel=modulepreload; integrity="sha384-abc""#;
    let (_, response, _) = ask(&routes, get_request("/page")).await;
    assert_eq!(
        links(&response),
        [
            "<https://cdn.example/part-1.js>; rel=modulepreload",
            "<https://cdn.example/page-1.js>; rel=modulepreload",
            styles
        ]
    );
    assert!(response.extensions().get::<Preloads>().is_none());
    assert_eq!(
        links(&ask(&routes, get_request("/plain")).await.1),
        [styles]
    );
    assert_eq!(links(&ask(&routes, get_request("/data")).await.1), [""; 0]);
    assert_eq!(
        links(&ask(&routes, get_request("/broken")).await.1),
        [""; 0]
    );
}
