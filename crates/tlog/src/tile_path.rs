//! The paths under which a log serves its checkpoint, tiles and bundles (C2SP `tlog-tiles`).

use crate::tile::FULL_WIDTH;
use crate::{BundleId, TileId, decimal};
use std::fmt;
use std::str::FromStr;

/// Something that a log serves, by its path below the log's prefix and without a slash in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `checkpoint`
    Checkpoint,
    /// `tile/<level>/<index>[.p/<width>]`
    Tile(TileId),
    /// `tile/entries/<index>[.p/<width>]`
    Entries(BundleId),
}

impl Resource {
    /// The media type to serve it with.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Checkpoint => "text/plain; charset=utf-8",
            Self::Tile(_) | Self::Entries(_) => "application/octet-stream",
        }
    }

    /// Whether what is served never changes, so that it may be cached for long.
    #[must_use]
    pub const fn is_immutable(self) -> bool {
        !matches!(self, Self::Checkpoint)
    }
}

impl FromStr for Resource {
    type Err = ResourceError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        if path == "checkpoint" {
            return Ok(Self::Checkpoint);
        }
        let tile = path.strip_prefix("tile/").ok_or(ResourceError::Unknown)?;
        let (kind, place) = tile.split_once('/').ok_or(ResourceError::Unknown)?;
        if kind == "entries" {
            let (index, width) = place_and_width(place)?;
            return BundleId::new(index, width)
                .map(Self::Entries)
                .map_err(|_| ResourceError::Width);
        }
        let level = decimal::parse(kind)
            .and_then(|level| u8::try_from(level).ok())
            .ok_or(ResourceError::Level)?;
        let (index, width) = place_and_width(place)?;
        TileId::new(level, index, width)
            .map(Self::Tile)
            .map_err(|_| ResourceError::Level)
    }
}

fn place_and_width(text: &str) -> Result<(u64, u16), ResourceError> {
    let Some((place, width)) = text.split_once(".p/") else {
        return Ok((index(text)?, FULL_WIDTH));
    };
    let width = decimal::parse(width).and_then(|width| u16::try_from(width).ok());
    let partial = width
        .filter(|width| (1..FULL_WIDTH).contains(width))
        .ok_or(ResourceError::Width)?;
    Ok((index(place)?, partial))
}

/// Three digits a step, an `x` before all but the last, no step more than needed.
fn index(text: &str) -> Result<u64, ResourceError> {
    let mut steps = text.split('/').rev();
    let last = steps.next().and_then(three_digits).ok_or(ResourceError::Index)?;
    let mut index = u64::from(last);
    let mut unit = 1000_u64;
    let mut first = None;
    for step in steps {
        let digits = step
            .strip_prefix('x')
            .and_then(three_digits)
            .ok_or(ResourceError::Index)?;
        let value = u64::from(digits)
            .checked_mul(unit)
            .and_then(|value| index.checked_add(value));
        index = value.ok_or(ResourceError::Index)?;
        // 10^18 is the last unit that fits; a step beyond it fails in the line above unless it is zero.
        unit = unit.saturating_mul(1000);
        first = Some(digits);
    }
    if first == Some(0) {
        Err(ResourceError::Index)
    } else {
        Ok(index)
    }
}

fn three_digits(text: &str) -> Option<u16> {
    let plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint => formatter.write_str("checkpoint"),
            Self::Tile(id) => {
                write!(
                    formatter,
                    "tile/{}/{}",
                    id.level(),
                    Place {
                        index: id.index(),
                        width: id.width()
                    }
                )
            }
            Self::Entries(id) => {
                write!(
                    formatter,
                    "tile/entries/{}",
                    Place {
                        index: id.index(),
                        width: id.width()
                    }
                )
            }
        }
    }
}

struct Place {
    index: u64,
    width: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            steps.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        steps.reverse();
        formatter.write_str(&steps.join("/"))?;
        if self.width < FULL_WIDTH {
            write!(formatter, ".p/{}", self.width)
        } else {
            Ok(())
        }
    }
}

/// Why a path names nothing that a log serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// Neither the checkpoint, nor a tile, nor a bundle.
    #[error("no such resource of a log")]
    Unknown,
    /// The level is not a decimal number from 0 to 63.
    #[error("the level is not a number from 0 to 63")]
    Level,
    /// The index is not written in steps of three digits.
    #[error("the index is not written in steps of three digits")]
    Index,
    /// The width of a partial tile is not a decimal number from 1 to 255.
    #[error("the width is not a number from 1 to 255")]
    Width,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_written_alike() {
        let paths = [
            "checkpoint",
            "tile/0/000",
            "tile/0/x001/x234/067",
            "tile/63/999",
            "tile/1/x001/000.p/255",
            "tile/entries/000.p/1",
            "tile/entries/x001/x234/067.p/8",
            "tile/0/x018/x446/x744/x073/x709/x551/615",
        ];
        for path in paths {
            assert_eq!(path.parse::<Resource>().unwrap().to_string(), path);
        }
        let Ok(Resource::Tile(tile)) = "tile/0/x001/x234/067.p/8".parse() else {
            panic!("a tile")
        };
        assert_eq!((tile.level(), tile.index(), tile.width()), (0, 1_234_067, 8));
    }

    #[test]
    fn other_spellings_are_refused_by_name() {
        use ResourceError::{Index, Level, Unknown, Width};
        let refusals = [
            ("", Unknown),
            ("/checkpoint", Unknown),
            ("checkpoint/", Unknown),
            ("tile", Unknown),
            ("tile/0", Unknown),
            ("tile//000", Level),
            ("tile/00/000", Level),
            ("tile/64/000", Level),
            ("tile/256/000", Level),
            ("tile/-1/000", Level),
            ("tile/x/000", Level),
            ("tile/Entries/000", Level),
            ("tile/0/0", Index),
            ("tile/0/0000", Index),
            ("tile/0/x000", Index),
            ("tile/0/x000/001", Index),
            ("tile/0/001/002", Index),
            ("tile/0/x001/x002", Index),
            ("tile/0/x01/002", Index),
            ("tile/0/", Index),
            ("tile/0/000/", Index),
            ("tile/0/../000", Index),
            ("tile/0/x999/x999/x999/x999/x999/x999/999", Index),
            ("tile/0/x000/x000/x000/x000/x000/x000/x000/000", Index),
            ("tile/0/٠٠٠", Index),
            ("tile/0/000.p/0", Width),
            ("tile/0/000.p/256", Width),
            ("tile/0/000.p/01", Width),
            ("tile/0/000.p/", Width),
            ("tile/0/000.p/8/", Width),
            ("tile/0/000.p/8.p/8", Width),
            ("tile/entries/000.p/300", Width),
        ];
        for (path, error) in refusals {
            assert_eq!(path.parse::<Resource>(), Err(error), "{path:?}");
        }
    }
}
