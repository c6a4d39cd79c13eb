-- +goose Up

-- What peers with channels gave us to keep (BOLT 1, "Peer storage").
CREATE TABLE peer_storage (
    id    BLOB PRIMARY KEY,
    blob  BLOB NOT NULL,
    alone INTEGER NOT NULL -- height since which the peer has no channel; 0: it has one
);

-- Settlements that came after their incoming HTLCs had ended: nobody asks for them.
DELETE FROM settlements WHERE in_channel IS NOT NULL AND EXISTS (
    SELECT 1 FROM htlcs
    WHERE htlcs.channel = settlements.in_channel AND htlcs.incoming = 1 AND htlcs.id = settlements.in_htlc AND htlcs.done = 1
);

-- +goose Down
DROP TABLE peer_storage;
