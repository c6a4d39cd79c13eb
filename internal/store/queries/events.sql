-- name: InsertEvent :exec
INSERT INTO events (time, kind, key, state, data) VALUES (?, ?, ?, ?, ?);

-- name: EventsAfter :many
SELECT * FROM events WHERE id > ? ORDER BY id LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: NextCounter :one
INSERT INTO counters (name, value) VALUES (?, 1)
ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
RETURNING value;

-- name: AddCounter :exec
INSERT INTO counters (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value;

-- name: Counter :one
SELECT value FROM counters WHERE name = ?;

-- name: PutFact :exec
INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: Fact :one
SELECT value FROM facts WHERE name = ?;
