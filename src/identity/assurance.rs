//! From the factors a customer proved to the class of the login and its methods. Pure.

/// A factor a customer can prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Factor {
    /// A password: knowledge.
    Password,
    /// A time-based one-time code: possession of what holds its secret.
    Otp,
}

/// The kind of a factor (PSD2, article 4(30)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something only the customer knows.
    Knowledge,
    /// Something only the customer has.
    Possession,
}

impl Factor {
    /// The name in `factors`, in the store and in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Otp => "otp",
        }
    }

    /// The value in `amr` (RFC 8176, section 2).
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Otp => "otp",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Password => Kind::Knowledge,
            Self::Otp => Kind::Possession,
        }
    }
}

/// The strongest class a customer can reach with the factors there are.
pub const STRONGEST: u8 = 2;

/// The class that `proven` reaches: 0 for nothing, 1 for one kind, 2 for two different kinds.
#[must_use]
pub fn class(proven: &[Factor]) -> u8 {
    let has = |kind| proven.iter().any(|factor| factor.kind() == kind);
    u8::from(has(Kind::Knowledge)) + u8::from(has(Kind::Possession))
}

/// The factors that are still to be proven before `proven` reaches `wanted`; the password always comes first.
#[must_use]
pub fn missing(proven: &[Factor], wanted: u8) -> Vec<Factor> {
    let needed: &[Factor] = if wanted >= 2 {
        &[Factor::Password, Factor::Otp]
    } else {
        &[Factor::Password]
    };
    needed
        .iter()
        .filter(|factor| !proven.contains(factor))
        .copied()
        .collect()
}

/// The `amr` of a login: the methods, `mfa` when they are of two kinds, and `pop` because every login here is bound to a
/// key (RFC 8176).
#[must_use]
pub fn methods(proven: &[Factor]) -> Vec<&'static str> {
    let mut methods: Vec<_> = proven.iter().map(|factor| factor.method()).collect();
    if class(proven) >= 2 {
        methods.push("mfa");
    }
    methods.push("pop");
    methods
}

/// The name of a class in `acr` and `acr_values`.
#[must_use]
pub fn name(class: u8) -> String {
    format!("urn:countersign:acr:{class}")
}

/// The class called `name`.
#[must_use]
pub fn from_name(name: &str) -> Option<u8> {
    match name.strip_prefix("urn:countersign:acr:")? {
        "1" => Some(1),
        "2" => Some(2),
        "3" => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_factors_of_one_kind_never_make_two() {
        assert_eq!(class(&[]), 0);
        assert_eq!(class(&[Factor::Password, Factor::Password]), 1);
        assert_eq!(class(&[Factor::Otp, Factor::Otp]), 1);
        assert_eq!(class(&[Factor::Password, Factor::Otp]), 2);
    }

    #[test]
    fn what_is_missing_depends_on_the_class_alone() {
        assert_eq!(missing(&[], 1), [Factor::Password]);
        assert_eq!(missing(&[], 2), [Factor::Password, Factor::Otp]);
        assert_eq!(missing(&[Factor::Password], 2), [Factor::Otp]);
        assert_eq!(missing(&[Factor::Otp], 1), [Factor::Password]);
    }

    #[test]
    fn names_of_classes_are_read_back() {
        for class in 1..=3 {
            assert_eq!(from_name(&name(class)), Some(class));
        }
        assert_eq!(from_name("urn:countersign:acr:4"), None);
        assert_eq!(from_name("2"), None);
    }
}
