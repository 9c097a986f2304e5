//! What the demonstration shows of projects.

use serde_json::{Value, json};

use crate::harness::{Stage, Town};
use crate::on_both_engines;

/// Reads under the organisation that administers the funds.
fn reads(town: &Town) -> impl Fn(&str) -> Value + '_ {
    let all = town.stranger().get("/v1/organisations?limit=200").expect(200).json();
    let agent = all["data"].as_array().expect("rows").iter().find(|row| row["code"] == "ML-AGENT").expect("the agent").clone();
    let base = format!("/v1/organisations/{}", agent["id"].as_str().expect("an id"));
    move |rest| town.client("auditor").get(&format!("{base}{rest}")).expect(200).json()
}

fn references(list: &Value) -> Vec<&str> {
    list["data"].as_array().expect("rows").iter().map(|row| row["reference"].as_str().expect("a reference")).collect()
}

on_both_engines! {
    Stage::Played, fn ac_16_the_demonstration_holds_the_projects_of_the_bulletin(town) {
        town.bring_projects();
        let read = reads(town);
        // The Peacebuilding Fund: 14 projects, 11 of them joint, 29 participations of 17 organisations.
        let fund = "instrument=peacebuilding_immediate&limit=200";
        let all = read(&format!("/projects?{fund}"));
        assert_eq!(references(&all).len(), 14);
        assert!(all["data"].as_array().expect("rows").iter().all(|row| row["state"] == "submitted"));
        assert_eq!(references(&read(&format!("/projects?{fund}&joint=true"))).len(), 11);
        assert_eq!(references(&read(&format!("/projects?{fund}&joint=false"))), ["PBF-01", "PBF-03", "PBF-14"]);
        let totals = read("/project-totals?by=recipient&instrument=peacebuilding_immediate");
        let groups = totals["groups"].as_array().expect("groups").clone();
        let taken: i64 = groups.iter().map(|group| group["projects"].as_i64().expect("a number")).sum();
        assert_eq!((groups.len(), taken, &totals["totals"][0]["amount"]), (17, 29, &json!("25170000.00")));
        let group = |name: &str| groups.iter().find(|group| group["label"].as_str().is_some_and(|label| label.contains(name))).expect(name).clone();
        let parts = ["(PNUD)", "(OIM)", "ONU Femmes", "MINUSMA"].map(|name| group(name)["projects"].clone());
        assert_eq!(parts, [4, 3, 3, 3].map(|number| json!(number)));
        let development = group("(PNUD)")["term"].as_str().expect("an id").to_owned();
        assert_eq!(references(&read(&format!("/projects?recipient_id={development}"))), ["PBF-02", "PBF-09", "PBF-10", "PBF-13"]);
        // AC-18: of the cross-border project 40 % count for Mali.
        let countries = read("/project-totals?by=country&instrument=peacebuilding_immediate");
        let told: Vec<(&Value, &Value)> =
            countries["groups"].as_array().expect("groups").iter().map(|group| (&group["term"], &group["amount"])).collect();
        let expected = [("BF", "430000.00"), ("ML", "24310000.00"), ("NE", "430000.00")].map(|(term, amount)| (json!(term), json!(amount)));
        assert_eq!(told, expected.iter().map(|(term, amount)| (term, amount)).collect::<Vec<_>>());
        // Four projects with their life so far.
        let find = |reference: &str| {
            let all = read("/projects?from=2018-03-01&limit=200");
            all["data"].as_array().expect("rows").iter().find(|row| row["reference"] == reference).expect(reference).clone()
        };
        let of = |project: &Value, rest: &str| read(&format!("/projects/{}{rest}", project["id"].as_str().expect("an id")));
        let [women, police, infirmary, vehicles] =
            ["QIP-GAO-18-001", "TF-GAO-18-001", "TF-GAO-18-002", "TF-ML-16-001"].map(find);
        let told = [&women, &police, &infirmary, &vehicles].map(|one| (&one["state"], &one["budget"], &one["currency"]));
        let expected = [("active", "41970.00"), ("active", "181320.00"), ("handed_over", "100000.00"), ("handed_over", "3723404.26")]
            .map(|(state, budget)| (json!(state), json!(budget), json!("USD")));
        assert_eq!(told, [0, 1, 2, 3].map(|index: usize| (&expected[index].0, &expected[index].1, &expected[index].2)));
        // AC-04: the first of two tranches is paid.
        assert_eq!(of(&women, "/finance-summary")["disbursed"], "33576.00");
        let ceremonies = [&women, &police, &infirmary, &vehicles].map(|one| {
            let held = of(one, "/ceremonies");
            (held[0]["kind"].clone(), held[0]["held_on"].clone())
        });
        let expected = [("launch", "2018-06-29"), ("first_stone", "2018-06-05"), ("handover", "2018-06-05"), ("handover", "2018-06-22")];
        assert_eq!(ceremonies, expected.map(|(kind, on)| (json!(kind), json!(on))));
        assert_eq!(of(&police, "/ceremonies")[0]["chair"], "Gouverneur de la région de Gao");
        // AC-09, AC-11.
        let certificate = of(&infirmary, "/handover-certificates");
        let kinds: Vec<&Value> = certificate[0]["assets"].as_array().expect("assets").iter().map(|asset| &asset["kind"]).collect();
        assert_eq!(kinds, ["medical", "computer", "office", "furniture"]);
        let certificate = of(&vehicles, "/handover-certificates");
        let asset = &certificate[0]["assets"][0];
        assert_eq!((&asset["quantity"], &asset["unit_value"], &certificate[0]["currency"]), (&json!(20), &json!("175000.00"), &json!("EUR")));
        // Each is paid by whom the bulletin tells.
        let donors = read("/project-totals?by=donor");
        let paid = |name: &str| donors["groups"].as_array().expect("groups").iter().find(|group| group["label"] == name).expect(name)["amount"].clone();
        assert_eq!(["Italie", "Danemark", "Allemagne"].map(paid), ["181320.00", "100000.00", "3723404.26"].map(|amount| json!(amount)));
        assert_eq!(read("/project-map")["features"].as_array().map(Vec::len), Some(3));
        let classes = read("/project-totals?by=state_class");
        let told: Vec<(&Value, &Value)> =
            classes["groups"].as_array().expect("groups").iter().map(|group| (&group["term"], &group["projects"])).collect();
        assert_eq!(told, [(&Value::Null, &json!(14)), (&json!("completed"), &json!(2)), (&json!("ongoing"), &json!(2))]);
        // AC-17: four bear a star of which the bulletin does not tell what it means; none of them is published as it is.
        let starred = all["data"].as_array().expect("rows").iter().filter(|row| row["flags"] == json!([{ "code": "*", "legend": null }]));
        let starred: Vec<Value> = starred.cloned().collect();
        assert_eq!(references(&json!({ "data": starred })), ["PBF-01", "PBF-02", "PBF-05", "PBF-07"]);
        for project in &starred {
            let path = format!("/v1/organisations/{}/projects/{}", project["organisation_id"].as_str().expect("an id"), project["id"].as_str().expect("an id"));
            town.client("mayor").act(&path, "/publication", &json!({})).refused(422, "LEGEND_MISSING");
        }
        // The four of the bulletin are there for everyone.
        let path = format!("/v1/organisations/{}/published-projects", women["organisation_id"].as_str().expect("an id"));
        let published = town.stranger().get(&path).expect(200).json();
        let published: Vec<&Value> = published["data"].as_array().expect("rows").iter().map(|row| &row["summary"]["reference"]).collect();
        assert_eq!(published, [&women, &police, &infirmary, &vehicles].map(|one| &one["reference"]));
        town.verify().expect("the books are right");
    }

    Stage::Played, fn ac_35_the_demonstration_holds_a_fictional_programme_of_24_pilots(town) {
        town.bring_projects();
        let read = |rest: &str| town.client("auditor").get(&town.path(rest)).expect(200).json();
        let meetings = read("/community-meetings?limit=200");
        let meetings = meetings["data"].as_array().expect("meetings");
        let ranked: Vec<(&Value, &Value)> =
            meetings.iter().flat_map(|meeting| meeting["needs"].as_array().expect("needs")).map(|need| (&need["id"], &need["rank"])).collect();
        assert_eq!((meetings.len(), ranked.len()), (6, 24));
        let programme = read("/programmes")["data"][0].clone();
        let pilots = read(&format!("/projects?instrument=community_pilot&programme_id={}&limit=200", programme["id"].as_str().expect("an id")));
        let pilots = pilots["data"].as_array().expect("pilots");
        assert_eq!(pilots.len(), 24);
        let fictional = |text: &Value| text.as_str().is_some_and(|text| text.contains("(fictif)"));
        assert!(fictional(&programme["title"]) && pilots.iter().all(|pilot| fictional(&pilot["title"]) && pilot["state"] == "submitted"));
        // Each need is answered by one pilot.
        let mut answered: Vec<&Value> = pilots.iter().flat_map(|pilot| pilot["need_ids"].as_array().expect("needs")).collect();
        let mut needed: Vec<&Value> = ranked.iter().map(|(id, _)| *id).collect();
        answered.sort_by_key(|id| id.to_string());
        needed.sort_by_key(|id| id.to_string());
        assert_eq!(answered, needed);
        assert!(meetings.iter().all(|meeting| meeting["needs"].as_array().expect("needs").iter().enumerate().all(|(at, need)| need["rank"] == json!(at + 1))));
    }
}
