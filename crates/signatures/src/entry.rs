//! One received signature: what it covers, its parameters and its bytes.

use std::borrow::Cow;

use crate::algorithm::AlgorithmError;
use crate::base::{BaseError, signature_base};
use crate::component::Component;
use crate::message::Message;
use crate::parameters::{ParameterName, Parameters};

/// The most components one signature may cover here.
pub const MAX_COMPONENTS: usize = 32;
/// The longest text parameter that is read, in bytes.
pub const MAX_TEXT_BYTES: usize = 512;

/// One signature of a message, as received. Nothing in it is to be believed before [`Entry::verify`].
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub(crate) label: &'a str,
    pub(crate) components: Vec<Component<'a>>,
    pub(crate) parameters: Parameters<'a>,
    pub(crate) raw_parameters: String,
    pub(crate) signature: Option<Vec<u8>>,
    pub(crate) fault: Option<InputError>,
}

/// Why an entry of `Signature-Input` cannot be used. It is kept with the entry, so that a foreign signature in a form
/// that is not understood here does not keep one's own from being found (RFC 9421, section 7.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A covered component that is not an RFC 9651 String.
    #[error("a covered component is not a string")]
    ComponentNotString,
    /// More than [`MAX_COMPONENTS`].
    #[error("the signature covers too many components")]
    TooManyComponents,
    /// A component parameter other than `sf`, `key`, `bs`, `tr`, `req` and `name`.
    #[error("a component has an unknown parameter")]
    ComponentParameterUnknown,
    /// The same component parameter twice.
    #[error("a component has the same parameter twice")]
    ComponentParameterRepeated,
    /// A flag with a value other than true, or a `key` or `name` that is no String.
    #[error("a parameter of a component has a value of the wrong type")]
    ComponentParameterType,
    /// A signature parameter that is not registered: it may narrow what was signed, and nobody here would know.
    #[error("the signature has an unknown parameter")]
    ParameterUnknown,
    /// The same signature parameter twice.
    #[error("the signature has the parameter {0} twice")]
    ParameterRepeated(ParameterName),
    /// `created` is not an Integer.
    #[error("created is not an integer")]
    CreatedNotInteger,
    /// `expires` is not an Integer.
    #[error("expires is not an integer")]
    ExpiresNotInteger,
    /// `nonce`, `keyid`, `alg` or `tag` is not a String.
    #[error("the parameter {0} is not a string")]
    NotString(ParameterName),
    /// A text longer than [`MAX_TEXT_BYTES`].
    #[error("the parameter {0} is too long")]
    TooLong(ParameterName),
    /// `alg` names an algorithm that is not accepted.
    #[error(transparent)]
    Algorithm(#[from] AlgorithmError),
    /// The member of `Signature` has parameters, which no standard defines.
    #[error("the signature value has parameters")]
    SignatureParameters,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(label: &'a str) -> Self {
        Self {
            label,
            components: Vec::with_capacity(10),
            parameters: Parameters::default(),
            raw_parameters: String::with_capacity(160),
            signature: None,
            fault: None,
        }
    }

    /// The label: a name for this message only, which says nothing about the signer (RFC 9421, section 7.2.5).
    #[must_use]
    pub const fn label(&self) -> &'a str {
        self.label
    }

    /// The covered components, in the order they were signed.
    #[must_use]
    pub fn components(&self) -> &[Component<'a>] {
        &self.components
    }

    /// The parameters.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters<'a> {
        &self.parameters
    }

    /// The parameters as they were signed, such as `;created=1618884473;keyid="k"`.
    #[must_use]
    pub fn raw_parameters(&self) -> &str {
        &self.raw_parameters
    }

    /// The bytes of the signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        self.signature.as_deref().unwrap_or_default()
    }

    /// `tag`, when there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.parameters.tag.as_deref()
    }

    /// `keyid`, when there is one.
    #[must_use]
    pub fn keyid(&self) -> Option<&str> {
        self.parameters.keyid.as_deref()
    }

    /// Whether the entry is in a form that can be used.
    ///
    /// # Errors
    /// See [`InputError`].
    pub const fn well_formed(&self) -> Result<(), InputError> {
        match self.fault {
            None => Ok(()),
            Some(fault) => Err(fault),
        }
    }

    /// Whether the field or derived component `name` is covered as a whole, that is without any parameter.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.components
            .iter()
            .any(|covered| covered.name() == name && covered.parameters().is_empty())
    }

    /// Whether exactly this component is covered.
    #[must_use]
    pub fn covers_component(&self, component: &Component<'_>) -> bool {
        self.components.iter().any(|covered| covered == component)
    }

    /// The signature base of this entry for `message` (RFC 9421, section 2.5).
    ///
    /// # Errors
    /// [`BaseError`] when a component cannot be taken from the message.
    pub fn base<'m>(&self, message: impl Into<Message<'m>>) -> Result<String, BaseError> {
        signature_base(&self.components, &self.raw_parameters, message)
    }

    pub(crate) fn refuse(&mut self, fault: InputError) {
        self.fault.get_or_insert(fault);
    }

    pub(crate) fn set_text(&mut self, name: ParameterName, text: Cow<'a, str>) {
        if text.len() > MAX_TEXT_BYTES {
            return self.refuse(InputError::TooLong(name));
        }
        match name {
            ParameterName::Nonce => self.parameters.nonce = Some(text),
            ParameterName::KeyId => self.parameters.keyid = Some(text),
            ParameterName::Tag => self.parameters.tag = Some(text),
            ParameterName::Alg => match crate::algorithm::Algorithm::from_name(&text) {
                Ok(algorithm) => self.parameters.alg = Some(algorithm),
                Err(error) => self.refuse(InputError::Algorithm(error)),
            },
            ParameterName::Created => self.refuse(InputError::CreatedNotInteger),
            ParameterName::Expires => self.refuse(InputError::ExpiresNotInteger),
        }
    }
}
