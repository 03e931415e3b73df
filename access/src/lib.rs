//! How people and programs reach the tables and the queue: SQL servers and REST.
