//! Programmes with their phases, and the community meetings whose ranked needs projects answer.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{CommunityMeetingId, CommunityNeedId, OrganisationId, PrincipalId, ProgrammeId, TerritorialUnitId};
use domain::programme::{PROGRAMME_DUPLICATE, RankingMethod};
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{community_meetings, community_needs, programme_phases, programmes};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = programmes)]
pub struct ProgrammeRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ProgrammeId>,
    pub code: String,
    pub title: String,
    pub objective: String,
    pub commissioner: String,
    pub lead_agency: String,
    pub levels: String,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub predecessor_id: Option<Col<ProgrammeId>>,
    pub version: i64,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = programme_phases)]
pub struct ProgrammePhaseRow {
    pub programme_id: Col<ProgrammeId>,
    pub number: i32,
    pub name: String,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
}

/// A programme and its phases.
#[derive(Clone, Debug)]
pub struct Programme {
    pub row: ProgrammeRow,
    pub phases: Vec<ProgrammePhaseRow>,
}

/// A new programme; phases by name, first and last day.
#[derive(Clone, Debug)]
pub struct NewProgramme {
    pub id: ProgrammeId,
    pub code: String,
    pub title: String,
    pub objective: String,
    pub commissioner: String,
    pub lead_agency: String,
    pub levels: String,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub predecessor: Option<ProgrammeId>,
    pub phases: Vec<(String, NaiveDate, NaiveDate)>,
    pub recorded_by: PrincipalId,
}

pub fn insert_programme(tx: &mut Tx<'_>, new: &NewProgramme) -> Result<Programme, Fault> {
    diesel::insert_into(programmes::table)
        .values((
            programmes::organisation_id.eq(Col(tx.organisation)),
            programmes::id.eq(Col(new.id)),
            programmes::code.eq(&new.code),
            programmes::title.eq(&new.title),
            programmes::objective.eq(&new.objective),
            programmes::commissioner.eq(&new.commissioner),
            programmes::lead_agency.eq(&new.lead_agency),
            programmes::levels.eq(&new.levels),
            programmes::starts_on.eq(new.starts_on),
            programmes::ends_on.eq(new.ends_on),
            programmes::predecessor_id.eq(new.predecessor.map(Col)),
            programmes::recorded_by.eq(Col(new.recorded_by)),
            programmes::recorded_at.eq(Col(tx.author.now)),
            programmes::sensitivity.eq(Sensitivity::Partner.rank()),
            programmes::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| PROGRAMME_DUPLICATE.refuse().with("code", &new.code).at("/code")))?;
    for (number, (name, starts_on, ends_on)) in (1_i32..).zip(&new.phases) {
        diesel::insert_into(programme_phases::table)
            .values((
                programme_phases::organisation_id.eq(Col(tx.organisation)),
                programme_phases::programme_id.eq(Col(new.id)),
                programme_phases::number.eq(number),
                programme_phases::name.eq(name),
                programme_phases::starts_on.eq(starts_on),
                programme_phases::ends_on.eq(ends_on),
            ))
            .execute(tx.conn)?;
    }
    find_programme(tx.conn, &tx.all(), new.id)
}

fn with_phases(conn: &mut Conn, scope: &Scope, rows: Vec<ProgrammeRow>) -> Result<Vec<Programme>, Fault> {
    let ids: Vec<Col<ProgrammeId>> = rows.iter().map(|row| row.id).collect();
    let phases: Vec<ProgrammePhaseRow> = programme_phases::table
        .filter(programme_phases::organisation_id.eq(Col(scope.organisation)))
        .filter(programme_phases::programme_id.eq_any(ids))
        .order((programme_phases::programme_id, programme_phases::number))
        .select(ProgrammePhaseRow::as_select())
        .load(conn)?;
    let of = |id: Col<ProgrammeId>| phases.iter().filter(|phase| phase.programme_id == id).cloned().collect();
    Ok(rows.into_iter().map(|row| Programme { phases: of(row.id), row }).collect())
}

pub fn find_programme(conn: &mut Conn, scope: &Scope, id: ProgrammeId) -> Result<Programme, Fault> {
    let row = visible!(programmes, scope).filter(programmes::id.eq(Col(id))).select(ProgrammeRow::as_select()).first(conn)?;
    with_phases(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

pub fn list_programmes(conn: &mut Conn, scope: &Scope, page: &Keyset<ProgrammeId>) -> Result<Rows<Programme>, Fault> {
    let mut query = visible!(programmes, scope).order(programmes::id).limit(page.probe()).select(ProgrammeRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(programmes::id.gt(Col(after)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_phases(conn, scope, rows.rows)? })
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = community_meetings)]
pub struct CommunityMeetingRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CommunityMeetingId>,
    pub territorial_unit_id: Col<TerritorialUnitId>,
    pub held_on: NaiveDate,
    pub method: Col<RankingMethod>,
    pub women: i32,
    pub men: i32,
    pub minutes_sha256: String,
    pub summary: String,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = community_needs)]
pub struct CommunityNeedRow {
    pub id: Col<CommunityNeedId>,
    pub meeting_id: Col<CommunityMeetingId>,
    pub rank: i32,
    pub sector: String,
    pub title: String,
}

/// A community meeting and the needs that it ranked.
#[derive(Clone, Debug)]
pub struct CommunityMeeting {
    pub row: CommunityMeetingRow,
    pub needs: Vec<CommunityNeedRow>,
}

/// A new meeting; needs by id, sector and title, most of all first.
#[derive(Clone, Debug)]
pub struct NewCommunityMeeting {
    pub id: CommunityMeetingId,
    pub territorial_unit: TerritorialUnitId,
    pub held_on: NaiveDate,
    pub method: RankingMethod,
    pub women: i32,
    pub men: i32,
    pub minutes_sha256: String,
    pub summary: String,
    pub needs: Vec<(CommunityNeedId, String, String)>,
    pub recorded_by: PrincipalId,
}

/// Records a meeting; its record is public and never changes.
pub fn insert_community_meeting(tx: &mut Tx<'_>, new: &NewCommunityMeeting) -> Result<CommunityMeeting, Fault> {
    diesel::insert_into(community_meetings::table)
        .values((
            community_meetings::organisation_id.eq(Col(tx.organisation)),
            community_meetings::id.eq(Col(new.id)),
            community_meetings::territorial_unit_id.eq(Col(new.territorial_unit)),
            community_meetings::held_on.eq(new.held_on),
            community_meetings::method.eq(Col(new.method)),
            community_meetings::women.eq(new.women),
            community_meetings::men.eq(new.men),
            community_meetings::minutes_sha256.eq(&new.minutes_sha256),
            community_meetings::summary.eq(&new.summary),
            community_meetings::recorded_by.eq(Col(new.recorded_by)),
            community_meetings::recorded_at.eq(Col(tx.author.now)),
            community_meetings::sensitivity.eq(Sensitivity::Public.rank()),
        ))
        .execute(tx.conn)?;
    for (rank, (id, sector, title)) in (1_i32..).zip(&new.needs) {
        diesel::insert_into(community_needs::table)
            .values((
                community_needs::organisation_id.eq(Col(tx.organisation)),
                community_needs::id.eq(Col(*id)),
                community_needs::meeting_id.eq(Col(new.id)),
                community_needs::rank.eq(rank),
                community_needs::sector.eq(sector),
                community_needs::title.eq(title),
            ))
            .execute(tx.conn)?;
    }
    find_community_meeting(tx.conn, &tx.all(), new.id)
}

fn with_needs(conn: &mut Conn, scope: &Scope, rows: Vec<CommunityMeetingRow>) -> Result<Vec<CommunityMeeting>, Fault> {
    let ids: Vec<Col<CommunityMeetingId>> = rows.iter().map(|row| row.id).collect();
    let needs: Vec<CommunityNeedRow> = community_needs::table
        .filter(community_needs::organisation_id.eq(Col(scope.organisation)))
        .filter(community_needs::meeting_id.eq_any(ids))
        .order((community_needs::meeting_id, community_needs::rank))
        .select(CommunityNeedRow::as_select())
        .load(conn)?;
    let of = |id: Col<CommunityMeetingId>| needs.iter().filter(|need| need.meeting_id == id).cloned().collect();
    Ok(rows.into_iter().map(|row| CommunityMeeting { needs: of(row.id), row }).collect())
}

pub fn find_community_meeting(conn: &mut Conn, scope: &Scope, id: CommunityMeetingId) -> Result<CommunityMeeting, Fault> {
    let row = visible!(community_meetings, scope)
        .filter(community_meetings::id.eq(Col(id)))
        .select(CommunityMeetingRow::as_select())
        .first(conn)?;
    with_needs(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

pub fn list_community_meetings(
    conn: &mut Conn,
    scope: &Scope,
    unit: Option<TerritorialUnitId>,
    page: &Keyset<CommunityMeetingId>,
) -> Result<Rows<CommunityMeeting>, Fault> {
    let mut query = visible!(community_meetings, scope)
        .order(community_meetings::id)
        .limit(page.probe())
        .select(CommunityMeetingRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(community_meetings::id.gt(Col(after)));
    }
    if let Some(unit) = unit {
        query = query.filter(community_meetings::territorial_unit_id.eq(Col(unit)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_needs(conn, scope, rows.rows)? })
}

/// A need that the caller may see, and where the meeting was held that ranked it.
pub fn find_need(conn: &mut Conn, scope: &Scope, id: CommunityNeedId) -> Result<(CommunityNeedRow, TerritorialUnitId), Fault> {
    let need: CommunityNeedRow = community_needs::table
        .filter(community_needs::organisation_id.eq(Col(scope.organisation)))
        .filter(community_needs::id.eq(Col(id)))
        .select(CommunityNeedRow::as_select())
        .first(conn)?;
    let unit: Col<TerritorialUnitId> = visible!(community_meetings, scope)
        .filter(community_meetings::id.eq(need.meeting_id))
        .select(community_meetings::territorial_unit_id)
        .first(conn)?;
    Ok((need, unit.0))
}
