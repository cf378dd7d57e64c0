//! `countersign.schema.json`: the tables of keys as a JSON Schema, so that editors complete and check the file.

use serde_json::{Map, Value, json};

use super::load;
use super::shape::{Key, Kind, Presence, Shape};

/// The JSON Schema (draft 2020-12) of the configuration file.
pub fn json_schema() -> Value {
    let mut schema = section_schema(&load::SHAPE);
    if let Value::Object(members) = &mut schema {
        members.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert("title".to_owned(), json!("countersign.toml"));
    }
    schema
}

fn section_schema(shape: &Shape) -> Value {
    let keys = shape
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), key_schema(key)));
    let sections = shape
        .sections
        .iter()
        .map(|section| (section.name.to_owned(), below_schema(section)));
    let required: Vec<&str> = shape
        .keys
        .iter()
        .filter(|key| matches!(key.presence, Presence::Required))
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "description": shape.meaning,
        "additionalProperties": false,
        "required": required,
        "properties": keys.chain(sections).collect::<Map<_, _>>(),
    })
}

fn below_schema(shape: &Shape) -> Value {
    if shape.repeated {
        json!({ "type": "array", "items": section_schema(shape) })
    } else {
        section_schema(shape)
    }
}

fn key_schema(key: &Key) -> Value {
    let mut schema = kind_schema(key.kind);
    if let Value::Object(members) = &mut schema {
        members.insert("description".to_owned(), json!(key.meaning));
        if let Some(default) = default_value(key) {
            members.insert("default".to_owned(), default);
        }
    }
    schema
}

fn default_value(key: &Key) -> Option<Value> {
    let Presence::Default(literal) = key.presence else {
        return None;
    };
    let document: toml::Table = format!("value = {literal}").parse().ok()?;
    serde_json::to_value(document.get("value")?).ok()
}

fn kind_schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Integer { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Duration => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        Kind::Size => json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" }),
        Kind::Secret => json!({ "type": "string", "pattern": "^(file|env|systemd):.+$" }),
        Kind::List(of) => {
            json!({ "anyOf": [{ "type": "array", "items": kind_schema(*of) }, kind_schema(*of)] })
        }
    }
}
