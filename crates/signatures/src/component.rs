//! Component identifiers: a name and the parameters that say how its value is taken (RFC 9421, section 2).

use std::borrow::Cow;

use crate::structured::write_string;

/// A component identifier. Two are equal when name and parameters are, in whatever order the parameters stand
/// (RFC 9421, section 2); the order is kept because it is part of what is signed.
///
/// Whether the identifier makes sense is judged where its value is taken, by [`signature_base`](crate::signature_base).
#[derive(Clone, Debug)]
pub struct Component<'a> {
    name: Cow<'a, str>,
    parameters: Vec<ComponentParameter<'a>>,
    known: Option<&'a str>,
}

/// A parameter of a component identifier (RFC 9421, section 6.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentParameter<'a> {
    /// `sf`: the field's value, serialised strictly as a structured field (section 2.1.1).
    Sf,
    /// `key`: one member of a dictionary field (section 2.1.2).
    Key(Cow<'a, str>),
    /// `bs`: each line of the field wrapped as a byte sequence (section 2.1.3).
    Bs,
    /// `tr`: a trailer field (section 2.1.4).
    Tr,
    /// `req`: taken from the request that a response answers (section 2.4).
    Req,
    /// `name`: which query parameter, percent-encoded (section 2.2.8).
    Name(Cow<'a, str>),
}

impl<'a> Component<'a> {
    /// A derived component, such as `@method`.
    #[must_use]
    pub const fn derived(name: &'a str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            parameters: Vec::new(),
            known: None,
        }
    }

    /// A field, by its lower-case name.
    #[must_use]
    pub const fn field(name: &'a str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            parameters: Vec::new(),
            known: None,
        }
    }

    /// The query parameter with the percent-encoded `name`.
    #[must_use]
    pub fn query_param(name: impl Into<Cow<'a, str>>) -> Self {
        Self::derived("@query-param").with(ComponentParameter::Name(name.into()))
    }

    /// Only the member `key` of the field, which is a dictionary.
    #[must_use]
    pub fn key(self, key: impl Into<Cow<'a, str>>) -> Self {
        self.with(ComponentParameter::Key(key.into()))
    }

    /// Serialised strictly as a structured field.
    #[must_use]
    pub fn sf(self) -> Self {
        self.with(ComponentParameter::Sf)
    }

    /// Every line of the field as a byte sequence.
    #[must_use]
    pub fn bs(self) -> Self {
        self.with(ComponentParameter::Bs)
    }

    /// From the trailers.
    #[must_use]
    pub fn tr(self) -> Self {
        self.with(ComponentParameter::Tr)
    }

    /// From the request that the response answers.
    #[must_use]
    pub fn req(self) -> Self {
        self.with(ComponentParameter::Req)
    }

    /// The same component, whose value its signer holds already, such as that of a dictionary member it put into the
    /// message itself: the message is then not read for it. Received components never have one.
    #[must_use]
    pub const fn known(mut self, value: &'a str) -> Self {
        self.known = Some(value);
        self
    }

    /// The name: of a field, or of a derived component with its `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters, in the order they are signed.
    #[must_use]
    pub fn parameters(&self) -> &[ComponentParameter<'a>] {
        &self.parameters
    }

    /// The serialised identifier, such as `"signature";key="client"`.
    #[must_use]
    pub fn identifier(&self) -> String {
        let mut identifier = String::with_capacity(self.name.len() + 16);
        self.write_identifier(&mut identifier);
        identifier
    }

    pub(crate) const fn from_received(name: Cow<'a, str>) -> Self {
        Self {
            name,
            parameters: Vec::new(),
            known: None,
        }
    }

    pub(crate) const fn known_value(&self) -> Option<&'a str> {
        self.known
    }

    /// Adds a parameter; one that is already there is replaced, as in a structured field.
    pub(crate) fn with(mut self, parameter: ComponentParameter<'a>) -> Self {
        self.parameters
            .retain(|present| present.name() != parameter.name());
        self.parameters.push(parameter);
        self
    }

    /// Adds a received parameter; `false` when the component already has one of this name.
    pub(crate) fn receive(&mut self, parameter: ComponentParameter<'a>) -> bool {
        let new = !self
            .parameters
            .iter()
            .any(|present| present.name() == parameter.name());
        if new {
            self.parameters.push(parameter);
        }
        new
    }

    pub(crate) fn has(&self, parameter: &ComponentParameter<'_>) -> bool {
        self.parameters.iter().any(|present| present == parameter)
    }

    pub(crate) fn write_identifier(&self, out: &mut String) {
        write_string(&self.name, out);
        for parameter in &self.parameters {
            out.push(';');
            out.push_str(parameter.name());
            if let ComponentParameter::Key(text) | ComponentParameter::Name(text) = parameter {
                out.push('=');
                write_string(text, out);
            }
        }
    }
}

impl PartialEq<Component<'_>> for Component<'_> {
    fn eq(&self, other: &Component<'_>) -> bool {
        self.name == other.name
            && self.parameters.len() == other.parameters.len()
            && self.parameters.iter().all(|parameter| other.has(parameter))
    }
}

impl ComponentParameter<'_> {
    /// The name of the parameter.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sf => "sf",
            Self::Key(_) => "key",
            Self::Bs => "bs",
            Self::Tr => "tr",
            Self::Req => "req",
            Self::Name(_) => "name",
        }
    }
}

impl std::fmt::Display for Component<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.identifier())
    }
}

#[cfg(test)]
mod tests {
    use super::Component;

    #[test]
    fn identifiers_serialise_with_their_parameters_in_order() {
        assert_eq!(Component::derived("@method").identifier(), r#""@method""#);
        assert_eq!(
            Component::field("signature").req().key("a b").identifier(),
            r#""signature";req;key="a b""#
        );
        assert_eq!(
            Component::query_param("q").identifier(),
            r#""@query-param";name="q""#
        );
    }

    /// SIG-02: the order of parameters does not make another component.
    #[test]
    fn equality_ignores_the_order_of_parameters() {
        let one = Component::field("signature").req().key("a");
        assert_eq!(one, Component::field("signature").key("a").req());
        assert_ne!(one, Component::field("signature").key("b").req());
        assert_ne!(one, Component::field("signature").key("a"));
        assert_ne!(one, Component::field("signature-input").key("a").req());
    }
}
