//! The cryptographic provider: ring, with the hybrid group before its own.

use std::sync::{Arc, LazyLock};

use rustls::crypto::ring::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SecureRandom};
use rustls::{ProtocolVersion, SupportedCipherSuite};

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
        cipher_suites: with_sha256_first(default_provider().cipher_suites),
        ..default_provider()
    })
});

/// Those with SHA-256 and AES first: 128 bits are enough, and both sides have instructions for them. The rest as it was.
fn with_sha256_first(mut suites: Vec<SupportedCipherSuite>) -> Vec<SupportedCipherSuite> {
    suites.sort_by_key(|suite| {
        let is_modern = suite.version().version == ProtocolVersion::TLSv1_3;
        let is_first = format!("{:?}", suite.suite()).ends_with("AES_128_GCM_SHA256");
        (!is_modern, !is_first)
    });
    suites
}

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
    use rustls::{CipherSuite, NamedGroup};

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

    /// TLS-02
    #[test]
    fn the_order_is_that_of_the_modern_profile() {
        let first: Vec<_> = provider()
            .cipher_suites
            .iter()
            .take(4)
            .map(|suite| suite.suite())
            .collect();
        assert_eq!(
            first,
            [
                CipherSuite::TLS13_AES_128_GCM_SHA256,
                CipherSuite::TLS13_AES_256_GCM_SHA384,
                CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            ]
        );
    }
}
