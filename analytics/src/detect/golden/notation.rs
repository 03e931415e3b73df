//! A short way to write a series down.
//!
//! ```text
//! 50 60 40            three values
//! 50*24               one value 24 times
//! (1 2 3)*10          a group, repeated
//! 10..40/4            10 20 30 40: from, to, how many
//! noise(50,5)*360     50 +- 5, the same numbers in every run; by position and the series' seed
//! wave(50,5,24)*360   50 + 5 sin(2 pi position / 24), rounded to thousandths
//! null                a row without a value
//! _                   no row at all
//! 500:M  (1 2):F*3    with a mark
//! ```
//!
//! Positions count from 0 and go on through repetitions. Failure mode: a text that does not read is
//! refused with the place where it stops making sense.

/// One place of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// The value; nothing for a row without one.
    pub(super) value: Option<f64>,
    /// Whether there is a row.
    pub(super) row: bool,
    /// Mark, if the text gives one.
    pub(super) mark: Option<String>,
}

/// Most places one text may stand for: a year of 10-minute values.
const MOST: usize = 60_000;

/// Reads a text; `seed` tells series with the same text apart.
pub(super) fn read(text: &str, seed: u64) -> Result<Vec<Place>, String> {
    let mut reader = Reader {
        text,
        at: 0,
        seed,
        places: Vec::new(),
    };
    reader.items(false)?;
    Ok(reader.places)
}

/// A seed from a name (FNV-1a), so that series differ without anyone numbering them.
pub(super) fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    seed: u64,
    places: Vec<Place>,
}

impl Reader<'_> {
    fn fault(&self, what: &str) -> String {
        let near: String = self.text[self.at..].chars().take(20).collect();
        format!("{what} at `{near}` (character {})", self.at + 1)
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes `token` if it comes next.
    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn items(&mut self, inside: bool) -> Result<(), String> {
        loop {
            self.skip_space();
            if self.rest().is_empty() {
                return if inside {
                    Err(self.fault("`)` is missing"))
                } else {
                    Ok(())
                };
            }
            if inside && self.take(")") {
                return Ok(());
            }
            self.item()?;
        }
    }

    /// One item with its mark and its repetitions; what is repeated is read again each time, so that
    /// noise goes on instead of repeating itself.
    fn item(&mut self) -> Result<(), String> {
        let (from, first) = (self.at, self.places.len());
        self.atom()?;
        let mark = self.take(":").then(|| self.word());
        let times = if self.take("*") { self.count()? } else { 1 };
        let end = self.at;
        for _ in 1..times {
            self.at = from;
            self.atom()?;
            if self.places.len() > MOST {
                return Err(self.fault(&format!("more than {MOST} places")));
            }
        }
        self.at = end;
        if let Some(mark) = mark {
            for place in &mut self.places[first..] {
                place.mark = Some(mark.clone());
            }
        }
        let rest = self.rest();
        if !(rest.is_empty() || rest.starts_with([')', ' ', '\n', '\t', '\r'])) {
            return Err(self.fault("expected a space"));
        }
        Ok(())
    }

    fn atom(&mut self) -> Result<(), String> {
        if self.take("(") {
            return self.items(true);
        }
        if self.take("null") {
            self.push(None);
            return Ok(());
        }
        if self.take("_") {
            self.places.push(Place {
                value: None,
                row: false,
                mark: None,
            });
            return Ok(());
        }
        if self.take("noise(") {
            let [mean, amplitude] = self.arguments()?;
            let position = self.places.len() as u64;
            let unit = uniform(self.seed, position);
            self.push(Some(rounded(mean + amplitude * (2.0 * unit - 1.0))));
            return Ok(());
        }
        if self.take("wave(") {
            let [mean, amplitude, period] = self.arguments()?;
            let angle = std::f64::consts::TAU * self.places.len() as f64 / period;
            self.push(Some(rounded(mean + amplitude * angle.sin())));
            return Ok(());
        }
        let from = self.number()?;
        if !self.take("..") {
            self.push(Some(from));
            return Ok(());
        }
        let to = self.number()?;
        if !self.take("/") {
            return Err(self.fault("a ramp is written from..to/count"));
        }
        let count = self.count()?;
        for i in 0..count {
            let share = if count > 1 {
                i as f64 / (count - 1) as f64
            } else {
                0.0
            };
            self.push(Some(rounded(from + (to - from) * share)));
        }
        Ok(())
    }

    fn push(&mut self, value: Option<f64>) {
        self.places.push(Place {
            value,
            row: true,
            mark: None,
        });
    }

    fn arguments<const N: usize>(&mut self) -> Result<[f64; N], String> {
        let mut found = [0.0; N];
        for (i, slot) in found.iter_mut().enumerate() {
            self.skip_space();
            *slot = self.number()?;
            self.skip_space();
            let closing = if i + 1 == N { ")" } else { "," };
            if !self.take(closing) {
                return Err(self.fault(&format!("expected `{closing}`")));
            }
        }
        Ok(found)
    }

    fn number(&mut self) -> Result<f64, String> {
        let rest = self.rest();
        let mut end = 0;
        for (i, c) in rest.char_indices() {
            let part = c.is_ascii_digit()
                || (c == '-' && i == 0)
                || (c == '.' && !rest[i..].starts_with(".."));
            if !part {
                break;
            }
            end = i + c.len_utf8();
        }
        let number = rest[..end]
            .parse()
            .map_err(|_| self.fault("expected a number"))?;
        self.at += end;
        Ok(number)
    }

    fn count(&mut self) -> Result<usize, String> {
        let number = self.number()?;
        if number < 1.0 || number.fract() != 0.0 || number > MOST as f64 {
            return Err(self.fault(&format!(
                "a count is a whole number from 1 to {MOST}, before"
            )));
        }
        Ok(number as usize)
    }

    fn word(&mut self) -> String {
        let word: String = self
            .rest()
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        self.at += word.len();
        word
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// A number in [0, 1) that looks random and depends on nothing but its arguments (SplitMix64).
fn uniform(seed: u64, position: u64) -> f64 {
    let mut z = seed.wrapping_add(position.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Option<f64>> {
        read(text, 1)
            .expect("notation")
            .into_iter()
            .map(|place| place.value)
            .collect()
    }

    #[test]
    fn values_groups_ramps_and_marks() {
        assert_eq!(
            values("1 (2 -0.5)*2 10..30/3 null"),
            [
                Some(1.0),
                Some(2.0),
                Some(-0.5),
                Some(2.0),
                Some(-0.5),
                Some(10.0),
                Some(20.0),
                Some(30.0),
                None
            ]
        );
        let marked = read("5 6:M*2 _", 1).expect("notation");
        let marks: Vec<_> = marked.iter().map(|place| place.mark.as_deref()).collect();
        assert_eq!(marks, [None, Some("M"), Some("M"), None]);
        assert!(!marked[3].row && marked[2].row);
    }

    #[test]
    fn noise_goes_on_and_stays_in_its_band() {
        let noise = values("noise(50,5)*200");
        assert!(noise.iter().flatten().all(|v| (45.0..=55.0).contains(v)));
        assert_ne!(noise[0], noise[1]);
        assert_eq!(noise, values("noise(50,5)*200"));
        assert_ne!(read("noise(50,5)", 1), read("noise(50,5)", 2));
        assert_eq!(values("wave(50,5,4)*2"), [Some(50.0), Some(55.0)]);
    }

    #[test]
    fn a_text_that_does_not_read_is_refused_with_its_place() {
        for (text, part) in [
            ("1 x", "expected a number at `x`"),
            ("(1 2", "`)` is missing"),
            ("1..5", "from..to/count"),
            ("1*0", "whole number"),
            ("1,2", "expected a space"),
            ("noise(1)", "expected `,`"),
        ] {
            let error = read(text, 1).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
