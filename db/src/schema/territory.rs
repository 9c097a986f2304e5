//! The tables of the territory room.

tables! {
    territorial_units (id) {
        id -> Identity,
        level -> Vocabulary,
        name -> Text,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        longitude -> Nullable<Double>,
        latitude -> Nullable<Double>,
        area_km2 -> Nullable<Double>,
        note -> Nullable<Text>,
        fictional -> Bool,
        sensitivity -> Integer,
    }

    territorial_codes (scheme, edition, code) {
        scheme -> Vocabulary,
        edition -> Text,
        code -> Text,
        unit_id -> Identity,
    }

    territorial_names (unit_id, name) {
        unit_id -> Identity,
        name -> Text,
        kind -> Vocabulary,
        folded -> Text,
    }

    territorial_parents (unit_id, valid_from) {
        unit_id -> Identity,
        parent_id -> Identity,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
    }

    territorial_successions (predecessor_id, successor_id) {
        predecessor_id -> Identity,
        successor_id -> Identity,
        happened_on -> Date,
        kind -> Vocabulary,
    }

    territorial_boundaries (unit_id) {
        unit_id -> Identity,
        edition -> Text,
        geometry -> Text,
    }
}
