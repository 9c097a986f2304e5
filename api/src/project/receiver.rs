//! The local government through whose treasury the money of a project comes: nothing is paid before its budget holds it.

use chrono::{Datelike as _, NaiveDate};
use db::connection::Conn;
use db::fault::Fault;
use db::project::Project;
use domain::budget::Direction;
use domain::calendar::FiscalYear;
use domain::id::OrganisationId;
use domain::project::agreement::{ProjectChannel, WantedLine, require_article, require_budget_lines, require_receiver};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Call;

/// The local government through whose treasury money comes, and what of its budget has to hold it.
#[derive(Serialize, ToSchema)]
pub struct ProjectReceiverView {
    pub organisation_id: OrganisationId,
    #[schema(max_length = 10)]
    pub revenue_article: String,
    #[schema(max_length = 10)]
    pub expenditure_article: String,
}

/// The local government through whose treasury money comes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectReceiver {
    pub organisation_id: OrganisationId,
    /// Of its budget: where the money comes in. An article of the nomenclature in force that is executed.
    pub revenue_article: Text<10>,
    /// Of its budget: where the money is spent.
    pub expenditure_article: Text<10>,
}

/// Refuses a receiver, its articles or an account that do not go with the channel.
pub(super) fn admit_receiver(
    call: &Call,
    conn: &mut Conn,
    channel: ProjectChannel,
    receiver: Option<&ProjectReceiver>,
    account_told: bool,
) -> Result<(), Fault> {
    let governs = receiver.map(|receiver| {
        let scope = Scope { organisation: receiver.organisation_id, clearance: Sensitivity::Public };
        Ok::<bool, Fault>(db::organisation::find_organisation(conn, &scope)?.kind.0.is_local_government())
    });
    require_receiver(channel, governs.transpose()?, account_told)?;
    let Some(receiver) = receiver else { return Ok(()) };
    let year = FiscalYear::new(call.today.year())?;
    let Some(in_force) = db::budget::nomenclature::find_in_force(conn, year)? else { return Ok(()) };
    let nomenclature = db::budget::nomenclature::find_nomenclature(conn, in_force.id.0)?;
    require_article(&nomenclature, Direction::Revenue, receiver.revenue_article.as_str())
        .map_err(|refusal| refusal.at("/receiver/revenue_article"))?;
    require_article(&nomenclature, Direction::Expenditure, receiver.expenditure_article.as_str())
        .map_err(|refusal| refusal.at("/receiver/expenditure_article"))?;
    Ok(())
}

/// Refuses money through a treasury as long as the budgets of that year, as everyone reads them, do not hold it.
pub(super) fn require_held(conn: &mut Conn, project: &Project, on: NaiveDate) -> Result<(), Fault> {
    let agreement = db::project::agreement::find_agreement(conn, &project.row)?;
    let Some((receiver, revenue, expenditure)) = agreement.and_then(|agreement| agreement.row.receiver()) else { return Ok(()) };
    let scope = Scope { organisation: receiver, clearance: Sensitivity::Public };
    let mut wanted = Vec::with_capacity(2);
    for (direction, article) in [(Direction::Revenue, &revenue), (Direction::Expenditure, &expenditure)] {
        // The budget is the receiver's.
        let provided = db::wall::beyond(conn, |conn| db::budget::provides(conn, &scope, on.year(), direction, article))?;
        wanted.push(WantedLine { direction, article, provided });
    }
    Ok(require_budget_lines(on.year(), &wanted)?)
}
