//! Registers as data: a manifest, or what leads to one.

use crate::model::Manifest;

/// What may stand where a manifest is expected.
///
/// Reading one keeps what it leads to apart; [`Flatten`](crate::Flatten) follows it.
///
/// ```
/// use radpack_manifest::Register;
///
/// let register = Register::from_slice(br#"["https://cdn.example/radpack.json", [{"exports": {}}]]"#)?;
/// let Register::List(list) = &register else { unreachable!() };
/// assert_eq!(list[0], Register::Url("https://cdn.example/radpack.json".to_owned()));
/// assert_eq!(register.to_json(), r#"["https://cdn.example/radpack.json",[{"exports":{}}]]"#);
/// # Ok::<(), radpack_manifest::ManifestErrors>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Register {
    /// A manifest; one with a `url` stands for the register there.
    Manifest(Manifest),
    /// The URL of a register, relative to the one this stands in.
    Url(String),
    /// Several registers, the last on top.
    List(Vec<Register>),
}

impl From<Manifest> for Register {
    fn from(manifest: Manifest) -> Self {
        Register::Manifest(manifest)
    }
}
