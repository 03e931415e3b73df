//! The API from outside: requests and answers over the real routes and stores.

mod access;
mod clues;
mod documents;
mod figures;
mod files;
mod handed_over;
mod inspections;
mod lists;
mod messages;
mod stored;
mod supervised;
mod writes;
