//! Bars as SVG: one figure of several, group by group, in the tones of `plot`.

use crate::plot::{GREY, TONES, escaped, short, text};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 130.0;
/// Room for the figure at the end of the longest bar.
const RIGHT: f64 = 70.0;
const BAR: f64 = 18.0;
const GAP: f64 = 5.0;
const HEAD: f64 = 30.0;
const TOP: f64 = 44.0;

/// One figure.
pub struct Bar {
    /// Whose.
    pub name: String,
    /// How much.
    pub figure: f64,
    /// Whether it is what the plot is about.
    pub is_ours: bool,
}

/// Some that are compared with each other.
pub struct Group {
    /// What they are of.
    pub title: String,
    /// In order, from above.
    pub bars: Vec<Bar>,
}

/// Draws groups of bars over one scale, from 0.
#[must_use]
pub fn svg(title: &str, unit: &str, groups: &[Group]) -> String {
    let bars: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = TOP + groups.len() as f64 * (HEAD + 6.0) + bars as f64 * (BAR + GAP) + 10.0;
    let figures = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.figure);
    let most = figures.fold(f64::MIN_POSITIVE, f64::max);
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"{GREY}\">\n<title>{}</title>\n",
        escaped(title)
    );
    drawn += &text(12.0, 24.0, "start", title, "font-size=\"16\" font-weight=\"600\"");
    let mut y = TOP;
    for group in groups {
        drawn += &text(
            12.0,
            y + HEAD - 10.0,
            "start",
            &group.title,
            "font-weight=\"600\"",
        );
        y += HEAD;
        for bar in &group.bars {
            drawn += &one(bar, y, most, unit);
            y += BAR + GAP;
        }
        y += 6.0;
    }
    drawn + "</svg>\n"
}

fn one(bar: &Bar, y: f64, most: f64, unit: &str) -> String {
    let [blue, ..] = TONES;
    let (tone, opacity) = if bar.is_ours { (blue, "1") } else { (GREY, "0.6") };
    let width = bar.figure / most * (WIDTH - LEFT - RIGHT);
    let middle = y + BAR / 2.0 + 4.0;
    let figure = if bar.figure < 1000.0 {
        format!("{:.0} {unit}", bar.figure)
    } else {
        format!("{} {unit}", short(bar.figure))
    };
    [
        text(LEFT - 10.0, middle, "end", &bar.name, ""),
        format!(
            "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{tone}\" \
             opacity=\"{opacity}\"/>\n"
        ),
        text(LEFT + width + 7.0, middle, "start", &figure, ""),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_leaves_room_for_its_figure() {
        let bar = |figure| Bar {
            name: "a & b".to_owned(),
            figure,
            is_ours: figure > 1.0,
        };
        let groups = [Group {
            title: "t".to_owned(),
            bars: vec![bar(1.0), bar(600.0)],
        }];
        let drawn = svg("title", "µs", &groups);
        assert!(drawn.contains("width=\"520.0\"") && drawn.contains("600 µs") && drawn.contains("a &amp; b"));
    }
}
