//! Which projects are listed, added up or shown on a map: the same filter for all.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::fund::{FundMovementKind, FundVocabulary};
use domain::id::{DonorId, FundPurposeId, ProgrammeId, SupplierId, TerritorialUnitId};
use domain::programme::Instrument;
use domain::project::{ProjectState, StateClass};
use domain::sensitivity::Scope;
use domain::word::Word;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{contributions, fund_movements, territorial_parents};
use crate::visible;

/// How many levels lie below a unit at most, over all divisions of the territory.
pub(crate) const LEVELS: usize = 6;

/// A unit and everything that ever lay in it, as terms of shares.
pub(crate) fn descendants(conn: &mut Conn, unit: TerritorialUnitId) -> Result<Vec<String>, Fault> {
    let (mut all, mut last) = (vec![Col(unit)], vec![Col(unit)]);
    for _ in 0..LEVELS {
        let children: Vec<Col<TerritorialUnitId>> = territorial_parents::table
            .filter(territorial_parents::parent_id.eq_any(last))
            .select(territorial_parents::unit_id)
            .distinct()
            .load(conn)?;
        last = children.into_iter().filter(|child| !all.contains(child)).collect();
        if last.is_empty() {
            break;
        }
        all.extend(last.iter().copied());
    }
    Ok(all.into_iter().map(|unit| unit.0.to_string()).collect())
}

/// Which projects to list.
#[derive(Clone, Debug, Default)]
pub struct ProjectFilter {
    pub text: Option<String>,
    pub instrument: Option<Instrument>,
    pub state: Option<ProjectState>,
    pub class: Option<StateClass>,
    /// A unit with what lies in it.
    pub place: Option<TerritorialUnitId>,
    pub sector: Option<String>,
    /// How the purpose codes of the sectors begin.
    pub purpose_code: Option<String>,
    pub programme: Option<ProgrammeId>,
    /// A country that has a share.
    pub country: Option<String>,
    /// Who has a part of the budget.
    pub recipient: Option<SupplierId>,
    /// With two recipients or more, or not.
    pub joint: Option<bool>,
    /// Who gave what was allocated to them.
    pub donor: Option<DonorId>,
    /// That go on, as planned, on this day or later.
    pub from: Option<NaiveDate>,
    /// That begin, as planned, on this day or earlier.
    pub to: Option<NaiveDate>,
}

/// What a filter says of shares and states, looked up.
pub(crate) struct Terms {
    pub(crate) places: Option<Vec<String>>,
    pub(crate) sectors: Option<Vec<String>>,
    pub(crate) states: Option<Vec<Col<ProjectState>>>,
    pub(crate) purposes: Option<Vec<Option<Col<FundPurposeId>>>>,
}

impl Terms {
    pub(crate) fn load(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter) -> Result<Self, Fault> {
        let mut sectors = filter.sector.clone().map(|sector| vec![sector]);
        if let Some(code) = &filter.purpose_code {
            let begun = |term: &crate::fund::FundTermRow| term.dac_code.as_ref().is_some_and(|known| known.starts_with(code.as_str()));
            let all = crate::fund::list_terms(conn, Some(FundVocabulary::Sector))?;
            let coded: Vec<String> = all.into_iter().filter(begun).map(|term| term.code).collect();
            sectors = Some(match sectors {
                None => coded,
                Some(named) => named.into_iter().filter(|sector| coded.contains(sector)).collect(),
            });
        }
        let of_class = |class| ProjectState::ALL.iter().copied().filter(move |state| state.class() == Some(class)).map(Col).collect();
        let places = filter.place.map(|unit| descendants(conn, unit)).transpose()?;
        let purposes = filter.donor.map(|donor| paid_by(conn, scope, donor)).transpose()?;
        Ok(Self { places, sectors, states: filter.class.map(of_class), purposes })
    }
}

/// The purposes to which something was allocated from the contributions of a donor.
fn paid_by(conn: &mut Conn, scope: &Scope, donor: DonorId) -> Result<Vec<Option<Col<FundPurposeId>>>, Fault> {
    let given = visible!(contributions, scope).filter(contributions::donor_id.eq(Col(donor))).select(contributions::id);
    let movements = visible!(fund_movements, scope)
        .filter(fund_movements::contribution_id.eq_any(given))
        .filter(fund_movements::kind.eq(Col(FundMovementKind::Allocation)));
    Ok(movements.select(fund_movements::purpose_id).distinct().load(conn)?)
}

/// Narrows a boxed query of projects, whatever it is joined with, by a [`ProjectFilter`] and its [`Terms`].
macro_rules! narrowed {
    ($query:ident, $scope:expr, $filter:expr, $terms:expr) => {{
        use $crate::schema::{project_recipients, project_shares, projects};
        if let Some(text) = &$filter.text {
            $query = $query.filter(projects::folded_title.like($crate::page::containing(text)));
        }
        if let Some(instrument) = $filter.instrument {
            $query = $query.filter(projects::instrument.eq(Col(instrument)));
        }
        if let Some(state) = $filter.state {
            $query = $query.filter(projects::state.eq(Col(state)));
        }
        if let Some(states) = $terms.states {
            $query = $query.filter(projects::state.eq_any(states));
        }
        if let Some(programme) = $filter.programme {
            $query = $query.filter(projects::programme_id.eq(Col(programme)));
        }
        if let Some(from) = $filter.from {
            $query = $query.filter(projects::ends_on.ge(from));
        }
        if let Some(to) = $filter.to {
            $query = $query.filter(projects::starts_on.le(to));
        }
        if let Some(purposes) = $terms.purposes {
            $query = $query.filter(projects::fund_purpose_id.eq_any(purposes));
        }
        let countries = $filter.country.clone().map(|country| vec![country]);
        if let Some(recipient) = $filter.recipient {
            let recipients = diesel::alias!(project_recipients as recipients);
            let named = recipients
                .filter(recipients.field(project_recipients::organisation_id).eq(Col($scope.organisation)))
                .filter(recipients.field(project_recipients::supplier_id).eq(Col(recipient)))
                .select(recipients.field(project_recipients::project_id));
            $query = $query.filter(projects::id.eq_any(named));
        }
        if let Some(joint) = $filter.joint {
            let seconds = diesel::alias!(project_recipients as seconds);
            // Recipients are numbered from one: with a second, the project is joint.
            let several = seconds
                .filter(seconds.field(project_recipients::organisation_id).eq(Col($scope.organisation)))
                .filter(seconds.field(project_recipients::number).eq(2))
                .select(seconds.field(project_recipients::project_id));
            $query = if joint { $query.filter(projects::id.eq_any(several)) } else { $query.filter(projects::id.ne_all(several)) };
        }
        for (dimension, terms) in
            [(ShareDimension::Place, $terms.places), (ShareDimension::Sector, $terms.sectors), (ShareDimension::Country, countries)]
        {
            let Some(terms) = terms else { continue };
            let shares = diesel::alias!(project_shares as shares);
            let shared = shares
                .filter(shares.field(project_shares::organisation_id).eq(Col($scope.organisation)))
                .filter(shares.field(project_shares::dimension).eq(Col(dimension)))
                .filter(shares.field(project_shares::term).eq_any(terms))
                .select(shares.field(project_shares::project_id));
            $query = $query.filter(projects::id.eq_any(shared));
        }
    }};
}
pub(crate) use narrowed;
