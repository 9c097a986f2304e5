//! Which operation a request asks for: found once, by the paths of the contract, before anything is done for it. Only what
//! was found is served.

use std::cell::RefCell;
use std::collections::HashMap;

use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::Method;
use actix_web::{guard, web};
use utoipa::openapi::path::Paths;
use utoipa::openapi::{RefOr, Schema};
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::access::{Operation, operation};
use crate::contract::outline::Operations;

/// The operations by their paths.
pub struct Routes {
    paths: matchit::Router<Offered>,
}

/// The operations of a path, by method.
#[derive(Default)]
struct Offered(Vec<(Method, &'static Operation)>);

/// A path that a request names.
pub struct Place<'r> {
    offered: &'r Offered,
    /// What stands for `{organisation_id}`.
    pub organisation: Option<&'r str>,
}

/// What a request was found to ask for.
#[derive(Clone, Copy)]
pub struct Found(pub &'static Operation);

impl Routes {
    pub fn new(operations: Operations) -> Result<Self, String> {
        let mut offered: HashMap<String, Offered> = HashMap::new();
        for ((method, path), operation) in operations {
            offered.entry(path).or_default().0.push((method, operation));
        }
        let mut paths = matchit::Router::new();
        for (path, offered) in offered {
            paths.insert(&path, offered).map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(Self { paths })
    }

    /// The path of the contract that a request names, if there is one.
    pub fn at<'r>(&'r self, path: &'r str) -> Option<Place<'r>> {
        let matched = self.paths.at(path).ok()?;
        Some(Place { offered: matched.value, organisation: matched.params.get("organisation_id") })
    }
}

impl Place<'_> {
    pub fn operation(&self, method: &Method) -> Option<&'static Operation> {
        self.offered.0.iter().find(|(offered, _)| offered == method).map(|(_, operation)| *operation)
    }

    /// The methods, as the header Allow names them.
    pub fn methods(&self) -> String {
        let mut methods: Vec<&str> = self.offered.0.iter().map(|(method, _)| method.as_str()).collect();
        methods.sort_unstable();
        methods.join(", ")
    }
}

/// How many operations are asked at once whether a request is theirs: about the square root of how many there are.
const GROUP: usize = 16;

/// Where operations are registered.
pub enum Register<'r, 'c> {
    /// With what the contract says of each.
    Contract(&'r mut ServiceConfig<'c>),
    /// To be served, which takes a fraction of the memory.
    Service(&'r mut web::ServiceConfig),
}

/// Takes the operations of all rooms, and registers them in groups. An operation is served only to requests that were found
/// to ask for it: comparing what was found costs far less than comparing its path with that of the request.
pub struct Rooms<'r, 'c> {
    register: Register<'r, 'c>,
    group: Group,
}

impl<'r, 'c> Rooms<'r, 'c> {
    pub fn new(register: Register<'r, 'c>) -> Self {
        Self { register, group: Group::default() }
    }

    pub fn service(&mut self, service: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self {
        if self.group.operations.len() >= GROUP {
            self.register();
        }
        if matches!(self.register, Register::Contract(_)) {
            service.schemas(self.group.schemas.get_mut());
        }
        self.group.add(service);
        self
    }

    fn register(&mut self) {
        let group = std::mem::take(&mut self.group);
        match &mut self.register {
            Register::Contract(config) => {
                config.service(group);
            }
            Register::Service(config) => {
                config.service(group);
            }
        }
    }
}

impl Drop for Rooms<'_, '_> {
    fn drop(&mut self) {
        self.register();
    }
}

/// Operations that are registered together.
struct Group {
    operations: Vec<&'static Operation>,
    scope: actix_web::Scope,
    /// For the contract, handed on once.
    paths: RefCell<Paths>,
    schemas: RefCell<Vec<(String, RefOr<Schema>)>>,
}

impl Default for Group {
    fn default() -> Self {
        Self { operations: Vec::new(), scope: web::scope(""), paths: Paths::new().into(), schemas: RefCell::default() }
    }
}

impl Group {
    fn add(&mut self, service: impl HttpServiceFactory + OpenApiFactory + 'static) {
        let paths = service.paths();
        let described = paths.paths.values().flat_map(|item| [&item.get, &item.post, &item.put, &item.patch]).flatten();
        let operations: Vec<&'static Operation> = described.filter_map(|described| operation(described.operation_id.as_deref()?)).collect();
        self.operations.extend(&operations);
        self.paths.get_mut().merge(paths);
        let scope = std::mem::replace(&mut self.scope, web::scope(""));
        self.scope = scope.service(web::scope("").guard(only(operations)).service(service));
    }
}

/// Lets requests pass that were found to ask for one of these.
fn only(operations: Vec<&'static Operation>) -> impl guard::Guard {
    guard::fn_guard(move |context| {
        let found = context.req_data().get::<Found>().copied();
        found.is_some_and(|found| operations.iter().any(|one| std::ptr::eq(*one, found.0)))
    })
}

impl OpenApiFactory for Group {
    fn paths(&self) -> Paths {
        self.paths.replace(Paths::new())
    }

    fn schemas(&self, schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.append(&mut self.schemas.borrow_mut());
    }
}

impl HttpServiceFactory for Group {
    fn register(self, config: &mut AppService) {
        self.scope.guard(only(self.operations)).register(config);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::dev::Service as _;
    use actix_web::http::StatusCode;
    use actix_web::{App, HttpMessage as _, test};

    use super::*;
    use crate::contract::outline::operations;
    use crate::server::serve_rooms;

    async fn status(found: Option<&'static Operation>, path: &str) -> StatusCode {
        let app = App::new().wrap_fn(move |request, service| {
            if let Some(operation) = found {
                request.extensions_mut().insert(Found(operation));
            }
            service.call(request)
        });
        let app = test::init_service(app.configure(serve_rooms)).await;
        test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await.status()
    }

    #[actix_web::test]
    async fn an_operation_answers_only_who_was_found_to_ask_for_it() {
        let [meta, problems] = ["read_meta", "list_problems"].map(operation);
        assert_eq!(status(None, "/v1/meta").await, StatusCode::NOT_FOUND);
        assert_eq!(status(problems, "/v1/meta").await, StatusCode::NOT_FOUND);
        assert_eq!(status(meta, "/v1/meta").await, StatusCode::INTERNAL_SERVER_ERROR, "reached, where nobody proved its caller");
    }

    #[actix_web::test]
    async fn a_path_names_one_place_with_its_methods() {
        let routes = Routes::new(operations().expect("operations")).expect("routes");
        let place = routes.at("/v1/organisations/a/commitments").expect("a place");
        assert_eq!((place.organisation, place.methods().as_str()), (Some("a"), "GET, POST"));
        assert_eq!(place.operation(&Method::POST).map(|operation| operation.id), Some("commit_expenditure"));
        assert!(place.operation(&Method::DELETE).is_none());
        for path in ["", "/", "/v1/meta/", "/v1//meta", "/V1/meta", "/v1/organisations//commitments", "/v1/%6Deta"] {
            assert!(routes.at(path).is_none(), "{path}");
        }
    }
}
