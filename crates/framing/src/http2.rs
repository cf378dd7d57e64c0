//! Frames of HTTP/2 (RFC 9113): their form, and how many of each kind a client may send.
