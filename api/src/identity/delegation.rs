//! Delegations of signature: what an authorising officer lets a delegate commit and order.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::identity::delegation::DelegationRow;
use db::store::Tx;
use domain::audit::Event;
use domain::id::{DelegationId, OrganisationId, PrincipalId};
use domain::identity::Role;
use domain::identity::delegation::{DELEGATION_ENDED, Delegation, delegate};
use domain::money::{Amount, Currency};
use domain::sensitivity::{Scope, Sensitivity};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::organisation::{currency_in, currency_of};
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// Lets the caller commit or order an amount: as authorising officer always, as delegate within a delegation that is in
/// force today, covers the amount, and was given by someone who is still authorising officer.
pub fn authorise(call: &Call, tx: &mut Tx<'_>, amount: Amount) -> Result<(), Fault> {
    if call.role() != Some(Role::AuthorisingDelegate) {
        return Ok(());
    }
    let caller = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let scope = Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed };
    let mut given = Vec::new();
    for row in db::identity::delegation::delegations_to(tx.conn, &scope, caller)? {
        let held = db::identity::assignments_of(tx.conn, row.delegated_by.0)?;
        if held.iter().any(|held| held.role == Role::AuthorisingOfficer && held.holds(tx.organisation, call.today)) {
            given.push(row.delegation()?);
        }
    }
    let currency = currency_of(&db::organisation::find_own(tx)?)?;
    Ok(domain::identity::delegation::authorise(&given, amount, currency, call.today)?)
}

/// A delegation of signature (délégation de signature).
#[derive(Serialize, ToSchema)]
pub struct DelegationView {
    id: DelegationId,
    organisation_id: OrganisationId,
    /// The delegate.
    principal_id: PrincipalId,
    /// The authorising officer who delegates; the delegation falls with that function.
    delegated_by: PrincipalId,
    valid_from: NaiveDate,
    /// Last day; null when open-ended.
    valid_to: Option<NaiveDate>,
    /// The most that one act may amount to; null without a ceiling.
    #[schema(max_length = 21, example = "500000")]
    ceiling: Option<String>,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// SHA-256 of the signed document.
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: String,
    /// The day on which it was ended; null while it was not.
    ended_on: Option<NaiveDate>,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: DelegationRow, currency: Currency) -> DelegationView {
    DelegationView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        principal_id: row.principal_id.0,
        delegated_by: row.delegated_by.0,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        ceiling: row.ceiling.map(|minor| shown(minor, currency)),
        currency: currency.code().to_owned(),
        document_sha256: row.document_sha256,
        ended_on: row.ended_on,
        recorded_at: row.recorded_at.0,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DelegationQuery {
    /// Only delegations to this delegate.
    principal_id: Option<PrincipalId>,
    /// Only delegations in force on this day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    on: Option<NaiveDate>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The delegations of signature of the organisation, past ones too.
#[utoipa::path(tag = "identity", params(DelegationQuery), responses((status = 200, body = Page<DelegationView>)))]
#[get("/v1/organisations/{organisation_id}/delegations")]
pub async fn list_delegations(call: Call, _path: web::Path<OrganisationId>, query: Query<DelegationQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<DelegationId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let (currency, rows) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            Ok((currency, db::identity::delegation::list_delegations(conn, &scope, (query.principal_id, query.on), &asked)?))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)))
}

/// One delegation of signature.
#[utoipa::path(tag = "identity", responses((status = 200, body = DelegationView)))]
#[get("/v1/organisations/{organisation_id}/delegations/{delegation_id}")]
pub async fn read_delegation(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, DelegationId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::identity::delegation::find_delegation(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    versioned(&request, row.version, &view(row, currency))
}

/// A delegation to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDelegation {
    /// Who may sign: holds the role `authorising_delegate` on the first day.
    principal_id: PrincipalId,
    #[serde(deserialize_with = "crate::wire::day")]
    valid_from: NaiveDate,
    /// Last day; open-ended when absent.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    valid_to: Option<NaiveDate>,
    /// The most that one act may amount to; no ceiling when absent.
    ceiling: Option<AmountText>,
    /// The currency of the organisation's accounts.
    currency: CurrencyText,
    /// SHA-256 of the signed document.
    document_sha256: Sha256Hex,
}

impl Json for NewDelegation {}

/// Records a delegation of signature by the calling authorising officer. Within it the delegate commits, drafts, signs and
/// transmits, each act up to the ceiling (a transmission by its total). It falls with the function of who gave it.
#[utoipa::path(tag = "identity", request_body = NewDelegation, responses((status = 201, body = DelegationView)))]
#[post("/v1/organisations/{organisation_id}/delegations")]
pub async fn record_delegation(asked: Asked<NewDelegation>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = DelegationId::new();
    asked
        .write(move |call, body, tx| {
            let officer = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let currency = currency_of(&db::organisation::find_own(tx)?)?;
            currency.require(&body.currency.0)?;
            let ceiling = body.ceiling.as_ref().map(|text| Amount::parse_positive(&text.0, currency)).transpose();
            let ceiling = ceiling.map_err(|refusal| refusal.at("/ceiling"))?;
            let new = Delegation { valid_from: body.valid_from, valid_to: body.valid_to, ceiling, ended_on: None };
            delegate(&new, &db::identity::assignments_of(tx.conn, body.principal_id)?, organisation)?;
            db::identity::delegation::insert_delegation(tx, id, body.principal_id, officer, &new, &body.document_sha256.0)?;
            let row = db::identity::delegation::find_delegation(tx.conn, &call.scope_in(organisation), id)?;
            let mut event = Event::of("delegation.recorded", "delegation", id.0, 1)
                .with("principal_id", body.principal_id.to_string())
                .with("valid_from", body.valid_from)
                .with("document_sha256", &row.document_sha256);
            if let Some(to) = body.valid_to {
                event = event.with("valid_to", to);
            }
            if let Some(ceiling) = ceiling {
                event = event.with("ceiling", ceiling.display(currency)).with("currency", currency.code());
            }
            let location = format!("/v1/organisations/{organisation}/delegations/{id}");
            Ok((created(location, 1, &view(row, currency))?, event.into()))
        })
        .await
}

/// Ends a delegation at once (retrait). The version in If-Match is the delegation's.
#[utoipa::path(tag = "identity", responses((status = 200, body = DelegationView)))]
#[post("/v1/organisations/{organisation_id}/delegations/{delegation_id}/end")]
pub async fn end_delegation(asked: Asked<Nothing>, path: web::Path<(OrganisationId, DelegationId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let scope = call.scope_in(organisation);
            let row = db::identity::delegation::find_delegation(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            if let Some(ended_on) = row.ended_on {
                return Err(DELEGATION_ENDED.refuse().with("ended_on", ended_on).into());
            }
            db::identity::delegation::end_delegation(tx, &row)?;
            let row = db::identity::delegation::find_delegation(tx.conn, &scope, id)?;
            let event = Event::of("delegation.ended", "delegation", id.0, row.version).moved("standing", "ended");
            let currency = currency_of(&db::organisation::find_own(tx)?)?;
            Ok((done(row.version, &view(row, currency))?, event.into()))
        })
        .await
}
