//! A version of the budget nomenclature: chapters and articles by nature, functions, funding sources. Data, never code.

use std::collections::BTreeMap;

use super::{Direction, Line, Section};
use crate::words;

words! {
    /// What the council must vote for the year before a levy is ordered.
    pub enum Levy {
        /// A tax: never waived.
        Tax = "tax",
        /// A fee or a charge for a service.
        Fee = "fee",
    }
}

/// An article of a nomenclature, with what it implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    pub section: Section,
    pub direction: Direction,
    pub chapter: String,
    /// The account of the ledger that its execution moves; none for lines that only move credit.
    pub account: Option<String>,
    /// Law or contract makes the expenditure mandatory.
    pub mandatory: bool,
    /// False for contingency, transfers between sections and results carried.
    pub executable: bool,
    /// The kind of expenditure, which decides on supporting documents and on the creditor's account.
    pub expenditure_kind: Option<String>,
    /// The part of the posting table that owes the revenue of the article.
    pub receivable: Option<String>,
    /// What kind of levy the article is; none for transfers, gifts and loans.
    pub levy: Option<Levy>,
}

/// The nomenclature in force for a fiscal year.
#[derive(Clone, Debug, Default)]
pub struct Nomenclature {
    pub articles: BTreeMap<(Section, Direction, String), Article>,
    pub functions: std::collections::BTreeSet<String>,
    pub funding_sources: std::collections::BTreeSet<String>,
}

impl Nomenclature {
    pub fn article(&self, section: Section, direction: Direction, article: &str) -> Option<&Article> {
        self.articles.get(&(section, direction, article.to_owned()))
    }

    /// The mandatory articles for which a budget provides nothing.
    pub fn mandatory_missing(&self, lines: &[Line]) -> Vec<String> {
        self.articles
            .iter()
            .filter(|(_, article)| article.mandatory)
            .filter(|((section, direction, code), _)| {
                !lines.iter().any(|line| {
                    line.section == *section && line.direction == *direction && line.article == *code && !line.initial.is_zero()
                })
            })
            .map(|((_, _, code), _)| code.clone())
            .collect()
    }

    /// The article that a code probably was before a spreadsheet took its leading zeros away.
    pub fn with_leading_zeros(&self, section: Section, direction: Direction, code: &str) -> Option<String> {
        (1..=2).map(|zeros| format!("{}{code}", "0".repeat(zeros))).find(|code| self.article(section, direction, code).is_some())
    }
}
