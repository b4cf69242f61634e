//! `GET /api/openapi.json`: all there is, described beside what it describes.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use radpack_registry::PublishRequest;
use utoipa::openapi::OpenApi as Described;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::ProblemJson;
use super::drafts::Save;
use crate::read::health::Ready;
use crate::read::resolve::Resolved;

/// What is read, and not below `/api`.
const READS: &str = include_str!("reads.json");

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Radpack",
        description = "Packages of modules: what was released, for everybody; and the commands that release it, for those who have a token.",
        license(name = "MIT")
    ),
    modifiers(&Tokens),
    components(schemas(ProblemJson, PublishRequest, Save, Resolved<'_>, Ready))
)]
struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut Described) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let scheme = scheme.description(Some("A token that `radpack token create` makes"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// The whole description.
pub(super) fn document() -> Described {
    let mut document = Document::openapi();
    document.merge(super::described().into_openapi());
    // It is part of this program, and read by a test.
    if let Ok(reads) = serde_json::from_str::<Described>(READS) {
        document.merge(reads);
    }
    // A parameter that takes the rest of a path is one like others, here.
    let paths = std::mem::take(&mut document.paths.paths).into_iter();
    document.paths.paths = paths
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    document
}

static TEXT: LazyLock<Bytes> = LazyLock::new(|| {
    let text = serde_json::to_vec_pretty(&document()).unwrap_or_default();
    text.into()
});

/// This description
#[utoipa::path(get, path = "/api/openapi.json", tag = "about", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(super) async fn get() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, TEXT.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::RefOr;
    use utoipa::openapi::path::ParameterIn;

    use super::*;
    use crate::read::{import_map, manifest, resolve};

    #[test]
    fn what_is_read_is_described() {
        let document = document();
        for path in crate::read::ROUTES {
            let path = path.replace("{*", "{");
            assert!(document.paths.paths.contains_key(&path), "{path}");
        }
        for (path, takes) in [
            ("/radpack.json", &manifest::TAKES[..]),
            ("/import-map.json", &import_map::TAKES),
            ("/import-map.html", &import_map::TAKES),
            ("/resolve/{id}", &resolve::TAKES),
        ] {
            let operation = document.paths.paths[path].get.as_ref().unwrap();
            let described = operation.parameters.iter().flatten().map(|one| match one {
                RefOr::T(parameter) => parameter,
                RefOr::Ref(_) => panic!("each has its own"),
            });
            let described: Vec<&str> = described
                .filter(|one| one.parameter_in == ParameterIn::Query)
                .map(|one| &*one.name)
                .collect();
            assert_eq!(described, takes, "{path}");
        }
        let others = document.paths.paths.keys();
        let others = others.filter(|path| !path.starts_with("/api/")).count();
        assert_eq!(others, crate::read::ROUTES.len());
    }
}
