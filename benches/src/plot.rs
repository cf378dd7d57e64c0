//! Plots as SVG: lines over axes with units, in tones that read on light and on dark pages, with nothing behind them.

use std::fmt::Write as _;

/// Size of a plot, and of the field within it.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 78.0;
const BOTTOM: f64 = 54.0;
/// One tone a line; told apart by people who see few colours too, and by the shape of the points.
pub(crate) const TONES: [&str; 5] = ["#2f81d6", "#d9762b", "#1f9d83", "#b0529f", "#8a8f3c"];
/// Between black and white: texts and axes.
pub(crate) const GREY: &str = "#7a828c";
/// Width of a letter in a legend, roughly.
const LETTER: f64 = 6.6;

/// How numbers lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from 0.
    Linear,
    /// Evenly by their logarithm.
    Logarithmic,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it counts, with its unit.
    pub title: &'static str,
    /// How.
    pub scale: Scale,
}

/// A line.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// Where it goes; left to right.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: &'static str,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is shown.
    pub series: Vec<Series>,
}

/// An axis with the numbers it reaches over, and the points it is labelled at.
struct Ruler {
    scale: Scale,
    least: f64,
    most: f64,
    marks: Vec<f64>,
}

impl Plot {
    /// As SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let across = Ruler::over(self.x.scale, points().map(|point| point.0), true);
        let up = Ruler::over(self.y.scale, points().map(|point| point.1), false);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"{GREY}\">\n<title>{}</title>\n",
            escaped(self.title)
        );
        svg += &text(
            LEFT,
            24.0,
            "start",
            self.title,
            "font-size=\"16\" font-weight=\"600\"",
        );
        svg += &self.legend();
        for &mark in &across.marks {
            let x = across_field(&across, mark);
            svg += &line((x, HEIGHT - BOTTOM), (x, HEIGHT - BOTTOM + 5.0), "0.8");
            svg += &text(x, HEIGHT - BOTTOM + 20.0, "middle", &short(mark), "");
        }
        for &mark in &up.marks {
            let y = up_field(&up, mark);
            svg += &line((LEFT, y), (WIDTH - RIGHT, y), "0.25");
            svg += &text(LEFT - 9.0, y + 4.0, "end", &short(mark), "");
        }
        svg += &line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), "0.8");
        svg += &text(
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - 12.0,
            "middle",
            self.x.title,
            "",
        );
        let turned = format!("transform=\"rotate(-90 18 {})\"", (TOP + HEIGHT - BOTTOM) / 2.0);
        svg += &text(
            18.0,
            (TOP + HEIGHT - BOTTOM) / 2.0,
            "middle",
            self.y.title,
            &turned,
        );
        for (number, series) in self.series.iter().enumerate() {
            svg += &drawn(number, series, &across, &up);
        }
        svg + "</svg>\n"
    }

    fn legend(&self) -> String {
        let mut svg = String::new();
        let mut x = LEFT;
        for (number, series) in self.series.iter().enumerate() {
            let y = 50.0;
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {y}h22\" stroke=\"{}\" stroke-width=\"2.5\"/>",
                tone(number)
            );
            svg += &point(number, x + 11.0, y);
            svg += &text(x + 29.0, y + 4.0, "start", &series.name, "");
            x += 52.0 + LETTER * series.name.chars().count() as f64;
        }
        svg
    }
}

impl Ruler {
    fn over(scale: Scale, numbers: impl Iterator<Item = f64> + Clone, tight: bool) -> Self {
        let most = numbers.clone().fold(f64::MIN_POSITIVE, f64::max);
        match scale {
            Scale::Linear => {
                let step = round_step(most / 5.0);
                let steps = (most / step).ceil();
                let marks = (0..=steps as u32).map(|number| f64::from(number) * step);
                Self {
                    scale,
                    least: 0.0,
                    most: if tight { most } else { steps * step },
                    marks: marks.collect(),
                }
            }
            Scale::Logarithmic => {
                let least = numbers.filter(|&number| number > 0.0).fold(most, f64::min);
                let (low, high) = match tight {
                    true => (least, most),
                    false => (below(least), above(most)),
                };
                // Labels of the lower axis stand side by side and take more room.
                let marks = steps_between(low, high, if tight { 1.5 } else { 3.5 });
                Self {
                    scale,
                    least: low,
                    most: high.max(low * 1.001),
                    marks,
                }
            }
        }
    }

    /// Where a number lies: 0 at the least, 1 at the most.
    fn place(&self, number: f64) -> f64 {
        match self.scale {
            Scale::Linear => (number - self.least) / (self.most - self.least),
            Scale::Logarithmic => (number.max(self.least) / self.least).ln() / (self.most / self.least).ln(),
        }
    }
}

/// 1, 2 or 5 times a power of ten, not below `number`.
fn round_step(number: f64) -> f64 {
    let power = 10f64.powf(number.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= number * 0.999)
        .unwrap_or(power)
}

/// The nearest of 1, 2, 5 times a power of ten that is not above `number`.
fn below(number: f64) -> f64 {
    let power = 10f64.powf(number.log10().floor());
    let steps = [5.0, 2.0, 1.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step <= number * 1.001)
        .unwrap_or(power)
}

fn above(number: f64) -> f64 {
    round_step(number)
}

/// Labels of a logarithmic axis: powers of two where it is short, 1, 2, 5 where it is longer, powers of ten where it is long.
fn steps_between(low: f64, high: f64, most_decades: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    let within: &[f64] = if decades > most_decades {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let whole_twos = |number: f64| number.log2().fract() == 0.0;
    let steps: Vec<f64> = if whole_twos(low) && whole_twos(high) && decades < 2.5 {
        (low.log2() as i32..=high.log2() as i32)
            .map(|power| 2f64.powi(power))
            .collect()
    } else {
        let powers = first..=last;
        powers
            .flat_map(|power| within.iter().map(move |step| step * 10f64.powi(power)))
            .collect()
    };
    let inside = |step: &f64| *step >= low * 0.999 && *step <= high * 1.001;
    steps.into_iter().filter(inside).collect()
}

fn across_field(ruler: &Ruler, number: f64) -> f64 {
    LEFT + ruler.place(number) * (WIDTH - LEFT - RIGHT)
}

fn up_field(ruler: &Ruler, number: f64) -> f64 {
    HEIGHT - BOTTOM - ruler.place(number) * (HEIGHT - BOTTOM - TOP)
}

fn drawn(number: usize, series: &Series, across: &Ruler, up: &Ruler) -> String {
    let placed = series
        .points
        .iter()
        .map(|&(x, y)| (across_field(across, x), up_field(up, y)));
    let placed: Vec<_> = placed.collect();
    let path: Vec<String> = placed.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    let mut svg = format!(
        "<path d=\"M{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.5\" stroke-linejoin=\"round\"/>\n",
        path.join("L"),
        tone(number)
    );
    placed.iter().for_each(|&(x, y)| svg += &point(number, x, y));
    svg
}

/// A point, of the line's own shape.
fn point(number: usize, x: f64, y: f64) -> String {
    let tone = tone(number);
    let (dx, dy, shape) = match number % 4 {
        0 => return format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{tone}\"/>\n"),
        1 => (-4.0, -4.0, "h8v8h-8z"),
        2 => (0.0, -5.5, "l5 9h-10z"),
        _ => (0.0, -5.5, "l5.5 5.5l-5.5 5.5l-5.5 -5.5z"),
    };
    format!(
        "<path d=\"M{:.1} {:.1}{shape}\" fill=\"{tone}\"/>\n",
        x + dx,
        y + dy
    )
}

fn tone(number: usize) -> &'static str {
    TONES.get(number % TONES.len()).copied().unwrap_or(GREY)
}

fn line(from: (f64, f64), to: (f64, f64), opacity: &str) -> String {
    format!(
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{GREY}\" opacity=\"{opacity}\"/>\n",
        from.0, from.1, to.0, to.1
    )
}

pub(crate) fn text(x: f64, y: f64, anchor: &str, text: &str, more: &str) -> String {
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{}</text>\n",
        escaped(text)
    )
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// 1500 as 1.5k, 1e6 as 1M, 0.05 as 0.05.
pub(crate) fn short(number: f64) -> String {
    let (scaled, unit) = match number {
        1e6.. => (number / 1e6, "M"),
        1e3.. => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let text = format!("{scaled:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_few_and_round() {
        assert_eq!(
            steps_between(1.0, 128.0, 2.0),
            [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]
        );
        assert_eq!(steps_between(1e3, 1e7, 2.0), [1e3, 1e4, 1e5, 1e6, 1e7]);
        assert_eq!(steps_between(0.5, 20.0, 3.5), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(
            [1500.0, 1e6, 0.05, 0.0, 20.0].map(short),
            ["1.5k", "1M", "0.05", "0", "20"]
        );
        let ruler = Ruler::over(Scale::Linear, [3.0, 870.0].into_iter(), false);
        assert_eq!(ruler.marks, [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
    }

    #[test]
    fn every_point_lies_within_the_field() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let plot = Plot {
                title: "<&>",
                x: Axis { title: "x", scale },
                y: Axis { title: "y", scale },
                series: vec![Series {
                    name: "one".to_owned(),
                    points: vec![(1.0, 0.03), (17.0, 4.0), (1000.0, 999.0)],
                }],
            };
            let svg = plot.svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf") && svg.contains("&lt;&amp;>"));
            let ruler = Ruler::over(scale, [0.03, 999.0].into_iter(), false);
            assert!(
                [0.03, 999.0]
                    .iter()
                    .all(|&number| (0.0..=1.0).contains(&ruler.place(number)))
            );
        }
    }
}
