//! Tokens: what they allow, and until when. Without one everything is allowed, as on one's own disk.

use super::support::Place;

/// Makes a token; its secret.
fn token(place: &Place, maker: Option<&str>, line: &str) -> String {
    let mut program = place.program(&format!("token create {line}"));
    if let Some(maker) = maker {
        program = program.variable("RADPACK_TOKEN", maker);
    }
    let ran = program.run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.ends_with("; it is shown this once:\n"));
    ran.stdout.trim_end().to_owned()
}

/// The id of the token of somebody.
fn id_of(place: &Place, holder: &str) -> String {
    let tokens = place.program("token list --json").run().values();
    let token = tokens.iter().find(|token| token["holder"] == holder);
    token.unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_allows_what_it_says_and_nothing_else() {
    let place = Place::with_shapes();
    let ci = token(&place, None, "ci --right publish --package shapes");
    place.package("other", "1.0.0", "export default 1;", "");
    place.run_with(&ci, "publish other").is(
        1,
        "",
        "error: the token of ci has not the right to publish for other: who has admin rights makes one that has, with `radpack token create`\n",
    );
    place.package("shapes", "1.0.1", "export const circle = 2;", "");
    place
        .run_with(&ci, "publish shapes")
        .prints("shapes@1.0.1 published: build 2, 1 entry\n");
    // It says who did it, whatever RADPACK_AUTHOR says.
    assert_eq!(place.history()[2], "ci  published shapes@1.0.1 (build 2)");
    for (line, right) in [
        ("release shapes@1.0.1", "release for shapes"),
        ("publish shapes --release", "release for shapes"),
        ("rollback shapes", "release for shapes"),
        ("policy shapes releases=free", "admin for shapes"),
        (
            "setting base-url=https://cdn.example",
            "admin for the whole registry",
        ),
        ("gc", "admin for the whole registry"),
    ] {
        let said = place.run_with(&ci, line);
        assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{line}");
        assert_eq!(
            said.stderr,
            format!(
                "error: the token of ci has not the right to {right}: who has admin rights makes one that has, with `radpack token create`\n"
            ),
            "{line}"
        );
    }
    let ran = place.run(&format!("release shapes@1.0.1 --token {ci}"));
    assert_eq!(ran.code, 1);
    assert_eq!(place.history().len(), 3);
}

#[test]
fn what_a_token_was_is_over_once_it_is_revoked_or_expired() {
    let place = Place::with_shapes();
    let root = token(&place, None, "root --right admin");
    let ci = token(
        &place,
        Some(&root),
        "ci --right publish --right release --expires 90d",
    );
    place
        .run_with(&ci, "release shapes@1.0.0")
        .prints("event 4: released shapes@1.0.0 (release 1)\n");
    let short = token(&place, Some(&root), "short --right release --expires 1s");
    let id = id_of(&place, "ci");
    place
        .run_with(&root, &format!("token revoke {id}"))
        .prints("event 6: revoked the token ID\n");
    let again = place.run_with(&root, &format!("token revoke {id}"));
    assert!(again.stdout.starts_with("nothing to do: "), "{again:?}");
    place.run("token list").prints(
        "ID  root   admin            *  until it is revoked\n\
         ID  ci     publish,release  *  revoked by event 6\n\
         ID  short  release          *  until TIME\n",
    );
    place.run_with(&ci, "rollback shapes").is(
        1,
        "",
        "error: the token of ci was revoked by event 6\n",
    );
    // A second is over once the next one has begun.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let said = place.run_with(&short, "rollback shapes").stderr;
    assert!(
        said.starts_with("error: the token of short expired "),
        "{said}"
    );
    let listed = place.done("token list");
    assert!(listed.ends_with("  expired TIME\n"), "{listed}");
    place.run_with("radpack_nonsense", "rollback shapes").is(
        1,
        "",
        "error: the token is none of this registry's\n",
    );
    assert_eq!(place.history().len(), 6);
}

#[test]
fn nobody_gives_what_they_have_not() {
    let place = Place::new();
    let lead = token(&place, None, "lead --right admin --package @shop/*");
    place
        .run_with(&lead, "token create all --right publish")
        .is(
            1,
            "",
            "error: a token grants nothing that its maker's does not: yours is not for all of *\n",
        );
    place.run("token revoke nonsense").is(
        1,
        "",
        "error: \"nonsense\" is no token's id: `radpack token list` shows them\n\
         caused by: failed to parse a UUID\n",
    );
    let said = place.refused("token revoke 0198a000-0000-7000-8000-000000000001");
    assert!(said.contains("`radpack token list`"), "{said}");
    let value = &place.run("--json token create ci --right read").values()[0];
    assert_eq!(value["secret"], "SECRET");
}
