//! Messages of HTTP/1.1 (RFC 9112): heads and bodies whose length can be read in one way only.
