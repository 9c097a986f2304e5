//! Ownership and clearance, applied in this one place: the rows of a table that a scope may see.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};

/// The rows of an organisation-owned table that a [`domain::sensitivity::Scope`] may see.
#[macro_export]
macro_rules! visible {
    ($table:ident, $scope:expr) => {
        $crate::schema::$table::table
            .filter($crate::visible::Owned($crate::schema::$table::organisation_id.eq($crate::column::Col($scope.organisation))))
            .filter($crate::schema::$table::sensitivity.le($scope.clearance.rank()))
    };
}

/// The condition that a row belongs to the organisation of a scope: the first wall between organisations.
#[derive(Clone, Copy, Debug, QueryId)]
pub struct Owned<E>(pub E);

impl<E: Expression> Expression for Owned<E> {
    type SqlType = E::SqlType;
}

impl<E: AppearsOnTable<T>, T: ?Sized> AppearsOnTable<T> for Owned<E> where Self: Expression {}

impl<E: SelectableExpression<T>, T: ?Sized> SelectableExpression<T> for Owned<E> where Self: AppearsOnTable<T> {}

impl<E: ValidGrouping<G>, G> ValidGrouping<G> for Owned<E> {
    type IsAggregate = E::IsAggregate;
}

impl<E: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Owned<E> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        #[cfg(debug_assertions)]
        if rehearsal::is_down() {
            out.push_sql("1 = 1");
            return Ok(());
        }
        self.0.walk_ast(out.reborrow())
    }
}

/// In programs built for tests the first wall can be taken down for a store, to prove that the second stands by itself.
#[cfg(debug_assertions)]
pub mod rehearsal {
    use std::cell::Cell;

    thread_local! {
        static DOWN: Cell<bool> = const { Cell::new(false) };
    }

    /// Takes the first wall down for everything that this thread asks from here on.
    pub fn take_down() {
        DOWN.set(true);
    }

    pub(super) fn is_down() -> bool {
        DOWN.get()
    }
}
