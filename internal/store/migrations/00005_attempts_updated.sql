-- +goose Up

CREATE INDEX attempts_updated_index ON attempts (updated_index) WHERE updated_index > 0;
