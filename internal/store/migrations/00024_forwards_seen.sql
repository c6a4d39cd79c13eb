-- +goose Up

-- Forwards with the names of their channels, and the tokens of their HTLCs beside the bitcoin.
CREATE VIEW forwards_seen AS
SELECT f.*, i.scid AS in_scid, i.local_alias AS in_alias, i.property AS in_property, h.tokens AS in_units,
    CAST(coalesce(o.scid, f.out_scid) AS INTEGER) AS out_name, CAST(coalesce(o.local_alias, 0) AS INTEGER) AS out_alias,
    CAST(coalesce(o.property, 0) AS INTEGER) AS out_property, CAST(coalesce(g.tokens, 0) AS INTEGER) AS out_units,
    i.id AS channel_id, h.payment_hash FROM forwards f
JOIN channels i ON i.key_index = f.in_channel JOIN htlcs h ON h.channel = f.in_channel AND h.incoming = 1 AND h.id = f.in_htlc
LEFT JOIN channels o ON o.key_index = f.out_channel LEFT JOIN htlcs g ON g.channel = f.out_channel AND g.incoming = 0 AND g.id = f.out_htlc;
