//! One value of the file and how it is read into what it means. A reader answers with the value or with a complaint:
//! what is wrong, and what to write instead; where it stands is added by `section`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::quantity::digits;

/// What a reader of values answers.
pub(super) type Parsed<T> = Result<T, Complaint>;

/// What is wrong with a value, and what to write instead.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) problem: String,
    pub(super) remedy: String,
}

impl Complaint {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Complaint {
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

/// A value as written, with the folder that relative paths start from.
pub(super) struct Value<'v> {
    pub(super) node: &'v DeValue<'v>,
    pub(super) folder: &'v Path,
}

impl<'v> Value<'v> {
    /// Longest text any key takes, in bytes: enough for a URL or a path, too little to flood a terminal.
    const TEXT_LIMIT: usize = 4096;

    pub(super) fn text(&self) -> Parsed<&'v str> {
        let text = self.node.as_str().ok_or_else(|| {
            Complaint::new(
                format!("expected text, found {}", self.kind()),
                "write it in double quotes",
            )
        })?;
        if text.is_empty() {
            return Err(Complaint::new(
                "the text is empty",
                "write a value or leave the key out",
            ));
        }
        if text.len() > Self::TEXT_LIMIT || text.chars().any(char::is_control) {
            let problem = "the text is longer than 4096 bytes or holds control characters";
            return Err(Complaint::new(problem, "shorten it to one plain line"));
        }
        Ok(text)
    }

    pub(super) fn integer(&self, least: i64, most: i64) -> Parsed<i64> {
        let range = format!("write a whole number from {least} to {most}");
        let integer = self.node.as_integer().ok_or_else(|| {
            Complaint::new(format!("expected a number, found {}", self.kind()), range.clone())
        })?;
        i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| Complaint::new(format!("{integer} is out of range"), range))
    }

    pub(super) fn word(&self, words: &[&'static str]) -> Parsed<&'static str> {
        let text = self.text()?;
        words
            .iter()
            .copied()
            .find(|word| *word == text)
            .ok_or_else(|| self.not_one_of(words))
    }

    pub(super) fn not_one_of(&self, words: &[&str]) -> Complaint {
        let list = words
            .iter()
            .map(|word| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(", ");
        Complaint::new(
            format!("{} is not one of the words", self.quoted()),
            format!("write one of {list}"),
        )
    }

    /// The value's text as it goes into a message, or its kind.
    pub(super) fn quoted(&self) -> String {
        self.node.as_str().map_or_else(
            || format!("a value of kind {}", self.kind()),
            |text| format!("\"{text}\""),
        )
    }

    fn kind(&self) -> &'static str {
        match self.node {
            DeValue::String(_) => "text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }
}

/// A path, made absolute from the file's folder.
pub(super) fn path(value: &Value<'_>) -> Parsed<PathBuf> {
    Ok(value.folder.join(value.text()?))
}

/// A text that is taken as it is.
pub(super) fn text(value: &Value<'_>) -> Parsed<String> {
    value.text().map(str::to_owned)
}

/// A name that goes into logs, metrics and tokens: letters, digits, `.`, `_`, `-`; at most 64.
pub(super) fn name(value: &Value<'_>) -> Parsed<String> {
    let text = value.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.len() > 64 || !text.chars().all(plain) {
        let problem = format!("{} cannot be used as a name", value.quoted());
        return Err(Complaint::new(
            problem,
            "use at most 64 letters, digits, '.', '_' or '-'",
        ));
    }
    Ok(text.to_owned())
}

/// An address to listen on, such as `127.0.0.1:8443` or `[::1]:8443`.
pub(super) fn socket(value: &Value<'_>) -> Parsed<SocketAddr> {
    value.text()?.parse().map_err(|_| {
        let problem = format!("{} is no address to listen on", value.quoted());
        Complaint::new(
            problem,
            "write address and port, such as \"127.0.0.1:8443\" or \"[::1]:8443\"",
        )
    })
}

/// A network in CIDR notation; a bare address means that address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` is inside; an IPv4 address mapped into IPv6 counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same_prefix(own.to_bits().into(), other.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                same_prefix(own.to_bits(), other.to_bits(), 128, self.prefix)
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

fn same_prefix(own: u128, other: u128, width: u32, prefix: u8) -> bool {
    let ignored = width.saturating_sub(prefix.into());
    own.checked_shr(ignored).unwrap_or(0) == other.checked_shr(ignored).unwrap_or(0)
}

/// A text that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write an address, or a network such as \"10.0.0.0/8\" with the host bits zero")]
pub struct NoNetwork;

impl std::str::FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(prefix) => digits(prefix)
                .filter(|prefix| *prefix <= width)
                .ok_or(NoNetwork)?,
        };
        let bits = match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        // Host bits that are set mean that the writer had something else in mind.
        if bits.checked_shl(prefix.into()).unwrap_or(0) != 0 {
            return Err(NoNetwork);
        }
        Ok(Self { address, prefix })
    }
}

/// A network, such as `10.0.0.0/8` or `::1`.
pub(super) fn network(value: &Value<'_>) -> Parsed<Network> {
    value
        .text()?
        .parse()
        .map_err(|no: NoNetwork| Complaint::new(format!("{} is no network", value.quoted()), no.to_string()))
}
