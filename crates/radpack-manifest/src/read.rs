//! Reading JSON so that everything wrong is found: the machinery, not the format.
//!
//! serde stops at the first error. Here a [`Shape`] says what it makes of each JSON type; what it has no use for is noted with
//! its path and value, skipped, and the reading goes on. So there is one reader for good and bad manifests, it runs over
//! serde_json's parser without a tree between, and only broken JSON ends it early.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::{self, Display};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use radpack_version::MAX_COMPONENT;

use crate::beyond::Beyond;
use crate::limits::{self, Limits};
use crate::model::Package;
use crate::problem::{
    MAX_PROBLEMS, ManifestErrors, Path, Place, ProblemKind, Problems, SHOWN_CHARACTERS, Shown,
};

/// What all of one reading shares.
pub(crate) struct Reading<'l> {
    limits: &'l Limits,
    problems: Problems,
    exports: Cell<usize>,
    /// How many more bytes may be copied where a variant is split.
    copies_left: Cell<usize>,
    stopped: Cell<bool>,
    /// The numbers for which strings stand in the text.
    beyond: Option<&'l Beyond<'l>>,
}

/// Where in the document the reader is, and where it reports to.
#[derive(Clone, Copy)]
pub(crate) struct At<'p> {
    reading: &'p Reading<'p>,
    path: Path<'p>,
}

impl<'p> At<'p> {
    /// At a key of the format.
    pub(crate) fn field<'s>(&'s self, key: &'static str) -> At<'s>
    where
        'p: 's,
    {
        At {
            reading: self.reading,
            path: Path::Field(&self.path, key),
        }
    }

    /// At a name out of the document.
    pub(crate) fn name<'s>(&'s self, name: &'s str) -> At<'s>
    where
        'p: 's,
    {
        At {
            reading: self.reading,
            path: Path::Name(&self.path, name),
        }
    }

    /// At an array's element.
    pub(crate) fn index<'s>(&'s self, index: usize) -> At<'s>
    where
        'p: 's,
    {
        At {
            reading: self.reading,
            path: Path::Index(&self.path, index),
        }
    }

    /// Notes a problem here.
    pub(crate) fn report(&self, kind: ProblemKind, message: impl Display) {
        self.reading.problems.report(&self.path, kind, message);
    }

    /// How many problems there are so far.
    pub(crate) fn problem_count(&self) -> usize {
        self.reading.problems.count()
    }

    /// Whether there are so many problems that no more are kept; then nothing needs to be.
    pub(crate) fn is_full(&self) -> bool {
        self.problem_count() >= MAX_PROBLEMS
    }

    /// Brings a package into canonical order, unless that would take more than the limits allow: a problem.
    pub(crate) fn normalize(&self, package: &mut Package) -> bool {
        let mut budget = self.reading.copies_left.get();
        let done = package.normalize_within(&mut budget);
        self.reading.copies_left.set(budget);
        if !done {
            self.report(
                ProblemKind::Limit,
                "so many variants stand for versions that are no neighbours that the package has no canonical form within the limits",
            );
        }
        done
    }

    /// Notes that something of another type is here.
    pub(crate) fn wrong_type(&self, expected: &str, found: impl Display) {
        self.report(
            ProblemKind::WrongType,
            format_args!("expected {expected}, found {found}"),
        );
    }

    /// Counts one more export; an error, which ends the reading, where that is one too many.
    pub(crate) fn count_export<E: serde::de::Error>(&self) -> Result<(), E> {
        let (exports, limit) = (self.reading.exports.get() + 1, self.reading.limits.exports);
        self.reading.exports.set(exports);
        if exports <= limit {
            return Ok(());
        }
        self.report(
            ProblemKind::Limit,
            format_args!("there are more exports than the limit of {limit}"),
        );
        self.reading.stopped.set(true);
        Err(E::custom("stopped"))
    }
}

/// A JSON number as serde_json gives it, or as it stands in the text where it is too large for that.
#[derive(Clone, Copy)]
pub(crate) enum Number<'t> {
    Whole(u64),
    Negative(i64),
    Float(f64),
    Beyond(&'t str),
}

impl Number<'_> {
    /// The number as a whole one from 0 to [`MAX_COMPONENT`] (2^53-1, up to which all JSON readers are exact). JSON has one type of number: `1.0`, `1e0` and `-0` are whole.
    pub(crate) fn whole(self) -> Option<u64> {
        let whole = match self {
            Number::Whole(number) => number,
            Number::Negative(_) => return None,
            // In this range the conversion is exact.
            Number::Float(number)
                if number.fract() == 0.0 && (0.0..=MAX_COMPONENT as f64).contains(&number) =>
            {
                number as u64
            }
            Number::Float(_) | Number::Beyond(_) => return None,
        };
        (whole <= MAX_COMPONENT).then_some(whole)
    }
}

impl Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Whole(number) => number.fmt(f),
            Number::Negative(number) => number.fmt(f),
            Number::Float(number) if number.abs() >= 1e17 => write!(f, "{number:e}"),
            Number::Float(number) => number.fmt(f),
            Number::Beyond(text) => match text.get(..SHOWN_CHARACTERS) {
                Some(start) if start.len() < text.len() => write!(f, "{start}…"),
                _ => f.write_str(text),
            },
        }
    }
}

/// What becomes of a JSON value at one place of the format. A method that is not given notes the type as wrong.
pub(crate) trait Shape<'de>: Sized {
    /// What it becomes; nothing where a problem was noted.
    type Output;
    /// What is expected, for messages: "an array of versions".
    const EXPECTED: &'static str;

    fn at(&self) -> &At<'_>;

    fn boolean(self, value: bool) -> Option<Self::Output> {
        self.at().wrong_type(Self::EXPECTED, value);
        None
    }

    fn number(self, value: Number<'_>) -> Option<Self::Output> {
        self.at().wrong_type(Self::EXPECTED, value);
        None
    }

    fn string(self, value: Cow<'de, str>) -> Option<Self::Output> {
        self.at().wrong_type(Self::EXPECTED, Shown(&value));
        None
    }

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Option<Self::Output>, A::Error> {
        self.at().wrong_type(Self::EXPECTED, "an array");
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Self::Output>, A::Error> {
        self.at().wrong_type(Self::EXPECTED, "an object");
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// Hands serde's calls to a [`Shape`].
pub(crate) struct As<S>(pub(crate) S);

impl<'de, S: Shape<'de>> DeserializeSeed<'de> for As<S> {
    type Value = Option<S::Output>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Shape<'de>> Visitor<'de> for As<S> {
    type Value = Option<S::Output>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(S::EXPECTED)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.0.boolean(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.0.number(Number::Whole(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.0.number(match u64::try_from(value) {
            Ok(whole) => Number::Whole(whole),
            Err(_) => Number::Negative(value),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(self.0.number(Number::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(self.0.string(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        let beyond = self.0.at().reading.beyond;
        let number = beyond.and_then(|beyond| beyond.number(value).map(str::to_owned));
        if let Some(number) = number {
            return Ok(self.0.number(Number::Beyond(&number)));
        }
        Ok(self.0.string(Cow::Borrowed(value)))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(self.0.string(Cow::Owned(value)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        self.0.at().wrong_type(S::EXPECTED, "null");
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        self.0.array(array)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        self.0.object(object)
    }
}

/// An object's next key, borrowed from the document where it has no escapes.
pub(crate) fn next_key<'de, A: MapAccess<'de>>(
    object: &mut A,
) -> Result<Option<Cow<'de, str>>, A::Error> {
    struct Key;

    impl<'de> DeserializeSeed<'de> for Key {
        type Value = Cow<'de, str>;

        fn deserialize<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_str(self)
        }
    }

    impl<'de> Visitor<'de> for Key {
        type Value = Cow<'de, str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a key")
        }

        fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
            Ok(Cow::Owned(value.to_owned()))
        }

        fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(value))
        }
    }

    object.next_key_seed(Key)
}

/// serde_json's parser over a text.
pub(crate) type Json<'de> = serde_json::Deserializer<serde_json::de::StrRead<'de>>;

/// What reads a document: hands the parser to a [`Shape`].
pub(crate) trait Read<T> {
    /// Reads what the parser is at.
    fn read(&self, parser: &mut Json<'_>, at: At<'_>) -> Result<Option<T>, serde_json::Error>;
}

/// Reads a whole document; gives all problems where there are any.
pub(crate) fn document<T>(
    json: &[u8],
    limits: &Limits,
    reader: &impl Read<T>,
) -> Result<T, ManifestErrors> {
    let text = {
        let reading = Reading::new(limits, None);
        match text(json, &reading.root()) {
            Some(text) => text,
            None => return reading.problems.or(None),
        }
    };
    let (result, out_of_range) = once(text, limits, None, reader);
    if !out_of_range {
        return result;
    }
    // Too large a number for serde_json, yet JSON: once more, with something else in its place.
    let (text, beyond) = Beyond::replace(text);
    once(&text, limits, Some(&beyond.at(&text)), reader).0
}

/// Reads a text; tells also whether the reading ended at a number that is larger than the parser can give.
fn once<T>(
    text: &str,
    limits: &Limits,
    beyond: Option<&Beyond<'_>>,
    reader: &impl Read<T>,
) -> (Result<T, ManifestErrors>, bool) {
    let reading = Reading::new(limits, beyond);
    let mut parser = serde_json::Deserializer::from_str(text);
    // The depth has been checked, exactly; serde_json's own limit would refuse the last level.
    parser.disable_recursion_limit();
    let mut out_of_range = false;
    let read = reader.read(&mut parser, reading.root());
    let value = match read.and_then(|value| parser.end().map(|()| value)) {
        Ok(value) => value,
        Err(error) => {
            if !reading.stopped.get() {
                let message = error.to_string();
                out_of_range = message.starts_with("number out of range");
                let at = reading.root();
                at.report(ProblemKind::NotJson, format_args!("not JSON: {message}"));
            }
            None
        }
    };
    (reading.problems.or(value), out_of_range)
}

impl<'l> Reading<'l> {
    fn new(limits: &'l Limits, beyond: Option<&'l Beyond<'l>>) -> Self {
        Reading {
            limits,
            problems: Problems::default(),
            exports: Cell::new(0),
            copies_left: Cell::new(limits.bytes.saturating_mul(4)),
            stopped: Cell::new(false),
            beyond,
        }
    }

    /// The whole document.
    fn root(&self) -> At<'_> {
        At {
            reading: self,
            path: Path::Root,
        }
    }
}

/// What stands before some UTF-8 texts, and means nothing.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Checks sizes and encoding, and gives the text to parse.
fn text<'de>(json: &'de [u8], at: &At<'_>) -> Option<&'de str> {
    let limits = at.reading.limits;
    if json.len() > limits.bytes {
        at.report(
            ProblemKind::Limit,
            format_args!(
                "the JSON has more than {} bytes, which is the limit",
                limits.bytes
            ),
        );
        return None;
    }
    let json = json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json);
    if let Some(place) = limits::too_deep(json, limits.depth) {
        let limit = limits.depth.min(limits::MAX_DEPTH);
        at.report(
            ProblemKind::Limit,
            format_args!("the JSON nests deeper than the limit of {limit} levels at {place}"),
        );
        return None;
    }
    match std::str::from_utf8(json) {
        Ok(text) => Some(text),
        Err(error) => {
            let place = Place::of(json, error.valid_up_to());
            at.report(
                ProblemKind::NotJson,
                format_args!("not JSON: the bytes are not UTF-8 at {place}"),
            );
            None
        }
    }
}
