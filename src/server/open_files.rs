//! The limit of open files, which every connection is one of: without one left, no listener could accept any more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are no connections of the public doors: the store with its readers, connections to backends, and the admin
/// and operations listeners, which must not find the last file taken.
const OTHERS: u64 = 1024;

/// How many connections a public door can have, of the `wanted` ones: as many as there are files for. The limit is raised as far
/// as the system lets us; `doors` share it.
pub(super) fn connections(wanted: usize, doors: usize) -> usize {
    let limit = raised();
    let possible = share(limit, doors);
    if possible < wanted {
        tracing::warn!(
            wanted,
            possible,
            limit,
            "[defense] connections is more than the limit of open files has room for; raise that limit (ulimit -n, LimitNOFILE)"
        );
    }
    wanted.min(possible)
}

/// The hard limit, now in force.
fn raised() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current.unwrap_or(u64::MAX);
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            current.unwrap_or(u64::MAX)
        }
    }
}

/// What each of `doors` gets when others need theirs too; under a small limit half is theirs.
fn share(limit: u64, doors: usize) -> usize {
    let others = OTHERS.min(limit / 2);
    usize::try_from(limit - others).unwrap_or(usize::MAX) / doors.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_share_what_the_others_leave() {
        assert_eq!(share(65_536, 2), 32_256);
        assert_eq!(share(1024, 2), 256);
        assert_eq!(share(1024, 1), 512);
        assert_eq!(share(u64::MAX, 2), (u64::MAX - OTHERS) as usize / 2);
    }

    #[test]
    fn no_more_than_wanted() {
        assert_eq!(connections(7, 2), 7);
        assert!(connections(usize::MAX, 2) < usize::MAX);
    }
}
