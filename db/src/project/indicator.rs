//! Indicators of projects with their periods and the values of each, by number within a project.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{PrincipalId, ProjectId};
use domain::project::indicator::{AgeBand, Counted, Measure, Sex, ValueState};
use domain::sensitivity::Scope;

use super::ProjectRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{indicator_periods, indicator_values, project_indicators};
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_indicators)]
pub struct IndicatorRow {
    pub number: i32,
    pub title: String,
    pub measure: Col<Measure>,
    pub unit: String,
    pub baseline: Option<i64>,
    pub target: Option<i64>,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = indicator_periods)]
pub struct PeriodRow {
    pub indicator_number: i32,
    pub number: i32,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub locked_on: Option<NaiveDate>,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = indicator_values)]
pub struct ValueRow {
    pub indicator_number: i32,
    pub period_number: i32,
    pub sex: Col<Sex>,
    pub age_band: Col<AgeBand>,
    pub numerator: Option<i64>,
    pub denominator: Option<i64>,
    pub description: Option<String>,
    pub state: Col<ValueState>,
    pub reason: Option<String>,
    pub recorded_by: Col<PrincipalId>,
    pub judged_by: Option<Col<PrincipalId>>,
    pub judged_on: Option<NaiveDate>,
}

impl ValueRow {
    /// As totals look at it.
    pub fn counted(&self) -> Counted {
        Counted { state: self.state.0, number: self.numerator, out_of: self.denominator }
    }
}

/// A period with its values.
#[derive(Clone, Debug)]
pub struct Period {
    pub row: PeriodRow,
    pub values: Vec<ValueRow>,
}

/// An indicator with its periods.
#[derive(Clone, Debug)]
pub struct Indicator {
    pub row: IndicatorRow,
    pub periods: Vec<Period>,
}

/// The indicators of a project, the first first.
pub fn indicators_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<Indicator>, Fault> {
    let rows: Vec<IndicatorRow> = project_indicators::table
        .filter(project_indicators::organisation_id.eq(Col(scope.organisation)))
        .filter(project_indicators::project_id.eq(Col(project)))
        .order(project_indicators::number)
        .select(IndicatorRow::as_select())
        .load(conn)?;
    let periods: Vec<PeriodRow> = indicator_periods::table
        .filter(indicator_periods::organisation_id.eq(Col(scope.organisation)))
        .filter(indicator_periods::project_id.eq(Col(project)))
        .order((indicator_periods::indicator_number, indicator_periods::number))
        .select(PeriodRow::as_select())
        .load(conn)?;
    let values: Vec<ValueRow> = indicator_values::table
        .filter(indicator_values::organisation_id.eq(Col(scope.organisation)))
        .filter(indicator_values::project_id.eq(Col(project)))
        .order((indicator_values::indicator_number, indicator_values::period_number, indicator_values::sex, indicator_values::age_band))
        .select(ValueRow::as_select())
        .load(conn)?;
    let values_of = |period: &PeriodRow| {
        let of = |value: &&ValueRow| value.indicator_number == period.indicator_number && value.period_number == period.number;
        values.iter().filter(of).cloned().collect()
    };
    let periods_of = |number: i32| {
        let mine = periods.iter().filter(|period| period.indicator_number == number).cloned();
        mine.map(|row| Period { values: values_of(&row), row }).collect()
    };
    Ok(rows.into_iter().map(|row| Indicator { periods: periods_of(row.number), row }).collect())
}

/// A new indicator.
#[derive(Clone, Debug)]
pub struct NewIndicator {
    pub title: String,
    pub measure: Measure,
    pub unit: String,
    pub baseline: Option<i64>,
    pub target: Option<i64>,
    pub periods: Vec<(NaiveDate, NaiveDate)>,
    pub recorded_by: PrincipalId,
}

/// Defines an indicator with its periods; gives its number.
pub fn insert_indicator(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewIndicator) -> Result<i32, Fault> {
    let scope = tx.all();
    let number = indicators_of(tx.conn, &scope, row.id.0)?.last().map_or(1, |last| last.row.number + 1);
    diesel::insert_into(project_indicators::table)
        .values((
            project_indicators::organisation_id.eq(row.organisation_id),
            project_indicators::project_id.eq(row.id),
            project_indicators::number.eq(number),
            project_indicators::title.eq(&new.title),
            project_indicators::measure.eq(Col(new.measure)),
            project_indicators::unit.eq(&new.unit),
            project_indicators::baseline.eq(new.baseline),
            project_indicators::target.eq(new.target),
            project_indicators::recorded_by.eq(Col(new.recorded_by)),
            project_indicators::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    for (period, (starts_on, ends_on)) in (1_i32..).zip(&new.periods) {
        diesel::insert_into(indicator_periods::table)
            .values((
                indicator_periods::organisation_id.eq(row.organisation_id),
                indicator_periods::project_id.eq(row.id),
                indicator_periods::indicator_number.eq(number),
                indicator_periods::number.eq(period),
                indicator_periods::starts_on.eq(*starts_on),
                indicator_periods::ends_on.eq(*ends_on),
            ))
            .execute(tx.conn)?;
    }
    Ok(number)
}

/// Which value: of an indicator, a period, a sex and an age.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub indicator: i32,
    pub period: i32,
    pub sex: Sex,
    pub age_band: AgeBand,
}

/// A new value.
#[derive(Clone, Debug)]
pub struct NewValue {
    pub cell: Cell,
    pub measure: Measure,
    pub numerator: Option<i64>,
    pub denominator: Option<i64>,
    pub description: Option<String>,
    pub recorded_by: PrincipalId,
}

/// Writes a value down in the place of one that does not count yet.
pub fn replace_value(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewValue) -> Result<(), Fault> {
    let before = indicator_values::table
        .filter(indicator_values::organisation_id.eq(row.organisation_id))
        .filter(indicator_values::project_id.eq(row.id))
        .filter(indicator_values::indicator_number.eq(new.cell.indicator))
        .filter(indicator_values::period_number.eq(new.cell.period))
        .filter(indicator_values::sex.eq(Col(new.cell.sex)))
        .filter(indicator_values::age_band.eq(Col(new.cell.age_band)));
    diesel::delete(before).execute(tx.conn)?;
    diesel::insert_into(indicator_values::table)
        .values((
            indicator_values::organisation_id.eq(row.organisation_id),
            indicator_values::project_id.eq(row.id),
            indicator_values::indicator_number.eq(new.cell.indicator),
            indicator_values::period_number.eq(new.cell.period),
            indicator_values::sex.eq(Col(new.cell.sex)),
            indicator_values::age_band.eq(Col(new.cell.age_band)),
            indicator_values::measure.eq(Col(new.measure)),
            indicator_values::numerator.eq(new.numerator),
            indicator_values::denominator.eq(new.denominator),
            indicator_values::description.eq(new.description.as_deref()),
            indicator_values::state.eq(Col(ValueState::Draft)),
            indicator_values::recorded_by.eq(Col(new.recorded_by)),
            indicator_values::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Puts the drafts of a period before another person; says how many.
pub fn submit_values(tx: &mut Tx<'_>, row: &ProjectRow, indicator: i32, period: i32) -> Result<usize, Fault> {
    let drafts = indicator_values::table
        .filter(indicator_values::organisation_id.eq(row.organisation_id))
        .filter(indicator_values::project_id.eq(row.id))
        .filter(indicator_values::indicator_number.eq(indicator))
        .filter(indicator_values::period_number.eq(period))
        .filter(indicator_values::state.eq(Col(ValueState::Draft)));
    Ok(diesel::update(drafts).set(indicator_values::state.eq(Col(ValueState::Pending))).execute(tx.conn)?)
}

/// Stores what was made of a value.
pub fn judge_value(
    tx: &mut Tx<'_>,
    row: &ProjectRow,
    cell: Cell,
    (state, reason): (ValueState, Option<&str>),
    by: PrincipalId,
) -> Result<(), Fault> {
    let value = indicator_values::table
        .filter(indicator_values::organisation_id.eq(row.organisation_id))
        .filter(indicator_values::project_id.eq(row.id))
        .filter(indicator_values::indicator_number.eq(cell.indicator))
        .filter(indicator_values::period_number.eq(cell.period))
        .filter(indicator_values::sex.eq(Col(cell.sex)))
        .filter(indicator_values::age_band.eq(Col(cell.age_band)));
    diesel::update(value)
        .set((
            indicator_values::state.eq(Col(state)),
            indicator_values::reason.eq(reason),
            indicator_values::judged_by.eq(Some(Col(by))),
            indicator_values::judged_on.eq(Some(tx.today())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Locks a period.
pub fn lock_period(tx: &mut Tx<'_>, row: &ProjectRow, indicator: i32, period: i32, by: PrincipalId) -> Result<(), Fault> {
    let period = indicator_periods::table
        .filter(indicator_periods::organisation_id.eq(row.organisation_id))
        .filter(indicator_periods::project_id.eq(row.id))
        .filter(indicator_periods::indicator_number.eq(indicator))
        .filter(indicator_periods::number.eq(period));
    diesel::update(period)
        .set((indicator_periods::locked_by.eq(Some(Col(by))), indicator_periods::locked_on.eq(Some(tx.today()))))
        .execute(tx.conn)?;
    Ok(())
}
