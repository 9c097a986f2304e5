//! What can be done to a revenue order now, and how it was shared.

use actix_web::{get, web};
use db::budget::fiscal_year::find_fiscal_year;
use domain::id::{OrganisationId, RevenueOrderId};
use domain::identity::Role;
use domain::organisation::OrganisationKind;
use domain::revenue::{RevenueOrderState, require_authorised};
use domain::text::Text;
use serde::Serialize;
use utoipa::ToSchema;

use super::order::apart;
use super::revenue_article;
use crate::access::roles_of;
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::organisation::currency_in;
use crate::wire::shown;

/// An action that can start from the order's state.
#[derive(Serialize, ToSchema)]
pub struct RevenueOrderTransition {
    /// The operation that does it.
    #[schema(max_length = 60, example = "accept_revenue_order")]
    operation: &'static str,
    /// The state that it leads to, at last.
    to: RevenueOrderState,
    /// Who may do it.
    #[schema(max_items = 20)]
    roles: Vec<Role>,
    /// Whether the caller holds one of these roles.
    permitted: bool,
    /// Codes of what stands against it now, for this caller.
    #[schema(max_items = 20, value_type = Vec<Text<60>>)]
    unmet: Vec<String>,
}

/// The states in which a debt is open.
const OPEN: &[RevenueOrderState] = &[RevenueOrderState::Accepted, RevenueOrderState::PartlyCollected];

/// The moves of a revenue order: the operation, where it starts, where it leads.
const MOVES: &[(&str, &[RevenueOrderState], RevenueOrderState)] = &[
    ("issue_revenue_order", &[RevenueOrderState::Draft], RevenueOrderState::Issued),
    ("accept_revenue_order", &[RevenueOrderState::Issued], RevenueOrderState::Accepted),
    ("reject_revenue_order", &[RevenueOrderState::Issued], RevenueOrderState::Rejected),
    ("record_receipt", OPEN, RevenueOrderState::Collected),
    ("propose_reduction", OPEN, RevenueOrderState::Cancelled),
    ("propose_cancellation", OPEN, RevenueOrderState::Cancelled),
    ("propose_write_off", OPEN, RevenueOrderState::WrittenOff),
    ("propose_waiver", OPEN, RevenueOrderState::Waived),
];

/// The moves at the accountant's desk, from which the people behind the order keep away.
const DESK: [&str; 4] = ["accept_revenue_order", "reject_revenue_order", "record_receipt", "propose_write_off"];

/// What can be done to the order now, by whom, and what stands against it for the caller.
#[utoipa::path(tag = "revenue", responses((status = 200, body = Vec<RevenueOrderTransition>)))]
#[get("/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/transitions")]
pub async fn list_revenue_order_transitions(call: Call, path: web::Path<(OrganisationId, RevenueOrderId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let principal = call.principal()?;
    let (state, together, unauthorised) = call
        .store()
        .rehearse(scope.organisation, call.author(), move |tx| {
            let row = db::revenue::order::find_revenue_order(tx.conn, &scope, id)?.row;
            let together = apart(&row, principal).err().map(|refusal| refusal.code.name.to_owned());
            let article = row.article.clone().unwrap_or_default();
            let year = find_fiscal_year(tx.conn, &scope, row.fiscal_year)?;
            let levy = revenue_article(tx.conn, year.nomenclature_id.0, &article)?.and_then(|article| article.levy);
            let authorised = db::revenue::is_authorised(tx, row.fiscal_year, &article)?;
            let unauthorised = require_authorised(levy, authorised, &article, row.fiscal_year).err();
            Ok((row.state.0, together, unauthorised.map(|refusal| refusal.code.name.to_owned())))
        })
        .await?;
    let transitions: Vec<RevenueOrderTransition> = MOVES
        .iter()
        .filter(|(_, from, _)| from.contains(&state))
        .map(|(operation, _, to)| {
            let roles = roles_of(operation).to_vec();
            let against = match *operation {
                "issue_revenue_order" => unauthorised.clone(),
                desk if DESK.contains(&desk) => together.clone(),
                _ => None,
            };
            let permitted = roles.iter().any(|role| call.roles.contains(role));
            RevenueOrderTransition { operation, to: *to, permitted, unmet: against.into_iter().collect(), roles }
        })
        .collect();
    ok(&transitions)
}

/// The share of a level in an accepted order on a shared tax.
#[derive(Serialize, ToSchema)]
pub struct RevenueShareView {
    /// The level of local government that gets it.
    level: OrganisationKind,
    /// Whether it is the organisation's own revenue; the others are owed to the other levels.
    own: bool,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// By the acceptance.
    #[schema(max_length = 21)]
    amount: String,
    /// By reductions of the year.
    #[schema(max_length = 21)]
    reduced: String,
}

/// How an accepted order on a shared tax was divided, to the franc; empty when nothing is shared.
#[utoipa::path(tag = "revenue", responses((status = 200, body = Vec<RevenueShareView>)))]
#[get("/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/shares")]
pub async fn list_revenue_order_shares(call: Call, path: web::Path<(OrganisationId, RevenueOrderId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, rows) = call
        .store()
        .read(move |conn| {
            db::revenue::order::find_revenue_order(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, db::revenue::share::list_shares(conn, &scope, id)?))
        })
        .await?;
    let shares: Vec<RevenueShareView> = rows
        .into_iter()
        .map(|row| RevenueShareView {
            level: row.level.0,
            own: row.own,
            currency: currency.code().to_owned(),
            amount: shown(row.amount, currency),
            reduced: shown(row.reduced, currency),
        })
        .collect();
    ok(&shares)
}
