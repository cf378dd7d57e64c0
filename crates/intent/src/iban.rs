//! International bank account numbers (ISO 13616): normalised, and checked by their check digits (ISO 7064, MOD 97-10).

use std::fmt;

/// Shortest and longest IBAN, without spaces (ISO 13616-1, section 5).
const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// Longest text that is read as an IBAN, spaces included.
const MAX_TEXT_BYTES: usize = 64;

/// An IBAN in its electronic form: upper case, no spaces, right check digits.
///
/// The length that a country prescribes is not checked: that list changes, and the bank that executes the payment has
/// it. What matters here is that two parties who mean one account hold one text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Iban(String);

impl Iban {
    /// Reads an IBAN in electronic or printed form; spaces are removed and letters raised to upper case.
    ///
    /// # Errors
    /// An [`IbanError`] that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, IbanError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(IbanError::Length);
        }
        let mut electronic = text.to_owned();
        electronic.retain(|character| character != ' ');
        electronic.make_ascii_uppercase();
        if !electronic.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(IbanError::Character);
        }
        if !LENGTHS.contains(&electronic.len()) {
            return Err(IbanError::Length);
        }
        check_digits(&electronic)?;
        Ok(Self(electronic))
    }

    /// The electronic form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The two letters of the country.
    #[must_use]
    pub fn country(&self) -> &str {
        self.0.get(..2).unwrap_or_default()
    }
}

/// Check digits are 02 to 98: 00, 01 and 99 would pass the arithmetic as second spellings of 97, 98 and 02.
fn check_digits(electronic: &str) -> Result<(), IbanError> {
    let (head, account) = electronic.split_at(4);
    let (country, digits) = head.split_at(2);
    if !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(IbanError::Country);
    }
    match digits.parse::<u8>() {
        Ok(2..=98) if digits.bytes().all(|byte| byte.is_ascii_digit()) => (),
        _ => return Err(IbanError::Checksum),
    }
    let remainder = account
        .chars()
        .chain(head.chars())
        .fold(0_u32, |remainder, character| {
            let value = character.to_digit(36).unwrap_or_default();
            let shift = if value < 10 { 10 } else { 100 };
            (remainder * shift + value) % 97
        });
    if remainder == 1 {
        Ok(())
    } else {
        Err(IbanError::Checksum)
    }
}

impl fmt::Display for Iban {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An account number is personal: a log sees the country only.
impl fmt::Debug for Iban {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Iban({}…)", self.country())
    }
}

/// Why a text is not an IBAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IbanError {
    /// A character that is neither an ASCII letter, digit nor space.
    #[error("an IBAN has letters and digits only")]
    Character,
    /// Fewer than 15 or more than 34 characters.
    #[error("an IBAN has 15 to 34 characters")]
    Length,
    /// It does not begin with two letters.
    #[error("an IBAN begins with the two letters of a country")]
    Country,
    /// The check digits do not fit.
    #[error("the check digits of the IBAN do not fit")]
    Checksum,
}

impl IbanError {
    /// The name by which vectors and logs know this error.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Character => "iban-character",
            Self::Length => "iban-length",
            Self::Country => "iban-country",
            Self::Checksum => "iban-checksum",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_and_electronic_form_are_one_account() {
        let electronic = Iban::parse("GB82WEST12345698765432").unwrap();
        assert_eq!(Iban::parse("gb82 west 1234 5698 7654 32").unwrap(), electronic);
        assert_eq!(electronic.country(), "GB");
    }

    #[test]
    fn every_single_wrong_digit_and_every_swap_of_neighbours_is_caught() {
        let right = "DE89370400440532013000";
        assert!(Iban::parse(right).is_ok());
        for position in 2..right.len() {
            let mut swapped: Vec<char> = right.chars().collect();
            swapped.swap(position - 1, position);
            let swapped: String = swapped.into_iter().collect();
            assert_eq!(Iban::parse(&swapped).is_ok(), swapped == right, "{swapped}");
            for other in '0'..='9' {
                let mut wrong = right.to_owned();
                wrong.replace_range(position..=position, &other.to_string());
                assert_eq!(Iban::parse(&wrong).is_ok(), wrong == right, "{wrong}");
            }
        }
    }

    #[test]
    fn second_spellings_of_check_digits_are_refused() {
        // 97 + n and n leave the same remainder, so each of these would name an account that has another number.
        let mut second_spellings = 0;
        for account in 0..2000_u32 {
            for (digits, twin) in [("00", "97"), ("01", "98"), ("99", "02")] {
                if Iban::parse(&format!("DE{twin}{account:018}")).is_ok() {
                    assert_eq!(
                        Iban::parse(&format!("DE{digits}{account:018}")),
                        Err(IbanError::Checksum)
                    );
                    second_spellings += 1;
                }
            }
        }
        assert!(second_spellings > 0);
    }

    #[test]
    fn refusals_are_named() {
        let refusals = [
            ("", IbanError::Length),
            ("DE89", IbanError::Length),
            ("DE893704004405320130001234567890123456", IbanError::Length),
            ("DE89-3704-0044-0532-0130-00", IbanError::Character),
            ("DE89\u{a0}3704 0044 0532 0130 00", IbanError::Character),
            ("1289370400440532013000", IbanError::Country),
            ("DEX9370400440532013000", IbanError::Checksum),
            ("DE88370400440532013000", IbanError::Checksum),
        ];
        for (text, error) in refusals {
            assert_eq!(Iban::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_log_sees_the_country_only() {
        let shown = format!("{:?}", Iban::parse("DE89370400440532013000").unwrap());
        assert_eq!(shown, "Iban(DE…)");
    }
}
