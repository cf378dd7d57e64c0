//! One pass over each dictionary, straight into the entries.

use std::borrow::Cow;
use std::convert::Infallible;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, StringRef};

use super::signatures::{MAX_LABELS, ParseError};
use crate::component::{Component, ComponentParameter};
use crate::entry::{Entry, InputError, MAX_COMPONENTS};
use crate::parameters::ParameterName;
use crate::structured::write_parameter;

/// Reads `Signature-Input`. `sfv` turns the errors of its visitors into text, so the error goes out by `refused`.
pub(super) struct InputVisitor<'v, 'a> {
    pub(super) entries: &'v mut Vec<Entry<'a>>,
    pub(super) refused: &'v mut Option<ParseError>,
}

/// Reads `Signature` into the entries that `Signature-Input` made.
pub(super) struct SignatureVisitor<'v, 'a> {
    pub(super) entries: &'v mut Vec<Entry<'a>>,
    pub(super) refused: &'v mut Option<ParseError>,
}

struct Input<'v, 'a> {
    entry: &'v mut Entry<'a>,
    refused: &'v mut Option<ParseError>,
}

struct Value<'v, 'a> {
    entry: &'v mut Entry<'a>,
    refused: &'v mut Option<ParseError>,
}

struct Covered<'v, 'a>(&'v mut Entry<'a>);
struct CoveredParameters<'v, 'a>(&'v mut Entry<'a>);
struct SignatureParameters<'v, 'a>(&'v mut Entry<'a>);
struct ValueParameters<'v, 'a>(&'v mut Entry<'a>);

fn refuse<T>(refused: &mut Option<ParseError>, error: ParseError) -> Result<T, ParseError> {
    *refused = Some(error);
    Err(error)
}

impl<'a> DictionaryVisitor<'a> for InputVisitor<'_, 'a> {
    type Out = ();
    type Error = ParseError;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, ParseError> {
        let label = key.as_str();
        if self.entries.iter().any(|entry| entry.label == label) {
            return refuse(self.refused, ParseError::LabelRepeated);
        }
        if self.entries.len() == MAX_LABELS {
            return refuse(self.refused, ParseError::TooManyLabels);
        }
        Ok(Input {
            entry: self.entries.push_mut(Entry::new(label)),
            refused: &mut *self.refused,
        })
    }

    fn finish(self) -> Result<(), ParseError> {
        Ok(())
    }
}

impl<'a> EntryVisitor<'a> for Input<'_, 'a> {
    type Error = ParseError;

    fn item(self) -> Result<impl ItemVisitor<'a>, ParseError> {
        refuse::<Ignored>(self.refused, ParseError::NotInnerList)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, ParseError> {
        Ok(self)
    }
}

impl<'a> InnerListVisitor<'a> for Input<'_, 'a> {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'a>, Infallible> {
        Ok(Covered(&mut *self.entry))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'a>, Infallible> {
        Ok(SignatureParameters(self.entry))
    }
}

impl<'a> ItemVisitor<'a> for Covered<'_, 'a> {
    type Out = Option<()>;
    type Error = Infallible;

    fn bare_item(
        self,
        value: BareItemFromInput<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = Option<()>>, Infallible> {
        let BareItemFromInput::String(name) = value else {
            self.0.refuse(InputError::ComponentNotString);
            return Ok(None);
        };
        if self.0.components.len() == MAX_COMPONENTS {
            self.0.refuse(InputError::TooManyComponents);
            return Ok(None);
        }
        self.0.components.push(Component::from_received(text(name)));
        Ok(Some(CoveredParameters(self.0)))
    }
}

impl<'a> ParameterVisitor<'a> for CoveredParameters<'_, 'a> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, key: &'a KeyRef, value: BareItemFromInput<'a>) -> Result<(), Infallible> {
        match component_parameter(key.as_str(), value) {
            Err(fault) => self.0.refuse(fault),
            Ok(parameter) => {
                let new = self
                    .0
                    .components
                    .last_mut()
                    .is_some_and(|component| component.receive(parameter));
                if !new {
                    self.0.refuse(InputError::ComponentParameterRepeated);
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn component_parameter<'a>(
    name: &str,
    value: BareItemFromInput<'a>,
) -> Result<ComponentParameter<'a>, InputError> {
    let flag = matches!(value, BareItemFromInput::Boolean(true));
    match (name, value) {
        ("sf", _) if flag => Ok(ComponentParameter::Sf),
        ("bs", _) if flag => Ok(ComponentParameter::Bs),
        ("tr", _) if flag => Ok(ComponentParameter::Tr),
        ("req", _) if flag => Ok(ComponentParameter::Req),
        ("key", BareItemFromInput::String(key)) => Ok(ComponentParameter::Key(text(key))),
        ("name", BareItemFromInput::String(name)) => Ok(ComponentParameter::Name(text(name))),
        ("sf" | "bs" | "tr" | "req" | "key" | "name", _) => Err(InputError::ComponentParameterType),
        _ => Err(InputError::ComponentParameterUnknown),
    }
}

impl<'a> ParameterVisitor<'a> for SignatureParameters<'_, 'a> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, key: &'a KeyRef, value: BareItemFromInput<'a>) -> Result<(), Infallible> {
        let entry = &mut *self.0;
        write_parameter(key.as_str(), &value, &mut entry.raw_parameters);
        let Some(name) = ParameterName::from_name(key.as_str()) else {
            entry.refuse(InputError::ParameterUnknown);
            return Ok(());
        };
        if entry.parameters.has(name) {
            entry.refuse(InputError::ParameterRepeated(name));
        }
        match (name, value) {
            (ParameterName::Created, BareItemFromInput::Integer(time)) => {
                entry.parameters.created = Some(time.into())
            }
            (ParameterName::Expires, BareItemFromInput::Integer(time)) => {
                entry.parameters.expires = Some(time.into())
            }
            (_, BareItemFromInput::String(value)) => entry.set_text(name, text(value)),
            (ParameterName::Created, _) => entry.refuse(InputError::CreatedNotInteger),
            (ParameterName::Expires, _) => entry.refuse(InputError::ExpiresNotInteger),
            _ => entry.refuse(InputError::NotString(name)),
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<'a> DictionaryVisitor<'a> for SignatureVisitor<'_, 'a> {
    type Out = ();
    type Error = ParseError;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, ParseError> {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.label == key.as_str()) else {
            return refuse(self.refused, ParseError::LabelUnmatched);
        };
        if entry.signature.is_some() {
            return refuse(self.refused, ParseError::LabelRepeated);
        }
        Ok(Value {
            entry,
            refused: &mut *self.refused,
        })
    }

    fn finish(self) -> Result<(), ParseError> {
        Ok(())
    }
}

impl<'a> EntryVisitor<'a> for Value<'_, 'a> {
    type Error = ParseError;

    fn item(self) -> Result<impl ItemVisitor<'a>, ParseError> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, ParseError> {
        refuse::<Ignored>(self.refused, ParseError::NotBytes)
    }
}

impl<'a> ItemVisitor<'a> for Value<'_, 'a> {
    type Out = ();
    type Error = ParseError;

    fn bare_item(
        self,
        value: BareItemFromInput<'a>,
    ) -> Result<impl ParameterVisitor<'a, Out = ()>, ParseError> {
        let BareItemFromInput::ByteSequence(signature) = value else {
            return refuse(self.refused, ParseError::NotBytes);
        };
        self.entry.signature = Some(signature);
        Ok(ValueParameters(self.entry))
    }
}

impl<'a> ParameterVisitor<'a> for ValueParameters<'_, 'a> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, _: &'a KeyRef, _: BareItemFromInput<'a>) -> Result<(), Infallible> {
        self.0.refuse(InputError::SignatureParameters);
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn text(text: Cow<'_, StringRef>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_str()),
        Cow::Owned(text) => Cow::Owned(text.into()),
    }
}
