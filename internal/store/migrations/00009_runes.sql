-- +goose Up

-- Runes that were made, by their numbers.
CREATE TABLE runes (
    id   INTEGER PRIMARY KEY,
    rune TEXT NOT NULL
);

-- When a rune with this number was last used, in nanoseconds since 1970.
CREATE TABLE rune_uses (
    id   INTEGER PRIMARY KEY,
    used INTEGER NOT NULL
);

-- Numbers of runes that are of no use any more.
CREATE TABLE revoked_runes (
    first_id INTEGER PRIMARY KEY,
    last_id  INTEGER NOT NULL
);
