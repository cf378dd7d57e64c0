//! The journey of a request through a whole gateway, on real sockets: what arrives at the end, and at every stage what
//! does not.

mod happy;
