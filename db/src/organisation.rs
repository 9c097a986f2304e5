//! Organisations and the directory of them.

pub mod supplier;

use diesel::prelude::*;
use domain::id::{OrganisationId, TerritorialUnitId};
use domain::organisation::{ORGANISATION_DUPLICATE, OrganisationKind};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::fold;

use crate::audit;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing};
use crate::schema::organisations;
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = organisations)]
pub struct OrganisationRow {
    pub id: Col<OrganisationId>,
    pub kind: Col<OrganisationKind>,
    pub code: String,
    pub name: String,
    pub territorial_unit_id: Option<Col<TerritorialUnitId>>,
    pub supervisor_id: Option<Col<OrganisationId>>,
    pub treasury_post_id: Option<Col<OrganisationId>>,
    pub currency: String,
    pub fictional: bool,
    pub version: i64,
    aliases: String,
}

impl OrganisationRow {
    /// Other names by which it is found.
    pub fn aliases(&self) -> Vec<String> {
        self.aliases.lines().map(str::to_owned).collect()
    }
}

/// A new organisation.
#[derive(Clone, Debug)]
pub struct NewOrganisation {
    pub id: OrganisationId,
    pub kind: OrganisationKind,
    pub code: String,
    pub name: String,
    pub territorial_unit_id: Option<TerritorialUnitId>,
    pub supervisor_id: Option<OrganisationId>,
    pub treasury_post_id: Option<OrganisationId>,
    pub currency: String,
    pub fictional: bool,
}

#[derive(Insertable)]
#[diesel(table_name = organisations, treat_none_as_default_value = false)]
struct Insert<'a> {
    id: Col<OrganisationId>,
    kind: Col<OrganisationKind>,
    code: &'a str,
    name: &'a str,
    folded_name: String,
    territorial_unit_id: Option<Col<TerritorialUnitId>>,
    supervisor_id: Option<Col<OrganisationId>>,
    treasury_post_id: Option<Col<OrganisationId>>,
    currency: &'a str,
    fictional: bool,
    sensitivity: i32,
    version: i64,
}

/// Registers an organisation and starts its chain.
pub fn insert_organisation(conn: &mut Conn, new: &NewOrganisation) -> Result<(), Fault> {
    let duplicate = |error| Fault::from(error).taken(|| ORGANISATION_DUPLICATE.refuse());
    audit::insert_head(conn, new.id).map_err(|fault| fault.taken(|| ORGANISATION_DUPLICATE.refuse()))?;
    diesel::insert_into(organisations::table)
        .values(Insert {
            id: Col(new.id),
            kind: Col(new.kind),
            code: &new.code,
            name: &new.name,
            folded_name: fold(&new.name),
            territorial_unit_id: new.territorial_unit_id.map(Col),
            supervisor_id: new.supervisor_id.map(Col),
            treasury_post_id: new.treasury_post_id.map(Col),
            currency: &new.currency,
            fictional: new.fictional,
            sensitivity: Sensitivity::Public.rank(),
            version: 1,
        })
        .execute(conn)
        .map_err(duplicate)?;
    Ok(())
}

pub fn find_organisation(conn: &mut Conn, scope: &Scope) -> Result<OrganisationRow, Fault> {
    Ok(organisations::table
        .filter(organisations::id.eq(Col(scope.organisation)))
        .filter(organisations::sensitivity.le(scope.clearance.rank()))
        .select(OrganisationRow::as_select())
        .first(conn)?)
}

/// The currency of an organisation's accounts.
pub fn find_currency(conn: &mut Conn, scope: &Scope) -> Result<String, Fault> {
    Ok(organisations::table
        .filter(organisations::id.eq(Col(scope.organisation)))
        .filter(organisations::sensitivity.le(scope.clearance.rank()))
        .select(organisations::currency)
        .get_result(conn)?)
}

/// The organisation whose data a write changes.
pub fn find_own(tx: &mut Tx<'_>) -> Result<OrganisationRow, Fault> {
    find_organisation(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed })
}

/// Gives an organisation these other names, and no others. No name has two lines.
pub fn update_aliases(tx: &mut Tx<'_>, row: &OrganisationRow, aliases: &[String]) -> Result<OrganisationRow, Fault> {
    let folded: Vec<String> = aliases.iter().map(|alias| fold(alias)).collect();
    diesel::update(organisations::table.filter(organisations::id.eq(row.id)))
        .set((
            organisations::aliases.eq(aliases.join("\n")),
            organisations::folded_aliases.eq(folded.join("\n")),
            organisations::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    find_organisation(tx.conn, &Scope { organisation: row.id.0, clearance: Sensitivity::Sealed })
}

/// Which organisations to list.
#[derive(Clone, Debug, Default)]
pub struct OrganisationFilter {
    pub kind: Option<OrganisationKind>,
    pub territorial_unit_id: Option<TerritorialUnitId>,
    /// A part of any of the names, without regard to accents and case.
    pub query: Option<String>,
    pub fictional: Option<bool>,
}

/// The public directory.
pub fn list_organisations(
    conn: &mut Conn,
    filter: &OrganisationFilter,
    page: &Keyset<OrganisationId>,
) -> Result<Rows<OrganisationRow>, Fault> {
    let mut query = organisations::table
        .filter(organisations::sensitivity.le(Sensitivity::Public.rank()))
        .order(organisations::id)
        .limit(page.probe())
        .select(OrganisationRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(organisations::id.gt(Col(after)));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(organisations::kind.eq(Col(kind)));
    }
    if let Some(unit) = filter.territorial_unit_id {
        query = query.filter(organisations::territorial_unit_id.eq(Some(Col(unit))));
    }
    if let Some(text) = &filter.query {
        let pattern = containing(text);
        query = query.filter(organisations::folded_name.like(pattern.clone()).or(organisations::folded_aliases.like(pattern)));
    }
    if let Some(fictional) = filter.fictional {
        query = query.filter(organisations::fictional.eq(fictional));
    }
    Ok(page.cut(query.load(conn)?))
}
