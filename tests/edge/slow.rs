//! Clients that send or read as slowly as they can: each is cut off in its time, and others are served meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use api::limit::{BODY_DEADLINE, HEAD_DEADLINE, IDLE_MAX, KEEP_ALIVE, UNREAD_MAX};
use db::store::Sizes;

use super::{Edge, SLACK, Stage, Wire, asked as wished};
use crate::on_both_engines;

/// How many requests others make in each second.
const HEALTHY: usize = 10;

/// How long somebody waits who asks as one should.
fn served(edge: &Edge) -> Duration {
    let asked = Instant::now();
    edge.stranger().get("/v1/organisations?limit=1").expect(200);
    asked.elapsed()
}

/// What 99 of 100 took at most.
fn most_of(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}

on_both_engines! {
    Stage::Gathered, fn slow_clients_are_cut_off_and_others_are_served_meanwhile(town) {
        let edge = Edge::open(town, Sizes::default());
        let whole = "GET /v1/meta HTTP/1.1\r\nhost: x\r\n\r\n";
        let post = |path: &str, framing: &str| {
            format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nidempotency-key: slow-body\r\n{framing}\r\n\r\n")
        };
        let (sized, chunked) = ("content-length: 100000", "transfer-encoding: chunked");
        let wanted = "/v1/sessions";
        let unwanted = "/v1/principals";
        // What is sent at once, what is sent every second, what is answered, and when the connection is over at the latest.
        let kinds = [
            ("nothing at all", String::new(), "", 408, HEAD_DEADLINE),
            ("a head without end", "GET /v1/meta HTTP/1.1\r\nx: ".to_owned(), "a", 408, HEAD_DEADLINE),
            ("a second head without end", format!("{whole}GET /v1/meta HTTP/1.1\r\nx: "), "a", 200, IDLE_MAX),
            ("one request and no more", whole.to_owned(), "", 200, KEEP_ALIVE),
            ("a body without end", post(wanted, sized), " ", 400, BODY_DEADLINE),
            ("a body of pieces without end", post(wanted, chunked), "1\r\n \r\n", 400, IDLE_MAX + BODY_DEADLINE),
            ("a body that nobody wants", post(unwanted, sized), " ", 401, HEAD_DEADLINE),
            ("pieces that nobody wants", post(unwanted, chunked), "1\r\n \r\n", 401, IDLE_MAX),
        ];
        let mut before: Vec<Duration> = (0..HEALTHY * 30).map(|_| served(&edge)).collect();
        let mut wires: Vec<(usize, Wire)> = Vec::new();
        for round in 0..wished("SIGIDA_TEST_SLOW_CLIENTS", kinds.len() * 10) {
            let kind = round % kinds.len();
            let mut wire = Wire::open(edge.address);
            wire.send(kinds[kind].1.as_bytes());
            wires.push((kind, wire));
        }
        let mut greedy = Wire::open(edge.address);
        greedy.send("GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(16).as_bytes());
        let since = Instant::now();
        let mut meanwhile = Vec::new();
        while since.elapsed() < IDLE_MAX + BODY_DEADLINE + SLACK && wires.iter().any(|(_, wire)| wire.ended.is_none()) {
            for (kind, wire) in &mut wires {
                wire.look();
                wire.send(kinds[*kind].2.as_bytes());
            }
            let asked = Instant::now();
            meanwhile.extend((0..HEALTHY).map(|_| served(&edge)));
            std::thread::sleep(Duration::from_secs(1).saturating_sub(asked.elapsed()));
        }
        let mut lasted = BTreeMap::<usize, Duration>::new();
        for (kind, wire) in &wires {
            let (what, _, _, status, deadline) = &kinds[*kind];
            let ended = wire.ended.unwrap_or_else(|| panic!("{what}: still open after {:?}", since.elapsed()));
            assert!(ended < *deadline + SLACK, "{what}: {ended:?}");
            assert_eq!(wire.status(), Some(*status), "{what}");
            let last = lasted.entry(*kind).or_default();
            *last = ended.max(*last);
        }
        for (kind, last) in lasted {
            eprintln!("{}: over after {last:?} at the latest", kinds[kind].0);
        }
        let longest = meanwhile.iter().copied().max().expect("asked");
        eprintln!(
            "O2: {} slow connections; of {} requests of others meanwhile 99 of 100 took at most {:?} (before: {:?}), the longest {longest:?}",
            wires.len(),
            meanwhile.len(),
            most_of(&mut meanwhile),
            most_of(&mut before),
        );
        assert!(longest < SLACK);
        // Who does not read is not waited for either: less comes than was asked for.
        let whole = edge.stranger().get("/openapi.json").expect(200).bytes.len() * 16;
        while since.elapsed() < UNREAD_MAX * 2 {
            std::thread::sleep(Duration::from_millis(200));
        }
        let came = greedy.rest();
        eprintln!("who did not read got {came} of {whole} bytes");
        assert!(came < whole && greedy.ended.is_some());
    }
}
