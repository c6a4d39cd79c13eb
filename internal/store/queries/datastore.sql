-- name: PutData :exec
INSERT INTO datastore (key, generation, value) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET generation = excluded.generation, value = excluded.value;

-- name: DeleteData :execrows
DELETE FROM datastore WHERE key = ?;

-- name: Data :one
SELECT * FROM datastore WHERE key = ?;

-- name: DataFrom :one
SELECT * FROM datastore WHERE key >= sqlc.arg(first) AND key < sqlc.arg(beyond) ORDER BY key LIMIT 1;
