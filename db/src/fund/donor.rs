//! Donors and the names by which they are found.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::fund::{DonorKind, FUND_RECORD_DUPLICATE};
use domain::id::{DonorId, OrganisationId};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::fold;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing};
use crate::schema::{donor_names, donors};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = donors)]
pub struct DonorRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<DonorId>,
    pub code: String,
    pub name: String,
    pub kind: Col<DonorKind>,
    pub country: Option<String>,
    pub version: i64,
}

/// A donor and its other names.
#[derive(Clone, Debug)]
pub struct Donor {
    pub row: DonorRow,
    pub aliases: Vec<String>,
}

/// A new donor.
#[derive(Clone, Debug)]
pub struct NewDonor {
    pub id: DonorId,
    pub code: String,
    pub name: String,
    pub kind: DonorKind,
    pub country: Option<String>,
    pub aliases: Vec<String>,
}

pub fn insert_donor(tx: &mut Tx<'_>, new: &NewDonor) -> Result<Donor, Fault> {
    diesel::insert_into(donors::table)
        .values((
            donors::organisation_id.eq(Col(tx.organisation)),
            donors::id.eq(Col(new.id)),
            donors::code.eq(&new.code),
            donors::name.eq(&new.name),
            donors::kind.eq(Col(new.kind)),
            donors::country.eq(new.country.as_deref()),
            donors::sensitivity.eq(Sensitivity::Partner.rank()),
            donors::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| FUND_RECORD_DUPLICATE.refuse().with("code", &new.code).at("/code")))?;
    insert_names(tx, new.id, &new.name, &new.aliases)?;
    find_donor(tx.conn, &tx.all(), new.id)
}

fn insert_names(tx: &mut Tx<'_>, donor: DonorId, name: &str, aliases: &[String]) -> Result<(), Fault> {
    for (name, pointer) in std::iter::once((name, "/name")).chain(aliases.iter().map(|alias| (alias.as_str(), "/aliases"))) {
        diesel::insert_into(donor_names::table)
            .values((
                donor_names::organisation_id.eq(Col(tx.organisation)),
                donor_names::folded.eq(fold(name)),
                donor_names::donor_id.eq(Col(donor)),
                donor_names::name.eq(name),
            ))
            .execute(tx.conn)
            .map_err(|error| Fault::from(error).taken(|| FUND_RECORD_DUPLICATE.refuse().with("code", name).at(pointer)))?;
    }
    Ok(())
}

/// What a donor is from now on: its code stays, its names are these and no others.
#[derive(Clone, Debug)]
pub struct DonorChange {
    pub name: String,
    pub kind: DonorKind,
    pub country: Option<String>,
    pub aliases: Vec<String>,
}

pub fn update_donor(tx: &mut Tx<'_>, row: &DonorRow, change: &DonorChange) -> Result<Donor, Fault> {
    let own = donors::table.filter(donors::organisation_id.eq(row.organisation_id)).filter(donors::id.eq(row.id));
    diesel::update(own)
        .set((
            donors::name.eq(&change.name),
            donors::kind.eq(Col(change.kind)),
            donors::country.eq(change.country.as_deref()),
            donors::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    let names = donor_names::table.filter(donor_names::organisation_id.eq(row.organisation_id));
    diesel::delete(names.filter(donor_names::donor_id.eq(row.id))).execute(tx.conn)?;
    insert_names(tx, row.id.0, &change.name, &change.aliases)?;
    find_donor(tx.conn, &tx.all(), row.id.0)
}

fn with_aliases(conn: &mut Conn, scope: &Scope, rows: Vec<DonorRow>) -> Result<Vec<Donor>, Fault> {
    let ids: Vec<Col<DonorId>> = rows.iter().map(|row| row.id).collect();
    let names: Vec<(Col<DonorId>, String)> = donor_names::table
        .filter(donor_names::organisation_id.eq(Col(scope.organisation)))
        .filter(donor_names::donor_id.eq_any(ids))
        .select((donor_names::donor_id, donor_names::name))
        .load(conn)?;
    let aliases = |row: &DonorRow| {
        let own = names.iter().filter(|(donor, name)| *donor == row.id && *name != row.name).map(|(_, name)| name.clone());
        let mut own: Vec<String> = own.collect();
        own.sort();
        own
    };
    Ok(rows.into_iter().map(|row| Donor { aliases: aliases(&row), row }).collect())
}

pub fn find_donor(conn: &mut Conn, scope: &Scope, id: DonorId) -> Result<Donor, Fault> {
    let row = visible!(donors, scope).filter(donors::id.eq(Col(id))).select(DonorRow::as_select()).first(conn)?;
    with_aliases(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

/// The donors that are known by names, however they are written: by name.
pub fn find_named(conn: &mut Conn, scope: &Scope, names: &[String]) -> Result<BTreeMap<String, DonorId>, Fault> {
    let folded: Vec<String> = names.iter().map(|name| fold(name)).collect();
    let found: Vec<(String, Col<DonorId>)> = donor_names::table
        .filter(donor_names::organisation_id.eq(Col(scope.organisation)))
        .filter(donor_names::folded.eq_any(&folded))
        .select((donor_names::folded, donor_names::donor_id))
        .load(conn)?;
    let known: BTreeMap<String, DonorId> = found.into_iter().map(|(folded, donor)| (folded, donor.0)).collect();
    Ok(names.iter().zip(&folded).filter_map(|(name, folded)| Some((name.clone(), *known.get(folded)?))).collect())
}

/// Donors by their ids.
pub fn find_donors(conn: &mut Conn, scope: &Scope, ids: impl Iterator<Item = DonorId>) -> Result<Vec<DonorRow>, Fault> {
    let ids: Vec<Col<DonorId>> = ids.map(Col).collect();
    Ok(visible!(donors, scope).filter(donors::id.eq_any(ids)).order(donors::code).select(DonorRow::as_select()).load(conn)?)
}

/// Which donors to list.
#[derive(Clone, Debug, Default)]
pub struct DonorFilter {
    /// A part of any of their names, without regard to accents and case.
    pub text: Option<String>,
    pub kind: Option<DonorKind>,
}

pub fn list_donors(conn: &mut Conn, scope: &Scope, filter: &DonorFilter, page: &Keyset<DonorId>) -> Result<Rows<Donor>, Fault> {
    let mut query = visible!(donors, scope).order(donors::id).limit(page.probe()).select(DonorRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(donors::id.gt(Col(after)));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(donors::kind.eq(Col(kind)));
    }
    if let Some(text) = &filter.text {
        let named = donor_names::table
            .filter(donor_names::organisation_id.eq(Col(scope.organisation)))
            .filter(donor_names::folded.like(containing(text)))
            .select(donor_names::donor_id);
        query = query.filter(donors::id.eq_any(named));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_aliases(conn, scope, rows.rows)? })
}
