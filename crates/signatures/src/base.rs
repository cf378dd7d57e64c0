//! The signature base (RFC 9421, section 2.5): the one function behind signing and verifying.

use crate::component::{Component, ComponentParameter};
use crate::message::{Message, Request, Response};
use crate::structured::is_string;
use crate::{derived, field};

/// Why a signature base could not be built, and for which component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{component}: {reason}")]
pub struct BaseError {
    /// The serialised component identifier.
    pub component: String,
    /// What is wrong with it.
    pub reason: BaseFault,
}

/// What can be wrong with a covered component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseFault {
    /// The component is listed twice.
    #[error("the component is repeated")]
    Repeated,
    /// A name starting with `@` that is no derived component. It is never looked up as a field (section 7.5.1).
    #[error("the derived component is unknown")]
    UnknownDerived,
    /// `@signature-params` is always the last line and never listed.
    #[error("@signature-params must not be listed")]
    SignatureParamsListed,
    /// The name is not a field name.
    #[error("the name is not a field name")]
    NameInvalid,
    /// The field name is not in lower case.
    #[error("the field name is not in lower case")]
    NameNotLowerCase,
    /// A parameter that this component cannot have, or a `key` or `name` outside printable ASCII.
    #[error("the component has a parameter that it cannot have")]
    ParameterMisplaced,
    /// `bs` together with `sf` or `key` (section 2.1.3).
    #[error("bs excludes sf and key")]
    ParametersExclusive,
    /// `@query-param` without `name`.
    #[error("@query-param needs the parameter name")]
    QueryParamNameMissing,
    /// `req` in the signature of a request (section 2.4).
    #[error("req has no meaning in a request")]
    ReqInRequest,
    /// `req` in the signature of a response whose request is not at hand.
    #[error("the request that the response answers is not at hand")]
    RequestMissing,
    /// A component of requests in a response, without `req`.
    #[error("the component belongs to requests")]
    OnlyInRequest,
    /// `@status` in a request (section 2.2.9).
    #[error("a request has no status")]
    StatusInRequest,
    /// The message has no such field.
    #[error("the field is missing")]
    FieldMissing,
    /// `tr`, but the trailers have not arrived or there are none.
    #[error("there are no trailers")]
    TrailersMissing,
    /// `sf` on a field whose form is not known here.
    #[error("the field is not known to be a structured field")]
    NotStructured,
    /// `sf` on a value that does not parse as what the field should be.
    #[error("the value is not of the field's structured form")]
    StructuredMalformed,
    /// `key` on a value that is no dictionary.
    #[error("the value is not a dictionary")]
    NotADictionary,
    /// `key` names a member that is not there.
    #[error("the dictionary has no such member")]
    MemberMissing,
    /// `key` names a member that is there more than once.
    #[error("the dictionary member is repeated")]
    MemberRepeated,
    /// No query parameter of this name.
    #[error("the query parameter is missing")]
    QueryParamMissing,
    /// More than one query parameter of this name (section 2.2.8).
    #[error("the query parameter is repeated")]
    QueryParamRepeated,
    /// A query parameter whose percent-decoded value is not UTF-8.
    #[error("the query parameter is not UTF-8")]
    QueryParamNotUtf8,
    /// The method is empty or not a token.
    #[error("the method is invalid")]
    MethodInvalid,
    /// The scheme is empty or has other characters than a scheme can have.
    #[error("the scheme is invalid")]
    SchemeInvalid,
    /// The authority is empty, has user information, or characters that cannot stand there.
    #[error("the authority is invalid")]
    AuthorityInvalid,
    /// The path or the query has characters that cannot stand there.
    #[error("the request target is invalid")]
    TargetInvalid,
    /// The status is not of three digits.
    #[error("the status is invalid")]
    StatusInvalid,
    /// A value that the signer gave beforehand has characters that a serialised structured field cannot have.
    #[error("the value given for the component is not printable ASCII")]
    KnownInvalid,
    /// The value has a line break.
    #[error("the value has a line break")]
    LineBreak,
    /// The value has bytes outside ASCII (section 7.5.5).
    #[error("the value is not ASCII")]
    NotAscii,
    /// The value has a control character other than the tab.
    #[error("the value has a control character")]
    Control,
}

/// Builds the signature base of `message` for the covered `components`.
///
/// `parameters` are the serialised signature parameters, such as `;created=1618884473;keyid="k"`: one's own when
/// signing, those received when verifying.
///
/// # Errors
/// [`BaseError`] naming the component whose value cannot be taken.
pub fn signature_base<'m>(
    components: &[Component<'_>],
    parameters: &str,
    message: impl Into<Message<'m>>,
) -> Result<String, BaseError> {
    build(components, parameters, message.into()).map(|base| base.text)
}

/// Room for one long value: most bases hold a token, of the client or of the gateway.
const TOKEN_ROOM: usize = 1280;
/// Room for a line of the base: an identifier twice and a short value.
const LINE_ROOM: usize = 96;

/// A signature base, and where the value of its last line begins: what the member of `Signature-Input` says too.
pub(crate) struct Base {
    pub(crate) text: String,
    pub(crate) last: usize,
}

pub(crate) fn build(
    components: &[Component<'_>],
    parameters: &str,
    message: Message<'_>,
) -> Result<Base, BaseError> {
    // A guess that spares most messages every reallocation: identifiers stand twice, values are often short.
    let known = components.iter().filter_map(Component::known_value).map(str::len);
    let guess = known
        .sum::<usize>()
        .saturating_add(components.len().saturating_mul(LINE_ROOM));
    let mut base = String::with_capacity(guess.saturating_add(parameters.len() + TOKEN_ROOM));
    let mut rest = components;
    while let Some((component, later)) = rest.split_first() {
        let line = if later.contains(component) {
            Err(BaseFault::Repeated)
        } else {
            write_line(component, message, &mut base)
        };
        line.map_err(|reason| BaseError {
            component: component.identifier(),
            reason,
        })?;
        rest = later;
    }
    base.push_str("\"@signature-params\": ");
    let last = base.len();
    write_signature_params(components, parameters, &mut base).map_err(|reason| BaseError {
        component: "\"@signature-params\"".to_owned(),
        reason,
    })?;
    Ok(Base { text: base, last })
}

/// Writes the inner list that is both the last line of the base and the member of `Signature-Input`.
pub(crate) fn write_signature_params(
    components: &[Component<'_>],
    parameters: &str,
    out: &mut String,
) -> Result<(), BaseFault> {
    if !is_string(parameters) {
        return Err(BaseFault::Control);
    }
    out.push('(');
    for (index, component) in components.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        component.write_identifier(out);
    }
    out.push(')');
    out.push_str(parameters);
    Ok(())
}

fn write_line(component: &Component<'_>, message: Message<'_>, base: &mut String) -> Result<(), BaseFault> {
    check(component)?;
    component.write_identifier(base);
    base.push_str(": ");
    write_value(component, message, base)?;
    base.push('\n');
    Ok(())
}

/// Refuses identifiers that make no sense, whatever the message.
fn check(component: &Component<'_>) -> Result<(), BaseFault> {
    if component.name().starts_with('@') {
        derived::check(component)
    } else {
        field::check(component)
    }
}

fn write_value(component: &Component<'_>, message: Message<'_>, base: &mut String) -> Result<(), BaseFault> {
    if let Some(value) = component.known_value() {
        return write_known(value, base);
    }
    let from_request = component.has(&ComponentParameter::Req);
    match message {
        Message::Request(_) if from_request => Err(BaseFault::ReqInRequest),
        Message::Request(request) => write_from_request(component, request, base),
        Message::Response(response) if from_request => write_from_request(
            component,
            response.request.ok_or(BaseFault::RequestMissing)?,
            base,
        ),
        Message::Response(response) => write_from_response(component, response, base),
    }
}

fn write_known(value: &str, base: &mut String) -> Result<(), BaseFault> {
    if !is_string(value) {
        return Err(BaseFault::KnownInvalid);
    }
    base.push_str(value);
    Ok(())
}

fn write_from_request(
    component: &Component<'_>,
    request: &Request<'_>,
    base: &mut String,
) -> Result<(), BaseFault> {
    if component.name().starts_with('@') {
        derived::write(component, request, base)
    } else {
        field::write(component, request.headers, request.trailers, base)
    }
}

fn write_from_response(
    component: &Component<'_>,
    response: &Response<'_>,
    base: &mut String,
) -> Result<(), BaseFault> {
    if component.name().starts_with('@') {
        derived::write_of_response(component, response, base)
    } else {
        field::write(component, response.headers, response.trailers, base)
    }
}
