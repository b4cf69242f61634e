//! What a registry of any size costs, step by step, each in a process of its own:
//!
//! ```sh
//! registry_scale generate FOLDER EVENTS PACKAGES
//! registry_scale fold FOLDER           # from scratch; writes a checkpoint
//! registry_scale open FOLDER           # at the checkpoint; a manifest of everything, a commit
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use radpack_benches::registry::{contents, name, write_events};
use radpack_registry::rules::{NewBuild, Publish, ReleaseVersions};
use radpack_registry::{Caller, Command, ManifestQuery, Registry, Store};

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["generate", folder, events, packages] => {
            generate(Path::new(folder), events.parse()?, packages.parse()?).await
        }
        ["fold", folder] => fold(Path::new(folder)).await,
        ["open", folder] => open(Path::new(folder)).await,
        _ => Err("generate FOLDER EVENTS PACKAGES, fold FOLDER or open FOLDER".into()),
    }
}

async fn generate(folder: &Path, events: usize, packages: usize) -> Result<(), Box<dyn Error>> {
    let (registry, _) = Registry::init(Store::folder(folder)?).await?;
    let began = Instant::now();
    let bytes = write_events(registry.history(), folder, packages, events)?;
    let taken = began.elapsed();
    let each = bytes / events as u64;
    println!("written   {events} events of {packages} packages in {taken:.1?}, {each} bytes each");
    Ok(())
}

async fn fold(folder: &Path) -> Result<(), Box<dyn Error>> {
    let registry = Registry::open(Store::folder(folder)?).await?;
    let began = Instant::now();
    let moment = registry.refresh().await?;
    let taken = began.elapsed();
    let events = moment.position.seq;
    let each = events as f64 / taken.as_secs_f64();
    println!(
        "fold      {events} events in {taken:.1?}, {each:.0} a second; {}",
        peak()
    );
    let began = Instant::now();
    registry.checkpoint().await?;
    println!(
        "write     a checkpoint in {:.1?}; {}",
        began.elapsed(),
        peak()
    );
    let began = Instant::now();
    publish(&registry, 0, 0).await?;
    println!("commit    the first in {:.1?}", began.elapsed());
    let began = Instant::now();
    let position = registry.checkpoint().await?;
    println!(
        "write     another checkpoint in {:.1?}; {}",
        began.elapsed(),
        peak()
    );
    let root = folder.join(format!("checkpoints/{:020}/root.json", position.seq));
    println!("root      {:.1} MB", fs::metadata(root)?.len() as f64 / 1e6);
    Ok(())
}

async fn open(folder: &Path) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let registry = Registry::open(Store::folder(folder)?).await?;
    let moment = registry.refresh().await?;
    println!(
        "open      event {} in {:.1?}; {}",
        moment.position.seq,
        began.elapsed(),
        peak()
    );
    for (number, package) in [1, 2, 1].into_iter().enumerate() {
        let began = Instant::now();
        publish(&registry, package, number as u64).await?;
        println!("publish   in {:.1?}", began.elapsed());
        let began = Instant::now();
        release(&registry, package).await?;
        println!("release   in {:.1?}; {}", began.elapsed(), peak());
    }
    let moment = registry.refresh().await?;
    let began = Instant::now();
    registry.read_all(&moment).await?;
    println!(
        "read      all packages in {:.1?}; {}",
        began.elapsed(),
        peak()
    );
    let began = Instant::now();
    let manifest = moment
        .state
        .manifest(&ManifestQuery::default(), moment.now())?;
    let made = began.elapsed();
    let json = manifest.to_json();
    println!(
        "manifest  of {} packages in {made:.1?}, as {:.1} MB of JSON in {:.1?}; {}",
        manifest.exports.len(),
        json.len() as f64 / 1e6,
        began.elapsed(),
        peak()
    );
    Ok(())
}

async fn publish(registry: &Registry, package: usize, number: u64) -> Result<(), Box<dyn Error>> {
    let version = u64::from(std::process::id()) * 10 + number;
    let rule = Publish {
        builds: vec![NewBuild {
            package: name(package),
            number: None,
            contents: contents(package, version),
            based_on: None,
            of: None,
            after: None,
            assumed: None,
        }],
        message: None,
        allow_breaking: None,
        release: false,
        force: None,
    };
    let caller = Caller::new("ann");
    registry
        .carry_out(&caller, &Command::new("ann"), &rule)
        .await?;
    Ok(())
}

async fn release(registry: &Registry, package: usize) -> Result<(), Box<dyn Error>> {
    let rule = ReleaseVersions {
        versions: vec![name(package).parse()?],
        channel: "release".to_owned(),
        name: None,
        plan: None,
        force: None,
    };
    let caller = Caller::new("ann");
    registry
        .carry_out(&caller, &Command::new("ann"), &rule)
        .await?;
    Ok(())
}

/// The most memory that this process has had.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    format!("{} at most", peak.unwrap_or(" unknown memory").trim())
}
