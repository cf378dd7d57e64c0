//! Amounts of money, counted in minor units, and the one way to write each of them.

use crate::Currency;
use std::fmt;

/// An amount of one currency, zero or more.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: u64,
    currency: Currency,
}

impl Money {
    /// Most digits an amount may have, minor digits included; so every amount fits a `u64` (and an `i64` of a database).
    pub const MAX_DIGITS: u32 = 18;

    /// Reads an amount as text, with exactly the minor digits of its currency.
    ///
    /// One amount has one text: no sign, exponent, grouping, surrounding space, or leading zero. `1.5` euros is refused
    /// rather than padded, for a reader cannot know whether `1.50` or `15` was meant.
    ///
    /// # Errors
    /// A [`MoneyError`] that says what is wrong.
    pub fn parse(amount: &str, currency: &str) -> Result<Self, MoneyError> {
        let currency = Currency::from_code(currency).ok_or(MoneyError::UnknownCurrency)?;
        Self::parse_in(amount, currency)
    }

    /// As [`Money::parse`], for a currency that is known already.
    ///
    /// # Errors
    /// As [`Money::parse`].
    pub fn parse_in(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (whole, fraction) = split(amount)?;
        let expected = currency.minor_digits();
        if fraction.len() != usize::from(expected) {
            return Err(MoneyError::MinorDigits { expected });
        }
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(MoneyError::LeadingZero);
        }
        if whole.len().saturating_add(fraction.len()) > Self::MAX_DIGITS as usize {
            return Err(MoneyError::TooLarge);
        }
        let digits = whole.bytes().chain(fraction.bytes());
        let minor = digits.fold(0, |minor, digit| minor * 10 + u64::from(digit - b'0'));
        Ok(Self { minor, currency })
    }

    /// So many minor units (cents, fils, yen).
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] above [`Money::MAX_DIGITS`] digits.
    pub fn from_minor(minor: u64, currency: Currency) -> Result<Self, MoneyError> {
        let largest = 10_u64.pow(Self::MAX_DIGITS) - 1;
        if minor > largest {
            Err(MoneyError::TooLarge)
        } else {
            Ok(Self { minor, currency })
        }
    }

    /// The sum, of two amounts in one currency.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::TooLarge`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::TooLarge)?;
        Self::from_minor(minor, self.currency)
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn amount_minor(self) -> u64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as [`Money::parse`] reads it, without the currency.
    #[must_use]
    pub fn amount(self) -> String {
        let digits = usize::from(self.currency.minor_digits());
        if digits == 0 {
            return self.minor.to_string();
        }
        let mut text = format!("{:0width$}", self.minor, width = digits + 1);
        text.insert(text.len() - digits, '.');
        text
    }
}

/// Digits before and behind the decimal point, each checked to be digits.
fn split(amount: &str) -> Result<(&str, &str), MoneyError> {
    if amount.starts_with(['-', '+']) {
        return Err(MoneyError::Sign);
    }
    let (whole, fraction) = match amount.split_once('.') {
        Some((_, "")) => return Err(MoneyError::NotDecimal),
        Some(parts) => parts,
        None => (amount, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(MoneyError::NotDecimal);
    }
    Ok((whole, fraction))
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.amount(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why a text is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a code of ISO 4217 that has a minor unit, in upper case.
    #[error("the currency is not known")]
    UnknownCurrency,
    /// Two amounts of different currencies were to be added.
    #[error("the currencies differ")]
    CurrencyMismatch,
    /// A `-` or `+` stands in front.
    #[error("the amount has a sign")]
    Sign,
    /// Something other than digits with at most one point between them: space, exponent, comma, nothing.
    #[error("the amount is not a plain decimal number")]
    NotDecimal,
    /// More or fewer digits behind the point than the currency has.
    #[error("the amount needs exactly {expected} digits behind the point")]
    MinorDigits {
        /// How many the currency has.
        expected: u8,
    },
    /// A zero stands before another digit.
    #[error("the amount has a leading zero")]
    LeadingZero,
    /// More than [`Money::MAX_DIGITS`] digits.
    #[error("the amount is too large")]
    TooLarge,
}

impl MoneyError {
    /// The name by which vectors and logs know this error.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownCurrency => "unknown-currency",
            Self::CurrencyMismatch => "currency-mismatch",
            Self::Sign => "sign",
            Self::NotDecimal => "not-decimal",
            Self::MinorDigits { .. } => "minor-digits",
            Self::LeadingZero => "leading-zero",
            Self::TooLarge => "too-large",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_exactly_the_minor_digits_of_its_currency() {
        let passes = [
            ("12.50", "EUR", 1250),
            ("0.01", "EUR", 1),
            ("1250", "JPY", 1250),
            ("1.234", "KWD", 1234),
            ("0.0001", "CLF", 1),
        ];
        for (amount, currency, minor) in passes {
            let money = Money::parse(amount, currency).unwrap();
            assert_eq!(money.amount_minor(), minor);
            assert_eq!(money.amount(), amount, "one amount has one text");
        }
    }

    #[test]
    fn every_other_spelling_is_refused_by_name() {
        use MoneyError::*;
        let refusals = [
            ("1.5", "EUR", MinorDigits { expected: 2 }),
            ("1", "EUR", MinorDigits { expected: 2 }),
            ("1.500", "EUR", MinorDigits { expected: 2 }),
            ("1.0", "JPY", MinorDigits { expected: 0 }),
            ("1.", "JPY", NotDecimal),
            ("012.50", "EUR", LeadingZero),
            ("00.50", "EUR", LeadingZero),
            ("-1.00", "EUR", Sign),
            ("+1.00", "EUR", Sign),
            ("1e2", "EUR", NotDecimal),
            ("1,00", "EUR", NotDecimal),
            (" 1.00", "EUR", NotDecimal),
            ("1.00 ", "EUR", NotDecimal),
            ("", "EUR", NotDecimal),
            (".50", "EUR", NotDecimal),
            ("1.2.3", "EUR", NotDecimal),
            ("١.٠٠", "EUR", NotDecimal),
            ("1.00", "eur", UnknownCurrency),
            ("10000000000000000.00", "EUR", TooLarge),
            ("1000000000000000000", "JPY", TooLarge),
        ];
        for (amount, currency, error) in refusals {
            assert_eq!(
                Money::parse(amount, currency),
                Err(error),
                "{amount:?} {currency}"
            );
        }
    }

    #[test]
    fn sums_stay_in_one_currency_and_within_bounds() {
        let most = Money::parse("9999999999999999.99", "EUR").unwrap();
        let cent = Money::parse("0.01", "EUR").unwrap();
        assert_eq!(most.checked_add(cent), Err(MoneyError::TooLarge));
        assert_eq!(
            cent.checked_add(Money::parse("1", "JPY").unwrap()),
            Err(MoneyError::CurrencyMismatch)
        );
        assert_eq!(cent.checked_add(cent).unwrap().amount(), "0.02");
    }
}
