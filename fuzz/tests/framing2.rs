//! Frames of HTTP/2 from arbitrary bytes, and from frames that are almost right.
//!
//! Every target runs for a second or two as an ordinary test; `BOLERO_RANDOM_TEST_TIME_MS` gives it longer.

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_framing::http2::{Guard, Refusal};

    const TIME: Duration = Duration::from_millis(1500);
    const MAX_BYTES: usize = 2_048;
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const HEAD: usize = 9;

    /// How a connection went: why it was refused, and how many whole frames were passed on before.
    #[derive(Debug, PartialEq, Eq)]
    struct Verdict {
        refusal: Option<Refusal>,
        frames: usize,
    }

    /// Where the preface and each frame end.
    fn ends(bytes: &[u8]) -> Vec<usize> {
        let mut ends = vec![PREFACE.len()];
        let mut at = PREFACE.len();
        while let Some(&[a, b, c, ..]) = bytes.get(at..at + HEAD) {
            at += HEAD + u32::from_be_bytes([0, a, b, c]) as usize;
            ends.push(at);
        }
        ends
    }

    /// Gives `bytes` to a guard in pieces of these lengths, over and over.
    fn judge(bytes: &[u8], lengths: &[u8]) -> Verdict {
        let mut guard = Guard::default();
        let mut lengths = lengths.iter().map(|length| usize::from(*length) + 1).cycle();
        let (mut at, mut passed, mut refusal) = (0, 0, None);
        while at < bytes.len() && refusal.is_none() {
            let next = bytes.len().min(at + lengths.next().unwrap_or(usize::MAX - at));
            match guard.judge(&bytes[at..next], Duration::ZERO) {
                Ok(()) => passed = next,
                Err(refused) => {
                    assert!(refused.passed <= next - at);
                    passed = at + refused.passed;
                    refusal = Some(refused.refusal);
                }
            }
            at = next;
        }
        assert_eq!(guard.refused(), refusal);
        if refusal.is_some() {
            let again = guard.judge(b"more", Duration::from_secs(3_600)).unwrap_err();
            assert_eq!(
                (again.passed, Some(again.refusal)),
                (0, refusal),
                "a refusal is for good"
            );
        }
        let frames = ends(bytes).iter().take_while(|end| **end <= passed).count();
        Verdict { refusal, frames }
    }

    /// Frames from arbitrary bytes: each three of them choose a kind and flags, a stream, and a length.
    fn frames(input: &[u8]) -> Vec<u8> {
        let mut bytes = PREFACE.to_vec();
        bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        for chosen in input.chunks_exact(3) {
            let (kind, flags) = (chosen[0] % 11, chosen[0] & 0x2d | (chosen[1] >> 6));
            let stream = chosen[1] % 8;
            // Most have the length that their kind wants.
            let length = match (kind, chosen[2]) {
                (2, 0..200) => 5,
                (3 | 8, 0..200) => 4,
                (4, 0..200) => chosen[2] % 3 * 6,
                (6 | 7, 0..200) => 8,
                (_, length) => length,
            };
            bytes.extend([0, 0, length, kind, flags, 0, 0, 0, stream]);
            bytes.extend((0..length).map(|n| n ^ chosen[2] & 3));
        }
        bytes
    }

    #[test]
    fn it_does_not_matter_how_frames_are_cut() {
        bolero::check!()
            .with_test_time(TIME)
            .with_max_len(MAX_BYTES)
            .for_each(|input: &[u8]| {
                let (lengths, rest) = input.split_at(input.len().min(4));
                for bytes in [frames(rest), [PREFACE, rest].concat(), rest.to_vec()] {
                    assert_eq!(judge(&bytes, lengths), judge(&bytes, &[]));
                }
            });
    }

    #[test]
    fn what_the_server_sends_never_stops_the_guard() {
        bolero::check!()
            .with_test_time(TIME)
            .with_max_len(MAX_BYTES)
            .for_each(|input: &[u8]| {
                let bytes = frames(input);
                let (mut whole, mut cut) = (Guard::default(), Guard::default());
                let sent = whole.sent(&bytes[PREFACE.len()..], Duration::ZERO);
                let (mut malformed, mut refused) = (0, 0);
                for byte in &bytes[PREFACE.len()..] {
                    let sent = cut.sent(&[*byte], Duration::ZERO);
                    malformed += sent.malformed;
                    refused += sent.refused;
                }
                assert_eq!((sent.malformed, sent.refused), (malformed, refused));
                assert_eq!(whole.refused(), cut.refused());
                assert!(whole.farewell(Refusal::Slow).is_some(), "all frames were whole");
                assert_eq!(whole.farewell(Refusal::Slow), cut.farewell(Refusal::Slow));
            });
    }
}
