//! Effects of writes, declared by column: what a write stores at its end, or its group for all of them, on PostgreSQL in one trip.

use std::any::Any;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, HasSqlType};
use diesel::sqlite::Sqlite;

use crate::connection::Conn;
use crate::fault::Fault;
use crate::prepared::together;

/// The values of a column in rows that are stored together.
trait Values: Send {
    /// Takes the values of the same column in other rows.
    fn append(&mut self, others: Box<dyn Values>) -> Result<(), Fault>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn one<'b>(&'b self, row: usize, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()>;
    fn all<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

struct Typed<ST, U> {
    values: Vec<U>,
    kind: PhantomData<fn() -> ST>,
}

impl<ST, U> Values for Typed<ST, U>
where
    ST: 'static,
    U: ToSql<ST, Sqlite> + Send + 'static,
    Vec<U>: ToSql<Array<ST>, Pg>,
    Sqlite: HasSqlType<ST>,
    Pg: HasSqlType<Array<ST>>,
{
    fn append(&mut self, others: Box<dyn Values>) -> Result<(), Fault> {
        let others = others.into_any().downcast::<Self>().map_err(|_| Fault::Broken("a column of another type".to_owned()))?;
        self.values.extend(others.values);
        Ok(())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn one<'b>(&'b self, row: usize, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let missing = || diesel::result::Error::QueryBuilderError("a value is missing".into());
        out.push_bind_param::<ST, U>(self.values.get(row).ok_or_else(missing)?)
    }

    fn all<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<Array<ST>, Vec<U>>(&self.values)
    }
}

/// What is done to rows of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Insert,
    /// Of the row that the last two columns name.
    Update,
}

/// Rows of one table to which the same is done.
pub struct Change {
    deed: Deed,
    table: &'static str,
    columns: Vec<&'static str>,
    values: Vec<Box<dyn Values>>,
    rows: usize,
}

impl Change {
    /// One row.
    pub fn new(deed: Deed, table: &'static str) -> Self {
        Self { deed, table, columns: Vec::new(), values: Vec::new(), rows: 1 }
    }

    #[must_use]
    pub fn with<ST, U>(mut self, column: &'static str, value: U) -> Self
    where
        ST: 'static,
        U: ToSql<ST, Sqlite> + Send + 'static,
        Vec<U>: ToSql<Array<ST>, Pg>,
        Sqlite: HasSqlType<ST>,
        Pg: HasSqlType<Array<ST>>,
    {
        self.columns.push(column);
        self.values.push(Box::new(Typed::<ST, U> { values: vec![value], kind: PhantomData }));
        self
    }

    fn is_like(&self, other: &Self) -> bool {
        self.deed == other.deed && self.table == other.table && self.columns == other.columns
    }

    fn append(&mut self, other: Self) -> Result<(), Fault> {
        self.rows += other.rows;
        self.values.iter_mut().zip(other.values).try_for_each(|(values, others)| values.append(others))
    }

    /// The columns that are set, and those that name the row.
    fn parts(&self) -> (&[&'static str], &[&'static str]) {
        self.columns.split_at(self.columns.len().saturating_sub(2))
    }

    fn begin<DB: Backend>(&self, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()> {
        out.push_sql(match self.deed {
            Deed::Insert => "INSERT INTO ",
            Deed::Update => "UPDATE ",
        });
        out.push_sql(self.table);
        match self.deed {
            Deed::Insert => {
                out.push_sql(" (");
                names(out, &self.columns)?;
                out.push_sql(") ");
            }
            Deed::Update => out.push_sql(" SET "),
        }
        Ok(())
    }
}

/// Writes what stands between commas.
fn listed<'b, DB: Backend, T>(
    out: &mut AstPass<'_, 'b, DB>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut AstPass<'_, 'b, DB>, T) -> QueryResult<()>,
) -> QueryResult<()> {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push_sql(", ");
        }
        write(out, item)?;
    }
    Ok(())
}

fn names<DB: Backend>(out: &mut AstPass<'_, '_, DB>, columns: &[&str]) -> QueryResult<()> {
    listed(out, columns, |out, name| {
        out.push_sql(name);
        Ok(())
    })
}

/// All rows at once: the text is the same for any number of them.
impl QueryFragment<Pg> for Change {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.begin(&mut out)?;
        let (set, of) = self.parts();
        let named = |out: &mut AstPass<'_, 'b, Pg>, name: &str| {
            out.push_sql(name);
            out.push_sql(" = v.");
            out.push_sql(name);
        };
        match self.deed {
            Deed::Insert => out.push_sql("SELECT * FROM unnest("),
            Deed::Update => {
                listed(&mut out, set, |out, name| {
                    named(out, name);
                    Ok(())
                })?;
                out.push_sql(" FROM unnest(");
            }
        }
        listed(&mut out, &self.values, |out, values| values.all(out.reborrow()))?;
        out.push_sql(")");
        if self.deed == Deed::Update {
            out.push_sql(" AS v (");
            names(&mut out, &self.columns)?;
            for (index, name) in of.iter().enumerate() {
                out.push_sql(if index == 0 { ") WHERE " } else { " AND " });
                out.push_sql(self.table);
                out.push_sql(".");
                named(&mut out, name);
            }
        }
        Ok(())
    }
}

/// One row of a change.
struct One<'a>(&'a Change, usize);

impl QueryFragment<Sqlite> for One<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let Self(change, row) = *self;
        let (set, _) = change.parts();
        change.begin(&mut out)?;
        match change.deed {
            Deed::Insert => {
                out.push_sql("VALUES (");
                listed(&mut out, &change.values, |out, values| values.one(row, out.reborrow()))?;
                out.push_sql(")");
            }
            Deed::Update => {
                for (index, (name, values)) in change.columns.iter().zip(&change.values).enumerate() {
                    out.push_sql(match index {
                        0 => "",
                        _ if index < set.len() => ", ",
                        _ if index == set.len() => " WHERE ",
                        _ => " AND ",
                    });
                    out.push_sql(name);
                    out.push_sql(" = ");
                    values.one(row, out.reborrow())?;
                }
            }
        }
        Ok(())
    }
}

impl QueryId for One<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<SqliteConnection> for One<'_> {}

/// What a write stores at its end, or its group: on PostgreSQL in one trip. No row is touched twice.
#[derive(Default)]
pub struct Effects {
    changes: Vec<Change>,
}

impl Effects {
    pub fn push(&mut self, change: Change) -> Result<(), Fault> {
        match self.changes.iter_mut().find(|kept| kept.is_like(&change)) {
            Some(kept) => kept.append(change),
            None => {
                self.changes.push(change);
                Ok(())
            }
        }
    }

    pub fn append(&mut self, others: Self) -> Result<(), Fault> {
        others.changes.into_iter().try_for_each(|change| self.push(change))
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Stores them all.
    pub fn store(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        let changes = std::mem::take(&mut self.changes);
        if changes.is_empty() {
            return Ok(());
        }
        let expected: usize = changes.iter().map(|change| change.rows).sum();
        let touched = match conn {
            Conn::Pg(conn) => together(conn, &changes)?,
            Conn::Sqlite(conn) => {
                let mut touched = 0;
                for change in &changes {
                    for row in 0..change.rows {
                        touched += One(change, row).execute(conn)?;
                    }
                }
                touched
            }
        };
        if touched == expected { Ok(()) } else { Err(Fault::Corrupt(format!("{expected} effects touch {touched} rows"))) }
    }
}

/// Adds a row to [`Effects`]: what is done to which table, then each column with its type and value.
macro_rules! effect {
    ($effects:expr, $deed:ident $table:literal, $($column:ident: $kind:ty = $value:expr),+ $(,)?) => {
        $effects.push(
            $crate::effect::Change::new($crate::effect::Deed::$deed, $table)$(.with::<$kind, _>(stringify!($column), $value))+
        )
    };
}
pub(crate) use effect;
