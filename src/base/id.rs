//! Names of things. Each is its own type, so one cannot stand where another belongs.

use std::sync::Arc;

use super::clock::Timestamp;
use super::entropy::Entropy;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes `text` as it is.
            #[must_use]
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The text of the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A registered client (`client_id` of RFC 6749, section 2.2).
    ClientId
);
text_id!(
    /// A customer: 128 random bits, never the username; safe in logs.
    CustomerId
);
text_id!(
    /// A device a customer has used: 128 random bits.
    DeviceId
);
text_id!(
    /// One login and all that grew from it: 128 random bits.
    SessionId
);
text_id!(
    /// The `jti` of an access token.
    TokenId
);
text_id!(
    /// `txn` of a Txn-Token: one payment at one backend. It is the millisecond it was made in and 128 random bits:
    /// nobody guesses one, and names that are made together lie together in the store, however many there were
    /// before.
    TransactionId
);
text_id!(
    /// The name of a route in the configuration.
    RouteName
);
text_id!(
    /// The registered name of an admin.
    AdminName
);

impl CustomerId {
    /// A fresh name.
    #[must_use]
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self::new(entropy.token(16))
    }
}

impl DeviceId {
    /// A fresh name.
    #[must_use]
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self::new(entropy.token(16))
    }
}

impl SessionId {
    /// A fresh name.
    #[must_use]
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self::new(entropy.token(16))
    }
}

impl TransactionId {
    /// A fresh name for a transaction that begins `now`.
    #[must_use]
    pub fn fresh(now: Timestamp, entropy: &dyn Entropy) -> Self {
        // Eleven digits of milliseconds last until the year 2527; as text they sort by time.
        let millis = now.micros().max(0) / 1000;
        Self::new(format!("{millis:011x}{}", entropy.token(16)))
    }
}

/// The name of one request: `Request-Id` header, `instance` of a problem, and in log, trace and audit. UUID version 7,
/// so names sort by time (RFC 9562, section 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(uuid::Uuid);

impl RequestId {
    /// A fresh name for a request that arrived `now`.
    #[must_use]
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let millis = u64::try_from(now.micros() / 1000).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy.bytes::<10>()).into_uuid())
    }

    /// How many characters its text has (RFC 9562, section 4).
    pub const CHARACTERS: usize = uuid::fmt::Hyphenated::LENGTH;

    /// Its text, in `space`: for who writes it for every request.
    pub fn write(self, space: &mut [u8; Self::CHARACTERS]) -> &str {
        self.0.hyphenated().encode_lower(space)
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SystemEntropy;

    #[test]
    fn transactions_are_named_in_order_of_time_and_none_by_time_alone() {
        let entropy = SystemEntropy::default();
        let fresh = |micros| TransactionId::fresh(Timestamp::from_micros(micros), &entropy);
        let moments = [-1, 999, 1_000, 1_790_000_000_000_000, 1_790_000_000_001_000];
        let names = moments.map(fresh);
        let later = |pair: &[TransactionId]| pair[0].as_str()[..11] <= pair[1].as_str()[..11];
        assert!(names.windows(2).all(later), "{names:?}");
        assert_eq!(&names[3].as_str()[..11], "1a0c4506c00");
        assert!(names.iter().all(|name| name.as_str().len() == 11 + 22));
        assert_ne!(fresh(1_000), fresh(1_000));
    }
}
