//! Campaigns that divide an endowment. What each right became of has a file of its own.

pub mod candidate;
pub mod drawing_agreement;
pub mod drawing_right;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::document;
use domain::endowment::{CampaignState, Formula};
use domain::id::{EndowmentCampaignId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};
use domain::territory::TerritorialLevel;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::endowment_campaigns;
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = endowment_campaigns)]
pub struct EndowmentCampaignRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<EndowmentCampaignId>,
    pub fiscal_year: i32,
    pub endowment_type: String,
    pub level: Col<TerritorialLevel>,
    pub title: String,
    pub currency: String,
    pub envelope: i64,
    pub data_date: NaiveDate,
    pub rights_expire_on: NaiveDate,
    pub formula: String,
    pub state: Col<CampaignState>,
    pub inputs_sha256: Option<String>,
    pub frozen_on: Option<NaiveDate>,
    pub outcome_sha256: Option<String>,
    pub calculated_by: Option<Col<PrincipalId>>,
    pub calculated_on: Option<NaiveDate>,
    pub validated_by: Option<Col<PrincipalId>>,
    pub validated_on: Option<NaiveDate>,
    pub decision_reference: Option<String>,
    pub decision_sha256: Option<String>,
    pub notified_on: Option<NaiveDate>,
    pub published_on: Option<NaiveDate>,
    pub created_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

impl EndowmentCampaignRow {
    pub fn formula(&self) -> Result<Formula, Fault> {
        document::read(&self.formula).ok_or_else(|| Fault::Corrupt(format!("formula of campaign {}", self.id.0)))
    }
}

/// The documents of a campaign.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = endowment_campaigns)]
pub struct EndowmentDocuments {
    pub candidates: String,
    /// From the freezing on.
    pub inputs: Option<String>,
    /// From the calculation on.
    pub outcome: Option<String>,
}

/// A campaign to begin.
#[derive(Clone, Debug)]
pub struct NewCampaign {
    pub id: EndowmentCampaignId,
    pub fiscal_year: i32,
    pub endowment_type: String,
    pub level: TerritorialLevel,
    pub title: String,
    pub currency: String,
    pub envelope: i64,
    pub data_date: NaiveDate,
    pub rights_expire_on: NaiveDate,
    pub formula: String,
    pub created_by: PrincipalId,
}

pub fn insert_campaign(tx: &mut Tx<'_>, new: &NewCampaign) -> Result<EndowmentCampaignRow, Fault> {
    diesel::insert_into(endowment_campaigns::table)
        .values((
            endowment_campaigns::organisation_id.eq(Col(tx.organisation)),
            endowment_campaigns::id.eq(Col(new.id)),
            endowment_campaigns::fiscal_year.eq(new.fiscal_year),
            endowment_campaigns::endowment_type.eq(&new.endowment_type),
            endowment_campaigns::level.eq(Col(new.level)),
            endowment_campaigns::title.eq(&new.title),
            endowment_campaigns::currency.eq(&new.currency),
            endowment_campaigns::envelope.eq(new.envelope),
            endowment_campaigns::data_date.eq(new.data_date),
            endowment_campaigns::rights_expire_on.eq(new.rights_expire_on),
            endowment_campaigns::formula.eq(&new.formula),
            endowment_campaigns::candidates.eq("[]"),
            endowment_campaigns::state.eq(Col(CampaignState::Draft)),
            endowment_campaigns::created_by.eq(Col(new.created_by)),
            endowment_campaigns::recorded_at.eq(Col(tx.author.now)),
            endowment_campaigns::sensitivity.eq(Sensitivity::Internal.rank()),
            endowment_campaigns::version.eq(1),
        ))
        .execute(tx.conn)?;
    find_campaign(tx.conn, &tx.all(), new.id)
}

pub fn find_campaign(conn: &mut Conn, scope: &Scope, id: EndowmentCampaignId) -> Result<EndowmentCampaignRow, Fault> {
    Ok(visible!(endowment_campaigns, scope)
        .filter(endowment_campaigns::id.eq(Col(id)))
        .select(EndowmentCampaignRow::as_select())
        .first(conn)?)
}

pub fn find_documents(conn: &mut Conn, scope: &Scope, id: EndowmentCampaignId) -> Result<EndowmentDocuments, Fault> {
    Ok(visible!(endowment_campaigns, scope)
        .filter(endowment_campaigns::id.eq(Col(id)))
        .select(EndowmentDocuments::as_select())
        .first(conn)?)
}

/// Which campaigns to list.
#[derive(Clone, Debug, Default)]
pub struct CampaignFilter {
    pub fiscal_year: Option<i32>,
    pub endowment_type: Option<String>,
    pub state: Option<CampaignState>,
}

pub fn list_campaigns(
    conn: &mut Conn,
    scope: &Scope,
    filter: &CampaignFilter,
    page: &Keyset<EndowmentCampaignId>,
) -> Result<Rows<EndowmentCampaignRow>, Fault> {
    let mut query = visible!(endowment_campaigns, scope)
        .order(endowment_campaigns::id)
        .limit(page.probe())
        .select(EndowmentCampaignRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(endowment_campaigns::id.gt(Col(after)));
    }
    if let Some(year) = filter.fiscal_year {
        query = query.filter(endowment_campaigns::fiscal_year.eq(year));
    }
    if let Some(kind) = &filter.endowment_type {
        query = query.filter(endowment_campaigns::endowment_type.eq(kind.clone()));
    }
    if let Some(state) = filter.state {
        query = query.filter(endowment_campaigns::state.eq(Col(state)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What an action changes of a campaign; what is `None` stays as it is.
#[derive(AsChangeset, Clone, Debug, Default)]
#[diesel(table_name = endowment_campaigns)]
pub struct CampaignChange {
    pub state: Option<Col<CampaignState>>,
    pub candidates: Option<String>,
    pub inputs: Option<String>,
    pub inputs_sha256: Option<String>,
    pub frozen_on: Option<NaiveDate>,
    pub outcome: Option<String>,
    pub outcome_sha256: Option<String>,
    pub calculated_by: Option<Col<PrincipalId>>,
    pub calculated_on: Option<NaiveDate>,
    pub validated_by: Option<Col<PrincipalId>>,
    pub validated_on: Option<NaiveDate>,
    pub decision_reference: Option<String>,
    pub decision_sha256: Option<String>,
    pub notified_on: Option<NaiveDate>,
    pub published_on: Option<NaiveDate>,
    pub sensitivity: Option<i32>,
}

impl CampaignChange {
    /// A move to a state.
    pub fn to(state: CampaignState) -> Self {
        Self { state: Some(Col(state)), ..Self::default() }
    }

    /// What is published is there for everyone.
    pub fn published(on: NaiveDate) -> Self {
        Self { published_on: Some(on), sensitivity: Some(Sensitivity::Public.rank()), ..Self::default() }
    }
}

pub fn update_campaign(tx: &mut Tx<'_>, row: &EndowmentCampaignRow, change: CampaignChange) -> Result<EndowmentCampaignRow, Fault> {
    let campaign = endowment_campaigns::table
        .filter(endowment_campaigns::organisation_id.eq(row.organisation_id))
        .filter(endowment_campaigns::id.eq(row.id));
    diesel::update(campaign).set((change, endowment_campaigns::version.eq(row.version + 1))).execute(tx.conn)?;
    find_campaign(tx.conn, &tx.all(), row.id.0)
}

/// Back to a draft: what was frozen and calculated is dropped.
pub fn reopen_campaign(tx: &mut Tx<'_>, row: &EndowmentCampaignRow) -> Result<EndowmentCampaignRow, Fault> {
    let campaign = endowment_campaigns::table
        .filter(endowment_campaigns::organisation_id.eq(row.organisation_id))
        .filter(endowment_campaigns::id.eq(row.id));
    diesel::update(campaign)
        .set((
            endowment_campaigns::state.eq(Col(CampaignState::Draft)),
            endowment_campaigns::inputs.eq(None::<String>),
            endowment_campaigns::inputs_sha256.eq(None::<String>),
            endowment_campaigns::frozen_on.eq(None::<NaiveDate>),
            endowment_campaigns::outcome.eq(None::<String>),
            endowment_campaigns::outcome_sha256.eq(None::<String>),
            endowment_campaigns::calculated_by.eq(None::<Col<PrincipalId>>),
            endowment_campaigns::calculated_on.eq(None::<NaiveDate>),
            endowment_campaigns::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    find_campaign(tx.conn, &tx.all(), row.id.0)
}
