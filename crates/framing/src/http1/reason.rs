//! Why a message is refused. The table in the documentation is generated from this one.

macro_rules! reasons {
    ($($variant:ident $name:literal $kind:ident $meaning:literal;)+) => {
        /// Why a message is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of the parts of a message.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, for logs and tests.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What kind of fault it is.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)+ }
            }

            /// What is wrong, in half a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

/// What kind of fault a reason is; each kind has a status of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The message is malformed, or could be read in two ways (400).
    Malformed,
    /// The request target is longer than its bound (414).
    TargetTooLong,
    /// The header section is larger than its bounds (431).
    HeadersTooLarge,
}

reasons! {
    BareLineFeed "bare-line-feed" Malformed "a line ends with LF alone (RFC 9112, 2.2)";
    BareCarriageReturn "bare-carriage-return" Malformed "a CR stands without its LF (RFC 9112, 2.2)";
    EmptyLines "empty-lines" Malformed "more than one empty line before a request, or one before an answer (RFC 9112, 2.2)";
    Method "method" Malformed "the method is empty, longer than 32 bytes, or not of capital letters and hyphens (RFC 9110, 9.1)";
    RequestLine "request-line" Malformed "the request line is not three words with one space between them (RFC 9112, 3)";
    Version "version" Malformed "a request says another version than HTTP/1.1, an answer another than HTTP/1.1 or HTTP/1.0 (RFC 9112, 2.3)";
    Target "target" Malformed "the target is of no form that goes with its method, has a fragment, or bytes that no URI has (RFC 9112, 3.2)";
    TargetTooLong "target-too-long" TargetTooLong "the target is longer than its bound";
    StatusLine "status-line" Malformed "the status line is not version, three digits and a reason phrase (RFC 9112, 4)";
    ObsoleteFold "obsolete-fold" Malformed "a header line begins with a space or tab (RFC 9112, 5.2)";
    NoColon "no-colon" Malformed "a header line has no colon (RFC 9112, 5)";
    SpaceBeforeColon "space-before-colon" Malformed "a space or tab stands between a field's name and its colon (RFC 9112, 5.1)";
    FieldName "field-name" Malformed "a field's name is empty or no token (RFC 9110, 5.1)";
    FieldLookalike "field-lookalike" Malformed "a name is Host, Content-Length or Transfer-Encoding, written with an underscore";
    FieldValue "field-value" Malformed "a control character stands in a field's value (RFC 9110, 5.5)";
    HeadersTooLarge "headers-too-large" HeadersTooLarge "the header section has more bytes than its bound";
    TooManyFields "too-many-fields" HeadersTooLarge "the header section has more fields than its bound";
    HostMissing "host-missing" Malformed "a request has no Host (RFC 9112, 3.2)";
    HostRepeated "host-repeated" Malformed "a request has more than one Host (RFC 9112, 3.2)";
    Host "host" Malformed "Host is empty or no host with at most a port (RFC 9112, 3.2)";
    HostMismatch "host-mismatch" Malformed "Host and the authority of the target differ (RFC 9112, 3.2.2)";
    ContentLength "content-length" Malformed "Content-Length is empty, signed, a list, has leading zeros, more than 18 digits, or anything but digits (RFC 9110, 8.6)";
    ContentLengthRepeated "content-length-repeated" Malformed "Content-Length stands more than once, equal or not (RFC 9112, 6.3)";
    TransferEncoding "transfer-encoding" Malformed "Transfer-Encoding is anything but the one word chunked (RFC 9112, 6.1)";
    TransferEncodingRepeated "transfer-encoding-repeated" Malformed "Transfer-Encoding stands more than once (RFC 9112, 6.1)";
    TwoFramings "two-framings" Malformed "Transfer-Encoding and Content-Length stand together (RFC 9112, 6.3)";
    TransferEncodingUnexpected "transfer-encoding-unexpected" Malformed "Transfer-Encoding in HTTP/1.0, or in an answer that must not have it (RFC 9112, 6.1)";
    ContentUnexpected "content-unexpected" Malformed "GET or HEAD with content, or an answer with content that must have none (RFC 9110, 9.3.1 and 8.6)";
    LengthMissing "length-missing" Malformed "an answer says no length: its end would be the end of the connection (RFC 9112, 6.3)";
    ProtocolSwitch "protocol-switch" Malformed "an answer switches protocols, which nobody asked for (RFC 9110, 15.2.2)";
    InterimAnswers "interim-answers" Malformed "more than eight interim answers before the final one (RFC 9110, 15.2)";
    Unasked "unasked" Malformed "an answer to no request";
    ChunkSize "chunk-size" Malformed "a chunk's size is empty, longer than eight digits, or anything but hexadecimal digits (RFC 9112, 7.1)";
    ChunkExtension "chunk-extension" Malformed "a chunk has an extension (RFC 9112, 7.1.1)";
    TinyChunks "tiny-chunks" Malformed "a request has more than 1024 chunks of fewer than 64 bytes";
    ChunkEnd "chunk-end" Malformed "a chunk's data are not followed by CRLF (RFC 9112, 7.1)";
    Trailers "trailers" Malformed "a request has trailers, or an answer a trailer that frames, routes or authenticates (RFC 9110, 6.5.1)";
    TrailersTooLarge "trailers-too-large" HeadersTooLarge "the trailer section has more bytes or fields than its bound";
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.meaning())
    }
}

impl std::error::Error for Reason {}
