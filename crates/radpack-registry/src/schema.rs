//! Schemas of what travels as text.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::event::Hash;
use crate::rules::{LinePick, Origin, VersionPick};

macro_rules! text {
    ($($name:ident: $description:literal, $example:literal;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String);
                text.description(Some($description)).examples([$example]).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

text! {
    VersionPick: "A version: NAME@1.2.3, a build: NAME#7, or NAME for the newest", "shapes@1.1.0";
    LinePick: "A line: NAME@1, or NAME where only one can be meant", "shapes@1";
    Origin: "A version, or draft:NAME", "draft:mine";
    Hash: "SHA-256, in hexadecimal", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
}
