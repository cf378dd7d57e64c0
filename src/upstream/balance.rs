//! Which address of a backend gets the next request: of those that are well, the one with the fewest requests running. No
//! I/O.

use tokio::time::Instant;

/// What is known of one address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Requests running there.
    pub(super) pending: usize,
    /// Until when it is out; `None` when it is well.
    pub(super) out_until: Option<Instant>,
    /// Whether this request has been there already.
    pub(super) tried: bool,
}

/// The place of the address to take. Equals take turns by `turn`. When all are out, the one that comes back first is
/// taken: a request is worth trying, and nothing else would find out that a backend is well again.
pub(super) fn choose(candidates: &[Candidate], turn: usize) -> Option<usize> {
    let count = candidates.len();
    let after_turn = |place: usize| (place + count - turn % count.max(1)) % count.max(1);
    candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| !candidate.tried)
        .min_by_key(|(place, candidate)| (candidate.out_until, candidate.pending, after_turn(*place)))
        .map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn well(pending: usize) -> Candidate {
        Candidate {
            pending,
            out_until: None,
            tried: false,
        }
    }

    #[test]
    fn the_least_busy_of_the_well_is_taken() {
        let out = Some(Instant::now());
        let out = Candidate {
            out_until: out,
            ..well(0)
        };
        assert_eq!(choose(&[well(3), well(1), well(2)], 0), Some(1));
        assert_eq!(choose(&[out, well(9)], 0), Some(1));
        let tried = Candidate {
            tried: true,
            ..well(0)
        };
        assert_eq!(choose(&[tried, well(9)], 0), Some(1));
        assert_eq!(choose(&[tried], 0), None);
        assert_eq!(choose(&[], 7), None);
    }

    #[test]
    fn equals_take_turns() {
        let three = [well(0); 3];
        let taken: Vec<_> = (0..6).filter_map(|turn| choose(&three, turn)).collect();
        assert_eq!(taken, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn when_all_are_out_the_first_to_come_back_is_taken() {
        let now = Instant::now();
        let out = |seconds| Candidate {
            out_until: Some(now + Duration::from_secs(seconds)),
            ..well(0)
        };
        assert_eq!(choose(&[out(4), out(2), out(8)], 0), Some(1));
    }
}
