//! HTTP/2 (RFC 9113) as a client's bytes, for clients that no library wants to be.

/// Preface, SETTINGS that allow streams 2^31-1 bytes, a WINDOW_UPDATE that allows the connection as many, and `GET /large`.
/// Whoever sends it can be sent anything, and need not read it.
pub(super) const GET_LARGE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x7f\xff\xff\xff\
\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xfe\xff\xff\
\x00\x00\x15\x01\x05\x00\x00\x00\x01\x82\x87\x04\x06/large\x01\x09localhost";
