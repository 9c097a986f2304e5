//! The requests of the clients, as bytes.

use std::cell::RefCell;
use std::io::Write as _;

use uuid::Uuid;

use crate::chance::Chance;
use crate::founding::{Commune, committed_on};
use crate::program::Service;

/// Commitments on random lines of random communes, each with a key of its own.
pub fn commitments(service: &Service, communes: &[Commune]) -> impl Fn(&mut Vec<u8>) {
    let chance = RefCell::new(Chance(u64::from_le_bytes(*Uuid::new_v4().as_bytes().first_chunk().expect("16 bytes")) | 1));
    let on = committed_on();
    let parts: Vec<_> = communes
        .iter()
        .map(|commune| {
            let head = format!(
                "POST /v1/organisations/{}/commitments HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
                 content-type: application/json\r\nidempotency-key: ",
                commune.id,
                service.token(commune.mayor)
            );
            let rest = format!(
                "\",\"supplier_id\":\"{}\",\"label\":\"Achat de fournitures\",\"currency\":\"XOF\",\"committed_on\":\"{on}\",\"amount\":\"",
                commune.supplier
            );
            let lines: Vec<String> = commune.lines.iter().map(|line| line.id.to_string()).collect();
            (head, rest, lines)
        })
        .collect();
    move |request| {
        let mut chance = chance.borrow_mut();
        let (head, rest, lines) = &parts[chance.below(parts.len())];
        let line = &lines[chance.below(lines.len())];
        // Three digits, so that the length of the body is known.
        let amount = 100 + chance.below(900);
        let length = "{\"budget_line_id\":\"".len() + 36 + rest.len() + 3 + "\"}".len();
        let key = Uuid::new_v4();
        write!(request, "{head}{key}\r\ncontent-length: {length}\r\n\r\n{{\"budget_line_id\":\"{line}{rest}{amount}\"}}").expect("written");
    }
}

/// Reads of random paths out of a list, by one caller.
pub fn reads(token: &str, paths: Vec<String>, header: &str) -> impl Fn(&mut Vec<u8>) + use<> {
    let chance = RefCell::new(Chance(0x5167_1da5));
    let requests: Vec<String> = paths
        .into_iter()
        .map(|path| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{header}\r\n"))
        .collect();
    move |request| {
        let index = chance.borrow_mut().below(requests.len());
        request.extend_from_slice(requests[index].as_bytes());
    }
}
