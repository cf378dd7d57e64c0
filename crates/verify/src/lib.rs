//! What a backend links: one call that proves who stands behind a forwarded request, what they agreed to, and which policy let it pass.
