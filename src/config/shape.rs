//! The shape of the file: which sections and keys there are, of what kind, and what holds when a key is left out.
//! The reader, the list of nearest known keys and `countersign.schema.json` all come from these tables, so what is
//! documented is what is read.

/// A section (`[server]`) or a repeated one (`[[route]]`).
pub(super) struct Shape {
    /// Its name inside its parent; empty for the file itself.
    pub(super) name: &'static str,
    /// What it is for, a sentence.
    pub(super) meaning: &'static str,
    /// Whether it is written `[[name]]` and may stand several times.
    pub(super) repeated: bool,
    /// The keys that hold a value.
    pub(super) keys: &'static [Key],
    /// The sections below it.
    pub(super) sections: &'static [&'static Shape],
}

/// One key of a section.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
    /// What it means, a sentence.
    pub(super) meaning: &'static str,
}

/// The kind of value a key takes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Any text that the key's own check accepts.
    Text,
    /// A whole number within bounds, both included.
    Integer { least: i64, most: i64 },
    /// One of these words.
    Word(&'static [&'static str]),
    /// `"30s"`, within bounds in seconds, both included.
    Duration,
    /// `"64KiB"`.
    Size,
    /// `file:PATH`, `env:NAME` or `systemd:NAME`.
    Secret,
    /// A list of such values; a single value stands for a list of one.
    List(&'static Kind),
}

/// What holds when a key is left out.
pub(super) enum Presence {
    /// It may not be left out.
    Required,
    /// Nothing; the section says what that means.
    Optional,
    /// This value, written in TOML.
    Default(&'static str),
}

impl Key {
    pub(super) const fn required(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
        Key {
            name,
            kind,
            presence: Presence::Required,
            meaning,
        }
    }

    pub(super) const fn optional(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
        Key {
            name,
            kind,
            presence: Presence::Optional,
            meaning,
        }
    }

    pub(super) const fn with_default(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        meaning: &'static str,
    ) -> Key {
        Key {
            name,
            kind,
            presence: Presence::Default(default),
            meaning,
        }
    }
}

impl Shape {
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    pub(super) fn section(&self, name: &str) -> Option<&'static Shape> {
        self.sections.iter().copied().find(|shape| shape.name == name)
    }

    /// The known name that is closest to `unknown`, if one is close enough to be what was meant.
    pub(super) fn nearest(&self, unknown: &str) -> Option<&'static str> {
        const CLOSE_ENOUGH: f64 = 0.7;
        let names = self
            .keys
            .iter()
            .map(|key| key.name)
            .chain(self.sections.iter().map(|shape| shape.name));
        names
            .map(|name| (strsim::jaro_winkler(unknown, name), name))
            .filter(|(closeness, _)| *closeness >= CLOSE_ENOUGH)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name)
    }
}

/// Declares a closed list of words with the enum they are read into.
macro_rules! words {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            pub(in crate::config) const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that stands for it in the configuration file.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            pub(in crate::config) fn read(value: &$crate::config::value::Value<'_>)
                -> $crate::config::value::Parsed<Self>
            {
                match value.word(Self::WORDS)? {
                    $($word => Ok($name::$variant),)+
                    _ => Err(value.not_one_of(Self::WORDS)),
                }
            }
        }
    };
}
pub(super) use words;
