//! What each kind of certificate is for, read from `certs/profiles.toml`.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::error::PkiError;

/// What a certificate is for; each purpose has its own intermediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What the gateway shows on its listeners.
    Server,
    /// What client apps show (RFC 8705).
    Client,
    /// What the gateway and its backends show each other.
    Backend,
    /// What administrators show.
    Admin,
}

/// The file of profiles.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// The root.
    pub root: RootProfile,
    server: Profile,
    client: Profile,
    backend: Profile,
    admin: Profile,
}

/// The root's profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootProfile {
    /// Common name.
    pub common_name: String,
    /// Lifetime in days.
    pub lifetime_days: u32,
}

/// The profile of one purpose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Common name of the intermediate.
    pub common_name: String,
    /// Lifetime of the intermediate, in days.
    pub intermediate_lifetime_days: u32,
    /// Lifetime of a certificate, in days.
    pub lifetime_days: u32,
    /// Extended key usages of intermediate and certificates.
    pub usages: Vec<Usage>,
    /// Which hosts a certificate names.
    pub hosts: Hosts,
}

/// An extended key usage (RFC 5280 section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Usage {
    /// TLS server authentication.
    #[serde(rename = "serverAuth")]
    ServerAuth,
    /// TLS client authentication.
    #[serde(rename = "clientAuth")]
    ClientAuth,
}

/// Which hosts a certificate names (RFC 5280 section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hosts {
    /// Its own name and what is given.
    Name,
    /// What is given.
    Given,
    /// None; the intermediate is constrained to vouch for none.
    None,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Purpose; 4] = [Purpose::Server, Purpose::Client, Purpose::Backend, Purpose::Admin];

    /// The word that stands for it in commands, folders and profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Server => "server",
            Purpose::Client => "client",
            Purpose::Backend => "backend",
            Purpose::Admin => "admin",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Profiles {
    /// The text of the profiles that come with the program.
    pub const BUILT_IN: &'static str = include_str!("../../certs/profiles.toml");

    /// Longest lifetime of anything, in days: a hundred years, well inside what a certificate can state.
    const LONGEST_DAYS: u32 = 36_500;

    /// The profiles that come with the program.
    ///
    /// # Errors
    /// None that a test would not have found: the text is part of the program.
    pub fn built_in() -> Result<Profiles, PkiError> {
        Profiles::parse(Profiles::BUILT_IN, Path::new("certs/profiles.toml"))
    }

    /// Reads a file of profiles; `path` is for messages.
    ///
    /// # Errors
    /// `PkiError::Profiles` with the line of the first thing that is wrong.
    pub fn parse(text: &str, path: &Path) -> Result<Profiles, PkiError> {
        let complain = |problem: String| PkiError::Profiles {
            path: path.to_owned(),
            problem,
        };
        let profiles: Profiles = toml::from_str(text).map_err(|error| complain(error.to_string()))?;
        profiles.check().map_err(complain)?;
        Ok(profiles)
    }

    /// The profile of a purpose.
    pub fn of(&self, purpose: Purpose) -> &Profile {
        match purpose {
            Purpose::Server => &self.server,
            Purpose::Client => &self.client,
            Purpose::Backend => &self.backend,
            Purpose::Admin => &self.admin,
        }
    }

    fn check(&self) -> Result<(), String> {
        let bounded = |days: u32| (1..=Self::LONGEST_DAYS).contains(&days);
        if !bounded(self.root.lifetime_days) {
            return Err(format!(
                "root: lifetime_days is not from 1 to {}",
                Self::LONGEST_DAYS
            ));
        }
        for purpose in Purpose::ALL {
            let profile = self.of(purpose);
            if !bounded(profile.lifetime_days) || !bounded(profile.intermediate_lifetime_days) {
                return Err(format!(
                    "{purpose}: a lifetime is not from 1 to {} days",
                    Self::LONGEST_DAYS
                ));
            }
            if profile.lifetime_days > profile.intermediate_lifetime_days
                || profile.intermediate_lifetime_days > self.root.lifetime_days
            {
                return Err(format!("{purpose}: a certificate would outlive its issuer"));
            }
            if profile.usages.is_empty() {
                return Err(format!(
                    "{purpose}: usages is empty, which would allow every usage"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profiles_keep_the_purposes_apart() {
        let profiles = Profiles::built_in().unwrap();
        // MTLS-06: client certificates carry clientAuth; a server's must not, a client's no serverAuth.
        assert_eq!(profiles.of(Purpose::Server).usages, [Usage::ServerAuth]);
        assert_eq!(profiles.of(Purpose::Client).usages, [Usage::ClientAuth]);
        assert_eq!(profiles.of(Purpose::Admin).usages, [Usage::ClientAuth]);
        assert_eq!(profiles.of(Purpose::Admin).hosts, Hosts::None);
        // TLS-02: at most 90 days.
        assert!(profiles.of(Purpose::Server).lifetime_days <= 90);
    }

    #[test]
    fn profiles_that_would_issue_nonsense_are_refused() {
        for (from, to, told) in [
            ("lifetime_days = 3650", "lifetime_days = 1000", "outlive"),
            ("lifetime_days = 90", "lifetime_days = 2000", "outlive"),
            ("lifetime_days = 90", "lifetime_days = 0", "lifetime"),
            ("usages = [\"serverAuth\"]", "usages = []", "usages is empty"),
            (
                "usages = [\"serverAuth\"]",
                "usages = [\"codeSigning\"]",
                "codeSigning",
            ),
            ("hosts = \"none\"", "hosts = \"all\"", "all"),
            ("[server]", "[servers]", "servers"),
        ] {
            let text = Profiles::BUILT_IN.replacen(from, to, 1);
            let error = Profiles::parse(&text, Path::new("profiles.toml")).unwrap_err();
            assert!(error.to_string().contains(told), "{to}: {error}");
        }
    }
}
