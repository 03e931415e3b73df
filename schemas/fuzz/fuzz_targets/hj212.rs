//! Any bytes as an HJ 212 message.
#![no_main]

libfuzzer_sys::fuzz_target!(|message: &[u8]| nonsite_schemas::hj212::fuzz::any_bytes(message));
