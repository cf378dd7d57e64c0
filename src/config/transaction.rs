//! `[route.transaction]`: where the body of a payment states what the customer must agree to (PSD2 RTS article 5).

use std::fmt;

use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value::{self, Complaint, Parsed, Value};

/// Where the members of the intent stand in the body. The body of such a route is a closed set: what is mapped here or
/// named in `also`, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The intent's `type`.
    pub kind: String,
    /// Amount, a string.
    pub amount: JsonPointer,
    /// Currency, ISO 4217.
    pub currency: JsonPointer,
    /// Account of the payee.
    pub payee: JsonPointer,
    /// Name of the payee.
    pub payee_name: Option<JsonPointer>,
    /// Account that is debited.
    pub debtor: Option<JsonPointer>,
    /// Reference for the payee.
    pub reference: Option<JsonPointer>,
    /// Day of execution.
    pub execution_date: Option<JsonPointer>,
    /// Further members that the body may have.
    pub also: Vec<JsonPointer>,
}

/// A pointer to a member of a JSON document (RFC 6901). Never to the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPointer {
    text: String,
    tokens: Vec<String>,
}

const MEMBERS: [&str; 7] = [
    "amount",
    "currency",
    "payee",
    "payee_name",
    "debtor",
    "reference",
    "execution_date",
];

pub(super) const SHAPE: Shape = Shape {
    name: "transaction",
    meaning: "Where the body of a payment states what the customer must agree to; JSON Pointers (RFC 6901).",
    repeated: false,
    keys: &[
        Key::with_default("type", Kind::Text, "\"payment\"", "Type of the intent."),
        Key::required("amount", Kind::Text, "Amount, a string."),
        Key::required("currency", Kind::Text, "Currency, ISO 4217."),
        Key::required("payee", Kind::Text, "Account of the payee."),
        Key::optional("payee_name", Kind::Text, "Name of the payee."),
        Key::optional("debtor", Kind::Text, "Account that is debited."),
        Key::optional("reference", Kind::Text, "Reference for the payee."),
        Key::optional("execution_date", Kind::Text, "Day of execution."),
        Key::optional(
            "also",
            Kind::List(&Kind::Text),
            "Further members that the body may have.",
        ),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Transaction> {
    let kind = section.value("type", value::name);
    let [amount, currency, payee] =
        ["amount", "currency", "payee"].map(|name| section.value(name, JsonPointer::read));
    let [payee_name, debtor, reference, execution_date] =
        ["payee_name", "debtor", "reference", "execution_date"]
            .map(|name| section.optional(name, JsonPointer::read));
    let also = section.list("also", JsonPointer::read);

    let mapped = [
        &amount,
        &currency,
        &payee,
        &payee_name,
        &debtor,
        &reference,
        &execution_date,
    ];
    check_apart(section, mapped, also.as_deref().unwrap_or_default());
    Some(Transaction {
        kind: kind?,
        amount: amount?,
        currency: currency?,
        payee: payee?,
        payee_name,
        debtor,
        reference,
        execution_date,
        also: also?,
    })
}

/// Two members read from one place, or one from inside the other, cannot both be what the customer saw.
fn check_apart(section: &Section<'_>, mapped: [&Option<JsonPointer>; 7], also: &[JsonPointer]) {
    let mut seen: Vec<(&str, &JsonPointer)> = Vec::new();
    let mapped = MEMBERS
        .into_iter()
        .zip(mapped)
        .filter_map(|(name, pointer)| Some((name, pointer.as_ref()?)));
    for (name, pointer) in mapped.chain(also.iter().map(|pointer| ("also", pointer))) {
        if let Some((other, _)) = seen.iter().find(|(_, known)| known.meets(pointer)) {
            let problem = format!("\"{pointer}\" and {other} point to the same place or into each other");
            section.fault(name, problem, "map each member to a place of its own");
        }
        seen.push((name, pointer));
    }
}

impl JsonPointer {
    /// The pointer as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its reference tokens, unescaped, at least one.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Reads a pointer; `None` when the text is none, or means the whole document.
    pub fn parse(text: &str) -> Option<JsonPointer> {
        let tokens = text
            .strip_prefix('/')?
            .split('/')
            .map(unescape)
            .collect::<Option<Vec<_>>>()?;
        Some(JsonPointer {
            text: text.to_owned(),
            tokens,
        })
    }

    fn read(value: &Value<'_>) -> Parsed<JsonPointer> {
        JsonPointer::parse(value.text()?).ok_or_else(|| {
            let problem = format!("{} is no JSON Pointer", value.quoted());
            Complaint::new(
                problem,
                "write it with a leading slash, such as \"/instructedAmount/amount\" (RFC 6901)",
            )
        })
    }

    /// Whether both name one place, or one a place inside the other's.
    fn meets(&self, other: &JsonPointer) -> bool {
        self.tokens
            .iter()
            .zip(&other.tokens)
            .all(|(own, their)| own == their)
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `~1` is a slash and `~0` a tilde; a tilde before anything else is an error (RFC 6901 section 3).
fn unescape(token: &str) -> Option<String> {
    let mut plain = String::with_capacity(token.len());
    let mut characters = token.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            character => character,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_unescaped_once_and_refused_when_broken() {
        // RFC 6901 section 5, without the pointer to the whole document.
        for (text, tokens) in [
            ("/foo/0", vec!["foo", "0"]),
            ("/", vec![""]),
            ("/a~1b", vec!["a/b"]),
            ("/m~0n", vec!["m~n"]),
            ("/~01", vec!["~1"]),
        ] {
            assert_eq!(JsonPointer::parse(text).unwrap().tokens(), tokens);
        }
        for refused in ["", "foo", "/a~", "/a~2", "#/foo"] {
            assert_eq!(JsonPointer::parse(refused), None, "{refused}");
        }
    }
}
