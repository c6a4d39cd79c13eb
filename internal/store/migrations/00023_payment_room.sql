-- +goose Up

-- What a payment keeps free until it has its end: zeros, then nothing.
ALTER TABLE payments ADD COLUMN room BLOB;
