//! Giving versions to users and taking them back: `release`, `rollout`, `promote`, `rollback`, `revert`, `yank`, `policy`.

use super::support::Place;

/// `shapes` 1.0.0, 1.1.0 and 2.0.0, none of them released.
fn three() -> Place {
    let place = Place::with_shapes();
    for (version, code) in [
        ("1.1.0", "export const circle = 1, square = 2;"),
        ("2.0.0", "export const square = 2;"),
    ] {
        place.package("shapes", version, code, "");
        place.done("publish shapes");
    }
    place
}

#[test]
fn what_there_is_not_cannot_be_released() {
    let place = three();
    for (line, said) in [
        (
            "release shape@1",
            "there is no package \"shape\"; `radpack versions` lists those that there are",
        ),
        (
            "release shapes@9",
            "there is no shapes@9.0.0; `radpack versions shapes` lists those that there are",
        ),
        (
            "release shapes#9",
            "there is no shapes#9; `radpack versions shapes` lists those that there are",
        ),
        (
            "release shapes@1.0.0 shapes@1.1.0",
            "1.0.0 and 1.1.0 of shapes are of one line, 1: release one of them",
        ),
        (
            "release shapes@1.0.0 --channel latest",
            "the channel `latest` is computed from what is published; nothing is released in it",
        ),
        (
            "release shapes@1.0.0 --channel ../x",
            "\"../x\" cannot name a channel: use letters, digits and - _ . @, with / between parts and a letter or digit first",
        ),
        (
            "promote shapes --from staging",
            "shapes has no release in staging: `radpack release shapes@V --channel staging` makes one",
        ),
        ("rollback shapes", "shapes has no release in release"),
    ] {
        place.run(line).is(1, "", &format!("error: {said}\n"));
    }
    assert_eq!(place.history().len(), 3);
}

#[test]
fn a_release_rises_by_hand() {
    let place = three();
    place.done("release shapes@1.0.0");
    place
        .run("release shapes@1.1.0 --percent 10 --name spring")
        .prints("event 5: released shapes@1.1.0 (release 2 \"spring\"), to 10 %\n");
    place.run("release shapes@1.1.0").is(
        1,
        "",
        "error: shapes@1.1.0 is on its way already, at 10 %: `radpack rollout promote shapes@1` gives it to everybody\n",
    );
    for (line, printed) in [
        (
            "rollout pause shapes",
            "event 6: paused the rollout of shapes@1 (release 2)",
        ),
        (
            "rollout pause shapes@1",
            "nothing to do: the rollout of shapes@1 is paused already",
        ),
        (
            "rollout resume shapes",
            "event 7: resumed the rollout of shapes@1 (release 2)",
        ),
        (
            "rollout set 50% shapes",
            "event 8: set the rollout of shapes@1 (release 2) to 50 %",
        ),
    ] {
        place.run(line).prints(&format!("{printed}\n"));
    }
    place.run("rollout set 5 shapes").is(
        1,
        "",
        "error: the rollout of shapes@1 stays as it is\n\
         caused by: it is at 50 % and cannot fall to 5 %: raise it, or abort it\n",
    );
    // Half of the cohorts get it, and each time the same half.
    let gets_it = |cohort: u32| {
        let manifest = place.run(&format!("manifest --cohort {cohort}")).stdout;
        manifest.contains(r#""shapes":{"v":[[1,1]]"#)
    };
    let some: Vec<u32> = (0..100)
        .step_by(5)
        .filter(|&cohort| gets_it(cohort))
        .collect();
    assert_eq!(some.len(), 10);
    let ran = place.run("manifest --key me");
    assert_eq!(ran.code, 0);

    place
        .run("rollout abort shapes")
        .prints("event 9: aborted the rollout of shapes@1 (release 2)\n");
    place.run("rollout promote shapes").is(
        1,
        "",
        "error: no line of shapes has a release on its way; `radpack show shapes` says what is released\n",
    );
    place
        .run("release shapes@1.1.0 --over 2h")
        .prints("event 10: released shapes@1.1.0 (release 3), evenly over 2h\n");
    place
        .run("rollback shapes")
        .prints("event 11: rolled back shapes@1 to release 1, ending the rollout of release 3\n");
    place
        .run("release shapes@1.1.0 --stages 10%:30m,50%:1h")
        .prints(
            "event 12: released shapes@1.1.0 (release 4), 10 % for 30m, 50 % for 1h, then 100 %\n",
        );
    place
        .run("rollout promote shapes")
        .prints("event 13: gave everybody the release 4 of shapes@1\n");
    place.run("versions shapes --released").prints(
        "1.0.0  #1  TIME  ann  r1 (1) TIME\n\
         1.1.0  #2  TIME  ann  release 4 of line 1; spring (2) TIME, aborted; r3 (3) TIME, aborted; r4 (4) TIME\n",
    );
}

#[test]
fn a_trial_changes_nothing_and_says_who_gets_what() {
    let place = three();
    place.package(
        "app",
        "1.0.0",
        "import { circle } from \"shapes\";\nexport default circle;",
        r#""shapes":"^1""#,
    );
    place.write("pins", "shapes@^1\n");
    place.done("release shapes@1.0.0");
    place.done("publish app --release");
    place.done("consumer put shop pins");
    let before = place.history().len();
    place.run("release shapes@1.1.0 --dry-run").prints(
        "shapes@1.1.0 would be release 2 of the line 1 in release\n\
             anyone             shapes@^1  1.0.0 → 1.1.0  100 % of cohorts\n\
             the consumer shop  shapes@^1  1.0.0 → 1.1.0  100 % of cohorts\n\
             app@1.0.0          shapes@^1  1.0.0 → 1.1.0  100 % of cohorts\n",
    );
    let value = &place.run("--json release shapes@1.1.0 --dry-run").values()[0];
    assert_eq!(value["moved"].as_array().unwrap().len(), 3, "{value}");
    assert_eq!(place.history().len(), before);
}

#[test]
fn several_make_one_rollout() {
    let place = three();
    place.package("colors", "1.0.0", "export const red = 1;", "");
    place.done("publish colors --release");
    place.package("colors", "1.0.1", "export const red = 2;", "");
    place.done("publish colors");
    place.done("release shapes@1.0.0");
    place
        .run("release shapes@1.1.0 colors@1.0.1 --percent 50")
        .prints(
            "event 7: released shapes@1.1.0 (release 2) and colors@1.0.1 (release 2), to 50 %\n",
        );
    let resolved = |cohort: u32| {
        let manifest = place.run(&format!("manifest --cohort {cohort}")).stdout;
        (
            manifest.contains(r#""shapes":{"v":[[1,1]]"#),
            manifest.contains(r#""colors":{"v":[[1,0,1]]"#),
        )
    };
    for cohort in [0, 30, 60, 90] {
        let (shapes, colors) = resolved(cohort);
        assert_eq!(shapes, colors, "{cohort}");
    }
}

#[test]
fn channels_are_promoted() {
    let place = three();
    place
        .run("release shapes@1.0.0 --channel staging")
        .prints("event 4: released shapes@1.0.0 (release 1) in staging\n");
    let ran = place.run("resolve shapes --manifest registry:");
    assert_eq!(ran.code, 1);
    let ran = place.run("resolve shapes --manifest registry:staging --json");
    assert!(ran.stdout.contains(r#""version":"1.0.0""#));
    place
        .run("promote shapes --from staging")
        .prints("event 5: released shapes@1.0.0 (release 1), promoted from staging\n");
    let again = place.done("promote shapes --from staging");
    assert!(again.starts_with("nothing to do: "), "{again}");
    place.done("release shapes@1.1.0");
    let said = place.refused("promote shapes --from staging");
    assert!(said.contains("only go forward"), "{said}");
    place
        .run("rollback shapes --channel staging")
        .prints("event 7: rolled back shapes@1 to nothing in staging\n");
    // A channel that was mistyped is told.
    place.run("resolve shapes --manifest registry:stagin").is(
        1,
        "",
        "warning: nothing is released in the channel stagin; `radpack release NAME@V --channel stagin` does\n\
         error: no register has the package `shapes` of `shapes`\n",
    );
}

#[test]
fn a_rollback_goes_back_step_by_step_and_a_revert_at_once() {
    let place = three();
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        place.done(&format!("release shapes@{version}"));
    }
    let said = place.refused("rollback shapes");
    assert!(
        said.starts_with("error: shapes may mean several lines that serve"),
        "{said}"
    );
    assert!(said.contains("as in shapes@1"), "{said}");
    place
        .run("rollback shapes@1")
        .prints("event 7: rolled back shapes@1 to 1.1.1 (release 4, which is 1.0.0 again)\n");
    place
        .run("rollback shapes@2")
        .prints("event 8: rolled back shapes@2 to nothing\n");
    place.run("rollback shapes@3").is(
        1,
        "",
        "error: no line of shapes@3 serves anything; of shapes, these do: 1\n",
    );
    place.run("rollback shapes --to r9").is(
        1,
        "",
        "error: shapes has no release \"r9\"; `radpack versions shapes --released` lists those that there are\n",
    );
    place.run("revert --to 6").prints(
        "event 9: reverted all releases to event 6: shapes@1 to 1.1.2 (release 5, which is 1.1.0 again) and shapes@2 to 2.0.0 (release 6)\n",
    );
    place
        .run("revert --to 6 shapes")
        .prints("nothing to do: the releases are those of event 6 already\n");
    place
        .run("revert --to 99")
        .is(1, "", "error: event 99 has not happened: the newest is 9\n");
    // A revert is an event as others are: it can be reverted.
    place
        .run("revert --to 8 shapes")
        .prints("event 10: reverted the releases of shapes to event 8: shapes@1 to 1.1.3 (release 7, which is 1.1.1 again) and shapes@2 to nothing\n");
}

#[test]
fn what_is_in_use_stays_unless_somebody_insists() {
    let place = three();
    place.package(
        "app",
        "1.0.0",
        "import { circle } from \"shapes\";\nexport default circle;",
        r#""shapes":"^1""#,
    );
    place.done("release shapes@1.0.0");
    place.done("publish app --release");
    place.run("rollback shapes").is(
        1,
        "",
        "error: it would leave without a version what has one now or comes with it: shapes@^1 of app@1.0.0; release what they need \
         first, or insist with --force REASON\n",
    );
    place.run("yank shapes@1.0.0 --reason bad").is(
        1,
        "",
        "error: shapes@1.0.0 is what the line 1 of release serves: take that back first, with `radpack rollback shapes@1`\n",
    );
    place
        .run("rollback shapes --force \"it burns\"")
        .prints("event 6: rolled back shapes@1 to nothing\n");
    assert_eq!(
        place.history()[5],
        "ann  rolled back shapes@1 to nothing – it burns"
    );
    place
        .run("yank shapes@1.0.0 --reason bad")
        .prints("event 7: yanked shapes@1.0.0\n");
    place
        .run("yank shapes@1 --reason worse")
        .prints("nothing to do: shapes@1.0.0 was yanked by event 7: bad\n");
    let said = place.refused("release shapes@1.0.0");
    assert!(said.contains("yanked"), "{said}");
    let versions = place.done("versions shapes");
    assert!(
        versions.starts_with("1.0.0  #1  TIME  ann  yanked: bad\n"),
        "{versions}"
    );
}

#[test]
fn a_policy_says_what_may_be() {
    let place = three();
    place
        .run("policy shapes")
        .prints("keep-minors=off releases=forward-only numbering=per-major\n");
    place.done("release shapes@1.1.0");
    place.run("release shapes@1.0.0").is(
        1,
        "",
        "error: shapes@1.0.0 is not newer than 1.1.0, the release of the line 1, and releases of shapes only go forward: \
         `radpack rollback shapes@1` takes back a release, and `radpack policy shapes releases=free` allows any\n",
    );
    place
        .run("policy shapes releases=free numbering=increasing")
        .prints("event 5: set the policy of shapes: releases=free numbering=increasing\n");
    place
        .run("release shapes@1.0.0")
        .prints("event 6: released shapes@1.0.0 (release 2)\n");
    place
        .run("rollback shapes")
        .prints("event 7: rolled back shapes@1 to release 1\n");
    let said = place.refused("publish shapes --version 1.5.0");
    assert!(
        said.contains("1.5.0 is not higher than 2.0.0, the highest of the package"),
        "{said}"
    );
    place
        .run("policy shapes releases=free")
        .prints("nothing to do: the policy of shapes is so already: keep-minors=off releases=free numbering=increasing\n");
    place
        .run("policy shapes keep-minors=on")
        .prints("event 8: set the policy of shapes: keep-minors=on\n");
    let shown = place.done("show shapes");
    assert!(shown.contains("release  line 1.1  1.1.0 "), "{shown}");
    place.run("policy other").is(
        0,
        "keep-minors=off releases=forward-only numbering=per-major\n",
        "there is no package other yet; this is what holds for its first version\n",
    );
    place.done("policy other releases=live");
    place.package("other", "1.0.0", "export default 1;", "");
    place.run("publish other").prints(
        "other@1.0.0 published: build 1, 1 entry, and released as release 1 of the line 1\n",
    );
    place
        .run("--json policy other")
        .prints("{\"keepMinors\":false,\"releases\":\"live\",\"increasing\":false}\n");
}
