//! Signing a message (RFC 9421, section 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_jose::{KeyError, PrivateKey};

use crate::algorithm::Algorithm;
use crate::append::Members;
use crate::base::{Base, BaseError, build};
use crate::component::Component;
use crate::message::Message;
use crate::parameters::{ParameterError, Parameters};

/// A signature ready to be sent, and what was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The two dictionary members.
    pub members: Members,
    /// The signature base: evidence for disputes, and what to look at when a peer does not agree.
    pub base: String,
}

/// Why a message could not be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The label is not a key of a structured dictionary.
    #[error("the label is not a dictionary key")]
    LabelInvalid,
    /// The algorithm needs another kind of key.
    #[error("the algorithm does not fit the key")]
    AlgorithmKeyMismatch,
    /// The parameter `alg` names another algorithm than the one used.
    #[error("the parameter alg disagrees with the algorithm used")]
    AlgorithmDisagrees,
    /// A parameter cannot be sent.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A component cannot be taken from the message.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The key did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Signs `components` of `message` with `key`.
///
/// # Errors
/// See [`SignError`].
pub fn sign<'m>(
    message: impl Into<Message<'m>>,
    label: &str,
    components: &[Component<'_>],
    parameters: &Parameters<'_>,
    key: &PrivateKey,
    algorithm: Algorithm,
) -> Result<Signed, SignError> {
    if !algorithm.fits(key.public_key()) {
        return Err(SignError::AlgorithmKeyMismatch);
    }
    if parameters.alg.is_some_and(|named| named != algorithm) {
        return Err(SignError::AlgorithmDisagrees);
    }
    let raw_parameters = parameters.serialize()?;
    let Base { text, last } = build(components, &raw_parameters, message.into())?;
    let signature = key.sign(algorithm.scheme(), text.as_bytes())?;
    // The last line of the base says what the member of Signature-Input says.
    let members = members(label, text.get(last..).unwrap_or_default(), &signature)?;
    Ok(Signed { members, base: text })
}

/// The two members for `label`, whose inner list of covered components and parameters is `covered`.
pub(crate) fn members(label: &str, covered: &str, signature: &[u8]) -> Result<Members, SignError> {
    sfv::KeyRef::from_str(label).map_err(|_| SignError::LabelInvalid)?;
    let mut input = String::with_capacity(label.len() + covered.len() + 1);
    input.push_str(label);
    input.push('=');
    input.push_str(covered);
    let mut value = String::with_capacity(label.len() + signature.len().div_ceil(3) * 4 + 3);
    value.push_str(label);
    value.push_str("=:");
    STANDARD.encode_string(signature, &mut value);
    value.push(':');
    Ok(Members {
        signature_input: input,
        signature: value,
    })
}
