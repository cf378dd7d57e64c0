//! Text that a person is shown and agrees to: brought to NFC, and free of characters that do not show.

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Longest text, in bytes, that is looked at at all; what a member allows is less.
const MAX_BYTES: usize = 4096;

/// Normalisation form C of `text`, with at most `max_chars` characters, each of which a reader can see.
///
/// Two texts that look alike on a screen must not differ in their digest by what cannot be seen, and a text must not
/// be able to turn the direction of what stands around it.
pub(crate) fn normalise(text: String, max_chars: usize) -> Result<String, TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(TextError::TooLong);
    }
    let normal: String = if is_nfc(&text) { text } else { text.nfc().collect() };
    normal.chars().try_for_each(check)?;
    if normal.starts_with(char::is_whitespace) || normal.ends_with(char::is_whitespace) {
        return Err(TextError::EdgeSpace);
    }
    if normal.chars().count() > max_chars {
        return Err(TextError::TooLong);
    }
    Ok(normal)
}

fn check(character: char) -> Result<(), TextError> {
    match character {
        // C0, DEL, C1, and the separators of lines and paragraphs.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => Err(TextError::Control),
        // Unicode Standard Annex 9, section 2: everything that sets the direction of other text.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Err(TextError::Bidirectional)
        }
        _ if is_invisible(character) => Err(TextError::Invisible),
        _ if is_without_meaning(character) => Err(TextError::NotText),
        _ => Ok(()),
    }
}

/// The property `Default_Ignorable_Code_Point` of Unicode, with the interlinear marks, format marks of notation, and
/// the blank Braille pattern.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Noncharacters, private use, and the marks of something that is not there (Unicode, section 23.8).
fn is_without_meaning(character: char) -> bool {
    let code = u32::from(character);
    code & 0xfffe == 0xfffe
        || matches!(character,
            '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fffc}' | '\u{fffd}' | '\u{f0000}'..)
}

/// Why a text cannot be shown to somebody who is to agree to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// There is none.
    #[error("is empty")]
    Empty,
    /// It has more characters than this member may have.
    #[error("is too long")]
    TooLong,
    /// A control character, a line break or a tab.
    #[error("holds a control character")]
    Control,
    /// A character that sets the direction of text.
    #[error("holds a character that sets the direction of text")]
    Bidirectional,
    /// A character that does not show.
    #[error("holds an invisible character")]
    Invisible,
    /// A noncharacter, a private character, or a replacement character.
    #[error("holds something that is not a character of any text")]
    NotText,
    /// White space at the beginning or the end.
    #[error("begins or ends with white space")]
    EdgeSpace,
}

impl TextError {
    /// The name by which vectors and logs know this error.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too-long",
            Self::Control => "control-character",
            Self::Bidirectional => "bidirectional-character",
            Self::Invisible => "invisible-character",
            Self::NotText => "not-text",
            Self::EdgeSpace => "edge-space",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalise(text: &str, max_chars: usize) -> Result<String, TextError> {
        super::normalise(text.to_owned(), max_chars)
    }

    #[test]
    fn composed_and_decomposed_spellings_become_one() {
        assert_eq!(normalise("Cafe\u{301}", 140).unwrap(), "Caf\u{e9}");
        assert_eq!(normalise("Caf\u{e9}", 140).unwrap(), "Caf\u{e9}");
    }

    #[test]
    fn length_counts_characters_of_the_normal_form() {
        assert!(normalise(&"e\u{301}".repeat(10), 10).is_ok());
        assert_eq!(normalise(&"é".repeat(11), 10), Err(TextError::TooLong));
        assert_eq!(
            normalise(&"a".repeat(MAX_BYTES + 1), usize::MAX),
            Err(TextError::TooLong)
        );
    }

    #[test]
    fn what_does_not_show_is_refused() {
        let refusals = [
            ("", TextError::Empty),
            ("a\nb", TextError::Control),
            ("a\tb", TextError::Control),
            ("a\u{0}b", TextError::Control),
            ("a\u{7f}b", TextError::Control),
            ("a\u{85}b", TextError::Control),
            ("a\u{2028}b", TextError::Control),
            ("a\u{61c}b", TextError::Bidirectional),
            ("a\u{200f}b", TextError::Bidirectional),
            ("a\u{202e}b", TextError::Bidirectional),
            ("a\u{2066}b", TextError::Bidirectional),
            ("a\u{ad}b", TextError::Invisible),
            ("a\u{200b}b", TextError::Invisible),
            ("a\u{200d}b", TextError::Invisible),
            ("a\u{2060}b", TextError::Invisible),
            ("a\u{feff}b", TextError::Invisible),
            ("a\u{3164}b", TextError::Invisible),
            ("a\u{e0041}b", TextError::Invisible),
            ("a\u{fdd0}b", TextError::NotText),
            ("a\u{ffff}b", TextError::NotText),
            ("a\u{1fffe}b", TextError::NotText),
            ("a\u{e000}b", TextError::NotText),
            ("a\u{fffd}b", TextError::NotText),
            ("a\u{10ffff}b", TextError::NotText),
            (" a", TextError::EdgeSpace),
            ("a\u{a0}", TextError::EdgeSpace),
        ];
        for (text, error) in refusals {
            assert_eq!(normalise(text, 140), Err(error), "{text:?}");
        }
    }
}
