//! Lists that people bring: units, officers and conflicts of interest, as CSV with a header line.

use std::path::Path;

use chrono::NaiveDate;

use super::Error;
use super::draw::{Listed, Officer};
use super::roster;

/// Units: columns `id`, and if wanted `name` and `weight`.
///
/// # Errors
/// [`Error::Asked`], naming the file, the line and what is wrong.
pub fn units(path: &Path) -> Result<Vec<Listed>, Error> {
    let table = Table::read(path, &["id"], &["name", "weight"])?;
    table
        .rows
        .iter()
        .map(|(line, row)| {
            let weight = match row[2].as_str() {
                "" => 1,
                text => text
                    .parse()
                    .map_err(|_| table.fault(*line, &format!("weight `{text}` is no number")))?,
            };
            Ok(Listed {
                id: row[0].clone(),
                name: row[1].clone(),
                weight,
                why: if weight > 1 {
                    vec!["listed".to_owned()]
                } else {
                    Vec::new()
                },
            })
        })
        .collect()
}

/// Officers: columns `officer_id` and `certificate_no`. An officer without a certificate may not
/// inspect and is refused.
///
/// # Errors
/// [`Error::Asked`], naming the file, the line and what is wrong.
pub fn officers(path: &Path) -> Result<Vec<Officer>, Error> {
    let table = Table::read(path, &["officer_id", "certificate_no"], &[])?;
    table
        .rows
        .iter()
        .map(|(line, row)| {
            if row[1].is_empty() {
                return Err(table.fault(*line, "officer without a certificate number"));
            }
            Ok(Officer {
                officer_id: row[0].clone(),
                certificate_no: row[1].clone(),
                avoids: Vec::new(),
            })
        })
        .collect()
}

/// The roster: columns `officer_id` and `org_code`, and where they are known `name`, `certificate_no`,
/// `valid_from`, `valid_to` and `left_on` (days, YYYY-MM-DD). An officer without a certificate is on it all
/// the same.
///
/// # Errors
/// [`Error::Asked`], naming the file, the line and what is wrong.
pub fn roster(path: &Path) -> Result<Vec<roster::Told>, Error> {
    let table = Table::read(
        path,
        &["officer_id", "org_code"],
        &[
            "name",
            "certificate_no",
            "valid_from",
            "valid_to",
            "left_on",
        ],
    )?;
    let text = |cell: &str| Some(cell.to_owned()).filter(|cell| !cell.is_empty());
    let day = |line: u64, name: &str, cell: &str| -> Result<Option<NaiveDate>, Error> {
        if cell.is_empty() {
            return Ok(None);
        }
        let what = format!("{name} `{cell}` is no day, write YYYY-MM-DD");
        cell.parse().map(Some).map_err(|_| table.fault(line, &what))
    };
    table
        .rows
        .iter()
        .map(|(line, row)| {
            Ok(roster::Told {
                officer_id: row[0].clone(),
                org_code: row[1].clone(),
                name: text(&row[2]),
                certificate_no: text(&row[3]),
                valid_from: day(*line, "valid_from", &row[4])?,
                valid_to: day(*line, "valid_to", &row[5])?,
                left_on: day(*line, "left_on", &row[6])?,
            })
        })
        .collect()
}

/// Conflicts of interest: columns `officer_id` and `unit_id`, put into the officers.
///
/// # Errors
/// [`Error::Asked`], naming the file, the line and what is wrong; also for an officer who is not on
/// the list, because a mistyped id would lift a conflict unseen.
pub fn conflicts(path: &Path, officers: &mut [Officer]) -> Result<(), Error> {
    let table = Table::read(path, &["officer_id", "unit_id"], &[])?;
    for (line, row) in &table.rows {
        let officer = officers
            .iter_mut()
            .find(|officer| officer.officer_id == row[0])
            .ok_or_else(|| {
                table.fault(*line, &format!("officer `{}` is not on the list", row[0]))
            })?;
        officer.avoids.push(row[1].clone());
    }
    for officer in officers {
        officer.avoids.sort();
        officer.avoids.dedup();
    }
    Ok(())
}

/// The wanted columns of a file, with line numbers.
struct Table {
    name: String,
    rows: Vec<(u64, Vec<String>)>,
}

impl Table {
    fn read(path: &Path, needed: &[&str], optional: &[&str]) -> Result<Self, Error> {
        let name = path.display().to_string();
        let fault = |what: String| Error::Asked(format!("list `{name}`: {what}"));
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let header = reader
            .headers()
            .map_err(|error| fault(error.to_string()))?
            .clone();
        let place = |column: &str| header.iter().position(|name| name == column);
        for column in needed {
            if place(column).is_none() {
                let found: Vec<&str> = header.iter().collect();
                return Err(fault(format!(
                    "needs a header line with `{}`; it has: {}",
                    needed.join("`, `"),
                    found.join(", ")
                )));
            }
        }
        let places: Vec<Option<usize>> = needed
            .iter()
            .chain(optional)
            .map(|column| place(column))
            .collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| fault(error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let row: Vec<String> = places
                .iter()
                .map(|place| {
                    place
                        .and_then(|at| record.get(at))
                        .unwrap_or_default()
                        .to_owned()
                })
                .collect();
            if row[0].is_empty() {
                return Err(fault(format!("line {line}: `{}` is empty", needed[0])));
            }
            rows.push((line, row));
        }
        Ok(Self { name, rows })
    }

    fn fault(&self, line: u64, what: &str) -> Error {
        Error::Asked(format!("list `{}`, line {line}: {what}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_faults_name_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let found = units(&write(
            "u.csv",
            "\u{feff}name,id,weight\n甲厂,U1,3\n\"乙,厂\",U2,\n",
        ))
        .unwrap();
        assert_eq!((found[0].id.as_str(), found[0].weight), ("U1", 3));
        assert_eq!((found[1].name.as_str(), found[1].weight), ("乙,厂", 1));
        let said = |error: Error| error.to_string();
        assert!(said(units(&write("u.csv", "id,weight\nU1,x\n")).unwrap_err()).contains("line 2"));
        assert!(said(units(&write("u.csv", "code\nU1\n")).unwrap_err()).contains("`id`"));
        let people = write("o.csv", "officer_id,certificate_no\na,1\nb,2\n");
        let mut people = officers(&people).unwrap();
        conflicts(
            &write("c.csv", "officer_id,unit_id\na,U1\na,U1\n"),
            &mut people,
        )
        .unwrap();
        assert_eq!(people[0].avoids, ["U1"]);
        let unknown = conflicts(&write("c.csv", "officer_id,unit_id\nz,U1\n"), &mut people);
        assert!(said(unknown.unwrap_err()).contains("`z` is not on the list"));
        let bare = officers(&write("o.csv", "officer_id,certificate_no\na,\n"));
        assert!(said(bare.unwrap_err()).contains("certificate"));
        let listed = roster(&write(
            "r.csv",
            "officer_id,org_code,certificate_no,valid_to\na,B1,C1,2026-12-31\nb,B1,,\n",
        ))
        .unwrap();
        assert_eq!(listed[0].valid_to, "2026-12-31".parse().ok());
        assert_eq!(
            (listed[1].certificate_no.clone(), listed[1].valid_to),
            (None, None)
        );
        let soon = roster(&write("r.csv", "officer_id,org_code,valid_to\na,B1,soon\n"));
        assert!(said(soon.unwrap_err()).contains("line 2: valid_to `soon`"));
    }
}
