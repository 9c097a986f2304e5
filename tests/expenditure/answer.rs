//! Every act of the room answers as the contract says.

use super::*;
use crate::contract::Contract;

on_both_engines! {
    Stage::Open, fn acts_answer_as_their_schemas_say(town) {
        let contract = Contract::read();
        let organisation = "/v1/organisations/{organisation_id}";
        let post = |rest: &str, answer: Answer| contract.holds("post", &format!("{organisation}{rest}"), answer);
        let read = |rest: &str, path: &str| contract.holds("get", &format!("{organisation}{rest}"), town.client("auditor").get(path).expect(200));
        let (mayor, accountant) = (town.client("mayor"), town.client("accountant"));
        let on_commitment = |action: &str| format!("/commitments/{{commitment_id}}/{action}");
        let on_order = |action: &str| format!("/payment-orders/{{payment_order_id}}/{action}");
        let garage = town.supplier("SUP-0012");

        let idle = committed(town, FUEL, "1000", &[]);
        post(&on_commitment("increase"), mayor.act(&idle, "/increase", &money("1")).expect(200));
        post(&on_commitment("release"), mayor.act(&idle, "/release", &reason()).expect(200));
        read("/commitments/{commitment_id}", &idle);
        let idle = committed(town, FUEL, "1000", &[]);
        let lines = json!({ "lines": [{ "label": "Gasoil", "quantity": 2, "unit_price": "450" }], "tax": "100" });
        let unwanted = verified(town, &idle, "F-0", "1000", with(lines, papers(&["fuel_log"])));
        post("/verifications/{verification_id}/cancellation", mayor.act(&unwanted, "/cancellation", &reason()).expect(200));
        read("/verifications/{verification_id}", &unwanted);
        post(&on_commitment("cancellation"), mayor.act(&idle, "/cancellation", &reason()).expect(200));

        let [_, _, order] = fuel(town, "F-1", "850000");
        let hold = json!({ "reason": "missing_document", "text": "Bon de livraison" });
        post(&on_order("hold"), accountant.act(&order, "/hold", &hold).expect(200));
        read("/payment-orders/{payment_order_id}", &order);
        read("/payment-orders/{payment_order_id}/transitions", &format!("{order}/transitions"));
        post(&on_order("resumption"), accountant.act(&order, "/resumption", &json!({})).expect(200));
        let why = json!({ "reason": "R06", "text": "Journal illisible" });
        post(&on_order("rejection"), accountant.act(&order, "/rejection", &why).expect(200));
        let written = json!({ "reference": "Réquisition 1", "sha256": "e".repeat(64) });
        post(&on_order("requisition"), mayor.act(&order, "/requisition", &written).expect(200));
        accept(town, &order);
        let correction = post(&on_order("corrections"), issue(town, &order, "reduction", "50000").expect(201));
        let path = town.path(&format!("/payment-order-corrections/{}", correction.id()));
        let agreed = accountant.act(&path, "/acceptance", &json!({})).expect(200);
        post("/payment-order-corrections/{correction_id}/acceptance", agreed);
        read("/payment-order-corrections/{correction_id}", &path);
        read("/payment-order-corrections", &town.path("/payment-order-corrections"));
        let payment = paid(town, &order, "800000");
        post("/payments/{payment_id}/return", accountant.act(&payment, "/return", &reason()).expect(200));
        read("/payments/{payment_id}", &payment);
        read("/payments", &town.path("/payments"));

        let works = committed(town, "I-D-23-232-01", "1000000", &["contract"]);
        let more = with(json!({ "nature": "balance" }), papers(&["acceptance_minutes"]));
        let statement = certified(town, &works, "D-1", "1000000", more);
        let kept = json!({ "deductions": [{ "kind": "retention", "amount": "50000" }, { "kind": "tax", "amount": "30000" }] });
        let order = transmit_order_with(town, &statement, "1000000", with(kept, papers(&["business_tax_proof"])));
        post(&on_order("acceptance"), accept(town, &order));
        let body = |amount: &str| with(money(amount), json!({ "payee_id": garage, "mode": "transfer" }));
        let release = with(papers(&["final_acceptance"]), json!({ "payment": body("50000") }));
        post(&on_commitment("retention-payments"), accountant.act(&works, "/retention-payments", &release).expect(201));
        let remittance = json!({ "fiscal_year": 2025, "held": "taxes_withheld", "payment": body("30000") });
        post("/remittances", accountant.create(&town.path("/remittances"), &remittance).expect(201));
        let debt = accountant.get(&town.path("/fiscal-years/2025/carried-debts")).text("/data/0/id");
        let debt = town.path(&format!("/carried-debts/{debt}"));
        let creditor = town.supplier("SUP-0003");
        post("/carried-debts/{carried_debt_id}/payments", pay(&accountant, &debt, &creditor, "1000", "cheque").expect(201));
        read("/supporting-documents", &town.path("/supporting-documents"));
        read("/payment-orders", &town.path("/payment-orders"));
        contract.holds("get", "/v1/expenditure-kinds", town.stranger().get("/v1/expenditure-kinds").expect(200));
    }
}
