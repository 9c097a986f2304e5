//! The tables of the parameter room.

tables! {
    parameters (country, level, key, valid_from) {
        country -> Text,
        level -> Text,
        key -> Text,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        value -> Text,
        confidence -> Vocabulary,
        source -> Text,
    }
}
