//! Derived components (RFC 9421, section 2.2).

use std::fmt::Write as _;

use crate::base::BaseFault;
use crate::component::{Component, ComponentParameter};
use crate::message::{Request, Response};
use crate::query::write_query_param;

/// Refuses derived components that do not exist or have parameters they cannot have.
pub(crate) fn check(component: &Component<'_>) -> Result<(), BaseFault> {
    let is_query_param = match component.name() {
        "@query-param" => true,
        "@method" | "@target-uri" | "@authority" | "@scheme" | "@request-target" | "@path" | "@query"
        | "@status" => false,
        "@signature-params" => return Err(BaseFault::SignatureParamsListed),
        _ => return Err(BaseFault::UnknownDerived),
    };
    let fits = |parameter: &ComponentParameter<'_>| match parameter {
        ComponentParameter::Req => true,
        ComponentParameter::Name(name) => {
            is_query_param && name.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        }
        _ => false,
    };
    if component.parameters().iter().all(fits) {
        Ok(())
    } else {
        Err(BaseFault::ParameterMisplaced)
    }
}

/// Writes the value of a derived component of `request`.
pub(crate) fn write(
    component: &Component<'_>,
    request: &Request<'_>,
    out: &mut String,
) -> Result<(), BaseFault> {
    match component.name() {
        "@method" => write_method(request, out),
        "@target-uri" => write_target_uri(request, out),
        "@authority" => write_authority(request, out),
        "@scheme" => write_scheme(request, out),
        "@request-target" => write_request_target(request, out),
        "@path" => write_path(request, out),
        "@query" => write_query(request.query.unwrap_or_default(), out),
        "@query-param" => write_query_param(
            query_param_name(component)?,
            request.query.unwrap_or_default(),
            out,
        ),
        "@status" => Err(BaseFault::StatusInRequest),
        _ => Err(BaseFault::UnknownDerived),
    }
}

/// Writes the value of a derived component of a response itself: only `@status` is one (section 2.2.9).
pub(crate) fn write_of_response(
    component: &Component<'_>,
    response: &Response<'_>,
    out: &mut String,
) -> Result<(), BaseFault> {
    if component.name() != "@status" {
        return Err(BaseFault::OnlyInRequest);
    }
    if !(100..=999).contains(&response.status) {
        return Err(BaseFault::StatusInvalid);
    }
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", response.status);
    Ok(())
}

fn query_param_name<'c>(component: &'c Component<'_>) -> Result<&'c str, BaseFault> {
    let name = component
        .parameters()
        .iter()
        .find_map(|parameter| match parameter {
            ComponentParameter::Name(name) => Some(name.as_ref()),
            _ => None,
        });
    name.ok_or(BaseFault::QueryParamNameMissing)
}

fn write_method(request: &Request<'_>, out: &mut String) -> Result<(), BaseFault> {
    if request.method.is_empty() || !request.method.bytes().all(is_token_byte) {
        return Err(BaseFault::MethodInvalid);
    }
    out.push_str(request.method);
    Ok(())
}

/// Scheme, authority, path and query put together (section 2.2.2; RFC 9110, section 7.1).
fn write_target_uri(request: &Request<'_>, out: &mut String) -> Result<(), BaseFault> {
    write_scheme(request, out)?;
    out.push_str("://");
    write_authority(request, out)?;
    // `OPTIONS *` and `CONNECT` have a target URI without path and query.
    if request.path == "*" || request.method == "CONNECT" {
        return Ok(());
    }
    write_path(request, out)?;
    match request.query {
        Some(query) => write_query(query, out),
        None => Ok(()),
    }
}

/// Lower case, without the scheme's default port (section 2.2.3; RFC 9110, section 4.2.3).
fn write_authority(request: &Request<'_>, out: &mut String) -> Result<(), BaseFault> {
    let default_port = if request.scheme.eq_ignore_ascii_case("https") {
        ":443"
    } else {
        ":80"
    };
    let authority = request.authority;
    let authority = authority
        .strip_suffix(default_port)
        .or_else(|| authority.strip_suffix(':'))
        .unwrap_or(authority);
    let allowed =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'/' | b'\\' | b'?' | b'#' | b',');
    if authority.is_empty() || !authority.bytes().all(allowed) {
        return Err(BaseFault::AuthorityInvalid);
    }
    push_lower_case(authority, out);
    Ok(())
}

fn write_scheme(request: &Request<'_>, out: &mut String) -> Result<(), BaseFault> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !request
        .scheme
        .starts_with(|first: char| first.is_ascii_alphabetic())
        || !request.scheme.bytes().all(allowed)
    {
        return Err(BaseFault::SchemeInvalid);
    }
    push_lower_case(request.scheme, out);
    Ok(())
}

fn push_lower_case(text: &str, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    if let Some(added) = out.get_mut(start..) {
        added.make_ascii_lowercase();
    }
}

/// Origin form; asterisk form for `OPTIONS *`; authority form for `CONNECT` (section 2.2.5).
fn write_request_target(request: &Request<'_>, out: &mut String) -> Result<(), BaseFault> {
    if request.path == "*" {
        out.push('*');
        return Ok(());
    }
    if request.method == "CONNECT" {
        return write_authority_form(request, out);
    }
    write_path(request, out)?;
    match request.query {
        Some(query) => write_query(query, out),
        None => Ok(()),
    }
}

/// The authority of a `CONNECT` stands in its request line as it is, port included.
fn write_authority_form(request: &Request<'_>, out: &mut String) -> Result<(), BaseFault> {
    if request.authority.is_empty() || !request.authority.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BaseFault::AuthorityInvalid);
    }
    out.push_str(request.authority);
    Ok(())
}

/// The raw path; an empty one, and that of `OPTIONS *`, is a single slash (section 2.2.6).
fn write_path(request: &Request<'_>, out: &mut String) -> Result<(), BaseFault> {
    if matches!(request.path, "" | "*") {
        out.push('/');
        return Ok(());
    }
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
    if !request.path.starts_with('/') || !request.path.bytes().all(allowed) {
        return Err(target_fault(request.path));
    }
    out.push_str(request.path);
    Ok(())
}

/// The question mark and the raw query; without a query the question mark alone (section 2.2.7).
fn write_query(query: &str, out: &mut String) -> Result<(), BaseFault> {
    if !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(target_fault(query));
    }
    out.push('?');
    out.push_str(query);
    Ok(())
}

fn target_fault(part: &str) -> BaseFault {
    if part.bytes().any(|byte| matches!(byte, b'\r' | b'\n')) {
        BaseFault::LineBreak
    } else if part.is_ascii() {
        BaseFault::TargetInvalid
    } else {
        BaseFault::NotAscii
    }
}

/// A byte of a token (RFC 9110, section 5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
