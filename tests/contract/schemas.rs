//! The OpenAPI document as a validator of JSON.

use boon::{Compiler, Schemas};
use regex::Regex;
use reqwest::Method;
use serde_json::{Value, json};

/// Where the document is to the validator.
const AT: &str = "https://stepwell.example/openapi.json";

/// What a validator finds wrong with `instance`, by a schema of its own.
pub fn validate(name: &str, schema: &Value, instance: &Value) -> Result<(), String> {
    let at = format!("https://stepwell.example/{name}");
    check(schema, &at, &at, instance)
}

fn check(document: &Value, at: &str, schema: &str, instance: &Value) -> Result<(), String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource(at, document.clone()).unwrap();
    let compiled = compiler.compile(schema, &mut schemas);
    let compiled = compiled.unwrap_or_else(|error| panic!("{schema}: {error:#}"));
    let checked = schemas.validate(instance, compiled);
    checked.map_err(|error| format!("{error:#}\n{instance:#}"))
}

/// Puts `enum` in the place of `x-extensible-enum`.
fn close(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        if let Some(words) = members.remove("x-extensible-enum") {
            members.insert("enum".to_owned(), words);
        }
        members.values_mut().for_each(close);
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(close);
    }
}

/// The contract as the server's document has it.
pub struct Contract {
    /// The document.
    pub document: Value,
}

impl Contract {
    /// The document with its open enumerations closed: what this server answers are words that it knows.
    pub fn new() -> Self {
        let mut document = serde_json::from_str(&stepwell::http::openapi()).unwrap();
        close(&mut document);
        Self { document }
    }

    /// The names of the types.
    pub fn names(&self) -> Vec<String> {
        let schemas = self.document["components"]["schemas"].as_object().unwrap();
        schemas.keys().cloned().collect()
    }

    /// The schema of the type of that name.
    pub fn schema(&self, name: &str) -> &Value {
        let schema = self.document["components"]["schemas"].get(name);
        schema.unwrap_or_else(|| panic!("there is no type {name}"))
    }

    /// The schemas that one stands for: what it refers to, and its alternatives.
    pub fn shapes<'s>(&'s self, schema: &'s Value) -> Vec<&'s Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            let at = reference.trim_start_matches('#');
            return self.shapes(self.document.pointer(at).unwrap());
        }
        let of = ["oneOf", "anyOf", "allOf"].map(|word| schema[word].as_array());
        let others = of.into_iter().flatten().flatten();
        let others = others.flat_map(|one| self.shapes(one));
        std::iter::once(schema).chain(others).collect()
    }

    /// Checks JSON by the type of that name.
    pub fn check(&self, name: &str, instance: &Value) -> Result<(), String> {
        let pointer = format!("{AT}#/components/schemas/{name}");
        check(&self.document, AT, &pointer, instance)
    }

    /// The same, if any of the type's members may be missing.
    pub fn check_part(&self, name: &str, instance: &Value) -> Result<(), String> {
        let mut document = self.document.clone();
        document["components"]["schemas"][name]
            .as_object_mut()
            .unwrap()
            .remove("required");
        let pointer = format!("{AT}#/components/schemas/{name}");
        check(&document, AT, &pointer, instance)
    }

    /// Every operation with its path and method.
    pub fn operations(&self) -> impl Iterator<Item = (&String, &String, &Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        paths.iter().flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.iter().map(move |(method, it)| (path, method, it))
        })
    }

    /// Checks request and answer by the operation, and gives its id.
    pub fn check_answer(
        &self,
        method: &Method,
        path: &str,
        status: u16,
        sent: &Value,
        answer: &Value,
    ) -> String {
        let path = format!("/api/v1{}", path.split('?').next().unwrap());
        let fits = |template: &str| {
            let pattern = Regex::new(r"\{\w+\}")
                .unwrap()
                .replace_all(template, "[^/]+");
            Regex::new(&format!("^{pattern}$")).unwrap().is_match(&path)
        };
        let method = method.as_str().to_lowercase();
        // `tasks/count` fits `tasks/{task}`, too.
        let found = self
            .operations()
            .filter(|(template, verb, _)| **verb == method && fits(template))
            .min_by_key(|(template, _, _)| template.matches('{').count());
        let (_, _, operation) =
            found.unwrap_or_else(|| panic!("{method} {path} is not documented"));
        let response = &operation["responses"][status.to_string()];
        assert!(
            response.is_object(),
            "{method} {path}: {status} is not documented: {answer}"
        );
        let kind = if status < 400 {
            "application/json"
        } else {
            "application/problem+json"
        };
        match &response["content"][kind]["schema"] {
            Value::Null => assert_eq!(answer, &json!(""), "{method} {path}"),
            schema => {
                let found = self.check_by(schema, answer);
                found.unwrap_or_else(|error| panic!("{method} {path}: {status}: {error}"));
            }
        }
        let request = &operation["requestBody"]["content"]["application/json"]["schema"];
        if status < 400 && !sent.is_null() {
            assert!(request.is_object(), "{method} {path} takes no body");
            let found = self.check_by(request, sent);
            found.unwrap_or_else(|error| panic!("{method} {path}: the request: {error}"));
        }
        operation["operationId"].as_str().unwrap().to_owned()
    }

    /// Checks JSON as the request body of the operation with that id.
    pub fn check_body(&self, id: &str, instance: &Value) -> Result<(), String> {
        let mut operations = self.operations();
        let (_, _, operation) = operations
            .find(|(_, _, it)| it["operationId"] == id)
            .unwrap();
        let content = &operation["requestBody"]["content"];
        self.check_by(&content["application/json"]["schema"], instance)
    }

    /// Checks JSON by a schema that stands somewhere in the document.
    pub fn check_by(&self, schema: &Value, instance: &Value) -> Result<(), String> {
        let mut document = self.document.clone();
        document["components"]["schemas"]["Here"] = schema.clone();
        let pointer = format!("{AT}#/components/schemas/Here");
        check(&document, AT, &pointer, instance)
    }
}
