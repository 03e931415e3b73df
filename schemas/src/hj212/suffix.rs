//! Names of sub-fields: what stands behind the last `-` of `a21026-ZsAvg`.

/// Sub-fields with a column, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    Rtd,
    Avg,
    Data,
    ZsRtd,
    ZsAvg,
    Min,
    Max,
    Cou,
    ZsMin,
    ZsMax,
    Flag,
    /// Equipment state and site information: never a measured value.
    State,
    /// Kept by name.
    Other,
}

impl Suffix {
    #[inline]
    pub(super) fn of(text: &str) -> Self {
        match text.as_bytes() {
            b"Rtd" => Self::Rtd,
            b"Avg" => Self::Avg,
            b"Min" => Self::Min,
            b"Max" => Self::Max,
            b"Flag" => Self::Flag,
            b"Cou" => Self::Cou,
            b"ZsRtd" => Self::ZsRtd,
            b"ZsAvg" => Self::ZsAvg,
            b"ZsMin" => Self::ZsMin,
            b"ZsMax" => Self::ZsMax,
            b"Data" => Self::Data,
            b"RS" | b"RT" | b"Info" | b"SN" => Self::State,
            other => Self::of_other_case(other),
        }
    }

    /// `StaTem-min=0`: lower-case names have been seen.
    #[cold]
    fn of_other_case(text: &[u8]) -> Self {
        const NAMES: [(&[u8], Suffix); 14] = [
            (b"rtd", Suffix::Rtd),
            (b"avg", Suffix::Avg),
            (b"min", Suffix::Min),
            (b"max", Suffix::Max),
            (b"flag", Suffix::Flag),
            (b"cou", Suffix::Cou),
            (b"zsrtd", Suffix::ZsRtd),
            (b"zsavg", Suffix::ZsAvg),
            (b"zsmin", Suffix::ZsMin),
            (b"zsmax", Suffix::ZsMax),
            (b"data", Suffix::Data),
            (b"rs", Suffix::State),
            (b"rt", Suffix::State),
            (b"info", Suffix::State),
        ];
        NAMES
            .into_iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name))
            .map_or(Self::Other, |(_, suffix)| suffix)
    }

    /// Its bit in a set of sub-fields.
    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }
}
