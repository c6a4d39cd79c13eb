-- name: PutPayment :execrows
INSERT INTO payments (payment_hash, manual, destination, amount_msat, bolt11, label, description, groupid,
    created_at, max_fee_msat, max_delay, retry_until, exclude)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (payment_hash) DO UPDATE SET
    manual = excluded.manual, destination = excluded.destination, amount_msat = excluded.amount_msat,
    bolt11 = excluded.bolt11, label = excluded.label, description = excluded.description,
    groupid = excluded.groupid, created_at = excluded.created_at, max_fee_msat = excluded.max_fee_msat,
    max_delay = excluded.max_delay, retry_until = excluded.retry_until, exclude = excluded.exclude,
    status = 'pending', preimage = NULL, sent_msat = 0, parts = 0, completed_at = 0, code = 0, message = ''
WHERE payments.status = 'failed';

-- name: EndPayment :execrows
UPDATE payments SET status = ?, preimage = ?, sent_msat = ?, parts = ?, completed_at = ?, code = ?, message = ?,
    updated_index = ?
WHERE payment_hash = ? AND status <> 'complete';

-- name: PaymentByHash :one
SELECT * FROM payments WHERE payment_hash = ?;

-- name: PaymentsByCreated :many
SELECT * FROM payments WHERE created_index >= ? ORDER BY created_index LIMIT ?;

-- name: InsertAttempt :exec
INSERT INTO attempts (id, payment_hash, groupid, partid, amount_msat, sent_msat, hops, session, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: EndAttempt :execrows
UPDATE attempts SET status = ?, preimage = ?, failure = ?, completed_at = ?, session = NULL, updated_index = ?
WHERE id = ? AND status = 'pending';

-- name: AttemptsOfPayment :many
SELECT * FROM attempts WHERE payment_hash = ? ORDER BY id;

-- name: AttemptsByID :many
SELECT * FROM attempts WHERE id >= ? ORDER BY id LIMIT ?;

-- name: LastAttempt :one
SELECT CAST(MAX(COALESCE((SELECT MAX(id) FROM attempts), 0), COALESCE((SELECT MAX(attempt) FROM htlcs WHERE attempt IS NOT NULL), 0)) AS INTEGER);

-- name: AttemptsByUpdated :many
SELECT * FROM attempts WHERE updated_index >= ? AND updated_index > 0 ORDER BY updated_index LIMIT ?;

-- name: DeleteAttempt :exec
DELETE FROM attempts WHERE id = ?;

-- name: DeletePayment :exec
DELETE FROM payments WHERE payment_hash = ?;

-- name: PaymentsUnfinished :many
SELECT * FROM payments
WHERE status = 'pending' OR payment_hash IN (SELECT attempts.payment_hash FROM attempts WHERE attempts.status = 'pending')
ORDER BY created_index;

-- name: LatestPayments :many
SELECT * FROM payments ORDER BY created_index DESC LIMIT ?;

-- name: PaymentsBefore :many
SELECT * FROM payments WHERE status = ? AND completed_at <= ? AND created_index >= ? ORDER BY created_index LIMIT ?;

-- name: CountPaymentsAfter :one
SELECT COUNT(*) FROM payments WHERE status = ? AND completed_at > ?;
