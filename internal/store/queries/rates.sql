-- name: PutAssetRate :exec
INSERT INTO asset_rates (property, sell_msat, sell_units, buy_msat, buy_units, least, most, blocks, most_in_flight, changed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (property) DO UPDATE SET sell_msat = excluded.sell_msat, sell_units = excluded.sell_units, buy_msat = excluded.buy_msat,
    buy_units = excluded.buy_units, least = excluded.least, most = excluded.most, blocks = excluded.blocks,
    most_in_flight = excluded.most_in_flight, changed_at = excluded.changed_at;

-- name: AssetRates :many
SELECT * FROM asset_rates ORDER BY property;
