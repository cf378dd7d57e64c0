//! Fuzz targets live in `fuzz/tests`; this library is empty.
