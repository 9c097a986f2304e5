//! Ownership and clearance, applied in this one place: the rows of a table that a scope may see.

/// The rows of an organisation-owned table that a [`domain::sensitivity::Scope`] may see.
#[macro_export]
macro_rules! visible {
    ($table:ident, $scope:expr) => {
        $crate::schema::$table::table
            .filter($crate::schema::$table::organisation_id.eq($crate::column::Col($scope.organisation)))
            .filter($crate::schema::$table::sensitivity.le($scope.clearance.rank()))
    };
}
