//! Photos of a camera, of no camera, and things that are no photos.

use std::path::{Path, PathBuf};

use super::exif_data::taken;
use super::kind::FileKind;
use super::picture::{look, near};

pub(in crate::review) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/review/evidence/fixtures")
        .join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

#[test]
fn a_camera_says_when_where_and_with_what() {
    let photo = taken(&read("pump.jpg"));
    let at = crate::ratio::parse_as_of("2026-06-05 14:03:21").unwrap();
    assert_eq!(photo.at, Some(at), "with its offset");
    assert_eq!(photo.place, Some((37_434_767, 118_674_700)));
    assert_eq!(photo.device.as_deref(), Some("Huawei P60"));
    assert_eq!(
        taken(&read("pump_again.jpg")),
        super::exif_data::Taken::default()
    );
    assert_eq!(taken(b"%PDF-1.7"), super::exif_data::Taken::default());
}

#[test]
fn a_photo_made_smaller_is_still_the_same_photo() {
    let first = look(FileKind::Jpeg, &read("pump.jpg")).unwrap();
    let again = look(FileKind::Jpeg, &read("pump_again.jpg")).unwrap();
    let other = look(FileKind::Png, &read("valve.png")).unwrap();
    assert_eq!(near(&first, &first), Some(0));
    let bits = near(&first, &again).unwrap_or_else(|| panic!("{first} and {again}"));
    assert!(bits <= 6, "{bits} bits");
    assert_eq!(near(&first, &other), None);
    assert_eq!(near(&first, "no hash"), None);
}

/// A grey picture, written as the standard has it: header, one compressed part, end.
fn png(side: u32, pixel: &dyn Fn(u32) -> u8) -> Vec<u8> {
    use std::io::Write;
    let mut rows = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for y in 0..side {
        let row: Vec<u8> = (0..side).map(|x| pixel(y * side + x)).collect();
        // Each row begins with its filter: none.
        rows.write_all(&[0]).unwrap();
        rows.write_all(&row).unwrap();
    }
    let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [
        (b"IHDR", header),
        (b"IDAT", rows.finish().unwrap()),
        (b"IEND", Vec::new()),
    ] {
        let mut checked = name.to_vec();
        checked.extend(&body);
        let mut crc = flate2::Crc::new();
        crc.update(&checked);
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(checked);
        file.extend(crc.sum().to_be_bytes());
    }
    file
}

#[test]
fn nothing_is_seen_in_a_wall_a_speck_or_a_broken_file() {
    let wall = png(64, &|at| 120 + (at % 3) as u8);
    assert_eq!(look(FileKind::Png, &wall), None, "no contrast");
    let speck = png(4, &|at| (at * 16) as u8);
    assert_eq!(look(FileKind::Png, &speck), None, "smaller than the grid");
    let slope = png(64, &|at| (at / 64 * 4) as u8);
    assert!(look(FileKind::Png, &slope).is_some());
    let photo = read("pump.jpg");
    for end in [3, 100, 400, photo.len() / 2] {
        // Whatever is found in a torn file, nothing falls over it.
        look(FileKind::Jpeg, &photo[..end]);
        taken(&photo[..end]);
    }
}
