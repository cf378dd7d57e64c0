//! The TLS of the three doors, set up at the start and anew when what it is made of has changed.

use std::sync::Arc;

use super::error::StartError;
use super::material::Material;
use crate::base::Clock;
use crate::config::{Config, TlsVersion, TrustAnchors};
use crate::edge::{self, Certificates, ClientAuthentication, DoorTls, ServerCertificate, TlsError};
use crate::edge::{TlsInForce, TlsSettings};

/// The TLS of the doors.
#[derive(Clone)]
pub(super) struct Doors {
    pub(super) public: Arc<DoorTls>,
    /// Absent without `tls.client_ca`: then nobody could prove anything there.
    pub(super) mutual: Option<Arc<DoorTls>>,
    /// Absent without `admin.client_ca`.
    pub(super) admin: Option<Arc<DoorTls>>,
}

/// A setup that has been checked and only has to be put in force.
pub(super) struct Setup {
    public: TlsInForce,
    mutual: Option<TlsInForce>,
    admin: Option<TlsInForce>,
}

impl Doors {
    /// The doors that `setup` is for.
    pub(super) fn new(setup: Setup) -> Self {
        let door = |setup| Arc::new(DoorTls::new(setup));
        Self {
            public: door(setup.public),
            mutual: setup.mutual.map(door),
            admin: setup.admin.map(door),
        }
    }

    /// Cannot fail. Which doors there are does not change while the gateway runs.
    pub(super) fn put_in_force(&self, setup: Setup) {
        self.public.replace(setup.public);
        let others = [(&self.mutual, setup.mutual), (&self.admin, setup.admin)];
        for (door, setup) in others {
            if let (Some(door), Some(setup)) = (door, setup) {
                door.replace(setup);
            }
        }
    }
}

impl Setup {
    /// Checks certificates, keys and trust anchors.
    pub(super) fn new(
        config: &Config,
        material: &Material,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let own = material.server.iter().map(|pair| {
            ServerCertificate::from_pem(&pair.chain, pair.key.expose()).map_err(tls("tls.certificate"))
        });
        let own = Certificates::new(&own.collect::<Result<Vec<_>, _>>()?).map_err(tls("tls.certificate"))?;
        let door = |key: &'static str, clients: &ClientAuthentication, oldest: TlsVersion| {
            let settings = TlsSettings {
                certificates: &own,
                clients,
                oldest,
                ticket_rotation: config.tls.ticket_rotation,
            };
            TlsInForce::new(&settings, Arc::clone(clock)).map_err(tls(key))
        };
        let oldest = config.tls.min_version;
        let clients = anchors(
            ("tls.client_ca", &config.tls.client_ca),
            ("tls.client_crl", &material.client_lists),
        )?;
        let admins = anchors(
            ("admin.client_ca", &config.admin.client_ca),
            ("admin.client_crl", &material.admin_lists),
        )?;
        Ok(Self {
            public: door("tls.certificate", &ClientAuthentication::None, oldest)?,
            mutual: clients
                .map(|clients| door("tls.client_ca", &ClientAuthentication::Optional(clients), oldest))
                .transpose()?,
            // Administrators choose their own tools: there is no old one to wait for.
            admin: admins
                .map(|admins| {
                    let admins = ClientAuthentication::Required(admins);
                    door("admin.client_ca", &admins, TlsVersion::Tls13)
                })
                .transpose()?,
        })
    }
}

/// Whom a door believes, if it asks.
fn anchors(
    (ca_key, authorities): (&'static str, &Option<TrustAnchors>),
    (list_key, lists): (&'static str, &Option<Vec<u8>>),
) -> Result<Option<edge::TrustAnchors>, StartError> {
    let Some(authorities) = authorities else {
        return Ok(None);
    };
    let anchors = edge::TrustAnchors::new(authorities.certificates(), lists.as_deref());
    let anchors = anchors.map_err(|cause| match cause {
        TlsError::RevocationList(_) => tls(list_key)(cause),
        _ => tls(ca_key)(cause),
    });
    anchors.map(Some)
}

fn tls(key: &'static str) -> impl Fn(TlsError) -> StartError {
    move |cause| StartError::Tls {
        key: key.to_owned(),
        cause,
    }
}
