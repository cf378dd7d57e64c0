//! The file in which `login` keeps a session for `pay`: whoever reads it can pay, so it is for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use countersign_client::{Client, ClientKey, Error, Secret, Session};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::console::CliError;

/// Largest file that is read, in bytes: a key, two tokens and a few certificates.
const MAX_BYTES: u64 = 256 * 1024;
/// A session is refreshed when its token has less than this many seconds to live.
const REFRESH_BEFORE_S: i64 = 30;
const OWNER_ONLY: u32 = 0o600;

/// What is kept: where the gateway is, which app this is, its key, and the tokens.
pub(super) struct SessionFile {
    pub(super) gateway: String,
    /// The certificates that vouch for the gateway, PEM.
    pub(super) ca: String,
    pub(super) client_id: String,
    key: Secret,
    session: Secret,
}

#[derive(Deserialize)]
struct Kept {
    gateway: String,
    ca: String,
    client_id: String,
    key: Secret,
    session: Secret,
}

#[derive(Serialize)]
struct Keeping<'a> {
    gateway: &'a str,
    ca: &'a str,
    client_id: &'a str,
    /// The private JWK, as JSON text.
    key: &'a str,
    /// The tokens, as JSON text.
    session: &'a str,
}

impl SessionFile {
    /// What is to be kept of a login.
    pub(super) fn new(gateway: &str, ca: &str, client_id: &str, key: &ClientKey, session: &Session) -> Self {
        Self {
            gateway: gateway.to_owned(),
            ca: ca.to_owned(),
            client_id: client_id.to_owned(),
            key: key.private_jwk().clone(),
            session: Secret::new(session.to_json().as_str()),
        }
    }

    /// Reads the file at `path`; one that others can read is refused.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let told = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
        let metadata = fs::metadata(path).map_err(|error| told(&error))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(told(
                &"others can read or change this session; make it with `countersign login` again",
            ));
        }
        if metadata.len() > MAX_BYTES {
            return Err(told(&"this is no session: it is too large"));
        }
        let text = Zeroizing::new(fs::read(path).map_err(|error| told(&error))?);
        let kept: Kept = serde_json::from_slice(&text)
            .map_err(|_| told(&"this is no session; make one with `countersign login`"))?;
        Ok(Self {
            gateway: kept.gateway,
            ca: kept.ca,
            client_id: kept.client_id,
            key: kept.key,
            session: kept.session,
        })
    }

    /// Writes the file beside its place and moves it there, so that it is old or new but never half.
    pub(super) fn write(&self, path: &Path) -> Result<(), CliError> {
        let keeping = Keeping {
            gateway: &self.gateway,
            ca: &self.ca,
            client_id: &self.client_id,
            key: self.key.expose(),
            session: self.session.expose(),
        };
        let text = Zeroizing::new(serde_json::to_vec(&keeping).map_err(CliError::failed)?);
        let beside = beside(path);
        let written = create(&beside)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))
    }

    /// The key of this app.
    pub(super) fn key(&self) -> Result<ClientKey, CliError> {
        ClientKey::from_jwk(self.key.expose()).map_err(CliError::failed)
    }

    /// The tokens.
    pub(super) fn session(&self) -> Result<Session, CliError> {
        Session::from_json(self.session.expose()).map_err(failed)
    }

    /// A client as this app.
    pub(super) async fn connect(&self) -> Result<Client, CliError> {
        connect(&self.gateway, &self.ca, &self.client_id, self.key()?).await
    }

    /// The tokens, renewed and kept when they are about to end at `now`, in seconds since 1970.
    pub(super) async fn live_session(
        &mut self,
        client: &Client,
        path: &Path,
        now: i64,
    ) -> Result<Session, CliError> {
        let session = self.session()?;
        if session.expires_at().saturating_sub(now) > REFRESH_BEFORE_S {
            return Ok(session);
        }
        let session = client.refresh(&session).await.map_err(|error| {
            CliError::Failed(format!(
                "the session is over ({error}): run `countersign login` again"
            ))
        })?;
        self.session = Secret::new(session.to_json().as_str());
        self.write(path)?;
        Ok(session)
    }
}

/// A client of the gateway as the app `client_id` with `key`.
pub(super) async fn connect(
    gateway: &str,
    ca: &str,
    client_id: &str,
    key: ClientKey,
) -> Result<Client, CliError> {
    let builder = Client::builder(gateway).ca_pem(ca).client_id(client_id).key(key);
    builder.connect().await.map_err(failed)
}

/// A client's error with what to do about it.
pub(super) fn failed(error: Error) -> CliError {
    CliError::Failed(format!("{error}\n  {}", error.advice()))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn create(path: &Path) -> io::Result<File> {
    // What a cut-off run left behind must not lend its mode to the new file.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_jose::KeyKind;

    fn file() -> SessionFile {
        let key = ClientKey::generate(KeyKind::Ed25519).unwrap();
        let tokens = r#"{"access_token":"at-1","refresh_token":null,"expires_at":1300,"scope":"a"}"#;
        SessionFile::new(
            "https://a.example",
            "PEM",
            "app",
            &key,
            &Session::from_json(tokens).unwrap(),
        )
    }

    #[test]
    fn a_session_is_kept_for_its_owner_alone_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        let file = file();
        file.write(&path).unwrap();
        file.write(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            OWNER_ONLY
        );
        let again = SessionFile::read(&path).unwrap();
        assert_eq!(again.session().unwrap().access_token().expose(), "at-1");
        assert_eq!(
            again.key().unwrap().thumbprint(),
            file.key().unwrap().thumbprint()
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_no_session_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session");
        file().write(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(SessionFile::read(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "{}").unwrap();
        assert!(SessionFile::read(&path).is_err());
        assert!(SessionFile::read(&folder.path().join("missing")).is_err());
    }
}
