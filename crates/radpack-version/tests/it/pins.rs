//! The pins that a build writes.

use radpack_version::{Fallback, Fit, Spec, TagTarget, pin_spec, pin_tilde, select};

use crate::support::version;

#[test]
fn by_table() {
    let table = [
        ("4.1.2", "^4", "~4.1"),
        ("1.0.0", "^1", "~1.0"),
        ("0.3.9", "~0.3", "~0.3"),
        ("0.0.3", "~0.0", "~0.0"),
        ("2026.1.15", "^2026", "~2026.1"),
        ("5.0.0-rc.1", "5.0.0-rc.1", "5.0.0-rc.1"),
        ("0.3.0-beta.2", "0.3.0-beta.2", "0.3.0-beta.2"),
        ("4.1.2+build", "^4", "~4.1"),
        (
            "9007199254740991.2.3",
            "9007199254740991.2.3",
            "~9007199254740991.2",
        ),
        ("1.9007199254740991.3", "^1", "1.9007199254740991.3"),
        (
            "0.9007199254740991.3",
            "0.9007199254740991.3",
            "0.9007199254740991.3",
        ),
    ];
    for (selected, caret, tilde) in table {
        let selected = version(selected);
        assert_eq!(pin_spec(selected), caret);
        assert_eq!(pin_tilde(selected), tilde);
        for pin in [caret, tilde] {
            // What was selected serves its own pin.
            let spec = Spec::parse(pin).unwrap();
            let found = select(&[selected], &spec, Fallback::None, |_| TagTarget::Unknown).unwrap();
            assert_ne!(found.fit, Fit::Nearest);
        }
    }
}
