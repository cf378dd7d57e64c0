//! Parameters of an OAuth request: a form, each name once (RFC 6749, section 3.2; HTTP-12).

use std::collections::HashMap;

use zeroize::Zeroizing;

/// Why a form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Not `application/x-www-form-urlencoded`, or not UTF-8.
    #[error("the body is not a well-formed form")]
    Malformed,
    /// A name stands twice.
    #[error("a parameter is repeated")]
    Repeated,
    /// More parameters than any request has.
    #[error("there are too many parameters")]
    TooMany,
}

/// Most parameters of one request.
const MOST: usize = 64;

/// The parameters of a request; they may hold credentials, so they do not print and are wiped.
#[derive(Clone, Default)]
pub struct Parameters(HashMap<String, Zeroizing<String>>);

impl Parameters {
    /// Reads a form. Parameters without a value are left out (RFC 6749, section 3.1).
    ///
    /// # Errors
    /// [`FormError`].
    pub fn parse(form: &str) -> Result<Self, FormError> {
        let mut parameters = HashMap::new();
        for (count, pair) in form.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if count >= MOST {
                return Err(FormError::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or(FormError::Malformed)?;
            let value = decode(value).ok_or(FormError::Malformed)?;
            if parameters.insert(name.to_string(), value).is_some() {
                return Err(FormError::Repeated);
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Percent-decoding with `+` for a space (WHATWG URL, section 5.1), but strict.
fn decode(text: &str) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
                digit(bytes.next()?)? * 16 + digit(bytes.next()?)?
            }
            0x21..=0x7e => byte,
            _ => return None,
        };
        out.push(decoded);
    }
    String::from_utf8(std::mem::take(&mut *out))
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_read_and_empty_values_are_left_out() {
        let parameters =
            Parameters::parse("scope=a+b%20c&username=%C3%A4&state=&flag&client_id=app").unwrap();
        assert_eq!(parameters.get("scope"), Some("a b c"));
        assert_eq!(parameters.get("username"), Some("ä"));
        assert_eq!((parameters.get("state"), parameters.get("flag")), (None, None));
        assert!(!format!("{parameters:?}").contains("a b c"));
    }

    /// HTTP-12
    #[test]
    fn repeated_and_malformed_parameters_are_refused() {
        assert_eq!(Parameters::parse("a=1&a=1").unwrap_err(), FormError::Repeated);
        assert_eq!(Parameters::parse("a=1&%61=2").unwrap_err(), FormError::Repeated);
        assert_eq!(Parameters::parse("a=&a=1").unwrap_err(), FormError::Repeated);
        for bad in ["a=%4", "a=%zz", "a=%ff", "a=\u{e4}", "a=b c"] {
            assert_eq!(Parameters::parse(bad).unwrap_err(), FormError::Malformed, "{bad}");
        }
        let many: String = (0..65).map(|n| format!("p{n}=1&")).collect();
        assert_eq!(Parameters::parse(&many).unwrap_err(), FormError::TooMany);
    }

    proptest! {
        #[test]
        fn no_form_panics(form in "\\PC{0,200}") {
            let _ = Parameters::parse(&form);
        }
    }
}
