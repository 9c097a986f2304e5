//! What the program reads in its own contract, worked out once: the contract itself takes time and memory to make.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use actix_web::http::Method;
use actix_web::web::Bytes;
use utoipa::openapi::OpenApi;

use super::contract;
use super::field::{ResourceFields, fields};
use super::parameter::{Parameters, query_parameters};
use crate::access::{Operation, operation};
use crate::export::{Column, tables};

/// What follows from the contract.
pub struct Outline {
    /// Operations by method and path pattern, or which of them does not declare who may call it.
    operations: Result<Operations, String>,
    /// Query parameters by operation.
    pub parameters: HashMap<&'static str, Parameters>,
    /// The columns of each operation that lists.
    pub tables: HashMap<&'static str, Arc<Vec<Column>>>,
    /// What can be set on what is created, by its name.
    pub fields: BTreeMap<String, ResourceFields>,
    /// The contract in JSON, as it is served.
    pub json: Result<Bytes, String>,
}

/// Operations by method and path pattern.
pub type Operations = HashMap<(Method, String), &'static Operation>;

pub static OUTLINE: LazyLock<Outline> = LazyLock::new(|| {
    let contract = contract();
    Outline {
        operations: read_operations(&contract),
        parameters: query_parameters(&contract),
        tables: tables(&contract),
        fields: fields(&contract),
        json: contract.to_json().map(Bytes::from).map_err(|error| error.to_string()),
    }
});

/// The operations as the routes declare them. A route without a declaration of access stops the program at its start.
pub fn operations() -> Result<Operations, String> {
    OUTLINE.operations.clone()
}

fn read_operations(contract: &OpenApi) -> Result<Operations, String> {
    let mut operations = HashMap::new();
    for (path, item) in &contract.paths.paths {
        let described = [(Method::GET, &item.get), (Method::POST, &item.post), (Method::PUT, &item.put), (Method::PATCH, &item.patch)];
        for (method, described) in described {
            let Some(described) = described else { continue };
            let id = described.operation_id.as_deref().unwrap_or_default();
            let declared = operation(id).ok_or_else(|| format!("{method} {path} ({id}) does not declare who may call it"))?;
            operations.insert((method, path.clone()), declared);
        }
    }
    Ok(operations)
}
