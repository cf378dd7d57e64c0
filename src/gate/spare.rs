//! Room for header fields, used again: an outbound head takes the room that the head of the request before had, and
//! its answer and the next request take it from there. Otherwise each request would ask the allocator for more than
//! it hands out lightly.

use std::cell::RefCell;

use http::HeaderMap;

/// Fields that a map has room for at first: what is passed on, and what the gate adds.
const FIELDS: usize = 16;
/// A map with more room than this was made by a request unlike others, and is not kept.
const MOST_FIELDS: usize = 64;

/// Maps that a runtime keeps: about as many requests as it begins before those before them have ended. About 80 KiB
/// at the usual size, at most some four times as much.
const MOST_MAPS: usize = 32;

thread_local! {
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// A map without fields.
pub(super) fn take() -> HeaderMap {
    let spare = SPARE.with_borrow_mut(Vec::pop);
    spare.unwrap_or_else(|| HeaderMap::with_capacity(FIELDS))
}

/// Keeps the room of `headers` for the next; the fields are gone at once.
pub(super) fn keep(mut headers: HeaderMap) {
    if !(FIELDS..=MOST_FIELDS).contains(&headers.capacity()) {
        return;
    }
    headers.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < MOST_MAPS {
            spare.push(headers);
        }
    });
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    fn with_room(fields: usize) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(fields);
        headers.insert(AUTHORIZATION, HeaderValue::from_static("secret"));
        headers
    }

    #[test]
    fn room_is_used_again_and_no_field_stays_in_it() {
        let kept = with_room(2 * FIELDS);
        let room = kept.capacity();
        keep(kept);
        let taken = take();
        assert!(taken.is_empty() && taken.capacity() == room);
        assert!(take().capacity() < room, "it is given once");
    }

    #[test]
    fn there_are_only_so_many() {
        for _ in 0..=MOST_MAPS {
            keep(with_room(2 * FIELDS));
        }
        let room = with_room(2 * FIELDS).capacity();
        let kept = (0..=MOST_MAPS).filter(|_| take().capacity() == room);
        assert_eq!(kept.count(), MOST_MAPS);
    }

    #[test]
    fn neither_the_smallest_nor_the_largest_are_kept() {
        for fields in [0, 1, 2 * MOST_FIELDS] {
            let given = with_room(fields);
            let room = given.capacity();
            keep(given);
            assert_ne!(take().capacity(), room);
        }
    }
}
