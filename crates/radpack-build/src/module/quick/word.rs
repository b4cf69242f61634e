//! Words: names and keywords, of ASCII characters.
//!
//! Half of all tokens are words, so they are found eight bytes at a time, and told apart by one look into a table that
//! is made when this is compiled.

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// No word at all.
    None,
    /// A name, also one that is a keyword elsewhere (`get`, `of`, `from`).
    Name,
    /// `eval` and `arguments`, which strict code may read but not bind or assign.
    Restricted,
    /// What strict code reserves without a use: `enum`, `public`, `static` (outside classes), and with it `with`.
    Reserved,
    Async,
    Await,
    Break,
    Case,
    Catch,
    Class,
    Const,
    Continue,
    Debugger,
    Default,
    Delete,
    Do,
    Else,
    Export,
    Extends,
    False,
    Finally,
    For,
    Function,
    If,
    Import,
    In,
    Instanceof,
    Let,
    New,
    Null,
    Return,
    Super,
    Switch,
    This,
    Throw,
    True,
    Try,
    Typeof,
    /// A name; but at the start of a statement it may declare.
    Using,
    Var,
    Void,
    While,
    Yield,
}

/// Words of at most eight bytes that are no mere names.
const SHORT: [(&[u8], Word); 45] = [
    (b"do", Word::Do),
    (b"if", Word::If),
    (b"in", Word::In),
    (b"for", Word::For),
    (b"let", Word::Let),
    (b"new", Word::New),
    (b"try", Word::Try),
    (b"var", Word::Var),
    (b"case", Word::Case),
    (b"else", Word::Else),
    (b"enum", Word::Reserved),
    (b"eval", Word::Restricted),
    (b"null", Word::Null),
    (b"this", Word::This),
    (b"true", Word::True),
    (b"void", Word::Void),
    (b"with", Word::Reserved),
    (b"async", Word::Async),
    (b"await", Word::Await),
    (b"break", Word::Break),
    (b"catch", Word::Catch),
    (b"class", Word::Class),
    (b"const", Word::Const),
    (b"false", Word::False),
    (b"super", Word::Super),
    (b"throw", Word::Throw),
    (b"using", Word::Using),
    (b"while", Word::While),
    (b"yield", Word::Yield),
    (b"delete", Word::Delete),
    (b"export", Word::Export),
    (b"import", Word::Import),
    (b"public", Word::Reserved),
    (b"return", Word::Return),
    (b"static", Word::Reserved),
    (b"switch", Word::Switch),
    (b"typeof", Word::Typeof),
    (b"default", Word::Default),
    (b"extends", Word::Extends),
    (b"finally", Word::Finally),
    (b"package", Word::Reserved),
    (b"private", Word::Reserved),
    (b"continue", Word::Continue),
    (b"debugger", Word::Debugger),
    (b"function", Word::Function),
];

/// Spreads the words above over the table without two in one place; found by trying.
const SPREAD: u64 = 0xA97A_4398_EE6C_53CB;
const TABLE_BITS: u32 = 7;

static TABLE: [(u64, Word); 1 << TABLE_BITS] = {
    let mut table = [(0, Word::Name); 1 << TABLE_BITS];
    let mut index = 0;
    while index < SHORT.len() {
        let key = key(SHORT[index].0);
        let place = place(key);
        assert!(
            table[place].0 == 0,
            "two words in one place of the table: try another factor"
        );
        table[place] = (key, SHORT[index].1);
        index += 1;
    }
    table
};

const fn place(key: u64) -> usize {
    (key.wrapping_mul(SPREAD) >> (u64::BITS - TABLE_BITS)) as usize
}

/// The first eight bytes of a word as a number, zeros behind a shorter one.
pub(super) const fn key(word: &[u8]) -> u64 {
    let mut key = 0;
    let mut index = 0;
    while index < word.len() && index < 8 {
        key |= (word[index] as u64) << (8 * index);
        index += 1;
    }
    key
}

impl Word {
    /// What the word with this key is, which has at most eight bytes.
    #[inline]
    pub(super) fn of_short(key: u64) -> Word {
        let (known, kind) = TABLE[place(key)];
        if known == key { kind } else { Word::Name }
    }

    /// What a word of more bytes is.
    pub(super) fn of_long(word: &[u8]) -> Word {
        match word {
            b"instanceof" => Word::Instanceof,
            b"arguments" => Word::Restricted,
            b"interface" | b"protected" | b"implements" => Word::Reserved,
            _ => Word::Name,
        }
    }

    /// Whether the word may be bound, as a variable is.
    #[inline]
    pub(super) fn is_binding(self) -> bool {
        matches!(self, Word::Name | Word::Async | Word::Using)
    }
}

/// Whether names may hold this byte.
#[inline]
pub(super) fn is_part(byte: u8) -> bool {
    CLASSES[byte as usize] & PART != 0
}

/// Whether names may begin with this byte.
#[inline]
pub(super) fn is_start(byte: u8) -> bool {
    CLASSES[byte as usize] & START != 0
}

/// Whether an expression ends before this byte, for sure.
#[inline]
pub(super) fn ends_expression(byte: u8) -> bool {
    CLASSES[byte as usize] & END != 0
}

const PART: u8 = 1;
const START: u8 = 2;
const END: u8 = 4;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let start = byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$';
        if start {
            classes[byte as usize] = PART | START;
        } else if byte.is_ascii_digit() {
            classes[byte as usize] = PART;
        } else if matches!(byte, b')' | b',' | b';' | b'}' | b']' | b':') {
            classes[byte as usize] = END;
        }
        byte += 1;
    }
    classes
};

/// The end of the word that begins at `at`, and its key.
#[inline]
pub(super) fn end_and_key(text: &[u8], at: usize) -> (usize, u64) {
    if let Some(chunk) = eight_at(text, at) {
        // Where code is minified, half of all words have one byte.
        if !is_part((chunk >> 8) as u8) {
            return (at + 1, chunk & 0xFF);
        }
        let others = others(chunk);
        if others != 0 {
            let bits = others.trailing_zeros() & !7;
            return (at + bits as usize / 8, chunk & !(u64::MAX << bits));
        }
        return (end_of_long(text, at + 8), chunk);
    }
    let end = end_bytewise(text, at);
    (end, key(&text[at..end]))
}

/// The end of the word that begins at `at`.
#[inline]
pub(super) fn end_of_word(text: &[u8], at: usize) -> usize {
    if let Some(chunk) = eight_at(text, at) {
        if !is_part((chunk >> 8) as u8) {
            return at + 1;
        }
        let others = others(chunk);
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        return end_of_long(text, at + 8);
    }
    end_bytewise(text, at)
}

#[inline(never)]
fn end_of_long(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = eight_at(text, at) {
        let others = others(chunk);
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    end_bytewise(text, at)
}

#[cold]
fn end_bytewise(text: &[u8], at: usize) -> usize {
    text[at..]
        .iter()
        .position(|&byte| !is_part(byte))
        .map_or(text.len(), |length| at + length)
}

/// The end of the spaces and tabs that begin at `at`.
#[inline]
pub(super) fn end_of_spaces(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = eight_at(text, at) {
        // The high bit of each byte that is not zero.
        let nonzero = |bytes: u64| ((bytes & !HIGH) + eight(0x7F)) | bytes;
        let others = nonzero(chunk ^ eight(b' ')) & nonzero(chunk ^ eight(b'\t')) & HIGH;
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + text[at..]
        .iter()
        .take_while(|&&byte| byte == b' ' || byte == b'\t')
        .count()
}

/// The eight bytes at `at`, as far as there are as many.
#[inline(always)]
pub(super) fn eight_at(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?
        .first_chunk::<8>()
        .map(|chunk| u64::from_le_bytes(*chunk))
}

/// The high bit of each of eight bytes that no name may hold.
#[inline(always)]
fn others(bytes: u64) -> u64 {
    // On seven bits, sums do not spill into the next byte.
    let low = bytes & !HIGH;
    let at_least = |bytes: u64, byte: u8| bytes + eight(0x80 - byte);
    let lower = low | eight(0x20);
    let letters = at_least(lower, b'a') & !at_least(lower, b'z' + 1);
    let digits = at_least(low, b'0') & !at_least(low, b'9' + 1);
    let dashes = at_least(low ^ eight(b'_'), 1);
    let dollars = at_least(low ^ eight(b'$'), 1);
    ((dashes & dollars & !(letters | digits)) | bytes) & HIGH
}

/// Eight bytes, each the same.
pub(super) const fn eight(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

const HIGH: u64 = eight(0x80);

/// The high bit of each of eight bytes that is one of these. Behind the first, others may be set falsely.
#[inline]
pub(super) fn any_of<const N: usize>(bytes: u64, wanted: [u8; N]) -> u64 {
    let mut found = 0;
    for byte in wanted {
        let zero = bytes ^ eight(byte);
        found |= zero.wrapping_sub(eight(1)) & !zero;
    }
    found & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        for (text, word) in SHORT {
            assert_eq!(Word::of_short(key(text)), word);
        }
        for text in ["ab", "gett", "functio", "If", "zzzzzzzz"] {
            assert_eq!(Word::of_short(key(text.as_bytes())), Word::Name, "{text}");
        }
        for text in ["function_", "instanceof_", "constructor"] {
            assert_eq!(Word::of_long(text.as_bytes()), Word::Name, "{text}");
        }
        assert_eq!(Word::of_long(b"instanceof"), Word::Instanceof);
    }

    #[test]
    fn ends_are_found_for_every_byte_and_length() {
        for length in 1..20 {
            for byte in 0..=255_u8 {
                let mut text = vec![b'a'; length];
                text.push(byte);
                for padding in [0, 1, 9] {
                    text.extend(std::iter::repeat_n(b'z', padding));
                    let expected = text
                        .iter()
                        .position(|&byte| !is_part(byte))
                        .unwrap_or(text.len());
                    assert_eq!(
                        end_and_key(&text, 0),
                        (expected, key(&text[..expected])),
                        "{text:?}"
                    );
                    assert_eq!(end_of_word(&text, 0), expected, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn wanted_bytes_are_found() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                let mut bytes = *b"aaaaaaaa";
                bytes[place] = byte;
                let found = any_of(u64::from_le_bytes(bytes), [b'"', b'\\']);
                let wanted = byte == b'"' || byte == b'\\';
                assert_eq!(
                    (found != 0).then(|| found.trailing_zeros() as usize / 8),
                    wanted.then_some(place)
                );
            }
        }
    }
}
