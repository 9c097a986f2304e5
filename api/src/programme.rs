//! Programmes, the rules of instruments, and the meetings at which communities rank what they need.

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::programme::{CommunityMeeting, NewCommunityMeeting as NewMeetingRow, NewProgramme as NewProgrammeRow, Programme};
use domain::audit::Event;
use domain::calendar::not_future;
use domain::fund::FundVocabulary;
use domain::id::{CommunityMeetingId, CommunityNeedId, OrganisationId, ProgrammeId, TerritorialUnitId};
use domain::parameter::Confidence;
use domain::participation::accept_attendance;
use domain::programme::rule_set::{RuleSet, find, shipped};
use domain::programme::{BeneficiaryLevel, Instrument, RankingMethod, accept_levels, accept_term};
use domain::text::Text;
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, listed, published, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::wire::Sha256Hex;

/// A rule of an instrument.
#[derive(Serialize, ToSchema)]
pub struct RuleView {
    #[schema(max_length = 60, example = "duration_months")]
    rule: String,
    /// As JSON.
    #[schema(max_length = 2000, example = "6")]
    value: String,
    confidence: Option<Confidence>,
    /// Where the rule comes from; nothing for what the instrument leaves open.
    #[schema(max_length = 1000)]
    source: Option<String>,
}

/// A rule that another version changed.
#[derive(Serialize, ToSchema)]
pub struct RuleChangeView {
    #[schema(max_length = 60)]
    rule: String,
    /// As JSON.
    #[schema(max_length = 2000)]
    before: String,
    /// As JSON.
    #[schema(max_length = 2000)]
    after: String,
}

/// A version of the rules under which projects of an instrument are decided, paid and closed. Reference data.
#[derive(Serialize, ToSchema)]
pub struct RuleSetView {
    instrument: Instrument,
    #[schema(minimum = 1)]
    version: i32,
    /// From when it holds, until the next version does.
    valid_from: NaiveDate,
    #[schema(max_items = 40)]
    rules: Vec<RuleView>,
    /// What it changed of the version before.
    #[schema(max_items = 40)]
    changes: Vec<RuleChangeView>,
}

fn rule_set_view(set: &RuleSet) -> RuleSetView {
    let rule = |(rule, value): (String, serde_json::Value)| {
        let source = set.provenance.iter().find(|source| source.rules.contains(&rule));
        RuleView {
            rule,
            value: value.to_string(),
            confidence: source.map(|source| source.confidence),
            source: source.map(|source| source.source.clone()),
        }
    };
    let before = find(set.instrument, set.version - 1);
    let changes = before.map(|before| before.changes_to(set)).unwrap_or_default().into_iter();
    let change = |change: domain::programme::rule_set::RuleChange| RuleChangeView {
        rule: change.rule,
        before: change.before.to_string(),
        after: change.after.to_string(),
    };
    RuleSetView {
        instrument: set.instrument,
        version: set.version,
        valid_from: set.valid_from,
        rules: set.rules().into_iter().map(rule).collect(),
        changes: changes.map(change).collect(),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RuleSetQuery {
    /// Only rules of this instrument.
    instrument: Option<Instrument>,
}

/// The rules of the instruments, every version with what it changed and where each rule comes from.
#[utoipa::path(tag = "programme", params(RuleSetQuery), responses((status = 200, body = Vec<RuleSetView>)))]
#[get("/v1/rule-sets")]
pub async fn list_rule_sets(request: HttpRequest, call: Call, query: Query<RuleSetQuery>) -> Answered {
    let instrument = query.0.instrument;
    published(&request, &call, move |_| {
        let wanted = shipped().iter().filter(|set| instrument.is_none_or(|instrument| set.instrument == instrument));
        Ok(wanted.map(rule_set_view).collect::<Vec<_>>())
    })
    .await
}

/// A phase of a programme.
#[derive(Serialize, ToSchema)]
pub struct ProgrammePhaseView {
    #[schema(minimum = 1)]
    number: i32,
    #[schema(max_length = 200)]
    name: String,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
}

/// A programme that projects belong to.
#[derive(Serialize, ToSchema)]
pub struct ProgrammeView {
    id: ProgrammeId,
    organisation_id: OrganisationId,
    #[schema(max_length = 40, example = "LGCP")]
    code: String,
    #[schema(max_length = 300)]
    title: String,
    #[schema(max_length = 2000)]
    objective: String,
    /// Who orders and pays it (commanditaire).
    #[schema(max_length = 200)]
    commissioner: String,
    /// Who leads its execution.
    #[schema(max_length = 200)]
    lead_agency: String,
    #[schema(max_items = 4)]
    levels: Vec<BeneficiaryLevel>,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    /// The programme that it follows.
    predecessor_id: Option<ProgrammeId>,
    #[schema(max_items = 20)]
    phases: Vec<ProgrammePhaseView>,
    #[schema(minimum = 1)]
    version: i64,
}

fn programme_view(programme: Programme) -> ProgrammeView {
    let row = programme.row;
    let phase = |phase: db::programme::ProgrammePhaseRow| ProgrammePhaseView {
        number: phase.number,
        name: phase.name,
        starts_on: phase.starts_on,
        ends_on: phase.ends_on,
    };
    ProgrammeView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        code: row.code,
        title: row.title,
        objective: row.objective,
        commissioner: row.commissioner,
        lead_agency: row.lead_agency,
        levels: row.levels.split(' ').filter_map(BeneficiaryLevel::parse).collect(),
        starts_on: row.starts_on,
        ends_on: row.ends_on,
        predecessor_id: row.predecessor_id.map(|id| id.0),
        phases: programme.phases.into_iter().map(phase).collect(),
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProgrammeQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The organisation's programmes. Their projects are counted with projects, never with them.
#[utoipa::path(tag = "programme", params(ProgrammeQuery), responses((status = 200, body = Page<ProgrammeView>)))]
#[get("/v1/organisations/{organisation_id}/programmes")]
pub async fn list_programmes(call: Call, _path: web::Path<OrganisationId>, query: Query<ProgrammeQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<ProgrammeId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call.store().read(move |conn| db::programme::list_programmes(conn, &scope, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |one| one.row.id.0, programme_view))
}

/// One programme.
#[utoipa::path(tag = "programme", responses((status = 200, body = ProgrammeView)))]
#[get("/v1/organisations/{organisation_id}/programmes/{programme_id}")]
pub async fn read_programme(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, ProgrammeId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let programme = call.store().read(move |conn| db::programme::find_programme(conn, &scope, id)).await?;
    versioned(&request, programme.row.version, &programme_view(programme))
}

/// A phase of a programme to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProgrammePhase {
    name: Text<200>,
    #[serde(deserialize_with = "crate::wire::day")]
    starts_on: NaiveDate,
    #[serde(deserialize_with = "crate::wire::day")]
    ends_on: NaiveDate,
}

/// A programme to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProgramme {
    /// An identifier made by the client, if it works offline.
    id: Option<ProgrammeId>,
    /// Unique in the organisation.
    code: Text<40>,
    title: Text<300>,
    objective: Text<2000>,
    commissioner: Text<200>,
    lead_agency: Text<200>,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 4>")]
    #[schema(min_items = 1, max_items = 4)]
    levels: Vec<BeneficiaryLevel>,
    #[serde(deserialize_with = "crate::wire::day")]
    starts_on: NaiveDate,
    #[serde(deserialize_with = "crate::wire::day")]
    ends_on: NaiveDate,
    predecessor_id: Option<ProgrammeId>,
    /// Within the term, one after the other.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    phases: Vec<NewProgrammePhase>,
}

impl Json for NewProgramme {}

/// Creates a programme.
#[utoipa::path(tag = "programme", request_body = NewProgramme, responses((status = 201, body = ProgrammeView)))]
#[post("/v1/organisations/{organisation_id}/programmes")]
pub async fn create_programme(asked: Asked<NewProgramme>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            accept_levels(&body.levels)?;
            let terms: Vec<(NaiveDate, NaiveDate)> = body.phases.iter().map(|phase| (phase.starts_on, phase.ends_on)).collect();
            accept_term(body.starts_on, body.ends_on, &terms)?;
            if let Some(predecessor) = body.predecessor_id {
                db::programme::find_programme(tx.conn, &call.scope_in(organisation), predecessor)?;
            }
            let phase = |phase: &NewProgrammePhase| (phase.name.as_str().to_owned(), phase.starts_on, phase.ends_on);
            let new = NewProgrammeRow {
                id,
                code: body.code.as_str().to_owned(),
                title: body.title.as_str().to_owned(),
                objective: body.objective.as_str().to_owned(),
                commissioner: body.commissioner.as_str().to_owned(),
                lead_agency: body.lead_agency.as_str().to_owned(),
                levels: body.levels.iter().map(|level| level.as_str()).collect::<Vec<_>>().join(" "),
                starts_on: body.starts_on,
                ends_on: body.ends_on,
                predecessor: body.predecessor_id,
                phases: body.phases.iter().map(phase).collect(),
                recorded_by,
            };
            let programme = db::programme::insert_programme(tx, &new)?;
            let event = Event::of("programme.created", "programme", id.0, 1)
                .with("code", &new.code)
                .with("starts_on", new.starts_on)
                .with("ends_on", new.ends_on);
            Ok((created(format!("/v1/organisations/{organisation}/programmes/{id}"), 1, &programme_view(programme))?, event.into()))
        })
        .await
}

/// A need that a meeting ranked.
#[derive(Serialize, ToSchema)]
pub struct CommunityNeedView {
    id: CommunityNeedId,
    /// 1 for what is needed most.
    #[schema(minimum = 1)]
    rank: i32,
    #[schema(max_length = 60)]
    sector: String,
    #[schema(max_length = 300)]
    title: String,
}

/// A meeting at which a community ranked what it needs.
#[derive(Serialize, ToSchema)]
pub struct CommunityMeetingView {
    id: CommunityMeetingId,
    organisation_id: OrganisationId,
    territorial_unit_id: TerritorialUnitId,
    held_on: NaiveDate,
    method: RankingMethod,
    #[schema(minimum = 0)]
    women: i32,
    #[schema(minimum = 0)]
    men: i32,
    /// No woman was there: what they need was not heard.
    no_women_voice: bool,
    /// Digest of the signed minutes.
    #[schema(min_length = 64, max_length = 64)]
    minutes_sha256: String,
    #[schema(max_length = 2000)]
    summary: String,
    #[schema(max_items = 50)]
    needs: Vec<CommunityNeedView>,
}

fn meeting_view(meeting: CommunityMeeting) -> CommunityMeetingView {
    let row = meeting.row;
    let need = |need: db::programme::CommunityNeedRow| CommunityNeedView {
        id: need.id.0,
        rank: need.rank,
        sector: need.sector,
        title: need.title,
    };
    CommunityMeetingView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        territorial_unit_id: row.territorial_unit_id.0,
        held_on: row.held_on,
        method: row.method.0,
        women: row.women,
        men: row.men,
        no_women_voice: row.women == 0,
        minutes_sha256: row.minutes_sha256,
        summary: row.summary,
        needs: meeting.needs.into_iter().map(need).collect(),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CommunityMeetingQuery {
    /// Only meetings held in this unit.
    territorial_unit_id: Option<TerritorialUnitId>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The meetings at which communities ranked what they need.
#[utoipa::path(tag = "programme", params(CommunityMeetingQuery), responses((status = 200, body = Page<CommunityMeetingView>)))]
#[get("/v1/organisations/{organisation_id}/community-meetings")]
pub async fn list_community_meetings(call: Call, _path: web::Path<OrganisationId>, query: Query<CommunityMeetingQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<CommunityMeetingId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows =
        call.store().read(move |conn| db::programme::list_community_meetings(conn, &scope, query.territorial_unit_id, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |one| one.row.id.0, meeting_view))
}

/// A need that a meeting ranked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommunityNeed {
    /// Of the shipped list.
    sector: Text<60>,
    title: Text<300>,
}

/// A community meeting to record. The record is public and never changes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommunityMeeting {
    territorial_unit_id: TerritorialUnitId,
    /// Not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
    method: RankingMethod,
    #[schema(minimum = 0, maximum = 1_000_000)]
    women: i32,
    #[schema(minimum = 0, maximum = 1_000_000)]
    men: i32,
    minutes_sha256: Sha256Hex,
    /// No names of private persons.
    summary: Text<2000>,
    /// What is needed most comes first.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 50>")]
    #[schema(min_items = 1, max_items = 50)]
    needs: Vec<NewCommunityNeed>,
}

impl Json for NewCommunityMeeting {}

/// Records a meeting of a village, a quarter or a commune, with what it needs in the order that it decided.
#[utoipa::path(tag = "programme", request_body = NewCommunityMeeting, responses((status = 201, body = CommunityMeetingView)))]
#[post("/v1/organisations/{organisation_id}/community-meetings")]
pub async fn record_community_meeting(asked: Asked<NewCommunityMeeting>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = CommunityMeetingId::new();
    let needs: Vec<CommunityNeedId> = asked.body.needs.iter().map(|_| CommunityNeedId::new()).collect();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            not_future(body.held_on, call.today).map_err(|refusal| refusal.at("/held_on"))?;
            accept_attendance(body.women, body.men)?;
            db::territory::find_unit(tx.conn, body.territorial_unit_id)?;
            for (index, need) in body.needs.iter().enumerate() {
                db::fund::find_term(tx.conn, FundVocabulary::Sector, need.sector.as_str(), &format!("/needs/{index}/sector"))?;
            }
            let need =
                |(id, need): (&CommunityNeedId, &NewCommunityNeed)| (*id, need.sector.as_str().to_owned(), need.title.as_str().to_owned());
            let new = NewMeetingRow {
                id,
                territorial_unit: body.territorial_unit_id,
                held_on: body.held_on,
                method: body.method,
                women: body.women,
                men: body.men,
                minutes_sha256: body.minutes_sha256.0.clone(),
                summary: body.summary.as_str().to_owned(),
                needs: needs.iter().zip(&body.needs).map(need).collect(),
                recorded_by,
            };
            let meeting = db::programme::insert_community_meeting(tx, &new)?;
            let event = Event::of("community_meeting.recorded", "community_meeting", id.0, 1)
                .with("territorial_unit_id", body.territorial_unit_id.to_string())
                .with("held_on", new.held_on)
                .with("minutes_sha256", &new.minutes_sha256)
                .with("needs", new.needs.len());
            let location = format!("/v1/organisations/{organisation}/community-meetings/{id}");
            Ok((created(location, 1, &meeting_view(meeting))?, event.into()))
        })
        .await
}
