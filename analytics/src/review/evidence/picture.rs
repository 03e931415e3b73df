//! What a picture looks like, in 128 bits: the same picture re-compressed, scaled or slightly edited
//! differs in few of them.
//!
//! A difference hash: the picture is reduced to 9 by 9 mean brightnesses; 64 bits say whether a cell
//! is brighter than its right neighbour, 64 whether it is brighter than the one below. Turned,
//! mirrored or strongly cropped pictures are not recognised. A picture without contrast (a wall, a
//! dark room) has no hash: all such pictures are alike and none proves a re-use.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;
use zune_png::PngDecoder;

use super::kind::FileKind;

/// Cells per side.
const GRID: usize = 9;
/// Brightness between the darkest and the brightest cell below which there is nothing to compare.
const LEAST_CONTRAST: u64 = 12;
/// Most pixels per side; a larger picture is not decoded.
const MOST_SIDE: usize = 16_384;
/// Most pixels of a picture.
const MOST_PIXELS: usize = 64_000_000;
/// Bits in which two pictures may differ and still be taken for one.
const NEAR: u32 = 12;

/// Brightness of every pixel, row by row.
struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// The hash of a picture as 32 hex digits. `None` when it cannot be decoded, is too large to be
/// decoded, smaller than the grid, without contrast, or of a kind without decoder (HEIF).
pub(super) fn look(kind: FileKind, file: &[u8]) -> Option<String> {
    let grey = match kind {
        FileKind::Jpeg => jpeg(file),
        FileKind::Png => png(file),
        _ => None,
    }?;
    Some(format!("{:032x}", hash(&grey)?))
}

/// In how many bits two hashes differ, when it is few enough for one picture.
pub(crate) fn near(one: &str, other: &str) -> Option<u32> {
    let [one, other] = [one, other].map(|text| u128::from_str_radix(text, 16).ok());
    Some((one? ^ other?).count_ones()).filter(|bits| *bits <= NEAR)
}

fn hash(grey: &Grey) -> Option<u128> {
    if grey.width < GRID || grey.height < GRID {
        return None;
    }
    let mut cells = [[0_u64; GRID]; GRID];
    for (row, line) in cells.iter_mut().enumerate() {
        for (column, cell) in line.iter_mut().enumerate() {
            *cell = mean(grey, row, column);
        }
    }
    let all = cells.as_flattened();
    let contrast = all.iter().max()? - all.iter().min()?;
    // The means are in 256ths.
    if contrast < LEAST_CONTRAST * 256 {
        return None;
    }
    let mut bits = 0_u128;
    for row in 0..GRID - 1 {
        for column in 0..GRID - 1 {
            let cell = cells[row][column];
            bits = bits << 2
                | u128::from(cell > cells[row][column + 1]) << 1
                | u128::from(cell > cells[row + 1][column]);
        }
    }
    Some(bits)
}

/// Mean brightness of a cell, in 256ths.
fn mean(grey: &Grey, row: usize, column: usize) -> u64 {
    let rows = row * grey.height / GRID..(row + 1) * grey.height / GRID;
    let columns = column * grey.width / GRID..(column + 1) * grey.width / GRID;
    let count = (rows.len() * columns.len()) as u64;
    let sum: u64 = rows
        .flat_map(|y| &grey.pixels[y * grey.width..][columns.clone()])
        .map(|pixel| u64::from(*pixel))
        .sum();
    sum * 256 / count.max(1)
}

fn jpeg(file: &[u8]) -> Option<Grey> {
    let options = limits().jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().ok()?;
    let info = decoder.info()?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    if width * height > MOST_PIXELS {
        return None;
    }
    let pixels = decoder.decode().ok()?;
    (pixels.len() == width * height).then_some(Grey {
        width,
        height,
        pixels,
    })
}

fn png(file: &[u8]) -> Option<Grey> {
    let options = limits().png_set_strip_to_8bit(true);
    let mut decoder = PngDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    if width * height > MOST_PIXELS {
        return None;
    }
    let each = decoder.colorspace()?.num_components();
    let pixels: Vec<u8> = decoder
        .decode_raw()
        .ok()?
        .chunks_exact(each)
        .map(|pixel| match pixel {
            [red, green, blue, ..] => luma(*red, *green, *blue),
            [grey, ..] => *grey,
            [] => 0,
        })
        .collect();
    (pixels.len() == width * height).then_some(Grey {
        width,
        height,
        pixels,
    })
}

/// What both decoders are given: a picture may say of itself that it is larger than any memory.
fn limits() -> DecoderOptions {
    DecoderOptions::default()
        .set_max_width(MOST_SIDE)
        .set_max_height(MOST_SIDE)
}

/// Brightness (ITU-R BT.601).
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    // At most 255.
    (sum / 1_000) as u8
}
