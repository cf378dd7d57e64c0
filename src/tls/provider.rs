//! The cryptographic provider: ring, with the hybrid group before its own.

use std::sync::{Arc, LazyLock};

use rustls::crypto::ring::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SecureRandom};

use super::hybrid::X25519_MLKEM768;

/// One for the whole process: it holds no secret and never changes.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider {
        // A client offers a share of the first and, through its `hybrid_component`, one of the second at once.
        kx_groups: vec![
            X25519_MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
            kx_group::SECP384R1,
        ],
        // Already what TLS-02 and TLS-03 ask for; a test holds it.
        ..default_provider()
    })
});

/// What every TLS connection is made with.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

/// Where the keys of handshakes come from.
pub(super) fn random() -> &'static dyn SecureRandom {
    PROVIDER.secure_random
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::NamedGroup;

    /// TLS-02, TLS-04
    #[test]
    fn the_hybrid_group_is_the_first_choice() {
        let groups: Vec<_> = provider().kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(
            groups,
            [
                NamedGroup::X25519MLKEM768,
                NamedGroup::X25519,
                NamedGroup::secp256r1,
                NamedGroup::secp384r1
            ]
        );
    }

    /// TLS-02, TLS-03: forward secrecy and authenticated encryption in every suite of both versions.
    #[test]
    fn no_suite_is_weak() {
        for suite in &provider().cipher_suites {
            let name = format!("{:?}", suite.suite());
            let is_aead = name.contains("_GCM_") || name.contains("_CHACHA20_POLY1305_");
            let is_ephemeral = name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_");
            assert!(is_aead && is_ephemeral, "{name}");
        }
        assert_eq!(provider().cipher_suites.len(), 9);
    }
}
