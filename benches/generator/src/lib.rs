//! A province from a seed: readings, permits, inspections, faults and their truth
