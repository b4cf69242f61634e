//! The same commands against a server: what they print is what they print on the store itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::{Place, masked};
use crate::program::Ran;

/// `radpack serve` over a place's store, until it is dropped.
struct Served {
    child: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(place: &Place) -> Served {
    serve_with(place, "")
}

fn serve_with(place: &Place, rest: &str) -> Served {
    let line = format!("serve --listen 127.0.0.1:0 {rest}");
    let temporary = place.path("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let program = place.program(line.trim_end());
    let program = program.variable("TMPDIR", temporary.to_str().unwrap());
    let mut command = program.command();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap();
    Served { child, address }
}

/// A token of a place's registry.
fn token(place: &Place, rest: &str) -> String {
    let ran = place.program(&format!("token create {rest}")).run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.trim().to_owned()
}

/// A server over a place, and somebody who uses it.
struct Remote<'p> {
    place: &'p Place,
    served: &'p Served,
    token: String,
}

impl Remote<'_> {
    fn run(&self, line: &str) -> Ran {
        let program = self.place.program(line);
        let program = program.variable("RADPACK_STORE", &self.served.address);
        let ran = program.variable("RADPACK_TOKEN", &self.token).run();
        // Where the server is differs from run to run.
        let at_home = |text: &str| text.replace(&self.served.address, "SERVER");
        masked(Ran {
            stdout: at_home(&ran.stdout),
            stderr: at_home(&ran.stderr),
            code: ran.code,
        })
    }

    #[track_caller]
    fn done(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{line}: {}", ran.stdout);
        ran.stdout
    }

    #[track_caller]
    fn refused(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, &*ran.stdout), (1, ""), "{line}");
        ran.stderr
    }
}

/// Two places that are alike.
fn alike() -> [Place; 2] {
    [(); 2].map(|()| {
        let place = Place::new();
        place.package("base", "1.0.0", "export const one = 1;", "");
        place.package(
            "shapes",
            "",
            "import { one } from \"base\";\nexport const circle = one;\n",
            r#""base":"^1""#,
        );
        place
    })
}

#[test]
fn what_is_printed_is_the_same() {
    let [here, there] = alike();
    let served = serve(&there);
    // Both have a token, so that the numbers of events are the same.
    token(&here, "ann --right admin");
    let remote = Remote {
        place: &there,
        served: &served,
        token: token(&there, "ann --right admin"),
    };
    for line in [
        "history",
        "publish ./base ./shapes --release",
        "publish ./shapes",
        "change",
        "publish ./shapes --message squares --json",
        "versions",
        "versions shapes",
        "show shapes@1.1.0",
        "diff shapes@1.0.0 shapes@1.1.0",
        "release shapes@1.1.0 --percent 10 --dry-run",
        "release shapes@1.1.0 --percent 10",
        "release shapes@1.1.0",
        "show shapes",
        "rollout set 50 shapes",
        "rollout promote shapes",
        "rollback shapes",
        "revert --to 2",
        "policy shapes releases=free",
        "policy shapes releases=free",
        "policy shapes",
        "release shapes@1.0.0 --channel staging --name spring",
        "promote base --from staging",
        "draft create mine shapes --from shapes@1.1.0",
        "draft list",
        "draft show mine",
        "draft checkout mine work",
        "edit",
        "draft put mine work --message edited",
        "draft put mine work",
        "draft rm mine nothing.js --base 2",
        "draft diff mine",
        "draft reset mine --to 1",
        "draft publish mine --message drafted",
        "draft discard mine",
        "restore shapes@1.0.0 --draft old",
        "consumer put shop pins.txt --production",
        "consumer list",
        "yank shapes@1.2.0 --reason \"it leaks\"",
        "yank shapes@9 --reason \"it leaks\"",
        "setting base-url=https://cdn.example",
        "setting",
        "token list",
        "gc",
        "manifest",
        "manifest --at 2",
        "resolve shapes@^1 --manifest registry:",
        "history shapes",
        "history shapes --json",
        "download shapes@1.0.0 out --sources",
        "backup kept.tar.zst",
        "publish ./nowhere",
    ] {
        let both = [&here, &there];
        match line {
            "change" | "edit" => {
                for place in both {
                    let (path, code) = match line {
                        "change" => (
                            "shapes/index.js",
                            "import { one } from \"base\";\nexport const circle = one, square = 1;\n",
                        ),
                        _ => (
                            "work/index.js",
                            "export const circle = 1, square = 1, dot = 0;\n",
                        ),
                    };
                    place.write(path, code);
                    place.write("pins.txt", "shapes@1\n");
                }
                continue;
            }
            _ => {}
        }
        let (local, remote) = (here.run(line), remote.run(line));
        assert_eq!(
            (remote.code, &*remote.stdout),
            (local.code, &*local.stdout),
            "{line}: {}",
            remote.stderr
        );
        // A moment has a hash; and what is not there is missed by another part of the program.
        if !line.starts_with("manifest") && !line.contains("nowhere") {
            assert_eq!(remote.stderr, local.stderr, "{line}");
        }
    }
    assert_eq!(here.read("out/index.js"), there.read("out/index.js"));
}

#[test]
fn what_is_stored_of_a_folder_is_the_same() {
    let [here, there] = alike();
    for place in [&here, &there] {
        place.write("base/.env", "SECRET=1");
        place.write("base/.npmrc", "//registry.example/:_authToken=1");
        place.write("base/.gitignore", "/dist\n*.log\n");
        place.write("base/debug.log", "SECRET");
        place.write("base/dist/made.js", "export const made = 1;\n");
        place.write("base/dist/other.js", "export const other = 1;\n");
        place.write("base/node_modules/dep/index.js", "");
        place.write("base/notes.md", "Notes.\n");
        place.write(
            "base/index.js",
            "export { made } from \"./dist/made.js\";\n",
        );
    }
    let served = serve(&there);
    token(&here, "ann --right admin");
    let remote = Remote {
        place: &there,
        served: &served,
        token: token(&there, "ann --right admin"),
    };
    assert_eq!(here.run("publish ./base").code, 0);
    remote.done("publish ./base");
    let stored = |place: &Place| {
        let ran = place.run("download base@1.0.0 out --sources --json");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let mut stored = Vec::new();
        for name in [
            ".env",
            ".npmrc",
            ".gitignore",
            "debug.log",
            "dist/made.js",
            "dist/other.js",
            "index.js",
            "node_modules",
            "notes.md",
        ] {
            if place.path(&format!("out/{name}")).exists() {
                stored.push(name);
            }
        }
        stored
    };
    assert_eq!(stored(&there), ["dist/made.js", "index.js", "notes.md"]);
    assert_eq!(stored(&here), stored(&there));
}

/// What cannot be built is told in the same words, wherever it is not.
#[test]
fn what_cannot_be_built_is_told() {
    let [here, there] = alike();
    let served = serve(&there);
    token(&here, "ann --right admin");
    let remote = Remote {
        place: &there,
        served: &served,
        token: token(&there, "ann --right admin"),
    };
    for place in [&here, &there] {
        place.package(
            "bad",
            "1.0.0",
            "import \"./missing.js\";\nexport const x = ;\n",
            "",
        );
        place.package("worse", "one", "import \"nobody\";\n", "");
    }
    for line in [
        "publish ./bad",
        "publish ./bad --json",
        "publish ./base ./worse",
        "publish ./base",
        "draft create mine base --from base@1.0.0",
        "draft checkout mine work",
        "break",
        "draft put mine work",
        "draft publish mine",
        "draft publish mine --json",
    ] {
        if line == "break" {
            for place in [&here, &there] {
                place.write("work/index.js", "import \"nobody\";\nexport const = 1;\n");
            }
            continue;
        }
        let (local, remote) = (here.run(line), remote.run(line));
        assert_eq!(remote, local, "{line}");
        let is_bad = ["bad", "worse", "draft publish"];
        let is_bad = is_bad.iter().any(|word| line.contains(word));
        assert_eq!(local.code, i32::from(is_bad), "{line}: {}", local.stderr);
    }
}

/// A token for some packages shows those, in the same lines.
#[test]
fn who_may_read_some_packages_reads_those() {
    let [_, there] = alike();
    there.done("publish ./base ./shapes --release");
    there.package("base", "1.1.0", "export const one = 1, two = 2;", "");
    there.done("publish ./base --message two");
    there.done("release base@1.1.0 --percent 10");
    there.done("publish ./shapes --message again --allow-breaking no");
    let served = serve(&there);
    let all = token(&there, "ann --right admin");
    let some = Remote {
        place: &there,
        served: &served,
        token: token(&there, "bob --right read --package base"),
    };
    let with_all = |line: &str| {
        let ran = there.run_with(&all, line);
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        ran.stdout
    };
    let about_base = |text: String| -> String {
        let lines = text.lines().filter(|line| line.starts_with("base"));
        lines.map(|line| format!("{line}\n")).collect()
    };
    assert_eq!(some.done("versions base"), with_all("versions base"));
    assert_eq!(
        about_base(some.done("versions --json")),
        about_base(with_all("versions --json"))
    );
    assert_eq!(
        some.done("history base").lines().collect::<Vec<_>>(),
        with_all("history base").lines().skip(1).collect::<Vec<_>>()
    );
    assert_eq!(
        some.done("history base --since 2"),
        with_all("history base --since 2")
    );
    let unknown = some.refused("versions nothing");
    assert_eq!(unknown, there.refused("versions nothing"));
    for line in [
        "show base",
        "history --follow",
        "versions base --released",
        "resolve base --manifest registry:",
        "download base@1.0.0 out",
    ] {
        let said = some.refused(line);
        assert!(
            said.contains("`radpack token create NAME --right read`")
                && said.contains("`radpack versions [NAME]`"),
            "{line}: {said}"
        );
    }
}

/// What no server takes is not sent.
#[test]
fn what_is_too_large_for_a_server_is_refused_here() {
    let [_, there] = alike();
    let served = serve(&there);
    let remote = Remote {
        place: &there,
        served: &served,
        token: token(&there, "ann --right admin"),
    };
    remote.done("publish ./base");
    remote.done("draft create mine base --from base@1.0.0");
    // A file of a size, of which there is nothing on the disk.
    let backup = std::fs::File::create(there.path("large.tar.zst")).unwrap();
    backup.set_len((256 << 20) + 1).unwrap();
    let said = remote.refused("import large.tar.zst");
    assert!(
        said.contains("is larger than 256 MiB, which is the most that is sent to a server: import it where the store is"),
        "{said}"
    );
    let register = |packages: usize| {
        let packages: Vec<String> = (0..packages)
            .map(|number| {
                format!(r#""package-{number}":{{"v":[[1]],"d":[["index",[{{"v":[0],"f":"index-{number}.js"}}]]]}}"#)
            })
            .collect();
        format!(r#"{{"exports":{{{}}}}}"#, packages.join(","))
    };
    there.write("register.json", &register(250_000));
    let said = remote.refused("draft publish mine --register register.json");
    assert!(
        said.contains(
            "is larger than 16 MiB, which is the most that is sent to a server: give registers"
        ),
        "{said}"
    );
    // More than another command may say.
    there.write("register.json", &register(30_000));
    let ran = remote.run("draft publish mine --register register.json");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{}", ran.stdout);
}

#[test]
fn who_may_only_write_can_and_is_told_what_else_lacks() {
    let [_, there] = alike();
    let served = serve(&there);
    let writer = Remote {
        place: &there,
        served: &served,
        token: token(&there, "ci --right publish --package base"),
    };
    assert_eq!(
        writer.done("publish ./base"),
        "base@1.0.0 published: build 1, 1 entry\n"
    );
    writer.done("draft create mine base --from base@1.0.0");
    let lacking = writer.refused("release base@1.0.0");
    assert!(
        lacking.contains("has not the right to release for base"),
        "{lacking}"
    );
    let nobody = Remote {
        token: "radpack_none".to_owned(),
        ..writer
    };
    let refused = nobody.refused("versions");
    assert!(
        refused.contains("the token is none of this registry's"),
        "{refused}"
    );
}

#[test]
fn who_is_trusted_needs_no_token() {
    let [_, there] = alike();
    let served = serve_with(&there, "--trust ann");
    let remote = Remote {
        place: &there,
        served: &served,
        token: String::new(),
    };
    remote.done("publish ./base --release");
    assert_eq!(remote.done("versions base"), there.done("versions base"));
    assert!(there.done("history --json").contains("\"by\":\"ann\""));
}

#[test]
fn a_command_that_is_sent_again_is_carried_out_once() {
    let [_, there] = alike();
    let served = serve(&there);
    let remote = Remote {
        place: &there,
        served: &served,
        token: token(&there, "ci --right publish"),
    };
    let line = "publish ./base --command 0197a3a0-0000-7000-8000-000000000001";
    let first = remote.done(line);
    assert_eq!(remote.done(line), first);
    assert_eq!(there.history().len(), 2);
}

/// Somebody between who loses the answer to the first token that is asked for; where they are.
fn losing_a_token(served: &Served) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let there = served.address.strip_prefix("http://").unwrap();
    let there = there.trim_end_matches('/').to_owned();
    let is_lost = Arc::new(AtomicBool::new(false));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&there).unwrap();
            let losing = Arc::new(AtomicBool::new(false));
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (is_lost, loses) = (Arc::clone(&is_lost), Arc::clone(&losing));
            std::thread::spawn(move || {
                carry(from, to, |bytes| {
                    if bytes.starts_with(b"POST /api/tokens") {
                        let is_first = !is_lost.swap(true, Ordering::SeqCst);
                        loses.store(is_first, Ordering::SeqCst);
                    }
                    true
                });
            });
            std::thread::spawn(move || carry(server, client, |_| !losing.load(Ordering::SeqCst)));
        }
    });
    address
}

/// Carries bytes from one to the other, as long as that is wanted.
fn carry(mut from: TcpStream, mut to: TcpStream, mut goes_on: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !goes_on(&bytes[..read]) || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn a_secret_is_shown_where_an_answer_was_lost_and_no_second_time() {
    let [_, there] = alike();
    let served = serve(&there);
    let token = token(&there, "ann --right admin");
    let create = |address: &str| {
        let line = "token create ci --right read --command 0197a3a0-0000-7000-8000-000000000001";
        let program = there.program(line).variable("RADPACK_STORE", address);
        masked(program.variable("RADPACK_TOKEN", &token).run())
    };
    let made = create(&losing_a_token(&served));
    assert_eq!(
        (made.code, &*made.stdout),
        (0, "SECRET\n"),
        "{}",
        made.stderr
    );
    let again = create(&served.address);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    assert_eq!(there.history().len(), 2);
}

#[test]
fn what_is_for_this_machine_goes_by_way_of_no_other() {
    let [_, there] = alike();
    let served = serve(&there);
    let mut program = there.program("versions");
    for (name, value) in [
        ("RADPACK_STORE", &*served.address),
        ("RADPACK_TOKEN", &token(&there, "ann --right admin")),
        ("http_proxy", "http://127.0.0.1:1"),
        ("all_proxy", "http://127.0.0.1:1"),
    ] {
        program = program.variable(name, value);
    }
    let ran = program.run();
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
}

#[test]
fn what_is_done_where_the_store_is_is_refused_elsewhere() {
    let [_, there] = alike();
    let served = serve(&there);
    let remote = Remote {
        place: &there,
        served: &served,
        token: token(&there, "ann --right admin"),
    };
    there.write("some.tar.zst", "");
    for line in ["init", "restore-backup some.tar.zst", "serve", "verify"] {
        let said = remote.refused(line);
        assert!(
            said.contains("give the store's own address"),
            "{line}: {said}"
        );
    }
    let refused = there.refused("serve --listen 0.0.0.0:0 --trust ann --insecure-http");
    assert!(refused.contains("radpack token create"), "{refused}");
    let refused = there.refused("versions --store http://radpack.example");
    assert!(refused.contains("--plain-http"), "{refused}");
    let gone = there.refused("versions --store http://127.0.0.1:1");
    assert!(gone.contains("does not answer"), "{gone}");
}

#[test]
fn a_service_grants_what_its_operator_says() {
    let [_, there] = alike();
    let served = serve_with(&there, "--upload-size 1 --drafts 1");
    let remote = Remote {
        place: &there,
        served: &served,
        token: token(&there, "ci --right publish"),
    };
    remote.done("draft create one shapes");
    let refused = remote.refused("draft create two shapes");
    assert!(refused.contains("there may be 1"), "{refused}");
    // Digits of no pattern, so that packing them makes little of it.
    let mut digits = String::from("//");
    let mut number = 1_u64;
    while digits.len() < 4 << 20 {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        digits.push_str(&format!("{:x}", number >> 32));
    }
    there.write("base/large.js", &digits);
    let refused = remote.refused("publish ./base");
    assert!(refused.contains("larger than 1048576 bytes"), "{refused}");
    assert_eq!(there.run("serve --token-rate 0").code, 2);
}

/// What a service had unpacked and built when it was killed is gone once there is another one, and what another one uses is not.
#[cfg(unix)]
#[test]
fn what_a_killed_service_left_is_swept() {
    let [_, there] = alike();
    let left = || -> Vec<String> {
        let entries = std::fs::read_dir(there.path("temporary")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter(|name| name.starts_with("radpack-work-"))
            .collect();
        names.sort();
        names
    };
    let first = serve(&there);
    let of_first = left();
    assert_eq!(of_first.len(), 1);
    there.write(
        &format!("temporary/{}/upload/0/index.js", of_first[0]),
        "export {};\n",
    );
    let second = serve(&there);
    let of_both = left();
    assert_eq!(of_both.len(), 2);
    assert!(of_both.contains(&of_first[0]));
    drop(first);
    assert_eq!(left(), of_both);
    let _third = serve(&there);
    let now = left();
    assert_eq!(now.len(), 2, "{now:?}");
    assert!(!now.contains(&of_first[0]));
    assert!(of_both.iter().filter(|name| now.contains(name)).count() == 1);
    drop(second);
}
