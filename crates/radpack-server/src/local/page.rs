//! The page that says what is overridden.

use std::fmt::Write as _;

use super::{Shared, Shown};
use crate::local::workshop::Local;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-top:1px solid #8884}\
pre{white-space:pre-wrap;margin:.3rem 0;padding:.5rem;border-left:3px solid #c33;background:#c331}code{font-size:.95em}";

/// A page is loaded anew when anything changes; what it is connected to tells its number first.
const SCRIPT: &str = "let seen;const events=new EventSource('/-/events');\
events.addEventListener('now',e=>{if(seen!==undefined&&seen!==e.data)location.reload();seen=e.data});\
events.addEventListener('built',()=>location.reload());";

pub(super) fn html(shown: &Shown, shared: &Shared, address: &str) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<link rel=\"icon\" href=\"data:,\"><title>radpack local</title>\n<style>{STYLE}</style>\n\
         <h1>radpack local</h1>\n<p>Packages of <code>{}</code>, on top of what is live. Register \
         <a href=\"{1}\"><code>{1}</code></a>, or set <code>RADPACK_LOCAL={1}</code>.</p>\n",
        escaped(&shared.root.display().to_string()),
        escaped(address),
    );
    if let Some(notice) = &shown.notice {
        let _ = writeln!(html, "<pre>{}</pre>", escaped(notice));
    }
    if shown.packages.is_empty() {
        html.push_str(
            "<p>There are no packages: neither are any linked into <code>node_modules</code>, nor is this a workspace.</p>\n",
        );
    } else {
        html.push_str("<table>\n<tr><th>package<th>here<th>live<th>from\n");
        for local in &shown.packages {
            row(&mut html, local, shared);
        }
        html.push_str("</table>\n");
    }
    let _ = write!(html, "<script>{SCRIPT}</script>\n</html>\n");
    html
}

fn row(html: &mut String, local: &Local, shared: &Shared) {
    let live = live_versions(local, shared);
    let here = match &local.version {
        Some(version) => escaped(&version.to_string()),
        None => "–".to_owned(),
    };
    let newest = live.first().map(String::as_str);
    let over = match (&local.version, newest) {
        (_, None) => "not live".to_owned(),
        (None, Some(_)) => format!("{}, which is what is served", escaped(&live.join(", "))),
        (Some(_), Some(_)) => format!("over {}", escaped(&live.join(", "))),
    };
    let _ = write!(
        html,
        "<tr><td><code>{}</code><td>{here}<td>{over}<td><code>{}</code>",
        escaped(&local.name),
        escaped(&local.shown_folder(&shared.root)),
    );
    if let Some(problem) = &local.problem {
        let state = match local.parts.is_empty() {
            true => "It cannot be served:",
            false => "What is served is the last good build, for now:",
        };
        let _ = write!(html, "<br>{state}<pre>{}</pre>", escaped(problem));
    }
    for warning in &local.warnings {
        let _ = write!(html, "<br><small>{}</small>", escaped(warning));
    }
    html.push('\n');
}

/// The live versions of a package, newest first.
fn live_versions(local: &Local, shared: &Shared) -> Vec<String> {
    let Some(package) = shared.live.package(&local.name) else {
        return Vec::new();
    };
    let mut versions: Vec<_> = package
        .entries()
        .flat_map(|entry| {
            entry
                .versions()
                .map(|version| version.to_semver())
                .collect::<Vec<_>>()
        })
        .collect();
    versions.sort_by(|one, other| other.cmp(one));
    versions.dedup();
    versions.iter().map(ToString::to_string).collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
