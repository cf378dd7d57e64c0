//! Numbers as protocols write them, for those that are written with every request.

/// Digits of the largest number.
const MOST: usize = 20;

/// A number in decimal digits, without a sign and without leading zeros (`1*DIGIT` of RFC 5234).
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: [u8; MOST],
    first: usize,
}

impl Decimal {
    /// That of `number`.
    #[must_use]
    pub fn of(number: u64) -> Self {
        let mut decimal = Self {
            digits: [b'0'; MOST],
            first: MOST,
        };
        let mut rest = number;
        for (place, digit) in decimal.digits.iter_mut().enumerate().rev() {
            // One digit fits a byte.
            *digit = b'0' + (rest % 10) as u8;
            decimal.first = place;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        decimal
    }

    /// Its digits, in ASCII.
    #[must_use]
    pub fn digits(&self) -> &[u8] {
        self.digits.get(self.first..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_everybody_writes(number in any::<u64>(), shift in 0u32..64) {
            for number in [number >> shift, 0, u64::MAX] {
                let (ours, theirs) = (Decimal::of(number), number.to_string());
                prop_assert_eq!(ours.digits(), theirs.as_bytes());
            }
        }
    }
}
