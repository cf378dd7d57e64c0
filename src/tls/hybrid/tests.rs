//! Both sides against each other and against another implementation of ML-KEM, and everything that is no share.

use std::sync::Arc;

use ::ml_kem::kem::{Decapsulate as _, KeyExport as _};
use ::ml_kem::{DecapsulationKey, MlKem768};
use rustls::crypto::GetRandomFailed;
use rustls::crypto::ring::kx_group::SECP256R1;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection};

use rustls::crypto::SecureRandom;

use super::*;
use crate::tls::ml_kem;
use crate::tls::provider;

const CLIENT_SHARE: usize = 1216;
const SERVER_SHARE: usize = 1120;

/// Randomness that is known beforehand.
#[derive(Debug)]
struct Fixed(u8);

impl SecureRandom for Fixed {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        for (place, byte) in buffer.iter_mut().enumerate() {
            *byte = self.0.wrapping_add(place as u8);
        }
        Ok(())
    }
}

fn is_invalid<T>(outcome: Result<T, Error>) -> bool {
    matches!(
        outcome,
        Err(Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare))
    )
}

/// TLS-04
#[test]
fn both_sides_have_the_same_secret_and_shares_have_their_lengths() {
    let client = Hybrid.start().unwrap();
    assert_eq!(client.pub_key().len(), CLIENT_SHARE);
    let server = Hybrid.start_and_complete(client.pub_key()).unwrap();
    assert_eq!(server.pub_key.len(), SERVER_SHARE);
    assert_eq!(server.secret.secret_bytes().len(), 64);
    let secret = client.complete(&server.pub_key).unwrap();
    assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
}

/// TLS-04: the ML-KEM part first, in shares and secret.
#[test]
fn the_parts_stand_in_the_order_of_the_draft() {
    let oracle = DecapsulationKey::<MlKem768>::from_seed([7; 64].into());
    let x25519 = X25519.start().unwrap();
    let share = [&oracle.encapsulation_key().to_bytes()[..], x25519.pub_key()].concat();
    let server = Hybrid.start_and_complete(&share).unwrap();
    let (ciphertext, key) = server.pub_key.split_at(CIPHERTEXT_BYTES);
    let secret = [
        &oracle.decapsulate_slice(ciphertext).unwrap()[..],
        x25519.complete(key).unwrap().secret_bytes(),
    ]
    .concat();
    assert_eq!(server.secret.secret_bytes(), secret);
}

/// FIPS 203 as two libraries read it: keys, ciphertexts and secrets are the same from the same randomness.
#[test]
fn another_implementation_of_ml_kem_agrees() {
    for start in 0..32 {
        let (own, public) = ml_kem::PrivateKey::generate(&Fixed(start)).unwrap();
        let mut seed = [0; 64];
        Fixed(start).fill(&mut seed).unwrap();
        let oracle = DecapsulationKey::<MlKem768>::from_seed(seed.into());
        assert_eq!(public[..], oracle.encapsulation_key().to_bytes()[..]);

        let mut message = [0; 32];
        Fixed(!start).fill(&mut message).unwrap();
        let (ciphertext, secret) = oracle
            .encapsulation_key()
            .encapsulate_deterministic(&message.into());
        let (ours, our_secret) = encapsulate(&public, &Fixed(!start)).unwrap().unwrap();
        assert_eq!((&ours[..], &our_secret[..]), (&ciphertext[..], &secret[..]));
        assert_eq!(own.decapsulate(&ours)[..], secret[..]);

        // A ciphertext that was not made for this key: the same implicit rejection.
        let mut changed = ours;
        changed[usize::from(start)] ^= 1;
        let rejected = own.decapsulate(&changed);
        assert_eq!(rejected[..], oracle.decapsulate_slice(&changed).unwrap()[..]);
        assert_ne!(rejected[..], secret[..]);
    }
}

/// TLS-05
#[test]
fn a_share_of_another_length_is_refused_on_both_sides() {
    let client = Hybrid.start().unwrap();
    let good = client.pub_key().to_vec();
    for length in [0, 31, 32, 1184, CLIENT_SHARE - 1] {
        assert!(is_invalid(Hybrid.start_and_complete(&good[..length])), "{length}");
    }
    assert!(is_invalid(Hybrid.start_and_complete(&[&good[..], &[0]].concat())));
    let good = Hybrid.start_and_complete(&good).unwrap().pub_key;
    for length in [0, 32, 1088, SERVER_SHARE - 1] {
        let client = Hybrid.start().unwrap();
        assert!(is_invalid(client.complete(&good[..length])), "{length}");
    }
    assert!(is_invalid(client.complete(&[&good[..], &[0]].concat())));
}

/// TLS-05: FIPS 203, section 7.2: every coefficient of a key lies below 3329.
#[test]
fn a_key_out_of_range_is_refused_as_the_other_implementation_does() {
    let good = Hybrid.start().unwrap().pub_key().to_vec();
    for place in [0, 3, 600, 1149] {
        let mut share = good.clone();
        // Twelve bits that are all ones: 4095.
        share[place] = 0xff;
        share[place + 1] |= 0x0f;
        share[place + 1] |= 0xf0;
        assert!(is_invalid(Hybrid.start_and_complete(&share)), "{place}");
        let key: [u8; PUBLIC_KEY_BYTES] = share[..PUBLIC_KEY_BYTES].try_into().unwrap();
        assert!(::ml_kem::EncapsulationKey::<MlKem768>::new(&key.into()).is_err());
    }
}

/// TLS-05: RFC 7748, section 6.1: points of small order give a product of zero.
#[test]
fn an_x25519_key_that_gives_zero_is_refused_on_both_sides() {
    let mut one = [0; X25519_BYTES];
    one[0] = 1;
    for key in [[0; X25519_BYTES], one] {
        let client = Hybrid.start().unwrap();
        let share = [&client.pub_key()[..PUBLIC_KEY_BYTES], &key].concat();
        assert!(Hybrid.start_and_complete(&share).is_err());
        let good = Hybrid.start_and_complete(client.pub_key()).unwrap().pub_key;
        assert!(
            client
                .complete(&[&good[..CIPHERTEXT_BYTES], &key].concat())
                .is_err()
        );
    }
}

#[test]
fn a_changed_ciphertext_gives_another_secret_and_no_error() {
    let client = Hybrid.start().unwrap();
    let server = Hybrid.start_and_complete(client.pub_key()).unwrap();
    let mut changed = server.pub_key.clone();
    changed[5] ^= 1;
    let secret = client.complete(&changed).unwrap();
    assert_ne!(secret.secret_bytes(), server.secret.secret_bytes());
}

#[test]
fn it_is_a_group_of_tls_1_3_only() {
    assert!(Hybrid.usable_for_version(ProtocolVersion::TLSv1_3));
    assert!(!Hybrid.usable_for_version(ProtocolVersion::TLSv1_2));
}

/// A server with these groups, ours being the client's: the group and the kind of handshake they agree on.
fn agreed(server_groups: Vec<&'static dyn SupportedKxGroup>) -> (NamedGroup, HandshakeKind) {
    let made = rcgen::generate_simple_self_signed(vec!["pay.example".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut theirs = rustls::crypto::ring::default_provider();
    theirs.kx_groups = server_groups;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(theirs))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let name = ServerName::try_from("pay.example").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    let group = client.negotiated_key_exchange_group().unwrap().name();
    (group, client.handshake_kind().unwrap())
}

/// TLS-05: a server without the hybrid costs no second hello, one without X25519 does.
#[test]
fn a_server_without_the_hybrid_is_met_at_the_first_hello() {
    let hybrid = agreed(provider().kx_groups.clone());
    assert_eq!(hybrid, (NamedGroup::X25519MLKEM768, HandshakeKind::Full));
    assert_eq!(agreed(vec![X25519]), (NamedGroup::X25519, HandshakeKind::Full));
    let other = agreed(vec![SECP256R1]);
    assert_eq!(
        other,
        (NamedGroup::secp256r1, HandshakeKind::FullWithHelloRetryRequest)
    );
}
