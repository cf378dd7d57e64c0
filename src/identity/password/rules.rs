//! Which new passwords are taken (NIST SP 800-63B-4, section 3.1.1.2): long enough and not one that everybody tries first.

use super::Password;

/// Fewest characters of a password that is the only factor (PWD-01).
const ALONE: usize = 15;
/// Fewest characters of a password that is used with a second factor only.
const WITH_SECOND_FACTOR: usize = 8;
/// Passwords of eight characters and more that head every list of leaked ones, a line each.
const COMMON: &str = include_str!("common_passwords.txt");

/// Why a new password is refused; the reason is told (PWD-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer characters than needed.
    #[error("has fewer than {0} characters")]
    Short(usize),
    /// It is on the list of common passwords, or is made of nothing but names an attacker knows.
    #[error("is one of the first that anyone would try")]
    Guessable,
}

/// Judges a new password. `context` holds words an attacker would try for this customer: username, names, the service.
///
/// # Errors
/// [`WeakPassword`].
pub fn check_new(password: &Password, context: &[&str], has_second_factor: bool) -> Result<(), WeakPassword> {
    let text = password.0.expose();
    let needed = if has_second_factor {
        WITH_SECOND_FACTOR
    } else {
        ALONE
    };
    if text.chars().count() < needed {
        return Err(WeakPassword::Short(needed));
    }
    let folded = text.to_lowercase();
    let core = folded.trim_matches(|c: char| !c.is_alphabetic());
    let is_context = |word: &&str| {
        let word = word.to_lowercase();
        !word.is_empty() && (word == folded || word == core)
    };
    let repeats = folded.chars().collect::<std::collections::HashSet<_>>().len() <= 2;
    if repeats || COMMON.lines().any(|common| common == folded) || context.iter().any(is_context) {
        return Err(WeakPassword::Guessable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str, has_second_factor: bool) -> Result<(), WeakPassword> {
        check_new(
            &Password::parse(text).unwrap(),
            &["alice.miller", "Countersign"],
            has_second_factor,
        )
    }

    /// PWD-01: characters are counted, not bytes.
    #[test]
    fn length_depends_on_whether_it_stands_alone() {
        assert_eq!(judged("ganz7neu", true), Ok(()));
        assert_eq!(judged("ganz7ne", true), Err(WeakPassword::Short(8)));
        assert_eq!(judged("ganz7neu", false), Err(WeakPassword::Short(15)));
        assert_eq!(judged("lange genug wäre", false), Ok(()));
        assert_eq!(judged("ääääöööö€", true), Ok(()));
    }

    /// PWD-03: the whole password is compared, no substring.
    #[test]
    fn what_anyone_tries_first_is_refused() {
        for bad in [
            "password1",
            "Password1",
            "12345678",
            "alice.miller",
            "ALICE.MILLER",
            "countersign1!",
            "aaaaaaaaaaaa",
        ] {
            assert_eq!(judged(bad, true), Err(WeakPassword::Guessable), "{bad}");
        }
        assert_eq!(judged("password1-but-longer", true), Ok(()));
    }

    #[test]
    fn the_list_is_lower_case_and_long_enough_to_matter() {
        assert!(COMMON.lines().count() >= 200);
        for line in COMMON.lines() {
            assert!(
                line.chars().count() >= WITH_SECOND_FACTOR && line == line.to_lowercase(),
                "{line}"
            );
        }
    }
}
