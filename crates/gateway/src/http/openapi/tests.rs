//! The document against the routes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document;
use crate::http::routes;

/// Method and path of each operation in the document.
fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, methods): (&String, &Value)| {
        let methods: Vec<String> = methods.as_object().unwrap().keys().cloned().collect();
        let path = path.clone();
        methods.into_iter().map(move |method| (method, path.clone()))
    };
    paths.iter().flat_map(methods).collect()
}

#[test]
fn every_route_is_in_the_document_and_no_other() {
    // OpenAPI has no part of a path that goes over several.
    let told = |path: &str| path.replace("{*path}", "{view}/{key}");
    let routes = routes::all().into_iter().map(|route| (route.method.to_owned(), told(route.path)));
    assert_eq!(operations(&document()), routes.collect());
}

#[test]
fn parts_of_paths_are_declared_and_operations_have_names_of_their_own() {
    let document = document();
    let mut names = BTreeSet::new();
    for (method, path) in operations(&document) {
        let operation = &document["paths"][&path][&method];
        let name = operation["operationId"].as_str().unwrap().to_owned();
        assert!(names.insert(name.clone()), "two operations are named {name}");
        let parts: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let declared = parameters.iter().filter(|each| each["in"] == "path").map(|each| each["name"].as_str().unwrap());
        assert_eq!(parts, declared.collect(), "{method} {path}");
    }
}

#[test]
fn what_is_referred_to_is_there() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
