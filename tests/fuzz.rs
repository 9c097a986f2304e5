//! What reads the bytes of strangers holds whatever comes: what is kept of earlier runs, and changes to it by chance. The
//! longer search, guided by what the code does, is `.ci/long fuzz`.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::Chance;

mod target;
use target::{TARGETS, Target};

/// How long each target is tried in the suite.
const TRIED: Duration = Duration::from_millis(1500);
/// No input may take longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is kept for a target: one input a file.
fn kept(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("an input")).collect()
}

/// Bytes that readers stumble over.
const STUMBLING: [&[u8]; 20] = [
    b"",
    b"\0",
    b"-",
    b"+",
    b"'",
    b"\"",
    b";",
    b",",
    b"\r\n",
    b"=",
    b"@",
    b"0",
    b".",
    b"9223372036854775808",
    b"\xEF\xBB\xBF",
    b"\xFF",
    "\u{301}".as_bytes(),
    "߀ⵣɛ".as_bytes(),
    "\u{202E}".as_bytes(),
    b"[[[[[[[[",
];

fn changed(chance: &mut Chance, kept: &[Vec<u8>]) -> Vec<u8> {
    let mut input = kept[chance.below(kept.len())].clone();
    for _ in 0..=chance.below(4) {
        let place = chance.below(input.len() + 1);
        match chance.below(5) {
            0 => drop(input.splice(place..place, STUMBLING[chance.below(STUMBLING.len())].iter().copied())),
            1 if place < input.len() => input[place] = u8::try_from(chance.below(256)).expect("a byte"),
            2 if place < input.len() => drop(input.remove(place)),
            3 => input.truncate(place),
            _ => {
                let other = &kept[chance.below(kept.len())];
                let from = chance.below(other.len() + 1);
                input.truncate(place);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input
}

#[test]
fn nothing_that_comes_from_strangers_surprises_a_reader() {
    let seed = std::env::var("SIGIDA_TEST_SEED").map_or(20_260_101, |seed| seed.parse().expect("a number"));
    for target in TARGETS {
        let kept = kept(&target);
        assert!(kept.len() >= 5, "{} inputs are kept for {}", kept.len(), target.name);
        let mut chance = Chance(seed);
        let (since, mut count) = (Instant::now(), 0);
        let mut attempt = |input: &[u8]| {
            let asked = Instant::now();
            let ran = std::panic::catch_unwind(|| (target.run)(input));
            assert!(ran.is_ok(), "{} of {:?} (SIGIDA_TEST_SEED={seed})", target.name, String::from_utf8_lossy(input));
            assert!(asked.elapsed() < PATIENCE, "{} took {:?} for {} bytes", target.name, asked.elapsed(), input.len());
            count += 1;
        };
        kept.iter().for_each(|input| attempt(input));
        while since.elapsed() < TRIED {
            attempt(&changed(&mut chance, &kept));
        }
        eprintln!("{}: {count} inputs, 0 surprises", target.name);
    }
}
