//! Results of a project: indicators, values by period, sex and age, and what approved values come to.

use actix_web::{get, post};
use chrono::NaiveDate;
use db::connection::Conn;
use db::fault::Fault;
use db::project::Project;
use db::project::indicator::{Cell, Indicator, NewIndicator as NewRow, NewValue, Period, ValueRow};
use domain::id::PrincipalId;
use domain::project::ProjectState;
use domain::project::duty::Duty;
use domain::project::evidence::{PROJECT_RECORD_UNKNOWN, judge, numbered};
use domain::project::indicator::{
    AgeBand, Counted, Measure, PERIOD_OPEN_VALUES, Sex, Total, VALUE_STATE_INVALID, Value, ValueState, ValueVerdict, accept_periods,
    require_unlocked, total,
};
use domain::sensitivity::Scope;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::evidence::Number;
use super::review::{answer, require_disinterested, require_state};
use super::{ProjectPath, ProjectView};
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::fund::pledge::Bounded;

/// Where results are measured: from the approval until the accounts are closed.
const MEASURED: [ProjectState; 7] = [
    ProjectState::Approved,
    ProjectState::Contracted,
    ProjectState::Active,
    ProjectState::Suspended,
    ProjectState::PhysicallyCompleted,
    ProjectState::HandedOver,
    ProjectState::OperationallyClosed,
];

/// A count.
type Count = Bounded<0, 1_000_000_000>;

/// A value of an indicator.
#[derive(Serialize, ToSchema)]
pub struct IndicatorValueView {
    sex: Sex,
    age_band: AgeBand,
    #[schema(minimum = 0)]
    number: Option<i64>,
    /// Of a share: out of how many.
    #[schema(minimum = 1)]
    out_of: Option<i64>,
    /// Of a measure without numbers.
    #[schema(max_length = 2000)]
    text: Option<String>,
    state: ValueState,
    #[schema(max_length = 1000)]
    reason: Option<String>,
    recorded_by: PrincipalId,
    judged_by: Option<PrincipalId>,
    judged_on: Option<NaiveDate>,
}

/// What approved values come to.
#[derive(Serialize, ToSchema)]
pub struct IndicatorTotal {
    #[schema(minimum = 0)]
    number: i64,
    /// Of a share: out of how many.
    #[schema(minimum = 1)]
    out_of: Option<i64>,
    /// Of a share, in basis points, rounded down.
    #[schema(minimum = 0, maximum = 10000)]
    bps: Option<i64>,
}

/// A period of an indicator.
#[derive(Serialize, ToSchema)]
pub struct IndicatorPeriodView {
    /// Its number within the indicator.
    #[schema(minimum = 1)]
    number: i32,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    /// Since when nothing of it changes.
    locked_on: Option<NaiveDate>,
    #[schema(max_items = 28)]
    values: Vec<IndicatorValueView>,
    /// Of its approved values; none where there are none, or they are no numbers.
    total: Option<IndicatorTotal>,
}

/// An indicator of a project.
#[derive(Serialize, ToSchema)]
pub struct ProjectIndicatorView {
    /// Its number within the project.
    #[schema(minimum = 1)]
    number: i32,
    #[schema(max_length = 300)]
    title: String,
    measure: Measure,
    /// What is counted.
    #[schema(max_length = 60)]
    unit: String,
    #[schema(minimum = 0)]
    baseline: Option<i64>,
    #[schema(minimum = 0)]
    target: Option<i64>,
    #[schema(max_items = 60)]
    periods: Vec<IndicatorPeriodView>,
    /// Of the approved values of all periods.
    total: Option<IndicatorTotal>,
}

fn total_view(measure: Measure, values: &[Counted]) -> Option<IndicatorTotal> {
    total(measure, values).map(|Total { number, out_of, bps }| IndicatorTotal { number, out_of, bps })
}

fn value_view(row: ValueRow) -> IndicatorValueView {
    IndicatorValueView {
        sex: row.sex.0,
        age_band: row.age_band.0,
        number: row.numerator,
        out_of: row.denominator,
        text: row.description,
        state: row.state.0,
        reason: row.reason,
        recorded_by: row.recorded_by.0,
        judged_by: row.judged_by.map(|by| by.0),
        judged_on: row.judged_on,
    }
}

fn shown(indicator: Indicator) -> ProjectIndicatorView {
    let measure = indicator.row.measure.0;
    let counted = |values: &[ValueRow]| values.iter().map(ValueRow::counted).collect::<Vec<_>>();
    let all: Vec<Counted> = indicator.periods.iter().flat_map(|period| counted(&period.values)).collect();
    let period = |period: Period| IndicatorPeriodView {
        number: period.row.number,
        starts_on: period.row.starts_on,
        ends_on: period.row.ends_on,
        locked_on: period.row.locked_on,
        total: total_view(measure, &counted(&period.values)),
        values: period.values.into_iter().map(value_view).collect(),
    };
    ProjectIndicatorView {
        number: indicator.row.number,
        title: indicator.row.title,
        measure,
        unit: indicator.row.unit,
        baseline: indicator.row.baseline,
        target: indicator.row.target,
        total: total_view(measure, &all),
        periods: indicator.periods.into_iter().map(period).collect(),
    }
}

/// The indicators of the project with their values and what those that were approved come to.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectIndicatorView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/indicators")]
pub async fn read_project_indicators(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let indicators = call
        .store()
        .read(move |conn| {
            db::project::find_project(conn, &scope, id)?;
            db::project::indicator::indicators_of(conn, &scope, id)
        })
        .await?;
    ok(&indicators.into_iter().map(shown).collect::<Vec<_>>())
}

/// A period of an indicator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIndicatorPeriod {
    #[serde(deserialize_with = "crate::wire::day")]
    starts_on: NaiveDate,
    #[serde(deserialize_with = "crate::wire::day")]
    ends_on: NaiveDate,
}

/// An indicator to define.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectIndicator {
    title: Text<300>,
    measure: Measure,
    /// What is counted.
    unit: Text<60>,
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000000)]
    baseline: Option<Count>,
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000000)]
    target: Option<Count>,
    /// One after the other.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 60>")]
    #[schema(min_items = 1, max_items = 60)]
    periods: Vec<NewIndicatorPeriod>,
}

impl Json for NewProjectIndicator {}

/// Defines an indicator of an approved project, with its periods.
#[utoipa::path(tag = "project", request_body = NewProjectIndicator, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/indicators")]
pub async fn define_project_indicator(asked: Asked<NewProjectIndicator>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &MEASURED)?;
            let periods: Vec<(NaiveDate, NaiveDate)> = body.periods.iter().map(|one| (one.starts_on, one.ends_on)).collect();
            accept_periods(&periods)?;
            let new = NewRow {
                title: body.title.as_str().to_owned(),
                measure: body.measure,
                unit: body.unit.as_str().to_owned(),
                baseline: body.baseline.as_ref().map(|count| i64::from(count.0)),
                target: body.target.as_ref().map(|count| i64::from(count.0)),
                periods,
                recorded_by: by,
            };
            let number = db::project::indicator::insert_indicator(tx, &project.row, &new)?;
            let event = project.row.event("project.indicator_defined")?.with("indicator", number).with("measure", body.measure);
            answer(tx, &project.row, event)
        })
        .await
}

/// An indicator and a period of it that is not locked.
fn open_period(conn: &mut Conn, scope: &Scope, project: &Project, indicator: Number, period: Number) -> Result<(Indicator, Period), Fault> {
    require_state(&project.row, &MEASURED)?;
    let all = db::project::indicator::indicators_of(conn, scope, project.row.id.0)?;
    let found = numbered(all, indicator.0, |one| one.row.number, "/indicator")?;
    let chosen = numbered(found.periods.clone(), period.0, |one| one.row.number, "/period")?;
    require_unlocked(chosen.row.locked_on)?;
    Ok((found, chosen))
}

/// A value to write down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIndicatorValue {
    /// The number of the indicator within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    indicator: Number,
    /// The number of the period within the indicator.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    period: Number,
    sex: Sex,
    age_band: AgeBand,
    /// Of a numeric measure.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000000)]
    number: Option<Count>,
    /// Of a share: out of how many.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000000)]
    out_of: Option<Count>,
    /// Of a measure without numbers.
    text: Option<Text<2000>>,
}

impl Json for NewIndicatorValue {}

/// Writes a value down, in the place of one that does not count yet. It counts when it was put before another person and approved.
#[utoipa::path(tag = "project", request_body = NewIndicatorValue, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/indicator-values")]
pub async fn record_indicator_value(asked: Asked<NewIndicatorValue>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let (indicator, period) = open_period(tx.conn, &scope, &project, body.indicator, body.period)?;
            let (number, out_of) = (body.number.as_ref().map(|one| one.0), body.out_of.as_ref().map(|one| one.0));
            let measure = indicator.row.measure.0;
            Value { number, out_of, text: body.text.as_ref().map(Text::as_str) }.accept(measure)?;
            let before = period.values.iter().find(|one| (one.sex.0, one.age_band.0) == (body.sex, body.age_band));
            if let Some(state) = before.map(|one| one.state.0).filter(|state| matches!(state, ValueState::Pending | ValueState::Approved)) {
                return Err(VALUE_STATE_INVALID.refuse().with("state", state).into());
            }
            let cell = Cell { indicator: indicator.row.number, period: period.row.number, sex: body.sex, age_band: body.age_band };
            let new = NewValue {
                cell,
                measure,
                numerator: number.map(i64::from),
                denominator: out_of.map(i64::from),
                description: body.text.as_ref().map(|text| text.as_str().to_owned()),
                recorded_by: by,
            };
            db::project::indicator::replace_value(tx, &project.row, &new)?;
            let event = project.row.event("project.value_recorded")?.with("indicator", cell.indicator).with("period", cell.period);
            answer(tx, &project.row, event)
        })
        .await
}

/// A period of an indicator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenPeriod {
    /// The number of the indicator within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    indicator: Number,
    /// The number of the period within the indicator.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    period: Number,
}

impl Json for ChosenPeriod {}

/// Puts the drafts of a period before another person.
#[utoipa::path(tag = "project", request_body = ChosenPeriod, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/indicator-submissions")]
pub async fn submit_indicator_values(asked: Asked<ChosenPeriod>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let (indicator, period) = open_period(tx.conn, &scope, &project, body.indicator, body.period)?;
            let submitted = db::project::indicator::submit_values(tx, &project.row, indicator.row.number, period.row.number)?;
            let event = project.row.event("project.values_submitted")?.with("indicator", indicator.row.number);
            answer(tx, &project.row, event.with("period", period.row.number).with("values", submitted))
        })
        .await
}

/// What is made of a value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IndicatorValueJudgement {
    /// The number of the indicator within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    indicator: Number,
    /// The number of the period within the indicator.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    period: Number,
    sex: Sex,
    age_band: AgeBand,
    verdict: ValueVerdict,
    /// Of a value that is sent back.
    reason: Option<Text<1000>>,
}

impl Json for IndicatorValueJudgement {}

/// Approves a value that another person wrote down, or sends it back.
#[utoipa::path(tag = "project", request_body = IndicatorValueJudgement, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/indicator-judgements")]
pub async fn judge_indicator_value(asked: Asked<IndicatorValueJudgement>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let (indicator, period) = open_period(tx.conn, &scope, &project, body.indicator, body.period)?;
            let value = period.values.iter().find(|one| (one.sex.0, one.age_band.0) == (body.sex, body.age_band));
            let value = value.ok_or_else(|| PROJECT_RECORD_UNKNOWN.refuse().with("number", body.period.0).at("/sex"))?;
            let reason = body.reason.as_ref().map(Text::as_str);
            let state = body.verdict.judge(value.state.0, reason.is_some())?;
            judge(value.state.0, true, &[value.recorded_by.0], &by)?;
            require_disinterested(tx, id)?;
            db::project::review::take_duty(tx, id, by, Duty::Monitor)?;
            let cell = Cell { indicator: indicator.row.number, period: period.row.number, sex: body.sex, age_band: body.age_band };
            db::project::indicator::judge_value(tx, &project.row, cell, (state, reason), by)?;
            let event = project.row.event("project.value_judged")?.with("indicator", cell.indicator).with("period", cell.period);
            answer(tx, &project.row, event.with("verdict", body.verdict))
        })
        .await
}

/// Locks a period whose values are all approved: nothing of it changes from here on.
#[utoipa::path(tag = "project", request_body = ChosenPeriod, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/indicator-locks")]
pub async fn lock_indicator_period(asked: Asked<ChosenPeriod>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let (indicator, period) = open_period(tx.conn, &scope, &project, body.indicator, body.period)?;
            let waiting = period.values.iter().filter(|one| one.state.0 != ValueState::Approved).count();
            if waiting > 0 {
                return Err(PERIOD_OPEN_VALUES.refuse().with("waiting", waiting).into());
            }
            db::project::indicator::lock_period(tx, &project.row, indicator.row.number, period.row.number, by)?;
            let event = project.row.event("project.period_locked")?.with("indicator", indicator.row.number);
            answer(tx, &project.row, event.with("period", period.row.number))
        })
        .await
}
