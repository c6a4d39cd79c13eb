-- name: PutPayment :execrows
INSERT INTO payments (payment_hash, manual, destination, amount_msat, bolt11, label, description, groupid,
    created_at, max_fee_msat, max_delay, retry_until, exclude, property, units, max_fee_units, room)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (payment_hash) DO UPDATE SET
    manual = excluded.manual, destination = excluded.destination, amount_msat = excluded.amount_msat,
    bolt11 = excluded.bolt11, label = excluded.label, description = excluded.description,
    groupid = excluded.groupid, created_at = excluded.created_at, max_fee_msat = excluded.max_fee_msat,
    max_delay = excluded.max_delay, retry_until = excluded.retry_until, exclude = excluded.exclude,
    property = excluded.property, units = excluded.units, max_fee_units = excluded.max_fee_units, sent_units = 0,
    status = 'pending', sent_msat = 0, parts = 0, completed_at = 0, code = 0, message = ''
WHERE payments.status = 'failed';

-- name: EndPayment :execrows
UPDATE payments SET status = sqlc.arg(status), room = NULL, preimage = coalesce(sqlc.narg(preimage), preimage),
    sent_msat = CAST(sqlc.arg(sent_msat) AS INTEGER) - amount_msat,
    sent_units = sqlc.arg(sent_units), parts = sqlc.arg(parts), completed_at = CAST(sqlc.arg(completed_at) AS INTEGER) - created_at,
    code = sqlc.arg(code), message = sqlc.arg(message), updated_index = sqlc.arg(updated_index)
WHERE payment_hash = sqlc.arg(payment_hash) AND status <> '';

-- name: PaymentByHash :one
SELECT * FROM payments WHERE payment_hash = ?;

-- name: PaymentsByCreated :many
SELECT * FROM payments WHERE created_index >= ? ORDER BY created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: PaymentsByUpdated :many
SELECT * FROM payments WHERE updated_index >= ? AND updated_index > 0 ORDER BY updated_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: KeepPreimage :exec
UPDATE payments SET preimage = ?, room = NULL WHERE created_index = (SELECT attempts.payment FROM attempts WHERE attempts.id = ?) AND payments.preimage IS NULL;

-- name: Party :one
INSERT INTO parties (node) VALUES (?) ON CONFLICT (node) DO UPDATE SET node = excluded.node RETURNING id;

-- name: PartyNode :one
SELECT node FROM parties WHERE id = ?;

-- name: InsertAttempt :execrows
INSERT INTO attempts (id, payment, groupid, partid, amount_msat, sent_msat, hops, session, created_at, units, sent_units, hop_units)
SELECT sqlc.arg(id), created_index, sqlc.arg(groupid), sqlc.arg(partid), sqlc.arg(amount_msat), sqlc.arg(sent_msat), sqlc.arg(hops),
    sqlc.arg(session), sqlc.arg(created_at), sqlc.arg(units), sqlc.arg(sent_units), sqlc.arg(hop_units)
FROM payments WHERE payment_hash = sqlc.arg(payment_hash);

-- name: EndAttempt :execrows
UPDATE attempts SET status = sqlc.arg(status), failure = sqlc.arg(failure), completed_at = CAST(sqlc.arg(completed_at) AS INTEGER) - created_at,
    session = NULL, updated_index = sqlc.arg(updated_index)
WHERE id = sqlc.arg(id) AND status = 'pending';

-- name: AttemptsOfPayment :many
SELECT sqlc.embed(attempts), payments.payment_hash, payments.preimage, payments.property FROM attempts JOIN payments ON payments.created_index = attempts.payment
WHERE payments.payment_hash = ? ORDER BY attempts.id;

-- name: AttemptsByID :many
SELECT sqlc.embed(attempts), payments.payment_hash, payments.preimage, payments.property FROM attempts JOIN payments ON payments.created_index = attempts.payment
WHERE attempts.id >= ? ORDER BY attempts.id LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: LastAttempt :one
SELECT CAST(MAX(COALESCE((SELECT MAX(id) FROM attempts), 0), COALESCE((SELECT MAX(attempt) FROM htlcs WHERE attempt IS NOT NULL), 0)) AS INTEGER);

-- name: AttemptsByUpdated :many
SELECT sqlc.embed(attempts), payments.payment_hash, payments.preimage, payments.property FROM attempts JOIN payments ON payments.created_index = attempts.payment
WHERE attempts.updated_index >= ? AND attempts.updated_index > 0 ORDER BY attempts.updated_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: DeleteAttempt :exec
DELETE FROM attempts WHERE id = ?;

-- name: DeletePayment :exec
DELETE FROM payments WHERE payment_hash = ?;

-- name: PaymentsUnfinished :many
SELECT * FROM payments WHERE created_index IN (
    SELECT pending.created_index FROM payments pending WHERE pending.status = 'pending'
    UNION SELECT attempts.payment FROM attempts WHERE attempts.status = 'pending'
) ORDER BY created_index;

-- name: LatestPayments :many
SELECT * FROM payments ORDER BY created_index DESC LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: PaymentsBefore :many
SELECT * FROM payments WHERE status = sqlc.arg(status) AND created_at + completed_at <= CAST(sqlc.arg(completed_at) AS INTEGER) AND created_index >= sqlc.arg(created_index)
ORDER BY created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: CountPaymentsAfter :one
SELECT COUNT(*) FROM payments WHERE status = sqlc.arg(status) AND created_at + completed_at > CAST(sqlc.arg(completed_at) AS INTEGER);
