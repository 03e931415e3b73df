-- What a file shows, as whoever handed it in said; rows from before say nothing of it.
ALTER TABLE review_files ADD COLUMN kind TEXT;
