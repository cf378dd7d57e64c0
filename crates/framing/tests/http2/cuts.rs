//! However bytes are cut.

use std::time::Duration;

use countersign_framing::http2::Guard;

use crate::*;

/// A generator of numbers that does not need to be good, only the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Where whole frames end in `bytes`, which begin with the preface.
fn ends_of_frames(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![PREFACE.len()];
    let mut at = PREFACE.len();
    while let Some(head) = bytes.get(at..at + 9) {
        at += 9 + u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        ends.push(at);
    }
    ends
}

/// However bytes are cut, the same frame is refused for the same reason, and it has never been passed on whole.
#[test]
fn it_does_not_matter_how_bytes_are_cut() {
    let mut numbers = Numbers(9_113);
    let mut refusals = 0;
    for _ in 0..400 {
        let bytes = some_frames(&mut numbers);
        let whole = Guard::default().judge(&bytes, Duration::ZERO).err();
        let mut guard = Guard::default();
        let (mut at, mut cut) = (0, None);
        while at < bytes.len() && cut.is_none() {
            let next = (at + 1 + numbers.below(40)).min(bytes.len());
            cut = guard
                .judge(&bytes[at..next], Duration::ZERO)
                .err()
                .map(|refused| (at + refused.passed, refused.refusal));
            at = next;
        }
        assert_eq!(
            whole.map(|refused| refused.refusal),
            cut.map(|(_, refusal)| refusal)
        );
        let (Some(whole), Some((passed, _))) = (whole, cut) else {
            continue;
        };
        refusals += 1;
        let ends = ends_of_frames(&bytes);
        let frames = |passed: usize| ends.iter().take_while(|end| **end <= passed).count();
        assert_eq!(frames(whole.passed), frames(passed));
        assert!(
            ends.contains(&whole.passed),
            "what is passed on ends with a frame"
        );
    }
    assert!((100..400).contains(&refusals), "{refusals}");
}

/// Frames most of which are well-formed, and many of which are too many.
fn some_frames(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = opening();
    for _ in 0..numbers.below(60) {
        let stream = u32::try_from(numbers.below(6)).unwrap();
        let frame = match numbers.below(40) {
            0 => frame(DATA, PADDED, stream, &[3, 1, 2, 3]),
            1 => frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 0]),
            2 => frame(HEADERS, WITH_PRIORITY, stream, &[0, 0, 0, 3, 1, 0x82]),
            3 => frame(PRIORITY, 0, stream, &[0, 0, 0, 3, 1]),
            4..10 => frame(DATA, 0, 1, &[]),
            10..20 => frame(DATA, 0, 1, &vec![0; numbers.below(300)]),
            20..30 => frame(GOAWAY, 0, 0, &[0; 8]),
            _ => frame(PING, 0, 0, &[0; 8]),
        };
        bytes.extend(frame);
    }
    bytes
}
