//! What the law, the council and the donor say.
//!
//! Pure rules: no I/O, no clock, no SQL, no HTTP. A rule receives the facts it needs (and `today`), and answers with the
//! next state of things or with a [`refusal::Refusal`] that says why not, in French and in English.
//!
//! Words (states, roles, sections…) carry their wire spelling, so that a concept has one spelling in the database, in
//! JSON and in the documentation.

pub mod audit;
pub mod budget;
pub mod calendar;
pub mod cash_office;
pub mod document;
pub mod endowment;
pub mod expenditure;
pub mod fund;
pub mod id;
pub mod identity;
pub mod ledger;
pub mod money;
pub mod organisation;
pub mod parameter;
pub mod participation;
pub mod programme;
pub mod project;
pub mod refusal;
pub mod revenue;
pub mod sensitivity;
pub mod territory;
pub mod text;
pub mod word;
