//! Manifests and ids that are too large, too deep or merely odd: both of the index's readers give a clear answer.

use radpack_manifest::{MAX_DEPTH, MAX_ID_BYTES, ProblemKind};
use radpack_resolve::{Index, Memo, ResolveErrorKind};

const PLAIN: &str = r#"{"exports":{"shapes":{"v":[[2,0,1],[1,4]],"d":[["index",[{"v":[0],"f":"two.js","s":[1]},{"v":[1],"f":"one.js"}]],"😀@^1"]},"😀":{"v":[[1]],"d":[["index",[{"v":[0],"f":"grin.js"}]],["🎉/é",[{"v":[0],"f":"🎉.js"}]]]}}}"#;

#[track_caller]
fn refused(json: Vec<u8>, message: &str) {
    let error = Index::from_json(json).unwrap_err();
    let errors = error.manifest_errors().expect("the manifest is the cause");
    assert_eq!(errors.problems()[0].kind, ProblemKind::Limit);
    assert_eq!(errors.to_string(), message);
}

#[test]
fn a_manifest_of_more_than_64_mebibytes() {
    // It begins as a canonical one does, and only its last string is too long.
    let mut json = PLAIN.as_bytes().to_vec();
    json.pop();
    json.extend_from_slice(br#","vars":{"x":""#);
    json.resize((64 << 20) - 2, b'x');
    json.extend_from_slice(br#""}}"#);
    refused(
        json,
        "$: the JSON has more than 67108864 bytes, which is the limit",
    );
}

#[test]
fn a_manifest_that_is_nested_too_deep() {
    for (open, close) in [("[", "]"), ("{\"x\":", "}")] {
        for closed in [true, false] {
            let close = if closed { close } else { "" };
            let deep = [open.repeat(1_000_000), close.repeat(1_000_000)].concat();
            let head = PLAIN.strip_suffix('}').unwrap();
            let json = format!("{head},\"x\":{deep}}}").into_bytes();
            let at = head.len() + 5 + open.len() * (MAX_DEPTH - 1) + 1;
            refused(
                json,
                &format!(
                    "$: the JSON nests deeper than the limit of 128 levels at line 1 column {at}"
                ),
            );
        }
    }
}

/// All the ways of asking.
#[track_caller]
fn assert_everywhere(index: &Index, id: &str, file: Result<&str, ResolveErrorKind>) {
    let query = index.query();
    let mut memo = Memo::new(2);
    let mut answers = vec![
        query.resolve(id),
        memo.resolve(&query, id),
        memo.resolve(&query, id),
    ];
    query.resolve_batch(&[id], |_, answer| answers.push(answer));
    answers.push(query.closure(id).map(|closure| closure[closure.len() - 1]));
    for answer in answers {
        let answer = answer.map(|found| found.file().unwrap().unwrap());
        assert_eq!(answer.map_err(|error| error.kind()), file);
    }
}

#[test]
fn ids_of_4096_bytes() {
    let (name, entry) = ("n".repeat(2_000), "e".repeat(2_092));
    let id = format!("{name}@^1/{entry}");
    assert_eq!(id.len(), MAX_ID_BYTES);
    let json = format!(
        r#"{{"exports":{{"{name}":{{"v":[[1]],"d":[["{entry}",[{{"v":[0],"f":"long.js"}}]]]}}}}}}"#
    );
    let index = Index::from_json(json).unwrap();
    assert_everywhere(&index, &id, Ok("long.js"));
    // One byte more, though it would mean the same.
    let id = format!("{name}@^01/{entry}");
    assert_everywhere(&index, &id, Err(ResolveErrorKind::InvalidId));
    let id = format!("{name}@^1/{entry}").replace("^1", "^1.0.0");
    assert_everywhere(&index, &id, Err(ResolveErrorKind::InvalidId));
    // Whatever stands in it.
    for length in [MAX_ID_BYTES + 1, 1 << 20] {
        for part in ["x", "/", "@", "é", "^1", "@/"] {
            let mut id = part.repeat(length / part.len() + 1);
            id.truncate(length + length % part.len());
            assert_everywhere(&index, &id, Err(ResolveErrorKind::InvalidId));
        }
    }
    let error = index.resolve(&"x".repeat(1 << 20)).unwrap_err();
    assert!(error.to_string().len() < 1_000, "messages stay short");
}

#[test]
fn windows_line_ends_a_mark_emoji_and_endings() {
    let pretty = PLAIN.replace(',', ",\r\n\t").replace('{', "{\r\n ");
    for json in [
        PLAIN.to_owned(),
        pretty.clone(),
        format!("\u{feff}{pretty}\r\n"),
    ] {
        let index = Index::from_json(json).unwrap();
        for (id, file) in [
            ("shapes", "two.js"),
            ("shapes@^1", "one.js"),
            ("😀", "grin.js"),
            ("😀@1.0.0", "grin.js"),
            ("😀@^1/🎉/é", "🎉.js"),
            ("😀@~1.0/🎉/é.js", "🎉.js"),
        ] {
            assert_everywhere(&index, id, Ok(file));
        }
        for id in ["shapes/.js", "shapes@^2/.mjs", "shapes@^2/.js.js"] {
            assert_everywhere(&index, id, Err(ResolveErrorKind::UnknownEntry));
        }
        assert_everywhere(&index, "shapes@^2/index.js", Ok("two.js"));
        assert_everywhere(&index, "shapes@^2/", Err(ResolveErrorKind::InvalidId));
        assert_everywhere(&index, "shapes\r", Err(ResolveErrorKind::InvalidId));
        assert_everywhere(&index, "😁@^1", Err(ResolveErrorKind::UnknownPackage));
        let query = index.query();
        let error = query.suggest(query.resolve("shapse").unwrap_err());
        assert_eq!(error.suggestion(), Some("shapes"));
    }
}
