//! SQL without the service: the same statements again and again, by one client.

use std::time::{Duration, Instant};

use db::connection::Target;
use rusqlite::types::Value;
use uuid::Uuid;

use crate::contest::Figure;
use crate::limit::pgbench;
use crate::statement::{self, Prepared};

/// What a statement is bound to, as $1, $2 and so on; each statement uses all of them.
#[derive(Clone, Debug)]
pub enum Bound {
    Id(Uuid),
    Number(i32),
}

impl Bound {
    fn of_sqlite(&self) -> Value {
        match self {
            Self::Id(id) => Value::Blob(id.as_bytes().to_vec()),
            Self::Number(number) => Value::Integer((*number).into()),
        }
    }

    fn of_postgres(&self) -> String {
        match self {
            Self::Id(id) => format!("'{id}'"),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// How often a second the statements can be run, one after the other, and every column of every row be read.
pub fn alone(target: &Target, sql: &[&'static str], bound: &[Bound], lasting: Duration) -> Figure {
    match target {
        Target::Sqlite(path) => {
            let conn = statement::open(path);
            let statements = Prepared::on(&conn);
            let values: Vec<Value> = bound.iter().map(Bound::of_sqlite).collect();
            let (since, mut count) = (Instant::now(), 0_u32);
            while since.elapsed() < lasting {
                for one in sql {
                    let read = statements.with(one, |query| {
                        query.query_map(rusqlite::params_from_iter(&values), statement::whole)?.sum::<rusqlite::Result<usize>>()
                    });
                    assert!(read > 0, "{one}");
                }
                count += 1;
            }
            Figure::of_rate(f64::from(count) / since.elapsed().as_secs_f64())
        }
        Target::Postgres(url) => {
            let script = tempfile::NamedTempFile::new().expect("a file");
            let filled = |one: &&str| {
                let named = bound.iter().enumerate();
                named.fold((*one).to_owned(), |text, (index, value)| text.replace(&format!("${}", index + 1), &value.of_postgres()))
            };
            let filled: Vec<String> = sql.iter().map(filled).collect();
            std::fs::write(script.path(), filled.join(";\n") + ";\n").expect("a script");
            pgbench(url, script.path(), 1, lasting)
        }
    }
}
