//! Drawing rights: owned by whoever grants them, seen as well by the local government that they are for.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::endowment::drawing_right::{DrawingRightState, Right};
use domain::id::{DrawingRightId, EndowmentCampaignId, OrganisationId, TerritorialUnitId};
use domain::sensitivity::{Scope, Sensitivity};

use crate::budget::amount;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Keyset, Rows, Totalled};
use crate::schema::{drawing_rights, organisations};
use crate::store::Tx;
use crate::{totalled, visible, wall};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = drawing_rights)]
pub struct DrawingRightRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<DrawingRightId>,
    pub endowment_campaign_id: Col<EndowmentCampaignId>,
    pub territorial_unit_id: Col<TerritorialUnitId>,
    pub territorial_code: String,
    pub name: String,
    pub fiscal_year: i32,
    pub endowment_type: String,
    pub currency: String,
    pub notified_on: NaiveDate,
    pub expires_on: NaiveDate,
    pub state: Col<DrawingRightState>,
    pub amount: i64,
    pub agreed: i64,
    pub disbursed: i64,
    pub justified: i64,
    pub ended_reason: Option<String>,
    pub version: i64,
}

impl DrawingRightRow {
    pub fn right(&self) -> Result<Right, Fault> {
        Ok(Right {
            amount: amount(self.amount)?,
            agreed: amount(self.agreed)?,
            disbursed: amount(self.disbursed)?,
            justified: amount(self.justified)?,
        })
    }
}

/// A right to notify.
#[derive(Clone, Debug)]
pub struct NewDrawingRight {
    pub id: DrawingRightId,
    pub campaign: EndowmentCampaignId,
    pub unit: TerritorialUnitId,
    pub code: String,
    pub name: String,
    pub fiscal_year: i32,
    pub endowment_type: String,
    pub currency: String,
    pub expires_on: NaiveDate,
    pub amount: i64,
}

pub fn insert_drawing_right(tx: &mut Tx<'_>, new: &NewDrawingRight) -> Result<(), Fault> {
    diesel::insert_into(drawing_rights::table)
        .values((
            drawing_rights::organisation_id.eq(Col(tx.organisation)),
            drawing_rights::id.eq(Col(new.id)),
            drawing_rights::endowment_campaign_id.eq(Col(new.campaign)),
            drawing_rights::territorial_unit_id.eq(Col(new.unit)),
            drawing_rights::territorial_code.eq(&new.code),
            drawing_rights::name.eq(&new.name),
            drawing_rights::fiscal_year.eq(new.fiscal_year),
            drawing_rights::endowment_type.eq(&new.endowment_type),
            drawing_rights::currency.eq(&new.currency),
            drawing_rights::notified_on.eq(tx.author.today),
            drawing_rights::expires_on.eq(new.expires_on),
            drawing_rights::state.eq(Col(DrawingRightState::Notified)),
            drawing_rights::amount.eq(new.amount),
            drawing_rights::agreed.eq(0),
            drawing_rights::disbursed.eq(0),
            drawing_rights::justified.eq(0),
            drawing_rights::recorded_at.eq(Col(tx.author.now)),
            drawing_rights::sensitivity.eq(Sensitivity::Partner.rank()),
            drawing_rights::version.eq(1),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// The unit that the organisation of a scope governs.
fn own_unit(conn: &mut Conn, scope: &Scope) -> Result<Option<TerritorialUnitId>, Fault> {
    let unit: Option<Col<TerritorialUnitId>> = organisations::table
        .filter(organisations::id.eq(Col(scope.organisation)))
        .select(organisations::territorial_unit_id)
        .first(conn)?;
    Ok(unit.map(|unit| unit.0))
}

/// The rights that an organisation granted, and those that are for the unit that it governs: nobody else's.
fn granted_or_own(conn: &mut Conn, scope: &Scope) -> Result<drawing_rights::BoxedQuery<'static, MultiBackend>, Fault> {
    let query = drawing_rights::table.filter(drawing_rights::sensitivity.le(scope.clearance.rank())).into_boxed();
    let granted = drawing_rights::organisation_id.eq(Col(scope.organisation));
    Ok(match own_unit(conn, scope)? {
        Some(unit) => query.filter(granted.or(drawing_rights::territorial_unit_id.eq(Col(unit)))),
        None => query.filter(granted),
    })
}

/// A right that the organisation of the scope granted or got.
pub fn find_drawing_right(conn: &mut Conn, scope: &Scope, id: DrawingRightId) -> Result<DrawingRightRow, Fault> {
    let query = granted_or_own(conn, scope)?.filter(drawing_rights::id.eq(Col(id))).select(DrawingRightRow::as_select());
    // Here and below: a right is seen by whom it is for as well.
    wall::beyond(conn, |conn| Ok(query.first(conn)?))
}

/// A right that the organisation of the scope granted: whoever got it does not change it.
pub fn find_granted(conn: &mut Conn, scope: &Scope, id: DrawingRightId) -> Result<DrawingRightRow, Fault> {
    Ok(visible!(drawing_rights, scope).filter(drawing_rights::id.eq(Col(id))).select(DrawingRightRow::as_select()).first(conn)?)
}

/// Which rights to list.
#[derive(Clone, Debug, Default)]
pub struct DrawingRightFilter {
    pub fiscal_year: Option<i32>,
    pub endowment_type: Option<String>,
    pub state: Option<DrawingRightState>,
    pub campaign: Option<EndowmentCampaignId>,
}

fn selected(
    conn: &mut Conn,
    scope: &Scope,
    filter: &DrawingRightFilter,
) -> Result<drawing_rights::BoxedQuery<'static, MultiBackend>, Fault> {
    let mut query = granted_or_own(conn, scope)?;
    if let Some(year) = filter.fiscal_year {
        query = query.filter(drawing_rights::fiscal_year.eq(year));
    }
    if let Some(kind) = &filter.endowment_type {
        query = query.filter(drawing_rights::endowment_type.eq(kind.clone()));
    }
    if let Some(state) = filter.state {
        query = query.filter(drawing_rights::state.eq(Col(state)));
    }
    if let Some(campaign) = filter.campaign {
        query = query.filter(drawing_rights::endowment_campaign_id.eq(Col(campaign)));
    }
    Ok(query)
}

pub fn list_drawing_rights(
    conn: &mut Conn,
    scope: &Scope,
    filter: &DrawingRightFilter,
    page: &Keyset<DrawingRightId>,
) -> Result<Rows<DrawingRightRow>, Fault> {
    let mut query = selected(conn, scope, filter)?.order(drawing_rights::id).limit(page.probe()).select(DrawingRightRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(drawing_rights::id.gt(Col(after)));
    }
    Ok(page.cut(wall::beyond(conn, |conn| Ok(query.load(conn)?))?))
}

/// What the list adds up to.
pub fn total_drawing_rights(conn: &mut Conn, scope: &Scope, filter: &DrawingRightFilter) -> Result<Totalled, Fault> {
    let query = selected(conn, scope, filter)?;
    wall::beyond(conn, |conn| Ok(totalled!(conn, query, "drawing_rights.amount")))
}

/// Keeps what became of a right, and why it ended, if it did.
pub fn update_drawing_right(
    tx: &mut Tx<'_>,
    row: &DrawingRightRow,
    right: &Right,
    (state, reason): (DrawingRightState, Option<&str>),
) -> Result<DrawingRightRow, Fault> {
    let target =
        drawing_rights::table.filter(drawing_rights::organisation_id.eq(row.organisation_id)).filter(drawing_rights::id.eq(row.id));
    diesel::update(target)
        .set((
            drawing_rights::state.eq(Col(state)),
            drawing_rights::agreed.eq(right.agreed.minor()),
            drawing_rights::disbursed.eq(right.disbursed.minor()),
            drawing_rights::justified.eq(right.justified.minor()),
            drawing_rights::ended_reason.eq(reason.map(str::to_owned).or_else(|| row.ended_reason.clone())),
            drawing_rights::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    find_granted(tx.conn, &tx.all(), row.id.0)
}
