//! The `exports` and `imports` of `package.json`: subpaths, patterns, conditions, and where they lead.
//!
//! The shapes and the precedence of patterns are Node's ([Packages](https://nodejs.org/api/packages.html#package-entry-points)).
//! Conditions are looked at in the order of [`CONDITIONS`], not in the order they are written: the first that leads somewhere
//! wins. Whether a path leads somewhere the caller says; nothing here touches the disk.

use serde_json::Value;

/// The conditions that a build looks at, best first.
pub(crate) const CONDITIONS: [&str; 5] = ["radpack", "browser", "import", "module", "default"];

/// Where a target leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// To this path or package.
    To(String),
    /// Nowhere on purpose: the target is `null`.
    Closed,
    /// Nowhere, because this is not there.
    Missing(String),
    /// Nowhere, because no condition applies.
    NoCondition,
}

/// Follows a target through conditions and arrays to the first thing that leads somewhere.
///
/// `star` is what a pattern's `*` stands for.
pub(crate) fn follow(
    target: &Value,
    star: Option<&str>,
    leads: &mut dyn FnMut(&str) -> bool,
) -> Lead {
    match target {
        Value::String(path) => {
            let path = match star {
                Some(star) => path.replace('*', star),
                None => path.clone(),
            };
            if leads(&path) {
                Lead::To(path)
            } else {
                Lead::Missing(path)
            }
        }
        Value::Null => Lead::Closed,
        Value::Array(targets) => first(targets.iter(), star, leads, false),
        Value::Object(conditions) => {
            let targets = CONDITIONS
                .iter()
                .filter_map(|&condition| conditions.get(condition));
            first(targets, star, leads, true)
        }
        Value::Bool(_) | Value::Number(_) => Lead::NoCondition,
    }
}

/// The first of several targets that leads somewhere. Among conditions a `null` ends the search, as it does in Node; in an
/// array the next is tried.
fn first<'v>(
    targets: impl Iterator<Item = &'v Value>,
    star: Option<&str>,
    leads: &mut dyn FnMut(&str) -> bool,
    null_ends: bool,
) -> Lead {
    let mut nowhere = Lead::NoCondition;
    for target in targets {
        match follow(target, star, leads) {
            Lead::To(path) => return Lead::To(path),
            Lead::Closed if null_ends => return Lead::Closed,
            Lead::NoCondition => {}
            other if nowhere == Lead::NoCondition => nowhere = other,
            _ => {}
        }
    }
    nowhere
}

/// Every path with a `*` that a target can lead to, in the order they are tried.
pub(crate) fn patterns(target: &Value) -> Vec<&str> {
    match target {
        Value::String(path) if path.contains('*') => vec![path],
        Value::Array(targets) => targets.iter().flat_map(patterns).collect(),
        Value::Object(conditions) => CONDITIONS
            .iter()
            .filter_map(|&condition| conditions.get(condition))
            .flat_map(patterns)
            .collect(),
        _ => Vec::new(),
    }
}

/// The subpaths of `exports` and their targets, in the order they are written. Without subpaths all of it is the target of `.`.
///
/// The error completes the sentence "`exports` … ".
pub(crate) fn subpaths(exports: &Value) -> Result<Vec<(&str, &Value)>, String> {
    let Value::Object(object) = exports else {
        return match exports {
            Value::String(_) | Value::Array(_) | Value::Null => Ok(vec![(".", exports)]),
            _ => Err(format!("must be a path or an object, found {exports}")),
        };
    };
    let dotted = object.keys().filter(|key| key.starts_with('.')).count();
    if dotted == 0 {
        return Ok(vec![(".", exports)]);
    }
    if let Some(condition) = object.keys().find(|key| !key.starts_with('.')) {
        return Err(format!(
            "mixes subpaths, which begin with a dot, and conditions, as {condition:?}: put the conditions under \".\""
        ));
    }
    for key in object.keys() {
        if key != "." && !key.starts_with("./") {
            return Err(format!(
                "has the subpath {key:?}: a subpath is \".\" or begins with \"./\""
            ));
        }
        if key.matches('*').count() > 1 {
            return Err(format!(
                "has the subpath {key:?}: a pattern has only one \"*\""
            ));
        }
    }
    Ok(object
        .iter()
        .map(|(key, target)| (key.as_str(), target))
        .collect())
}

/// The key that decides about a subpath, and what its `*` stands for: the key itself, else the most specific pattern.
pub(crate) fn best_match<'k, 's>(
    keys: impl IntoIterator<Item = &'k str>,
    subpath: &'s str,
) -> Option<(&'k str, Option<&'s str>)> {
    let mut best: Option<(&'k str, Option<&'s str>)> = None;
    for key in keys {
        let Some((prefix, suffix)) = key.split_once('*') else {
            if key == subpath {
                return Some((key, None));
            }
            continue;
        };
        let star = subpath
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix))
            .filter(|star| !star.is_empty());
        if star.is_some() && best.is_none_or(|(other, _)| is_more_specific(key, other)) {
            best = Some((key, star));
        }
    }
    best
}

/// Node's `PATTERN_KEY_COMPARE`: the longer text before the `*`, then the longer key.
fn is_more_specific(key: &str, other: &str) -> bool {
    let base = |key: &str| key.find('*').unwrap_or(key.len());
    (base(key), key.len()) > (base(other), other.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_arrays_and_nulls() {
        let there = ["./a.js", "./b.js", "./c.js"];
        let to = |path: &str| Lead::To(path.to_owned());
        let missing = |path: &str| Lead::Missing(path.to_owned());
        let cases = [
            (json!("./a.js"), to("./a.js")),
            (json!("./no.js"), missing("./no.js")),
            (json!(null), Lead::Closed),
            (json!({"default": "./a.js"}), to("./a.js")),
            (
                json!({"default": "./a.js", "import": "./b.js"}),
                to("./b.js"),
            ),
            (
                json!({"import": "./a.js", "browser": "./b.js"}),
                to("./b.js"),
            ),
            (
                json!({"module": "./a.js", "radpack": "./c.js", "browser": "./b.js"}),
                to("./c.js"),
            ),
            (
                json!({"require": "./a.js", "types": "./b.js", "node": "./c.js"}),
                Lead::NoCondition,
            ),
            (json!({}), Lead::NoCondition),
            (
                json!({"browser": "./no.js", "import": "./a.js"}),
                to("./a.js"),
            ),
            (
                json!({"browser": "./no.js", "import": "./nor.js"}),
                missing("./no.js"),
            ),
            (
                json!({"browser": {"require": "./b.js"}, "import": "./a.js"}),
                to("./a.js"),
            ),
            (
                json!({"browser": {"import": "./b.js"}, "import": "./a.js"}),
                to("./b.js"),
            ),
            (
                json!({"import": {"types": "./a.d.ts", "default": "./a.js"}}),
                to("./a.js"),
            ),
            (json!({"browser": null, "default": "./a.js"}), Lead::Closed),
            (
                json!({"import": {"node": "./a.js", "default": null}, "default": "./b.js"}),
                Lead::Closed,
            ),
            (json!(["./no.js", "./a.js"]), to("./a.js")),
            (json!([null, "./a.js"]), to("./a.js")),
            (json!([null]), Lead::Closed),
            (json!([]), Lead::NoCondition),
            (json!([{"require": "./b.js"}, "./a.js"]), to("./a.js")),
            (
                json!({"import": ["./no.js", {"default": "./c.js"}]}),
                to("./c.js"),
            ),
            (json!(true), Lead::NoCondition),
            (json!(7), Lead::NoCondition),
        ];
        assert!(cases.len() >= 20);
        for (target, expected) in cases {
            let found = follow(&target, None, &mut |path| there.contains(&path));
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn a_star_is_filled_in_everywhere() {
        let target = json!({"import": "./no/*.js", "default": "./*/*.js"});
        let found = follow(&target, Some("a"), &mut |path| path == "./a/a.js");
        assert_eq!(found, Lead::To("./a/a.js".to_owned()));
        assert_eq!(patterns(&target), ["./no/*.js", "./*/*.js"]);
        assert_eq!(
            patterns(&json!({"require": "./*.cjs", "default": ["./x.js", "./*.js"]})),
            ["./*.js"]
        );
    }

    #[test]
    fn subpaths_or_one_target() {
        for exports in [
            json!("./a.js"),
            json!({"import": "./a.js"}),
            json!(["./a.js"]),
        ] {
            assert_eq!(subpaths(&exports).unwrap(), [(".", &exports)]);
        }
        let exports = json!({"./b": "./b.js", ".": "./a.js"});
        let keys: Vec<&str> = subpaths(&exports)
            .unwrap()
            .iter()
            .map(|(key, _)| *key)
            .collect();
        assert_eq!(keys, ["./b", "."]);
        for (exports, message) in [
            (json!(1), "must be a path or an object, found 1"),
            (
                json!({".": "./a.js", "import": "./b.js"}),
                "mixes subpaths, which begin with a dot, and conditions, as \"import\": put the conditions under \".\"",
            ),
            (
                json!({"../x": "./a.js"}),
                "has the subpath \"../x\": a subpath is \".\" or begins with \"./\"",
            ),
            (
                json!({"./*/*": "./a.js"}),
                "has the subpath \"./*/*\": a pattern has only one \"*\"",
            ),
        ] {
            assert_eq!(subpaths(&exports).unwrap_err(), message);
        }
    }

    #[test]
    fn the_most_specific_key_decides() {
        let keys = [
            "./a",
            "./*",
            "./features/*",
            "./features/*.js",
            "./features/internal/*",
        ];
        for (subpath, key, star) in [
            ("./a", "./a", None),
            ("./b", "./*", Some("b")),
            ("./b/c", "./*", Some("b/c")),
            ("./features/x", "./features/*", Some("x")),
            ("./features/x.js", "./features/*.js", Some("x")),
            ("./features/internal/x", "./features/internal/*", Some("x")),
            ("./features/", "./*", Some("features/")),
        ] {
            assert_eq!(best_match(keys, subpath), Some((key, star)), "{subpath}");
        }
        assert_eq!(best_match(["./a"], "./b"), None);
    }
}
