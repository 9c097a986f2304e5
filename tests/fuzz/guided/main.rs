//! libFuzzer drives the target that `SIGIDA_FUZZ_TARGET` names.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../target.rs"]
mod target;
use target::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("SIGIDA_FUZZ_TARGET").expect("SIGIDA_FUZZ_TARGET names a target");
    TARGETS.into_iter().find(|target| target.name == name).expect("there is such a target")
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
