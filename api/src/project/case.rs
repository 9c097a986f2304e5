//! What the guards of a project look at, loaded.

use db::connection::Conn;
use db::fault::Fault;
use db::project::{Project, ProjectRow};
use domain::fund::FundVocabulary;
use domain::id::TerritorialUnitId;
use domain::money::Amount;
use domain::programme::Instrument;
use domain::programme::context::{election_near, eligibility};
use domain::programme::rule_set::{RuleSet, find, in_force};
use domain::project::check::{Check, POLICE_STUDIES, on_neutrality};
use domain::project::guard::{Facts, Implementer, Proposal, Review, Share, ShareDimension};
use domain::project::{ProjectAction, Transition};
use domain::sensitivity::Scope;
use domain::word::Word;

/// The sector that needs studies.
const POLICE: &str = "communal_police";
/// How purpose codes of government and civil society begin: where an election that is near matters.
const GOVERNMENT: &str = "151";

/// A project with everything that its guards look at.
pub struct Case {
    pub rules: &'static RuleSet,
    proposal: Proposal,
    review: Review,
    today: chrono::NaiveDate,
}

impl Case {
    /// Loads a case. What stands above the caller's clearance plays no part, but for what others were approved for already.
    pub fn load(conn: &mut Conn, scope: &Scope, project: &Project, today: chrono::NaiveDate) -> Result<Self, Fault> {
        let row = &project.row;
        let rules = match row.rule_set_version {
            Some(version) => {
                find(row.instrument.0, version).ok_or_else(|| Fault::Corrupt(format!("no rules {version} of {}", row.instrument.0)))?
            }
            None => in_force(row.instrument.0, today)?,
        };
        Ok(Self { rules, proposal: proposal(conn, scope, project)?, review: review(conn, scope, project, (rules, today))?, today })
    }

    /// As [`Case::load`], under the rules that hold today: a submission pins them.
    pub fn to_submit(conn: &mut Conn, scope: &Scope, project: &Project, today: chrono::NaiveDate) -> Result<Self, Fault> {
        Ok(Self { rules: in_force(project.row.instrument.0, today)?, ..Self::load(conn, scope, project, today)? })
    }

    /// As the action asks for it.
    pub fn for_action(
        conn: &mut Conn,
        scope: &Scope,
        project: &Project,
        action: ProjectAction,
        today: chrono::NaiveDate,
    ) -> Result<Self, Fault> {
        if action == ProjectAction::Submit { Self::to_submit(conn, scope, project, today) } else { Self::load(conn, scope, project, today) }
    }

    fn facts(&self) -> Facts<'_> {
        Facts { today: self.today, rules: self.rules, proposal: &self.proposal, review: &self.review }
    }

    pub fn unmet(&self, way: &Transition) -> Vec<domain::refusal::Refusal> {
        self.facts().unmet(way)
    }

    pub fn require(&self, way: &Transition) -> Result<(), domain::refusal::Refusal> {
        self.facts().require(way)
    }
}

fn minor(amount: i64) -> Amount {
    Amount::from_minor(amount).unwrap_or_default()
}

fn terms(project: &Project, dimension: ShareDimension) -> impl Iterator<Item = &str> {
    project.shares.iter().filter(move |share| share.dimension.0 == dimension).map(|share| share.term.as_str())
}

fn proposal(conn: &mut Conn, scope: &Scope, project: &Project) -> Result<Proposal, Fault> {
    let row = &project.row;
    let implementer = match (row.implementer_kind, row.supplier_id) {
        (Some(kind), Some(supplier)) => {
            let file = db::organisation::supplier::find_supplier(conn, &sealed(scope), supplier.0)?;
            let registered = file.tax_number.is_some();
            Some(Implementer { kind: kind.0, registered, active: file.active, debarred_until: file.debarred_until })
        }
        _ => None,
    };
    let places: Vec<&str> = terms(project, ShareDimension::Place).collect();
    let mut elsewhere = Vec::new();
    for need in &project.needs {
        let (found, unit) = db::programme::find_need(conn, scope, *need)?;
        let lineage: Vec<TerritorialUnitId> = db::fund::purpose::lineage(conn, db::column::Col(unit))?;
        if !lineage.iter().any(|unit| places.contains(&unit.to_string().as_str())) {
            elsewhere.push(found.title);
        }
    }
    let share = |share: &db::project::ProjectShareRow| Share {
        dimension: share.dimension.0,
        term: share.term.clone(),
        bps: u32::try_from(share.bps).unwrap_or_default(),
    };
    Ok(Proposal {
        requester: row.requester_kind.0,
        implementer,
        area: row.area.clone(),
        shares: project.shares.iter().map(share).collect(),
        currency: row.currency()?,
        budget: minor(row.budget),
        lines: project.lines.iter().map(|line| (line.category.0, minor(line.amount))).collect(),
        recipients: Vec::new(),
        starts_on: row.starts_on,
        ends_on: row.ends_on,
        gender_marker: row.gender_marker.and_then(|marker| u32::try_from(marker).ok()),
        risk_marker: row.risk_marker.and_then(|marker| u32::try_from(marker).ok()),
        needs: project.needs.len(),
        needs_elsewhere: elsewhere,
    })
}

/// A rule looks at the file of who carries a project out, whether the caller may or not; it tells only what is wrong.
fn sealed(scope: &Scope) -> Scope {
    Scope { organisation: scope.organisation, clearance: domain::sensitivity::Sensitivity::Sealed }
}

fn review(conn: &mut Conn, scope: &Scope, project: &Project, (rules, today): (&RuleSet, chrono::NaiveDate)) -> Result<Review, Fault> {
    let row = &project.row;
    let overlaps = db::project::review::overlaps_of(conn, scope, project)?;
    let unresolved = overlaps.into_iter().filter(|one| !one.disposition.is_some_and(|found| found.clears()));
    let mut election = None;
    for sector in terms(project, ShareDimension::Sector) {
        let code = db::fund::find_term(conn, FundVocabulary::Sector, sector)?.dac_code.unwrap_or_default();
        if code.starts_with(GOVERNMENT) {
            election = election_near(row.starts_on);
        }
    }
    let police = terms(project, ShareDimension::Sector).any(|sector| sector == POLICE);
    let check = db::project::review::last_check(conn, row)?.map(|(check, answers)| Check {
        result: check.result.0,
        valid_until: check.valid_until,
        analysed_on: check.analysed_on,
        neutrality: on_neutrality(&answers),
        // What was asked for may have changed with each submission.
        stale: check.submission != row.submission,
        uncovered: Vec::new(),
    });
    Ok(Review {
        overlaps: unresolved.map(|one| one.other.reference).collect(),
        opinions: db::project::review::opinions_of(conn, row)?,
        check,
        election,
        studies_required: if police { POLICE_STUDIES.to_vec() } else { Vec::new() },
        studies: Vec::new(),
        allocated: allocated(conn, scope, row)?,
        approved_before: approved_before(conn, row, rules)?,
        eligibility: eligibility(today),
    })
}

/// What a fund set aside; nothing where it counts in another currency.
fn allocated(conn: &mut Conn, scope: &Scope, row: &ProjectRow) -> Result<Amount, Fault> {
    let Some(purpose) = row.fund_purpose_id else { return Ok(Amount::ZERO) };
    let all = sealed(scope);
    let found = db::fund::purpose::find_purpose(conn, &all, purpose.0)?;
    if db::fund::find_fund_row(conn, &all, found.row.fund_id.0)?.currency != row.currency {
        return Ok(Amount::ZERO);
    }
    Ok(minor(db::project::review::allocated_to(conn, &all, purpose.0)?))
}

fn approved_before(conn: &mut Conn, row: &ProjectRow, rules: &RuleSet) -> Result<Amount, Fault> {
    if rules.eligibility_above.is_none() {
        return Ok(Amount::ZERO);
    }
    let counted = |instrument: &&Instrument| {
        domain::programme::rule_set::shipped().iter().any(|set| set.instrument == **instrument && set.eligibility_above.is_some())
    };
    let instruments: Vec<Instrument> = Instrument::ALL.iter().filter(counted).copied().collect();
    Ok(minor(db::project::review::approved_for(conn, row, &instruments)?))
}
