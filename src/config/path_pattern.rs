//! Path patterns of routes: which paths they take, and how two of them lie to each other.

use std::cmp::Ordering;
use std::fmt;

use super::request_path::{RESERVED, RequestPath};
use super::value::{Complaint, Parsed, Value};

/// A route's path: literal segments, `{name}` for one segment, and a final `{rest...}` for one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Parameter(String),
    Rest(String),
}

impl PathPattern {
    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether a request's path is of this pattern. A parameter takes no empty segment.
    pub fn matches(&self, path: &RequestPath) -> bool {
        let mut given = path.segments().iter();
        for segment in &self.segments {
            match (segment, given.next()) {
                (Segment::Rest(_), Some(_)) => return true,
                (Segment::Literal(literal), Some(given)) if literal == given => {}
                (Segment::Parameter(_), Some(given)) if !given.is_empty() => {}
                _ => return false,
            }
        }
        given.next().is_none()
    }

    /// What the parameters took, by name, decoded; `None` when the path is not of this pattern.
    pub fn parameters<'a>(&'a self, path: &'a RequestPath) -> Option<Vec<(&'a str, &'a str)>> {
        if !self.matches(path) {
            return None;
        }
        let pairs = self.segments.iter().zip(path.segments());
        Some(
            pairs
                .filter_map(|(segment, given)| match segment {
                    Segment::Parameter(name) => Some((name.as_str(), given.as_str())),
                    Segment::Literal(_) | Segment::Rest(_) => None,
                })
                .collect(),
        )
    }

    /// How two patterns lie to each other.
    pub(super) fn overlap(&self, other: &PathPattern) -> Overlap {
        let (mut stricter, mut looser, mut ended_by_rest) = (false, false, false);
        for (own, their) in self.segments.iter().zip(&other.segments) {
            if own.excludes(their) {
                return Overlap::None;
            }
            match own.looseness().cmp(&their.looseness()) {
                Ordering::Less => stricter = true,
                Ordering::Equal => {}
                Ordering::Greater => looser = true,
            }
            ended_by_rest = matches!(own, Segment::Rest(_)) || matches!(their, Segment::Rest(_));
            if ended_by_rest {
                break;
            }
        }
        match (stricter, looser) {
            _ if !ended_by_rest && self.segments.len() != other.segments.len() => Overlap::None,
            (false, false) => Overlap::Same,
            (true, false) => Overlap::SelfStricter,
            (false, true) => Overlap::OtherStricter,
            (true, true) => Overlap::Crossing,
        }
    }

    pub(super) fn read(value: &Value<'_>) -> Parsed<PathPattern> {
        let text = value.text()?;
        let complain = |problem: &str| {
            let remedy = "write segments such as \"/accounts/{id}/payments\"; only the last may be {rest...}";
            Complaint::new(format!("{}: {problem}", value.quoted()), remedy)
        };
        let path = text
            .strip_prefix('/')
            .ok_or_else(|| complain("a path begins with a slash"))?;
        let written: Vec<&str> = path.split('/').collect();
        let last = written.len().saturating_sub(1);
        let mut segments = Vec::with_capacity(written.len());
        for (index, segment) in written.into_iter().enumerate() {
            segments.push(Segment::parse(segment, index == last).map_err(complain)?);
        }
        let pattern = PathPattern {
            text: text.to_owned(),
            segments,
        };
        pattern.check_names().map_err(complain)?;
        pattern.check_reserved()?;
        Ok(pattern)
    }

    fn check_names(&self) -> Result<(), &'static str> {
        let mut names: Vec<&str> = self.segments.iter().filter_map(Segment::name).collect();
        names.sort_unstable();
        let repeated = names.windows(2).any(|pair| pair.first() == pair.last());
        if repeated {
            Err("two parameters have one name")
        } else {
            Ok(())
        }
    }

    fn check_reserved(&self) -> Parsed<()> {
        match self.segments.first() {
            Some(Segment::Literal(first)) if RESERVED.contains(&first.as_str()) => {
                let problem = format!("/{first} is one of the gateway's own paths");
                Err(Complaint::new(
                    problem,
                    "choose another path; the gateway's own paths cannot be routed",
                ))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How two patterns lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    /// No path is of both.
    None,
    /// Every path of one is of the other.
    Same,
    /// Some paths are of both, and the first pattern is nowhere looser: it wins.
    SelfStricter,
    /// Some paths are of both, and the second pattern is nowhere looser: it wins.
    OtherStricter,
    /// Some paths are of both, and each is looser somewhere.
    Crossing,
}

impl Segment {
    fn parse(segment: &str, last: bool) -> Result<Segment, &'static str> {
        let Some(name) = segment.strip_prefix('{') else {
            return Segment::literal(segment, last);
        };
        let name = name.strip_suffix('}').ok_or("a parameter ends with }")?;
        let (name, rest) = name
            .strip_suffix("...")
            .map_or((name, false), |name| (name, true));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err("a parameter's name is of letters, digits and _");
        }
        match (rest, last) {
            (false, _) => Ok(Segment::Parameter(name.to_owned())),
            (true, true) => Ok(Segment::Rest(name.to_owned())),
            (true, false) => Err("{...} is not the last segment"),
        }
    }

    fn literal(segment: &str, last: bool) -> Result<Segment, &'static str> {
        // Unreserved characters and a few sub-delimiters: what needs no encoding and no backend reads in two ways.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,=:@".contains(c);
        match segment {
            "" if last => Ok(Segment::Literal(String::new())),
            "" => Err("an empty segment"),
            "." | ".." => Err("a dot segment"),
            _ if segment.chars().all(plain) => Ok(Segment::Literal(segment.to_owned())),
            _ => Err("a character that does not belong into a path"),
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Segment::Literal(_) => None,
            Segment::Parameter(name) | Segment::Rest(name) => Some(name),
        }
    }

    /// Whether no segment is of both.
    fn excludes(&self, other: &Segment) -> bool {
        match (self, other) {
            (Segment::Literal(own), Segment::Literal(their)) => own != their,
            (Segment::Literal(literal), Segment::Parameter(_))
            | (Segment::Parameter(_), Segment::Literal(literal)) => literal.is_empty(),
            _ => false,
        }
    }

    fn looseness(&self) -> u8 {
        match self {
            Segment::Literal(_) => 0,
            Segment::Parameter(_) => 1,
            Segment::Rest(_) => 2,
        }
    }
}

#[cfg(test)]
impl PathPattern {
    pub(super) fn of(text: &str) -> Self {
        let node = toml::de::DeValue::String(text.into());
        Self::read(&Value {
            node: &node,
            folder: "/".as_ref(),
        })
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::of(text)
    }

    fn matches(text: &str, path: &str) -> bool {
        RequestPath::parse(path).is_some_and(|path| pattern(text).matches(&path))
    }

    #[test]
    fn a_pattern_takes_its_paths_and_no_others() {
        assert!(matches("/", "/"));
        assert!(matches("/accounts/{id}", "/accounts/42"));
        assert!(matches("/public/{rest...}", "/public/"));
        assert!(matches("/public/{rest...}", "/public/a/b/"));
        for (text, path) in [
            ("/accounts/{id}", "/accounts/"),
            ("/accounts/{id}", "/accounts/1/2"),
            ("/accounts", "/accounts/"),
            ("/public/{rest...}", "/public"),
            ("/accounts", "/Accounts"),
        ] {
            assert!(!matches(text, path), "{text} {path}");
        }
    }

    #[test]
    fn another_spelling_of_a_path_is_of_the_same_pattern() {
        for spelling in ["/payments", "/%70ayments", "/paymen%74s", "/payments;v=1"] {
            assert!(matches("/payments", spelling), "{spelling}");
        }
    }

    #[test]
    fn overlapping_patterns_are_ordered_or_told_apart() {
        for (one, other, overlap) in [
            ("/a/{x}", "/a/{y}", Overlap::Same),
            ("/a/b", "/a/{x}", Overlap::SelfStricter),
            ("/a/{rest...}", "/a/{x}", Overlap::OtherStricter),
            ("/a/{rest...}", "/a/b/c", Overlap::OtherStricter),
            ("/a/{x}/c", "/a/b/{y}", Overlap::Crossing),
            ("/a/b", "/a/c", Overlap::None),
            ("/a", "/a/{x}", Overlap::None),
            ("/a/", "/a/{x}", Overlap::None),
            ("/a/{x}/c", "/{y}/b/d", Overlap::None),
            ("/a/{x}", "/{y}/b/c", Overlap::None),
        ] {
            assert_eq!(pattern(one).overlap(&pattern(other)), overlap, "{one} {other}");
        }
    }
}
