//! A transparency log without I/O: RFC 6962 tree and proofs, C2SP signed notes, checkpoints, tiles and cosignatures.
