//! Plots of lines as SVG.

use std::fmt::Write;

/// One axis.
pub struct Axis {
    /// What it shows, in Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
    /// Whether it is logarithmic. Its values are 1 at least.
    pub is_log: bool,
    /// How a value is written.
    pub show: fn(f64) -> String,
}

/// One line.
pub struct Line {
    /// What it is, in Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A plot of at most two lines.
pub struct Plot {
    /// Across.
    pub x: Axis,
    /// Up. It begins at 0.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 46.0;

impl Plot {
    /// The plot; nothing if it has no point.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let scaled = |value: f64| if self.x.is_log { value.max(1.0).log10() } else { value };
        let least = points().map(|(x, _)| scaled(x)).fold(f64::INFINITY, f64::min);
        let most = points().map(|(x, _)| scaled(x)).fold(f64::NEG_INFINITY, f64::max);
        let top = ceiling(points().map(|(_, y)| y).fold(0.0, f64::max));
        if !least.is_finite() {
            return String::new();
        }
        let width = (most - least).max(1e-9);
        let across = |x: f64| LEFT + (scaled(x) - least) / width * (WIDTH - LEFT - RIGHT);
        let up = |y: f64| HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM);
        let (zh, en) = (self.y.zh, self.y.en);
        let mut svg = format!(
            "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{zh} {en}\">\n\
             <text class=\"name\" x=\"{LEFT}\" y=\"16\">{zh} {en}</text>\n"
        );
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let (y, label) = (up(value), (self.y.show)(value));
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{label}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0
            );
        }
        for step in 0..=4 {
            let scaled = least + width * f64::from(step) / 4.0;
            let value = if self.x.is_log { 10f64.powf(scaled) } else { scaled };
            let x = LEFT + f64::from(step) / 4.0 * (WIDTH - LEFT - RIGHT);
            let anchor = if step == 4 { "end" } else { "middle" };
            let label = (self.x.show)(value);
            let _ = writeln!(
                svg,
                "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{0}\" y2=\"{1}\"/>\
                 <text class=\"tick\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{2}\">{label}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 5.0,
                HEIGHT - BOTTOM + 20.0
            );
        }
        let _ = writeln!(
            svg,
            "<text class=\"name\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{} {}</text>",
            WIDTH - RIGHT,
            HEIGHT - 8.0,
            self.x.zh,
            self.x.en
        );
        for (at, line) in self.lines.iter().enumerate() {
            let path: Vec<String> =
                line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", across(*x), up(*y))).collect();
            let _ = writeln!(svg, "<polyline class=\"line{at}\" points=\"{}\"/>", path.join(" "));
            if self.lines.len() > 1 {
                let x = WIDTH - RIGHT - 220.0 + 110.0 * at as f64;
                let _ = writeln!(
                    svg,
                    "<line class=\"line{at}\" x1=\"{x}\" x2=\"{}\" y1=\"12\" y2=\"12\"/>\
                     <text class=\"tick\" x=\"{}\" y=\"16\">{} {}</text>",
                    x + 20.0,
                    x + 26.0,
                    line.zh,
                    line.en
                );
            }
        }
        svg.push_str("</svg></figure>\n");
        svg
    }
}

/// The next of 4, 8, 20, 40, 80, 200 … that is not below a value: its quarters are round.
fn ceiling(value: f64) -> f64 {
    let mut unit = 1.0;
    loop {
        for step in [4.0, 8.0, 20.0] {
            if value <= step * unit {
                return step * unit;
            }
        }
        // A hundred percent and its like end where they end.
        if value <= 100.0 && value > 80.0 {
            return 100.0;
        }
        unit *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::ceiling;

    #[test]
    fn the_top_of_an_axis_is_round_and_not_below() {
        for (value, top) in [(0.0, 4.0), (5.0, 8.0), (17.0, 20.0), (100.0, 200.0), (1234.0, 2000.0)] {
            let found = ceiling(value);
            assert!(found >= value, "{value}");
            if value != 100.0 {
                assert_eq!(found, top);
            }
        }
        assert_eq!(ceiling(100.0), 100.0);
    }
}
