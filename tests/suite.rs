//! One black-box suite through HTTP, on SQLite always and on PostgreSQL where its server binaries are installed or
//! `SIGIDA_TEST_POSTGRES_URL` names a server. One file per room, reading like the minutes of a meeting.

mod harness;

mod access;
mod audit;
mod backup;
mod budget;
mod cash_office;
mod chaos;
mod columns;
mod contract;
mod edge;
mod endowment;
mod engines;
mod expenditure;
mod export;
mod fund;
mod fuzz;
mod identity;
mod input;
mod ledger;
mod mini_year;
mod operations;
mod organisation;
mod paper;
mod prepared;
mod programme;
mod project;
mod race;
mod rate;
mod revenue;
mod status;
mod territory;
mod tidy;
mod wall;
