//! The ids of the things that a commune has, by the names that paths, parameters and bodies give them.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::expenditure::{accept, fuel, issue, pay};
use crate::harness::{Answer, Town};

/// What else a member or a parameter may call a thing.
const ALIASES: [(&str, &str); 16] = [
    ("payee_id", "supplier_id"),
    ("replaces_id", "payment_order_id"),
    ("payment_order_batch_id", "batch_id"),
    ("payment_order_correction_id", "correction_id"),
    ("expense_id", "imprest_expense_id"),
    ("source_id", "payment_id"),
    ("cash_officer_id", "principal_id"),
    ("deputy_id", "principal_id"),
    ("relative_id", "principal_id"),
    ("seat_id", "organisation_id"),
    ("party_id", "organisation_id"),
    ("predecessor_id", "programme_id"),
    ("member_id", "principal_id"),
    ("present_id", "principal_id"),
    ("revenue_line_id", "budget_line_id"),
    ("expenditure_line_id", "budget_line_id"),
];

/// Things that belong to no organisation, or are organisations.
const NOBODYS: [&str; 14] = [
    "principal_id",
    "external_identity_id",
    "client_key_id",
    "cash_officer_id",
    "deputy_id",
    "relative_id",
    "seat_id",
    "party_id",
    "client_id",
    "supervisor_id",
    "treasury_post_id",
    "territorial_unit_id",
    "member_id",
    "present_id",
];

/// The ids of the things that a commune has.
#[derive(Clone, Debug)]
pub struct Ids(BTreeMap<&'static str, String>);

impl Ids {
    /// Plays fuel from commitment to payment, cash offices and revenue; gives what came of it.
    pub fn of_a_played_commune(town: &Town) -> Self {
        let [commitment, verification, order] = fuel(town, "F-0117", "850000");
        accept(town, &order);
        let correction = issue(town, &order, "reduction", "1").expect(201);
        let accountant = town.client("accountant");
        let garage = town.supplier("SUP-0012");
        let payment = pay(&accountant, &order, &garage, "850000", "transfer").expect(201);
        let last = |path: &str| path.rsplit('/').next().expect("an id").to_owned();
        crate::cash_office::played(town);
        let mut ids = crate::cash_office::ids(town);
        let acts: BTreeMap<&str, Answer> = crate::revenue::every_act(town).into_iter().collect();
        ids.extend(crate::endowment::played(town));
        ids.extend([
            ("organisation_id", town.commune_id().to_string()),
            ("regularisation_id", accountant.get(&town.path("/regularisations")).text("/data/0/id")),
            ("levy_authorisation_id", acts["/levy-authorisations"].text("/id")),
            ("debtor_id", acts["/debtors"].text("/id")),
            ("revenue_order_id", acts["/revenue-orders"].text("/id")),
            ("receipt_id", acts["/receipts"].text("/id")),
            ("refund_id", acts["/revenue-orders/{revenue_order_id}/refunds"].text("/id")),
            ("revenue_adjustment_id", acts["/revenue-orders/{revenue_order_id}/write-offs"].text("/id")),
            ("transfer_notification_id", acts["/transfer-notifications"].text("/id")),
            ("commitment_id", last(&commitment)),
            ("verification_id", last(&verification)),
            ("payment_order_id", last(&order)),
            ("batch_id", accountant.get(&order).text("/batch_id")),
            ("correction_id", correction.text("/id")),
            ("payment_id", payment.text("/id")),
            ("entry_id", payment.text("/entry_id")),
            ("entry_import_id", crate::ledger::import::imported(town).text("/id")),
            ("supplier_id", garage),
            ("budget_line_id", town.line("F-D-60-602-01")),
            ("carried_debt_id", accountant.get(&town.path("/fiscal-years/2025/carried-debts")).text("/data/0/id")),
            ("budget_id", accountant.get(&town.path("/budgets")).text("/data/0/id")),
            ("role_assignment_id", town.client("administrator").get(&town.path("/role-assignments")).text("/data/0/id")),
            ("delegation_id", crate::identity::delegation::id(town)),
            ("proposal_id", crate::identity::proposal::id(town)),
            ("kinship_id", crate::identity::kinship::id(town)),
            ("principal_id", town.person("certifier").to_string()),
            ("partner_system_id", town.person("partner-system").to_string()),
            ("client_key_id", crate::identity::client_key::id(town)),
            ("external_identity_id", crate::identity::external::id(town, "certifier")),
            ("session_id", Uuid::new_v4().to_string()),
            ("territorial_unit_id", town.stranger().get("/v1/territorial-units?level=commune&limit=1").text("/data/0/id")),
            ("year", "2025".to_owned()),
            ("account", "602".to_owned()),
        ]);
        ids.extend(crate::fund::every_act(town));
        let purpose = ids["fund_purpose_id"].clone();
        ids.extend(crate::project::every_act(town, &purpose));
        Self(ids)
    }

    /// The id of the thing that a parameter, a member, or an item of a list of ids names.
    pub fn of_member(&self, name: &str) -> Option<String> {
        let one = name.strip_suffix("_ids").map_or_else(|| name.to_owned(), |stem| format!("{stem}_id"));
        let known = ALIASES.iter().find(|(alias, _)| *alias == one).map_or(one.as_str(), |(_, known)| known);
        self.0.get(known).cloned()
    }

    /// The id of a thing that belongs to the commune alone.
    pub fn of_its_own(&self, name: &str) -> Option<String> {
        let nobodys =
            |known: &&str| *known == name || name.strip_suffix("_ids").is_some_and(|stem| known.strip_suffix("_id") == Some(stem));
        if NOBODYS.iter().any(nobodys) { None } else { self.of_member(name) }
    }

    /// The ids of everything that belongs to the commune alone.
    pub fn all_its_own(&self) -> Vec<String> {
        let owned =
            self.0.keys().filter(|name| !["organisation_id", "partner_system_id"].contains(name)).filter_map(|name| self.of_its_own(name));
        owned.filter(|id| Uuid::parse_str(id).is_ok()).collect()
    }
}
