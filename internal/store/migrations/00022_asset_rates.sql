-- +goose Up

-- At what rates bitcoin and tokens are exchanged on the way of a payment; no millisatoshi:
-- not in this direction.
CREATE TABLE asset_rates (
    property       INTEGER PRIMARY KEY,
    sell_msat      INTEGER NOT NULL,
    sell_units     INTEGER NOT NULL,
    buy_msat       INTEGER NOT NULL,
    buy_units      INTEGER NOT NULL,
    least          INTEGER NOT NULL, -- units of one HTLC
    most           INTEGER NOT NULL,
    blocks         INTEGER NOT NULL,
    most_in_flight INTEGER NOT NULL, -- units of all HTLCs together
    changed_at     INTEGER NOT NULL  -- unix seconds
);
