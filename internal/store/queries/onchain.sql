-- name: PutSpend :exec
INSERT INTO spends (channel, txid, height, raw) VALUES (?, ?, ?, ?)
ON CONFLICT (channel, txid) DO UPDATE SET height = excluded.height;

-- name: DeleteSpends :exec
DELETE FROM spends WHERE height >= ?;

-- name: Spends :many
SELECT channels.id, spends.height, spends.raw FROM spends
JOIN channels ON channels.key_index = spends.channel
WHERE channels.status < 4 ORDER BY spends.height, spends.channel;
