//! Names in every script that Mali writes: kept, found, printed and taken away as they were typed.

use std::io::Read as _;

use lopdf::Document;
use serde_json::json;

use super::{XLSX, field, table};
use crate::harness::Stage;
use crate::on_both_engines;
use crate::revenue::{authorise, order, receive};

/// Names in Bambara, Fulfulde, N'Ko, Tifinagh and Arabic; each with a part of it by which it is looked for, and whether it runs from left to
/// right.
const NAMES: [(&str, &str, bool); 6] = [
    ("Ɲɔgɔndugu Bɛnkadi ŋɛɲɛ", "bɛnkadi", true),
    ("Ɓiɗɗo ƴaañgal Ɗemngal", "ƴaañgal", true),
    ("ߒߞߏ ߓߊߡߊߞߐ", "ߒߞߏ", false),
    // With the marks of tones and of nasal vowels.
    ("ߓߡߊ߬ߣߊ߲߫ ߞߊ߲ߛߏ߬", "ߞߊ߲ߛߏ߬", false),
    ("ⵜⵉⴼⵉⵏⴰⵖ ⵣⵓⵏⴷ", "ⵣⵓⵏⴷ", true),
    ("مالي تمبكتو", "تمبكتو", false),
];

/// All that stands in the parts of a workbook.
fn unpacked(book: &[u8]) -> String {
    let mut found = String::new();
    for start in book.windows(4).enumerate().filter(|(_, four)| *four == b"PK\x03\x04").map(|(at, _)| at) {
        let length = |at: usize| usize::from(u16::from_le_bytes([book[start + at], book[start + at + 1]]));
        let packed = &book[start + 30 + length(26) + length(28)..];
        let mut part = Vec::new();
        if length(8) == 8 && flate2::read::DeflateDecoder::new(packed).read_to_end(&mut part).is_ok() {
            found += &String::from_utf8_lossy(&part);
        }
    }
    found
}

/// The letters of a text in an order of their own: what runs from right to left is printed in the order in which it is seen.
fn letters(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    letters.sort_unstable();
    letters
}

on_both_engines! {
    Stage::Open, fn names_in_every_script_are_kept_found_printed_and_taken_away(town) {
        let (officer, accountant) = (town.client("finance-officer"), town.client("accountant"));
        authorise(town, "722").expect(201);
        for (number, (name, part, forwards)) in NAMES.into_iter().enumerate() {
            let body = json!({ "code": format!("RED-{number}"), "kind": "person", "name": name });
            let debtor = officer.create(&town.path("/debtors"), &body).expect(201);
            assert_eq!(debtor.text("/name"), name);
            let id = debtor.id();
            assert_eq!(accountant.get(&town.path(&format!("/debtors/{id}"))).expect(200).text("/name"), name);
            let found = accountant.get(&town.path(&format!("/debtors?q={}", percent(part)))).expect(200).json();
            let found: Vec<&str> = found["data"].as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect();
            assert_eq!(found, [name], "looked for by {part}");
            let due = order(town, "F-R-72-722-01", "1000", &json!({ "kind": "individual", "debtor_id": id }));
            let receipt = receive(town, Some(&due), "1000").expect(201).id();
            let paper = accountant.get(&town.path(&format!("/receipts/{receipt}/document"))).expect(200);
            let text = Document::load_mem(&paper.bytes).expect("a PDF").extract_text(&[1]).expect("text");
            if forwards {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(text.contains(name), "{name:?} is not in {text:?}");
            } else {
                let of_the_script = |letter: &char| !letter.is_ascii() && u32::from(*letter) >= 0x600 && u32::from(*letter) < 0x1e00;
                let shown: Vec<char> = letters(&text).into_iter().filter(of_the_script).collect();
                let meant: Vec<char> = letters(name).into_iter().filter(of_the_script).collect();
                assert_eq!(shown, meant, "{name}");
            }
        }
        let names: Vec<&str> = NAMES.iter().map(|(name, ..)| *name).collect();
        let rows = table(&accountant.get(&town.path("/debtors?format=csv")).expect(200));
        let told: Vec<String> = rows.iter().map(|row| field(row, "name")).filter(|name| names.contains(&name.as_str())).collect();
        assert_eq!(told, names);
        let book = accountant.send("GET", &town.path("/debtors"), &[("accept", XLSX), ("access-reason", "the suite")], &[]).expect(200);
        let parts = unpacked(&book.bytes);
        assert!(names.iter().all(|name| parts.contains(name)), "{parts}");
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
