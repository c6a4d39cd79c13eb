-- name: InsertWebhook :exec
INSERT INTO webhooks (id, url, kinds, secret, created, cursor) VALUES (?, ?, ?, ?, ?, ?);

-- name: MoveWebhook :exec
UPDATE webhooks SET cursor = ? WHERE id = ?;

-- name: DeleteWebhook :exec
DELETE FROM webhooks WHERE id = ?;

-- name: DeleteDeliveries :exec
DELETE FROM deliveries WHERE webhook = ?;

-- name: Webhooks :many
SELECT * FROM webhooks ORDER BY id;

-- name: PutDelivery :exec
INSERT INTO deliveries (webhook, event, state, since, tries, tried_at, next_try, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (webhook, event) DO UPDATE SET state = excluded.state, since = excluded.since, tries = excluded.tries,
    tried_at = excluded.tried_at, next_try = excluded.next_try, outcome = excluded.outcome;

-- name: ForgetDeliveries :exec
DELETE FROM deliveries WHERE deliveries.webhook = sqlc.arg(webhook) AND deliveries.state <> 'pending' AND deliveries.event <= (
    SELECT last.event FROM deliveries AS last WHERE last.webhook = sqlc.arg(webhook) AND last.state <> 'pending'
    ORDER BY last.event DESC LIMIT 1 OFFSET sqlc.arg(kept)
);

-- name: PendingDeliveries :many
SELECT * FROM deliveries WHERE webhook = ? AND state = 'pending' ORDER BY next_try, event LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: CountPendingDeliveries :one
SELECT count(*) FROM deliveries WHERE webhook = ? AND state = 'pending';

-- name: Deliveries :many
SELECT * FROM deliveries WHERE webhook = ? AND event >= ? ORDER BY event LIMIT CAST(sqlc.arg('limit') AS INTEGER);
