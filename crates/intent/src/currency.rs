//! Currencies and their minor digits (ISO 4217, list one, as of November 2026).

use std::fmt;

/// A currency in use that has a minor unit, by its ISO 4217 code.
///
/// Precious metals, testing codes and other entries without a minor unit are not currencies here: no amount of them
/// could be written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: &'static str,
    minor_digits: u8,
}

impl Currency {
    /// The currency with exactly this upper-case code; `None` when ISO 4217 has none, or none with a minor unit.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let (minor_digits, codes) = CODES_BY_MINOR_DIGITS;
        let listed = codes.iter().zip(minor_digits).find_map(|(codes, digits)| {
            codes
                .iter()
                .find(|known| **known == code)
                .map(|known| (*known, digits))
        });
        listed.map(|(code, minor_digits)| Self { code, minor_digits })
    }

    /// The three letters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.code
    }

    /// How many digits stand behind the decimal point: 0, 2, 3 or 4.
    #[must_use]
    pub const fn minor_digits(self) -> u8 {
        self.minor_digits
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code)
    }
}

/// Minor digits, and beside each the codes that have so many.
const CODES_BY_MINOR_DIGITS: ([u8; 4], [&[&str]; 4]) =
    ([2, 0, 3, 4], [TWO_DIGITS, NO_DIGITS, THREE_DIGITS, FOUR_DIGITS]);

#[rustfmt::skip]
const TWO_DIGITS: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD", "BND", "BOB", "BOV",
    "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CNY", "COP", "COU", "CRC", "CUP",
    "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD",
    "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD",
    "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR",
    "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR",
    "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP",
    "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "USN", "UYU",
    "UZS", "VED", "VES", "WST", "XAD", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG",
];

#[rustfmt::skip]
const NO_DIGITS: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
];

const THREE_DIGITS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

const FOUR_DIGITS: &[&str] = &["CLF", "UYW"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_digits_follow_the_currency() {
        for (code, digits) in [
            ("EUR", 2),
            ("JPY", 0),
            ("KWD", 3),
            ("CLF", 4),
            ("XAF", 0),
            ("ISK", 0),
            ("HUF", 2),
        ] {
            assert_eq!(
                Currency::from_code(code).unwrap().minor_digits(),
                digits,
                "{code}"
            );
        }
    }

    #[test]
    fn codes_without_a_minor_unit_or_in_another_spelling_are_no_currencies() {
        for code in [
            "", "EU", "eur", "Eur", "EURO", "XXX", "XTS", "XAU", "DEM", "EUR ", "€",
        ] {
            assert_eq!(Currency::from_code(code), None, "{code:?}");
        }
    }

    #[test]
    fn every_code_is_three_upper_case_letters_and_listed_once() {
        let mut seen = std::collections::HashSet::new();
        for code in CODES_BY_MINOR_DIGITS.1.into_iter().flatten() {
            assert!(
                code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()),
                "{code}"
            );
            assert!(seen.insert(code), "{code} stands twice");
        }
    }
}
