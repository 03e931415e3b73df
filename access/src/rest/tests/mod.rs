//! The API from outside: requests and answers over the real routes and stores.

mod access;
mod clues;
mod conforms;
mod documents;
mod each;
mod figures;
mod files;
mod handed_over;
mod inspections;
mod lists;
mod messages;
mod read_log;
mod stored;
mod supervised;
mod writes;
