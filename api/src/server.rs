//! The server: routes, middleware in their order, and the listening socket.

use std::net::{SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix_cors::Cors;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderName, HeaderValue, VARY};
use actix_web::middleware::{Compress, DefaultHeaders, Next, from_fn};
use actix_web::{App, HttpMessage as _, HttpRequest, HttpResponse, HttpServer, ResponseError, web};
use futures_util::FutureExt as _;
use utoipa_swagger_ui::SwaggerUi;
use uuid::Uuid;

use crate::answer::Published;
use crate::auth::{Desk, Shown, admit};
use crate::contract::outline::OUTLINE;
use crate::idle::{self, Idle};
use crate::limit::{CONNECTIONS_MAX, HEAD_DEADLINE, KEEP_ALIVE, STOP_SECONDS, WRITTEN_AT_ONCE};
use crate::metrics::{Metrics, measure, read_metrics, tell};
use crate::problem::{Language, NOT_FOUND, Problem, SERVICE_BROKEN, of_status};
use crate::rate::{self, Spent};
use crate::route::{Register, Rooms};
use crate::{
    audit, budget, cash_office, endowment, expenditure, fund, identity, ledger, meta, organisation, parameter, participation, programme,
    project, revenue, territory,
};

/// Every route, in the order of the rooms. Registering a route here also puts it into the contract.
pub fn routes(register: Register<'_, '_>) {
    let mut routes = Rooms::new(register);
    // meta
    routes.service(meta::read_meta).service(meta::read_liveness).service(meta::read_readiness);
    routes.service(meta::list_problems).service(meta::read_problem).service(meta::list_resources).service(meta::read_fields);
    // audit
    routes.service(audit::list_events).service(audit::access_record::list_access_records);
    // territory
    routes.service(territory::list_territorial_units).service(territory::read_territorial_unit);
    routes.service(territory::list_territorial_boundaries);
    // organisation
    routes.service(organisation::list_organisations).service(organisation::read_organisation);
    routes.service(organisation::create_organisation).service(organisation::alias_organisation);
    routes.service(organisation::supplier::list_suppliers).service(organisation::supplier::read_supplier);
    routes.service(organisation::supplier::register_supplier).service(organisation::supplier::change_supplier);
    // identity
    routes.service(identity::activation::activate_principal).service(identity::session::sign_in);
    routes.service(identity::session::renew_session).service(identity::credentials::issue_token);
    routes.service(identity::read_keys).service(identity::read_self).service(identity::session::sign_out);
    routes.service(identity::session::list_sessions).service(identity::session::end_session);
    routes.service(identity::password::change_password).service(identity::reauthentication::reauthenticate);
    routes.service(identity::authenticator::enrol_authenticator).service(identity::authenticator::confirm_authenticator);
    routes.service(identity::authenticator::remove_authenticator);
    routes.service(identity::principal::list_principals).service(identity::principal::read_principal);
    routes.service(identity::principal::create_principal).service(identity::activation::issue_activation_code);
    routes.service(identity::principal::disable_principal).service(identity::principal::enable_principal);
    routes.service(identity::password::reset_password).service(identity::invitation::invite_person);
    routes.service(identity::client_key::list_client_keys).service(identity::client_key::read_client_key);
    routes.service(identity::client_key::register_client_key).service(identity::client_key::end_client_key);
    routes.service(identity::external::list_external_identities).service(identity::external::read_external_identity);
    routes.service(identity::external::link_external_identity).service(identity::external::end_external_identity);
    routes.service(identity::role_assignment::list_role_assignments).service(identity::role_assignment::assign_role);
    routes.service(identity::role_assignment::end_role_assignment);
    routes.service(identity::delegation::list_delegations).service(identity::delegation::read_delegation);
    routes.service(identity::delegation::record_delegation).service(identity::delegation::end_delegation);
    routes.service(identity::proposal::list_proposals).service(identity::proposal::read_proposal);
    routes.service(identity::proposal::withdraw_proposal);
    routes.service(identity::kinship::list_kinships).service(identity::kinship::read_kinship);
    routes.service(identity::kinship::declare_kinship).service(identity::kinship::end_kinship);
    // parameter
    routes.service(parameter::list_parameters);
    // participation
    routes.service(participation::list_consultations).service(participation::record_consultation);
    routes.service(participation::list_public_debates).service(participation::record_public_debate);
    // budget
    routes.service(budget::nomenclature::list_nomenclatures).service(budget::nomenclature::read_nomenclature);
    routes.service(budget::fiscal_year::list_fiscal_years).service(budget::fiscal_year::read_fiscal_year);
    routes.service(budget::fiscal_year::prepare_fiscal_year);
    routes.service(budget::list_budgets).service(budget::read_budget).service(budget::create_budget);
    routes.service(budget::line::list_budget_lines).service(budget::line::replace_budget_lines);
    routes.service(budget::lifecycle::list_budget_transitions).service(budget::lifecycle::open_budget_consultation);
    routes.service(budget::lifecycle::table_budget).service(budget::lifecycle::vote_budget);
    routes.service(budget::lifecycle::rework_budget).service(budget::lifecycle::transmit_budget);
    routes.service(budget::lifecycle::approve_budget).service(budget::lifecycle::return_budget);
    routes.service(budget::lifecycle::settle_budget).service(budget::execution::read_budget_execution);
    // ledger
    routes.service(ledger::list_charts).service(ledger::read_chart);
    routes.service(ledger::opening::record_opening_balances).service(ledger::trial_balance::read_trial_balance);
    routes.service(ledger::cash_position::read_cash_position).service(ledger::manual::record_entry);
    routes.service(ledger::import::import_entries).service(ledger::import::list_entry_imports);
    routes.service(ledger::import::read_entry_import).service(ledger::manual::reverse_entry);
    routes.service(ledger::list_entries).service(ledger::read_entry).service(ledger::list_account_postings);
    routes.service(ledger::carried_debt::list_carried_debts).service(ledger::carried_debt::read_carried_debt);
    // expenditure
    routes.service(expenditure::list_commitments).service(expenditure::read_commitment).service(expenditure::commit_expenditure);
    routes.service(expenditure::verification::list_verifications).service(expenditure::verification::read_verification);
    routes.service(expenditure::verification::verify_commitment).service(expenditure::verification::certify_verification);
    routes.service(expenditure::order::list_payment_orders).service(expenditure::order::read_payment_order);
    routes.service(expenditure::change::increase_commitment).service(expenditure::change::release_commitment);
    routes.service(expenditure::change::cancel_commitment).service(expenditure::verification::cancel_verification);
    routes.service(expenditure::document::list_expenditure_kinds).service(expenditure::document::list_supporting_documents);
    routes.service(expenditure::desk::list_payment_order_transitions).service(expenditure::order::draft_payment_order);
    routes.service(expenditure::order::sign_payment_order).service(expenditure::batch::transmit_payment_orders);
    routes.service(expenditure::batch::read_payment_order_batch).service(expenditure::desk::accept_payment_order);
    routes.service(expenditure::desk::reject_payment_order).service(expenditure::order::requisition_payment_order);
    routes.service(expenditure::desk::hold_payment_order).service(expenditure::desk::resume_payment_order);
    routes.service(expenditure::correction::correct_payment_order).service(expenditure::correction::accept_payment_order_correction);
    routes.service(expenditure::correction::reject_payment_order_correction).service(expenditure::paper::read_payment_order_document);
    routes.service(expenditure::correction::list_payment_order_corrections);
    routes.service(expenditure::correction::read_payment_order_correction);
    routes.service(expenditure::payment::pay_payment_order);
    routes.service(expenditure::payment::pay_carried_debt).service(expenditure::payment::release_retention);
    routes.service(expenditure::payment::remit).service(expenditure::payment_return::return_payment);
    routes.service(expenditure::payment::list_payments).service(expenditure::payment::read_payment);
    routes.service(expenditure::regularisation::list_regularisations).service(expenditure::regularisation::read_regularisation);
    // cash_office
    routes.service(cash_office::list_cash_offices).service(cash_office::read_cash_office).service(cash_office::found_cash_office);
    routes.service(cash_office::lifecycle::activate_cash_office).service(cash_office::lifecycle::suspend_cash_office);
    routes.service(cash_office::lifecycle::close_cash_office).service(cash_office::lifecycle::appoint_cash_officer);
    routes.service(cash_office::lifecycle::list_cash_office_transitions);
    routes.service(cash_office::movement::advance_imprest).service(cash_office::movement::return_imprest);
    routes.service(cash_office::movement::deposit_collections).service(cash_office::movement::list_cash_movements);
    routes.service(cash_office::movement::read_cash_movement);
    routes.service(cash_office::inspection::inspect_cash_office);
    routes.service(cash_office::inspection::list_cash_inspections).service(cash_office::inspection::read_cash_inspection);
    routes.service(cash_office::expense::list_imprest_expenses).service(cash_office::expense::read_imprest_expense);
    routes.service(cash_office::expense::record_imprest_expense).service(cash_office::expense::withdraw_imprest_expense);
    routes.service(cash_office::slip::list_justification_slips).service(cash_office::slip::read_justification_slip);
    routes.service(cash_office::slip::submit_justification_slip).service(cash_office::slip::sign_justification_slip);
    routes.service(cash_office::slip::accept_justification_slip).service(cash_office::slip::reject_justification_slip);
    routes.service(cash_office::ticket_kind::list_ticket_kinds).service(cash_office::ticket_kind::read_ticket_kind);
    routes.service(cash_office::ticket_kind::register_ticket_kind);
    routes.service(cash_office::ticket::list_ticket_ranges).service(cash_office::ticket::read_ticket_range);
    routes.service(cash_office::ticket::receive_tickets).service(cash_office::ticket::issue_tickets);
    routes.service(cash_office::ticket::return_tickets).service(cash_office::ticket::record_ticket_loss);
    routes.service(cash_office::stock::list_ticket_movements).service(cash_office::stock::read_ticket_movement);
    routes.service(cash_office::stock::read_ticket_stock);
    // revenue
    routes.service(revenue::list_tax_shares).service(revenue::list_levy_authorisations).service(revenue::read_levy_authorisation);
    routes.service(revenue::record_levy_authorisation);
    routes.service(revenue::debtor::list_debtors).service(revenue::debtor::read_debtor);
    routes.service(revenue::debtor::register_debtor).service(revenue::debtor::change_debtor);
    routes.service(revenue::order::list_revenue_orders).service(revenue::order::read_revenue_order);
    routes.service(revenue::transition::list_revenue_order_transitions).service(revenue::transition::list_revenue_order_shares);
    routes.service(revenue::order::draft_revenue_order).service(revenue::order::issue_revenue_order);
    routes.service(revenue::acceptance::accept_revenue_order).service(revenue::acceptance::reject_revenue_order);
    routes.service(revenue::carried::record_carried_receivables).service(revenue::recovery::issue_recovery);
    routes.service(revenue::debt_reduction::reduce_carried_debt);
    routes
        .service(revenue::office::collect_into_cash_office)
        .service(revenue::office::sell_tickets)
        .service(revenue::arrears::read_arrears);
    routes.service(revenue::receipt::list_receipts).service(revenue::receipt::read_receipt);
    routes.service(revenue::paper::read_receipt_document);
    routes.service(revenue::receipt::record_receipt).service(revenue::receipt::cancel_receipt);
    routes.service(revenue::refund::list_refunds).service(revenue::refund::read_refund).service(revenue::refund::refund_overpayment);
    routes.service(revenue::adjustment::list_revenue_adjustments).service(revenue::adjustment::read_revenue_adjustment);
    routes.service(revenue::adjustment::propose_reduction).service(revenue::adjustment::propose_cancellation);
    routes.service(revenue::adjustment::propose_write_off).service(revenue::adjustment::propose_waiver);
    routes.service(revenue::decision::accept_revenue_adjustment).service(revenue::decision::reject_revenue_adjustment);
    routes.service(revenue::decision::decide_revenue_adjustment);
    routes.service(revenue::transfer::list_transfer_notifications).service(revenue::transfer::read_transfer_notification);
    routes.service(revenue::transfer::record_transfer_notification).service(revenue::transfer::read_transfers);
    // endowment
    routes.service(endowment::list_endowment_types).service(endowment::list_endowment_campaigns);
    routes.service(endowment::read_endowment_campaign).service(endowment::create_endowment_campaign);
    routes.service(endowment::candidate::load_endowment_candidates).service(endowment::candidate::freeze_endowment_campaign);
    routes.service(endowment::candidate::reopen_endowment_campaign).service(endowment::allocation::simulate_endowment);
    routes.service(endowment::allocation::calculate_endowment).service(endowment::allocation::read_endowment_allocation);
    routes.service(endowment::lifecycle::validate_endowment).service(endowment::lifecycle::notify_endowment);
    routes.service(endowment::lifecycle::publish_endowment).service(endowment::lifecycle::close_endowment);
    routes.service(endowment::drawing_right::list_drawing_rights).service(endowment::drawing_right::read_drawing_right);
    routes.service(endowment::drawing_right::list_drawing_right_totals);
    routes.service(endowment::drawing_agreement::conclude_drawing_agreement);
    routes.service(endowment::drawing_agreement::disburse_drawing_tranche);
    routes.service(endowment::drawing_agreement::justify_drawing_tranche);
    routes.service(endowment::drawing_right::expire_drawing_right).service(endowment::drawing_right::cancel_drawing_right);
    // fund
    routes.service(fund::list_fund_terms).service(fund::list_funds).service(fund::read_fund).service(fund::found_fund);
    routes.service(fund::close_fund_period).service(fund::statement::read_fund_statement);
    routes.service(fund::donor::list_donors).service(fund::donor::read_donor).service(fund::donor::register_donor);
    routes.service(fund::exchange::list_exchange_rates).service(fund::exchange::read_exchange_rate);
    routes.service(fund::exchange::record_exchange_rate);
    routes.service(fund::contribution::list_contributions).service(fund::contribution::read_contribution);
    routes.service(fund::pledge::pledge_contribution).service(fund::receipt::record_contribution_movement);
    routes.service(fund::purpose::list_fund_purposes).service(fund::purpose::read_fund_purpose);
    routes.service(fund::purpose::define_fund_purpose).service(fund::allocation::read_allocation_plan);
    routes.service(fund::allocation::list_fund_allocations).service(fund::allocation::read_fund_allocation);
    routes.service(fund::allocation::allocate_to_purpose).service(fund::allocation::release_fund_allocation);
    routes.service(fund::spending::record_fund_use).service(fund::spending::close_fund_purpose);
    routes.service(fund::movement::list_fund_movements).service(fund::revision::revise_fund).service(fund::revision::revise_donor);
    routes.service(fund::revision::revise_contribution).service(fund::report::list_fund_reports);
    routes.service(fund::report::read_fund_report).service(fund::report::record_fund_report);
    routes.service(programme::list_rule_sets).service(programme::list_programmes).service(programme::read_programme);
    routes.service(programme::create_programme).service(programme::list_community_meetings);
    routes.service(programme::record_community_meeting);
    project_routes(&mut routes);
}

fn project_routes(routes: &mut Rooms<'_, '_>) {
    routes.service(project::list_projects).service(project::read_project).service(project::draft_project);
    routes.service(project::revise_project).service(project::act::list_project_transitions).service(project::act::read_project_history);
    routes.service(project::total::read_project_totals).service(project::site::read_project_map);
    routes.service(project::site::read_project_sites).service(project::site::record_project_site);
    routes.service(project::act::submit_project).service(project::act::start_project_review).service(project::act::return_project);
    routes.service(project::act::recommend_project).service(project::act::withdraw_project);
    routes.service(project::review::declare_project_interest).service(project::review::read_project_overlaps);
    routes.service(project::review::review_project_overlap);
    routes.service(project::review::read_project_appraisals).service(project::review::appraise_project);
    routes.service(project::review::list_conflict_questions).service(project::review::record_conflict_check);
    routes.service(project::evidence::read_project_studies).service(project::evidence::record_project_study);
    routes.service(project::evidence::judge_project_study).service(project::milestone::read_project_milestones);
    routes.service(project::milestone::plan_project_milestone).service(project::milestone::record_milestone_evidence);
    routes.service(project::milestone::verify_project_milestone).service(project::visit::read_monitoring_visits);
    routes.service(project::visit::record_monitoring_visit).service(project::visit::close_visit_finding);
    routes.service(project::act::complete_project).service(project::suspension::read_project_suspensions);
    routes.service(project::suspension::suspend_project).service(project::review::read_conflict_check);
    routes.service(project::amendment::read_project_amendments).service(project::amendment::propose_project_amendment);
    routes.service(project::amendment::review_project_amendment).service(project::amendment::decide_project_amendment);
    routes.service(project::amendment::apply_project_amendment).service(project::handover::read_project_ceremonies);
    routes.service(project::handover::record_project_ceremony).service(project::handover::read_handover_certificates);
    routes.service(project::handover::draw_up_handover_certificate).service(project::handover::sign_handover_certificate);
    routes.service(project::publication::list_published_projects).service(project::publication::read_published_project);
    routes.service(project::publication::flag_project).service(project::publication::publish_project);
    routes.service(project::publication::withdraw_project_publication).service(project::field::read_project_fields);
    routes.service(project::handover::hand_over_project).service(project::handover::list_municipal_assets);
    routes.service(project::closure::read_project_closure).service(project::closure::record_project_lesson);
    routes.service(project::closure::submit_final_narrative).service(project::closure::accept_final_narrative);
    routes.service(project::act::close_project_work).service(project::indicator::read_project_indicators);
    routes.service(project::indicator::define_project_indicator).service(project::indicator::record_indicator_value);
    routes.service(project::indicator::submit_indicator_values).service(project::indicator::judge_indicator_value);
    routes.service(project::indicator::lock_indicator_period);
    routes.service(project::committee::list_committees).service(project::committee::read_committee);
    routes.service(project::committee::found_committee).service(project::committee::move_on_project);
    routes.service(project::agreement::read_project_agreement).service(project::agreement::conclude_project_agreement);
    routes.service(project::agreement::verify_partner_account).service(project::agreement::sign_project_agreement);
    routes.service(project::act::start_project).service(project::disbursement::list_project_disbursements);
    routes.service(project::disbursement::read_project_disbursement).service(project::disbursement::request_project_disbursement);
    routes.service(project::disbursement::certify_project_disbursement).service(project::disbursement::approve_project_disbursement);
    routes.service(project::disbursement::pay_project_disbursement).service(project::disbursement::reject_project_disbursement);
    routes.service(project::disbursement::reverse_project_disbursement).service(project::report::list_expenditure_reports);
    routes.service(project::report::read_expenditure_report).service(project::report::submit_expenditure_report);
    routes.service(project::report::certify_expenditure_report).service(project::report::accept_expenditure_report);
    routes.service(project::report::reject_expenditure_report).service(project::settlement::read_finance_summary);
    routes.service(project::settlement::record_project_refund).service(project::settlement::close_project_accounts);
    routes.service(project::settlement::terminate_project).service(project::lapse::lapse_motion);
    routes.service(project::committee::list_motions).service(project::committee::read_motion).service(project::committee::cast_vote);
}

/// How the server listens.
#[derive(Clone, Debug)]
pub struct Listening {
    pub address: SocketAddr,
    pub metrics: Option<SocketAddr>,
    /// Exact origins that browsers may call from.
    pub cors_origins: Vec<String>,
    pub workers: usize,
}

impl Listening {
    pub fn on(address: SocketAddr) -> Self {
        Self { address, metrics: None, cors_origins: Vec::new(), workers: 2 }
    }
}

/// What browsers of other origins may read of an answer.
const EXPOSED: [&str; 10] = [
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    rate::POLICY,
    rate::LEFT,
    "Idempotency-Replayed",
    "X-Request-Id",
    "Content-Language",
    "Content-Disposition",
];

fn cors(origins: &[String]) -> Cors {
    let allowed = origins.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    allowed
        .allowed_methods(["GET", "POST", "PUT", "PATCH"])
        .allowed_headers([
            "authorization",
            "content-type",
            "if-match",
            "if-none-match",
            "idempotency-key",
            "access-reason",
            "accept-language",
            "x-request-id",
        ])
        .expose_headers(EXPOSED)
        .max_age(3600)
}

/// A request id: the caller's if it is plain, otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// The problem of a request that a panic took away, with all that other answers get from [`finish`].
#[derive(Debug)]
struct Lost {
    language: Language,
    path: String,
    id: String,
    spent: Option<Spent>,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(SERVICE_BROKEN.name)
    }
}

impl ResponseError for Lost {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut answer = Problem::from(&SERVICE_BROKEN).answer(self.language, &self.path, &self.id);
        guard(answer.headers_mut(), &self.path, &self.id, self.spent.as_ref());
        answer
    }
}

/// What browsers may do with any answer.
const GUARDS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
];

/// The page of the contract shows itself.
const DOCS_POLICY: &str = "default-src 'self' 'unsafe-inline' data:; frame-ancestors 'none'";

/// The headers that every answer has.
fn guard(headers: &mut HeaderMap, path: &str, id: &str, spent: Option<&Spent>) {
    for (name, value) in GUARDS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if path.starts_with("/docs") {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY));
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    if let Some(spent) = spent {
        spent.tell(headers);
    }
    headers.append(VARY, HeaderValue::from_static("Accept, Accept-Language, Authorization"));
}

/// Counts a request on its caller, and keeps for the guard what it shows of them.
fn count(request: &ServiceRequest) -> Option<Spent> {
    let desk = request.app_data::<web::Data<Desk>>()?;
    let shown = Shown::by(request, desk);
    let caller = shown.caller();
    request.extensions_mut().insert(shown);
    if rate::counts(request.path()) { desk.rates.count(caller) } else { None }
}

/// Counts every request before anything is done for it, and finishes every answer: problems in the caller's language,
/// security headers, request id, what is left of the quota; a panic is a problem too.
async fn finish(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let language = Language::accepted(request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()));
    let id = request_id(request.headers());
    let path = request.path().to_owned();
    let _in_hand = request.conn_data::<Idle>().map(Idle::begin);
    if request.method() == Method::HEAD {
        // Answered as GET; the connection leaves the body out.
        request.head_mut().method = Method::GET;
    }
    let spent = count(&request);
    let response = match spent.as_ref().and_then(Spent::refusal) {
        Some(problem) => request.error_response(problem),
        None => match AssertUnwindSafe(next.call(request)).catch_unwind().await {
            Ok(response) => response?.map_into_boxed_body(),
            Err(_) => {
                log::error!("a handler panicked; request {id}");
                return Err(Lost { language, path, id, spent }.into());
            }
        },
    };
    let status = response.status();
    let ours = response.response().error().and_then(|error| error.as_error::<Problem>()).cloned();
    let mut response = match ours {
        Some(problem) => response.into_response(problem.answer(language, &path, &id)),
        None if status.is_client_error() || status.is_server_error() => {
            let problem = of_status(status);
            response.into_response(problem.answer(language, &path, &id))
        }
        None => response,
    };
    tell(&response, &path, &id);
    guard(response.headers_mut(), &path, &id, spent.as_ref());
    Ok(response)
}

/// A strong ETag differs with the encoding of the body: `"7-json"` becomes `"7-json-br"`.
async fn tag_encoding(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let tag = headers.get(ETAG).and_then(|value| value.to_str().ok()).and_then(|tag| tag.strip_suffix('"')).map(str::to_owned);
    if let (Some(encoding), Some(tag)) = (encoding, tag)
        && let Ok(value) = HeaderValue::from_str(&format!("{tag}-{encoding}\""))
    {
        headers.insert(ETAG, value);
    }
    Ok(response)
}

/// The page asks nobody on the network to check the contract.
fn page_config() -> utoipa_swagger_ui::Config<'static> {
    utoipa_swagger_ui::Config::new(["/openapi.json"]).validator_url("none")
}

async fn unknown_path() -> Result<HttpResponse, Problem> {
    Err(Problem::from(&NOT_FOUND))
}

/// Serves the operations of all rooms.
pub fn serve_rooms(config: &mut web::ServiceConfig) {
    routes(Register::Service(config));
}

/// Binds the sockets and makes the server; nothing is answered before it is awaited. Gives the address bound to.
pub fn serve(desk: Desk, listening: &Listening) -> std::io::Result<(Server, SocketAddr)> {
    serve_routes(desk, listening, serve_rooms)
}

/// As [`serve`], with other routes. Those that the desk does not know cannot be called.
pub fn serve_routes(desk: Desk, listening: &Listening, routes: fn(&mut web::ServiceConfig)) -> std::io::Result<(Server, SocketAddr)> {
    let socket = TcpListener::bind(listening.address)?;
    let address = socket.local_addr()?;
    let desk = web::Data::from(Arc::new(desk));
    let followed = desk.clone();
    actix_web::rt::spawn(async move { followed.keys.follow().await });
    let contract = Published::new(OUTLINE.json.clone().map_err(std::io::Error::other)?);
    let contract = web::Data::new(contract);
    let metrics = web::Data::new(Metrics::new().map_err(std::io::Error::other)?);
    let scraped = metrics.clone();
    let origins = listening.cors_origins.clone();
    let server = HttpServer::new(move || {
        let app = App::new()
            .app_data(desk.clone())
            .app_data(contract.clone())
            .app_data(metrics.clone())
            .app_data(web::PathConfig::default().error_handler(|_, _| Problem::from(&NOT_FOUND).into()))
            .wrap(from_fn(admit))
            .wrap(from_fn(finish))
            .wrap(Compress::default())
            .wrap(from_fn(tag_encoding))
            .wrap(cors(&origins))
            // What is answered before a request comes as far as `finish`: preflights.
            .wrap(GUARDS.into_iter().fold(DefaultHeaders::new(), DefaultHeaders::add))
            .wrap(from_fn(measure));
        app.configure(routes)
            .route("/openapi.json", web::get().to(openapi_json))
            .service(web::redirect("/docs", "/docs/"))
            .service(SwaggerUi::new("/docs/{_:.*}").config(page_config()))
            .default_service(web::to(unknown_path))
    })
    // A packed answer is written in pieces; none waits until the caller has acknowledged the one before.
    .tcp_nodelay(true)
    .h1_write_buffer_size(WRITTEN_AT_ONCE)
    .on_connect(idle::watch)
    .workers(listening.workers)
    .max_connections(CONNECTIONS_MAX)
    .client_request_timeout(HEAD_DEADLINE)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(STOP_SECONDS)
    .listen(socket)?
    .run();
    if let Some(address) = listening.metrics {
        let scraper = HttpServer::new(move || App::new().app_data(scraped.clone()).route("/metrics", web::get().to(read_metrics)))
            .workers(1)
            .disable_signals()
            .bind(address)?
            .run();
        actix_web::rt::spawn(scraper);
    }
    Ok((server, address))
}

async fn openapi_json(request: HttpRequest, contract: web::Data<Published>) -> HttpResponse {
    contract.send(&request)
}
