//! What every test needs: a town with a running server and a fresh database, and people who call it.

pub mod acknowledged;
pub mod body;
pub mod canary;
pub mod chance;
pub mod client;
pub mod disk;
pub mod patience;
pub mod pooler;
pub mod postgres;
pub mod program;
pub mod shape;
pub mod town;
pub mod witness;

pub use chance::Chance;
pub use client::{Answer, Asked, Client, Rehearsal};
pub use town::{Stage, Town};

/// Runs a story on both engines: `on_both_engines!(Stage::Open, fn name(town) { … });`. After each story the whole
/// database is verified.
#[macro_export]
macro_rules! on_both_engines {
    ($($stage:expr, fn $name:ident($town:ident) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn story($town: &$crate::harness::Town) $body

            #[test]
            fn on_sqlite() {
                story(&$crate::harness::Town::on_sqlite($stage));
            }

            #[test]
            fn on_postgresql() {
                if let Some(town) = $crate::harness::Town::on_postgresql($stage) {
                    story(&town);
                }
            }
        }
    )+};
}
