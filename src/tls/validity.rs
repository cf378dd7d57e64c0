//! How long certificates and revocation lists are good, and how soon someone should know that they end.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use crate::base::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

/// When people are told before an end, the earliest first.
const WARNINGS: [(Duration, Ending); 3] = [
    (Duration::from_secs(30 * 86_400), Ending::WithinMonth),
    (Duration::from_secs(7 * 86_400), Ending::WithinWeek),
    (DAY, Ending::WithinDay),
];

/// From when to when something is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Whose: the subject of a certificate, the issuer of a list.
    pub name: String,
    /// `notBefore`, or `thisUpdate` of a list.
    pub begins: Timestamp,
    /// `notAfter`, or `nextUpdate` of a list (RFC 5280, sections 4.1.2.5 and 5.1.2.5).
    pub ends: Timestamp,
}

/// How near an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Nothing to say.
    NotSoon,
    /// At most 30 days away.
    WithinMonth,
    /// At most 7 days away.
    WithinWeek,
    /// At most one day away.
    WithinDay,
    /// It has ended.
    Ended,
}

impl Validity {
    /// Of a certificate; none when it does not parse.
    #[must_use]
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        Some(Self {
            name: parsed.subject().to_string(),
            begins: Timestamp::from_seconds(parsed.validity().not_before.timestamp()),
            ends: Timestamp::from_seconds(parsed.validity().not_after.timestamp()),
        })
    }

    /// Of a revocation list; none when it does not parse or does not say when the next one comes (RFC 5280, section
    /// 5.1.2.5, demands that it does).
    #[must_use]
    pub fn of_list(list: &CertificateRevocationListDer<'_>) -> Option<Self> {
        let (_, parsed) = CertificateRevocationList::from_der(list.as_ref()).ok()?;
        Some(Self {
            name: format!("revocation list of {}", parsed.issuer()),
            begins: Timestamp::from_seconds(parsed.last_update().timestamp()),
            ends: Timestamp::from_seconds(parsed.next_update()?.timestamp()),
        })
    }

    /// Whether it is not good yet.
    #[must_use]
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        now.seconds() < self.begins.seconds()
    }

    /// How near its end is. A warning that would stand during more than a third of the whole life is left out: a list that
    /// is made anew every day would never be without one.
    #[must_use]
    pub fn ending(&self, now: Timestamp) -> Ending {
        if now.seconds() > self.ends.seconds() {
            return Ending::Ended;
        }
        let third = self.ends.seconds().saturating_sub(self.begins.seconds()) / 3;
        let is_near = |(before, _): &&(Duration, Ending)| {
            let before_s = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            before_s <= third && now.plus(*before).seconds() >= self.ends.seconds()
        };
        let nearest = WARNINGS.iter().rev().find(is_near);
        nearest.map_or(Ending::NotSoon, |(_, ending)| *ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(life: i64) -> Validity {
        Validity {
            name: "CN=test".to_owned(),
            begins: Timestamp::from_seconds(0),
            ends: Timestamp::from_seconds(life * 86_400),
        }
    }

    #[test]
    fn a_certificate_is_warned_about_thirty_seven_and_one_day_before_its_end() {
        let at = |day: i64| days(90).ending(Timestamp::from_seconds(day * 86_400));
        for (day, ending) in [
            (0, Ending::NotSoon),
            (59, Ending::NotSoon),
            (60, Ending::WithinMonth),
            (82, Ending::WithinMonth),
            (83, Ending::WithinWeek),
            (88, Ending::WithinWeek),
            (89, Ending::WithinDay),
            (90, Ending::WithinDay),
            (91, Ending::Ended),
        ] {
            assert_eq!(at(day), ending, "{day}");
        }
    }

    #[test]
    fn what_lives_shortly_is_not_warned_about_from_its_birth() {
        let fresh = Timestamp::from_seconds(0);
        for life in [1, 3, 7, 47, 90] {
            assert_eq!(days(life).ending(fresh), Ending::NotSoon, "{life}");
        }
        assert_eq!(
            days(7).ending(Timestamp::from_seconds(6 * 86_400)),
            Ending::WithinDay
        );
        assert_eq!(days(1).ending(Timestamp::from_seconds(86_401)), Ending::Ended);
    }

    #[test]
    fn what_does_not_parse_has_no_validity() {
        assert_eq!(
            Validity::of_certificate(&CertificateDer::from(vec![1, 2, 3])),
            None
        );
        let list = CertificateRevocationListDer::from(vec![1, 2, 3]);
        assert_eq!(Validity::of_list(&list), None);
    }
}
