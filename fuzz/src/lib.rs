//! What the fuzz targets have in common: two small registers that have something of everything an index holds,
//! and an answer to an id that needs no index.

use radpack_manifest::{Id, Manifest};
use radpack_version::{Drift, Fallback, Fit, Spec, TagTarget, VersionRef, select};

/// The lower register: inline and long keys, many versions, prereleases, numbers beyond a packed key, tags, a URL, a
/// cycle of packages, `~/`, a dependency on nothing.
pub const LOWER: &str = r#"{"vars":{"baseUrl":"https://cdn.example/${stage}","url":"${baseUrl}/${name}/${file}","loop":"${loop}"},"exports":{
"@acme/shop":{"v":[[2,0,0,"-rc.1"],[2,0,0,"-beta.11"],[1,2,3],[1,2]],"d":[
  ["index",[{"v":[0],"f":"rc.js","s":[1]},{"v":[1],"f":"beta.js"},{"v":[2,3],"f":"index.js","s":[1,2,3,5],"d":[1],"i":"sha384-abc"}]],
  ["cart",[{"v":[0,1,2],"u":"https://x.example/${lang}/${loop}/cart.js"}]],
  ["c/a/chunk/with/a/name/that/does/not/fit/into/a/record",[{"v":[2,3],"f":"c/chunk.js","s":[0]}]],
  "cycle@^1","d3@^4.1","~/cart"],"t":{"next":0,"old":3}},
"cycle":{"v":[[1]],"d":[["index",[{"v":[0],"f":"cycle.js","s":[1]}]],"@acme/shop@>=1 <2"]},
"d3":{"v":[[4,13],[4,12,1],[4,12],[4,1],[4],[3,9],[3,8,2],[3,8],[3],[2],[1,1],[1],[0,3,1],[0,3],[0,2,5]],"d":[
  ["index",[{"v":[0],"f":"d3-0.js"},{"v":[1,2,3,4],"f":"d3-1.js"},{"v":[5,6,7,8,9],"f":"d3-5.js"},{"v":[10,11,12,13,14],"f":"d3-a.js"}]],
  ["array.js",[{"v":[0,1,2],"f":"array.js"}]],["array",[{"v":[3,4,5],"f":"array-3.js"}]]]},
"huge":{"v":[[9007199254740991,9007199254740991,9007199254740991],[524287,524287,33554431],[524286,1],[1,20240101123456],[1]],"d":[["index",[{"v":[0,1,2,3,4]}]]]},
"small":{"v":[[1,2,3],[1,2],[0,0,3]],"d":[["index",[{"v":[0],"f":"a.js"},{"v":[1],"f":"b.js"},{"v":[2],"f":"c.js"}]],["x",[{"v":[0,1],"f":"x.js"}]],"nowhere@^1","small"]}
}}"#;

/// The upper register, which offers nothing to others but what lies on the lower one's exports.
pub const UPPER: &str = r#"{"exports":{
"d3":{"v":[[5,0,0,"-alpha"],[4,12,2],[0,3,2]],"d":[["index",[{"v":[0],"f":"five.js"},{"v":[1,2],"f":"d3.js","s":[1]}]],"small@~1.2"],"t":{"next":0}},
"emoji-😀":{"v":[[1]],"d":[["index",[{"v":[0],"f":"e.js","s":[1]}]],"d3@*"]}
}}"#;

/// A register that keeps its exports to itself.
pub const INTERNAL: &str = r#"{"register":false,"exports":{
"app":{"v":[[1]],"d":[["index",[{"v":[0],"f":"app.js","s":[1,2]}]],"@acme/shop@latest","secret"]},
"secret":{"v":[[1]],"d":[["index",[{"v":[0],"f":"secret.js"}]]]},
"small":{"v":[[2]],"d":[["index",[{"v":[0],"f":"two.js"}]]]}
}}"#;

/// Ids that lead to every corner of them, and past.
pub const IDS: [&str; 32] = [
    "@acme/shop",
    "@acme/shop@^1",
    "@acme/shop@next/cart",
    "@acme/shop@old/cart",
    "@acme/shop@2.0.0-rc.1",
    "@acme/shop@^1/c/a/chunk/with/a/name/that/does/not/fit/into/a/record",
    "@acme/shop@~1.2.0/cart.js",
    "d3",
    "d3@^4",
    "d3@4.12.7",
    "d3@~4.12",
    "d3@^0.2",
    "d3@latest",
    "d3@next",
    "d3@>=3 <4 || 1.x",
    "d3@^4/array.js",
    "d3@^3/array.mjs",
    "d3@9.9.9",
    "cycle@^1",
    "huge",
    "huge@524286",
    "huge@1.20240101123456.0",
    "small@1.2.3",
    "small@^1/x",
    "small@0.0.1",
    "smal@^1",
    "d3@^4/aray",
    "emoji-😀@1",
    "app",
    "secret@^1",
    "~/cart",
    "${lang}@^4/index",
];

/// The answer to an id from one manifest, worked out the plain way, with nothing of the index: version, fit and drift.
pub fn selected<'m>(
    manifest: &'m Manifest,
    id: &str,
    fallback: Fallback,
) -> Option<(VersionRef<'m>, Fit, Option<Drift>)> {
    let id = Id::parse(id).ok()?;
    let spec = Spec::parse(id.spec.unwrap_or_default()).ok()?;
    let package = manifest.exports.get(id.name)?;
    let stripped = || {
        id.entry
            .strip_suffix(".mjs")
            .or_else(|| id.entry.strip_suffix(".js"))
    };
    let entry = package
        .entry(id.entry)
        .or_else(|| package.entry(stripped()?))?;
    let mut positions: Vec<usize> = entry
        .variants
        .iter()
        .flat_map(|variant| variant.versions.iter().copied())
        .collect();
    positions.sort_unstable();
    let versions: Vec<VersionRef<'m>> = positions
        .iter()
        .map(|at| VersionRef::from(&package.versions[*at]))
        .collect();
    let tag = |name: &str| match package.tags.get(name) {
        None => TagTarget::Unknown,
        Some(at) => match positions.iter().position(|position| position == at) {
            Some(position) => TagTarget::At(position),
            None => TagTarget::Missing,
        },
    };
    let found = select(&versions[..], &spec, fallback, tag).ok()?;
    Some((versions[found.index], found.fit, found.drift))
}
