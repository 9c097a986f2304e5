//! Statements of the busiest paths: prepared once by each connection, and on PostgreSQL several in one trip.
//!
//! Diesel prepares an `UPDATE` anew each time, and sends each statement on its own. What every write does (the chain of
//! events, numbers, credits) is worth more: [`Statement`] is written out, over arrays where it does the same for many rows, and
//! [`together`] runs what has no need to see each other's effects.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Bool, HasSqlType};
use diesel::sqlite::Sqlite;

use crate::column::Identity;
use crate::connection::{Conn, MultiBackend};

/// A value with the type of its column.
struct Bound<ST, U> {
    value: U,
    kind: PhantomData<ST>,
}

impl<ST, U, DB> QueryFragment<DB> for Bound<ST, U>
where
    DB: Backend + HasSqlType<ST>,
    U: ToSql<ST, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<ST, U>(&self.value)
    }
}

/// A statement written out, the same for both engines, or for one. Each `?` stands for the value bound next.
pub struct Statement<'a, DB: Backend = MultiBackend> {
    text: &'static str,
    values: Vec<Box<dyn QueryFragment<DB> + 'a>>,
}

impl<'a, DB: Backend> Statement<'a, DB> {
    pub fn new(text: &'static str) -> Self {
        Self { text, values: Vec::new() }
    }

    #[must_use]
    pub fn bind<ST, U>(mut self, value: U) -> Self
    where
        ST: 'a,
        U: ToSql<ST, DB> + 'a,
        DB: HasSqlType<ST>,
    {
        self.values.push(Box::new(Bound::<ST, U> { value, kind: PhantomData }));
        self
    }
}

/// A column of rows, to be bound as an array.
pub fn column<'a, R, V>(rows: &'a [R], value: impl Fn(&'a R) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}

impl Statement<'_> {
    /// Runs it; gives the number of rows that it touched.
    pub fn run(&self, conn: &mut Conn) -> QueryResult<usize> {
        Alone(self).execute(conn)
    }

    /// Runs it; gives the number that it returns.
    pub fn number(self, conn: &mut Conn) -> QueryResult<i64> {
        Rows::<BigInt, _>::of(self).get_result(conn)
    }
}

impl Statement<'_, Sqlite> {
    /// Runs it; gives the number of rows that it touched.
    pub fn run_on_sqlite(&self, conn: &mut SqliteConnection) -> QueryResult<usize> {
        Alone(self).execute(conn)
    }
}

impl Statement<'_, Pg> {
    /// Runs it; gives the number of rows that it touched.
    pub fn run_on_postgres(&self, conn: &mut PgConnection) -> QueryResult<usize> {
        Alone(self).execute(conn)
    }
}

impl<DB: Backend> QueryFragment<DB> for Statement<'_, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
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

/// A statement that gives rows of such columns.
pub struct Rows<ST, S> {
    statement: S,
    kind: PhantomData<ST>,
}

impl<ST, S> Rows<ST, S> {
    pub fn of(statement: S) -> Self {
        Self { statement, kind: PhantomData }
    }
}

impl<ST, S> Query for Rows<ST, S> {
    type SqlType = ST;
}

impl<ST, S> QueryId for Rows<ST, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST, S, C> RunQueryDsl<C> for Rows<ST, S> {}

impl<ST, S: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Rows<ST, S> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }
}

/// The condition that a pair of columns is one of many pairs, on PostgreSQL; the text is the same for any number of them.
#[derive(QueryId)]
pub struct Among<A, B> {
    columns: &'static str,
    first: Vec<A>,
    second: Vec<B>,
}

impl<A, B> Among<A, B> {
    pub fn new(columns: &'static str, first: Vec<A>, second: Vec<B>) -> Self {
        Self { columns, first, second }
    }
}

impl<A, B> Expression for Among<A, B> {
    type SqlType = Bool;
}

impl<A, B, T: ?Sized> AppearsOnTable<T> for Among<A, B> {}

impl<A, B, T: ?Sized> SelectableExpression<T> for Among<A, B> {}

impl<A, B, G> ValidGrouping<G> for Among<A, B> {
    type IsAggregate = is_aggregate::Never;
}

impl<A, B> QueryFragment<Pg> for Among<A, B>
where
    Vec<A>: ToSql<Array<Identity>, Pg>,
    Vec<B>: ToSql<Array<Identity>, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.columns);
        out.push_sql(" IN (SELECT * FROM unnest(");
        out.push_bind_param::<Array<Identity>, Vec<A>>(&self.first)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Identity>, Vec<B>>(&self.second)?;
        out.push_sql("))");
        Ok(())
    }
}

/// A statement that gives no rows.
struct Alone<'a, DB: Backend>(&'a Statement<'a, DB>);

impl<DB: Backend> QueryId for Alone<'_, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, DB: Backend> RunQueryDsl<C> for Alone<'_, DB> {}

impl<DB: Backend> QueryFragment<DB> for Alone<'_, DB> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

/// Statements as one of PostgreSQL, which gives the number of rows that they touched.
struct Trip<'a, S>(&'a [S]);

impl<S: QueryFragment<Pg>> QueryFragment<Pg> for Trip<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
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

/// Runs statements in one trip that neither see each other's effects nor touch the same row: insertions and updates without
/// RETURNING. Gives the number of rows that they touched.
pub fn together<S: QueryFragment<Pg>>(conn: &mut PgConnection, statements: &[S]) -> QueryResult<usize> {
    let touched: i64 = Rows::<BigInt, _>::of(Trip(statements)).get_result(conn)?;
    usize::try_from(touched).map_err(|error| diesel::result::Error::DeserializationError(error.into()))
}
