//! A series as a picture of text: bars, the limit as a line, flagged times marked below.

/// Rows of the picture.
const HEIGHT: usize = 8;
/// Columns at most; longer series show the largest value of each group.
const WIDTH: usize = 96;
/// Eighths of a row, from empty to full.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One time of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    /// Beijing time as text.
    pub(crate) time: String,
    /// Value; nothing where there is none.
    pub(crate) value: Option<f64>,
    /// Whether it lies in a flagged window.
    pub(crate) flagged: bool,
}

/// Draws a series with its limit; nothing when there is no value at all.
pub(crate) fn draw(points: &[Point], limit: Option<f64>) -> Option<String> {
    let group = points.len().div_ceil(WIDTH).max(1);
    let columns: Vec<Point> = points.chunks(group).map(worst).collect();
    let values = || {
        columns
            .iter()
            .filter_map(|column| column.value)
            .chain(limit)
    };
    let top = values().fold(f64::NEG_INFINITY, f64::max);
    let bottom = values().fold(0.0, f64::min);
    columns.iter().find_map(|column| column.value)?;
    let span = if top > bottom { top - bottom } else { 1.0 };
    let eighths = |value: f64| ((value - bottom) / span * (HEIGHT * 8) as f64).round() as usize;
    let limit_row = limit.map(|limit| (eighths(limit).max(1) - 1) / 8);
    let labels: Vec<String> = (0..HEIGHT)
        .map(|row| match limit {
            Some(limit) if limit_row == Some(row) => format!("{} ", short(limit)),
            _ if row == HEIGHT - 1 => short(top),
            _ if row == 0 => short(bottom),
            _ => String::new(),
        })
        .collect();
    let margin = labels.iter().map(|label| label.chars().count()).max()?;
    let mut lines = Vec::new();
    for row in (0..HEIGHT).rev() {
        let cells: String = columns
            .iter()
            .map(|column| {
                let filled = column.value.map_or(0, eighths);
                match filled.saturating_sub(row * 8).min(8) {
                    // The line is seen where no bar stands before it.
                    0 if limit_row == Some(row) => '─',
                    full => EIGHTHS[full],
                }
            })
            .collect();
        let edge = if limit_row == Some(row) { '┼' } else { '│' };
        lines.push(format!(
            "{:>margin$}{edge}{}",
            labels[row],
            cells.trim_end()
        ));
    }
    let flags: String = columns
        .iter()
        .map(|column| match (column.flagged, column.value) {
            (true, _) => '^',
            (false, None) => '?',
            _ => ' ',
        })
        .collect();
    lines.push(format!("{:margin$}└{}", "", flags.trim_end()));
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        lines.push(format!("{:margin$} {} … {}", "", first.time, last.time));
    }
    Some(lines.join("\n"))
}

/// The group's largest value; flagged if any of it is.
fn worst(group: &[Point]) -> Point {
    let value = group
        .iter()
        .filter_map(|point| point.value)
        .max_by(f64::total_cmp);
    Point {
        time: group
            .first()
            .map(|point| point.time.clone())
            .unwrap_or_default(),
        value,
        flagged: group.iter().any(|point| point.flagged),
    }
}

/// A number in few digits.
pub(super) fn short(value: f64) -> String {
    let rounded = (value * 1e4).round() / 1e4;
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[Option<f64>]) -> Vec<Point> {
        values
            .iter()
            .enumerate()
            .map(|(hour, value)| Point {
                time: format!("{hour:02}:00"),
                value: *value,
                flagged: value.is_some_and(|value| value > 50.0),
            })
            .collect()
    }

    #[test]
    fn bars_stand_before_the_limit_line_and_flagged_hours_are_marked() {
        let points = series(&[Some(20.0), Some(80.0), None, Some(40.0)]);
        let text = draw(&points, Some(50.0)).expect("picture");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 2);
        assert_eq!(lines[0], " 80│ █");
        // 50 of 80 is five eighths of the height: the fifth row from below.
        assert_eq!(lines[3], "50 ┼─█──");
        assert_eq!(lines[7], "  0│██ █");
        assert_eq!(lines[8], "   └ ^?");
        assert_eq!(lines[9], "    00:00 … 03:00");
    }

    #[test]
    fn long_series_keep_their_peaks_and_empty_ones_have_no_picture() {
        let mut values = vec![Some(1.0); 1_000];
        values[777] = Some(99.0);
        let text = draw(&series(&values), None).expect("picture");
        assert!(text.lines().all(|line| line.chars().count() < WIDTH + 12));
        assert!(text.lines().next().expect("line").contains('█'));
        assert_eq!(draw(&series(&[None, None]), Some(50.0)), None);
        assert!(draw(&series(&[Some(0.0)]), None).is_some());
        assert!(draw(&series(&[Some(-2.0), Some(-1.0)]), None).is_some());
    }
}
