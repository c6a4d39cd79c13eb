-- name: PutSigner :exec
INSERT INTO signers (key_index, signed, signed_hash, revoked) VALUES (?, ?, ?, ?)
ON CONFLICT (key_index) DO UPDATE SET signed = excluded.signed, signed_hash = excluded.signed_hash, revoked = excluded.revoked;

-- name: Signer :one
SELECT * FROM signers WHERE key_index = ?;

-- name: PutAddress :exec
INSERT INTO wallet_addresses (kind, branch, idx, script, address) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (kind, branch, idx) DO UPDATE SET script = excluded.script, address = excluded.address;

-- name: Addresses :many
SELECT * FROM wallet_addresses ORDER BY kind, branch, idx;

-- name: PutCoin :exec
INSERT INTO wallet_coins (txid, output, value_sat, script, coinbase, height, spent_by, spent_height, reserved_for, reserved_until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (txid, output) DO UPDATE SET
    value_sat = excluded.value_sat, script = excluded.script, coinbase = excluded.coinbase, height = excluded.height,
    spent_by = excluded.spent_by, spent_height = excluded.spent_height, reserved_for = excluded.reserved_for,
    reserved_until = excluded.reserved_until;

-- name: Coins :many
SELECT * FROM wallet_coins WHERE spent_height = 0 OR spent_height > sqlc.arg(settled);

-- name: PutTx :exec
INSERT INTO wallet_txs (txid, number, raw, label, height, conflict, abandoned, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (txid) DO UPDATE SET
    number = excluded.number, raw = excluded.raw, label = excluded.label, height = excluded.height,
    conflict = excluded.conflict, abandoned = excluded.abandoned, place = excluded.place;

-- name: Txs :many
SELECT * FROM wallet_txs WHERE height = 0 OR height > sqlc.arg(settled) ORDER BY number;

-- name: TxsFrom :many
SELECT * FROM wallet_txs WHERE number >= ? AND (height > 0 OR abandoned = 0) ORDER BY number LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: LastTx :one
SELECT CAST(coalesce(max(number), 0) AS INTEGER) AS number FROM wallet_txs;

-- name: PutTip :exec
INSERT INTO wallet_tip (id, height, highest) VALUES (1, ?, ?)
ON CONFLICT (id) DO UPDATE SET height = excluded.height, highest = excluded.highest;

-- name: Tip :one
SELECT height, highest FROM wallet_tip WHERE id = 1;
