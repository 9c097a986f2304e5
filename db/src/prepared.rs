//! Statements of the busiest paths: prepared once by each connection, and on PostgreSQL several in one trip.
//!
//! Diesel prepares an `UPDATE` anew each time, and sends each statement on its own. What every write does (the chain of
//! events, numbers, credits) is worth more: [`Statement`] is an update written out, and [`together`] runs what has no need to
//! see each other's effects.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType};

use crate::connection::{Conn, MultiBackend};

/// A value with the type of its column.
struct Bound<ST, U> {
    value: U,
    kind: std::marker::PhantomData<ST>,
}

impl<ST, U> QueryFragment<MultiBackend> for Bound<ST, U>
where
    MultiBackend: HasSqlType<ST>,
    U: ToSql<ST, MultiBackend>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_bind_param::<ST, U>(&self.value)
    }
}

/// A statement written out, the same for both engines. Each `?` stands for the value bound next.
pub struct Statement<'a> {
    text: &'static str,
    values: Vec<Box<dyn QueryFragment<MultiBackend> + 'a>>,
}

impl<'a> Statement<'a> {
    pub fn new(text: &'static str) -> Self {
        Self { text, values: Vec::new() }
    }

    #[must_use]
    pub fn bind<ST, U>(mut self, value: U) -> Self
    where
        ST: 'a,
        U: ToSql<ST, MultiBackend> + 'a,
        MultiBackend: HasSqlType<ST>,
    {
        self.values.push(Box::new(Bound::<ST, U> { value, kind: std::marker::PhantomData }));
        self
    }

    /// Runs it; gives the number of rows that it touched.
    pub fn run(&self, conn: &mut Conn) -> QueryResult<usize> {
        Alone(self).execute(conn)
    }

    /// Runs it; gives the number that it returns.
    pub fn number(&self, conn: &mut Conn) -> QueryResult<i64> {
        Counted(self).get_result(conn)
    }
}

impl QueryFragment<MultiBackend> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for (index, piece) in self.text.split('?').enumerate() {
            if index > 0 {
                let missing = || diesel::result::Error::QueryBuilderError("a value is missing".into());
                values.next().ok_or_else(missing)?.walk_ast(out.reborrow())?;
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}

/// A fragment whose text is its identity.
macro_rules! by_text {
    ($($name:ident),+) => {$(
        impl QueryId for $name<'_> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
        impl RunQueryDsl<Conn> for $name<'_> {}
    )+};
}
by_text!(Alone, Counted, Trip);

struct Alone<'a>(Part<'a>);

impl QueryFragment<MultiBackend> for Alone<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

struct Counted<'a>(Part<'a>);

impl Query for Counted<'_> {
    type SqlType = BigInt;
}

impl QueryFragment<MultiBackend> for Counted<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

/// One of several statements.
pub type Part<'a> = &'a dyn QueryFragment<MultiBackend>;

/// Many statements as one of PostgreSQL, which gives the number of rows that they touched.
struct Trip<'a>(&'a [Part<'a>]);

impl Query for Trip<'_> {
    type SqlType = BigInt;
}

impl QueryFragment<MultiBackend> for Trip<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        for (index, statement) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "WITH s" } else { "), s" });
            out.push_sql(&index.to_string());
            out.push_sql(" AS (");
            statement.walk_ast(out.reborrow())?;
            out.push_sql(" RETURNING 1");
        }
        out.push_sql(") SELECT 0");
        for index in 0..self.0.len() {
            out.push_sql(&format!(" + (SELECT COUNT(*) FROM s{index})"));
        }
        Ok(())
    }
}

/// Runs statements that neither see each other's effects nor touch the same row: insertions and updates without RETURNING.
/// Gives the number of rows that they touched.
pub fn together(conn: &mut Conn, statements: &[Part<'_>]) -> QueryResult<usize> {
    if matches!(conn, Conn::Pg(_)) {
        let touched: i64 = Trip(statements).get_result(conn)?;
        return usize::try_from(touched).map_err(|error| diesel::result::Error::DeserializationError(error.into()));
    }
    statements.iter().try_fold(0, |touched, statement| Ok(touched + Alone(*statement).execute(conn)?))
}
