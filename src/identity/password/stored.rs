//! What is kept of a password: a PHC string, and the name of the pepper that went into it.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Params, Version};

use super::hasher::Work;
use crate::base::{Secret, limits};
use crate::identity::settings::PasswordParameters;

/// Fewest bytes of salt and of hash that are accepted.
const MIN_BYTES: usize = 8;

/// Why a PHC string is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhcError {
    /// Not a PHC string of argon2id with salt and hash.
    #[error("is not a PHC string of argon2id with salt and hash")]
    Malformed,
    /// Parameters argon2 does not take, or that ask for more than any configuration may.
    #[error(
        "asks for parameters outside argon2's bounds, or for more than {} MiB, {} passes or {} lanes",
        limits::PASSWORD_HASH_KIB / 1024,
        limits::PASSWORD_HASH_PASSES,
        limits::PASSWORD_HASH_LANES
    )]
    Parameters,
    /// More memory than all hashes together may use, so that it could never be compared.
    #[error("asks for more memory than the budget for hashes (memory_budget)")]
    Budget,
}

/// A stored password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// The PHC string.
    pub phc: String,
    /// The pepper in the keyring; none for hashes that were made elsewhere.
    pub pepper: Option<String>,
}

pub(super) struct Parsed {
    pub(super) params: Params,
    pub(super) version: Version,
    pub(super) salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

impl StoredPassword {
    /// Takes a PHC string that was made elsewhere, without pepper.
    ///
    /// # Errors
    /// [`PhcError`].
    pub fn import(phc: &str) -> Result<Self, PhcError> {
        parse(phc)?;
        Ok(Self {
            phc: phc.to_owned(),
            pepper: None,
        })
    }

    pub(super) fn new(params: &Params, salt: &[u8], hash: &[u8], pepper: String) -> Option<Self> {
        let phc = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(params).ok()?,
            salt: Some(Salt::new(salt).ok()?),
            hash: Some(Output::new(hash).ok()?),
        };
        Some(Self {
            phc: phc.to_string(),
            pepper: Some(pepper),
        })
    }

    pub(super) fn parse(&self) -> Option<Parsed> {
        parse(&self.phc).ok()
    }
}

impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredPassword([secret], pepper {:?})", self.pepper)
    }
}

impl Parsed {
    /// The hash that tells whether `password` is the one. It costs at least what a hash with `wanted` costs, as a name that does
    /// not exist does: time must not tell who has an old hash.
    pub(super) fn comparison(
        &self,
        password: Secret<Vec<u8>>,
        pepper: Option<Secret<Vec<u8>>>,
        wanted: &Params,
    ) -> Work {
        Work {
            password,
            salt: self.salt.clone(),
            pepper,
            algorithm_version: self.version,
            params: self.params.clone(),
            output_bytes: self.hash.len(),
            padding: self.padding(wanted),
        }
    }

    /// What is missing of the work of `wanted`, over as many passes. Nothing, where that is less than argon2 can do.
    fn padding(&self, wanted: &Params) -> Option<Params> {
        let blocks = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
        let missing = blocks(wanted).checked_sub(blocks(&self.params))?;
        let memory_kib = u32::try_from(missing / u64::from(wanted.t_cost())).ok()?;
        Params::new(memory_kib, wanted.t_cost(), 1, None).ok()
    }

    /// Whether any cost is below what is asked for now (PWD-06).
    pub(super) fn is_weaker_than(&self, wanted: &PasswordParameters) -> bool {
        self.params.m_cost() < wanted.memory_kib
            || self.params.t_cost() < wanted.passes
            || self.params.p_cost() < wanted.lanes
            || self.version != Version::V0x13
    }
}

fn parse(phc: &str) -> Result<Parsed, PhcError> {
    let parsed = PasswordHash::new(phc).map_err(|_| PhcError::Malformed)?;
    if parsed.algorithm != ARGON2ID_IDENT {
        return Err(PhcError::Malformed);
    }
    // Without `v=` it is the first version of the algorithm (reference implementation).
    let version = parsed.version.map_or(Ok(Version::V0x10), Version::try_from);
    let params = Params::try_from(&parsed).map_err(|_| PhcError::Parameters)?;
    if params.m_cost() > limits::PASSWORD_HASH_KIB
        || params.t_cost() > limits::PASSWORD_HASH_PASSES
        || params.p_cost() > limits::PASSWORD_HASH_LANES
    {
        return Err(PhcError::Parameters);
    }
    let salt = parsed.salt.ok_or(PhcError::Malformed)?;
    let hash = parsed.hash.ok_or(PhcError::Malformed)?;
    if salt.len() < MIN_BYTES || hash.len() < MIN_BYTES {
        return Err(PhcError::Malformed);
    }
    Ok(Parsed {
        params,
        version: version.map_err(|_| PhcError::Parameters)?,
        salt: salt.to_vec(),
        hash: hash.as_bytes().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                        PdSSpUTtWMGRjJ8xJsfRMqoZB1LDe4Kb1SSvYVtTvFs";

    #[test]
    fn a_good_string_is_taken() {
        let parsed = parse(GOOD).unwrap();
        assert_eq!((parsed.params.m_cost(), parsed.params.t_cost()), (19_456, 2));
        assert!(!parsed.is_weaker_than(&PasswordParameters::default()));
        let raised = PasswordParameters {
            passes: 3,
            ..PasswordParameters::default()
        };
        assert!(parsed.is_weaker_than(&raised));
    }

    /// PWD-07: whoever has a hash from before the costs rose is not told apart from a name that does not exist.
    #[test]
    fn a_comparison_with_a_cheaper_hash_does_the_work_of_a_hash_made_now() {
        let params = |memory, passes, lanes| Params::new(memory, passes, lanes, Some(32)).unwrap();
        let blocks = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
        let wanted = params(65_536, 3, 1);
        let secret = || Secret::new(b"password".to_vec());
        let work = |stored: &Params| {
            let stored = StoredPassword::new(stored, &[1; 16], &[2; 32], "pepper".to_owned()).unwrap();
            stored.parse().unwrap().comparison(secret(), None, &wanted)
        };
        for cheaper in [
            params(19_456, 2, 1),
            params(65_536, 2, 1),
            params(8, 1, 1),
            params(131_072, 1, 1),
            params(64_000, 3, 4),
        ] {
            let work = work(&cheaper);
            let padding = work.padding.unwrap();
            let done = blocks(&work.params) + blocks(&padding);
            assert!(blocks(&wanted) - done < 3, "{cheaper:?} {padding:?}");
            assert!(padding.m_cost() <= wanted.m_cost());
        }
        for dearer in [wanted.clone(), params(65_536, 4, 1), params(65_530, 3, 1)] {
            assert!(work(&dearer).padding.is_none(), "{dearer:?}");
        }
    }

    /// PWD-06: a login that renews an outdated hash must not write down one that no later login accepts.
    #[test]
    fn every_hash_that_the_configuration_may_ask_for_is_taken_back() {
        let usual = (19_456, 2, 1);
        let extremes = [
            (limits::PASSWORD_HASH_KIB, usual.1, usual.2),
            (usual.0, limits::PASSWORD_HASH_PASSES, usual.2),
            (usual.0, usual.1, limits::PASSWORD_HASH_LANES),
            (
                limits::PASSWORD_HASH_KIB,
                limits::PASSWORD_HASH_PASSES,
                limits::PASSWORD_HASH_LANES,
            ),
        ];
        for (memory, passes, lanes) in extremes {
            let params = Params::new(memory, passes, lanes, Some(32)).unwrap();
            let stored = StoredPassword::new(&params, &[1; 16], &[2; 32], "pepper".to_owned()).unwrap();
            let parsed = stored.parse().unwrap();
            assert_eq!(
                (
                    parsed.params.m_cost(),
                    parsed.params.t_cost(),
                    parsed.params.p_cost()
                ),
                (memory, passes, lanes)
            );
        }
    }

    #[test]
    fn other_algorithms_missing_parts_and_absurd_costs_are_refused() {
        for bad in [
            "",
            "hunter2",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            &GOOD.replace("argon2id", "argon2i"),
            &GOOD.replace("argon2id", "argon2d"),
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA",
            &GOOD.replace("m=19456", "m=4294967295"),
            &GOOD.replace("m=19456", "m=1048577"),
            &GOOD.replace("t=2", "t=21"),
            &GOOD.replace("p=1", "p=17"),
            &GOOD.replace("t=2", "t=0"),
            &GOOD.replace("v=19", "v=7"),
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
