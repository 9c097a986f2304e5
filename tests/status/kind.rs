//! What the service does not read: XML, archives and images, and whatever is packed. No operation takes any of it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::{Duration, Instant};

use api::access::Effect;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::every_operation;
use crate::access::rows;
use crate::contract::Contract;
use crate::harness::{Stage, Town};

/// The kinds of bodies that there are readers for. Whoever adds one adds its limits to `docs/limits.md`, and what is sent beyond them here.
const READ: [&str; 3] = ["application/json", "application/x-www-form-urlencoded", "text/csv"];

/// The longest that refusing one of these may take, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(8);

/// The operations of a contract that take a body of a kind for which there is no reader.
fn unread(contract: &Contract) -> BTreeSet<String> {
    let bodies = contract.operations().into_iter().flat_map(|operation| {
        let name = operation.name();
        let body = contract.resolve(&operation.described["requestBody"]).clone();
        let kinds: Vec<String> = body["content"].as_object().into_iter().flatten().map(|(kind, _)| kind.clone()).collect();
        kinds.into_iter().map(move |kind| (name.clone(), kind))
    });
    bodies.filter(|(_, kind)| !READ.contains(&kind.as_str())).map(|(name, kind)| format!("{name}: {kind}")).collect()
}

#[test]
fn the_contract_takes_no_xml_no_archive_and_no_image() {
    let contract = Contract::read();
    assert_eq!(unread(&contract), BTreeSet::new());
    // Nor does a file come inside of JSON: what is base64 there is told, never taken.
    let mut packed = Vec::new();
    for operation in contract.operations() {
        let body = contract.resolve(&operation.described["requestBody"]);
        if let Some(kind) = body["content"].get("application/json") {
            contract.visit(&kind["schema"], "", &mut |schema: &Value, at| {
                if !schema["contentEncoding"].is_null() || !schema["contentMediaType"].is_null() || schema["format"] == "binary" {
                    packed.push(format!("{}{at}", operation.name()));
                }
            });
        }
    }
    assert_eq!(packed, Vec::<String>::new());
    // A new one would be noticed.
    let mut changed = contract.0.clone();
    let commitments = &mut changed["paths"]["/v1/organisations/{organisation_id}/commitments"]["post"];
    commitments["requestBody"]["content"]["application/xml"] = json!({ "schema": { "type": "string" } });
    assert_eq!(unread(&Contract(changed)).len(), 1);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).expect("packed");
    packed.finish().expect("packed")
}

#[test]
fn no_operation_reads_xml_archives_images_or_what_is_packed() {
    let town = Town::on_sqlite(Stage::Open);
    let drafts: Vec<_> = every_operation(&town).into_iter().filter(|draft| draft.operation.effect != Effect::Read).collect();
    let laughs: String = (1..10).map(|level| format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10))).collect();
    let laughs = format!("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY l0 \"ha\">{laughs}]><a>&l9;</a>");
    let bomb = gzip(&vec![b' '; 16 << 20]);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let kinds: [(&str, &[u8]); 9] = [
        ("application/xml", laughs.as_bytes()),
        ("text/xml", laughs.as_bytes()),
        ("image/svg+xml", laughs.as_bytes()),
        ("application/zip", b"PK\x03\x04\x14\x00"),
        (workbook, b"PK\x03\x04\x14\x00"),
        ("application/gzip", &bomb),
        ("image/jpeg", b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00"),
        ("image/png", b"\x89PNG\r\n\x1a\n"),
        ("multipart/form-data; boundary=x", b"--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n"),
    ];
    let before = rows(&town);
    let (mut tried, mut longest, mut wrong) = (0, Duration::ZERO, Vec::new());
    for draft in &drafts {
        let client = town.client(draft.login);
        let mut send = |what: &str, request: super::Draft, expected: &[u16]| {
            let since = Instant::now();
            let answer = request.send(&client);
            (tried, longest) = (tried + 1, longest.max(since.elapsed()));
            if !expected.contains(&answer.status) {
                wrong.push(format!("{}: {what}: {}", draft.id(), answer.status));
            }
        };
        for (kind, bytes) in kinds {
            // What takes no body does not ask of what kind it is not.
            let expected = if draft.reads_a_body() { 415 } else { 400 };
            send(kind, draft.clone().with("content-type", kind).saying(bytes), &[expected]);
        }
        let own = draft.headers.get("content-type").cloned().unwrap_or_else(|| "application/json".to_owned());
        for (packing, bytes) in [("gzip", bomb.clone()), ("gzip", gzip(&draft.body)), ("br", bomb.clone()), ("deflate", bomb.clone())] {
            let packed = draft.clone().with("content-type", &own).with("content-encoding", packing).saying(bytes);
            send(&format!("its own kind, packed by {packing}"), packed, &[400]);
        }
    }
    eprintln!("{tried} bodies of kinds that nobody reads, to {} operations; the longest was refused after {longest:?}", drafts.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(drafts.len() > 150 && longest < AT_ONCE, "{longest:?}");
    assert_eq!(rows(&town), before, "nothing was stored");
}
