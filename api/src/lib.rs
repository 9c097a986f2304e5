//! HTTP, JSON, tokens, and the program `sigida`. Owns the flow of a request: prove who calls, load, let the domain
//! decide, store, say.

pub mod access;
pub mod answer;
pub mod audit;
pub mod auth;
pub mod body;
pub mod budget;
pub mod cash_office;
pub mod clock;
pub mod config;
pub mod contract;
pub mod demo;
pub mod expenditure;
pub mod export;
pub mod founding;
pub mod identity;
pub mod idle;
pub mod intake;
pub mod ledger;
pub mod limit;
pub mod meta;
pub mod metrics;
pub mod organisation;
pub mod page;
pub mod paper;
pub mod parameter;
pub mod participation;
pub mod password;
pub mod problem;
pub mod rate;
pub mod revenue;
pub mod route;
pub mod server;
pub mod territory;
pub mod token;
pub mod wire;
