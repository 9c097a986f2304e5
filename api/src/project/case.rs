//! What the guards of a project look at, loaded.

use db::connection::Conn;
use db::fault::Fault;
use db::fund::exchange::{ExchangeRateRow, rate_on};
use db::project::ceiling::{NewConversion, conversion_of};
use db::project::{Project, ProjectRow};
use db::store::Tx;
use domain::fund::FundVocabulary;
use domain::fund::exchange::ExchangeRate;
use domain::id::{SupplierId, TerritorialUnitId};
use domain::money::Amount;
use domain::programme::Instrument;
use domain::programme::context::{election_near, eligibility};
use domain::programme::rule_set::{ImplementerKind, RuleSet, find, in_force};
use domain::project::amendment::AmendmentKind;
use domain::project::ceiling::{Exchange, ceiling, worth};
use domain::project::check::{Check, POLICE_STUDIES, Study, grave, on_neutrality};
use domain::project::evidence::StudyState;
use domain::project::finance::Finance;
use domain::project::guard::{Facts, Guard, Implementer, Proposal, PurposeFacts, Review, Share, ShareDimension};
use domain::project::handover::narrative_due_on;
use domain::project::milestone::Work;
use domain::project::recipient::{Recipient, joint_releasable, ledger_of};
use domain::project::release::{Delivery, TrancheFacts, payable, releasable};
use domain::project::report::require_reported;
use domain::project::{ProjectAction, ProjectState, Transition};
use domain::refusal::Refusal;
use domain::sensitivity::Scope;
use domain::word::Word;

use super::similar::{Similar, similar_to};
use crate::parameter::COUNTRY;

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
    /// The rate of the day between the currency of the project and that of its ceiling.
    rate: Option<ExchangeRateRow>,
}

impl Case {
    /// Loads a case. What stands above the caller's clearance plays no part, but for what others were approved for already.
    pub fn load(conn: &mut Conn, scope: &Scope, project: &Project, today: chrono::NaiveDate) -> Result<Self, Fault> {
        let row = &project.row;
        let rules = rules_of(row, today)?;
        let rate = rate_to_ceiling(conn, scope, row, (rules, today))?;
        let mut review = review(conn, scope, project, (rules, today))?;
        review.exchange.today = rate.as_ref().map(ExchangeRateRow::rate).transpose()?;
        Ok(Self { rules, proposal: proposal(conn, scope, project)?, review, today, rate })
    }

    /// As [`Case::load`], under the rules that hold today: a submission pins them.
    pub fn to_submit(conn: &mut Conn, scope: &Scope, project: &Project, today: chrono::NaiveDate) -> Result<Self, Fault> {
        let rules = in_force(project.row.instrument.0, today)?;
        let mut case = Self { rules, ..Self::load(conn, scope, project, today)? };
        // What an earlier submission was converted at is over.
        case.review.exchange.submitted = None;
        case.rate = rate_to_ceiling(conn, scope, &project.row, (rules, today))?;
        case.review.exchange.today = case.rate.as_ref().map(ExchangeRateRow::rate).transpose()?;
        Ok(case)
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

    /// As a motion decides that waives what the exchange took above the ceiling.
    pub fn waiving(mut self, waived: bool) -> Self {
        self.review.exchange.waived = waived;
        self
    }

    /// Keeps by which rate a submission, or its approval, was held against a ceiling in another currency.
    pub fn keep_conversion(&self, tx: &mut Tx<'_>, row: &ProjectRow, action: ProjectAction) -> Result<(), Fault> {
        let submission = match action {
            ProjectAction::Submit => row.submission + 1,
            ProjectAction::Approve => row.submission,
            _ => return Ok(()),
        };
        let (Some((_, of)), Some(rate)) = (ceiling(self.rules), &self.rate) else { return Ok(()) };
        let (amount, from) = (self.proposal.budget, self.proposal.currency);
        let converted = worth((amount, from), of, Some(rate.rate()?), self.today)?;
        let new = NewConversion { rate: rate.id.0, amount, converted, currency: of.code() };
        db::project::ceiling::append_conversion(tx, row, (submission, action), &new)
    }

    fn facts(&self) -> Facts<'_> {
        Facts { today: self.today, rules: self.rules, proposal: &self.proposal, review: &self.review }
    }

    pub fn unmet(&self, way: &Transition) -> Vec<Refusal> {
        self.facts().unmet(way)
    }

    /// Whether the project meets what an amendment of a kind asks for.
    pub fn require_amended(&self, kind: AmendmentKind) -> Result<(), Refusal> {
        // An amendment names what it changes by itself, not within a proposal.
        let told = |pointer: &str| match pointer.strip_prefix("/proposal/") {
            Some("shares") => "/places".to_owned(),
            Some(member) => format!("/{member}"),
            None => pointer.to_owned(),
        };
        self.facts().require_all(kind.guards()).map_err(|refusal| refusal.leading(told))
    }

    /// Everything that is wrong with the last check of sensitivity to the conflict.
    pub fn check_unmet(&self) -> Vec<Refusal> {
        self.facts().check(Guard::ConflictCheck)
    }

    pub fn require(&self, way: &Transition) -> Result<(), Refusal> {
        self.facts().require(way)
    }

    /// As [`Case::require`], where a committee is asked: nobody sends a proposal then, and what stands against it concerns the project.
    pub fn require_moved(&self, way: &Transition) -> Result<(), Refusal> {
        self.require(way).map_err(|refusal| refusal.leading(|_| String::new()))
    }
}

impl Case {
    /// What was agreed, paid and reported.
    pub fn finance(&self) -> &Finance {
        &self.review.finance
    }

    /// Refuses money for a tranche to a project that may not have any now.
    pub fn require_payable(&self, state: ProjectState, tranche: u32) -> Result<(), Refusal> {
        payable(state, self.review.finance.round_of(tranche), &self.review.delivery)
    }

    /// Refuses a tranche whose condition is not met.
    pub fn require_releasable(&self, tranche: u32) -> Result<(), Refusal> {
        let (finance, currency) = (&self.review.finance, self.proposal.currency);
        if let Some(ledger) = ledger_of(&finance.recipients, tranche) {
            require_reported(self.rules, &ledger.payments, &ledger.reported, self.today)?;
            return joint_releasable(self.rules, (tranche, &finance.recipients), &self.review.delivery, currency);
        }
        require_reported(self.rules, &finance.payments, &finance.reported, self.today)?;
        let amounts = finance.agreement.iter().flat_map(|agreement| &agreement.tranches);
        let fact =
            |(number, amount): (u32, &Amount)| TrancheFacts { number, amount: *amount, paid: finance.tranches_paid.contains(&number) };
        let plan: Vec<TrancheFacts> = (1..).zip(amounts).map(fact).collect();
        releasable(self.rules, (tranche, &plan), &self.review.delivery, (finance.accepted, currency))
    }
}

/// The rules of a project: those that its submission pinned, or that hold today.
pub(super) fn rules_of(row: &ProjectRow, today: chrono::NaiveDate) -> Result<&'static RuleSet, Fault> {
    match row.rule_set_version {
        Some(version) => {
            find(row.instrument.0, version).ok_or_else(|| Fault::Corrupt(format!("no rules {version} of {}", row.instrument.0)))
        }
        None => Ok(in_force(row.instrument.0, today)?),
    }
}

/// The rate of the day between the currency of a project and that of its ceiling; none where they are one, or nobody recorded any.
pub(super) fn rate_to_ceiling(
    conn: &mut Conn,
    scope: &Scope,
    row: &ProjectRow,
    (rules, today): (&RuleSet, chrono::NaiveDate),
) -> Result<Option<ExchangeRateRow>, Fault> {
    match ceiling(rules) {
        Some((_, of)) if of.code() != row.currency => rate_on(conn, &sealed(scope), (&row.currency, of.code()), today),
        _ => Ok(None),
    }
}

/// What of the work releases money, or holds it back.
fn delivery(work: &Work, finance: &Finance) -> Delivery {
    let paid = finance.payments.iter().max();
    Delivery {
        outputs_verified: work.outputs_settled(),
        milestones_met: work.tranches.clone(),
        visited: work.last_visit.is_some_and(|visit| paid.is_none_or(|paid| visit >= *paid)),
        critical_findings: work.critical_findings(),
        safeguards: work.safeguards.clone(),
        outputs_open: work.outputs_open(),
        milestones_open: work.tranches_open.clone(),
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
    let implementer =
        row.implementer_kind.zip(row.supplier_id).map(|(kind, supplier)| admitted(conn, scope, kind.0, supplier.0)).transpose()?;
    let mut recipients = Vec::with_capacity(project.recipients.len());
    for one in &project.recipients {
        let leads = row.supplier_id == Some(one.supplier_id);
        let implementer = admitted(conn, scope, one.kind.0, one.supplier_id.0)?;
        recipients.push(Recipient { implementer, part: minor(one.part), leads });
    }
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
        recipients,
        starts_on: row.starts_on,
        ends_on: row.ends_on,
        gender_marker: row.gender_marker.and_then(|marker| u32::try_from(marker).ok()),
        risk_marker: row.risk_marker.and_then(|marker| u32::try_from(marker).ok()),
        needs: project.needs.len(),
        needs_elsewhere: elsewhere,
    })
}

/// Who carries a project out, or a part of it, as their file tells.
fn admitted(conn: &mut Conn, scope: &Scope, kind: ImplementerKind, supplier: SupplierId) -> Result<Implementer, Fault> {
    let file = db::organisation::supplier::find_supplier(conn, &sealed(scope), supplier)?;
    let registered = file.tax_number.is_some();
    Ok(Implementer { kind, registered, active: file.active, debarred_until: file.debarred_until })
}

/// A rule looks at the file of who carries a project out, whether the caller may or not; it tells only what is wrong.
fn sealed(scope: &Scope) -> Scope {
    Scope { organisation: scope.organisation, clearance: domain::sensitivity::Sensitivity::Sealed }
}

fn review(conn: &mut Conn, scope: &Scope, project: &Project, (rules, today): (&RuleSet, chrono::NaiveDate)) -> Result<Review, Fault> {
    let row = &project.row;
    let similar = similar_to(conn, scope, project, (rules, today))?;
    let stopping =
        |stops: fn(&Similar) -> bool| similar.iter().filter(|one| stops(one)).map(|one| one.overlap.other.reference.clone()).collect();
    let mut election = None;
    for sector in terms(project, ShareDimension::Sector) {
        let code = db::fund::find_term(conn, FundVocabulary::Sector, sector, "/proposal/shares")?.dac_code.unwrap_or_default();
        if code.starts_with(GOVERNMENT) {
            election = election_near(row.starts_on);
        }
    }
    let police = terms(project, ShareDimension::Sector).any(|sector| sector == POLICE);
    let changed = db::project::amendment::check_stale_since(conn, row)?;
    let check = db::project::review::last_check(conn, row)?.map(|(check, answers)| Check {
        result: check.result.0,
        grave: grave(&answers),
        valid_until: check.valid_until,
        analysed_on: check.analysed_on,
        neutrality: on_neutrality(&answers),
        // What was asked for may have changed with each submission, what was approved with an amendment.
        stale: check.submission != row.submission || changed.is_some_and(|changed| check.recorded_at.0 <= changed),
        uncovered: Vec::new(),
    });
    let (finance, work) = (db::project::finance::finance_of(conn, row)?, work(conn, scope, row, today)?);
    Ok(Review {
        overlaps: stopping(Similar::may_be_duplicate),
        splittings: stopping(Similar::may_be_split),
        purpose: purpose_facts(conn, scope, row)?,
        opinions: db::project::review::opinions_of(conn, row)?,
        check,
        election,
        studies_required: if police { POLICE_STUDIES.to_vec() } else { Vec::new() },
        studies: studies(conn, scope, row)?,
        allocated: allocated(conn, scope, row)?.unwrap_or_default(),
        approved_before: approved_before(conn, row, rules)?,
        eligibility: eligibility(today),
        exchange: Exchange { submitted: submitted_at(conn, row, rules)?, ..Exchange::default() },
        delivery: delivery(&work, &finance),
        finance,
        work,
        certificate: db::project::handover::certificate_of(conn, scope, row.id.0)?.map(|one| one.facts()),
        closure: db::project::handover::closure_of(conn, scope, row.id.0, narrative_due_on(rules, row.ends_on, today))?,
    })
}

/// The rate of the last submission, where it needed one.
pub(super) fn submitted_at(conn: &mut Conn, row: &ProjectRow, rules: &RuleSet) -> Result<Option<ExchangeRate>, Fault> {
    if ceiling(rules).is_none_or(|(_, of)| of.code() == row.currency) {
        return Ok(None);
    }
    let kept = conversion_of(conn, row, ProjectAction::Submit)?;
    kept.map(|kept| kept.rate(conn, row)).transpose()
}

/// Studies that somebody accepted.
fn studies(conn: &mut Conn, scope: &Scope, row: &ProjectRow) -> Result<Vec<Study>, Fault> {
    let all = db::project::evidence::studies_of(conn, scope, row.id.0)?;
    let accepted = all.into_iter().filter(|study| study.state.0 == StudyState::Accepted);
    let read = |study: db::project::evidence::StudyRow| {
        Some(Study { kind: study.kind.0, conclusion: study.conclusion.0, accepted_on: study.judged_on? })
    };
    Ok(accepted.filter_map(read).collect())
}

/// A number of the rules of the country.
pub(super) fn parameter(conn: &mut Conn, scope: &Scope, key: &str, today: chrono::NaiveDate) -> Result<u32, Fault> {
    let own = db::organisation::find_organisation(conn, &sealed(scope))?;
    let parameters = db::parameter::find_parameters(conn, COUNTRY, own.kind.as_str(), today)?;
    let number = parameters.number(key).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Fault::Corrupt(format!("no parameter {key} on {today}")))
}

/// What is known of its work; nothing before it was approved.
pub(super) fn work(conn: &mut Conn, scope: &Scope, row: &ProjectRow, today: chrono::NaiveDate) -> Result<Work, Fault> {
    if row.approved_on.is_none() {
        return Ok(Work::default());
    }
    let days = parameter(conn, scope, "project_visit_days", today)?;
    db::project::milestone::work_of(conn, scope, row.id.0, days)
}

/// The purpose that a project names, as rules look at it.
fn purpose_facts(conn: &mut Conn, scope: &Scope, row: &ProjectRow) -> Result<Option<PurposeFacts>, Fault> {
    let Some(purpose) = row.fund_purpose_id else { return Ok(None) };
    let (purpose, fund) = db::fund::purpose::find_purpose_and_fund(conn, &sealed(scope), purpose.0)?;
    let budget = minor(purpose.row.budget);
    Ok(Some(PurposeFacts { currency: fund.currency()?, budget, closed_on: purpose.row.closed_on }))
}

/// What a fund set aside and did not take back; nothing where it counts in another currency.
pub(super) fn allocated(conn: &mut Conn, scope: &Scope, row: &ProjectRow) -> Result<Option<Amount>, Fault> {
    let Some(purpose) = row.fund_purpose_id else { return Ok(None) };
    let all = sealed(scope);
    let (_, fund) = db::fund::purpose::find_purpose_and_fund(conn, &all, purpose.0)?;
    if fund.currency != row.currency {
        return Ok(None);
    }
    Ok(Some(minor(db::project::review::allocated_to(conn, &all, purpose.0)?)))
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
