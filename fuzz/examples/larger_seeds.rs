//! Writes seeds that are too large to keep, the same ones each time, to `corpus/`: run it before a long run.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, name, text) in [
        ("manifest", "large-packages", manifest(100, 3)),
        ("manifest", "large-entries", manifest(2, 200)),
        ("module", "large-imports", imports(300)),
        ("module", "large-bundle", bundle(60)),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), &text)?;
        println!("{target}/{name}: {} bytes", text.len());
    }
    Ok(())
}

/// Packages that depend on the next two, with prereleases, tags and shared variants.
fn manifest(packages: usize, entries: usize) -> String {
    let mut json = String::from("{\"vars\":{\"baseUrl\":\"https://cdn.example\"},\"exports\":{");
    for package in 0..packages {
        let comma = if package > 0 { "," } else { "" };
        let _ = write!(
            json,
            "{comma}\"@scope/package-{package}\":{{\"v\":[[3,0,0,\"-rc.{package}\"],[2,{package},1],[2],[1,{package}]],\"d\":["
        );
        for entry in 0..entries {
            let _ = write!(
                json,
                "[\"entry-{entry}\",[{{\"v\":[0],\"f\":\"{entry}-a.js\",\"s\":[{entries}]}},{{\"v\":[1,2],\"f\":\"{entry}-b.js\",\"s\":[{},{entries}]}},{{\"v\":[3],\"u\":\"https://old.example/${{file}}\"}}]],",
                (entry + 1) % entries,
            );
        }
        let (next, other) = ((package + 1) % packages, (package + 2) % packages);
        let _ = write!(
            json,
            "\"@scope/package-{next}@^2\",\"@scope/package-{other}@~1.{other}/entry-0\"],\"t\":{{\"next\":0}}}}"
        );
    }
    json + "}}"
}

fn imports(count: usize) -> String {
    let mut code = String::new();
    for number in 0..count {
        let _ = writeln!(
            code,
            "import {{ a{number} as b{number} }} from \"./module-{number}.js\";"
        );
        let _ = writeln!(code, "export {{ default as c{number} }} from './{number}';");
    }
    code
}

/// On one line, as bundlers write it.
fn bundle(functions: usize) -> String {
    let mut code = String::from("import*as e from\"react\";");
    for number in 0..functions {
        let _ = write!(
            code,
            "var f{number}=function(t,{{a:n=[],...r}}={{}}){{for(var i=0,o=n.length/2;i<o;++i)if(/^[/]\\/x$/g.test(t[i]))return`${{t?.a??`${{i}}`}}`;switch(t){{case 1:try{{throw r}}catch{{}}default:return async()=>await import(\"./f{number}.js\")}}}};class C{number} extends e.Component{{static#p=1;get p(){{return C{number}.#p**2}}}}"
        );
    }
    code + "export{f0 as default,C0};\n//# sourceMappingURL=bundle.js.map\n"
}
