//! Paths of the contract with the ids of things that a town has.

use crate::harness::Town;

/// What stands in the braces of a path.
fn place(town: &Town, name: &str) -> String {
    let auditor = town.client("auditor");
    let first = |list: &str, pointer: &str| auditor.get(list).expect(200).text(pointer);
    match name {
        "organisation_id" => town.commune_id().to_string(),
        "year" => "2025".to_owned(),
        "account" => "602".to_owned(),
        "resource" => "projects".to_owned(),
        "territorial_unit_id" => first("/v1/territorial-units?level=cercle", "/data/0/id"),
        "budget_id" => first(&town.path("/budgets"), "/data/0/id"),
        "carried_debt_id" => first(&town.path("/fiscal-years/2025/carried-debts"), "/data/0/id"),
        "entry_import_id" => first(&town.path("/fiscal-years/2025/entry-imports"), "/data/0/id"),
        "entry_id" => first(&town.path("/fiscal-years/2025/entries"), "/data/0/id"),
        "principal_id" => town.person("auditor").to_string(),
        "partner_system_id" => town.person("partner-system").to_string(),
        "client_key_id" => crate::identity::client_key::id(town),
        "external_identity_id" => crate::identity::external::id(town, "auditor"),
        "delegation_id" => crate::identity::delegation::id(town),
        "proposal_id" => crate::identity::proposal::id(town),
        "kinship_id" => crate::identity::kinship::id(town),
        "correction_id" => first(&town.path("/payment-order-corrections"), "/data/0/id"),
        "batch_id" => first(&town.path("/payment-orders"), "/data/0/batch_id"),
        "endowment_campaign_id" | "drawing_right_id" => {
            let agency = crate::endowment::grantor(town).expect("an agency");
            first(&format!("/v1/organisations/{agency}/{}s", name.trim_end_matches("_id").replace('_', "-")), "/data/0/id")
        }
        "programme_id" | "project_id" | "committee_id" | "motion_id" | "project_disbursement_id" | "expenditure_report_id" => {
            crate::project::id(town, name)
        }
        other => first(&town.path(&format!("/{}s", other.trim_end_matches("_id").replace('_', "-"))), "/data/0/id"),
    }
}

/// A code that a path ends with, if it does.
pub fn code(town: &Town, path: &str) -> Option<String> {
    path.strip_suffix("/{code}").map(|list| town.stranger().get(list).expect(200).text("/0/code"))
}

/// The path of an operation on the town, with the ids of things that it has.
pub fn filled(town: &Town, path: &str) -> String {
    if path == "/v1/territorial-boundaries" {
        return format!("{path}?level=region");
    }
    let code = code(town, path).unwrap_or_default();
    let grantor = crate::endowment::grantor(town).filter(|_| crate::endowment::is_of_a_grantor(path));
    let segment = |segment: &str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        Some("code") => code.clone(),
        Some("organisation_id") if grantor.is_some() => grantor.clone().unwrap_or_default(),
        Some(name) => place(town, crate::status::owner(path, name)),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}
