-- name: InsertChannel :exec
INSERT INTO channels (
    key_index, id, peer, local_is_opener, announce, channel_type, format, funding_txid,
    funding_output, capacity_sat, pushed, minimum_depth, local_keys, remote_keys, local_dust_sat,
    local_max_in_flight, local_reserve_sat, local_htlc_minimum, local_to_self_delay,
    local_max_htlcs, remote_dust_sat, remote_max_in_flight, remote_reserve_sat, remote_htlc_minimum,
    remote_to_self_delay, remote_max_htlcs, max_dust_exposure, local_script, local_upfront,
    remote_upfront, any_segwit, local_alias, property, tokens,
    local_token_reserve, local_token_minimum, local_token_in_flight,
    remote_token_reserve, remote_token_minimum, remote_token_in_flight
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?
);

-- name: UpdateChannel :execrows
UPDATE channels SET
    status = ?, failure = ?, scid = ?, remote_alias = ?, ready_sent = ?, local_shutdown = ?,
    remote_shutdown = ?, close_fee_per_kw = ?, close_least_per_kw = ?, close_most_per_kw = ?,
    closing_tx = ?, closing_signature = ?
WHERE key_index = ?;

-- name: Channels :many
SELECT * FROM channels ORDER BY key_index;

-- name: ChannelKeys :many
SELECT key_index, id FROM channels;

-- name: NextKeyIndex :one
SELECT CAST(COALESCE(MAX(used.key_index), 0) + 1 AS INTEGER) FROM (
    SELECT channels.key_index FROM channels UNION ALL SELECT signers.key_index FROM signers
) AS used;

-- name: PutState :exec
INSERT INTO states (
    channel, received, signed, signed_after, revoked, current_point, next_point, to_local,
    fee_committed, fee_revoked, fee_ackcommitted, fee_irrevocable, next_local_id, next_remote_id,
    tokens_to_local, to_local_least, to_local_most
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
)
ON CONFLICT (channel) DO UPDATE SET
    received = excluded.received, signed = excluded.signed, signed_after = excluded.signed_after,
    revoked = excluded.revoked, current_point = excluded.current_point, next_point =
    excluded.next_point, to_local = excluded.to_local, fee_committed = excluded.fee_committed,
    fee_revoked = excluded.fee_revoked, fee_ackcommitted = excluded.fee_ackcommitted,
    fee_irrevocable = excluded.fee_irrevocable, next_local_id = excluded.next_local_id,
    next_remote_id = excluded.next_remote_id, tokens_to_local = excluded.tokens_to_local,
    to_local_least = CASE WHEN excluded.to_local < states.to_local_least THEN excluded.to_local ELSE states.to_local_least END,
    to_local_most = CASE WHEN excluded.to_local > states.to_local_most THEN excluded.to_local ELSE states.to_local_most END;

-- name: Extremes :many
SELECT channels.id, states.to_local_least, states.to_local_most FROM states
JOIN channels ON channels.key_index = states.channel;

-- name: State :one
SELECT * FROM states WHERE channel = ?;

-- name: PutCommitment :exec
INSERT INTO commitments (
    channel, number, signature, htlc_signatures, delay_signatures
) VALUES (
    ?, ?, ?, ?, ?
)
ON CONFLICT (channel) DO UPDATE SET
    number = excluded.number, signature = excluded.signature, htlc_signatures =
    excluded.htlc_signatures, delay_signatures = excluded.delay_signatures;

-- name: Commitment :one
SELECT * FROM commitments WHERE channel = ?;

-- name: PutSecret :exec
INSERT INTO secrets (
    channel, bucket, number, secret
) VALUES (
    ?, ?, ?, ?
)
ON CONFLICT (channel, bucket) DO UPDATE SET
    number = excluded.number, secret = excluded.secret;

-- name: Secrets :many
SELECT * FROM secrets WHERE channel = ? ORDER BY bucket;

-- name: InsertHTLC :exec
INSERT INTO htlcs (
    channel, incoming, id, amount, payment_hash, cltv_expiry, path_key, in_channel, in_htlc,
    attempt, over_exposed, added_local, added_remote, removed_local, removed_remote, removal,
    preimage, reason, malformed, done, tokens
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
);

-- name: UpdateHTLC :execrows
UPDATE htlcs SET
    added_local = ?, added_remote = ?, removed_local = ?, removed_remote = ?, removal = ?, preimage
    = ?, reason = ?, malformed = ?, done = ?
WHERE channel = ? AND incoming = ? AND id = ?;

-- name: FinishHTLC :exec
UPDATE htlcs SET path_key = NULL WHERE channel = ? AND incoming = ? AND id = ? AND path_key IS NOT NULL;

-- name: InsertOnion :exec
INSERT INTO onions (
    channel, incoming, id, onion
) VALUES (
    ?, ?, ?, ?
);

-- name: DeleteOnion :exec
DELETE FROM onions WHERE channel = ? AND incoming = ? AND id = ?;

-- name: LiveHTLCs :many
SELECT sqlc.embed(htlcs), onions.onion FROM htlcs
LEFT JOIN onions ON onions.channel = htlcs.channel AND onions.incoming = htlcs.incoming AND onions.id = htlcs.id
WHERE htlcs.channel = ? AND htlcs.done = 0 ORDER BY htlcs.incoming, htlcs.id;

-- name: HTLCsStoodIn :many
SELECT * FROM htlcs
WHERE channel = (SELECT key_index FROM channels WHERE channels.id = sqlc.arg(id))
    AND done = 1 AND added_remote > 0 AND added_remote <= sqlc.arg(number) AND removed_remote > sqlc.arg(number)
ORDER BY incoming, id;

-- name: Forwarded :one
SELECT COUNT(*) FROM htlcs WHERE in_channel = ? AND in_htlc = ?;

-- name: LiveAttempts :many
SELECT attempt FROM htlcs WHERE done = 0 AND attempt IS NOT NULL;

-- name: ForwardsLive :many
SELECT in_channel, in_htlc FROM htlcs WHERE done = 0 AND in_channel IS NOT NULL;

-- name: InsertSettlement :exec
INSERT INTO settlements (
    out_channel, out_htlc, in_channel, in_htlc, attempt, amount, preimage, reason, malformed
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?
)
ON CONFLICT DO NOTHING;

-- name: IncomingDone :one
SELECT COUNT(*) FROM htlcs WHERE channel = ? AND incoming = 1 AND id = ? AND done = 1;

-- name: DeleteForwardSettlement :exec
DELETE FROM settlements WHERE in_channel = ? AND in_htlc = ?;

-- name: DeleteAttemptSettlement :exec
DELETE FROM settlements WHERE attempt = ?;

-- name: Settlements :many
SELECT * FROM settlements ORDER BY id;

-- name: InsertDecision :exec
INSERT INTO decisions (
    channel, htlc, kind, preimage, reason, malformed
) VALUES (
    ?, ?, ?, ?, ?, ?
)
ON CONFLICT (channel, htlc) DO NOTHING;

-- name: DeleteDecision :exec
DELETE FROM decisions WHERE channel = ? AND htlc = ?;

-- name: Decisions :many
SELECT * FROM decisions;

-- name: Decision :one
SELECT * FROM decisions WHERE channel = (SELECT key_index FROM channels WHERE channels.id = ?) AND htlc = ?;

-- name: FeesCollected :one
SELECT CAST(COALESCE(SUM(i.amount - o.amount), 0) AS INTEGER) FROM htlcs o
JOIN htlcs i ON i.channel = o.in_channel AND i.incoming = 1 AND i.id = o.in_htlc
WHERE o.in_channel IS NOT NULL AND o.done = 1 AND o.removal = 1 AND (i.tokens = 0) = (o.tokens = 0);

-- name: LiveAmount :one
SELECT amount FROM htlcs WHERE channel = ? AND incoming = ? AND id = ? AND done = 0;

-- name: AddTraffic :exec
INSERT INTO traffic (channel, in_offered, in_offered_msat, in_fulfilled, in_fulfilled_msat, out_offered, out_offered_msat, out_fulfilled, out_fulfilled_msat)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (channel) DO UPDATE SET
    in_offered = in_offered + excluded.in_offered, in_offered_msat = in_offered_msat + excluded.in_offered_msat,
    in_fulfilled = in_fulfilled + excluded.in_fulfilled, in_fulfilled_msat = in_fulfilled_msat + excluded.in_fulfilled_msat,
    out_offered = out_offered + excluded.out_offered, out_offered_msat = out_offered_msat + excluded.out_offered_msat,
    out_fulfilled = out_fulfilled + excluded.out_fulfilled, out_fulfilled_msat = out_fulfilled_msat + excluded.out_fulfilled_msat;

-- name: Traffic :many
SELECT sqlc.embed(traffic), channels.id FROM traffic JOIN channels ON channels.key_index = traffic.channel;
