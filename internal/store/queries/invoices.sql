-- name: InsertInvoice :exec
INSERT INTO invoices (label, payment_hash, preimage, payment_secret, amount_msat, description, desc_hash_only,
    bolt11, created_at, expires_at, min_final_cltv, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'unpaid');

-- name: PayInvoice :execrows
UPDATE invoices SET status = 'paid', received_msat = ?, paid_at = ?, pay_index = ?, updated_index = ?
WHERE payment_hash = ? AND status = 'unpaid';

-- name: ExpireInvoice :execrows
UPDATE invoices SET status = 'expired', updated_index = ? WHERE payment_hash = ? AND status = 'unpaid';

-- name: DeleteInvoice :execrows
DELETE FROM invoices WHERE payment_hash = ?;

-- name: InvoiceByHash :one
SELECT * FROM invoices WHERE payment_hash = ?;

-- name: InvoiceByLabel :one
SELECT * FROM invoices WHERE label = ?;

-- name: InvoicesByCreated :many
SELECT * FROM invoices WHERE created_index >= ? ORDER BY created_index LIMIT ?;

-- name: InvoicesByUpdated :many
SELECT * FROM invoices WHERE updated_index >= ? AND updated_index > 0 ORDER BY updated_index LIMIT ?;

-- name: InvoiceByPayIndex :one
SELECT * FROM invoices WHERE pay_index > ? ORDER BY pay_index LIMIT 1;

-- name: InvoicesToExpire :many
SELECT * FROM invoices WHERE status = 'unpaid' AND expires_at <= ? ORDER BY expires_at LIMIT ?;

-- name: NextInvoiceExpiry :one
SELECT expires_at FROM invoices WHERE status = 'unpaid' ORDER BY expires_at LIMIT 1;
