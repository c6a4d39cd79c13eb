-- name: InsertInvoice :execlastid
INSERT INTO invoices (label, payment_hash, preimage, payment_secret, amount_msat, description, desc_hash_only,
    bolt11, created_at, expires_at, min_final_cltv, status, hold, property, units, room)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'unpaid', ?, ?, ?, ?);

-- name: PayInvoice :execrows
UPDATE invoices SET status = 'paid', room = NULL, received_msat = ?, received_units = ?, paid_at = ?, pay_index = ?, updated_index = ?
WHERE payment_hash = ? AND status = 'unpaid';

-- name: ExpireInvoice :execrows
UPDATE invoices SET status = 'expired', room = NULL, updated_index = ? WHERE payment_hash = ? AND status = 'unpaid';

-- name: DeleteInvoice :execrows
DELETE FROM invoices WHERE payment_hash = ?;

-- name: InvoiceByHash :one
SELECT * FROM invoices WHERE payment_hash = ?;

-- name: InvoiceByLabel :one
SELECT * FROM invoices WHERE label = ?;

-- name: InvoicesByCreated :many
SELECT * FROM invoices WHERE created_index >= ? ORDER BY created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: InvoicesByUpdated :many
SELECT * FROM invoices WHERE updated_index >= ? AND updated_index > 0 ORDER BY updated_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: InvoiceByPayIndex :one
SELECT * FROM invoices WHERE pay_index > ? ORDER BY pay_index LIMIT 1;

-- name: InvoicesToExpire :many
SELECT * FROM invoices WHERE status = 'unpaid' AND expires_at <= ? ORDER BY expires_at LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: NextInvoiceExpiry :one
SELECT expires_at FROM invoices WHERE status = 'unpaid' ORDER BY expires_at LIMIT 1;

-- name: AcceptInvoice :execrows
UPDATE invoices SET status = 'accepted', received_msat = ?, received_units = ?, accepted_at = ?, deadline = ?, updated_index = ?
WHERE payment_hash = ? AND status = 'unpaid' AND hold = 1;

-- name: SettleInvoice :execrows
UPDATE invoices SET status = 'paid', preimage = ?, paid_at = ?, pay_index = ?, updated_index = ?
WHERE payment_hash = ? AND status = 'accepted';

-- name: CancelInvoice :execrows
UPDATE invoices SET status = 'expired', cancelled_at = ?, updated_index = ?
WHERE payment_hash = ? AND status IN ('unpaid', 'accepted') AND hold = 1;

-- name: BareInvoice :execrows
UPDATE invoices SET description = '', bolt11 = ?, updated_index = ? WHERE payment_hash = ?;

-- name: InsertHeldPart :exec
INSERT INTO held_parts (channel, htlc, payment_hash, amount, units, cltv_expiry) VALUES (?, ?, ?, ?, ?, ?);

-- name: DeleteHeldParts :exec
DELETE FROM held_parts WHERE payment_hash = ?;

-- name: HeldParts :many
SELECT h.*, c.id AS channel_id FROM held_parts h JOIN channels c ON c.key_index = h.channel ORDER BY h.channel, h.htlc;

-- name: HeldInvoices :many
SELECT * FROM invoices WHERE hold = 1 AND created_index >= ? ORDER BY created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: ExpiredInvoicesBefore :many
SELECT * FROM invoices WHERE status = 'expired' AND expires_at <= ? ORDER BY expires_at LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: PaidInvoicesBefore :many
SELECT * FROM invoices WHERE status = 'paid' AND paid_at <= ? ORDER BY paid_at LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: CountExpiredInvoicesAfter :one
SELECT count(*) FROM invoices WHERE status = 'expired' AND expires_at > ?;

-- name: CountPaidInvoicesAfter :one
SELECT count(*) FROM invoices WHERE status = 'paid' AND paid_at > ?;

-- name: SearchInvoices :many
SELECT * FROM invoices
WHERE created_index < sqlc.arg(before) AND created_index >= sqlc.arg(down_to)
    AND (CAST(sqlc.arg(text) AS TEXT) = '' OR instr(lower(label), lower(CAST(sqlc.arg(text) AS TEXT))) > 0
        OR instr(lower(description), lower(CAST(sqlc.arg(text) AS TEXT))) > 0)
    AND (CAST(sqlc.arg(status) AS TEXT) = '' OR status = CAST(sqlc.arg(status) AS TEXT))
    AND (CAST(sqlc.arg(asset) AS INTEGER) < 0 OR property = CAST(sqlc.arg(asset) AS INTEGER))
    AND (CASE WHEN property = 0 THEN coalesce(amount_msat, received_msat) ELSE 0 END) >= CAST(sqlc.arg(least) AS INTEGER)
    AND (CASE WHEN property = 0 THEN coalesce(amount_msat, received_msat) ELSE 9223372036854775807 END) <= CAST(sqlc.arg(most) AS INTEGER)
    AND created_at >= CAST(sqlc.arg(since) AS INTEGER) AND created_at <= CAST(sqlc.arg(until) AS INTEGER)
ORDER BY created_index DESC LIMIT CAST(sqlc.arg(up_to) AS INTEGER);

-- name: SearchInvoicesAmong :many
SELECT * FROM invoices
WHERE created_index IN (SELECT value FROM json_each(CAST(sqlc.arg(ids) AS TEXT)))
    AND (CAST(sqlc.arg(text) AS TEXT) = '' OR instr(lower(label), lower(CAST(sqlc.arg(text) AS TEXT))) > 0
        OR instr(lower(description), lower(CAST(sqlc.arg(text) AS TEXT))) > 0)
    AND (CAST(sqlc.arg(status) AS TEXT) = '' OR status = CAST(sqlc.arg(status) AS TEXT))
    AND (CAST(sqlc.arg(asset) AS INTEGER) < 0 OR property = CAST(sqlc.arg(asset) AS INTEGER))
    AND (CASE WHEN property = 0 THEN coalesce(amount_msat, received_msat) ELSE 0 END) >= CAST(sqlc.arg(least) AS INTEGER)
    AND (CASE WHEN property = 0 THEN coalesce(amount_msat, received_msat) ELSE 9223372036854775807 END) <= CAST(sqlc.arg(most) AS INTEGER)
    AND created_at >= CAST(sqlc.arg(since) AS INTEGER) AND created_at <= CAST(sqlc.arg(until) AS INTEGER)
ORDER BY created_index DESC LIMIT CAST(sqlc.arg(up_to) AS INTEGER);

-- name: InvoicesOfStatus :many
SELECT created_index FROM invoices WHERE status = sqlc.arg(status) AND created_index < sqlc.arg(before) ORDER BY created_index DESC LIMIT CAST(sqlc.arg(up_to) AS INTEGER);

-- name: IndexTexts :exec
INSERT INTO invoices_text (rowid, label, description) SELECT created_index, label, description FROM invoices WHERE created_index >= ?;
