//! Rows and SQL, on two engines: SQLite (embedded) and PostgreSQL.
//!
//! Knows the domain, knows no HTTP. Every write goes through [`store::Store::write`], which lends a transaction and asks
//! for the events that happened; every finder of organisation-owned data demands a scope.

// The list of tables that may stand in one query has more members than macros go deep by default.
#![recursion_limit = "256"]

pub mod audit;
pub mod backup;
pub mod budget;
pub mod cash_office;
pub mod column;
pub mod connection;
pub mod effect;
pub mod endowment;
pub mod expenditure;
pub mod fault;
pub mod fund;
pub mod identity;
pub mod kept;
pub mod ledger;
pub mod number;
pub mod organisation;
pub mod page;
pub mod parameter;
pub mod participation;
pub mod prepared;
pub mod private;
pub mod programme;
pub mod project;
pub mod reference;
pub mod revenue;
pub mod schema;
pub mod shelf;
pub mod store;
pub mod territory;
pub mod verify;
pub mod visible;
pub mod wall;
