//! The second wall, behind the scopes of the finders: PostgreSQL itself shows a transaction the rows of the organisations that it
//! named at its beginning, and no others, whatever a statement asks for (`db/guards/postgres.sql`). SQLite has none; there the
//! scopes and the composite keys hold.
//!
//! A [`Reach`] is what a transaction names. Nothing outlives the transaction, so a pooler may lend the connection to another after
//! it. What has to look further does so through [`beyond`]: search for it to see all that does.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use domain::id::{OrganisationId, PrincipalId};

use crate::connection::{Conn, Use, settings};
use crate::fault::Fault;

/// The role as which the service works, where it may: it owns no table and is exempt from nothing.
pub const ROLE: &str = "sigida_service";

/// The organisations whose rows a transaction may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// What belongs to no organisation.
    #[default]
    Nobody,
    These(Arc<BTreeSet<OrganisationId>>),
    /// What the service does for itself.
    Everyone,
}

impl Reach {
    pub fn of(organisations: impl IntoIterator<Item = OrganisationId>) -> Self {
        Self::These(Arc::new(organisations.into_iter().collect()))
    }
}

/// As the policies read it.
impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => Ok(()),
            Self::These(organisations) => {
                for (index, organisation) in organisations.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{organisation}")?;
                }
                Ok(())
            }
            Self::Everyone => f.write_str("*"),
        }
    }
}

/// How transactions on PostgreSQL begin: in one trip, whatever is set for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate {
    /// Whether they take on [`ROLE`].
    role: bool,
    /// Whether a pooler keeps nothing of a session.
    pooled: bool,
}

impl Gate {
    pub fn begin(self, used: Use, reach: &Reach) -> String {
        let mut text = match used {
            Use::Reads => "BEGIN READ ONLY".to_owned(),
            Use::Writes => "BEGIN".to_owned(),
        };
        if self.pooled {
            for setting in settings(used) {
                text += "; SET LOCAL ";
                text += setting;
            }
        }
        if self.role {
            text += "; SET LOCAL ROLE ";
            text += ROLE;
        }
        text + "; " + &turn(reach)
    }
}

/// Names the principals whose idempotency keys a transaction asks for: they are theirs in whatever organisation they were used.
pub fn naming(principals: impl IntoIterator<Item = PrincipalId>) -> String {
    let named: BTreeSet<String> = principals.into_iter().map(|principal| principal.to_string()).collect();
    if named.is_empty() {
        return String::new();
    }
    format!("; SET LOCAL sigida.principals = '{}'", named.into_iter().collect::<Vec<_>>().join(","))
}

/// Names other organisations, within a transaction.
pub fn turn(reach: &Reach) -> String {
    format!("SET LOCAL sigida.organisations = '{reach}'")
}

/// Whether the second wall stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The engine has none.
    None,
    Up,
    /// It stands, but the service's own role owns the tables and could take it down.
    Owned(String),
    /// It does not, for this reason.
    Down(String),
}

impl Standing {
    pub fn is_up(&self) -> bool {
        matches!(self, Self::None | Self::Up)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("this engine has no second wall between organisations"),
            Self::Up => write!(f, "the second wall between organisations stands: the service works as {ROLE}"),
            Self::Owned(role) => write!(
                f,
                "the second wall between organisations stands, but {role} owns the tables and could take it down: see docs/second-wall.md"
            ),
            Self::Down(why) => write!(f, "THE SECOND WALL BETWEEN ORGANISATIONS IS DOWN ({why}): see docs/second-wall.md"),
        }
    }
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Bool)]
    exempt: bool,
    #[diesel(sql_type = Bool)]
    owner: bool,
    #[diesel(sql_type = Bool)]
    granted: bool,
    #[diesel(sql_type = BigInt)]
    open: i64,
}

/// What the role of this moment is, and what stands before it.
const LOOK: &str = "SELECT r.rolname::text AS role, r.rolsuper OR r.rolbypassrls AS exempt, \
    COALESCE(bool_or(pg_has_role(c.relowner, 'USAGE')), false) AS owner, \
    COALESCE(bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'UPDATE')), true) AS granted, \
    COUNT(*) FILTER (WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity \
        AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid))) AS open \
    FROM pg_roles r CROSS JOIN pg_class c \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped \
    WHERE r.rolname = current_user AND c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::text::regnamespace \
    GROUP BY r.rolname, r.rolsuper, r.rolbypassrls";

/// How transactions over such a connection begin, and whether the second wall stands before them.
pub fn inspect(conn: &mut Conn, pooled: bool) -> Result<(Gate, Standing), Fault> {
    let Conn::Pg(conn) = conn else { return Ok((Gate::default(), Standing::None)) };
    for role in [true, false] {
        let gate = Gate { role, pooled };
        // Whoever may not take the role on works as who they are.
        if let Err(error) = conn.batch_execute(&gate.begin(Use::Reads, &Reach::Nobody)) {
            conn.batch_execute("ROLLBACK")?;
            if role {
                continue;
            }
            return Err(error.into());
        }
        let found: Option<Found> = diesel::sql_query(LOOK).get_result(conn).optional()?;
        conn.batch_execute("ROLLBACK")?;
        let standing = match found {
            // A database of which the role was told nothing.
            Some(found) if role && !found.granted => continue,
            None => Standing::Down("the database has no schema".to_owned()),
            Some(found) if found.exempt => Standing::Down(format!("{} is a superuser or may bypass it", found.role)),
            Some(found) if found.open > 0 => Standing::Down(format!("{} tables are open: run `sigida migrate`", found.open)),
            Some(found) if found.owner => Standing::Owned(found.role),
            Some(_) => Standing::Up,
        };
        return Ok((gate, standing));
    }
    Err(Fault::Broken("no transaction begins".to_owned()))
}

/// Reads, in one transaction, what belongs to no organisation: a pooler asks one server only within one.
pub fn reading<T>(conn: &mut Conn, read: impl FnOnce(&mut Conn) -> Result<T, Fault>) -> Result<T, Fault> {
    conn.batch_execute("BEGIN")?;
    let found = read(conn);
    conn.batch_execute("ROLLBACK")?;
    found
}

thread_local! {
    /// How many calls of [`beyond`] this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

struct Beyond;

impl Beyond {
    fn enter() -> (Self, bool) {
        let outer = DEPTH.get();
        DEPTH.set(outer + 1);
        (Self, outer == 0)
    }
}

impl Drop for Beyond {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

/// Looks beyond the organisations that the transaction named. Whoever calls it says why, and filters for itself.
pub fn beyond<T>(conn: &mut Conn, look: impl FnOnce(&mut Conn) -> Result<T, Fault>) -> Result<T, Fault> {
    let (_inside, outermost) = Beyond::enter();
    if !outermost || matches!(conn, Conn::Sqlite(_)) {
        return look(conn);
    }
    conn.batch_execute(
        "SELECT set_config('sigida.before', current_setting('sigida.organisations', true), true), \
         set_config('sigida.organisations', '*', true)",
    )?;
    let seen = look(conn);
    // Where the look was refused by the database, the transaction is over, and its settings with it.
    let back = conn.batch_execute("SELECT set_config('sigida.organisations', current_setting('sigida.before', true), true)");
    let seen = seen?;
    back?;
    Ok(seen)
}
