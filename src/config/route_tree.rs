//! Which routes' patterns take a path, found by its segments, so that a request costs the same among ten routes and among a
//! thousand.

use std::collections::HashMap;

use super::path_pattern::{PathPattern, Segment};
use super::request_path::RequestPath;

/// The patterns of one host, segment by segment. What is found is a route's place in the list that the tree was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RouteTree {
    literals: HashMap<String, RouteTree>,
    parameter: Option<Box<RouteTree>>,
    /// Patterns that take whatever follows, of which there must be something.
    rests: Vec<usize>,
    /// Patterns that end here.
    ends: Vec<usize>,
}

impl RouteTree {
    /// Adds the pattern of the route at `place`.
    pub(super) fn insert(&mut self, pattern: &PathPattern, place: usize) {
        let mut node = self;
        for segment in pattern.segments() {
            node = match segment {
                Segment::Literal(literal) => node.literals.entry(literal.clone()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                Segment::Rest(_) => return node.rests.push(place),
            };
        }
        node.ends.push(place);
    }

    /// The places of all patterns that take `path`, as [`PathPattern::matches`] says of each.
    pub(super) fn taking(&self, path: &RequestPath) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect(path.segments(), &mut found);
        found
    }

    /// As deep as the longest pattern, whatever the path.
    fn collect(&self, rest: &[String], found: &mut Vec<usize>) {
        let Some((segment, rest)) = rest.split_first() else {
            return found.extend(&self.ends);
        };
        if let Some(node) = self.literals.get(segment) {
            node.collect(rest, found);
        }
        if let Some(node) = self.parameter.as_ref().filter(|_| !segment.is_empty()) {
            node.collect(rest, found);
        }
        found.extend(&self.rests);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "c", "{"])
    }

    fn pattern() -> impl Strategy<Value = PathPattern> {
        let last = prop::sample::select(vec!["", "a", "b", "{y}", "{rest...}"]);
        (prop::collection::vec(segment(), 0..4), last).prop_map(|(mut segments, last)| {
            segments.push(last);
            let named = segments
                .iter()
                .enumerate()
                .map(|(place, segment)| match *segment {
                    "{" => format!("{{p{place}}}"),
                    segment => segment.to_owned(),
                });
            PathPattern::of(&format!("/{}", named.collect::<Vec<_>>().join("/")))
        })
    }

    fn path() -> impl Strategy<Value = RequestPath> {
        let last = prop::sample::select(vec!["", "a", "b", "d"]);
        let segments = prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "d"]), 0..5);
        (segments, last).prop_map(|(mut segments, last)| {
            segments.push(last);
            RequestPath::parse(&format!("/{}", segments.join("/"))).unwrap()
        })
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_each_pattern_takes_by_itself(
            patterns in prop::collection::vec(pattern(), 0..24),
            paths in prop::collection::vec(path(), 1..24),
        ) {
            let mut tree = RouteTree::default();
            for (place, pattern) in patterns.iter().enumerate() {
                tree.insert(pattern, place);
            }
            for path in paths {
                let mut found = tree.taking(&path);
                found.sort_unstable();
                let alone = (0..patterns.len()).filter(|place| patterns[*place].matches(&path));
                prop_assert_eq!(found, alone.collect::<Vec<_>>());
            }
        }
    }
}
