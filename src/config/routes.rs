//! The table of routes: which one a request belongs to, and that there is never a doubt about it.

use std::collections::HashMap;

use http::Method;

use super::path_pattern::Overlap;
use super::request_path::RequestPath;
use super::route::Route;
use super::route_tree::RouteTree;
use super::section::Section;

/// All routes of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    routes: Vec<Route>,
    /// The places of the routes, by host and by path.
    hosts: HashMap<String, RouteTree>,
}

/// What a request's host, path and method lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// This route.
    Found(&'a Route),
    /// A path of routes that do not take the method; their methods are for the `Allow` header.
    MethodNotAllowed(Vec<&'a Method>),
    /// Nothing.
    Unknown,
}

impl Routes {
    pub(super) fn new(routes: Vec<Route>) -> Self {
        let mut hosts = HashMap::<String, RouteTree>::new();
        for (place, route) in routes.iter().enumerate() {
            hosts
                .entry(route.host.clone())
                .or_default()
                .insert(&route.path, place);
        }
        Routes { routes, hosts }
    }

    /// The routes, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Route> {
        self.routes.iter()
    }

    /// The route of that name.
    pub fn by_name(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == name)
    }

    /// Whether any route belongs to this authority.
    pub fn has_host(&self, host: &str) -> bool {
        self.hosts.contains_key(host)
    }

    /// Finds the route of a request. The strictest pattern that takes the path decides, whatever the method: a route
    /// with a looser pattern never gets a request because a stricter one does not take its method.
    pub fn find(&self, host: &str, method: &Method, path: &RequestPath) -> Lookup<'_> {
        if path.is_reserved() {
            return Lookup::Unknown;
        }
        let places = self.hosts.get(host).map(|tree| tree.taking(path));
        let taking: Vec<&Route> = places
            .unwrap_or_default()
            .into_iter()
            .filter_map(|place| self.routes.get(place))
            .collect();
        let beaten = |route: &Route| {
            taking
                .iter()
                .any(|other| other.path.overlap(&route.path) == Overlap::SelfStricter)
        };
        let strictest: Vec<&Route> = taking.iter().copied().filter(|route| !beaten(route)).collect();
        if let Some(route) = strictest.iter().find(|route| route.methods.contains(method)) {
            return Lookup::Found(route);
        }
        if strictest.is_empty() {
            return Lookup::Unknown;
        }
        Lookup::MethodNotAllowed(
            strictest
                .into_iter()
                .flat_map(|route| route.methods.named())
                .collect(),
        )
    }
}

/// Tells each pair of routes between which a request could be torn, at the later one.
pub(super) fn check_apart(read: &[(Section<'_>, Option<Route>)]) {
    for (index, (section, route)) in read.iter().enumerate() {
        let Some(route) = route else { continue };
        for (_, other) in read.iter().take(index) {
            let Some(other) = other else { continue };
            if route.name == other.name {
                section.fault(
                    "name",
                    format!("two routes are named {}", route.name),
                    "give each a name of its own",
                );
            }
            if route.host == other.host {
                check_pair(section, route, other);
            }
        }
    }
}

fn check_pair(section: &Section<'_>, route: &Route, other: &Route) {
    let torn = match route.path.overlap(&other.path) {
        Overlap::Same => route.methods.overlap(&other.methods),
        Overlap::Crossing => true,
        Overlap::None | Overlap::SelfStricter | Overlap::OtherStricter => false,
    };
    if torn {
        let problem = format!(
            "{} and {} ({}) take the same requests",
            route.path, other.path, other.name
        );
        section.fault(
            "path",
            problem,
            "make one path strictly narrower, or give the routes different methods",
        );
    }
}
