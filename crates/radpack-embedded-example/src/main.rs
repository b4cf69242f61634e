//! Resolves an id from the embedded index and says how often memory was allocated until the answer was there: never.
//!
//! To be sure that this is so, the program counts its allocations; a program of your own needs nothing of that.

mod counting;

use std::error::Error;

use radpack::{Fit, Found};

fn main() -> Result<(), Box<dyn Error>> {
    let before = counting::allocations();

    // `1.3.0` was pinned by someone and is gone since 1.4.2 was built: its successor answers.
    let index = radpack_embedded_example::shapes()?;
    let found = index.resolve("shapes@1.3.0")?;
    let (version, file) = (found.version(), found.file()?);
    let integrity = found.integrity()?;

    let allocations = counting::allocations() - before;

    assert_eq!(found.fit(), Fit::Nearest);
    println!("shapes@1.3.0 is shapes {version} now");
    println!("  file        {}", file.unwrap_or("none"));
    println!("  integrity   {}", integrity.unwrap_or("none"));
    println!("  allocations until here: {allocations}");

    // What follows makes lists and strings, and so allocates.
    println!("to be fetched for shapes@^2, all at once:");
    for found in index.closure("shapes@^2")? {
        println!("  {}", url(&found)?);
    }
    Ok(())
}

fn url(found: &Found<'_>) -> Result<String, Box<dyn Error>> {
    Ok(found.url()?.unwrap_or_else(|| found.pinned_id()))
}
