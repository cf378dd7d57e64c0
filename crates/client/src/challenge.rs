//! `WWW-Authenticate` challenges (RFC 9110, section 11.6.1) as the gateway writes them: one scheme with its parameters.

use crate::transport::Answer;

/// The parameters of a `DPoP` challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge(Vec<(String, String)>);

impl Challenge {
    /// The challenge of an answer.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        Self::parse(answer.header("www-authenticate")?)
    }

    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (scheme, mut rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        if !scheme.eq_ignore_ascii_case("DPoP") {
            return None;
        }
        let mut parameters = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Some(Self(parameters));
            }
            let (name, after) = rest.split_once('=')?;
            let (text, after) = read_value(after.trim_start())?;
            parameters.push((name.trim().to_ascii_lowercase(), text));
            rest = after;
        }
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(parameter, _)| parameter == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A token or a quoted string, and what follows it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return text
            .split_at_checked(end)
            .map(|(token, after)| (token.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Challenge;

    #[test]
    fn parameters_are_read_quoted_or_not() {
        let challenge = Challenge::parse(
            r#"DPoP error="insufficient_user_authentication", acr_values="a b\"c", max_age=300"#,
        )
        .unwrap();
        assert_eq!(challenge.get("error"), Some("insufficient_user_authentication"));
        assert_eq!(challenge.get("acr_values"), Some("a b\"c"));
        assert_eq!(challenge.get("max_age"), Some("300"));
        assert_eq!(challenge.get("nonce"), None);
        assert_eq!(Challenge::parse("DPoP"), Some(Challenge::default()));
    }

    #[test]
    fn other_schemes_and_broken_parameters_are_none() {
        for wrong in ["Bearer realm=\"x\"", "DPoP error", "DPoP error=\"x", ""] {
            assert_eq!(Challenge::parse(wrong), None, "{wrong}");
        }
    }
}
