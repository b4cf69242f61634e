//! `radpack register`: a register with everything that it leads to, flattened, so that a reader need not fetch anything more.

use radpack_manifest::Register as Data;

use crate::arguments::Register;
use crate::commands::written;
use crate::failure::{Outcome, Stop, Word};
use crate::output::{Output, note};
use crate::read::Reader;

pub(crate) fn run(arguments: &Register, output: &mut Output) -> Result<Outcome, Stop> {
    let mut reader = if arguments.optional {
        Reader::optional(&arguments.access)
    } else {
        Reader::new(&arguments.access)
    };
    let mut manifests = match reader.flat(&arguments.source) {
        Ok(flat) => flat.manifests,
        // what is there and wrong is no absence
        Err(failure) if arguments.optional && failure.word != Word::InvalidManifest => {
            note(&format!("warning: left out: {}", failure.one_line()));
            Vec::new()
        }
        Err(failure) => return Err(failure.into()),
    };
    let json = match manifests.as_mut_slice() {
        [manifest] => manifest.to_json(),
        list => Data::List(list.iter().cloned().map(Data::Manifest).collect()).to_json(),
    };
    written(arguments.out.as_deref(), json, &manifests, output)
}
