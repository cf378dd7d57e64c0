//! Encodings of public keys that no honest key has.

/// True for the encodings of the eight points of small order, with either sign bit and also unreduced.
pub(super) fn has_small_order(mut key: [u8; 32]) -> bool {
    const ORDER_8_A: [u8; 32] = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ];
    const ORDER_8_B: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    if let Some(top) = key.last_mut() {
        *top &= 0x7f;
    }
    let low = *key.first().unwrap_or(&0);
    let middle = key.get(1..31).unwrap_or_default();
    let top = *key.last().unwrap_or(&0);
    let zero_or_one = low <= 1 && top == 0 && middle.iter().all(|b| *b == 0);
    // p - 1, p and p + 1, where p = 2^255 - 19.
    let around_p = (0xec..=0xee).contains(&low) && top == 0x7f && middle.iter().all(|b| *b == 0xff);
    zero_or_one || around_p || key == ORDER_8_A || key == ORDER_8_B
}

/// Whether the y-coordinate is below p = 2^255 - 19, as decoding demands (RFC 8032, section 5.1.3). ring reduces it instead.
pub(super) fn is_canonical(key: &[u8; 32]) -> bool {
    let [low, middle @ .., top] = key;
    let all_ones = top & 0x7f == 0x7f && middle.iter().all(|byte| *byte == 0xff);
    !all_ones || *low < 0xed
}
