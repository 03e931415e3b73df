//! Benchmarks: micro, commit path, end to end
