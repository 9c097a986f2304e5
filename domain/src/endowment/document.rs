//! What a calculation rests on and what came of it, as documents: the same inputs give the same bytes, at any time.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::allocation::{Allocation, allocate};
use super::{Candidate, Formula};
use crate::document::{digest, read, write};
use crate::refusal::Refusal;

/// The algorithm and its version: another one gets another name, and what was calculated by this one is replayed by this one.
pub const ALGORITHM: &str = "endowment-1";

/// Everything that a calculation rests on, frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    pub algorithm: String,
    pub fiscal_year: i32,
    pub endowment_type: String,
    pub currency: String,
    pub data_date: NaiveDate,
    pub formula: Formula,
    /// In the order of their codes.
    pub candidates: Vec<Candidate>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub algorithm: String,
    /// SHA-256 of the inputs.
    pub inputs_sha256: String,
    pub allocation: Allocation,
}

/// Calculates from frozen inputs, as they were kept: what comes of it, and how it is kept. Nothing if the inputs are none.
pub fn calculate(inputs: &str) -> Result<Option<(Outcome, String)>, Refusal> {
    let Some(read) = read::<Inputs>(inputs) else { return Ok(None) };
    let allocation = allocate(&read.formula, &read.candidates)?;
    let outcome = Outcome { algorithm: ALGORITHM.to_owned(), inputs_sha256: digest(inputs), allocation };
    let text = write(&outcome);
    Ok(text.map(|text| (outcome, text)))
}
