//! The spec that a build writes in place of a bare import.

use alloc::format;
use alloc::string::{String, ToString};

use crate::version::{MAX_COMPONENT, VersionRef};

/// The pin of a selected version: `^major`; `~0.minor` for 0.x; a prerelease exactly.
///
/// Exactly, too, where the number is the largest that there is: a range ends at the next one, so `^9007199254740991` is no spec.
///
/// ```
/// use radpack_version::{VersionRef, pin_spec};
///
/// assert_eq!(pin_spec(VersionRef::parse("4.1.2")?), "^4");
/// assert_eq!(pin_spec(VersionRef::parse("0.3.9")?), "~0.3");
/// assert_eq!(pin_spec(VersionRef::parse("5.0.0-rc.1")?), "5.0.0-rc.1");
/// # Ok::<(), radpack_version::VersionError>(())
/// ```
pub fn pin_spec(selected: VersionRef<'_>) -> String {
    if selected.major == 0 || !selected.is_stable() {
        return pin_tilde(selected);
    }
    if selected.major == MAX_COMPONENT {
        return selected.to_string();
    }
    format!("^{}", selected.major)
}

/// The pin of a version that was selected by a `~` spec: `~major.minor`; a prerelease exactly.
///
/// ```
/// use radpack_version::{VersionRef, pin_tilde};
///
/// assert_eq!(pin_tilde(VersionRef::parse("4.1.2")?), "~4.1");
/// assert_eq!(pin_tilde(VersionRef::parse("5.0.0-rc.1")?), "5.0.0-rc.1");
/// # Ok::<(), radpack_version::VersionError>(())
/// ```
pub fn pin_tilde(selected: VersionRef<'_>) -> String {
    if !selected.is_stable() || selected.minor == MAX_COMPONENT {
        return selected.to_string();
    }
    format!("~{}.{}", selected.major, selected.minor)
}
